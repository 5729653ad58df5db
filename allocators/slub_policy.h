// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_POLICY_H_
#define SLABLAB_ALLOCATORS_SLUB_POLICY_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "allocators/slub_counters.h"
#include "allocators/slub_structures.h"

namespace slablab {

// What changed in SLUB from one kernel to another: the shared code asks it where the ways part.
struct SlubPolicy {
  std::string_view name;
  // A CPU owns a slab of each cache, and has partial slabs behind it; else none.
  bool cpu_slabs;
  // The counters there are.
  absl::Span<const SlubStat> (*counters)();
  // Where struct kmem_cache has what, and sizeof(struct kmem_cache_node), with CONFIG_SLUB_DEBUG.
  KmemCacheOffsets cache_offsets;
  uint32_t node_bytes;
};

// Linux 6.1.
inline constexpr SlubPolicy kSlub61 = {
    .name = "slub",
    .cpu_slabs = true,
    .counters = SlubCountersOfCpuSlabs,
    .cache_offsets = {.cpu_partial_slabs = 48, .order = 52, .defrag_ratio = 184, .per_node = 200},
    .node_bytes = 64};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_POLICY_H_
