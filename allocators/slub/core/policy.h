// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_POLICY_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_POLICY_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "allocators/common/slub_geometry.h"
#include "allocators/policies.h"
#include "allocators/slub/core/counters.h"
#include "allocators/slub/core/lives_policy.h"
#include "allocators/slub/core/node_slabs_policy.h"
#include "allocators/slub/core/queue_policy.h"
#include "allocators/slub/core/sheaf_policy.h"
#include "allocators/slub/core/structures.h"
#include "allocators/slub/core/ways.h"
#include "allocators/switches.h"

namespace slablab {

// What changed in SLUB from one kernel to another: the shared code asks it where the ways part.
// What can be changed by itself is a row of kSlubPolicies too.
struct SlubPolicy {
  std::string_view name;
  // A CPU owns a slab of each cache, and has partial slabs behind it; else none.
  bool cpu_slabs;
  // A cache begins with a limit for a CPU's partial slabs by its objects' size; else with 0, which
  // is none.
  bool cpu_partials;
  // A slab is frozen from when it is taken off its node's list, or gets its first free object; else
  // only while it is a CPU's slab, and what is on a CPU's partial list is not.
  bool freezes_cpu_partials;
  // The page's flags say whether a slab is in its node's list.
  bool marks_listed;
  // Who asks for a node but may be given another's gets at first only what that node has at once.
  bool wish_in_two_passes;
  // A free of one object builds a chain anew first, as a user's free of many does, and so does a
  // free of many of SLUB's own.
  bool every_free_builds_chain;
  // alloc_fastpath and free_fastpath count the objects of bulk operations; else allocations are not
  // counted, and frees by slab.
  bool counts_bulk_objects;
  // /proc/slabinfo guesses the free objects of a very long partial list from its ends.
  bool slabinfo_guesses;
  // slab_strict_numa asks the task's policy twice, for the sheaves and for what is below them, so
  // that those who take turns skip nodes; else once.
  bool strict_numa_twice = true;
  // Pointers to the memory cgroups of a slab's objects lie in the slab itself where it has room;
  // else in memory of their own.
  bool obj_exts_in_slabs = false;
  // What the further copies of kmalloc's caches are called that CONFIG_RANDOM_KMALLOC_CACHES makes,
  // without number and size; empty: the kernel cannot be built so.
  std::string_view kmalloc_copies = "";
  // The model takes caches with debugging: from Linux 6.2 on, single objects under list_lock.
  bool debug_caches;
  // How objects are laid out.
  SlubRules rules;
  // The counters there are.
  absl::Span<const SlubStat> (*counters)();
  // Where struct kmem_cache has what, and sizeof(struct kmem_cache_node), with CONFIG_SLUB_DEBUG.
  KmemCacheOffsets cache_offsets;
  uint32_t node_bytes;
  // Where there are no CPU slabs, and where there are sheaves; in an era that has not either, the
  // rules of the oldest one that has.
  NodeSlabsPolicy node_slabs = kNodeSlabs70;
  SheafPolicy sheaves = kNoSheaves;
  // Where each CPU has a queue.
  QueuePolicy queues = kQueuePolicyV3;
  // How caches and slabs live; sites and ways by name; and what can be set and tuned.
  SlubLives lives = {};
  absl::Span<const std::string_view> (*sites)() = SlubSiteNames;
  SlubWays ways = {};
  ModelSwitches (*switches)(const SlubPolicy& policy) = SlubSwitches;
};

// What can be switched. Structures and counters follow from it.
extern const PolicyTable<SlubPolicy> kSlubPolicies;

// Linux 6.1.
inline constexpr SlubPolicy kSlub61 = {
    .name = "slub-6.1",
    .cpu_slabs = true,
    .cpu_partials = true,
    .freezes_cpu_partials = true,
    .marks_listed = false,
    .wish_in_two_passes = false,
    .every_free_builds_chain = true,
    .counts_bulk_objects = false,
    .slabinfo_guesses = false,
    .debug_caches = false,
    .rules = {},
    .counters = SlubCountersOfCpuSlabs,
    .cache_offsets = {.cpu_partial_slabs = 48, .order = 52, .defrag_ratio = 184, .per_node = 200},
    .node_bytes = 64};

// Linux 2.6.36, and what was made from it: all but the front's own
// (allocators/slub/locked_cpu_slabs).
inline constexpr SlubPolicy kSlubOf2010 = [] {
  SlubPolicy policy = kSlub61;
  policy.name = "slub-2010";
  policy.cpu_partials = false;
  policy.rules.free_link = SlubRules::FreeLink::kFirstWord;
  policy.rules.min_partial_halved = false;
  policy.counters = SlubCountersOf2010;
  policy.cache_offsets = {.min_partial = 80,
                          .offset = 24,
                          .order = 32,
                          .defrag_ratio = 176,
                          .stats_in_cpu = 20,
                          .per_node = 184};
  policy.lives = kLivesOf2010;
  policy.sites = SlubSiteNames2010;
  return policy;
}();

// Linux 6.12.
inline constexpr SlubPolicy kSlub612 = [] {
  SlubPolicy policy = kSlub61;
  policy.name = "slub-6.12";
  policy.freezes_cpu_partials = false;
  policy.marks_listed = true;
  policy.wish_in_two_passes = true;
  policy.every_free_builds_chain = false;
  policy.counts_bulk_objects = true;
  policy.slabinfo_guesses = true;
  policy.debug_caches = true;
  policy.rules.order_search = SlubRules::OrderSearch::kMoreWaste;
  policy.rules.orders_push_each_other = true;
  policy.lives.kmalloc.odd_sizes_first = true;
  policy.kmalloc_copies = "kmalloc-rnd-";
  return policy;
}();

// Linux 6.18: sheaves over CPU slabs, for caches that ask for them.
inline constexpr SlubPolicy kSlub618 = [] {
  SlubPolicy policy = kSlub612;
  policy.name = "slub-6.18";
  policy.counters = SlubCountersOfBoth;
  policy.cache_offsets.cpu_sheaves = 8;
  policy.cache_offsets.sheaf_capacity = 60;
  policy.cache_offsets.order = 64;
  policy.cache_offsets.cpu_partial_slabs = 56;
  policy.cache_offsets.defrag_ratio = 200;
  policy.cache_offsets.per_node = 216;
  policy.node_bytes = 72;
  policy.sheaves = kSheaves618;
  return policy;
}();

// Linux 7.3; 7.2; 7.1; 7.0. Each is the one above with what its successor changed.
inline constexpr SlubPolicy kSlub73 = [] {
  SlubPolicy policy = kSlub612;
  policy.name = "slub-7.3";
  policy.cpu_slabs = false;
  policy.strict_numa_twice = false;
  policy.obj_exts_in_slabs = true;
  policy.kmalloc_copies = "kmalloc-part-";
  policy.rules.constructor_takes_offset = true;
  policy.counters = SlubCountersOfNodeSlabs;
  policy.cache_offsets = {.order = 48,
                          .defrag_ratio = 176,
                          .cpu_stats = 192,
                          .cpu_sheaves = 0,
                          .sheaf_capacity = 44,
                          .per_node = 200,
                          .per_node_bytes = 16,
                          .node = 8};
  policy.node_slabs = kNodeSlabs72;
  policy.sheaves = kSheaves73;
  return policy;
}();
inline constexpr SlubPolicy kSlub72 = [] {
  SlubPolicy policy = kSlub73;
  policy.name = "slub-7.2";
  policy.strict_numa_twice = true;
  policy.sheaves = kSheaves72;
  return policy;
}();
inline constexpr SlubPolicy kSlub71 = [] {
  SlubPolicy policy = kSlub72;
  policy.name = "slub-7.1";
  policy.kmalloc_copies = "kmalloc-rnd-";
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

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_POLICY_H_
