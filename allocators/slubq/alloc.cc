// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB+Q's allocation: the CPU's queue, the shared queue, slabs.

#include <algorithm>

#include "allocators/slubq/slubq.h"
#include "base/check.h"

namespace slablab {
namespace {

constexpr int32_t kUntouchedBatchMax = 16;

}  // namespace

// slab_alloc(): with interrupts off, the newest object of the CPU's queue. As long as nothing waits
// to come in when they are on again, that needs no coroutine.
Task<Placement> Queues::Alloc(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  Found found;
  Entry entry;
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
    cpu.Execute(kSlubFastCycles);
    if (gfp_mask_in_hot_path_) core_.ReadGfpMask(cpu);
    // slab_pre_alloc_hook(): its answer was taken the wrong way round by the patch that made it.
    if (hook_inverted_ && core_.is_up()) {
      return Task<Placement>(Placement{{}, PathOf(Way::kAllocFailed)});
    }
    entry.flags = cpu.IrqSave();
    QueueCpu& c = ThisCpu(cpu, s);
    if (policy_.queues_by_node) request.node = FindNumaNode(cpu, s, request.node);
    entry.node_matches = request.node == kAnyNode || request.node == cpu.Load(c.node);
    if (entry.node_matches && !c.q.IsEmpty(cpu)) {
      found = {c.q.Pop(cpu), Way::kAllocFast};
      MarkTouched(cpu, c.q, true);
      Count(cpu, s, SlubStat::kAllocFastpath);
      HandOut(s, found.object);
      cpu.IrqRestore(entry.flags);
      if (cpu.MayProceed()) return Task<Placement>(Hand(cpu, s, request.gfp, found));
    }
  }
  if (!found.object.is_null()) return EndAlloc(cpu, s, request.gfp, found);
  return AllocFurther(cpu, s, request, entry);
}

void Queues::HandOut(KmemCache& s, PhysAddr object) {
  Slab& slab = *core_.SlabOf(object);
  core_.HandOut(s, slab, s.IndexOf(slab, object));
}

// find_numa_node(), which is asked for by what s->flags say.
NodeId Queues::FindNumaNode(Cpu& cpu, const KmemCache& s, NodeId node) {
  cpu.Touch(s.Field(QueueCache::kFlagsAt), Access::kRead);
  if (spreads_slab_ && s.spec.mem_spread && node == kAnyNode && !cpu.in_interrupt()) {
    node = SpreadNode(cpu);
  }
  return node == kAnyNode ? node : core_.LocalMemoryNode(node);
}

// The same, where it takes more than the queue.
Task<Placement> Queues::AllocFurther(Cpu& cpu, KmemCache& s, SlubAllocRequest request,
                                     Entry entry) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
  Found found;
  if (!policy_.queues_by_node) {
    found = co_await AllocSlowOfAny(cpu, s, request);
  } else if (entry.node_matches) {
    found = co_await AllocSlow(cpu, s, request);
  } else {
    found = co_await AllocFromNode(cpu, s, request);
  }
  if (!found.object.is_null()) HandOut(s, found.object);
  co_await cpu.IrqRestore(entry.flags);
  co_return Hand(cpu, s, request.gfp, found);
}

Task<Placement> Queues::EndAlloc(Cpu& cpu, KmemCache& s, Gfp gfp, Found found) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
  co_await cpu.Sync();
  co_return Hand(cpu, s, gfp, found);
}

Placement Queues::Hand(Cpu& cpu, const KmemCache& s, Gfp gfp, Found found) const {
  if (found.object.is_null()) return {PhysAddr(), PathOf(Way::kAllocFailed)};
  core_.ZeroIfAsked(cpu, s, gfp, found.object);
  return {found.object, PathOf(found.way)};
}

// cpuset_mem_spread_node(): the next node that has memory.
NodeId Queues::SpreadNode(const Cpu& cpu) {
  NodeId& rotor = spread_rotor_[cpu.id().index()];
  do {
    rotor = NodeId((rotor.value() + 1) % core_.machine().config().node_count());
  } while (!core_.HasMemory(rotor));
  return rotor;
}

