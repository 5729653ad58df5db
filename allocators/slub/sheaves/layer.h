// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_SHEAVES_LAYER_H_
#define SLABLAB_ALLOCATORS_SLUB_SHEAVES_LAYER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "allocators/allocator.h"
#include "allocators/cache_contents.h"
#include "allocators/slub/core/check.h"
#include "allocators/slub/core/core.h"
#include "allocators/slub/core/sheaf_policy.h"
#include "allocators/slub/sheaves/barn.h"
#include "allocators/slub/sheaves/percpu_sheaves.h"
#include "allocators/slub/sheaves/sheaf.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"

// SLUB's sheaves and barns (mm/slub.c, Linux 6.18 to 7.3), over whatever takes objects from slabs.
//
// The idea. A sheaf is an array of pointers to free objects. Each CPU has a main sheaf of each
// cache, which it pops objects from and pushes them onto under a lock of its own that costs no
// atomic operation, and a spare one behind it, full or empty. When both are of no use it turns to
// its node's barn, where CPUs leave full and empty sheaves for each other; behind that, a whole
// sheaf is filled from slabs, or emptied into them, at once. What kvfree_rcu() frees gathers in a
// third sheaf, which becomes a full one of the barn after a grace period.
//
// The structures.
//   SlabSheaf      a sheaf (allocators/slub/sheaves/sheaf.h), an object of a kmalloc cache
//   CpuSheaves     a CPU's main, spare and rcu_free (allocators/slub/sheaves/percpu_sheaves.h)
//   NodeBarn       a node's full and empty sheaves (allocators/slub/sheaves/barn.h)
//   CacheSheaves   all of these of one cache
// A cache without sheaves has the bootstrap sheaf for every CPU's main: size and capacity are 0,
// so that the fast paths need not ask.
//
// Lock order. A CPU's own lock, then a barn's, then kmem_cache_node->list_lock. The first is only
// tried for where an interrupt may come from: who interrupts its holder does without sheaves. The
// objects of a sheaf are of its cache, but not always of the CPU's node: refills bring others.
//
// Invariants (between operations; CheckInvariants cites the numbers).
//   1. Every sheaf is in exactly one place: a CPU's main, spare or rcu_free, a barn's list, waiting
//      for a grace period, or a user's. It says so itself.
//   2. Every CPU has a main sheaf; no CPU's lock is taken, nor a barn's.
//   3. A sheaf holds no more objects than its capacity; that of the CPUs' and the barns' is the
//      cache's, except while that is being changed. Those in a barn's list of empties hold none, an
//      rcu_free one less than its capacity.
//   4. A barn's nr_full and nr_empty are the lengths of its lists.
//   5. An object that is in a sheaf is in one place of one sheaf, and of that sheaf's cache; its
//      slab says that it is in a sheaf, counts it as in use, and has it on no list.
//   6. A sheaf's memory is an object of a kmalloc cache, or a block of pages, that is in use, and
//      no other's.
//   7. The objects that wait for a grace period, by the footprint, are those of rcu_free sheaves
//      and of sheaves handed over.
//
// Not modelled, and why.
//   Memory reserves (pfmemalloc), kfence: as in the rest of SLUB.
//   kmalloc_nolock and what cannot spin: nothing here calls from an NMI.
//   7.0's bulk free of exactly 32 objects of other nodes, which lost the others: it was mended
//     within 7.0.
//   The hand-over of a cache's node structure at memory hotplug: there is none.

