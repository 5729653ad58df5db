// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUBQ_SLUBQ_H_
#define SLABLAB_ALLOCATORS_SLUBQ_SLUBQ_H_

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/slub_2010/core.h"
#include "allocators/slubq/policy.h"
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
// size; QueueCpu; SharedQueues for a last-level-cache domain; MapSlab with its ObjectMap.
//
// The three versions, whose differences are fields of QueuePolicy (allocators/slubq/policy.h).
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
// Invariants (between operations).
//   1. A slab is on its own node's partial list if and only if it has a free object on itself; in
//      V4 the flag `partial` says the same.
//   2. Every object is in exactly one place: with its user, on its slab (a set bit), or in one
//      queue.
//   3. An alien queue holds objects of its node. (A CPU's and the shared queue may come by some of
//      other nodes: from other nodes' lists in V3, from pages that fell back in both. In V2 there
//      is no telling.)
//   4. No queue is longer than its memory.
//   5. A node's nr_partial is the length of its partial list, and nr_slabs and total_objects count
//      the cache's slabs that lie on the node.
//   6. CPUs of one domain and node have the same shared queue or none.
//   7. Each frame of a slab leads to it, and the slab names its cache.
//   8. The footprint is what adding up all slabs gives.
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
// Not modelled besides what allocators/slub_2010/core.h says: mempolicies, which a workload cannot
// set; debugging.

namespace slablab {

// SLUB_STATS of all versions; each has its own order and names (allocators/slubq/report.cc).
enum class QueueStat : uint8_t {
  kAllocFastpath,
  kAllocShared,
  kAllocAlien,
  kAllocDirect,
  kAllocRemote,
  kAllocSlowpath,
  kFreeFastpath,
  kFreeShared,
  kFreeAlien,
  kFreeDirect,
  kFreeSlowpath,
  kFreeAddPartial,
  kFreeRemovePartial,
  kAllocFromPartial,
  kAllocSlab,
  kFreeSlab,
  kQueueFlush,
  kOrderFallback,
};
inline constexpr int kQueueStats = 18;

class SlubQ : public Slub2010Core {
 public:
  SlubQ(Machine& machine, const AllocatorOptions& options, const QueuePolicy& policy);

  std::string_view name() const override { return policy_.name; }
  absl::Span<const PathInfo> paths() const override;
  Task<Placement> Alloc(Cpu& cpu, CacheId id, Gfp gfp, NodeId node) override;
  Task<void> Shrink(Cpu& cpu, CacheId id) override;
  Task<void> CpuDead(Cpu& cpu, CpuId dead) override;
  Task<absl::Status> Tune(Cpu& cpu, CacheId id, std::string_view key, int64_t value) override;
  std::vector<Figure> State(CacheId id) const override;
  void AddLayers(CacheId id, std::vector<CacheLayer>* layers) const override;
  SlabInfoRow SlabInfo(CacheId id) const override;
  void CheckInvariants() const override;

  // kmem_cache_expire_all(), which vmscan calls in direct reclaim (all nodes), in kswapd and in
  // zone reclaim (the zone's node).
  Task<uint64_t> Reclaim(Cpu& cpu, NodeId node) override;
  // The queues' own memory, for audits: what a block really is, not what it was asked for as.
  struct QueueBlock {
    PhysAddr block;
    uint64_t bytes = 0;
  };
  std::vector<QueueBlock> QueueBlocks() const;

  // The way an operation went: an index of paths().
  enum class Way : PathId;

 private:
  friend class QueueFlush;
  friend class QueueUnlink;
  friend class QueueExpiry;
  friend class QueueInspection;

