// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_H_
#define SLABLAB_ALLOCATORS_SLUB_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/allocator.h"
#include "allocators/kmalloc.h"
#include "allocators/options.h"
#include "allocators/percpu_areas.h"
#include "allocators/slub_structures.h"
#include "sim/cpu.h"
#include "sim/lazy_array.h"
#include "sim/machine.h"
#include "sim/random.h"
#include "sim/task.h"

// SLUB as of Linux 6.1 (mm/slub.c, mm/slab_common.c).
//
// The idea. A slab is a block of pages cut into objects of one size; its free objects are a list
// through the objects themselves. Each CPU owns one slab of each cache and takes objects from it
// without locks: it moves the slab's whole free list into its own structure (`top`), and pops and
// pushes there with a compare-and-exchange that only an interrupt of its own can make fail. Who
// frees an object of a slab that is not his CPU's pushes it onto the slab's own list, with a
// compare-and-exchange that other CPUs can make fail. Slabs that are partly free wait on the CPU's
// partial list, and behind it on the partial list of their node; only the latter needs a lock.
//
// The structures (allocators/slub_structures.h).
//   KmemCache   one cache: sizes, tunables, a CacheCpu for each CPU, a CacheNode for each node
//   CacheCpu    {freelist, tid}, the CPU's slab, its partial list, its counters
//   CacheNode   the partial list of a node, its lock, how many slabs there are
//   Slab        the first struct page of a slab: {freelist, inuse, objects, frozen}, list links
// `frozen` means that a CPU owns the slab: only that CPU takes objects from it, and no list's lock
// is needed for it. `tid` grows with each operation of a CPU, so that a list that was changed and
// changed back is not taken for the same. A pair that the kernel compares and exchanges as one is
// here also loaded as one.
//
// Lock order. kmem_cache_node->list_lock, then the zone's lock (a slab's pages are freed and
// allocated outside of list_lock, so they never meet). The local lock of kmem_cache_cpu is
// "interrupts off". slab_mutex is not modelled: creating, destroying, tuning and hotplug calls must
// come one at a time.
//
// Invariants (between operations; CheckInvariants cites the numbers).
//   1. Every slab is in exactly one place: a CPU's slab, a CPU's partial list, its own node's
//      partial list, or, if it has no free object, nowhere.
//   2. A slab is frozen if and only if a CPU has it.
//   3. Free lists are acyclic and complete: every object is in use, or on its slab's list, or on
//      the list of the CPU whose slab it is, and in only one of these.
//   4. inuse is the number of the objects that are not on the slab's own list.
//   5. A node's nr_partial is the length of its partial list, and nr_slabs and total_objects count
//      the cache's slabs that lie on the node.
//   6. A slab on a CPU's partial list counts itself and those behind it, or all that were there
//      when it came.
//   7. Each frame of a slab leads to it, and no other frame does.
//   8. The footprint is what adding up all slabs gives.
//
// Not modelled, and why.
//   Debugging (red zones, poison, tracks): it switches the fast paths off; only its layout is known
//     (allocators/slub_geometry.h).
//   Memory reserves (pfmemalloc): no workload here swaps over the network.
//   Preemption and migration within an operation: work stays on its CPU. Interrupts are there.
//   RCU delay of typesafe_by_rcu caches: a grace period needs a clock of quiescent states; pages
//     are freed at once.
//   Memory hotplug; mempolicies and cpusets: the trace does not tell.
//   Prefetches of the next free pointer: they hide latency that the machine charges at its use.
//   Waking of other CPUs' work items all at once: flushing visits CPUs one after another.

namespace slablab {

class Slub : public Allocator {
 public:
  // Quirks: see SlubSwitches().
  Slub(Machine& machine, const AllocatorOptions& options);

  std::string_view name() const override { return "slub"; }
  absl::Span<const std::string_view> sites() const override;
  absl::Span<const std::string_view> paths() const override;

