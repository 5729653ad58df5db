// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB of 2010: allocating and freeing.

#include "allocators/slub/locked_cpu_slabs/locked_cpu_slabs.h"

#include "base/check.h"

namespace slablab {
namespace {

// The list that a CPU allocates from.
void StoreList(Cpu& cpu, CacheCpu& c, ObjectIndex first) {
  cpu.Store(c.top, {.tid = 0, .freelist = first});
}

}  // namespace

// slab_alloc(): with interrupts off, the first object of the CPU's own list. As long as nothing
// waits to come in when they are on again, that needs no coroutine.
Task<Placement> LockedCpuSlabs::Alloc(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  Found found;
  IrqFlags flags{};
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
    cpu.Execute(kSlubFastCycles);
    if (gfp_mask_in_hot_path_) core_.ReadGfpMask(cpu);
    flags = cpu.IrqSave();
    CacheCpu& c = core_.ThisCpu(cpu, s);
    const ObjectIndex object = cpu.Load(c.top).freelist;
    // node_match().
    const bool matches = request.node == kAnyNode || cpu.Load(c.node) == request.node;
    if (object != kNoObject && matches) {
      found = {.slab = cpu.Load(c.slab), .object = object, .way = Way::kAllocFast};
      StoreList(cpu, c, core_.LoadFreePointer(cpu, s, *found.slab, object));
      core_.Count(cpu, s, SlubStat::kAllocFastpath);
      core_.HandOut(s, *found.slab, object);
      cpu.IrqRestore(flags);
      if (cpu.MayProceed()) return Task<Placement>(Hand(cpu, s, request.gfp, found));
    }
  }
  if (found.slab != nullptr) return EndAlloc(cpu, s, request.gfp, found);
  return AllocFurther(cpu, s, request, flags);
}

// The same, where it takes more than the CPU's list.
Task<Placement> LockedCpuSlabs::AllocFurther(Cpu& cpu, KmemCache& s, SlubAllocRequest request,
                                             IrqFlags flags) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
  const Found found = co_await AllocSlow(cpu, s, request);
  if (found.slab != nullptr) core_.HandOut(s, *found.slab, found.object);
  co_await cpu.IrqRestore(flags);
  co_return Hand(cpu, s, request.gfp, found);
}

Task<Placement> LockedCpuSlabs::EndAlloc(Cpu& cpu, KmemCache& s, Gfp gfp, Found found) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
  co_await cpu.Sync();
  co_return Hand(cpu, s, gfp, found);
}

Placement LockedCpuSlabs::Hand(Cpu& cpu, const KmemCache& s, Gfp gfp, const Found& found) const {
  if (found.slab == nullptr) return {PhysAddr(), PathOf(Way::kAllocFailed)};
  const PhysAddr address = s.AddressOf(*found.slab, found.object);
  core_.ZeroIfAsked(cpu, s, gfp, address);
  return {address, PathOf(found.way)};
}

// __slab_alloc(): what others freed into the CPU's slab, a slab of the nodes' lists, a new one.
Task<LockedCpuSlabs::Found> LockedCpuSlabs::AllocSlow(Cpu& cpu, KmemCache& s,
                                                      SlubAllocRequest request) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocSlow));
  cpu.Execute(kSlubSlowCycles);
  CacheCpu& c = core_.On(s, cpu.id());
  if (Slab* const slab = cpu.Load(c.slab); slab != nullptr) {
    SpinGuard guard = co_await slab->lock.Acquire(cpu);
    const bool matches = request.node == kAnyNode || cpu.Load(c.node) == request.node;
    if (matches) {
      core_.Count(cpu, s, SlubStat::kAllocRefill);  // Even if there is nothing to refill from.
      const ObjectIndex object = LoadFreelist(cpu, s, *slab);
      if (object != kNoObject) {
        guard.Unlock();
        core_.Count(cpu, s, SlubStat::kAllocSlowpath);
        co_return Found{slab, object, Way::kAllocRefill};
      }
    }
    co_await DeactivateSlab(cpu, s, c, std::move(guard));
  }
  const NodeId nearest = request.node == kAnyNode ? cpu.node() : request.node;
  const bool only_there = request.node != kAnyNode;
  LockedSlab partial =
      co_await GetPartial(core_, cpu, s, {.nearest = nearest, .only_there = only_there});
  if (partial.slab != nullptr) {
    Slab& slab = *partial.slab;
    cpu.Store(c.slab, &slab);
    core_.Count(cpu, s, SlubStat::kAllocFromPartial);
    const ObjectIndex object = LoadFreelist(cpu, s, slab);
    CHECK_NE(object, kNoObject);
    partial.guard.Unlock();
    core_.Count(cpu, s, SlubStat::kAllocSlowpath);
    co_return Found{&slab, object, Way::kAllocNodePartial};
  }
  const Found found = co_await NewCpuSlab(cpu, s, request);
  co_return found;
}

