// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUBQ_SLUBQ_H_
#define SLABLAB_ALLOCATORS_SLUBQ_SLUBQ_H_

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/slub/core/check.h"
#include "allocators/slub/core/core.h"
#include "allocators/slub/core/locked_slabs.h"
#include "allocators/slub/model.h"
#include "allocators/slubq/structures.h"

// SLUB+Q: SLUB with SLAB's queues, as posted to linux-mm in 2010 and never merged. Three versions
// by policy: V2 ("S+Q2", 9 July), V3 ("S+Q3", 3 August) and V4 ("Unified V4", 5 October).
//
// The idea. Each CPU has a queue of objects of each cache, last in, first out, and works on it with
// interrupts off and without locks. Behind it, a slab's free objects are the set bits of a bitmap
// outside the objects, so that an object is never touched on its way: one that has left the caches
// can be freed and allocated again without a miss. An empty queue is refilled by the batch, from a
// slab's lowest address up; a full one gives its oldest batch back. In V2 that is all: a CPU queues
// objects of whatever node, and hands them out again. Since V3 there stand between queue and slabs
// queues that the CPUs of one last-level cache share: the shared queue for objects of their own
// node, an alien queue for each other node. Objects that nobody wants leave these queues when
// memory is short, never by the clock.
//
// The structures (allocators/slubq/structures.h): QueueCache; QueueCpus, all CPUs' queues at one
// size; QueueCpu; SharedQueues for a last-level-cache domain; ObjectMap.
//
// The three versions, whose differences are fields of QueuePolicy
// (allocators/slub/core/queue_policy.h).
// Where V2 says nothing, it is as V3.
//                            V2             V3                        V4
//   a slab is guarded by                    its own lock              its node's lock
//   a refill's new slabs                    once lists are empty      if the lists gave nothing
//   slab rests go to                        the list's tail           its head
//   an empty slab                           goes at once              if nr_partial > min_partial
//   kmem_cache and the like                 as others                 SLAB_LOWMEM: queue 5, no
//                                                                     shared, no alien
//   a node is asked for      flushes the    one object of an alien    as V3
//     that is not c->node    queue          queue or slab
//   c->node                  0, then what   the CPU's                 as V3
//                            was asked for
//   a remote object freed    is queued      to an alien queue or slab as V3
//   kmem_cache_free() reads  nothing of it  the slab's node           as V3
//   a queue's memory         to the object  up to the line's end      as V3
//   shared queue's size      none           the CPU queue's           10 batches, small objects
//   CPUs alone in a domain   -              share by node             share with each other
//   expiry                   none           stops where it found some passes over what was touched
//   spreading of objects     none           SLAB_MEM_SPREAD           as V3
//
// Sources. V2: S+Q2 10, 12-15 and 18 of 19. How it sizes and resizes queues (S+Q2 16/19) is taken
// from that patch's previous posting, S+Q 13/16 of 25 June: no copy of 16/19 was found, but S+Q3
// 15/23 has the same sizes and limits, and 17/19 applies 66 lines further down than after 15/19,
// where 13/16 adds 68.
//
// Lock order. A queue's lock, then the slab's (V2, V3), then kmem_cache_node->list_lock. Before
// all these, and asleep if need be, slub_lock: creating, destroying, tuning, hotplug and expiry.
//
// Invariants, besides the core's (allocators/slub/core/core.h).
//   1. A slab is on its own node's partial list if and only if it has a free object on itself; in
//      V4 the flag `listed` says the same.
//   2. Every object is in exactly one place: with its user, on its slab (a set bit), or in one
//      queue.
//   3. An alien queue holds objects of its node. (A CPU's and the shared queue may come by some of
//      other nodes: from other nodes' lists in V3, from pages that fell back in both. In V2 there
//      is no telling.)
//   4. No queue is longer than its memory.
//   5. CPUs of one domain and node have the same shared queue or none.
//
// What the patches got wrong is a quirk, off by default, where it is named in SlubQSwitches(). Made
// good without a quirk, because what followed was chance or a hang: V3 takes an alien queue's lock
// with a slab's held, against its own order (here it is only tried for); where a shared queue has
// been emptied between look and lock, or an interrupt has filled the queue past the batch, V2 and
// V3 count on (here a refill goes on to the slabs, or is over); V3 loses the shared queues of a CPU
// queue that is resized; V3 and V4 count reclaimed bytes in several units (here in bytes).
//
// Object-level NUMA policy. A request that names no node gets one where the task's cpuset spreads
// slabs and the cache is of SLAB_MEM_SPREAD (AllocatorOptions::spread_slab): all nodes with memory
// in turn. It is then as if that node had been asked for: from an alien queue, object by object.
// SLUB places slabs, not objects.
//
// Not modelled besides what allocators/slub/core/core.h says: mempolicies, which a workload cannot
// set; debugging.