namespace slablab {

// What sheaves are filled from and emptied into: the part of SLUB below them.
class SheafSource {
 public:
  virtual ~SheafSource() = default;
  // refill_objects(): up to into.size() objects; as many as there is memory for are answered. They
  // are in nobody's hands: kInSheaf.
  virtual Task<uint32_t> Refill(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into) = 0;
  // __kmem_cache_alloc_bulk(): the same, all or none, counted as allocations from slabs.
  virtual Task<bool> AllocArray(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into) = 0;
  // __kmem_cache_free_bulk(): objects that are in nobody's hands. Reorders them.
  virtual Task<void> FreeArray(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects) = 0;
  // What a CPU has below its sheaves: whether there is any, and its end, on that CPU.
  virtual bool UsedOn(Cpu& cpu, KmemCache& s, CpuId id) = 0;
  virtual Task<void> FlushOn(Cpu& cpu, KmemCache& s) = 0;
};

class SheafLayer final : public SheafCallbacks {
 public:
  // Both outlive it.
  SheafLayer(SlubCore& core, SheafSource& source);

  // How a main sheaf that could not serve came to be replaced.
  enum class Found : uint8_t {
    kNothing,  // it was not, and the CPU's lock is released
    kSpare,
    kBarn,
    kFilled,   // from slabs
    kNew,      // it was allocated
    kFlushed,  // to slabs
  };

  // --- Small things on every path. ---
  static CacheSheaves& Of(const KmemCache& s) { return static_cast<CacheSheaves&>(*s.front); }
  // Whether it has what stands for sheaves: in 6.18, caches that ask for them.
  static bool HasSheaves(const KmemCache& s) { return !s.cpu_sheaves.Peek().is_null(); }
  // s->sheaf_capacity.
  static uint32_t CapacityOf(Cpu& cpu, const KmemCache& s) { return cpu.Load(s.sheaf_capacity); }
  // What a sheaf of this cache holds. While the capacity is changed it may be another than the
  // cache's; the cost is that of looking at the cache.
  static uint32_t CapacityOf(Cpu& cpu, const KmemCache& s, const SlabSheaf& sheaf) {
    cpu.Load(s.sheaf_capacity);
    return sheaf.capacity;
  }
  // this_cpu_ptr(s->cpu_sheaves). REQUIRES: the cache has them.
  CpuSheaves& ThisCpu(Cpu& cpu, KmemCache& s) {
    cpu.Load(s.cpu_sheaves);
    return On(s, cpu.id());
  }
  CpuSheaves& On(KmemCache& s, CpuId id) {
    CpuSheaves& pcs = Of(s).cpus[id.index()];
    if (!pcs.placed) [[unlikely]] {
      PlaceSheaves(s, id);
    }
    return pcs;
  }
  // can_free_to_pcs(), of an object of a node.
  bool MayFreeToSheaf(const Cpu& cpu, NodeId node) const {
    return node == cpu.node() || TakesRemote(cpu);
  }
  // REQUIRES: the CPU's lock.
  PhysAddr Pop(Cpu& cpu, SlabSheaf& sheaf) {
    const PhysAddr object = sheaf.LoadTop(cpu);
    sheaf.StoreSize(cpu, sheaf.size - 1);
    return object;
  }
  void Push(Cpu& cpu, SlabSheaf& sheaf, PhysAddr object) {
    cpu.Touch(sheaf.EntryAt(sheaf.size), Access::kWrite);
    pool_.Push(sheaf, object);
    cpu.Touch(sheaf.At(SlabSheaf::kSizeAt), Access::kWrite);
  }
  // An object comes from its user and is in nobody's hands, or goes to one.
  void TakeBack(KmemCache& s, Slab& slab, ObjectIndex index) {
    core_.TakeBack(s, slab, index);
    slab.free_pointer[index] = kInSheaf;
  }
  void HandOut(KmemCache& s, PhysAddr object) {
    Slab& slab = *core_.SlabOf(object);
    core_.HandOut(s, slab, s.IndexOf(slab, object));
  }

  // Whether the main sheaf's last object lies on `node`.
  bool TopIsOn(Cpu& cpu, CpuSheaves& pcs, NodeId node) const {
    return core_.NodeOf(cpu, *core_.SlabOf(cpu.Load(pcs.main)->LoadTop(cpu))) == node;
  }
  void CountAlloc(Cpu& cpu, KmemCache& s) const { Count(cpu, s, AllocStat()); }
  void CountFree(Cpu& cpu, KmemCache& s) const { Count(cpu, s, FreeStat()); }
  // A node was asked for that the sheaves do not serve.
  void CountMismatch(Cpu& cpu, KmemCache& s) const {
    if (policy_.counts_node_mismatch) Count(cpu, s, SlubStat::kAllocNodeMismatch);
  }