// __slab_alloc() at new_slab. Who may wait has interrupts on meanwhile: what then became the CPU's
// slab is flushed.
Task<LockedCpuSlabs::Found> LockedCpuSlabs::NewCpuSlab(Cpu& cpu, KmemCache& s,
                                                       SlubAllocRequest request) {
  if (!gfp_mask_in_hot_path_) core_.ReadGfpMask(cpu);
  const bool waits = Has(request.gfp, Gfp::kDirectReclaim);
  if (waits) co_await cpu.IrqRestore(IrqFlags::kWereOn);
  Slab* const fresh = co_await core_.NewSlab(cpu, s, request);
  if (fresh != nullptr) co_await core_.CountSlab(cpu, s, *fresh);
  if (waits) cpu.IrqSave();
  if (fresh == nullptr) co_return Found{};
  Slab& slab = *fresh;
  core_.Count(cpu, s, SlubStat::kAllocSlab);
  CacheCpu& c = core_.ThisCpu(cpu, s);
  if (cpu.Load(c.slab) != nullptr) co_await FlushSlab(cpu, s, cpu.id());
  const SpinGuard guard = co_await slab.lock.Acquire(cpu);
  LockedWord(cpu, slab).set_frozen(true);
  cpu.Store(c.slab, &slab);
  const ObjectIndex object = LoadFreelist(cpu, s, slab);
  core_.Count(cpu, s, SlubStat::kAllocSlowpath);
  co_return Found{&slab, object, Way::kAllocNewSlab};
}

// __slab_alloc() at load_freelist: the first object for the caller, the others for the CPU.
// REQUIRES: the slab is locked. Answers kNoObject if it has none.
ObjectIndex LockedCpuSlabs::LoadFreelist(Cpu& cpu, KmemCache& s, Slab& slab) {
  const LockedWord word(cpu, slab);
  const ObjectIndex object = word.freelist();
  if (object == kNoObject) return object;
  CacheCpu& c = core_.On(s, cpu.id());
  StoreList(cpu, c, core_.LoadFreePointer(cpu, s, slab, object));
  word.set_inuse(slab.word.Peek().objects);
  word.set_freelist(kNoObject);
  cpu.Store(c.node, core_.NodeOf(cpu, slab));
  return object;
}

// kmem_cache_free().
Task<PathId> LockedCpuSlabs::Free(Cpu& cpu, Slab& slab, PhysAddr object) {
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
    cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
  }
  return FreeObject(cpu, slab, object);
}

// slab_free(): into the CPU's own slab, the mirror image of the fast allocation.
Task<PathId> LockedCpuSlabs::FreeObject(Cpu& cpu, Slab& slab, PhysAddr address) {
  KmemCache& s = *slab.cache;
  const ObjectIndex object = s.IndexOf(slab, address);
  core_.TakeBack(s, slab, object);
  IrqFlags flags{};
  bool is_done = false;
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
    cpu.Execute(kSlubFastCycles);
    flags = cpu.IrqSave();
    CacheCpu& c = core_.ThisCpu(cpu, s);
    if (cpu.Load(c.slab) == &slab) {
      core_.StoreFreePointer(cpu, s, slab, object, cpu.Load(c.top).freelist);
      StoreList(cpu, c, object);
      core_.Count(cpu, s, SlubStat::kFreeFastpath);
      cpu.IrqRestore(flags);
      if (cpu.MayProceed()) return Task<PathId>(PathOf(Way::kFreeFast));
      is_done = true;
    }
  }
  if (is_done) return EndFree(cpu, Way::kFreeFast);
  return FreeFurther(cpu, slab, object, flags);
}

Task<PathId> LockedCpuSlabs::FreeFurther(Cpu& cpu, Slab& slab, ObjectIndex object, IrqFlags flags) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
  const Way way = co_await FreeSlow(cpu, *slab.cache, slab, object);
  co_await cpu.IrqRestore(flags);
  co_return PathOf(way);
}

Task<PathId> LockedCpuSlabs::EndFree(Cpu& cpu, Way way) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
  co_await cpu.Sync();
  co_return PathOf(way);
}