namespace slablab {

// The queues' own memory, for audits: what a block really is, not what it was asked for as.
struct QueueBlock {
  PhysAddr block;
  uint64_t bytes = 0;
};

// The front: queues.
class Queues {
 public:
  // The way an operation went: an index of SlubQ's paths().
  enum class Way : PathId;

  // `core` outlives it.
  explicit Queues(SlubCore& core);
  Queues(const Queues&) = delete;

  // As SlubModel has them.
  Task<Placement> Alloc(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<PathId> Free(Cpu& cpu, Slab& slab, PhysAddr object);
  Task<PathId> FreeObject(Cpu& cpu, Slab& slab, PhysAddr object);
  void Begin(KmemCache& s);
  Task<bool> Open(Cpu& cpu, KmemCache& s);
  Task<void> Opened(Cpu& cpu, KmemCache& s) { return AllocSharedQueues(cpu, s); }
  Task<void> Closing(Cpu& cpu, KmemCache& s) { return RemoveSharedQueues(cpu, s); }
  Task<void> Close(Cpu& cpu, KmemCache& s);
  Task<void> CachesAreUp(Cpu& cpu);
  void Fill(Cpu& cpu, KmemCache& s, Slab& slab);
  ObjectIndex TakeFirst(Cpu& cpu, KmemCache& s, Slab& slab);
  void EarlyListed(CacheNode& n, Slab& slab);
  Task<uint32_t> CountFree(Cpu& cpu, const Slab& slab);
  Task<void> FlushAll(Cpu& cpu, KmemCache& s);
  Task<void> FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner);
  Task<absl::Status> Tune(Cpu& cpu, KmemCache& s, std::string_view key, int64_t value);
  // kmem_cache_expire_all(), which vmscan calls in direct reclaim (all nodes), in kswapd and in
  // zone reclaim (the zone's node).
  Task<uint64_t> Reclaim(Cpu& cpu, NodeId node);
  void Inspect(const KmemCache& s, SlubInspection& inspection) const;
  void FillState(const KmemCache& s, std::vector<Figure>* figures) const;
  void FillSlabInfo(const KmemCache& s, SlabInfoRow* row) const;
  void Layers(const KmemCache& s, std::vector<CacheLayer>* layers) const;
  std::vector<QueueBlock> Blocks() const;

 private:
  friend class QueueFlush;
  friend class QueueUnlink;
  friend class QueueExpiry;
  friend class QueueInspection;

