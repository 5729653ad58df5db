// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB's freeing.

#include "allocators/slub.h"
#include "sim/check.h"

namespace slablab {

// kmem_cache_free(): the object's page leads to its slab; no more is needed to free it.
Task<PathId> Slub::Free(Cpu& cpu, CacheId id, PhysAddr object) {
  Slab* const slab = SlabOf(object);
  CHECK(slab != nullptr);
  CHECK(slab->cache == &cache(id));
  return FreeOne(cpu, *slab, object);
}

// kfree(): the page says whether it is a slab's, and the slab of which cache.
Task<PathId> Slub::Kfree(Cpu& cpu, PhysAddr object) {
  if (object <= kZeroSizePointer) return Task<PathId>(PathOf(Way::kFreeNull));
  Slab* const slab = SlabOf(object);
  if (slab == nullptr) return FreeLarge(cpu, object);
  {
    const SiteScope site(cpu, SiteOf(At::kFreeFast));
    cpu.Touch(slab->Metadata(Slab::kFlagsAt), Access::kRead);
    cpu.Touch(slab->Metadata(Slab::kCacheAt), Access::kRead);
  }
  return FreeOne(cpu, *slab, object);
}

// slab_free() of one object.
inline Task<PathId> Slub::FreeOne(Cpu& cpu, Slab& slab, PhysAddr object) {
  KmemCache& s = *slab.cache;
  const ObjectIndex index = s.IndexOf(slab, object);
  TakeBack(s, slab, index);
  {
    const SiteScope site(cpu, SiteOf(At::kFreeFast));
    cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
    // slab_free_freelist_hook() rebuilds every chain, of one object too.
    LoadFreePointer(cpu, s, slab, index);
    StoreFreePointer(cpu, s, slab, index, kNoObject);
  }
  return FreeObjects(cpu, s, slab, {.head = index, .tail = index, .count = 1});
}

// do_slab_free(): into the CPU's own slab without locks, the mirror image of the fast allocation.
// Inline, because that is what most frees are.
[[gnu::always_inline]] inline Task<PathId> Slub::FreeObjects(Cpu& cpu, KmemCache& s, Slab& slab,
                                                             Chain chain) {
  FastFree fast;
  bool is_mine;
  {
    const SiteScope site(cpu, SiteOf(At::kFreeFast));
    cpu.Execute(kSlubFastCycles);
    is_mine = PrepareFastFree(cpu, s, slab, chain, &fast);
    if (is_mine && cpu.MayProceed()) {
      CHECK(CommitFastFree(cpu, fast, chain));
      return Task<PathId>(PathOf(Way::kFreeFast));
    }
  }
  if (!is_mine) return FreeSlow(cpu, s, slab, chain);
  return FreeFrom(cpu, s, slab, chain, fast);
}

// The same, from the compare-and-exchange on.
Task<PathId> Slub::FreeFrom(Cpu& cpu, KmemCache& s, Slab& slab, Chain chain, FastFree fast) {
  const SiteScope site(cpu, SiteOf(At::kFreeFast));
  do {
    co_await cpu.Sync();
    if (CommitFastFree(cpu, fast, chain)) co_return PathOf(Way::kFreeFast);
    Count(cpu, *fast.c, SlubStat::kCmpxchgDoubleCpuFail);
  } while (PrepareFastFree(cpu, s, slab, chain, &fast));
  const PathId path = co_await FreeSlow(cpu, s, slab, chain);
  co_return path;
}

Task<PathId> Slub::FreeChain(Cpu& cpu, KmemCache& s, Slab& slab, Chain chain) {
  return FreeObjects(cpu, s, slab, chain);
}

// What the fast path reads and links. Answers whether the slab is this CPU's.
inline bool Slub::PrepareFastFree(Cpu& cpu, KmemCache& s, Slab& slab, Chain chain, FastFree* fast) {
  CacheCpu& c = ThisCpu(cpu, s);
  fast->c = &c;
  fast->top = cpu.Load(c.top);
  if (cpu.Load(c.slab) != &slab) return false;
  StoreFreePointer(cpu, s, slab, chain.tail, fast->top.freelist);
  return true;
}

inline bool Slub::CommitFastFree(Cpu& cpu, const FastFree& fast, Chain chain) {
  const CpuTop after = {.tid = fast.top.tid + kTidStep, .freelist = chain.head};
  if (!cpu.ThisCpuCmpxchgNow(fast.c->top, fast.top, after)) return false;
  Count(cpu, *fast.c, SlubStat::kFreeFastpath);
  return true;
}

// __slab_free(): into the slab's own list. If that was the slab's first free object, the slab is on
// no list: it is frozen and goes to this CPU's partial list. If it was the last used one, the slab
// may have to go: its node's lock must be held for the compare-and-exchange already.
Task<PathId> Slub::FreeSlow(Cpu& cpu, KmemCache& s, Slab& slab, Chain chain) {
  const SiteScope site(cpu, SiteOf(At::kFreeSlow));
  cpu.Execute(kSlubSlowCycles);
  Count(cpu, s, SlubStat::kFreeSlowpath);
  SlabWord seen;
  SlabWord freed;
  for (;;) {
    seen = co_await cpu.Load(slab.word);
    StoreFreePointer(cpu, s, slab, chain.tail, seen.freelist);
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
      n = GetNode(cpu, s, NodeOf(cpu, slab));
      flags = cpu.IrqSave();
      guard = co_await n->list_lock.Acquire(cpu);
    }
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, freed);
    if (!done) Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
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
      Count(cpu, s, SlubStat::kFreeRemovePartial);
    }
    guard.Unlock();
    co_await cpu.IrqRestore(flags);
    if (!done) continue;
    if (!discard) co_return PathOf(Way::kFreeEmptyKept);
    Count(cpu, s, SlubStat::kFreeSlab);
    co_await DiscardSlab(cpu, s, slab);
    co_return PathOf(Way::kFreeSlab);
  }
  if (seen.frozen) {
    Count(cpu, s, SlubStat::kFreeFrozen);
    co_return PathOf(Way::kFreeFrozen);
  }
  if (!freed.frozen) co_return PathOf(Way::kFreePartial);
  const bool drained = co_await PutCpuPartial(cpu, s, slab, Drain::kYes);
  Count(cpu, s, SlubStat::kCpuPartialFree);
  co_return PathOf(drained ? Way::kFreeDrain : Way::kFreeCpuPartial);
}

}  // namespace slablab
