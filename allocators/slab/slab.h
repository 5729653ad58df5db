// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLAB_SLAB_H_
#define SLABLAB_ALLOCATORS_SLAB_SLAB_H_

#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/allocator.h"
#include "allocators/common/slab_common.h"
#include "allocators/options.h"
#include "allocators/percpu/areas.h"
#include "allocators/slab/policy.h"
#include "allocators/slab/structures.h"
#include "base/random.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/machine.h"

// SLAB as of Linux 6.1 (mm/slab.c, mm/slab_common.c).
//
// The idea. A slab is a block of pages cut into objects of one size, with an array of indices that
// says in which order its free objects are given out. Nobody allocates from slabs one object at a
// time: each CPU has, for each cache, an array of objects, newest last, from which it takes and to
// which it gives with interrupts off and no lock. An empty array is refilled, and a full one
// flushed, a batch at a time, under the lock of the CPU's node: with what the node's CPUs share, an
// array too, and behind that with the slabs. An object of another node's slab does not go to the
// CPU's array but to one of its node's alien caches, which goes home as a whole when it is full.
//
// The structures (allocators/slab/structures.h).
//   SlabCache   struct kmem_cache: sizes, tunables, counters; a CpuArray for each CPU, a SlabNode
//               for each node
//   CpuArray    struct array_cache: {avail, limit, batchcount, touched} and the pointers
//   SlabNode    struct kmem_cache_node: partial, full and free slabs, their lock, how many there
//               are, the SharedArray and the AlienCaches
//   SlabBlock   struct slab, the first struct page of the block: list links, where the indices are,
//               how many objects are out
// `active` of a slab counts the objects that are out of it, be it with users or in arrays.
//
// Lock order. AlienCache::lock, then the list_lock of the node whose objects it holds, then
// (outside both: slabs are made and destroyed under no lock) the zone's lock. slab_mutex is there
// only for reaping on several CPUs at once, which gives up where another CPU is at it: creating,
// destroying, tuning, shrinking and hotplug calls must come one at a time, and not while a CPU
// reaps.
//
// Invariants (between operations; CheckInvariants cites the numbers).
//   1. Every slab is in exactly one list of its own node: full if all its objects are out, free if
//      none is, else partial; or it waits for a grace period.
//   2. The indices of a slab from `active` on are those of different objects, and exactly of those
//      that are not out.
//   3. Every object is in exactly one place: on its slab's list, in one entry of one array, or with
//      its user.
//   4. A CPU's array and a node's shared array hold objects of that node's slabs only, an alien
//      cache only those of the node that it is for.
//   5. A node's counts of slabs, free slabs and free objects are those of its lists.
//   6. No array holds more than its limit.
//   7. Each frame of a slab leads to it, and no other frame does.
//   8. The footprint is what adding up all slabs gives.
//   9. A list of indices inside an object is inside the object that goes out last, and a full slab
//      has none.
//
// Not modelled, and why.
//   Debugging (red zones, poison, leak tracking): it is built in or not, and here it is not.
//   Memory reserves (pfmemalloc): no workload here swaps over the network.
//   Mempolicies and cpusets: the trace does not tell. Memory hotplug.
//   Grace periods of tuning: whoever waits for one interrupts every CPU once, as the expedited kind
//   does.
//   Lost increments: the counters that the kernel increments without atomics or one common lock are
//     exact here.
//   The CPUs' coming up one after another at boot: all are there. Of it only the nodes' free_limit
//     remains, which counts one CPU less (see FinishBoot).
//   Random order of free objects (CONFIG_SLAB_FREELIST_RANDOM).

namespace slablab {

class SlabAllocator final : public SlabCommon<SlabCache, SlabBlock, SlabPool<SlabBlock>> {
 public:
  // Quirks: see SlabSwitches().
  SlabAllocator(Machine& machine, const AllocatorOptions& options, const SlabPolicy& policy);

  std::string_view name() const override { return policy_.name; }
  absl::Span<const std::string_view> sites() const override;
  absl::Span<const PathInfo> paths() const override;

