// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB's freeing.

#include "allocators/slub_cpu_slabs.h"
#include "sim/check.h"

namespace slablab {

// The same, from the compare-and-exchange on.
Task<PathId> CpuSlabs::FreeFrom(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain,
                                FastFree fast) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
  do {
    co_await cpu.Sync();
    if (CommitFastFree(cpu, fast, chain)) co_return PathOf(SlubWay::kFreeFast);
    core_.Count(cpu, *fast.c, SlubStat::kCmpxchgDoubleCpuFail);
  } while (PrepareFastFree(cpu, s, slab, chain, &fast));
  const PathId path = co_await FreeSlow(cpu, s, slab, chain);
  co_return path;
}

Task<PathId> CpuSlabs::FreeChain(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain) {
  return FreeObjects(cpu, s, slab, chain);
}

// __slab_free(): into the slab's own list. If that was the slab's first free object, the slab is on
// no list: it is frozen and goes to this CPU's partial list. If it was the last used one, the slab
// may have to go: its node's lock must be held for the compare-and-exchange already.
Task<PathId> CpuSlabs::FreeSlow(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeSlow));
  cpu.Execute(kSlubSlowCycles);
  core_.Count(cpu, s, SlubStat::kFreeSlowpath);
  SlabWord seen;
  SlabWord freed;
  for (;;) {
    seen = co_await cpu.Load(slab.word);
    core_.StoreFreePointer(cpu, s, slab, chain.tail, seen.freelist);
    freed = seen;
    freed.freelist = chain.head;
    freed.inuse = static_cast<uint16_t>(seen.inuse - chain.count);
    CHECK_LE(freed.inuse, freed.objects);
    const bool was_full = seen.freelist == kNoObject;
    if (was_full && !seen.frozen) freed.frozen = true;
    CacheNode* n = nullptr;
    IrqFlags flags = IrqFlags::kWereOff;
    SpinGuard guard;
    if (freed.inuse == 0 && !freed.frozen) {
      n = core_.GetNode(cpu, s, core_.NodeOf(cpu, slab));
      flags = cpu.IrqSave();
      guard = co_await n->list_lock.Acquire(cpu);
    }
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, freed);
    if (!done) core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
    if (n == nullptr) {
      if (done) break;
      continue;
    }
    bool discard = done;
    if (discard) {
      const auto partial = cpu.Load(n->nr_partial);
      discard = partial >= cpu.Load(s.min_partial);
    }
    if (discard) {
      RemovePartial(cpu, *n, slab);
      core_.Count(cpu, s, SlubStat::kFreeRemovePartial);
    }
    guard.Unlock();
    co_await cpu.IrqRestore(flags);
    if (!done) continue;
    if (!discard) co_return PathOf(SlubWay::kFreeEmptyKept);
    core_.Count(cpu, s, SlubStat::kFreeSlab);
    co_await core_.DiscardSlab(cpu, s, slab);
    co_return PathOf(SlubWay::kFreeSlab);
  }
  if (seen.frozen) {
    core_.Count(cpu, s, SlubStat::kFreeFrozen);
    co_return PathOf(SlubWay::kFreeFrozen);
  }
  if (!freed.frozen) co_return PathOf(SlubWay::kFreePartial);
  const bool drained = co_await PutCpuPartial(cpu, s, slab, Drain::kYes);
  core_.Count(cpu, s, SlubStat::kCpuPartialFree);
  co_return PathOf(drained ? SlubWay::kFreeDrain : SlubWay::kFreeCpuPartial);
}

}  // namespace slablab
