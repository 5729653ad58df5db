// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB's allocation and freeing of many objects at a time.

#include <utility>

#include "allocators/slub.h"
#include "sim/check.h"

namespace slablab {

// kmem_cache_alloc_bulk(): with interrupts off, straight from the CPU's list; where that is empty,
// the slow path fills it again.
Task<size_t> Slub::AllocBulk(Cpu& cpu, CacheId id, Gfp gfp, absl::Span<PhysAddr> objects) {
  KmemCache& s = cache(id);
  const SiteScope site(cpu, SiteOf(At::kBulkAlloc));
  cpu.Execute(kSlubFastCycles);
  CacheCpu& c = ThisCpu(cpu, s);
  IrqFlags flags = cpu.IrqSave();
  for (size_t i = 0; i < objects.size(); ++i) {
    const CpuTop top = cpu.Load(c.top);
    if (top.freelist != kNoObject) {
      Slab& slab = *c.slab.Peek();
      // The tid grows at the end only: interrupts are off.
      cpu.Store(c.top, {.tid = top.tid, .freelist = LoadFreePointer(cpu, s, slab, top.freelist)});
      HandOut(s, slab, top.freelist);
      objects[i] = s.AddressOf(slab, top.freelist);
      continue;
    }
    cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = kNoObject});
    co_await cpu.IrqRestore(flags);
    const Placement placement = co_await AllocSlow(cpu, s, {.gfp = gfp});
    if (placement.object.is_null()) {
      co_await FreeBulk(cpu, id, objects.subspan(0, i));
      co_return 0;
    }
    objects[i] = placement.object;
    flags = cpu.IrqSave();
  }
  const CpuTop top = cpu.Load(c.top);
  cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = top.freelist});
  co_await cpu.IrqRestore(flags);
  if (Has(gfp, Gfp::kZero)) {
    for (PhysAddr object : objects) {
      cpu.TouchRange({object, Structure::kObject}, s.geometry.object_size, Access::kWrite);
    }
  }
  co_return objects.size();
}

// kmem_cache_free_bulk(): objects of one slab are freed together, as far as a short look finds
// them.
Task<void> Slub::FreeBulk(Cpu& cpu, CacheId id, absl::Span<PhysAddr> objects) {
  const SiteScope site(cpu, SiteOf(At::kBulkFree));
  cpu.Execute(kSlubFastCycles);
  while (!objects.empty()) {
    const Detached detached = BuildDetachedFreelist(cpu, objects);
    CHECK(detached.slab->cache == &cache(id));
    co_await FreeChain(cpu, cache(id), *detached.slab, detached.chain);
    objects = objects.subspan(0, detached.left);
  }
}

// build_detached_freelist(): from the end of the array, the last object and those of its slab,
// until three of other slabs were met. What is left stands in front afterwards.
Slub::Detached Slub::BuildDetachedFreelist(Cpu& cpu, absl::Span<PhysAddr> objects) {
  int lookahead = 3;
  size_t at = objects.size() - 1;
  const PhysAddr last = objects[at];
  Slab& slab = *SlabOf(last);
  KmemCache& s = *slab.cache;
  cpu.Touch(slab.PageOf(last.frame()), Access::kRead);
  const ObjectIndex tail = s.IndexOf(slab, last);
  TakeBack(s, slab, tail);
  StoreFreePointer(cpu, s, slab, tail, kNoObject);
  Detached detached{.slab = &slab, .chain = {.head = tail, .tail = tail, .count = 1}, .left = at};
  while (at > 0) {
    const PhysAddr object = objects[--at];
    Slab* const its_slab = SlabOf(object);
    CHECK(its_slab != nullptr);
    cpu.Touch(its_slab->PageOf(object.frame()), Access::kRead);
    if (its_slab == &slab) {
      const ObjectIndex index = s.IndexOf(slab, object);
      TakeBack(s, slab, index);
      StoreFreePointer(cpu, s, slab, index, detached.chain.head);
      detached.chain.head = index;
      ++detached.chain.count;
      --detached.left;
      if (at != detached.left) std::swap(objects[at], objects[detached.left]);
      continue;
    }
    if (--lookahead == 0) break;
  }
  return detached;
}

}  // namespace slablab