  Task<void> Boot(Cpu& cpu) override;
  Task<absl::StatusOr<CacheId>> CreateCache(Cpu& cpu, const CacheSpec& spec) override;
  Task<Placement> Alloc(Cpu& cpu, CacheId id, Gfp gfp, NodeId node) override;
  Task<PathId> Free(Cpu& cpu, CacheId id, PhysAddr object) override;
  Task<PathId> Kfree(Cpu& cpu, PhysAddr object) override;
  Task<size_t> AllocBulk(Cpu& cpu, CacheId id, Gfp gfp, absl::Span<PhysAddr> objects) override;
  Task<void> FreeBulk(Cpu& cpu, CacheId id, absl::Span<PhysAddr> objects) override;
  Task<void> Shrink(Cpu& cpu, CacheId id) override;
  Task<void> CpuDead(Cpu& cpu, CpuId dead) override;
  Task<bool> CpuComing(Cpu& cpu, CpuId coming) override;
  Task<absl::Status> Tune(Cpu& cpu, CacheId id, std::string_view key, int64_t value) override;
  Task<absl::Status> TuneTogether(Cpu& cpu, CacheId id,
                                  absl::Span<const Tunable> tunables) override;

  bool has_work() const override { return reaps_; }
  Cycles NextWork(CpuId id) const override;
  Task<void> Work(Cpu& cpu) override;

  CacheLayout Layout(CacheId id) const override;
  std::vector<Figure> Counters(CacheId id) const override;
  std::vector<Figure> State(CacheId id) const override;
  void AddLayers(CacheId id, std::vector<CacheLayer>* layers) const override;
  SlabInfoRow SlabInfo(CacheId id) const override;
  const PercpuAreas* percpu_areas() const override { return areas_.get(); }
  absl::Status boot_status() const override { return boot_status_; }
  void CheckInvariants() const override;

  // The CPUs' arrays of all caches, as areas of the percpu allocator, or as what kmalloc() gave.
  uint64_t ArrayBytes() const;
  // The states (enum slab_state) that the boot went through, in order.
  absl::Span<const std::string_view> boot_states() const { return boot_states_; }

  // What the code is doing (Ledger) and which way an operation went (Placement).
  enum class At : uint8_t;
  enum class Way : PathId;

 private:
  friend class SlabDrain;  // what drain_cpu_caches() has every CPU do
  friend class SlabSwap;   // and tuning in 2014
  friend class SlabInspection;
  friend struct RcuSlabBlock;
  friend class SlabBootPeer;  // of the boot's test

  // enum slab_state.
  enum class BootState : uint8_t {
    kDown,
    kPartial,
    kPartialArrayCache,  // of 2014 only
    kPartialNode,
    kUp,
    kFull
  };
  struct AllocRequest {
    Gfp gfp = kGfpKernel;
    NodeId node = kAnyNode;
  };
  // An object, null if there is none, and how it was come by.
  struct Found {
    PhysAddr object = PhysAddr();
    Way way{};
  };
  struct FirstSlab {
    SlabBlock* slab = nullptr;
    SlabList* list = nullptr;  // that it is in
  };
  enum class FreeTo : uint8_t { kArray, kFullArray, kOtherNode };
  struct FreeBegun {
    FreeTo where{};
    IrqFlags flags{};
  };
  enum class Change : bool { kKeep, kForce };
  // A run of an array's entries.
  struct Run {
    uint32_t first = 0;
    uint32_t count = 0;
  };
  // How a slab's fields are reached: under its node's lock, or before anyone knows of it.
  struct Listed;
  struct Unlisted;