  Task<void> Boot(Cpu& cpu) override;
  Task<absl::StatusOr<CacheId>> CreateCache(Cpu& cpu, const CacheSpec& spec) override;
  Task<void> DestroyCache(Cpu& cpu, CacheId id) override;
  Task<Placement> Alloc(Cpu& cpu, CacheId id, Gfp gfp, NodeId node) override;
  Task<PathId> Free(Cpu& cpu, CacheId id, PhysAddr object) override;
  Task<Placement> Kmalloc(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) override;
  Task<PathId> Kfree(Cpu& cpu, PhysAddr object) override;
  Task<size_t> AllocBulk(Cpu& cpu, CacheId id, Gfp gfp, absl::Span<PhysAddr> objects) override;
  Task<void> FreeBulk(Cpu& cpu, CacheId id, absl::Span<PhysAddr> objects) override;
  Task<void> Shrink(Cpu& cpu, CacheId id) override;
  Task<void> CpuDead(Cpu& cpu, CpuId dead) override;
  Task<bool> CpuComing(Cpu& cpu, CpuId coming) override;
  Task<absl::Status> Tune(Cpu& cpu, CacheId id, std::string_view key, int64_t value) override;

  int cache_count() const override { return static_cast<int>(caches_.size()); }
  CacheLayout Layout(CacheId id) const override;
  CacheId FindCache(std::string_view name) const override;
  Location Locate(PhysAddr object) const override;
  std::vector<SlabPlace> SlabPlaces() const override;
  std::vector<Figure> Counters(CacheId id) const override;
  std::vector<Figure> State(CacheId id) const override;
  SlabInfoRow SlabInfo(CacheId id) const override;
  Footprint FootprintOf(CacheId id) const override;
  const Footprint& TotalFootprint() const override { return total_; }
  const PercpuAreas* percpu_areas() const override { return areas_.get(); }
  absl::Status boot_status() const override { return boot_status_; }
  void CheckInvariants() const override;

  // What the code is doing (Ledger) and which way an operation went (Placement).
  enum class At : uint8_t;
  enum class Way : PathId;

 private:
  friend class SlubFlush;  // the work item of flush_all()
  friend class SlubInspection;

  // Objects of one slab, linked by their free pointers.
  struct Chain {
    ObjectIndex head = kNoObject;
    ObjectIndex tail = kNoObject;
    uint16_t count = 0;
  };
  // A slab with the objects that whoever got it may take from it.
  struct Loot {
    Slab* slab = nullptr;  // null: none was found
    ObjectIndex freelist = kNoObject;
    Way way{};
  };
  // What ___slab_alloc found of the CPU's slab.
  struct CpuSlabUse {
    enum class Result : uint8_t { kObject, kReread, kNewSlab } result;
    ObjectIndex object = kNoObject;
  };
  struct NextPartial {
    bool reread = false;
    Slab* slab = nullptr;
  };
  struct AllocRequest {
    Gfp gfp = kGfpKernel;
    NodeId node = kAnyNode;
  };
  // What a fast path found before its compare-and-exchange.
  struct FastAlloc {
    CacheCpu* c = nullptr;
    Slab* slab = nullptr;
    CpuTop top;
    ObjectIndex next = kNoObject;
  };
  struct FastFree {
    CacheCpu* c = nullptr;
    CpuTop top;
  };
  enum class Drain : bool { kNo, kYes };

  // --- slub_alloc.cc: allocation, from the fast path down. ---
  Task<Placement> AllocFrom(Cpu& cpu, KmemCache& s, AllocRequest request, FastAlloc fast,
                            bool serves);
  bool PrepareFastAlloc(Cpu& cpu, KmemCache& s, NodeId node, FastAlloc* fast);
  bool CommitFastAlloc(Cpu& cpu, KmemCache& s, const FastAlloc& fast);
  static void ZeroIfAsked(Cpu& cpu, const KmemCache& s, Gfp gfp, PhysAddr object);
  Task<Placement> AllocSlow(Cpu& cpu, KmemCache& s, AllocRequest request);
  Task<CpuSlabUse> UseCpuSlab(Cpu& cpu, KmemCache& s, Slab& slab, NodeId* node);
  Task<ObjectIndex> GetFreelist(Cpu& cpu, KmemCache& s, Slab& slab);
  Task<NextPartial> TakeCpuPartial(Cpu& cpu, KmemCache& s);
  Task<Loot> FindSlab(Cpu& cpu, KmemCache& s, AllocRequest request);
  Task<ObjectIndex> LoadSlab(Cpu& cpu, KmemCache& s, Loot loot);
  ObjectIndex LoadFreelist(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex freelist);
  bool NodeMatch(Cpu& cpu, const Slab& slab, NodeId node);