  // --- slub_sheaf_alloc.cc, slub_sheaf_free.cc: what the fast paths cannot do. ---
  // __pcs_replace_empty_main(), __pcs_replace_full_main(). REQUIRES: the CPU's lock, which stays
  // with the caller unless nothing was found.
  Task<Found> ReplaceEmptyMain(Cpu& cpu, KmemCache& s, Gfp gfp);
  Task<Found> ReplaceFullMain(Cpu& cpu, KmemCache& s);
  // alloc_from_pcs_bulk(): how many it had. They are in nobody's hands.
  Task<size_t> AllocBulk(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects);
  // free_to_pcs_bulk(), of a user's objects.
  Task<void> FreeBulk(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects);

  // --- slub_sheaf_rcu.cc. ---
  // kfree_rcu_sheaf().
  Task<bool> FreeRcu(Cpu& cpu, PhysAddr object);
  // flush_rcu_sheaves_on_cache().
  Task<void> FlushRcu(Cpu& cpu, KmemCache& s);
  // kvfree_rcu_barrier_on_cache(), and rcu_barrier() alone, as far as sheaves wait.
  Task<void> RcuBarrier(Cpu& cpu, KmemCache& s);
  Task<void> AwaitCallbacks(Cpu& cpu);
  Task<void> RcuFreeSheaf(Cpu& cpu, SlabSheaf& sheaf) override;

  // --- slub_sheaf_prefill.cc: kmem_cache_prefill_sheaf() and its kin. ---
  Task<SheafId> Prefill(Cpu& cpu, KmemCache& s, Gfp gfp, uint32_t size);
  Task<Placement> AllocFrom(Cpu& cpu, KmemCache& s, Gfp gfp, SheafId id);
  Task<SheafId> RefillUsers(Cpu& cpu, KmemCache& s, Gfp gfp, SheafId id, uint32_t size);
  Task<void> Return(Cpu& cpu, KmemCache& s, Gfp gfp, SheafId id);
  uint32_t SizeOf(SheafId id) const { return pool_.at(id.value()).size; }

  // --- slub_sheaf_warm.cc. ---
  // Allocator::GiveSheaf().
  Task<bool> GiveSheaf(Cpu& cpu, KmemCache& s, absl::Span<const PhysAddr> objects,
                       SheafPlace place);

  // --- slub_sheaf_caches.cc: caches' lives. ---
  // kmem_cache_open() in its order: the per-CPU structures before the nodes' come, the barns after
  // that, and the main sheaves last. Answer false, with what they got still there, if there is no
  // memory.
  Task<bool> OpenPercpu(Cpu& cpu, KmemCache& s);
  Task<bool> OpenBarns(Cpu& cpu, KmemCache& s);
  Task<bool> OpenMains(Cpu& cpu, KmemCache& s);
  Task<void> Close(Cpu& cpu, KmemCache& s);
  // bootstrap_cache_sheaves(), of a kmalloc cache.
  Task<bool> Bootstrap(Cpu& cpu, KmemCache& s);

  // --- capacity.cc: sheaves as they are tuned. ---
  // sheaf_capacity, max_full_sheaves or max_empty_sheaves.
  Task<absl::Status> Tune(Cpu& cpu, KmemCache& s, std::string_view key, int64_t value);
  // Whether it can have sheaves of another capacity, and limits.
  bool TakesCapacity(const KmemCache& s) const;
  // False: there is no memory, and everything is as it was.
  Task<bool> SetCapacity(Cpu& cpu, KmemCache& s, uint32_t capacity);
  static void SetBarnMax(KmemCache& s, uint32_t full_max, uint32_t empty_max);