  // --- slab_alloc.cc: allocation, from the CPU's array down. ---
  Task<Placement> AllocFrom(Cpu& cpu, SlabCache& s, AllocRequest request, Found found,
                            IrqFlags flags);
  Task<Placement> AllocEnd(Cpu& cpu, SlabCache& s, AllocRequest request, Found found);
  Gfp ExactNode(Gfp gfp) const;
  PhysAddr PopEntry(Cpu& cpu, CpuArray& ac);
  Task<Found> AllocSlow(Cpu& cpu, SlabCache& s, AllocRequest request);
  Task<Found> Refill(Cpu& cpu, SlabCache& s, Gfp gfp);
  Task<bool> RefillFromNode(Cpu& cpu, SlabCache& s, SlabNode& n, CpuArray& ac, uint32_t* want);
  Task<Found> AllocOnNode(Cpu& cpu, SlabCache& s, AllocRequest request);
  Task<Found> FallBack(Cpu& cpu, SlabCache& s, Gfp gfp);
  Task<FirstSlab> GetFirstSlab(Cpu& cpu, SlabNode& n);
  template <typename Reach>
  uint32_t AllocBlock(Cpu& cpu, SlabCache& s, CpuArray& ac, SlabBlock& slab, uint32_t want);
  template <typename Reach>
  PhysAddr TakeFromSlab(Cpu& cpu, SlabCache& s, SlabBlock& slab);

  // --- slab_free.cc: freeing. ---
  Task<PathId> FreeOne(Cpu& cpu, SlabBlock& slab, PhysAddr object);
  Task<PathId> FreeFrom(Cpu& cpu, SlabBlock& slab, PhysAddr object, FreeBegun begun);
  Task<PathId> FreeEnd(Cpu& cpu);
  FreeTo WhereTo(Cpu& cpu, const CpuArray& ac, const SlabBlock& slab, PhysAddr object);
  void PushEntry(Cpu& cpu, CpuArray& ac, PhysAddr object);
  Task<Way> FreeSlow(Cpu& cpu, CpuArray& ac, SlabBlock& slab, PhysAddr object, FreeTo where);
  Task<Way> FlushArray(Cpu& cpu, SlabCache& s, CpuArray& ac);
  Task<Way> FreeAlien(Cpu& cpu, SlabCache& s, SlabBlock& slab, PhysAddr object);
  Task<void> DrainAlien(Cpu& cpu, SlabCache& s, AlienCache& alien, NodeId node,
                        DoomedSlabs* doomed);
  void FreeBlock(Cpu& cpu, SlabCache& s, SlabNode& n, absl::Span<const PhysAddr> objects,
                 DoomedSlabs* doomed);
  // The same for objects in an array.
  void FreeEntries(Cpu& cpu, SlabCache& s, SlabNode& n, const ArrayEntries& entries, Run run,
                   DoomedSlabs* doomed);
  bool HasSurplus(Cpu& cpu, const SlabNode& n);
  void Doom(Cpu& cpu, const SlabCache& s, SlabNode& n);
  void PutIntoSlab(Cpu& cpu, SlabCache& s, SlabBlock& slab, PhysAddr object);

  // --- slab_slab.cc: a slab's life, and the lists. ---
  Task<SlabBlock*> GrowBegin(Cpu& cpu, SlabCache& s, AllocRequest request);
  Task<void> GrowEnd(Cpu& cpu, SlabCache& s, SlabBlock* slab);
  Task<uint32_t> NextColour(Cpu& cpu, SlabCache& s, SlabNode& n);
  Task<PhysAddr> PlaceFreelist(Cpu& cpu, SlabCache& s, SlabBlock& slab, Gfp gfp);
  SlabBlock& SetUpSlab(SlabCache& s, PhysAddr block);
  void InitObjects(Cpu& cpu, SlabCache& s, SlabBlock& slab, PhysAddr freelist);
  Task<void> DestroySlabs(Cpu& cpu, SlabCache& s, DoomedSlabs doomed);
  Task<void> DestroySlab(Cpu& cpu, SlabCache& s, SlabBlock& slab);
  Task<void> CallRcuSlab(Cpu& cpu, SlabCache& s, SlabBlock& slab);
  Task<void> RcuFreeSlab(Cpu& cpu, RcuSlabBlock& waited);
  Task<void> FreePages(Cpu& cpu, SlabCache& s, SlabBlock& slab);
  Task<uint64_t> DrainFreelist(Cpu& cpu, SlabCache& s, SlabNode& n, uint64_t slabs_max);
  void FixUpList(Cpu& cpu, SlabCache& s, SlabNode& n, SlabBlock& slab, SlabList* from);
  void AddHead(Cpu& cpu, SlabList& list, SlabBlock& slab);
  void AddTail(Cpu& cpu, SlabList& list, SlabBlock& slab);
  void Unlink(Cpu& cpu, SlabList& list, SlabBlock& slab);

