// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/structures.h"

namespace slablab {

void KmemCache::PlaceAt(PhysAddr to) {
  address = to;
  const auto place = [to](uint64_t where) {
    return Place{to + where, Structure::kCacheDescriptor};
  };
  cpu_slab = Settled<PercpuArea>(place(kCpuSlabAt), cpu_slab.Peek());
  cpu_stats = Settled<PercpuArea>(place(at.cpu_stats), cpu_stats.Peek());
  cpu_sheaves = Settled<PercpuArea>(place(at.cpu_sheaves), cpu_sheaves.Peek());
  sheaf_capacity = Settled<uint32_t>(place(at.sheaf_capacity), sheaf_capacity.Peek());
  min_partial = Settled<uint64_t>(place(at.min_partial), min_partial.Peek());
  offset = Settled<uint32_t>(place(at.offset), offset.Peek());
  cpu_partial_slabs = Settled<uint32_t>(place(at.cpu_partial_slabs), cpu_partial_slabs.Peek());
  remote_node_defrag_ratio =
      Settled<uint32_t>(place(at.defrag_ratio), remote_node_defrag_ratio.Peek());
  if (front != nullptr) front->PlaceAt(to);
}

}  // namespace slablab
