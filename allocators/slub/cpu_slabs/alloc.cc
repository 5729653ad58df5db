// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB's allocation, from the fast path down to the page allocator.

#include "allocators/slub/cpu_slabs/cpu_slabs.h"
#include "base/check.h"

namespace slablab {

// The same, from the compare-and-exchange on.
Task<Placement> CpuSlabs::AllocFrom(Cpu& cpu, KmemCache& s, SlubAllocRequest request,
                                    FastAlloc fast, bool serves) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
  Placement placement;
  for (;;) {
    if (!serves) {
      const Found found = co_await FindObject(cpu, s, request);
      placement.path = PathOf(found.way);
      if (found.slab == nullptr) break;
      core_.HandOut(s, *found.slab, found.object);
      placement.object = s.AddressOf(*found.slab, found.object);
      break;
    }
    co_await cpu.Sync();
    if (CommitFastAlloc(cpu, s, fast)) {
      placement = {s.AddressOf(*fast.slab, fast.top.freelist), PathOf(SlubWay::kAllocFast)};
      break;
    }
    // An interrupt allocated or freed here in between.
    core_.Count(cpu, *fast.c, SlubStat::kCmpxchgDoubleCpuFail);
    serves = PrepareFastAlloc(cpu, s, request.node, &fast);
  }
  core_.ZeroIfAsked(cpu, s, request.gfp, placement.object);
  co_return placement;
}

// ___slab_alloc(): the CPU's list is empty, or its slab is on the wrong node. In order: what others
// freed into the CPU's slab, the CPU's partial list, the nodes' partial lists, a new slab.
Task<CpuSlabs::Found> CpuSlabs::FindObject(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocSlow));
  cpu.Execute(kSlubSlowCycles);
  CacheCpu& c = core_.On(s, cpu.id());
  core_.Count(cpu, c, SlubStat::kAllocSlowpath);
  SlubWay way = SlubWay::kAllocRefill;
  Slab* slab = cpu.Load(c.slab);
  // A node without memory asks for nothing.
  if (slab == nullptr && request.node != kAnyNode && !core_.HasMemory(request.node)) {
    request.node = kAnyNode;
  }
  Loot loot;
  for (;;) {
    if (slab != nullptr) {
      const CpuSlabUse use = co_await UseCpuSlab(cpu, s, *slab, &request.node);
      if (use.result == CpuSlabUse::Result::kObject) {
        co_return Found{.slab = slab, .object = use.object, .way = way};
      }
      if (use.result == CpuSlabUse::Result::kReread) {
        slab = cpu.Load(c.slab);
        continue;
      }
    }
    const NextPartial next = co_await TakeCpuPartial(cpu, s, request.node);
    if (next.reread) {
      slab = cpu.Load(c.slab);
      continue;
    }
    if (next.object != kNoObject) {
      co_return Found{.slab = next.slab, .object = next.object, .way = SlubWay::kAllocCpuPartial};
    }
    if (next.slab != nullptr) {
      slab = next.slab;
      way = SlubWay::kAllocCpuPartial;
      continue;
    }
    loot = co_await FindSlab(cpu, s, request);
    if (loot.slab == nullptr) co_return Found{};
    break;
  }
  ObjectIndex object = loot.single;
  if (object == kNoObject) object = co_await LoadSlab(cpu, s, loot);
  co_return Found{.slab = loot.slab, .object = object, .way = loot.way};
}