  // --- slab_arrays.cc: the arrays. ---
  Task<std::unique_ptr<CpuArrays>> AllocCpuArrays(Cpu& cpu, SlabCache& s, SlabTunables tunables,
                                                  Gfp gfp);
  Task<void> FreeCpuArrays(Cpu& cpu, SlabCache& s, std::unique_ptr<CpuArrays>& arrays);
  Task<bool> AllocArray(Cpu& cpu, CpuArrays& arrays, CpuId owner, Gfp gfp);
  Task<void> FreeArray(Cpu& cpu, CpuArray& ac);
  void PlaceArray(CpuArrays& arrays, CpuId id);
  void PlaceArrayAt(CpuArrays& arrays, CpuId id, PhysAddr at);
  Task<std::unique_ptr<SharedArray>> AllocShared(Cpu& cpu, uint64_t count, AllocRequest request);
  Task<void> FreeShared(Cpu& cpu, std::unique_ptr<SharedArray>& shared);
  Task<std::unique_ptr<AlienCache>> AllocAlien(Cpu& cpu, uint32_t entries, AllocRequest request);
  Task<std::unique_ptr<AlienSet>> AllocAlienSet(Cpu& cpu, uint32_t limit, AllocRequest request);
  Task<void> FreeAlienSet(Cpu& cpu, std::unique_ptr<AlienSet>& set);
  template <typename To, typename From>
  uint32_t TransferObjects(Cpu& cpu, To& to, From& from, uint32_t count_max);
  template <typename Array>
  void ShiftDown(Cpu& cpu, Array& array, uint32_t count);
  void TouchEntries(Cpu& cpu, const ArrayEntries& entries, Run run, Access access);

  // --- slab_nodes.cc: nodes, and CPUs that come and go. ---
  Task<bool> InitNode(Cpu& cpu, SlabCache& s, AllocRequest request);
  Task<bool> SetUpNode(Cpu& cpu, SlabCache& s, AllocRequest request, Change change);
  Task<bool> SetUpNodes(Cpu& cpu, SlabCache& s, Gfp gfp);
  Task<void> ReleaseNode(Cpu& cpu, SlabCache& s, NodeId node);
  Task<void> CpuCanceled(Cpu& cpu, CpuId gone);
  Task<void> CancelCpuOf(Cpu& cpu, SlabCache& s, CpuId gone, NodeId node);
  bool IsUp(CpuId id) const;
  uint32_t CpusOn(NodeId node) const;
  uint32_t NodeBytes() const {
    return policy_.counts_slabs ? SlabNode::kBytes : SlabNode::kBytesUncounted;
  }
  Cycles FirstReap(const Cpu& cpu);
  Cycles CyclesPerSecond() const {
    return static_cast<Cycles>(machine_.config().clock_mhz) * 1'000'000;
  }

  // --- slab_control.cc: drain, shrink, tune, reap. ---
  Task<void> DrainOwnArray(Cpu& cpu, SlabCache& s);
  Task<void> DrainCpuCaches(Cpu& cpu, SlabCache& s);
  Task<void> DrainAlienSet(Cpu& cpu, SlabCache& s, AlienSet& set);
  Task<void> Synchronize(Cpu& cpu);
  Task<bool> EnableCpuCache(Cpu& cpu, SlabCache& s, Gfp gfp);
  Task<void> SwapArray(Cpu& cpu, SlabCache& s, CpuArrays& fresh);
  Task<bool> ReplaceArrays(Cpu& cpu, SlabCache& s, std::unique_ptr<CpuArrays>& arrays, Gfp gfp);
  Task<bool> TuneCpuCache(Cpu& cpu, SlabCache& s, SlabTunables tunables, Gfp gfp);
  Task<void> DrainDetached(Cpu& cpu, SlabCache& s, CpuArray& ac, NodeId node);

