// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB's allocation, from the fast path down to the page allocator.

#include "allocators/slub.h"
#include "sim/check.h"

namespace slablab {

// slab_alloc_node(): the fast path takes the first object of the CPU's own list, without locks and
// without switching interrupts off. As long as nothing can come in between it needs no coroutine.
Task<Placement> Slub::Alloc(Cpu& cpu, CacheId id, Gfp gfp, NodeId node) {
  KmemCache& s = cache(id);
  FastAlloc fast;
  bool serves;
  {
    const SiteScope site(cpu, SiteOf(At::kAllocFast));
    cpu.Execute(kSlubFastCycles);
    serves = PrepareFastAlloc(cpu, s, node, &fast);
    if (serves && cpu.MayProceed()) {
      CHECK(CommitFastAlloc(cpu, s, fast));
      const PhysAddr object = s.AddressOf(*fast.slab, fast.top.freelist);
      ZeroIfAsked(cpu, s, gfp, object);
      return Task<Placement>(Placement{object, PathOf(Way::kAllocFast)});
    }
  }
  return AllocFrom(cpu, s, {.gfp = gfp, .node = node}, fast, serves);
}

// The same, from the compare-and-exchange on.
Task<Placement> Slub::AllocFrom(Cpu& cpu, KmemCache& s, AllocRequest request, FastAlloc fast,
                                bool serves) {
  const SiteScope site(cpu, SiteOf(At::kAllocFast));
  Placement placement;
  for (;;) {
    if (!serves) {
      placement = co_await AllocSlow(cpu, s, request);
      break;
    }
    co_await cpu.Sync();
    if (CommitFastAlloc(cpu, s, fast)) {
      placement = {s.AddressOf(*fast.slab, fast.top.freelist), PathOf(Way::kAllocFast)};
      break;
    }
    // An interrupt allocated or freed here in between.
    Count(cpu, *fast.c, SlubStat::kCmpxchgDoubleCpuFail);
    serves = PrepareFastAlloc(cpu, s, request.node, &fast);
  }
  ZeroIfAsked(cpu, s, request.gfp, placement.object);
  co_return placement;
}

// What the fast path reads. Answers whether the CPU has a slab that serves.
inline bool Slub::PrepareFastAlloc(Cpu& cpu, KmemCache& s, NodeId node, FastAlloc* fast) {
  CacheCpu& c = ThisCpu(cpu, s);
  fast->c = &c;
  fast->top = cpu.Load(c.top);
  fast->slab = cpu.Load(c.slab);
  if (fast->top.freelist == kNoObject || fast->slab == nullptr) return false;
  if (!NodeMatch(cpu, *fast->slab, node)) return false;
  fast->next = LoadFreePointer(cpu, s, *fast->slab, fast->top.freelist);
  return true;
}

// And what it does with it, if that is still so.
inline bool Slub::CommitFastAlloc(Cpu& cpu, KmemCache& s, const FastAlloc& fast) {
  const CpuTop after = {.tid = fast.top.tid + kTidStep, .freelist = fast.next};
  if (!cpu.ThisCpuCmpxchgNow(fast.c->top, fast.top, after)) return false;
  Count(cpu, *fast.c, SlubStat::kAllocFastpath);
  HandOut(s, *fast.slab, fast.top.freelist);
  return true;
}

inline void Slub::ZeroIfAsked(Cpu& cpu, const KmemCache& s, Gfp gfp, PhysAddr object) {
  if (!Has(gfp, Gfp::kZero) || object.is_null()) return;
  cpu.TouchRange({object, Structure::kObject}, s.geometry.object_size, Access::kWrite);
}

// ___slab_alloc(): the CPU's list is empty, or its slab is on the wrong node. In order: what others
// freed into the CPU's slab, the CPU's partial list, the nodes' partial lists, a new slab.
Task<Placement> Slub::AllocSlow(Cpu& cpu, KmemCache& s, AllocRequest request) {
  const SiteScope site(cpu, SiteOf(At::kAllocSlow));
  cpu.Execute(kSlubSlowCycles);
  CacheCpu& c = On(s, cpu.id());
  Count(cpu, c, SlubStat::kAllocSlowpath);
  Way way = Way::kAllocRefill;
  Slab* slab = cpu.Load(c.slab);
  // A node without memory asks for nothing.
  if (slab == nullptr && request.node != kAnyNode && !HasMemory(request.node)) {
    request.node = kAnyNode;
  }
  Loot loot;
  for (;;) {
    if (slab != nullptr) {
      const CpuSlabUse use = co_await UseCpuSlab(cpu, s, *slab, &request.node);
      if (use.result == CpuSlabUse::Result::kObject) {
        HandOut(s, *slab, use.object);
        co_return Placement{s.AddressOf(*slab, use.object), PathOf(way)};
      }
      if (use.result == CpuSlabUse::Result::kReread) {
        slab = cpu.Load(c.slab);
        continue;
      }
    }
    const NextPartial next = co_await TakeCpuPartial(cpu, s);
    if (next.reread) {
      slab = cpu.Load(c.slab);
      continue;
    }
    if (next.slab != nullptr) {
      slab = next.slab;
      way = Way::kAllocCpuPartial;
      continue;
    }
    loot = co_await FindSlab(cpu, s, request);
    if (loot.slab == nullptr) co_return Placement{PhysAddr(), PathOf(Way::kAllocFailed)};
    break;
  }
  const ObjectIndex object = co_await LoadSlab(cpu, s, loot);
  HandOut(s, *loot.slab, object);
  co_return Placement{s.AddressOf(*loot.slab, object), PathOf(loot.way)};
}

// node_match().
bool Slub::NodeMatch(Cpu& cpu, const Slab& slab, NodeId node) {
  return node == kAnyNode || NodeOf(cpu, slab) == node;
}

// ___slab_alloc() from redo: on: an object of the CPU's slab; or the slab is given up, because it
// is on the wrong node or has nothing left.
Task<Slub::CpuSlabUse> Slub::UseCpuSlab(Cpu& cpu, KmemCache& s, Slab& slab, NodeId* node) {
  CacheCpu& c = On(s, cpu.id());
  bool mismatch = false;
  if (!NodeMatch(cpu, slab, *node)) {
    mismatch = HasMemory(*node);
    if (!mismatch) *node = kAnyNode;
  }
  if (mismatch) Count(cpu, s, SlubStat::kAllocNodeMismatch);
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
      Count(cpu, s, SlubStat::kDeactivateBypass);
      co_return CpuSlabUse{.result = CpuSlabUse::Result::kNewSlab};
    }
    Count(cpu, s, SlubStat::kAllocRefill);
  }
  const ObjectIndex object = LoadFreelist(cpu, s, slab, freelist);
  co_await cpu.IrqRestore(flags);
  co_return CpuSlabUse{.result = CpuSlabUse::Result::kObject, .object = object};
}

