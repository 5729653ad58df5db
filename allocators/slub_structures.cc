// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub_structures.h"

#include "sim/check.h"

namespace slablab {

std::string_view SlubStatName(SlubStat stat) {
  static constexpr std::array<std::string_view, kSlubStats> kNames = {
      "alloc_fastpath",      "alloc_slowpath",      "free_fastpath",
      "free_slowpath",       "free_frozen",         "free_add_partial",
      "free_remove_partial", "alloc_from_partial",  "alloc_slab",
      "alloc_refill",        "alloc_node_mismatch", "free_slab",
      "cpuslab_flush",       "deactivate_full",     "deactivate_empty",
      "deactivate_to_head",  "deactivate_to_tail",  "deactivate_remote_frees",
      "deactivate_bypass",   "order_fallback",      "cmpxchg_double_cpu_fail",
      "cmpxchg_double_fail", "cpu_partial_alloc",   "cpu_partial_free",
      "cpu_partial_node",    "cpu_partial_drain",
  };
  return kNames[static_cast<size_t>(stat)];
}

void KmemCache::PlaceAt(PhysAddr to) {
  address = to;
  const auto place = [to](uint64_t at) { return Place{to + at, Structure::kCacheDescriptor}; };
  cpu_slab = Settled<PercpuArea>(place(kCpuSlabAt), cpu_slab.Peek());
  min_partial = Settled<uint64_t>(place(kMinPartialAt), min_partial.Peek());
  offset = Settled<uint32_t>(place(kOffsetAt), offset.Peek());
  cpu_partial_slabs = Settled<uint32_t>(place(kCpuPartialSlabsAt), cpu_partial_slabs.Peek());
  remote_node_defrag_ratio =
      Settled<uint32_t>(place(kDefragRatioAt), remote_node_defrag_ratio.Peek());
}

}  // namespace slablab