  // --- slab_reap.cc: periodic reaping. ---
  void StartTimer(CpuId id, Cycles now);
  void StopTimer(CpuId id);
  Task<void> ReapAlien(Cpu& cpu, SlabCache& s, SlabNode& n, NodeId node);
  Task<void> ReapNode(Cpu& cpu, SlabCache& s, SlabNode& n);
  template <typename Array>
  Task<void> DrainSome(Cpu& cpu, SlabCache& s, SlabNode& n, Array& array);

  // --- slab_caches.cc: caches' lives. ---
  Task<SlabCache*> CreateKmallocCache(Cpu& cpu, const KmallocTable::Class& kmalloc_class);
  absl::StatusOr<SlabGeometry> GeometryOf(const CacheSpec& spec) const override;
  SlabCache* FindMergeable(const CacheSpec& spec, const SlabGeometry& geometry) const override;
  SlabCache& AddCache(const CacheSpec& spec, const SlabGeometry& geometry) override;
  Task<bool> OpenCache(Cpu& cpu, SlabCache& s) override;
  Task<void> ReleaseCache(Cpu& cpu, SlabCache& s) override;
  Task<void> ShutDown(Cpu& cpu, SlabCache& s) override;
  Task<bool> SetUpCpuCache(Cpu& cpu, SlabCache& s, Gfp gfp);
  Task<bool> CreateFirstClasses(Cpu& cpu);
  Task<bool> ReplaceStaticNode(Cpu& cpu, SlabCache& s, NodeId node);
  Task<bool> ReplaceStaticArray(Cpu& cpu, SlabCache& s);
  void Enter(BootState state);
  Task<void> FinishBoot(Cpu& cpu);
  uint32_t DescriptorBytes() const;
  uint64_t TailAt() const {
    return statistics_in_memory_ ? SlabCache::kTailAtWithStatistics : SlabCache::kTailAt;
  }

  // --- Small things on every path, below. ---
  CpuArray& ArrayOf(SlabCache& s, CpuId id) {
    CpuArray& ac = s.cpus->arrays[id.index()];
    if (!ac.placed) [[unlikely]] {
      PlaceArray(*s.cpus, id);
    }
    return ac;
  }
  // cpu_cache_get().
  CpuArray& ThisArray(Cpu& cpu, SlabCache& s) {
    cpu.Touch(s.ArrayPointer(cpu.id()), Access::kRead);
    return ArrayOf(s, cpu.id());
  }
  // get_node().
  SlabNode* GetNode(Cpu& cpu, SlabCache& s, NodeId node) {
    // Behind pointers to arrays, the nodes' are found by a pointer of their own.
    if (!policy_.percpu_arrays) cpu.Touch(s.At(TailAt()), Access::kRead);
    cpu.Touch(s.NodePointer(node), Access::kRead);
    return s.nodes[node.index()].get();
  }
  NodeId NodeOfCpu(CpuId id) const { return machine_.config().cpus[id.index()].node; }
  // STATS_INC_… and the like.
  void Count(Cpu& cpu, SlabCache& s, SlabStat stat, uint64_t count = 1) {
    Racy<uint64_t>& counter = s.stats[static_cast<size_t>(stat)];
    counter.Poke(counter.Peek() + count);
    if (statistics_in_memory_) cpu.Touch(counter.place(), Access::kWrite);
  }
  void RaiseTo(Cpu& cpu, SlabCache& s, SlabStat stat, uint64_t value);
  void CountActive(Cpu& cpu, SlabCache& s);
  // One of a node's counts of slabs, if the kernel keeps them.
  void Adjust(Cpu& cpu, Guarded<uint64_t>& count, int64_t change) {
    if (policy_.counts_slabs) {
      cpu.Store(count, cpu.Load(count) + static_cast<uint64_t>(change));
    } else {
      count.Poke(count.Peek() + static_cast<uint64_t>(change));
    }
  }
  // STATS_INC_ALLOCHIT and the three like it: atomic_inc() of a counter that all CPUs share.
  auto CountAtomic(Cpu& cpu, SlabCache& s, SlabStat stat) {
    return cpu.AddReturn(s.stats[static_cast<size_t>(stat)], 1);
  }
  // An object goes to its user, or comes back from him.
  void HandOut(SlabCache& s, PhysAddr object);
  void TakeBack(SlabCache& s, SlabBlock& slab, PhysAddr object);