  // --- slub_sheaf_flush.cc. ---
  Task<void> FlushAll(Cpu& cpu, KmemCache& s);
  Task<void> FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner);
  // `ending`: the cache is to be destroyed, and a grace period is waited for first.
  Task<void> EmptyBarns(Cpu& cpu, KmemCache& s, bool ending);

  // --- slub_sheaf_check.cc: what is where. ---
  void Inspect(const KmemCache& s, SlubInspection& inspection) const;
  void Describe(const KmemCache& s, CacheContents* contents) const;
  void Layers(const KmemCache& s, std::vector<CacheLayer>* layers) const;

 private:
  friend class SheafFlush;  // work items
  friend class SheafRcuFlush;
  friend class SheafSwap;

  void PlaceSheaves(KmemCache& s, CpuId id);
  bool TakesRemote(const Cpu& cpu) const;
  // get_barn(): that of the CPU's node. Null: it has none.
  NodeBarn* BarnOf(Cpu& cpu, KmemCache& s) { return BarnOf(cpu, s, cpu.node()); }
  NodeBarn* BarnOf(Cpu& cpu, KmemCache& s, NodeId node);
  void Count(Cpu& cpu, KmemCache& s, SlubStat stat, size_t by = 1) const {
    core_.Count(cpu, s, stat, static_cast<uint32_t>(by));
  }
  // An object that goes past the sheaves to its slab, if it is counted here.
  void CountSlow(Cpu& cpu, KmemCache& s, SlubStat stat, size_t by) const {
    if (policy_.counted_as == SheafPolicy::CountedAs::kFastpath) Count(cpu, s, stat, by);
  }
  SlubStat AllocStat() const {
    return policy_.counted_as == SheafPolicy::CountedAs::kFastpath ? SlubStat::kAllocFastpath
                                                                   : SlubStat::kAllocCpuSheaf;
  }
  SlubStat FreeStat() const {
    return policy_.counted_as == SheafPolicy::CountedAs::kFastpath ? SlubStat::kFreeFastpath
                                                                   : SlubStat::kFreeCpuSheaf;
  }
  Gfp FreeGfp() const {
    return policy_.free_wakes_kswapd ? kGfpNoWait | Gfp::kNoWarn : Gfp::kNoWarn;
  }
  // Whether this CPU has sheaves now: not as long as the cache's capacity is changed. REQUIRES: its
  // lock.
  bool Serves(Cpu& cpu, const KmemCache& s, const CpuSheaves& pcs) const {
    return cpu.Load(s.sheaf_capacity) > 0 && pcs.main.Peek() != bootstrap_;
  }
  // The same, when the lock is taken again for a sheaf that was made or filled without it: whether
  // that may still be used.
  bool IsCurrent(const KmemCache& s, const CpuSheaves& pcs, const SlabSheaf& sheaf) const {
    return pcs.main.Peek() != bootstrap_ && sheaf.capacity == s.sheaf_capacity.Peek();
  }
  static bool IsFull(Cpu& cpu, const SlabSheaf& sheaf) {
    return sheaf.LoadSize(cpu) == sheaf.capacity;
  }
  static SheafId IdOf(const SlabSheaf& sheaf) { return SheafId(sheaf.index); }

  // --- slub_sheaf_memory.cc: sheaves as memory, filled and emptied. ---
  Task<SlabSheaf*> AllocSheaf(Cpu& cpu, KmemCache& s, Gfp gfp, uint32_t capacity);
  Task<SlabSheaf*> AllocEmpty(Cpu& cpu, KmemCache& s, Gfp gfp);
  Task<void> FreeSheaf(Cpu& cpu, SlabSheaf& sheaf);
  Task<bool> Fill(Cpu& cpu, KmemCache& s, SlabSheaf& sheaf, Gfp gfp);
  Task<void> FlushUnused(Cpu& cpu, KmemCache& s, SlabSheaf& sheaf);
  Task<void> FlushAndFree(Cpu& cpu, KmemCache& s, SlabSheaf& sheaf);
  // Into the barn, or, if the capacity has changed meanwhile, away.
  Task<void> LeaveEmpty(Cpu& cpu, NodeBarn& barn, SlabSheaf& sheaf);
  Task<void> LeaveFull(Cpu& cpu, KmemCache& s, NodeBarn& barn, SlabSheaf& sheaf);
  enum class Lock : bool { kTry, kSure };
  Task<bool> FlushMain(Cpu& cpu, KmemCache& s, Lock lock);

