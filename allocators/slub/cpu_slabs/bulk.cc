// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB's allocation and freeing of many objects at a time.

#include "allocators/slub/cpu_slabs/cpu_slabs.h"
#include "base/check.h"

namespace slablab {

// kmem_cache_alloc_bulk().
Task<size_t> CpuSlabs::AllocBulk(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> objects) {
  const SiteScope site(cpu, SiteOf(SlubAt::kBulkAlloc));
  cpu.Execute(kSlubFastCycles);
  const bool got = co_await AllocArray(cpu, s, gfp, objects);
  if (!got) co_return 0;
  for (PhysAddr object : objects) {
    Slab& slab = *core_.SlabOf(object);
    core_.HandOut(s, slab, s.IndexOf(slab, object));
    core_.ZeroIfAsked(cpu, s, gfp, object);
  }
  co_return objects.size();
}

// With interrupts off, straight from the CPU's list; where that is empty, the slow path fills it
// again.
Task<bool> CpuSlabs::AllocArray(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into) {
  CacheCpu& c = core_.ThisCpu(cpu, s);
  IrqFlags flags = cpu.IrqSave();
  for (size_t i = 0; i < into.size(); ++i) {
    const CpuTop top = cpu.Load(c.top);
    if (top.freelist != kNoObject) {
      Slab& slab = *c.slab.Peek();
      // The tid grows at the end only: interrupts are off.
      cpu.Store(c.top,
                {.tid = top.tid, .freelist = core_.LoadFreePointer(cpu, s, slab, top.freelist)});
      if (core_.policy().counts_bulk_objects) core_.Count(cpu, c, SlubStat::kAllocFastpath);
      slab.free_pointer[top.freelist] = kInSheaf;
      into[i] = s.AddressOf(slab, top.freelist);
      continue;
    }
    cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = kNoObject});
    co_await cpu.IrqRestore(flags);
    const Found found = co_await FindObject(cpu, s, {.gfp = gfp});
    if (found.slab == nullptr) {
      co_await FreeArray(cpu, s, into.subspan(0, i));
      co_return false;
    }
    found.slab->free_pointer[found.object] = kInSheaf;
    into[i] = s.AddressOf(*found.slab, found.object);
    flags = cpu.IrqSave();
  }
  const CpuTop top = cpu.Load(c.top);
  cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = top.freelist});
  co_await cpu.IrqRestore(flags);
  co_return true;
}

Task<uint32_t> CpuSlabs::Refill(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into) {
  const bool got = co_await AllocArray(cpu, s, gfp, into);
  co_return got ? static_cast<uint32_t>(into.size()) : 0;
}

Task<void> CpuSlabs::KfreeBulk(Cpu& cpu, absl::Span<PhysAddr> objects) {
  return core_.FreeSlabBySlab(cpu, objects, [this, &cpu](Slab& slab, SlubChain chain) {
    return FreeChain(cpu, *slab.cache, slab, chain);
  });
}

// Linux 6.1 has no way round the hooks.
Task<void> CpuSlabs::FreeArray(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects) {
  while (!objects.empty()) {
    SlubCore::Detached detached = core_.BuildDetachedFreelist(cpu, objects);
    if (core_.policy().every_free_builds_chain) {
      core_.ReverseChain(cpu, s, *detached.slab, &detached.chain);
    }
    co_await FreeChain(cpu, s, *detached.slab, detached.chain);
    objects = objects.subspan(0, detached.left);
  }
}

}  // namespace slablab
