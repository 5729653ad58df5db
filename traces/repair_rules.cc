// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/repair_rules.h"

#include <algorithm>
#include <array>

namespace slablab {
namespace {

struct RepairText {
  Repair repair;
  std::string_view name;
  std::string_view explanation;
};
constexpr std::array<RepairText, kRepairs> kRepairTexts = {{
    {Repair::kLostEvents, "lost-events",
     "notices of lost events in the recording: a 'lost' event stands where each was"},
    {Repair::kClampedTime, "clamped-time",
     "events with a time up to a microsecond before their predecessor's: raised to it, the file's "
     "order kept"},
    {Repair::kNullFree, "null-free", "kfree of NULL or ZERO_SIZE_PTR, which frees nothing"},
    {Repair::kAllocatorInternal, "allocator-internal",
     "events of the recorded allocator's own metadata: left out, a simulated one has its own"},
    {Repair::kInferredFree, "inferred-free",
     "allocations of an address still live (freed by a bulk, RCU or sheaf path without a "
     "tracepoint): a free was put in before each"},
    {Repair::kInferredFreeOverlapped, "inferred-free-overlapped",
     "objects still live where a later event has another object (freed without a tracepoint, their "
     "slab since used by another cache): a free was put in before that event"},
    {Repair::kInferredFreeOfPage, "inferred-free-of-page",
     "objects still live when the page allocator took back or gave out their pages (freed without "
     "a tracepoint): a free was put in before that"},
    {Repair::kInferredAllocation, "inferred-allocation",
     "frees of an address freed before and not allocated since (bulk allocation has no "
     "tracepoint): an allocation was put in before each"},
    {Repair::kPredatesTrace, "predates-trace",
     "frees of objects allocated before the recording began: marked so"},
    {Repair::kPageOrAreaPredates, "page-predates-trace",
     "frees of pages or percpu areas not seen allocated (older, or part of a split block): marked "
     "so"},
    {Repair::kNamedByOwnFree, "named-by-own-free",
     "allocations recorded without their cache's name: taken from the object's own free"},
    {Repair::kNamedByVote, "named-by-vote",
     "allocations without a name and never freed: by what frees of the same call site and sizes "
     "name"},
    {Repair::kNamedBySize, "named-by-size",
     "allocations without a name and never freed: by the only cache of their sizes in the sidecar"},
    {Repair::kNamedByCounters, "named-by-counters",
     "allocations without a name and never freed: by the only cache of their sizes whose own "
     "count of allocations leaves room for them"},
    {Repair::kUnnamed, "unnamed",
     "allocations whose cache stays unknown: they are in caches called "
     "unnamed-REQUESTED-ALLOCATED"},
    {Repair::kFreedAsOtherCache, "freed-as-other-cache",
     "kmem_cache_free under another name than the allocation's (merged caches): the allocation's "
     "is kept"},
    {Repair::kKfreeOfCacheObject, "kfree-of-cache-object",
     "kfree of an object from kmem_cache_alloc, which is legal: taken as a free to its cache"},
    {Repair::kCacheFreeOfKmalloc, "cache-free-of-kmalloc",
     "kmem_cache_free of an object from kmalloc: taken as its free"},
    {Repair::kMergedCache, "merged-cache",
     "caches of the trace that the recorded kernel had merged with others of their size"},
    {Repair::kFailedAllocation, "failed-allocation", "allocations that returned NULL: kept so"},
}};
static_assert([] {
  for (int i = 0; i < kRepairs; ++i) {
    if (kRepairTexts[static_cast<size_t>(i)].repair != static_cast<Repair>(i)) return false;
  }
  return true;
}());

// Functions that allocate and free the metadata of SLUB and SLAB themselves (mm/slub.c, mm/slab.c,
// mm/memcontrol.c): object extensions and memcg vectors (5.9 to 6.18), sheaves (6.18), node
// structures, SLAB's off-slab free lists, per-CPU arrays and alien caches, random sequences.
constexpr std::array<std::string_view, 28> kInternalFunctions = {{
    "__alloc_alien_cache",
    "__alloc_empty_sheaf",
    "__free_slab",
    "alloc_alien_cache",
    "alloc_arraycache",
    "alloc_empty_sheaf",
    "alloc_full_sheaf",
    "alloc_slab_obj_exts",
    "alloc_slabmgmt",
    "cache_grow_begin",
    "cache_random_seq_create",
    "cache_random_seq_destroy",
    "free_alien_cache",
    "free_arraycache",
    "free_empty_sheaf",
    "free_kmem_cache_nodes",
    "free_slab",
    "free_slab_obj_exts",
    "init_cache_node",
    "init_cache_random_seq",
    "init_kmem_cache_nodes",
    "memcg_alloc_page_obj_cgroups",
    "memcg_alloc_slab_cgroups",
    "memcg_free_page_obj_cgroups",
    "memcg_free_slab_cgroups",
    "setup_kmem_cache_node",
    "slab_destroy",
    "slabs_destroy",
}};
static_assert(std::is_sorted(kInternalFunctions.begin(), kInternalFunctions.end()));

}  // namespace

std::string_view RepairName(Repair repair) {
  return kRepairTexts[static_cast<size_t>(repair)].name;
}

std::string_view RepairExplanation(Repair repair) {
  return kRepairTexts[static_cast<size_t>(repair)].explanation;
}

bool IsInternalCache(std::string_view name) {
  return name == "kmem_cache" || name == "kmem_cache_node";
}

bool IsInternalCallSite(std::string_view call_site) {
  const std::string_view function = call_site.substr(0, call_site.find_first_of("+."));
  return std::binary_search(kInternalFunctions.begin(), kInternalFunctions.end(), function);
}

}  // namespace slablab
