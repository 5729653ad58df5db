// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// kmalloc() and kfree() over SLAB: size classes, whole pages, nothing. And many objects at a time.

#include "allocators/slab/slab.h"
#include "base/check.h"

namespace slablab {

// __do_kmalloc_node().
Task<Placement> SlabAllocator::Kmalloc(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) {
  if (bytes == 0) return Task<Placement>(Placement{kZeroSizePointer, PathOf(Way::kAllocZero)});
  if (bytes > kmalloc_.size_max()) {
    return AllocLarge(cpu, {.bytes = bytes, .gfp = gfp, .node = node});
  }
  {
    const SiteScope site(cpu, SiteOf(At::kAllocFast));
    cpu.Touch({kmalloc_table_ + kmalloc_.OffsetFor(bytes, gfp), Structure::kCacheDescriptor},
              Access::kRead);
  }
  const CacheId id = kmalloc_.CacheFor(bytes, gfp);
  CHECK(id != kNoCache);  // Boot must not need a size class before there is its cache.
  return Alloc(cpu, id, gfp, node);
}

// What SLAB needs for itself.
Task<PhysAddr> SlabAllocator::KmallocOwn(Cpu& cpu, uint64_t bytes, AllocRequest request) {
  const Placement placement = co_await Kmalloc(cpu, bytes, request.gfp, request.node);
  AddOwn(placement.object);
  co_return placement.object;
}

Task<PathId> SlabAllocator::KfreeOwn(Cpu& cpu, PhysAddr object) {
  RemoveOwn(object);
  return Kfree(cpu, object);
}

void SlabAllocator::AddOwn(PhysAddr object) {
  if (object.is_null()) return;
  if (SlabBlock* const slab = SlabOf(object); slab != nullptr) {
    const uint64_t bytes = slab->cache->geometry.object_size;
    Account(*slab->cache, [=](Footprint& footprint) { footprint.AddOwn(bytes); });
  } else {
    kmalloc_large_.AddOwn(object);
    kmalloc_large_.Fill(caches_.total());
  }
}

void SlabAllocator::RemoveOwn(PhysAddr object) {
  if (SlabBlock* const slab = SlabOf(object); slab != nullptr) {
    const uint64_t bytes = slab->cache->geometry.object_size;
    Account(*slab->cache, [=](Footprint& footprint) { footprint.RemoveOwn(bytes); });
  } else {
    kmalloc_large_.RemoveOwn(object);
  }
}

Task<Placement> SlabAllocator::AllocLarge(Cpu& cpu, KmallocLarge::Request request) {
  const SiteScope site(cpu, SiteOf(At::kLarge));
  cpu.Execute(kSlabFastCycles);
  const PhysAddr block = co_await kmalloc_large_.Alloc(cpu, request);
  kmalloc_large_.Fill(caches_.total());
  if (block.is_null()) co_return Placement{block, PathOf(Way::kAllocFailed)};
  co_return Placement{block, PathOf(Way::kAllocLarge)};
}

// free_large_kmalloc(): the order stands in the block's second struct page.
Task<PathId> SlabAllocator::FreeLarge(Cpu& cpu, PhysAddr block) {
  const SiteScope site(cpu, SiteOf(At::kLarge));
  cpu.Execute(kSlabFastCycles);
  const PhysAddr page = machine_.PageStruct(block.frame());
  cpu.Touch({page, Structure::kSlabMetadata}, Access::kRead);
  cpu.Touch({page + kLineSize, Structure::kSlabMetadata}, Access::kRead);
  co_await kmalloc_large_.Free(cpu, block);
  kmalloc_large_.Fill(caches_.total());
  co_return PathOf(Way::kFreeLarge);
}

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