// slab_alloc() of V2 with the queue empty, or with what was not asked for: then all of it goes
// back.
Task<Queues::Found> Queues::AllocSlowOfAny(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocSlow));
  cpu.Execute(kSlubSlowCycles);
  if (!policy_.gfp_mask_at_new_slab && !gfp_mask_in_hot_path_) core_.ReadGfpMask(cpu);
  QueueCpu& c = On(*Of(s).cpus, cpu.id());
  if (request.node != kAnyNode && request.node != cpu.Load(c.node)) {
    co_await FlushCpu(cpu, s, *Of(s).cpus, cpu.id());
    cpu.Store(c.node, request.node);
  }
  const int32_t batch = locks_nodes() ? cpu.Load(Of(s).batch) : 0;
  const Found found = co_await Refill(cpu, s, request, batch);
  co_return found;
}

// slab_alloc() with the queue empty.
Task<Queues::Found> Queues::AllocSlow(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocSlow));
  cpu.Execute(kSlubSlowCycles);
  if (!policy_.gfp_mask_at_new_slab && !gfp_mask_in_hot_path_) core_.ReadGfpMask(cpu);
  QueueCpu& c = On(*Of(s).cpus, cpu.id());
  int32_t batch = cpu.Load(Of(s).batch);
  if (policy_.marks_touched && !c.q.touched()) batch = std::min(batch, kUntouchedBatchMax);
  const int32_t from_shared = co_await RefillFromShared(cpu, c, batch);
  if (from_shared > 0) {
    Count(cpu, s, SlubStat::kAllocShared);
    if (!policy_.counts_outcomes) Count(cpu, s, SlubStat::kAllocSlowpath);
    const Found found{c.q.Pop(cpu), Way::kAllocShared};
    MarkTouched(cpu, c.q, true);
    co_return found;
  }
  const Found found = co_await Refill(cpu, s, request, batch);
  co_return found;
}

// Slab by slab, `batch` is looked up anew for each.
Task<Queues::Found> Queues::Refill(Cpu& cpu, KmemCache& s, SlubAllocRequest request,
                                   int32_t batch) {
  return locks_nodes() ? RefillUnderNodeLock(cpu, s, request, batch)
                       : RefillSlabBySlab(cpu, s, request);
}

// get_shared_objects(): the newest of the shared queue. V3 looks before it locks.
Task<int32_t> Queues::RefillFromShared(Cpu& cpu, QueueCpu& c, int32_t batch) {
  const SiteScope site(cpu, SiteOf(SlubAt::kShared));
  SharedQueues* const queues = SharedOf(cpu, c);
  if (queues == nullptr) co_return 0;
  LockedQueue& l = queues->shared;
  if (policy_.looks_before_sharing) {
    co_await cpu.Sync();
    if (l.q.IsEmpty(cpu)) co_return 0;
  }
  const SpinGuard guard = co_await l.lock.Acquire(cpu);
  const int32_t count = std::min({batch, l.q.Count(cpu), c.q.max()});
  MarkTouched(cpu, l.q, true);
  if (count == 0) co_return 0;
  moving_.resize(static_cast<size_t>(count));
  l.q.TakeNewest(cpu, absl::MakeSpan(moving_));
  c.q.Append(cpu, moving_);
  co_return count;
}