  // --- slubq_alloc.cc. ---
  struct Found {
    PhysAddr object;  // null: there is no memory
    Way way{};
  };
  // How an allocation came to where the queue does not do.
  struct Entry {
    IrqFlags flags{};
    bool node_matches = false;
  };
  Task<Placement> AllocFurther(Cpu& cpu, KmemCache& s, SlubAllocRequest request, Entry entry);
  Task<Placement> EndAlloc(Cpu& cpu, KmemCache& s, Gfp gfp, Found found);
  void HandOut(KmemCache& s, PhysAddr object);
  Placement Hand(Cpu& cpu, const KmemCache& s, Gfp gfp, Found found) const;
  NodeId FindNumaNode(Cpu& cpu, const KmemCache& s, NodeId node);
  Task<Found> AllocSlow(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<Found> AllocSlowOfAny(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<Found> Refill(Cpu& cpu, KmemCache& s, SlubAllocRequest request, int32_t batch);
  Task<Found> RefillSlabBySlab(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<Found> RefillUnderNodeLock(Cpu& cpu, KmemCache& s, SlubAllocRequest request, int32_t batch);
  bool StuckAt(const QueueCpu& c);
  Task<int32_t> RefillFromLists(Cpu& cpu, KmemCache& s, QueueCpu& c, int32_t batch);
  Task<int32_t> RefillFromShared(Cpu& cpu, QueueCpu& c, int32_t batch);
  Task<Found> AllocFromNode(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<Found> AllocOneUnderSlabLock(Cpu& cpu, KmemCache& s, LockedQueue* a,
                                    SlubAllocRequest request);
  Task<Found> AllocOneUnderNodeLock(Cpu& cpu, KmemCache& s, LockedQueue* a,
                                    SlubAllocRequest request);
  Task<Slab*> NewSlabInSlowPath(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  int32_t RefillQueue(Cpu& cpu, KmemCache& s, ObjectQueue& q, Slab& slab, int32_t wanted);
  NodeId SpreadNode(const Cpu& cpu);
  PhysAddr RetrieveOne(Cpu& cpu, KmemCache& s, Slab& slab);
  Task<void> ToLists(Cpu& cpu, KmemCache& s, Slab& slab, ListEnd end);

  // --- slubq_free.cc. ---
  Task<PathId> FreeToNode(Cpu& cpu, KmemCache& s, Slab& slab, PhysAddr object, IrqFlags flags);
  Task<PathId> FreeToFull(Cpu& cpu, KmemCache& s, PhysAddr object, IrqFlags flags);
  Task<PathId> EndFree(Cpu& cpu, Way way);
  bool IsFull(Cpu& cpu, const KmemCache& s, const QueueCpu& c) const;
  Task<Way> FreeSlow(Cpu& cpu, KmemCache& s, QueueCpu& c);
  Task<Way> FreeAlien(Cpu& cpu, KmemCache& s, QueueCpu& c, Slab& slab, PhysAddr object);
  Task<void> DrainObjects(Cpu& cpu, KmemCache& s, absl::Span<const PhysAddr> objects);
  Task<void> DrainBySlab(Cpu& cpu, KmemCache& s, absl::Span<const PhysAddr> objects);
  Task<void> DrainByNode(Cpu& cpu, KmemCache& s, absl::Span<const PhysAddr> objects);
  size_t FoldRun(Cpu& cpu, KmemCache& s, Slab& slab, absl::Span<const PhysAddr> objects);
  Task<int32_t> DrainQueue(Cpu& cpu, KmemCache& s, ObjectQueue& q, int32_t count);
  Task<int32_t> DrainLocked(Cpu& cpu, KmemCache& s, LockedQueue& queue, int32_t count);

  // --- slubq_queues.cc: shared and alien queues, resizing. ---
  LockedQueue* AlienQueue(Cpu& cpu, KmemCache& s, QueueCpu& c, NodeId node);
  Task<void> AllocSharedQueues(Cpu& cpu, KmemCache& s);
  Task<void> RemoveSharedQueues(Cpu& cpu, KmemCache& s);
  Task<SharedQueues*> AllocSharedBlock(Cpu& cpu, KmemCache& s, NodeId node);
  void LayOutBlock(KmemCache& s, SharedQueues& queues, uint64_t bytes);
  std::vector<std::vector<CpuId>> QueueGroups(const Scheduler& scheduler) const;
  Task<void> UnlinkShared(Cpu& cpu, KmemCache& s);
  Task<bool> ResizeCpuQueue(Cpu& cpu, KmemCache& s, int32_t queue);
  uint32_t NodeAt() const;
  uint32_t QueueAt() const;
  uint32_t SlotsAt() const;
  uint32_t BytesForQueue(int32_t queue) const;
  int32_t QueueMax(uint32_t bytes) const;

  // --- slubq_control.cc. ---
  Task<void> FlushCpu(Cpu& cpu, KmemCache& s, QueueCpus& cpus, CpuId owner);
  Task<void> FlushEvery(Cpu& cpu, KmemCache& s, QueueCpus& cpus);
  Task<absl::Status> TuneBatch(Cpu& cpu, KmemCache& s, int64_t value);
  Task<absl::Status> TuneShared(Cpu& cpu, KmemCache& s, int64_t value);
  Task<absl::Status> TuneAlien(Cpu& cpu, KmemCache& s, int64_t value);

  // --- slubq_expire.cc. ---
  enum class Level : uint8_t { kPartials, kAliens, kShared, kCpus };
  Task<uint64_t> Expire(Cpu& cpu, KmemCache& s, NodeId node);
  Task<uint64_t> ExpireLevel(Cpu& cpu, KmemCache& s, Level level, NodeId node);
  Task<uint64_t> ExpirePartials(Cpu& cpu, KmemCache& s, NodeId node);
  SharedQueues* SharedOnLine(Cpu& cpu, KmemCache& s, CpuId id);
  Task<uint64_t> ExpireAliens(Cpu& cpu, KmemCache& s, NodeId node);
  Task<uint64_t> ExpireShared(Cpu& cpu, KmemCache& s, NodeId node);
  Task<uint64_t> ExpireCpus(Cpu& cpu, KmemCache& s, NodeId node);
  Task<uint64_t> ExpireLocked(Cpu& cpu, KmemCache& s, LockedQueue& queue);

  // --- Small things on every path. ---
  static QueueCache& Of(const KmemCache& s) { return static_cast<QueueCache&>(*s.front); }
  bool locks_nodes() const { return policy_.slab_guard == QueuePolicy::SlabGuard::kNodeLock; }
  bool spares_touched() const { return policy_.expiry == QueuePolicy::Expiry::kUntouched; }
  bool has_bare_queues() const { return policy_.queue_head == QueuePolicy::QueueHead::kCountAlone; }
  void MarkTouched(Cpu& cpu, ObjectQueue& q, bool touched) const {
    if (policy_.marks_touched) q.SetTouched(cpu, touched);
  }
  // this_cpu_ptr(s->cpu).
  QueueCpu& ThisCpu(Cpu& cpu, KmemCache& s) {
    cpu.Load(s.cpu_slab);
    return On(*Of(s).cpus, cpu.id());
  }
  QueueCpu& On(QueueCpus& cpus, CpuId id) const {
    QueueCpu& c = cpus.cpus[id.index()];
    if (!c.placed) [[unlikely]] {
      PlaceCpu(cpus, id);
    }
    return c;
  }
  // What the CPU shares with others.
  SharedQueues* SharedOf(Cpu& cpu, QueueCpu& c) const {
    return policy_.shared_queues ? cpu.Load(c.shared) : nullptr;
  }
  void PlaceCpu(QueueCpus& cpus, CpuId id) const;
  // A version has some of the counters.
  void Count(Cpu& cpu, KmemCache& s, SlubStat stat) {
    if (core_.Counts(stat)) core_.Count(cpu, s, stat);
  }
  // add_partial() and remove_partial() of V4, which mark the slab. REQUIRES: the node's lock.
  void AddMarked(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab, ListEnd end);
  void RemoveMarked(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab);

  SlubCore& core_;
  const QueuePolicy& policy_;
  const bool gfp_mask_in_hot_path_;
  const bool hook_inverted_;
  const bool spreads_slab_;
  LockClass* const queue_lock_class_;
  std::vector<PhysAddr> moving_;  // objects on their way from one place to another
  bool livelock_logged_ = false;
  std::vector<NodeId> spread_rotor_;  // by CPU, as if each were a task: the node used last
  std::vector<bool> expiring_;        // by CPU
};

enum class Queues::Way : PathId {
  kAllocFast,
  kAllocShared,
  kAllocPartial,
  kAllocNewSlab,
  kAllocAlien,
  kAllocNode,
  kAllocFailed,
  kAllocLarge,
  kAllocZero,
  kFreeFast,
  kFreeShared,
  kFreeDrain,
  kFreeAlien,
  kFreeAlienDrain,
  kFreeDirect,
  kFreeLarge,
  kFreeNull,
};
constexpr PathId PathOf(Queues::Way way) { return static_cast<PathId>(way); }

// SLUB of 2010 with queues, of the version that `queues` is.
SlubPolicy SlubPolicyOf(const QueuePolicy& queues);

class SlubQ : public SlubModel<Queues> {
 public:
  SlubQ(Machine& machine, const AllocatorOptions& options, const QueuePolicy& policy)
      : SlubModel(machine, options, SlubPolicyOf(policy)) {}

  std::vector<QueueBlock> QueueBlocks() const { return front().Blocks(); }
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUBQ_SLUBQ_H_