// __slab_free(): into the slab's own list. With its first free object a slab comes to its node's
// list; with its last used one it goes, whatever the node keeps.
Task<LockedCpuSlabs::Way> LockedCpuSlabs::FreeSlow(Cpu& cpu, KmemCache& s, Slab& slab,
                                                   ObjectIndex object) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeSlow));
  cpu.Execute(kSlubSlowCycles);
  core_.Count(cpu, s, SlubStat::kFreeSlowpath);
  SpinGuard guard = co_await slab.lock.Acquire(cpu);
  const LockedWord word(cpu, slab);
  const ObjectIndex prior = word.freelist();
  core_.StoreFreePointer(cpu, s, slab, object, prior);
  word.set_freelist(object);
  const uint16_t inuse = word.inuse();
  CHECK_GT(inuse, 0);
  word.set_inuse(static_cast<uint16_t>(inuse - 1));
  if (word.frozen()) {
    core_.Count(cpu, s, SlubStat::kFreeFrozen);
    co_return Way::kFreeFrozen;
  }
  if (inuse > 1 && prior != kNoObject) co_return Way::kFreePartial;
  CacheNode& n = *core_.GetNode(cpu, s, core_.NodeOf(cpu, slab));
  if (inuse > 1) {
    co_await AddToPartial(cpu, n, slab, ListEnd::kTail);
    core_.Count(cpu, s, SlubStat::kFreeAddPartial);
    co_return Way::kFreeAddPartial;
  }
  if (prior != kNoObject) {
    co_await RemoveFromPartial(cpu, n, slab);
    core_.Count(cpu, s, SlubStat::kFreeRemovePartial);
  }
  guard.Unlock();
  core_.Count(cpu, s, SlubStat::kFreeSlab);
  co_await core_.DiscardSlab(cpu, s, slab);
  co_return Way::kFreeSlab;
}

// deactivate_slab(): the CPU's list goes back into the slab's, object by object, and the slab to
// its node: to the head if there was anything to give back, for that may still be in the CPU's
// caches.
Task<void> LockedCpuSlabs::DeactivateSlab(Cpu& cpu, KmemCache& s, CacheCpu& c, SpinGuard guard) {
  const SiteScope site(cpu, SiteOf(SlubAt::kDeactivate));
  Slab& slab = *cpu.Load(c.slab);
  const LockedWord word(cpu, slab);
  if (word.freelist() != kNoObject) core_.Count(cpu, s, SlubStat::kDeactivateRemoteFrees);
  ListEnd end = ListEnd::kTail;
  for (ObjectIndex object = cpu.Load(c.top).freelist; object != kNoObject;) {
    end = ListEnd::kHead;
    const ObjectIndex next = core_.LoadFreePointer(cpu, s, slab, object);
    StoreList(cpu, c, next);
    core_.StoreFreePointer(cpu, s, slab, object, word.freelist());
    word.set_freelist(object);
    word.set_inuse(static_cast<uint16_t>(word.inuse() - 1));
    object = next;
  }
  cpu.Store(c.slab, nullptr);
  co_await UnfreezeSlab(cpu, s, slab, end, std::move(guard));
}

// unfreeze_slab().
Task<void> LockedCpuSlabs::UnfreezeSlab(Cpu& cpu, KmemCache& s, Slab& slab, ListEnd end,
                                        SpinGuard guard) {
  CacheNode& n = *core_.GetNode(cpu, s, core_.NodeOf(cpu, slab));
  const LockedWord word(cpu, slab);
  word.set_frozen(false);
  if (word.inuse() > 0) {
    if (word.freelist() == kNoObject) {
      core_.Count(cpu, s, SlubStat::kDeactivateFull);
      co_return;
    }
    co_await AddToPartial(cpu, n, slab, end);
    core_.Count(cpu, s,
                end == ListEnd::kTail ? SlubStat::kDeactivateToTail : SlubStat::kDeactivateToHead);
    co_return;
  }
  core_.Count(cpu, s, SlubStat::kDeactivateEmpty);
  const uint64_t nr_partial = co_await cpu.LoadUnlocked(n.nr_partial);
  if (nr_partial < cpu.Load(s.min_partial)) {
    // Behind those that have objects in use, so that these fill up first.
    co_await AddToPartial(cpu, n, slab, ListEnd::kTail);
    co_return;
  }
  guard.Unlock();
  core_.Count(cpu, s, SlubStat::kFreeSlab);
  co_await core_.DiscardSlab(cpu, s, slab);
}

// flush_slab(). REQUIRES: interrupts are off; `owner` is this CPU or off line, and has a slab.
Task<void> LockedCpuSlabs::FlushSlab(Cpu& cpu, KmemCache& s, CpuId owner) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFlush));
  CacheCpu& c = core_.On(s, owner);
  core_.Count(cpu, s, SlubStat::kCpuslabFlush);
  SpinGuard guard = co_await cpu.Load(c.slab)->lock.Acquire(cpu);
  co_await DeactivateSlab(cpu, s, c, std::move(guard));
}

}  // namespace slablab