  // --- The core's hooks. ---
  std::unique_ptr<Cache2010> NewCache() override { return std::make_unique<QueueCache>(); }
  void SetDefaults(Cache2010& s) override;
  uint32_t BytesPerCpu(const Cache2010& s) const override;
  void InitCpus(Cpu& cpu, Cache2010& s) override;
  Task<void> CachesAreUp(Cpu& cpu) override;
  Task<void> Opened(Cpu& cpu, Cache2010& s) override;
  Task<void> Closing(Cpu& cpu, Cache2010& s) override;
  Slab2010& TakeRecord(uint32_t objects) override { return pool_.Take((objects + 63) / 64); }
  void GiveRecord(Slab2010& slab) override;
  std::vector<Slab2010*> Slabs(const Cache2010& s) override;
  std::vector<SlabPlace> SlabPlaces() const override { return PlacesOf(pool_.slabs()); }
  bool IsCpuSlab(const Slab2010&) const override { return false; }
  void FillSlab(Cpu& cpu, Cache2010& s, Slab2010& slab) override;
  uint32_t TakeFirst(Cpu& cpu, Cache2010& s, Slab2010& slab) override;
  void EarlyListed(Node2010& n, Slab2010& slab) override;
  uint32_t FreeObjects(const Slab2010& slab) const override { return AsMap(slab).map.PeekWeight(); }
  Task<uint32_t> CountFree(Cpu& cpu, const Slab2010& slab) override;
  bool StaysOnNode(const AllocRequest& request) const override {
    return Has(request.gfp, Gfp::kThisNode);
  }
  Task<PathId> FreeObject(Cpu& cpu, Cache2010& s, Slab2010& slab, PhysAddr object) override;
  Task<void> FlushAll(Cpu& cpu, Cache2010& s) override;
  absl::Span<const FigureInfo> stat_infos() const override;
  uint32_t StatOf(const Cache2010& s, CpuId cpu, int stat) const override;
  void CountOrderFallback(Cpu& cpu, Cache2010& s) override;
  SpecialPaths special_paths() const override;

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
  Task<Placement> AllocFurther(Cpu& cpu, QueueCache& s, AllocRequest request, Entry entry);
  Task<Placement> EndAlloc(Cpu& cpu, QueueCache& s, Gfp gfp, Found found);
  Placement Hand(Cpu& cpu, const QueueCache& s, Gfp gfp, Found found) const;
  NodeId FindNumaNode(Cpu& cpu, const QueueCache& s, NodeId node);
  Task<Found> AllocSlow(Cpu& cpu, QueueCache& s, AllocRequest request);
  Task<Found> AllocSlowOfAny(Cpu& cpu, QueueCache& s, AllocRequest request);
  Task<Found> Refill(Cpu& cpu, QueueCache& s, AllocRequest request, int32_t batch);
  Task<Found> RefillSlabBySlab(Cpu& cpu, QueueCache& s, AllocRequest request);
  Task<Found> RefillUnderNodeLock(Cpu& cpu, QueueCache& s, AllocRequest request, int32_t batch);
  bool StuckAt(const QueueCpu& c);
  Task<int32_t> RefillFromLists(Cpu& cpu, QueueCache& s, QueueCpu& c, int32_t batch);
  Task<int32_t> RefillFromShared(Cpu& cpu, QueueCpu& c, int32_t batch);
  Task<Found> AllocFromNode(Cpu& cpu, QueueCache& s, AllocRequest request);
  Task<Found> AllocOneUnderSlabLock(Cpu& cpu, QueueCache& s, LockedQueue* a, AllocRequest request);
  Task<Found> AllocOneUnderNodeLock(Cpu& cpu, QueueCache& s, LockedQueue* a, AllocRequest request);
  Task<Slab2010*> NewSlabInSlowPath(Cpu& cpu, QueueCache& s, AllocRequest request);
  int32_t RefillQueue(Cpu& cpu, QueueCache& s, ObjectQueue& q, MapSlab& slab, int32_t wanted);
  NodeId SpreadNode(const Cpu& cpu);
  PhysAddr RetrieveOne(Cpu& cpu, QueueCache& s, MapSlab& slab);
  Task<void> ToLists(Cpu& cpu, QueueCache& s, MapSlab& slab, ListEnd end);

  // --- slubq_free.cc. ---
  Task<PathId> FreeToNode(Cpu& cpu, QueueCache& s, MapSlab& slab, PhysAddr object, IrqFlags flags);
  Task<PathId> FreeToFull(Cpu& cpu, QueueCache& s, PhysAddr object, IrqFlags flags);
  Task<PathId> EndFree(Cpu& cpu, Way way);
  bool IsFull(Cpu& cpu, const QueueCache& s, const QueueCpu& c) const;
  Task<Way> FreeSlow(Cpu& cpu, QueueCache& s, QueueCpu& c);
  Task<Way> FreeAlien(Cpu& cpu, QueueCache& s, QueueCpu& c, MapSlab& slab, PhysAddr object);
  Task<void> DrainObjects(Cpu& cpu, QueueCache& s, absl::Span<const PhysAddr> objects);
  Task<void> DrainBySlab(Cpu& cpu, QueueCache& s, absl::Span<const PhysAddr> objects);
  Task<void> DrainByNode(Cpu& cpu, QueueCache& s, absl::Span<const PhysAddr> objects);
  size_t FoldRun(Cpu& cpu, QueueCache& s, MapSlab& slab, absl::Span<const PhysAddr> objects);
  Task<int32_t> DrainQueue(Cpu& cpu, QueueCache& s, ObjectQueue& q, int32_t count);
  Task<int32_t> DrainLocked(Cpu& cpu, QueueCache& s, LockedQueue& queue, int32_t count);