  // --- slub_partial.cc: partial lists of nodes and CPUs. ---
  Task<Loot> GetPartial(Cpu& cpu, KmemCache& s, NodeId node);
  Task<Loot> GetPartialNode(Cpu& cpu, KmemCache& s, NodeId node);
  Task<Loot> GetAnyPartial(Cpu& cpu, KmemCache& s);
  Task<bool> AcquireSlab(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab, Loot* loot);
  Task<bool> PutCpuPartial(Cpu& cpu, KmemCache& s, Slab& slab, Drain drain);
  Task<void> UnfreezePartials(Cpu& cpu, KmemCache& s, Slab* list);
  Task<bool> UnfreezeOnto(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab);

  // --- slub_free.cc: freeing. ---
  Task<PathId> FreeOne(Cpu& cpu, Slab& slab, PhysAddr object);
  Task<PathId> FreeChain(Cpu& cpu, KmemCache& s, Slab& slab, Chain chain);
  Task<PathId> FreeObjects(Cpu& cpu, KmemCache& s, Slab& slab, Chain chain);
  Task<PathId> FreeFrom(Cpu& cpu, KmemCache& s, Slab& slab, Chain chain, FastFree fast);
  bool PrepareFastFree(Cpu& cpu, KmemCache& s, Slab& slab, Chain chain, FastFree* fast);
  bool CommitFastFree(Cpu& cpu, const FastFree& fast, Chain chain);
  Task<PathId> FreeSlow(Cpu& cpu, KmemCache& s, Slab& slab, Chain chain);

  // --- slub_kmalloc.cc: what has no slab. ---
  Task<Placement> AllocLarge(Cpu& cpu, KmallocLarge::Request request);
  Task<PathId> FreeLarge(Cpu& cpu, PhysAddr block);

  // --- slub_bulk.cc. ---
  // Objects of a request that lie in one slab: struct detached_freelist.
  struct Detached {
    Slab* slab = nullptr;  // null: a block of whole pages, freed already
    Chain chain;
    size_t left = 0;  // of the request
  };
  Detached BuildDetachedFreelist(Cpu& cpu, absl::Span<PhysAddr> objects);

  // --- slub_slab.cc: a slab's life. ---
  Task<Slab*> NewSlab(Cpu& cpu, KmemCache& s, AllocRequest request);
  Slab& SetUpSlab(Cpu& cpu, KmemCache& s, PhysAddr block, int order);
  Task<void> CountSlab(Cpu& cpu, KmemCache& s, const Slab& slab);
  Task<void> UncountSlab(Cpu& cpu, KmemCache& s, const Slab& slab);
  Task<void> DiscardSlab(Cpu& cpu, KmemCache& s, Slab& slab);
  Task<void> FreeSlab(Cpu& cpu, KmemCache& s, Slab& slab);
  Task<void> DeactivateSlab(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex freelist);
  Chain CountFreelist(Cpu& cpu, KmemCache& s, const Slab& slab, ObjectIndex freelist);

  // --- slub_control.cc: flush, shrink, tune. ---
  Task<void> FlushSlab(Cpu& cpu, KmemCache& s);
  Task<void> FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner);
  Task<void> FlushAll(Cpu& cpu, KmemCache& s);
  Task<void> ShrinkNode(Cpu& cpu, KmemCache& s, CacheNode& n);