// get_freelist(): takes what others freed into the CPU's slab; a slab with nothing is let go.
Task<ObjectIndex> Slub::GetFreelist(Cpu& cpu, KmemCache& s, Slab& slab) {
  for (;;) {
    const SlabWord seen = co_await cpu.Load(slab.word);
    CHECK(seen.frozen);
    const SlabWord taken = {.freelist = kNoObject,
                            .inuse = seen.objects,
                            .objects = seen.objects,
                            .frozen = seen.freelist != kNoObject};
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, taken);
    if (done) co_return seen.freelist;
    Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
  }
}

// ___slab_alloc() at load_freelist: the first object for the caller, the others for the fast path.
// REQUIRES: interrupts are off.
ObjectIndex Slub::LoadFreelist(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex freelist) {
  CHECK(!cpu.irqs_enabled());
  CacheCpu& c = On(s, cpu.id());
  const CpuTop top = cpu.Load(c.top);
  const ObjectIndex rest = LoadFreePointer(cpu, s, slab, freelist);
  cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = rest});
  return freelist;
}

// ___slab_alloc() at new_slab: the first slab of the CPU's partial list becomes the CPU's slab.
Task<Slub::NextPartial> Slub::TakeCpuPartial(Cpu& cpu, KmemCache& s) {
  CacheCpu& c = On(s, cpu.id());
  if (cpu.Load(c.partial) == nullptr) co_return NextPartial{};
  co_await cpu.Sync();
  const IrqFlags flags = cpu.IrqSave();
  if (cpu.Load(c.slab) != nullptr) {
    co_await cpu.IrqRestore(flags);
    co_return NextPartial{.reread = true};
  }
  Slab* const slab = cpu.Load(c.partial);
  if (slab == nullptr) {
    co_await cpu.IrqRestore(flags);
    co_return NextPartial{};
  }
  cpu.Store(c.slab, slab);
  cpu.Store(c.partial, cpu.Load(slab->partial).next);
  co_await cpu.IrqRestore(flags);
  Count(cpu, s, SlubStat::kCpuPartialAlloc);
  co_return NextPartial{.slab = slab};
}

// ___slab_alloc() at new_objects: a slab from the partial lists, else a new one.
Task<Slub::Loot> Slub::FindSlab(Cpu& cpu, KmemCache& s, AllocRequest request) {
  const Loot found = co_await GetPartial(cpu, s, request.node);
  if (found.slab != nullptr) co_return found;
  Slab* const slab = co_await NewSlab(cpu, s, request);
  if (slab == nullptr) co_return Loot{};
  Count(cpu, s, SlubStat::kAllocSlab);
  // Nobody else knows of the slab yet: plain stores.
  SlabWord word = slab->word.Peek();
  const Loot loot = {.slab = slab, .freelist = word.freelist, .way = Way::kAllocNewSlab};
  word.freelist = kNoObject;
  word.inuse = word.objects;
  word.frozen = true;
  cpu.Touch(slab->word.place(), Access::kWrite);
  slab->word.Poke(word);
  co_await CountSlab(cpu, s, *slab);
  co_return loot;
}

// ___slab_alloc() at retry_load_slab: installs the slab as the CPU's. What an interrupt installed
// meanwhile is deactivated.
Task<ObjectIndex> Slub::LoadSlab(Cpu& cpu, KmemCache& s, Loot loot) {
  CacheCpu& c = On(s, cpu.id());
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
    Count(cpu, s, SlubStat::kCpuslabFlush);
  }
}

}  // namespace slablab