  // --- slubq_queues.cc: shared and alien queues, resizing. ---
  LockedQueue* AlienQueue(Cpu& cpu, QueueCache& s, QueueCpu& c, NodeId node);
  Task<void> AllocSharedQueues(Cpu& cpu, QueueCache& s);
  Task<void> RemoveSharedQueues(Cpu& cpu, QueueCache& s);
  Task<SharedQueues*> AllocSharedBlock(Cpu& cpu, QueueCache& s, NodeId node);
  void LayOutBlock(QueueCache& s, SharedQueues& queues, uint64_t bytes);
  std::vector<std::vector<CpuId>> QueueGroups(const Scheduler& scheduler) const;
  Task<void> UnlinkShared(Cpu& cpu, QueueCache& s);
  Task<bool> ResizeCpuQueue(Cpu& cpu, QueueCache& s, int32_t queue);
  uint32_t NodeAt() const;
  uint32_t QueueAt() const;
  uint32_t SlotsAt() const;
  uint32_t BytesForQueue(int32_t queue) const;
  int32_t QueueMax(uint32_t bytes) const;

  // --- slubq_control.cc. ---
  Task<void> FlushCpu(Cpu& cpu, QueueCache& s, QueueCpus& cpus, CpuId owner);
  Task<void> FlushEvery(Cpu& cpu, QueueCache& s, QueueCpus& cpus);
  Task<absl::Status> TuneLocked(Cpu& cpu, CacheId id, std::string_view key, int64_t value);
  Task<absl::Status> TuneBatch(Cpu& cpu, QueueCache& s, int64_t value);
  Task<absl::Status> TuneShared(Cpu& cpu, QueueCache& s, int64_t value);
  Task<absl::Status> TuneAlien(Cpu& cpu, QueueCache& s, int64_t value);
  Task<absl::Status> ClearStat(Cpu& cpu, QueueCache& s, std::string_view key, int64_t value);

  // --- slubq_expire.cc. ---
  enum class Level : uint8_t { kPartials, kAliens, kShared, kCpus };
  Task<uint64_t> Expire(Cpu& cpu, QueueCache& s, NodeId node);
  Task<uint64_t> ExpireLevel(Cpu& cpu, QueueCache& s, Level level, NodeId node);
  Task<uint64_t> ExpirePartials(Cpu& cpu, QueueCache& s, NodeId node);
  Task<uint64_t> ExpireAliens(Cpu& cpu, QueueCache& s, NodeId node);
  Task<uint64_t> ExpireShared(Cpu& cpu, QueueCache& s, NodeId node);
  Task<uint64_t> ExpireCpus(Cpu& cpu, QueueCache& s, NodeId node);
  Task<uint64_t> ExpireLocked(Cpu& cpu, QueueCache& s, LockedQueue& queue);

  void SetStatPositions();

  // --- Small things on every path. ---
  bool locks_nodes() const { return policy_.slab_guard == QueuePolicy::SlabGuard::kNodeLock; }
  bool spares_touched() const { return policy_.expiry == QueuePolicy::Expiry::kUntouched; }
  bool has_bare_queues() const { return policy_.queue_head == QueuePolicy::QueueHead::kCountAlone; }
  void MarkTouched(Cpu& cpu, ObjectQueue& q, bool touched) const {
    if (policy_.marks_touched) q.SetTouched(cpu, touched);
  }
  static MapSlab& AsMap(Slab2010& slab) { return static_cast<MapSlab&>(slab); }
  static const MapSlab& AsMap(const Slab2010& slab) { return static_cast<const MapSlab&>(slab); }
  QueueCache& queue_cache(CacheId id) const { return static_cast<QueueCache&>(cache(id)); }
  // this_cpu_ptr(s->cpu).
  QueueCpu& ThisCpu(Cpu& cpu, QueueCache& s) {
    cpu.Load(s.cpu);
    return On(*s.cpus, cpu.id());
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
  void Count(Cpu& cpu, QueueCache& s, QueueStat stat) {
    if (!options_.statistics) return;
    const int at = stat_position_[static_cast<size_t>(stat)];
    if (at < 0) return;
    QueueCpu& c = On(*s.cpus, cpu.id());
    ++c.stats.values[static_cast<size_t>(at)];
    cpu.Touch(c.stats.PlaceOf(at), Access::kWrite);
  }
  // add_partial() and remove_partial() of V4, which mark the slab. REQUIRES: the node's lock.
  void AddMarked(Cpu& cpu, QueueCache& s, Node2010& n, MapSlab& slab, ListEnd end);
  void RemoveMarked(Cpu& cpu, QueueCache& s, Node2010& n, MapSlab& slab);

  const QueuePolicy policy_;
  const bool gfp_mask_in_hot_path_;
  const bool hook_inverted_;
  const bool spreads_slab_;
  LockClass* const queue_lock_class_;
  std::array<int8_t, kQueueStats> stat_position_;
  SlubPool<MapSlab, &MapSlab::words> pool_;
  std::vector<PhysAddr> moving_;  // objects on their way from one place to another
  bool livelock_logged_ = false;
  std::vector<NodeId> spread_rotor_;  // by CPU, as if each were a task: the node used last
  std::vector<bool> expiring_;        // by CPU
};

enum class SlubQ::Way : PathId {
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
constexpr PathId PathOf(SlubQ::Way way) { return static_cast<PathId>(way); }

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUBQ_SLUBQ_H_
