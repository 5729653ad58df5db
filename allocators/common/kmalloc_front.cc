// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/common/kmalloc_front.h"

#include "base/check.h"
#include "sim/core/boot_memory.h"

namespace slablab {

KmallocOptions WithQuirks(KmallocOptions kmalloc, const AllocatorOptions& options) {
  kmalloc.cgroup = kmalloc.cgroup && !HasQuirk(options, kMemcgOff.name);
  kmalloc.zone_dma = kmalloc.zone_dma && !HasQuirk(options, kZoneDmaOff.name);
  return kmalloc;
}

void KmallocFront::Place(const Cpu& cpu) {
  table_ = machine_.boot_memory().Allocate(table_bytes(), kLineSize, cpu.node());
}

// __do_kmalloc_node().
Task<Placement> KmallocFront::AllocFor(Cpu& cpu, uint32_t caller, uint64_t bytes, Gfp gfp,
                                       NodeId node) {
  if (bytes == 0) return Task<Placement>(Placement{Allocator::kZeroSizePointer, ways_.alloc_zero});
  if (bytes > size_max()) return AllocLarge(cpu, {.bytes = bytes, .gfp = gfp, .node = node});
  {
    const SiteScope site(cpu, ways_.table_site);
    cpu.Touch({table_ + OffsetFor(bytes, gfp, caller), Structure::kCacheDescriptor}, Access::kRead);
  }
  const CacheId id = CacheFor(bytes, gfp, caller);
  CHECK(id != kNoCache);  // Boot must not need a size class before there is its cache.
  return model_.Alloc(cpu, id, gfp, node);
}

Task<Placement> KmallocFront::AllocLarge(Cpu& cpu, KmallocLarge::Request request) {
  const SiteScope site(cpu, ways_.large_site);
  cpu.Execute(ways_.large_cycles);
  const PhysAddr block = co_await large_.Alloc(cpu, request);
  large_.Fill(total_);
  co_return Placement{block, block.is_null() ? ways_.alloc_failed : ways_.alloc_large};
}

// The order stands in the block's second struct page.
Task<PathId> KmallocFront::FreeLarge(Cpu& cpu, PhysAddr block) {
  const SiteScope site(cpu, ways_.large_site);
  cpu.Execute(ways_.large_cycles);
  const PhysAddr page = machine_.PageStruct(block.frame());
  cpu.Touch({page, Structure::kSlabMetadata}, Access::kRead);
  cpu.Touch({page + kLineSize, Structure::kSlabMetadata}, Access::kRead);
  co_await large_.Free(cpu, block);
  large_.Fill(total_);
  co_return ways_.free_large;
}

}  // namespace slablab