// ___slab_alloc() from redo: on: an object of the CPU's slab; or the slab is given up, because it
// is on the wrong node or has nothing left.
Task<CpuSlabs::CpuSlabUse> CpuSlabs::UseCpuSlab(Cpu& cpu, KmemCache& s, Slab& slab, NodeId* node) {
  CacheCpu& c = core_.On(s, cpu.id());
  bool mismatch = false;
  if (!NodeMatch(cpu, slab, *node)) {
    mismatch = core_.HasMemory(*node);
    if (!mismatch) *node = kAnyNode;
  }
  if (mismatch) core_.Count(cpu, s, SlubStat::kAllocNodeMismatch);
  // The last point at which an interrupt may take the slab away.
  co_await cpu.Sync();
  const IrqFlags flags = cpu.IrqSave();
  if (cpu.Load(c.slab) != &slab) {
    co_await cpu.IrqRestore(flags);
    co_return CpuSlabUse{.result = CpuSlabUse::Result::kReread};
  }
  const CpuTop top = cpu.Load(c.top);
  if (mismatch) {
    cpu.Store(c.slab, nullptr);
    cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = kNoObject});
    co_await cpu.IrqRestore(flags);
    co_await DeactivateSlab(cpu, s, slab, top.freelist);
    co_return CpuSlabUse{.result = CpuSlabUse::Result::kNewSlab};
  }
  ObjectIndex freelist = top.freelist;  // Not empty if an interrupt filled it.
  if (freelist == kNoObject) {
    freelist = co_await GetFreelist(cpu, s, slab);
    if (freelist == kNoObject) {
      cpu.Store(c.slab, nullptr);
      cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = kNoObject});
      co_await cpu.IrqRestore(flags);
      core_.Count(cpu, s, SlubStat::kDeactivateBypass);
      co_return CpuSlabUse{.result = CpuSlabUse::Result::kNewSlab};
    }
    core_.Count(cpu, s, SlubStat::kAllocRefill);
  }
  const ObjectIndex object = LoadFreelist(cpu, s, slab, freelist);
  co_await cpu.IrqRestore(flags);
  co_return CpuSlabUse{.result = CpuSlabUse::Result::kObject, .object = object};
}

// get_freelist(): takes what others freed into the CPU's slab, or all of a slab that becomes it; a
// slab with nothing is let go.
Task<ObjectIndex> CpuSlabs::GetFreelist(Cpu& cpu, KmemCache& s, Slab& slab) {
  for (;;) {
    const SlabWord seen = co_await cpu.Load(slab.word);
    CHECK(seen.frozen || !core_.policy().freezes_cpu_partials);
    const SlabWord taken = {.freelist = kNoObject,
                            .inuse = seen.objects,
                            .objects = seen.objects,
                            .frozen = seen.freelist != kNoObject};
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, taken);
    if (done) co_return seen.freelist;
    core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
  }
}

// ___slab_alloc() at load_freelist: the first object for the caller, the others for the fast path.
// REQUIRES: interrupts are off.
ObjectIndex CpuSlabs::LoadFreelist(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex freelist) {
  CHECK(!cpu.irqs_enabled());
  CacheCpu& c = core_.On(s, cpu.id());
  const CpuTop top = cpu.Load(c.top);
  const ObjectIndex rest = core_.LoadFreePointer(cpu, s, slab, freelist);
  cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = rest});
  return freelist;
}

// ___slab_alloc() at new_slab: the first slab of the CPU's partial list becomes the CPU's slab.
// Where such slabs are frozen it is as any other CPU's slab then, and may be of the wrong node;
// else its first object is taken at once, and slabs of other nodes go to their nodes.
Task<CpuSlabs::NextPartial> CpuSlabs::TakeCpuPartial(Cpu& cpu, KmemCache& s, NodeId node) {
  CacheCpu& c = core_.On(s, cpu.id());
  const bool is_frozen = core_.policy().freezes_cpu_partials;
  while (cpu.Load(c.partial) != nullptr) {
    co_await cpu.Sync();
    const IrqFlags flags = cpu.IrqSave();
    if (cpu.Load(c.slab) != nullptr) {
      co_await cpu.IrqRestore(flags);
      co_return NextPartial{.reread = true};
    }
    Slab* const slab = cpu.Load(c.partial);
    if (slab == nullptr) {
      co_await cpu.IrqRestore(flags);
      break;
    }
    if (is_frozen) cpu.Store(c.slab, slab);
    cpu.Store(c.partial, cpu.Load(slab->partial).next);
    if (is_frozen) {
      co_await cpu.IrqRestore(flags);
      core_.Count(cpu, s, SlubStat::kCpuPartialAlloc);
      co_return NextPartial{.slab = slab};
    }
    if (NodeMatch(cpu, *slab, node)) {
      cpu.Store(c.slab, slab);
      const ObjectIndex freelist = co_await GetFreelist(cpu, s, *slab);
      CHECK(freelist != kNoObject);
      core_.Count(cpu, s, SlubStat::kCpuPartialAlloc);
      const ObjectIndex object = LoadFreelist(cpu, s, *slab, freelist);
      co_await cpu.IrqRestore(flags);
      co_return NextPartial{.slab = slab, .object = object};
    }
    co_await cpu.IrqRestore(flags);
    cpu.Store(slab->partial, {.next = nullptr, .slabs = cpu.Load(slab->partial).slabs});
    co_await PutPartials(cpu, s, slab);
  }
  co_return NextPartial{};
}

