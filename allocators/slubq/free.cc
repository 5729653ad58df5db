// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB+Q's freeing, and the way of objects from queues back to their slabs.

#include <algorithm>

#include "allocators/slubq/slubq.h"
#include "base/check.h"

namespace slablab {

// kmem_cache_free(), which V2 does without a look at the page.
Task<PathId> Queues::Free(Cpu& cpu, Slab& slab, PhysAddr object) {
  if (policy_.queues_by_node) {
    const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
    cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
  }
  return FreeObject(cpu, slab, object);
}

// slab_free(): onto the CPU's queue; the object itself is not touched. No coroutine, as in Alloc.
Task<PathId> Queues::FreeObject(Cpu& cpu, Slab& slab, PhysAddr object) {
  KmemCache& s = *slab.cache;
  IrqFlags flags{};
  bool is_local = false;
  bool is_done = false;
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
    cpu.Execute(kSlubFastCycles);
    const ObjectIndex index = s.IndexOf(slab, object);
    core_.TakeBack(s, slab, index);
    slab.free_pointer[index] = kInSheaf;
    flags = cpu.IrqSave();
    QueueCpu& c = ThisCpu(cpu, s);
    is_local = !policy_.queues_by_node;
    if (!is_local) {
      const NodeId own = cpu.Load(c.node);
      is_local = core_.NodeOf(cpu, slab) == own;
    }
    if (is_local && !IsFull(cpu, s, c)) {
      Count(cpu, s, SlubStat::kFreeFastpath);
      c.q.Push(cpu, object);
      MarkTouched(cpu, c.q, true);
      cpu.IrqRestore(flags);
      if (cpu.MayProceed()) return Task<PathId>(PathOf(Way::kFreeFast));
      is_done = true;
    }
  }
  if (is_done) return EndFree(cpu, Way::kFreeFast);
  return is_local ? FreeToFull(cpu, s, object, flags) : FreeToNode(cpu, s, slab, object, flags);
}

Task<PathId> Queues::FreeToNode(Cpu& cpu, KmemCache& s, Slab& slab, PhysAddr object,
                                IrqFlags flags) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
  const Way way = co_await FreeAlien(cpu, s, On(*Of(s).cpus, cpu.id()), slab, object);
  co_await cpu.IrqRestore(flags);
  co_return PathOf(way);
}

Task<PathId> Queues::FreeToFull(Cpu& cpu, KmemCache& s, PhysAddr object, IrqFlags flags) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
  QueueCpu& c = On(*Of(s).cpus, cpu.id());
  const Way way = co_await FreeSlow(cpu, s, c);
  c.q.Push(cpu, object);
  MarkTouched(cpu, c.q, false);
  co_await cpu.IrqRestore(flags);
  co_return PathOf(way);
}

Task<PathId> Queues::EndFree(Cpu& cpu, Way way) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
  co_await cpu.Sync();
  co_return PathOf(way);
}

// queue_full(). V2 has no limit in the queue itself, and looks for it in the cache.
bool Queues::IsFull(Cpu& cpu, const KmemCache& s, const QueueCpu& c) const {
  if (!has_bare_queues()) return c.q.IsFull(cpu);
  cpu.Touch(s.Field(QueueCache::kQueueAt), Access::kRead);
  return c.q.Count(cpu) >= Of(s).queue;
}

// slab_free() with the queue full: the oldest batch goes to the shared queue as far as it has room;
// if it had none, to the slabs.
Task<Queues::Way> Queues::FreeSlow(Cpu& cpu, KmemCache& s, QueueCpu& c) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeSlow));
  cpu.Execute(kSlubSlowCycles);
  Way way = Way::kFreeShared;
  const int32_t batch = cpu.Load(Of(s).batch);
  if (SharedQueues* const queues = SharedOf(cpu, c); queues != nullptr) {
    const SiteScope shared_site(cpu, SiteOf(SlubAt::kShared));
    LockedQueue& l = queues->shared;
    bool tries = true;
    if (policy_.looks_before_sharing) {
      co_await cpu.Sync();
      tries = !l.q.IsFull(cpu);
    }
    int32_t count = 0;
    if (tries) {
      const SpinGuard guard = co_await l.lock.Acquire(cpu);
      count = std::min({batch, l.q.max() - l.q.Count(cpu), c.q.count()});
      l.q.Append(cpu, c.q.objects().subspan(0, static_cast<size_t>(count)));
      MarkTouched(cpu, l.q, true);
    }
    if (tries) c.q.DropOldest(cpu, count);
    // V3 counts a transaction even of nothing.
    if (policy_.counts_outcomes ? count > 0 : tries) Count(cpu, s, SlubStat::kFreeShared);
  }
  const bool still_full = !policy_.shared_queues || c.q.IsFull(cpu);
  if (still_full) {
    way = Way::kFreeDrain;
    co_await DrainQueue(cpu, s, c.q, batch);
  }
  if (still_full || !policy_.counts_outcomes) Count(cpu, s, SlubStat::kFreeSlowpath);
  co_return way;
}