// slab_alloc() of V2 and V3 from "while (q->objects < s->batch)" on: slab by slab, from the lists
// or new.
Task<Queues::Found> Queues::RefillSlabBySlab(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  Way way = Way::kAllocPartial;
  for (;;) {
    // An interrupt may have filled the queue, or resizing put another in its place.
    QueueCpu& c = ThisCpu(cpu, s);
    const int32_t batch = cpu.Load(Of(s).batch);
    const int32_t wanted = batch - c.q.Count(cpu);
    if (wanted <= 0) break;
    if (StuckAt(c)) break;
    NodeId nearest = request.node;
    if (nearest == kAnyNode) {
      nearest = policy_.queues_by_node ? core_.LocalMemoryNode(cpu) : cpu.node();
    }
    const LockedSearch search{.nearest = nearest, .only_there = Has(request.gfp, Gfp::kThisNode)};
    LockedSlab partial = co_await GetPartial(core_, cpu, s, search);
    if (partial.slab != nullptr) {
      Count(cpu, s, SlubStat::kAllocFromPartial);
    } else {
      partial.slab = co_await NewSlabInSlowPath(cpu, s, request);
      if (partial.slab == nullptr) break;
      way = Way::kAllocNewSlab;
      Count(cpu, s, SlubStat::kAllocSlab);
      partial.guard = co_await partial.slab->lock.Acquire(cpu);
      ObjectMap(*partial.slab).Publish(&partial.slab->lock);
    }
    Slab& slab = *partial.slab;
    QueueCpu& now = ThisCpu(cpu, s);
    RefillQueue(cpu, s, now.q, slab, cpu.Load(Of(s).batch) - now.q.count());
    co_await ToLists(cpu, s, slab, policy_.rest_to);
  }
  QueueCpu& c = ThisCpu(cpu, s);
  if (c.q.IsEmpty(cpu)) co_return Found{};
  Count(cpu, s, SlubStat::kAllocSlowpath);
  co_return Found{c.q.Pop(cpu), way};
}

// A batch that no queue can hold: V3 and V4 go round for ever here, V2 writes where no queue is.
bool Queues::StuckAt(const QueueCpu& c) {
  if (c.q.count() < c.q.max()) return false;
  if (!livelock_logged_) {
    core_.Log(has_bare_queues()
                  ? "BUG: slab_alloc() writes past the queue's end: the batch exceeds the queue"
                  : "BUG: soft lockup in slab_alloc(): the batch exceeds the queue");
  }
  livelock_logged_ = true;
  return true;
}

// slab_alloc() of V4: what the node's list has, under one lock; new slabs only if that was nothing.
Task<Queues::Found> Queues::RefillUnderNodeLock(Cpu& cpu, KmemCache& s, SlubAllocRequest request,
                                                int32_t batch) {
  Count(cpu, s, SlubStat::kAllocSlowpath);
  QueueCpu& refilled = On(*Of(s).cpus, cpu.id());
  const int32_t listed = co_await RefillFromLists(cpu, s, refilled, batch);
  Way way = Way::kAllocPartial;
  if (listed > 0) {
    Count(cpu, s, SlubStat::kAllocFromPartial);
  } else {
    way = Way::kAllocNewSlab;
    for (;;) {
      QueueCpu& c = ThisCpu(cpu, s);
      if (c.q.Count(cpu) >= batch) break;
      if (StuckAt(c)) break;
      Slab* const fresh = co_await NewSlabInSlowPath(cpu, s, request);
      // Objects that are there already stay there: the request fails all the same.
      if (fresh == nullptr) co_return Found{};
      Slab& slab = *fresh;
      QueueCpu& now = ThisCpu(cpu, s);
      ListEnd end = ListEnd::kTail;
      const int32_t queued = now.q.Count(cpu);
      if (queued < cpu.Load(Of(s).batch)) {
        RefillQueue(cpu, s, now.q, slab, batch);
        end = policy_.rest_to;
      }
      Count(cpu, s, SlubStat::kAllocSlab);
      const bool has_rest = !ObjectMap(slab).IsEmpty(cpu);
      CacheNode& n = *core_.GetNode(cpu, s, core_.NodeOf(cpu, slab));
      ObjectMap(slab).Publish(&n.list_lock);
      if (!has_rest) continue;
      const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
      AddMarked(cpu, s, n, slab, end);
    }
  }
  // While this CPU waited for the list's lock, resizing may have put another queue in its place:
  // what was refilled is used up to the end, and drained by the call that waits for interrupts.
  QueueCpu& now = ThisCpu(cpu, s);
  QueueCpu& c = listed > 0 ? refilled : now;
  const Found found{c.q.Pop(cpu), way};
  MarkTouched(cpu, c.q, true);
  co_return found;
}