  const SlabPolicy policy_;
  const bool statistics_in_memory_;
  const bool reaps_;
  bool use_alien_caches_;
  const int order_max_;
  LockClass* const list_lock_class_;
  LockClass* const alien_lock_class_;
  std::unique_ptr<PercpuAreas> areas_;
  absl::Status boot_status_;
  Random random_;  // for the phases of reaping
  BootState state_ = BootState::kDown;
  std::vector<std::string_view> boot_states_ = {"DOWN"};
  PhysAddr static_array_;  // initarray_generic: what the first caches of 2014 begin with
  CpuId boot_cpu_;
  // slab_reap_work and slab_reap_node of each CPU.
  struct CpuTimer {
    Cycles next = std::numeric_limits<Cycles>::max();
    NodeId node;
  };
  std::vector<CpuTimer> timers_;
  Racy<bool> slab_mutex_;  // as far as reaping on several CPUs needs it
  EntryPool entry_pool_;
  std::vector<std::unique_ptr<RcuSlabBlock>> rcu_slabs_;  // all that there ever were
  std::vector<RcuSlabBlock*> rcu_slabs_free_;
};

// What the code is doing: the sites that SLAB charges, in the order of SlabAllocator::sites().
enum class SlabAllocator::At : uint8_t {
  kAllocFast = kFirstModelSite,
  kRefill,
  kAllocNode,
  kGrow,
  kFreeFast,
  kFlush,
  kFreeAlien,
  kDestroySlab,
  kBulkAlloc,
  kBulkFree,
  kLarge,
  kDrain,
  kShrink,
  kTune,
  kReap,
  kHotplug,
  kCreate,
  kDestroy,
  kRcuFree,
};
constexpr Site SiteOf(SlabAllocator::At at) { return static_cast<Site>(at); }

// The way an operation went, in the order of SlabAllocator::paths().
enum class SlabAllocator::Way : PathId {
  kAllocHit,
  kAllocFromShared,
  kAllocFromSlabs,
  kAllocGrow,
  kAllocNodeSlab,
  kAllocNodeGrow,
  kAllocFallback,
  kAllocFailed,
  kAllocLarge,
  kAllocZero,
  kFreeHit,
  kFreeToShared,
  kFreeToSlabs,
  kFreeAlien,
  kFreeAlienDrain,
  kFreeRemoteSlab,
  kFreeLarge,
  kFreeNull,
};
constexpr PathId PathOf(SlabAllocator::Way way) { return static_cast<PathId>(way); }

// What straight-line code costs besides its memory touches: estimates from its length at about four
// instructions a cycle, the same on every machine.
inline constexpr Cycles kSlabFastCycles = 8;
inline constexpr Cycles kSlabSlowCycles = 25;
inline constexpr Cycles kSlabPerObjectCycles = 2;

// REAPTIMEOUT_AC and REAPTIMEOUT_NODE.
inline constexpr Cycles kSlabReapSeconds = 2;
inline constexpr Cycles kSlabReapNodeSeconds = 4;

struct SlabAllocator::Listed {
  template <typename T>
  static T Load(Cpu& cpu, const Guarded<T>& field) {
    return cpu.Load(field);
  }
  template <typename T>
  static void Store(Cpu& cpu, Guarded<T>& field, const std::type_identity_t<T>& value) {
    cpu.Store(field, value);
  }
};

struct SlabAllocator::Unlisted {
  template <typename T>
  static T Load(Cpu& cpu, const Guarded<T>& field) {
    cpu.Touch(field.place(), Access::kRead);
    return field.Peek();
  }
  template <typename T>
  static void Store(Cpu& cpu, Guarded<T>& field, const std::type_identity_t<T>& value) {
    cpu.Touch(field.place(), Access::kWrite);
    field.Poke(value);
  }
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLAB_SLAB_H_
