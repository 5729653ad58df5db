// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What SLUB has by kmalloc().

#include "allocators/slub/core/core.h"

namespace slablab {

Task<PathId> SlubCore::KfreeOwn(Cpu& cpu, PhysAddr object) {
  kmalloc_.RemoveOwn(caches_, frames_, object);
  if (policy_.lives.kfrees_own_by_page) return Kfree(cpu, object);
  Slab* const slab = SlabOf(object);
  return slab == nullptr ? FreeLarge(cpu, object) : Free(cpu, slab->cache->id, object);
}

}  // namespace slablab