// V4, "Refill from partial lists": from the list's head, each slab staying where it is until it is
// used up.
Task<int32_t> Queues::RefillFromLists(Cpu& cpu, KmemCache& s, QueueCpu& c, int32_t batch) {
  const SiteScope site(cpu, SiteOf(SlubAt::kGetPartial));
  CacheNode* const n = core_.GetNode(cpu, s, cpu.Load(c.node));
  if (n == nullptr) co_return 0;
  const SpinGuard guard = co_await n->list_lock.Acquire(cpu);
  int32_t got = 0;
  while (c.q.count() < std::min(batch, c.q.max())) {
    Slab* const first = cpu.Load(n->first);
    if (first == nullptr) break;
    Slab& slab = *first;
    got += RefillQueue(cpu, s, c.q, slab, batch - c.q.count());
    // partial_to_full().
    if (ObjectMap(slab).IsEmpty(cpu)) RemoveMarked(cpu, s, *n, slab);
  }
  co_return got;
}

// new_slab() as the slow paths call it: who may wait has interrupts on meanwhile.
Task<Slab*> Queues::NewSlabInSlowPath(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  if (policy_.gfp_mask_at_new_slab && !gfp_mask_in_hot_path_) core_.ReadGfpMask(cpu);
  const bool waits = Has(request.gfp, Gfp::kDirectReclaim);
  if (waits) co_await cpu.IrqRestore(IrqFlags::kWereOn);
  Slab* const slab = co_await core_.NewSlab(cpu, s, request);
  if (slab != nullptr) co_await core_.CountSlab(cpu, s, *slab);
  if (waits) cpu.IrqSave();
  if (slab == nullptr && locks_nodes() && core_.HasQuirk("null-page-node")) {
    core_.Log(
        "BUG: unable to handle kernel NULL pointer dereference: page_to_nid() in slab_alloc()");
  }
  co_return slab;
}

// refill_queue() and retrieve_objects(): up to `wanted` objects, so that the lowest address is
// popped first. Answers how many.
int32_t Queues::RefillQueue(Cpu& cpu, KmemCache& s, ObjectQueue& q, Slab& slab, int32_t wanted) {
  const auto free = static_cast<int32_t>(ObjectMap(slab).Weight(cpu));
  const int32_t most = std::min(q.max(), cpu.Load(Of(s).batch));
  const int32_t count = std::min({wanted, free, most - q.Count(cpu)});
  if (count <= 0) return 0;
  moving_.clear();
  for (int32_t i = 0; i < count; ++i) moving_.push_back(RetrieveOne(cpu, s, slab));
  q.AppendReversed(cpu, moving_);
  return count;
}

PhysAddr Queues::RetrieveOne(Cpu& cpu, KmemCache& s, Slab& slab) {
  return s.AddressOf(slab, ObjectMap(slab).TakeLowest(cpu));
}

// to_lists() of V3, and what V2 has in its place. REQUIRES: the slab is locked, and on no list.
Task<void> Queues::ToLists(Cpu& cpu, KmemCache& s, Slab& slab, ListEnd end) {
  if (ObjectMap(slab).IsEmpty(cpu)) co_return;
  co_await AddToPartial(cpu, *core_.GetNode(cpu, s, core_.NodeOf(cpu, slab)), slab, end);
}

// slab_alloc_node(): an object of another node, from the alien queue if there is one.
Task<Queues::Found> Queues::AllocFromNode(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocNode));
  cpu.Execute(kSlubSlowCycles);
  request.gfp = request.gfp | Gfp::kThisNode;
  LockedQueue* const a = AlienQueue(cpu, s, On(*Of(s).cpus, cpu.id()), request.node);
  Found found;
  if (locks_nodes()) {
    found = co_await AllocOneUnderNodeLock(cpu, s, a, request);
  } else {
    found = co_await AllocOneUnderSlabLock(cpu, s, a, request);
    if (!found.object.is_null()) Count(cpu, s, SlubStat::kAllocRemote);
  }
  co_return found;
}

