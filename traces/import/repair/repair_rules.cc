// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/repair/repair_rules.h"

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
    {Repair::kInferredFreeByRcu, "inferred-free-by-rcu",
     "objects freed by kvfree_rcu, which has no tracepoint: the kernel counted as many "
     "(free_rcu_sheaf) or, without statistics, their cache has sheaves and no kmem_cache_free. Of "
     "maple trees' nodes, a free was put in where another took the node's place; of others, whose "
     "addresses were used again later, halfway between the allocation and that"},
    {Repair::kInferredFreeAged, "inferred-free-aged",
     "objects freed by kvfree_rcu that nothing shows but the kernel's count (free_rcu_sheaf): "
     "taken to be those live the longest at the end; a free was put in halfway to the end"},
    {Repair::kInferredFreeWithTree, "inferred-free-with-tree",
     "nodes of maple trees freed in bulk, which has no tracepoint: a free was put in before that "
     "of their root"},
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

struct OwnFunction {
  std::string_view name;
  OwnStructure structure;
};
// Functions that allocate and free what is the slab allocators' own, by kmalloc and kfree
// (mm/slub.c, mm/slab.c, mm/slab_common.c, mm/memcontrol.c of Linux 5.9 to 7.3). A tracepoint names
// the function that its caller was compiled into, so those that compilers merge small ones into are
// here too: a sheaf is seldom allocated in alloc_empty_sheaf.
constexpr std::array<OwnFunction, 61> kOwnFunctions = {{
    {"__alloc_alien_cache", OwnStructure::kArrayCache},
    {"__alloc_empty_sheaf", OwnStructure::kSheaf},
    {"__alloc_tagging_slab_alloc_hook", OwnStructure::kObjExts},
    {"__free_empty_sheaf", OwnStructure::kSheaf},
    {"__free_slab", OwnStructure::kObjExts},
    {"__kfree_rcu_sheaf", OwnStructure::kSheaf},
    {"__kmem_cache_do_shrink", OwnStructure::kSheaf},
    {"__kmem_cache_release", OwnStructure::kSheaf},
    {"__pcs_flush_all_cpu", OwnStructure::kSheaf},
    {"__pcs_replace_empty_main", OwnStructure::kSheaf},
    {"__pcs_replace_full_main", OwnStructure::kSheaf},
    {"alloc_alien_cache", OwnStructure::kArrayCache},
    {"alloc_arraycache", OwnStructure::kArrayCache},
    {"alloc_empty_sheaf", OwnStructure::kSheaf},
    {"alloc_full_sheaf", OwnStructure::kSheaf},
    {"alloc_slab_obj_exts", OwnStructure::kObjExts},
    {"alloc_slabmgmt", OwnStructure::kSlabManagement},
    {"allocate_slab", OwnStructure::kObjExts},
    {"barn_shrink", OwnStructure::kSheaf},
    {"bootstrap_cache_sheaves", OwnStructure::kSheaf},
    {"bootstrap_kmalloc_sheaves", OwnStructure::kSheaf},
    {"cache_grow_begin", OwnStructure::kSlabManagement},
    {"cache_random_seq_create", OwnStructure::kRandomSequence},
    {"cache_random_seq_destroy", OwnStructure::kRandomSequence},
    {"discard_slab", OwnStructure::kObjExts},
    {"do_kmem_cache_create", OwnStructure::kSheaf},
    {"flush_all_cpus_locked", OwnStructure::kSheaf},
    {"flush_cpu_sheaves", OwnStructure::kSheaf},
    {"flush_cpu_slab", OwnStructure::kSheaf},
    {"flush_rcu_sheaf", OwnStructure::kSheaf},
    {"free_alien_cache", OwnStructure::kArrayCache},
    {"free_arraycache", OwnStructure::kArrayCache},
    {"free_empty_sheaf", OwnStructure::kSheaf},
    {"free_kmem_cache_nodes", OwnStructure::kBarn},
    {"free_slab", OwnStructure::kObjExts},
    {"free_slab_obj_exts", OwnStructure::kObjExts},
    {"init_cache_node", OwnStructure::kCacheNode},
    {"init_cache_random_seq", OwnStructure::kRandomSequence},
    {"init_kmem_cache_nodes", OwnStructure::kBarn},
    {"init_percpu_sheaves", OwnStructure::kSheaf},
    {"kmem_cache_prefill_sheaf", OwnStructure::kSheaf},
    {"kmem_cache_refill_sheaf", OwnStructure::kSheaf},
    {"kmem_cache_return_sheaf", OwnStructure::kSheaf},
    {"memcg_alloc_page_obj_cgroups", OwnStructure::kObjExts},
    {"memcg_alloc_slab_cgroups", OwnStructure::kObjExts},
    {"memcg_free_page_obj_cgroups", OwnStructure::kObjExts},
    {"memcg_free_slab_cgroups", OwnStructure::kObjExts},
    {"new_slab", OwnStructure::kObjExts},
    {"pcs_destroy", OwnStructure::kSheaf},
    {"pcs_flush_all", OwnStructure::kSheaf},
    {"prepare_slab_obj_exts_hook", OwnStructure::kObjExts},
    {"rcu_free_sheaf", OwnStructure::kSheaf},
    {"rcu_free_sheaf_nobarn", OwnStructure::kSheaf},
    {"rcu_free_slab", OwnStructure::kObjExts},
    {"setup_kmem_cache_node", OwnStructure::kCacheNode},
    {"slab_destroy", OwnStructure::kSlabManagement},
    {"slab_mem_going_online_callback", OwnStructure::kBarn},
    {"slab_memory_callback", OwnStructure::kBarn},
    {"slabs_destroy", OwnStructure::kSlabManagement},
    {"slub_cpu_dead", OwnStructure::kSheaf},
    {"slub_cpu_setup", OwnStructure::kBarn},
}};
static_assert(std::is_sorted(kOwnFunctions.begin(), kOwnFunctions.end(),
                             [](const OwnFunction& a, const OwnFunction& b) {
                               return a.name < b.name;
                             }));

constexpr std::array<std::string_view, 9> kOwnStructureNames = {{
    "",
    "sheaf",
    "barn",
    "obj_exts",
    "kmem_cache",
    "kmem_cache_node",
    "array_cache",
    "slab management",
    "random sequence",
}};

}  // namespace

std::string_view RepairName(Repair repair) {
  return kRepairTexts[static_cast<size_t>(repair)].name;
}

std::string_view RepairExplanation(Repair repair) {
  return kRepairTexts[static_cast<size_t>(repair)].explanation;
}

std::string_view OwnStructureName(OwnStructure structure) {
  return kOwnStructureNames[static_cast<size_t>(structure)];
}

OwnStructure StructureOfCache(std::string_view name) {
  if (name == "kmem_cache") return OwnStructure::kCache;
  return name == "kmem_cache_node" ? OwnStructure::kCacheNode : OwnStructure::kNone;
}

OwnStructure StructureOfCallSite(std::string_view call_site) {
  const std::string_view function = call_site.substr(0, call_site.find_first_of("+."));
  const auto found = std::lower_bound(
      kOwnFunctions.begin(), kOwnFunctions.end(), function,
      [](const OwnFunction& each, std::string_view name) { return each.name < name; });
  const bool is_there = found != kOwnFunctions.end() && found->name == function;
  return is_there ? found->structure : OwnStructure::kNone;
}

}  // namespace slablab