  // --- slub_caches.cc: caches' lives. ---
  KmemCache& AddCache(const CacheSpec& spec, const SlubGeometry& geometry);
  KmemCache* FindLive(std::string_view name) const;
  CacheId AddAlias(KmemCache& s, const CacheSpec& spec);
  void RemoveLast();
  Task<PhysAddr> AllocDescriptor(Cpu& cpu, Gfp gfp);
  Task<PhysAddr> AllocOwn(Cpu& cpu, KmemCache& s, Gfp gfp, NodeId node);
  Task<PathId> FreeOwn(Cpu& cpu, KmemCache& s, PhysAddr object);
  void AddOwn(KmemCache& s);
  Task<bool> OpenCache(Cpu& cpu, KmemCache& s);
  Task<bool> InitNodes(Cpu& cpu, KmemCache& s);
  Task<void> EarlyNodeAlloc(Cpu& cpu, NodeId node);
  Task<void> ReleaseCache(Cpu& cpu, KmemCache& s);
  Task<void> ShutdownNode(Cpu& cpu, KmemCache& s, CacheNode& n);
  Task<void> Bootstrap(Cpu& cpu, KmemCache& s);
  Task<void> CreateKmallocCaches(Cpu& cpu);
  absl::StatusOr<SlubGeometry> GeometryOf(const CacheSpec& spec) const;
  KmemCache* FindMergeable(const CacheSpec& spec, const SlubGeometry& geometry) const;

  // --- Small things on every path, below. ---
  KmemCache& cache(CacheId id) const { return *caches_[id.index()]; }
  // this_cpu_ptr(s->cpu_slab).
  CacheCpu& ThisCpu(Cpu& cpu, KmemCache& s) {
    cpu.Load(s.cpu_slab);
    return On(s, cpu.id());
  }
  CacheCpu& On(KmemCache& s, CpuId id) const {
    CacheCpu& c = s.cpus[id.index()];
    if (!c.placed) [[unlikely]] {
      PlaceCpu(s, id);
    }
    return c;
  }
  void PlaceCpu(KmemCache& s, CpuId id) const;
  // get_node().
  CacheNode* GetNode(Cpu& cpu, KmemCache& s, NodeId node) {
    cpu.Touch(s.NodePointer(node), Access::kRead);
    return s.nodes[node.index()].get();
  }
  // slab_nid(): the node stands in the page's flags.
  NodeId NodeOf(Cpu& cpu, const Slab& slab) {
    cpu.Touch(slab.Metadata(Slab::kFlagsAt), Access::kRead);
    return slab.node;
  }
  // numa_mem_id(): the CPU's node, or where a node without memory turns first.
  NodeId LocalMemoryNode(const Cpu& cpu) const { return machine_.FallbackOf(cpu.node()).front(); }
  bool HasMemory(NodeId node) const { return machine_.config().memory[node.index()].frames > 0; }
  // stat(): on the CPU that runs.
  void Count(Cpu& cpu, KmemCache& s, SlubStat stat) { Count(cpu, On(s, cpu.id()), stat); }
  void Count(Cpu& cpu, CacheCpu& c, SlubStat stat) {
    if (!options_.statistics) return;
    ++c.stats[static_cast<size_t>(stat)];
    cpu.Touch({c.StatAddress(static_cast<int>(stat)), Structure::kPerCpuArea}, Access::kWrite);
  }
  // get_freepointer() and set_freepointer(): the cache says where, the object what.
  ObjectIndex LoadFreePointer(Cpu& cpu, KmemCache& s, const Slab& slab, ObjectIndex object) {
    cpu.Load(s.offset);
    cpu.Touch(s.FreePointer(slab, object), Access::kRead);
    return slab.free_pointer[object];
  }
  void StoreFreePointer(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex object, ObjectIndex next) {
    cpu.Load(s.offset);
    cpu.Touch(s.FreePointer(slab, object), Access::kWrite);
    slab.free_pointer[object] = next;
  }
  Slab* SlabOf(PhysAddr object) const { return slab_of_frame_[object.frame()]; }
  // An object goes to its user, or comes back from him.
  void HandOut(KmemCache& s, Slab& slab, ObjectIndex object);
  void TakeBack(KmemCache& s, Slab& slab, ObjectIndex object);
  template <typename Change>
  void Account(KmemCache& s, Change change) {
    change(s.footprint);
    change(total_);
  }