  Task<bool> InstallFull(Cpu& cpu, KmemCache& s, NodeBarn& barn, SlabSheaf& full);
  Task<bool> InstallEmpty(Cpu& cpu, KmemCache& s, NodeBarn& barn, SlabSheaf& empty);
  Task<Found> MakeRoom(Cpu& cpu, KmemCache& s, NodeBarn& barn, bool put_failed);
  Task<bool> BulkSheaf(Cpu& cpu, KmemCache& s);
  // A bulk free's objects, and those among them that go past the sheaves.
  static constexpr size_t kSetAsideMax = 32;  // PCS_BATCH_MAX
  struct SetAside {
    size_t local = 0;
    size_t remote = 0;
  };
  Task<SetAside> SetAsideRemote(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects,
                                absl::Span<PhysAddr> aside);
  size_t Partition(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects);
  bool TakeBackLocal(Cpu& cpu, KmemCache& s, PhysAddr object);
  Task<void> FreeToSlabs(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects);
  Task<size_t> FreeBatch(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects);
  Task<bool> BulkRoom(Cpu& cpu, KmemCache& s, uint32_t capacity);
  Task<bool> GetRcuSheaf(Cpu& cpu, KmemCache& s, CpuSheaves& pcs);
  Task<SlabSheaf*> PrefillOversize(Cpu& cpu, KmemCache& s, Gfp gfp, uint32_t size);
  Task<SlabSheaf*> PrefillSheaf(Cpu& cpu, KmemCache& s, Gfp gfp, uint32_t size);
  Task<bool> FillOversize(Cpu& cpu, KmemCache& s, SlabSheaf& sheaf, Gfp gfp);
  bool HasBarn(NodeId node) const;
  Task<bool> OpenBarn(Cpu& cpu, KmemCache& s, NodeId node, uint32_t capacity);
  void SetFirstMain(Cpu& cpu, KmemCache& s, CpuId id, SlabSheaf& main);
  Task<void> FlushOn(Cpu& cpu, KmemCache& s);
  bool UsedOn(Cpu& cpu, KmemCache& s, CpuId id);
  Task<void> HandOver(Cpu& cpu, SlabSheaf& sheaf, bool to_barn);
  Task<bool> AllocMains(Cpu& cpu, KmemCache& s, std::vector<SlabSheaf*>* mains);
  Task<void> SwapMains(Cpu& cpu, KmemCache& s, const std::vector<SlabSheaf*>& mains,
                       std::vector<SlabSheaf*>* taken);
  SlabSheaf* SwapMain(Cpu& cpu, CpuSheaves& pcs, SlabSheaf& main, std::vector<SlabSheaf*>* taken);

  // A sheaf of neither CPU nor barn: a user's, or waiting for a grace period.
  void SetAway(SlabSheaf& sheaf, SlabSheaf::State state);
  void EndAway(SlabSheaf& sheaf);
  void AddHolder(const KmemCache& s, const SlabSheaf& sheaf, NodeId node, CacheLayer* layer) const;

  SlubCore& core_;
  SheafSource& source_;
  const SheafPolicy& policy_;
  LockClass* const barn_lock_class_;
  SheafPool pool_;
  SlabSheaf* bootstrap_ = nullptr;
  uint64_t waiting_ = 0;  // sheaves whose grace period has not ended
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_SHEAVES_LAYER_H_