// slab_free_alien(): an object of another node.
Task<Queues::Way> Queues::FreeAlien(Cpu& cpu, KmemCache& s, QueueCpu& c, Slab& slab,
                                    PhysAddr object) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeAlien));
  cpu.Execute(kSlubSlowCycles);
  LockedQueue* const a = AlienQueue(cpu, s, c, slab.node);
  Way way = Way::kFreeDirect;
  if (a == nullptr) {
    const PhysAddr one[] = {object};
    co_await DrainObjects(cpu, s, one);
    Count(cpu, s, policy_.counts_outcomes ? SlubStat::kFreeDirect : SlubStat::kFreeAlien);
    co_return way;
  }
  way = Way::kFreeAlien;
  {
    const SpinGuard guard = co_await a->lock.Acquire(cpu);
    while (a->q.IsFull(cpu)) {
      co_await DrainQueue(cpu, s, a->q, cpu.Load(Of(s).batch));
      way = Way::kFreeAlienDrain;
    }
    a->q.Push(cpu, object);
    MarkTouched(cpu, a->q, way == Way::kFreeAlien);
  }
  const bool slow = policy_.counts_outcomes && way == Way::kFreeAlienDrain;
  Count(cpu, s, slow ? SlubStat::kFreeSlowpath : SlubStat::kFreeAlien);
  co_return way;
}

// drain_queue(): the oldest `count`, or all there are. REQUIRES: nobody else can change the queue
// meanwhile. Answers how many.
Task<int32_t> Queues::DrainQueue(Cpu& cpu, KmemCache& s, ObjectQueue& q, int32_t count) {
  const int32_t drained = std::min(count, q.Count(cpu));
  co_await DrainObjects(cpu, s, q.objects().subspan(0, static_cast<size_t>(drained)));
  q.DropOldest(cpu, drained);
  MarkTouched(cpu, q, false);
  co_return drained;
}

// drain_shared_cache(), of shared and alien queues. REQUIRES: interrupts are off.
Task<int32_t> Queues::DrainLocked(Cpu& cpu, KmemCache& s, LockedQueue& queue, int32_t count) {
  co_await cpu.Sync();
  if (queue.q.IsEmpty(cpu)) co_return 0;
  const SpinGuard guard = co_await queue.lock.Acquire(cpu);
  const int32_t drained = co_await DrainQueue(cpu, s, queue.q, count);
  co_return drained;
}

Task<void> Queues::DrainObjects(Cpu& cpu, KmemCache& s, absl::Span<const PhysAddr> objects) {
  return locks_nodes() ? DrainByNode(cpu, s, objects) : DrainBySlab(cpu, s, objects);
}

// The fast loop of drain_objects(): as many of the first objects as lie in one slab. REQUIRES: the
// slab's lock is held. Answers how many.
size_t Queues::FoldRun(Cpu& cpu, KmemCache& s, Slab& slab, absl::Span<const PhysAddr> objects) {
  size_t count = 0;
  while (count < objects.size() && core_.SlabOf(objects[count]) == &slab) {
    ObjectMap(slab).Set(cpu, s.IndexOf(slab, objects[count]));
    ++count;
  }
  return count;
}

// drain_objects() of V2 and V3: slab by slab, each under its own lock.
Task<void> Queues::DrainBySlab(Cpu& cpu, KmemCache& s, absl::Span<const PhysAddr> objects) {
  const SiteScope site(cpu, SiteOf(SlubAt::kDrain));
  while (!objects.empty()) {
    Slab& slab = *core_.SlabOf(objects[0]);
    CHECK(slab.cache == &s);
    cpu.Touch(slab.PageOf(objects[0].frame()), Access::kRead);
    SpinGuard guard = co_await slab.lock.Acquire(cpu);
    const bool was_empty = ObjectMap(slab).IsEmpty(cpu);
    objects = objects.subspan(FoldRun(cpu, s, slab, objects));
    bool discard = ObjectMap(slab).IsFull(cpu);
    CacheNode& n = *core_.GetNode(cpu, s, core_.NodeOf(cpu, slab));
    if (discard && policy_.keeps_empty_slabs) {
      const uint64_t partial = co_await cpu.LoadUnlocked(n.nr_partial);
      discard = partial > cpu.Load(s.min_partial);
    }
    if (!discard) {
      if (!was_empty) continue;
      co_await AddToPartial(cpu, n, slab, policy_.rest_to);
      Count(cpu, s, SlubStat::kFreeAddPartial);
      continue;
    }
    if (!was_empty) {
      co_await RemoveFromPartial(cpu, n, slab);
      Count(cpu, s, SlubStat::kFreeRemovePartial);
    }
    guard.Unlock();
    co_await core_.DiscardSlab(cpu, s, slab);
  }
}

// drain_objects() of V4: each node's lock is held for as long as the slabs lie on it.
Task<void> Queues::DrainByNode(Cpu& cpu, KmemCache& s, absl::Span<const PhysAddr> objects) {
  const SiteScope site(cpu, SiteOf(SlubAt::kDrain));
  CacheNode* n = nullptr;
  SpinGuard guard;
  while (!objects.empty()) {
    Slab& slab = *core_.SlabOf(objects[0]);
    CHECK(slab.cache == &s);
    cpu.Touch(slab.PageOf(objects[0].frame()), Access::kRead);
    CacheNode* const home = core_.GetNode(cpu, s, core_.NodeOf(cpu, slab));
    if (home != n) {
      guard.Unlock();
      n = home;
      guard = co_await n->list_lock.Acquire(cpu);
    }
    objects = objects.subspan(FoldRun(cpu, s, slab, objects));
    bool discard = ObjectMap(slab).IsFull(cpu);
    if (discard && policy_.keeps_empty_slabs) {
      const auto partial = cpu.Load(n->nr_partial);
      discard = partial > cpu.Load(s.min_partial);
    }
    if (discard) {
      if (slab.listed.Peek()) {
        RemoveMarked(cpu, s, *n, slab);
        Count(cpu, s, SlubStat::kFreeRemovePartial);
      }
      co_await core_.DiscardSlab(cpu, s, slab);
    } else if (!slab.listed.Peek()) {
      AddMarked(cpu, s, *n, slab, policy_.rest_to);
      Count(cpu, s, SlubStat::kFreeAddPartial);
    }
  }
}

}  // namespace slablab