  // ZERO_SIZE_PTR: what kmalloc(0) answers.
  static constexpr PhysAddr kZeroSizePointer{16};
  // TID_STEP: above every CPU's number, so that no two CPUs' tids ever meet.
  static constexpr uint64_t kTidStep = 8192;

  Machine& machine_;
  const AllocatorOptions options_;
  const bool defrag_always_;
  LockClass* const list_lock_class_;
  std::unique_ptr<PercpuAreas> areas_;
  absl::Status boot_status_;
  KmallocTable kmalloc_;
  KmallocLarge kmalloc_large_;
  PhysAddr kmalloc_table_;  // kmalloc_caches[][]
  Random random_;           // for get_any_partial's throttle
  std::vector<std::unique_ptr<KmemCache>> caches_;
  std::vector<CacheId> list_;         // slab_caches: those that live, newest last
  KmemCache* node_cache_ = nullptr;   // kmem_cache_node
  KmemCache* cache_cache_ = nullptr;  // kmem_cache
  bool down_ = true;                  // slab_state DOWN: no node structure can be allocated yet
  SlubSlabs pool_;
  LazyArray<Slab*> slab_of_frame_;
  uint64_t slabs_made_ = 0;
  Footprint total_;
};

// What the code is doing: the sites that SLUB charges, in the order of Slub::sites().
enum class Slub::At : uint8_t {
  kAllocFast = kFirstModelSite,
  kAllocSlow,
  kGetPartial,
  kGetAnyPartial,
  kNewSlab,
  kDeactivate,
  kFreeFast,
  kFreeSlow,
  kPutCpuPartial,
  kUnfreeze,
  kDiscard,
  kBulkAlloc,
  kBulkFree,
  kLarge,
  kFlush,
  kShrink,
  kCreate,
  kDestroy,
};
constexpr Site SiteOf(Slub::At at) { return static_cast<Site>(at); }

// The way an operation went, in the order of Slub::paths(). An allocation's is how it came by its
// slab in the end.
enum class Slub::Way : PathId {
  kAllocFast,
  kAllocRefill,
  kAllocCpuPartial,
  kAllocNodePartial,
  kAllocRemotePartial,
  kAllocNewSlab,
  kAllocFailed,
  kAllocLarge,
  kAllocZero,
  kFreeFast,
  kFreeFrozen,
  kFreeCpuPartial,
  kFreeDrain,
  kFreePartial,
  kFreeEmptyKept,
  kFreeSlab,
  kFreeLarge,
  kFreeNull,
};
constexpr PathId PathOf(Slub::Way way) { return static_cast<PathId>(way); }

// What straight-line code costs besides its memory touches: estimates from its length at about four
// instructions a cycle, the same on every machine.
inline constexpr Cycles kSlubFastCycles = 10;
inline constexpr Cycles kSlubSlowCycles = 25;
inline constexpr Cycles kSlubPerObjectCycles = 1;

inline void Slub::HandOut(KmemCache& s, Slab& slab, ObjectIndex object) {
  CHECK(slab.free_pointer[object] != kInUse);
  slab.free_pointer[object] = kInUse;
  const uint64_t object_size = s.geometry.object_size;
  const uint64_t size = s.geometry.size;
  Account(s, [=](Footprint& footprint) { footprint.HandOut(object_size, size); });
}

inline void Slub::TakeBack(KmemCache& s, Slab& slab, ObjectIndex object) {
  CHECK(slab.free_pointer[object] == kInUse);  // Else it is free already.
  slab.free_pointer[object] = kNoObject;
  const uint64_t object_size = s.geometry.object_size;
  const uint64_t size = s.geometry.size;
  Account(s, [=](Footprint& footprint) { footprint.TakeBack(object_size, size); });
}

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_H_
