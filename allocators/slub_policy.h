// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_POLICY_H_
#define SLABLAB_ALLOCATORS_SLUB_POLICY_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "allocators/slub_counters.h"
#include "allocators/slub_node_slabs_policy.h"
#include "allocators/slub_sheaf_policy.h"
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
  NodeSlabsPolicy node_slabs = {};  // where there are no CPU slabs
  SheafPolicy sheaves = {};
};

// Linux 6.1.
inline constexpr SlubPolicy kSlub61 = {
    .name = "slub",
    .cpu_slabs = true,
    .counters = SlubCountersOfCpuSlabs,
    .cache_offsets = {.cpu_partial_slabs = 48, .order = 52, .defrag_ratio = 184, .per_node = 200},
    .node_bytes = 64};

// Linux 7.3; 7.2; 7.1; 7.0. Each is the one above with what its successor changed.
inline constexpr SlubPolicy kSlub73 = {.name = "slub-7.3",
                                       .cpu_slabs = false,
                                       .counters = SlubCountersOfNodeSlabs,
                                       .cache_offsets = {.order = 48,
                                                         .defrag_ratio = 176,
                                                         .cpu_stats = 192,
                                                         .cpu_sheaves = 0,
                                                         .sheaf_capacity = 44,
                                                         .per_node = 200,
                                                         .per_node_bytes = 16,
                                                         .node = 8},
                                       .node_bytes = 64,
                                       .node_slabs = kNodeSlabs72,
                                       .sheaves = kSheaves73};
inline constexpr SlubPolicy kSlub72 = [] {
  SlubPolicy policy = kSlub73;
  policy.name = "slub-7.2";
  policy.sheaves = kSheaves72;
  return policy;
}();
inline constexpr SlubPolicy kSlub71 = [] {
  SlubPolicy policy = kSlub72;
  policy.name = "slub-7.1";
  policy.node_slabs = kNodeSlabs70;
  policy.sheaves = kSheaves71;
  return policy;
}();
inline constexpr SlubPolicy kSlub70 = [] {
  SlubPolicy policy = kSlub71;
  policy.name = "slub-7.0";
  policy.cache_offsets.per_node_bytes = 8;
  policy.cache_offsets.node = 0;
  policy.node_bytes = 72;
  policy.sheaves = kSheaves70;
  return policy;
}();

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_POLICY_H_
