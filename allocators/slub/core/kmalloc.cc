// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// kmalloc() and kfree() over SLUB: size classes, whole pages, nothing.

#include "allocators/slub/core/core.h"

namespace slablab {

// __do_kmalloc_node().
Task<Placement> SlubCore::Kmalloc(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) {
  if (bytes == 0) return Task<Placement>(Placement{kZeroSizePointer, PathOf(SlubWay::kAllocZero)});
  if (bytes > KmallocTable::kSizeMax) {
    return AllocLarge(cpu, {.bytes = bytes, .gfp = gfp, .node = node});
  }
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
    cpu.Touch({kmalloc_table_ + kmalloc_.OffsetFor(bytes, gfp), Structure::kCacheDescriptor},
              Access::kRead);
  }
  return Alloc(cpu, kmalloc_.CacheFor(bytes, gfp), gfp, node);
}

Task<PhysAddr> SlubCore::KmallocOwn(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) {
  const Placement placement = co_await Kmalloc(cpu, bytes, gfp, node);
  if (placement.object.is_null()) co_return placement.object;
  if (Slab* const slab = SlabOf(placement.object); slab != nullptr) {
    AddOwn(*slab->cache);
  } else {
    kmalloc_large_.AddOwn(placement.object);
    kmalloc_large_.Fill(caches_.total());
  }
  co_return placement.object;
}

Task<void> SlubCore::KfreeOwn(Cpu& cpu, PhysAddr object) {
  if (Slab* const slab = SlabOf(object); slab != nullptr) {
    co_await FreeOwn(cpu, *slab->cache, object);
    co_return;
  }
  kmalloc_large_.RemoveOwn(object);
  co_await FreeLarge(cpu, object);
}

Task<Placement> SlubCore::AllocLarge(Cpu& cpu, KmallocLarge::Request request) {
  const SiteScope site(cpu, SiteOf(SlubAt::kLarge));
  cpu.Execute(kSlubFastCycles);
  const PhysAddr block = co_await kmalloc_large_.Alloc(cpu, request);
  kmalloc_large_.Fill(caches_.total());
  if (block.is_null()) co_return Placement{block, PathOf(SlubWay::kAllocFailed)};
  co_return Placement{block, PathOf(SlubWay::kAllocLarge)};
}

// free_large_kmalloc(): the order stands in the block's second struct page.
Task<PathId> SlubCore::FreeLarge(Cpu& cpu, PhysAddr block) {
  const SiteScope site(cpu, SiteOf(SlubAt::kLarge));
  cpu.Execute(kSlubFastCycles);
  const PhysAddr page = machine_.PageStruct(block.frame());
  cpu.Touch({page, Structure::kSlabMetadata}, Access::kRead);
  cpu.Touch({page + kLineSize, Structure::kSlabMetadata}, Access::kRead);
  co_await kmalloc_large_.Free(cpu, block);
  kmalloc_large_.Fill(caches_.total());
  co_return PathOf(SlubWay::kFreeLarge);
}

}  // namespace slablab
