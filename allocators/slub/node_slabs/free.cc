// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Freeing to the slabs.

#include "allocators/slub/node_slabs/node_slabs.h"
#include "base/check.h"

namespace slablab {

Task<PathId> NodeSlabs::Free(Cpu& cpu, Slab& slab, PhysAddr object) {
  KmemCache& s = *slab.cache;
  const ObjectIndex index = s.IndexOf(slab, object);
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
    core_.TakeBack(s, slab, index);
    cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
  }
  return FreeTaken(cpu, s, slab, index);
}

Task<PathId> NodeSlabs::FreeTaken(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex object) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeSlow));
  const PathId path =
      co_await FreeChain(cpu, s, slab, {.head = object, .tail = object, .count = 1});
  core_.Count(cpu, s, SlubStat::kFreeSlowpath);
  co_return path;
}

// __slab_free(): onto the slab's own list. The list's lock is taken before the
// compare-and-exchange where the slab may have to enter its node's list or to leave it.
Task<PathId> NodeSlabs::FreeChain(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain) {
  cpu.Execute(kSlubSlowCycles);
  if (s.is_debug) {
    const PathId path = co_await core_.FreeSingles(cpu, s, slab, chain);
    co_return path;
  }
  for (;;) {
    const SlabWord seen = co_await cpu.Load(slab.word);
    core_.StoreFreePointer(cpu, s, slab, chain.tail, seen.freelist);
    SlabWord freed = seen;
    freed.freelist = chain.head;
    freed.inuse = static_cast<uint16_t>(seen.inuse - chain.count);
    CHECK_LE(freed.inuse, freed.objects);
    const bool was_full = seen.freelist == kNoObject;
    if (!was_full && freed.inuse > 0) {
      // It is on its list, or whoever empties it just now sees to that, and that is that.
      const bool done = co_await cpu.Cmpxchg(slab.word, seen, freed);
      if (done) co_return PathOf(SlubWay::kFreePartial);
      core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
      continue;
    }
    CacheNode& n = *core_.GetNode(cpu, s, core_.NodeOf(cpu, slab));
    const IrqFlags flags = cpu.IrqSave();
    SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    const bool listed = cpu.Load(slab.listed);
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, freed);
    SlubWay way = SlubWay::kFreePartial;
    if (!done) {
      core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
    } else if (was_full || listed) {
      way = SettleList(cpu, s, n, slab, was_full);
    }
    guard.Unlock();
    co_await cpu.IrqRestore(flags);
    if (!done) continue;
    if (way == SlubWay::kFreeSlab) {
      core_.Count(cpu, s, SlubStat::kFreeSlab);
      co_await core_.DiscardSlab(cpu, s, slab);
    }
    co_return PathOf(way);
  }
}

// The end of __slab_free(), of a slab that was full or is listed. Answers kFreeSlab if it is empty
// and its node has enough: then it is in no list.
SlubWay NodeSlabs::SettleList(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab, bool was_full) {
  if (slab.word.Peek().inuse == 0 && cpu.Load(n.nr_partial) >= cpu.Load(s.min_partial)) {
    if (!was_full) {
      core_.RemovePartial(cpu, n, slab);
      core_.Count(cpu, s, SlubStat::kFreeRemovePartial);
    }
    return SlubWay::kFreeSlab;
  }
  if (!was_full) return SlubWay::kFreeEmptyKept;
  core_.AddPartial(cpu, n, slab, ListEnd::kTail);
  core_.Count(cpu, s, SlubStat::kFreeAddPartial);
  return SlubWay::kFreeFull;
}

// free_slowpath counts objects.
Task<void> NodeSlabs::KfreeBulk(Cpu& cpu, absl::Span<PhysAddr> objects) {
  return core_.FreeSlabBySlab(cpu, objects,
                              [this, &cpu](Slab& slab, SlubChain chain) -> Task<void> {
                                KmemCache& s = *slab.cache;
                                co_await FreeChain(cpu, s, slab, chain);
                                core_.Count(cpu, s, SlubStat::kFreeSlowpath, chain.count);
                              });
}

Task<void> NodeSlabs::FreeArray(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects) {
  while (!objects.empty()) {
    const SlubCore::Detached detached = core_.BuildDetachedFreelist(cpu, objects);
    co_await FreeChain(cpu, s, *detached.slab, detached.chain);
    objects = objects.subspan(0, detached.left);
  }
}

}  // namespace slablab