Task<Queues::Found> Queues::AllocOneUnderSlabLock(Cpu& cpu, KmemCache& s, LockedQueue* a,
                                                  SlubAllocRequest request) {
  if (a != nullptr) {
    const SpinGuard guard = co_await a->lock.Acquire(cpu);
    if (!a->q.IsEmpty(cpu)) co_return Found{a->q.Pop(cpu), Way::kAllocAlien};
  }
  LockedSlab partial = co_await GetPartialNode(core_, cpu, s, request.node);
  if (partial.slab == nullptr) {
    partial.slab = co_await NewSlabInSlowPath(cpu, s, request);
    if (partial.slab == nullptr) co_return Found{};
    partial.guard = co_await partial.slab->lock.Acquire(cpu);
    ObjectMap(*partial.slab).Publish(&partial.slab->lock);
    // Removing the queues may have come in between.
    a = AlienQueue(cpu, s, ThisCpu(cpu, s), request.node);
  }
  Slab& slab = *partial.slab;
  const PhysAddr object = RetrieveOne(cpu, s, slab);
  if (a != nullptr) {
    const SpinGuard guard = co_await a->lock.TryAcquire(cpu);
    if (guard) RefillQueue(cpu, s, a->q, slab, a->q.max());
  }
  co_await ToLists(cpu, s, slab, ListEnd::kHead);
  co_return Found{object, Way::kAllocNode};
}

Task<Queues::Found> Queues::AllocOneUnderNodeLock(Cpu& cpu, KmemCache& s, LockedQueue* a,
                                                  SlubAllocRequest request) {
  for (;;) {
    SpinGuard alien_guard;
    if (a != nullptr) {
      alien_guard = co_await a->lock.Acquire(cpu);
      if (!a->q.IsEmpty(cpu)) {
        const Found found{a->q.Pop(cpu), Way::kAllocAlien};
        MarkTouched(cpu, a->q, true);
        alien_guard.Unlock();
        Count(cpu, s, SlubStat::kAllocAlien);
        co_return found;
      }
    }
    CacheNode* const n = core_.GetNode(cpu, s, request.node);
    SpinGuard guard = co_await n->list_lock.Acquire(cpu);
    Slab* slab = cpu.Load(n->last);
    if (slab == nullptr) {
      guard.Unlock();
      alien_guard.Unlock();
      slab = co_await NewSlabInSlowPath(cpu, s, request);
      if (slab == nullptr) co_return Found{};
      // Removing the queues may have come in between.
      a = AlienQueue(cpu, s, ThisCpu(cpu, s), request.node);
      if (a != nullptr) alien_guard = co_await a->lock.Acquire(cpu);
      guard = co_await n->list_lock.Acquire(cpu);
      ObjectMap(*slab).Publish(&n->list_lock);
      Count(cpu, s, SlubStat::kAllocSlab);
    } else {
      Count(cpu, s, SlubStat::kAllocFromPartial);
    }
    Slab& its_slab = *slab;
    PhysAddr object;
    if (a == nullptr || a->q.IsFull(cpu)) {
      object = RetrieveOne(cpu, s, its_slab);
      Count(cpu, s, SlubStat::kAllocDirect);
    } else {
      RefillQueue(cpu, s, a->q, its_slab, a->q.max());
    }
    alien_guard.Unlock();
    const bool is_empty = ObjectMap(its_slab).IsEmpty(cpu);
    if (!is_empty && !its_slab.listed.Peek()) AddMarked(cpu, s, *n, its_slab, ListEnd::kTail);
    if (is_empty && its_slab.listed.Peek()) RemoveMarked(cpu, s, *n, its_slab);
    guard.Unlock();
    if (!object.is_null()) co_return Found{object, Way::kAllocNode};
  }
}

void Queues::AddMarked(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab, ListEnd end) {
  CHECK(!slab.listed.Peek());
  AddPartial(cpu, n, slab, end);
  cpu.Touch(slab.Metadata(Slab::kFlagsAt), Access::kWrite);
  slab.listed.Poke(true);
  Of(s).node_touched[slab.node.index()] = 1;  // Beside nr_partial, which has just been written.
}

void Queues::RemoveMarked(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab) {
  CHECK(slab.listed.Peek());
  RemovePartial(cpu, n, slab);
  cpu.Touch(slab.Metadata(Slab::kFlagsAt), Access::kWrite);
  slab.listed.Poke(false);
  Of(s).node_touched[slab.node.index()] = 1;
}

}  // namespace slablab
