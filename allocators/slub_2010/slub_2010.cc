// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB of 2010: allocating and freeing.

#include "allocators/slub_2010/slub_2010.h"

#include "base/check.h"

namespace slablab {
namespace {

constexpr Cycles kFastCycles = 10;  // as kSlubFastCycles and kSlubSlowCycles
constexpr Cycles kSlowCycles = 25;

}  // namespace

Slub2010::Slub2010(Machine& machine, const AllocatorOptions& options)
    : Slub2010Core(
          machine, options,
          {.rules = {.free_link = SlubRules::FreeLink::kFirstWord, .min_partial_halved = false},
           .offsets = {}}),
      gfp_mask_in_hot_path_(!HasQuirk("gfp-mask-in-slow-path")) {}

// slab_alloc(): with interrupts off, the first object of the CPU's own list. As long as nothing
// waits to come in when they are on again, that needs no coroutine.
Task<Placement> Slub2010::Alloc(Cpu& cpu, CacheId id, Gfp gfp, NodeId node) {
  ListCache& s = list_cache(id);
  Found found;
  IrqFlags flags{};
  {
    const SiteScope site(cpu, SiteOf(At::kAllocFast));
    cpu.Execute(kFastCycles);
    if (gfp_mask_in_hot_path_) ReadGfpMask(cpu);
    flags = cpu.IrqSave();
    ListCpu& c = ThisCpu(cpu, s);
    const ObjectIndex object = cpu.Load(c.freelist);
    // node_match().
    const bool matches = node == kAnyNode || cpu.Load(c.node) == node;
    if (object != kNoObject && matches) {
      found = {.slab = cpu.Load(c.slab), .object = object, .way = Way::kAllocFast};
      cpu.Store(c.freelist, LoadFreePointer(cpu, s, *found.slab, object));
      Count(cpu, s, Stat2010::kAllocFastpath);
      HandOut(s, found);
      cpu.IrqRestore(flags);
      if (cpu.MayProceed()) return Task<Placement>(Hand(cpu, s, gfp, found));
    }
  }
  if (found.slab != nullptr) return EndAlloc(cpu, s, gfp, found);
  return AllocFurther(cpu, s, {.gfp = gfp, .node = node}, flags);
}

// The same, where it takes more than the CPU's list.
Task<Placement> Slub2010::AllocFurther(Cpu& cpu, ListCache& s, AllocRequest request,
                                       IrqFlags flags) {
  const SiteScope site(cpu, SiteOf(At::kAllocFast));
  const Found found = co_await AllocSlow(cpu, s, request);
  if (found.slab != nullptr) HandOut(s, found);
  co_await cpu.IrqRestore(flags);
  co_return Hand(cpu, s, request.gfp, found);
}

Task<Placement> Slub2010::EndAlloc(Cpu& cpu, ListCache& s, Gfp gfp, Found found) {
  const SiteScope site(cpu, SiteOf(At::kAllocFast));
  co_await cpu.Sync();
  co_return Hand(cpu, s, gfp, found);
}

void Slub2010::HandOut(ListCache& s, const Found& found) {
  ObjectIndex& pointer = found.slab->free_pointer[found.object];
  CHECK(pointer != kInUse);
  pointer = kInUse;
  AccountHandOut(s);
}

Placement Slub2010::Hand(Cpu& cpu, const ListCache& s, Gfp gfp, const Found& found) const {
  if (found.slab == nullptr) return {PhysAddr(), PathOf(Way::kAllocFailed)};
  const PhysAddr address = s.AddressOf(*found.slab, found.object);
  if (Has(gfp, Gfp::kZero)) Clear(cpu, s, address);
  return {address, PathOf(found.way)};
}

// __slab_alloc(): what others freed into the CPU's slab, a slab of the nodes' lists, a new one.
Task<Slub2010::Found> Slub2010::AllocSlow(Cpu& cpu, ListCache& s, AllocRequest request) {
  const SiteScope site(cpu, SiteOf(At::kAllocSlow));
  cpu.Execute(kSlowCycles);
  ListCpu& c = On(s, cpu.id());
  if (ListSlab* const slab = cpu.Load(c.slab); slab != nullptr) {
    SpinGuard guard = co_await slab->lock.Acquire(cpu);
    const bool matches = request.node == kAnyNode || cpu.Load(c.node) == request.node;
    if (matches) {
      Count(cpu, s, Stat2010::kAllocRefill);  // Even if there is nothing to refill from.
      const ObjectIndex object = LoadFreelist(cpu, s, *slab);
      if (object != kNoObject) {
        guard.Unlock();
        Count(cpu, s, Stat2010::kAllocSlowpath);
        co_return Found{slab, object, Way::kAllocRefill};
      }
    }
    co_await DeactivateSlab(cpu, s, c, std::move(guard));
  }
  LockedSlab partial = co_await GetPartial(cpu, s, request);
  if (partial.slab != nullptr) {
    ListSlab& slab = AsList(*partial.slab);
    cpu.Store(c.slab, &slab);
    Count(cpu, s, Stat2010::kAllocFromPartial);
    const ObjectIndex object = LoadFreelist(cpu, s, slab);
    CHECK_NE(object, kNoObject);
    partial.guard.Unlock();
    Count(cpu, s, Stat2010::kAllocSlowpath);
    co_return Found{&slab, object, Way::kAllocNodePartial};
  }
  const Found found = co_await NewCpuSlab(cpu, s, request);
  co_return found;
}

// __slab_alloc() at new_slab. Who may wait has interrupts on meanwhile: what then became the CPU's
// slab is flushed.
Task<Slub2010::Found> Slub2010::NewCpuSlab(Cpu& cpu, ListCache& s, AllocRequest request) {
  if (!gfp_mask_in_hot_path_) ReadGfpMask(cpu);
  const bool waits = Has(request.gfp, Gfp::kDirectReclaim);
  if (waits) co_await cpu.IrqRestore(IrqFlags::kWereOn);
  Slab2010* const fresh = co_await NewSlab(cpu, s, request);
  if (waits) cpu.IrqSave();
  if (fresh == nullptr) co_return Found{};
  ListSlab& slab = AsList(*fresh);
  Count(cpu, s, Stat2010::kAllocSlab);
  ListCpu& c = ThisCpu(cpu, s);
  if (cpu.Load(c.slab) != nullptr) co_await FlushSlab(cpu, s, cpu.id());
  const SpinGuard guard = co_await slab.lock.Acquire(cpu);
  cpu.Store(slab.frozen, true);
  cpu.Store(c.slab, &slab);
  const ObjectIndex object = LoadFreelist(cpu, s, slab);
  Count(cpu, s, Stat2010::kAllocSlowpath);
  co_return Found{&slab, object, Way::kAllocNewSlab};
}

// __slab_alloc() at load_freelist: the first object for the caller, the others for the CPU.
// REQUIRES: the slab is locked. Answers kNoObject if it has none.
ObjectIndex Slub2010::LoadFreelist(Cpu& cpu, ListCache& s, ListSlab& slab) {
  const ObjectIndex object = cpu.Load(slab.freelist);
  if (object == kNoObject) return object;
  ListCpu& c = On(s, cpu.id());
  cpu.Store(c.freelist, LoadFreePointer(cpu, s, slab, object));
  cpu.Store(slab.inuse, static_cast<uint16_t>(slab.objects));
  cpu.Store(slab.freelist, kNoObject);
  cpu.Store(c.node, NodeOf(cpu, slab));
  return object;
}

// slab_free(): into the CPU's own slab, the mirror image of the fast allocation.
Task<PathId> Slub2010::FreeObject(Cpu& cpu, Cache2010& cache, Slab2010& its_slab,
                                  PhysAddr address) {
  auto& s = static_cast<ListCache&>(cache);
  ListSlab& slab = AsList(its_slab);
  const auto object = static_cast<ObjectIndex>(s.IndexOf(slab, address));
  CHECK(slab.free_pointer[object] == kInUse);  // Else it is free already.
  slab.free_pointer[object] = kNoObject;
  AccountTakeBack(s);
  IrqFlags flags{};
  bool is_done = false;
  {
    const SiteScope site(cpu, SiteOf(At::kFreeFast));
    cpu.Execute(kFastCycles);
    flags = cpu.IrqSave();
    ListCpu& c = ThisCpu(cpu, s);
    if (cpu.Load(c.slab) == &slab) {
      StoreFreePointer(cpu, s, slab, object, cpu.Load(c.freelist));
      cpu.Store(c.freelist, object);
      Count(cpu, s, Stat2010::kFreeFastpath);
      cpu.IrqRestore(flags);
      if (cpu.MayProceed()) return Task<PathId>(PathOf(Way::kFreeFast));
      is_done = true;
    }
  }
  if (is_done) return EndFree(cpu, Way::kFreeFast);
  return FreeFurther(cpu, s, slab, object, flags);
}

Task<PathId> Slub2010::FreeFurther(Cpu& cpu, ListCache& s, ListSlab& slab, ObjectIndex object,
                                   IrqFlags flags) {
  const SiteScope site(cpu, SiteOf(At::kFreeFast));
  const Way way = co_await FreeSlow(cpu, s, slab, object);
  co_await cpu.IrqRestore(flags);
  co_return PathOf(way);
}

Task<PathId> Slub2010::EndFree(Cpu& cpu, Way way) {
  const SiteScope site(cpu, SiteOf(At::kFreeFast));
  co_await cpu.Sync();
  co_return PathOf(way);
}

// __slab_free(): into the slab's own list. With its first free object a slab comes to its node's
// list; with its last used one it goes, whatever the node keeps.
Task<Slub2010::Way> Slub2010::FreeSlow(Cpu& cpu, ListCache& s, ListSlab& slab, ObjectIndex object) {
  const SiteScope site(cpu, SiteOf(At::kFreeSlow));
  cpu.Execute(kSlowCycles);
  Count(cpu, s, Stat2010::kFreeSlowpath);
  SpinGuard guard = co_await slab.lock.Acquire(cpu);
  const ObjectIndex prior = cpu.Load(slab.freelist);
  StoreFreePointer(cpu, s, slab, object, prior);
  cpu.Store(slab.freelist, object);
  const uint16_t inuse = cpu.Load(slab.inuse);
  CHECK_GT(inuse, 0);
  cpu.Store(slab.inuse, static_cast<uint16_t>(inuse - 1));
  if (cpu.Load(slab.frozen)) {
    Count(cpu, s, Stat2010::kFreeFrozen);
    co_return Way::kFreeFrozen;
  }
  if (inuse > 1 && prior != kNoObject) co_return Way::kFreePartial;
  Node2010& n = *GetNode(cpu, s, NodeOf(cpu, slab));
  if (inuse > 1) {
    co_await AddToPartial(cpu, n, slab, ListEnd::kTail);
    Count(cpu, s, Stat2010::kFreeAddPartial);
    co_return Way::kFreeAddPartial;
  }
  if (prior != kNoObject) {
    co_await RemoveFromPartial(cpu, n, slab);
    Count(cpu, s, Stat2010::kFreeRemovePartial);
  }
  guard.Unlock();
  Count(cpu, s, Stat2010::kFreeSlab);
  co_await DiscardSlab(cpu, s, slab);
  co_return Way::kFreeSlab;
}

// deactivate_slab(): the CPU's list goes back into the slab's, object by object, and the slab to
// its node: to the head if there was anything to give back, for that may still be in the CPU's
// caches.
Task<void> Slub2010::DeactivateSlab(Cpu& cpu, ListCache& s, ListCpu& c, SpinGuard guard) {
  const SiteScope site(cpu, SiteOf(At::kDeactivate));
  ListSlab& slab = *cpu.Load(c.slab);
  if (cpu.Load(slab.freelist) != kNoObject) Count(cpu, s, Stat2010::kDeactivateRemoteFrees);
  ListEnd end = ListEnd::kTail;
  for (ObjectIndex object = cpu.Load(c.freelist); object != kNoObject;) {
    end = ListEnd::kHead;
    const ObjectIndex next = LoadFreePointer(cpu, s, slab, object);
    cpu.Store(c.freelist, next);
    StoreFreePointer(cpu, s, slab, object, cpu.Load(slab.freelist));
    cpu.Store(slab.freelist, object);
    cpu.Store(slab.inuse, static_cast<uint16_t>(cpu.Load(slab.inuse) - 1));
    object = next;
  }
  cpu.Store(c.slab, nullptr);
  co_await UnfreezeSlab(cpu, s, slab, end, std::move(guard));
}

// unfreeze_slab().
Task<void> Slub2010::UnfreezeSlab(Cpu& cpu, ListCache& s, ListSlab& slab, ListEnd end,
                                  SpinGuard guard) {
  Node2010& n = *GetNode(cpu, s, NodeOf(cpu, slab));
  cpu.Store(slab.frozen, false);
  if (cpu.Load(slab.inuse) > 0) {
    if (cpu.Load(slab.freelist) == kNoObject) {
      Count(cpu, s, Stat2010::kDeactivateFull);
      co_return;
    }
    co_await AddToPartial(cpu, n, slab, end);
    Count(cpu, s,
          end == ListEnd::kTail ? Stat2010::kDeactivateToTail : Stat2010::kDeactivateToHead);
    co_return;
  }
  Count(cpu, s, Stat2010::kDeactivateEmpty);
  const uint64_t nr_partial = co_await cpu.LoadUnlocked(n.nr_partial);
  if (nr_partial < cpu.Load(s.min_partial)) {
    // Behind those that have objects in use, so that these fill up first.
    co_await AddToPartial(cpu, n, slab, ListEnd::kTail);
    co_return;
  }
  guard.Unlock();
  Count(cpu, s, Stat2010::kFreeSlab);
  co_await DiscardSlab(cpu, s, slab);
}

// flush_slab(). REQUIRES: interrupts are off; `owner` is this CPU or off line, and has a slab.
Task<void> Slub2010::FlushSlab(Cpu& cpu, ListCache& s, CpuId owner) {
  const SiteScope site(cpu, SiteOf(At::kFlush));
  ListCpu& c = On(s, owner);
  Count(cpu, s, Stat2010::kCpuslabFlush);
  SpinGuard guard = co_await cpu.Load(c.slab)->lock.Acquire(cpu);
  co_await DeactivateSlab(cpu, s, c, std::move(guard));
}

}  // namespace slablab
