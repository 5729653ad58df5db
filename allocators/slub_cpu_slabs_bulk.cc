// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB's allocation and freeing of many objects at a time.

#include "allocators/slub_cpu_slabs.h"
#include "sim/check.h"

namespace slablab {

// kmem_cache_alloc_bulk(): with interrupts off, straight from the CPU's list; where that is empty,
// the slow path fills it again.
Task<size_t> CpuSlabs::AllocBulk(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> objects) {
  const SiteScope site(cpu, SiteOf(SlubAt::kBulkAlloc));
  cpu.Execute(kSlubFastCycles);
  CacheCpu& c = core_.ThisCpu(cpu, s);
  IrqFlags flags = cpu.IrqSave();
  for (size_t i = 0; i < objects.size(); ++i) {
    const CpuTop top = cpu.Load(c.top);
    if (top.freelist != kNoObject) {
      Slab& slab = *c.slab.Peek();
      // The tid grows at the end only: interrupts are off.
      cpu.Store(c.top,
                {.tid = top.tid, .freelist = core_.LoadFreePointer(cpu, s, slab, top.freelist)});
      core_.HandOut(s, slab, top.freelist);
      if (core_.policy().counts_bulk_objects) core_.Count(cpu, c, SlubStat::kAllocFastpath);
      objects[i] = s.AddressOf(slab, top.freelist);
      continue;
    }
    cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = kNoObject});
    co_await cpu.IrqRestore(flags);
    const Placement placement = co_await AllocSlow(cpu, s, {.gfp = gfp});
    if (placement.object.is_null()) {
      co_await KfreeBulk(cpu, objects.subspan(0, i));
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
Task<void> CpuSlabs::FreeBulk(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects) {
  for (PhysAddr object : objects) CHECK(core_.SlabOf(object)->cache == &s);
  return KfreeBulk(cpu, objects);
}

Task<void> CpuSlabs::KfreeBulk(Cpu& cpu, absl::Span<PhysAddr> objects) {
  const SiteScope site(cpu, SiteOf(SlubAt::kBulkFree));
  cpu.Execute(kSlubFastCycles);
  core_.TakeBackAll(objects);
  while (!objects.empty()) {
    SlubCore::Detached detached = core_.BuildDetachedFreelist(cpu, objects);
    if (detached.slab == nullptr) {
      co_await core_.FreeLarge(cpu, objects.back());
    } else {
      KmemCache& s = *detached.slab->cache;
      core_.ReverseChain(cpu, s, *detached.slab, &detached.chain);
      co_await FreeChain(cpu, s, *detached.slab, detached.chain);
    }
    objects = objects.subspan(0, detached.left);
  }
}

}  // namespace slablab
