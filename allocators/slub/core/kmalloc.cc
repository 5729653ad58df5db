// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What SLUB has by kmalloc().

#include "allocators/slub/core/core.h"

namespace slablab {

Task<PhysAddr> SlubCore::KmallocOwn(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) {
  // The caller is SLUB's own code, not whoever has called that.
  Task<Placement> task = kmalloc_.has_copies()
                             ? kmalloc_.AllocFor(cpu, /*caller=*/0, bytes, gfp, node)
                             : Kmalloc(cpu, bytes, gfp, node);
  const Placement placement = co_await task;
  kmalloc_.AddOwn(caches_, frames_, placement.object);
  co_return placement.object;
}

Task<PathId> SlubCore::KfreeOwn(Cpu& cpu, PhysAddr object) {
  kmalloc_.RemoveOwn(caches_, frames_, object);
  if (policy_.lives.kfrees_own_by_page) return Kfree(cpu, object);
  Slab* const slab = SlabOf(object);
  return slab == nullptr ? FreeLarge(cpu, object) : Free(cpu, slab->cache->id, object);
}

}  // namespace slablab
