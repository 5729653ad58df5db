// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLAB: many objects at a time.

#include "allocators/slab/slab.h"
#include "base/check.h"

namespace slablab {

// kmem_cache_alloc_bulk(): one after another, all with interrupts off.
Task<size_t> SlabAllocator::AllocBulk(Cpu& cpu, CacheId id, Gfp gfp, absl::Span<PhysAddr> objects) {
  SlabCache& s = cache(id);
  const SiteScope site(cpu, SiteOf(At::kBulkAlloc));
  cpu.Execute(kSlabFastCycles);
  const IrqFlags flags = cpu.IrqSave();
  for (size_t i = 0; i < objects.size(); ++i) {
    Found found{.object = PopEntry(cpu, ThisArray(cpu, s))};
    if (found.object.is_null()) {
      found = co_await AllocSlow(cpu, s, {.gfp = gfp});
    } else if (statistics_in_memory_) {
      co_await CountAtomic(cpu, s, SlabStat::kAllocHit);
    } else {
      Count(cpu, s, SlabStat::kAllocHit);
    }
    if (found.object.is_null()) {
      co_await cpu.IrqRestore(flags);
      co_await FreeBulk(cpu, id, objects.subspan(0, i));
      co_return 0;
    }
    HandOut(s, found.object);
    objects[i] = found.object;
  }
  co_await cpu.IrqRestore(flags);
  for (PhysAddr object : objects) ZeroIfAsked(cpu, s, gfp, object);
  co_return objects.size();
}

// kmem_cache_free_bulk(), likewise.
Task<void> SlabAllocator::FreeBulk(Cpu& cpu, CacheId id, absl::Span<PhysAddr> objects) {
  SlabCache& s = cache(id);
  const SiteScope site(cpu, SiteOf(At::kBulkFree));
  cpu.Execute(kSlabFastCycles);
  const IrqFlags flags = cpu.IrqSave();
  for (PhysAddr object : objects) {
    SlabBlock& slab = *SlabOf(object);
    CHECK(slab.cache == &s);
    TakeBack(s, slab, object);
    CpuArray& ac = ThisArray(cpu, s);
    const FreeTo where = WhereTo(cpu, ac, slab, object);
    if (where != FreeTo::kArray) {
      co_await FreeSlow(cpu, ac, slab, object, where);
      continue;
    }
    if (statistics_in_memory_) {
      co_await CountAtomic(cpu, s, SlabStat::kFreeHit);
    } else {
      Count(cpu, s, SlabStat::kFreeHit);
    }
    PushEntry(cpu, ac, object);
  }
  co_await cpu.IrqRestore(flags);
}

}  // namespace slablab
