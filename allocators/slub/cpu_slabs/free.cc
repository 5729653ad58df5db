// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB's freeing.

#include "allocators/slub/cpu_slabs/cpu_slabs.h"
#include "base/check.h"

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
// no list: it goes to this CPU's partial list, frozen where the era has it so. If it was the last
// used one, the slab may have to go: its node's lock must be held for the compare-and-exchange
// already.
Task<PathId> CpuSlabs::FreeSlow(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeSlow));
  cpu.Execute(kSlubSlowCycles);
  core_.Count(cpu, s, SlubStat::kFreeSlowpath);
  if (s.is_debug) {
    const PathId path = co_await core_.FreeSingles(cpu, s, slab, chain);
    co_return path;
  }
  bool was_full = false;
  SlabWord seen;
  for (;;) {
    seen = co_await cpu.Load(slab.word);
    core_.StoreFreePointer(cpu, s, slab, chain.tail, seen.freelist);
    SlabWord freed = seen;
    freed.freelist = chain.head;
    freed.inuse = static_cast<uint16_t>(seen.inuse - chain.count);
    CHECK_LE(freed.inuse, freed.objects);
    was_full = seen.freelist == kNoObject;
    if (was_full && !seen.frozen) freed.frozen = core_.policy().freezes_cpu_partials;
    if (freed.inuse == 0 && !was_full && !seen.frozen) {
      const Emptied emptied = co_await FreeEmptying(cpu, s, slab, {.seen = seen, .freed = freed});
      if (!emptied.done) continue;
      co_return PathOf(emptied.way);
    }
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, freed);
    if (done) break;
    core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
  }
  if (seen.frozen) {
    core_.Count(cpu, s, SlubStat::kFreeFrozen);
    co_return PathOf(SlubWay::kFreeFrozen);
  }
  if (!was_full) co_return PathOf(SlubWay::kFreePartial);
  const bool drained = co_await PutCpuPartial(cpu, s, slab, Drain::kYes);
  core_.Count(cpu, s, SlubStat::kCpuPartialFree);
  co_return PathOf(drained ? SlubWay::kFreeDrain : SlubWay::kFreeCpuPartial);
}

// __slab_free() of what may be the slab's last used objects. The slab is in its node's list, or,
// where CPUs' partial slabs are not frozen, in such a CPU's: then it stays as it is.
Task<CpuSlabs::Emptied> CpuSlabs::FreeEmptying(Cpu& cpu, KmemCache& s, Slab& slab, Change change) {
  CacheNode& n = *core_.GetNode(cpu, s, core_.NodeOf(cpu, slab));
  Emptied emptied{.way = SlubWay::kFreeEmptyKept};
  bool discard = false;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    const bool listed = !core_.policy().marks_listed || cpu.Load(slab.listed);
    emptied.done = co_await cpu.Cmpxchg(slab.word, change.seen, change.freed);
    if (!emptied.done) core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
    if (emptied.done && !listed) emptied.way = SlubWay::kFreePartial;
    if (emptied.done && listed) {
      const auto partial = cpu.Load(n.nr_partial);
      discard = partial >= cpu.Load(s.min_partial);
    }
    if (discard) {
      core_.RemovePartial(cpu, n, slab);
      core_.Count(cpu, s, SlubStat::kFreeRemovePartial);
    }
  }
  co_await cpu.IrqRestore(flags);
  if (discard) {
    core_.Count(cpu, s, SlubStat::kFreeSlab);
    co_await core_.DiscardSlab(cpu, s, slab);
    emptied.way = SlubWay::kFreeSlab;
  }
  co_return emptied;
}

}  // namespace slablab