// ___slab_alloc() at new_objects: a slab from the partial lists, else a new one. Who has a wish but
// no claim gets at first, in eras of two passes, only what that node has without trouble.
Task<CpuSlabs::Loot> CpuSlabs::FindSlab(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  const bool tries_there_first = core_.policy().wish_in_two_passes && request.node != kAnyNode &&
                                 !Has(request.gfp, Gfp::kThisNode);
  if (tries_there_first) {
    const SlubAllocRequest there = {.gfp = kGfpNoWait | Gfp::kNoWarn | Gfp::kThisNode,
                                    .node = request.node};
    const Loot loot = co_await SearchOnce(cpu, s, there);
    if (loot.slab != nullptr) co_return loot;
  }
  const Loot loot = co_await SearchOnce(cpu, s, request);
  co_return loot;
}

Task<CpuSlabs::Loot> CpuSlabs::SearchOnce(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  Loot loot = co_await GetPartial(cpu, s, request);
  if (loot.slab != nullptr) {
    if (loot.single == kNoObject && !core_.policy().freezes_cpu_partials) {
      loot.freelist = co_await FreezeSlab(cpu, s, *loot.slab);
    }
    co_return loot;
  }
  Slab* const slab = co_await core_.NewSlab(cpu, s, request);
  if (slab == nullptr) co_return Loot{};
  core_.Count(cpu, s, SlubStat::kAllocSlab);
  loot = {.slab = slab, .way = SlubWay::kAllocNewSlab};
  if (s.is_debug) {
    loot.single = co_await core_.TakeSingleOfNew(cpu, s, *slab);
    co_return loot;
  }
  // Nobody else knows of the slab yet: plain stores.
  SlabWord word = slab->word.Peek();
  loot.freelist = word.freelist;
  word.freelist = kNoObject;
  word.inuse = word.objects;
  word.frozen = true;
  cpu.Touch(slab->word.place(), Access::kWrite);
  slab->word.Poke(word);
  co_await core_.CountSlab(cpu, s, *slab);
  co_return loot;
}

// ___slab_alloc() at retry_load_slab: installs the slab as the CPU's. What an interrupt installed
// meanwhile is deactivated.
Task<ObjectIndex> CpuSlabs::LoadSlab(Cpu& cpu, KmemCache& s, Loot loot) {
  CacheCpu& c = core_.On(s, cpu.id());
  for (;;) {
    const IrqFlags flags = cpu.IrqSave();
    Slab* const other = cpu.Load(c.slab);
    if (other == nullptr) {
      cpu.Store(c.slab, loot.slab);
      const ObjectIndex object = LoadFreelist(cpu, s, *loot.slab, loot.freelist);
      co_await cpu.IrqRestore(flags);
      co_return object;
    }
    const CpuTop top = cpu.Load(c.top);
    cpu.Store(c.slab, nullptr);
    cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = kNoObject});
    co_await cpu.IrqRestore(flags);
    co_await DeactivateSlab(cpu, s, *other, top.freelist);
    core_.Count(cpu, s, SlubStat::kCpuslabFlush);
  }
}

}  // namespace slablab
