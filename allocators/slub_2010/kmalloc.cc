// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// kmalloc() and kfree() of 2010: size classes, whole pages, nothing.

#include "allocators/slub_2010/core.h"

namespace slablab {
namespace {

constexpr Cycles kLargeCycles = 10;  // as kSlubFastCycles

}  // namespace

// __kmalloc() and __kmalloc_node().
Task<Placement> Slub2010Core::Kmalloc(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) {
  if (bytes == 0) {
    return Task<Placement>(Placement{kZeroSizePointer, special_paths().alloc_zero});
  }
  if (bytes > KmallocTable::kSizeMax) {
    return AllocLarge(cpu, {.bytes = bytes, .gfp = gfp, .node = node});
  }
  {
    const SiteScope site(cpu, SiteOf(At::kAllocFast));
    cpu.Touch({kmalloc_table_ + kmalloc_.OffsetFor(bytes, gfp), Structure::kCacheDescriptor},
              Access::kRead);
  }
  return Alloc(cpu, kmalloc_.CacheFor(bytes, gfp), gfp, node);
}

// kfree(): the page says whether it is a slab's, and the slab of which cache.
Task<PathId> Slub2010Core::Kfree(Cpu& cpu, PhysAddr object) {
  if (object <= kZeroSizePointer) return Task<PathId>(special_paths().free_null);
  Slab2010* const slab = SlabOf(object);
  if (slab == nullptr) return FreeLarge(cpu, object);
  {
    const SiteScope site(cpu, SiteOf(At::kFreeFast));
    cpu.Touch(slab->PageOf(object.frame()), Access::kRead);
    cpu.Touch(slab->Metadata(Slab2010::kFlagsAt), Access::kRead);
    cpu.Touch(slab->Metadata(Slab2010::kCacheAt), Access::kRead);
  }
  return FreeObject(cpu, *slab->cache, *slab, object);
}

// What the model needs for itself: by kmalloc(), or of one of its caches.
Task<PhysAddr> Slub2010Core::KmallocOwn(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) {
  const Placement placement = co_await Kmalloc(cpu, bytes, gfp, node);
  AddOwn(placement.object);
  co_return placement.object;
}

Task<PathId> Slub2010Core::KfreeOwn(Cpu& cpu, PhysAddr object) {
  RemoveOwn(object);
  return Kfree(cpu, object);
}

Task<PhysAddr> Slub2010Core::AllocOwn(Cpu& cpu, Cache2010& s, Gfp gfp, NodeId node) {
  const Placement placement = co_await Alloc(cpu, s.id, gfp, node);
  AddOwn(placement.object);
  co_return placement.object;
}

Task<PathId> Slub2010Core::FreeOwn(Cpu& cpu, Cache2010& s, PhysAddr object) {
  RemoveOwn(object);
  return Free(cpu, s.id, object);
}

void Slub2010Core::AddOwn(PhysAddr object) {
  if (object.is_null()) return;
  if (Slab2010* const slab = SlabOf(object); slab != nullptr) {
    const uint64_t bytes = slab->cache->geometry.object_size;
    Account(*slab->cache, [=](Footprint& footprint) { footprint.AddOwn(bytes); });
  } else {
    kmalloc_large_.AddOwn(object);
    kmalloc_large_.Fill(caches_.total());
  }
}

void Slub2010Core::RemoveOwn(PhysAddr object) {
  if (Slab2010* const slab = SlabOf(object); slab != nullptr) {
    const uint64_t bytes = slab->cache->geometry.object_size;
    Account(*slab->cache, [=](Footprint& footprint) { footprint.RemoveOwn(bytes); });
  } else {
    kmalloc_large_.RemoveOwn(object);
  }
}

Task<Placement> Slub2010Core::AllocLarge(Cpu& cpu, KmallocLarge::Request request) {
  const SiteScope site(cpu, SiteOf(At::kLarge));
  cpu.Execute(kLargeCycles);
  const PhysAddr block = co_await kmalloc_large_.Alloc(cpu, request);
  kmalloc_large_.Fill(caches_.total());
  const SpecialPaths paths = special_paths();
  co_return Placement{block, block.is_null() ? paths.alloc_failed : paths.alloc_large};
}

// put_page() of the block's first page.
Task<PathId> Slub2010Core::FreeLarge(Cpu& cpu, PhysAddr block) {
  const SiteScope site(cpu, SiteOf(At::kLarge));
  cpu.Execute(kLargeCycles);
  const PhysAddr page = machine_.PageStruct(block.frame());
  cpu.Touch({page, Structure::kSlabMetadata}, Access::kRead);
  cpu.Touch({page + kLineSize, Structure::kSlabMetadata}, Access::kRead);
  co_await kmalloc_large_.Free(cpu, block);
  kmalloc_large_.Fill(caches_.total());
  co_return special_paths().free_large;
}

}  // namespace slablab
