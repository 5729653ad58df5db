// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What SLAB says of itself: slabinfo, names. Costs nothing and changes nothing.

#include <array>
#include <bit>
#include <limits>

#include "allocators/slab/slab.h"
#include "allocators/switches.h"
#include "base/check.h"

namespace slablab {
namespace {

constexpr std::array<std::string_view, 19> kSites = {
    "slab: alloc fast",   "slab: refill",        "slab: alloc on node", "slab: grow",
    "slab: free fast",    "slab: flush",         "slab: free alien",    "slab: destroy slab",
    "slab: alloc bulk",   "slab: free bulk",     "slab: kmalloc large", "slab: drain",
    "slab: shrink",       "slab: tune",          "slab: reap",          "slab: hotplug",
    "slab: create cache", "slab: destroy cache", "slab: kmem_rcu_free",
};
static_assert(static_cast<int>(SlabAllocator::At::kRcuFree) == kFirstModelSite + kSites.size() - 1);
static_assert(static_cast<int>(SlabAllocator::At::kRcuFree) < kMaxSites);

constexpr std::array<PathInfo, 18> kPaths = {
    FastAllocPath("alloc fast hit"),
    AllocPath("alloc refill from shared"),
    AllocPath("alloc refill from slabs"),
    AllocPath("alloc new slab"),
    AllocPath("alloc on node"),
    AllocPath("alloc on node new slab"),
    AllocPath("alloc fallback"),
    AllocPath("alloc failed"),
    AllocPath("alloc large"),
    AllocPath("alloc of 0 bytes"),
    FastFreePath("free fast hit"),
    FreePath("free flush to shared"),
    FreePath("free flush to slabs"),
    FreePath("free alien"),
    FreePath("free alien drain"),
    FreePath("free remote slab"),
    FreePath("free large"),
    FreePath("free of null"),
};
static_assert(PathOf(SlabAllocator::Way::kFreeNull) == kPaths.size() - 1);

constexpr QuirkInfo kQuirks[] = {
    {"statistics-in-memory",
     "The counters are in the cache's descriptor and counting costs what it costs, atomic "
     "increments of words that all CPUs share: as in a kernel built with STATS. Without it they "
     "are counted at no cost, since kernels that are used have none.",
     /*is_plain=*/false, /*is_recorded=*/true},
    {"reap-off",
     "Nothing is reaped periodically, as in the kernels that the reference runs were recorded on.",
     /*is_plain=*/false, /*is_recorded=*/true},
    {"noaliencache",
     "Booted with noaliencache: objects of other nodes go straight to their slabs."},
    kMemcgOff,
    kZoneDmaOff,
};

// sscanf() reads an int. What makes no sense together is taken and changes nothing.
constexpr int64_t kIntLeast = std::numeric_limits<int32_t>::min();
constexpr int64_t kIntMost = std::numeric_limits<int32_t>::max();
constexpr TunableInfo kTunables[] = {
    {"limit", kIntLeast, kIntMost,
     "120, 54 beyond 256 bytes, 24 beyond 1,024, 8 beyond 4,096, 1 beyond 131,072",
     "Objects that a CPU's array holds; less than 1, or than batchcount, changes nothing."},
    {"batchcount", kIntLeast, kIntMost, "half of limit",
     "Objects that are moved at once; less than 1, or more than limit, changes nothing."},
    {"shared", kIntLeast, kIntMost, "8, 0 beyond 4,096 bytes or on one CPU",
     "A node's shared array holds so many times batchcount; less than 0 changes nothing."},
    {"sharedfactor", kIntLeast, kIntMost, "as shared", "Another name of shared."},
    {"slab_max_order", kIntLeast, kIntMost, "1, 0 on machines of at most 32 MiB",
     "The order beyond which a slab is not made larger to waste less, of 0 to 10.", true},
};

}  // namespace

ModelSwitches SlabSwitches(const SlabPolicy&) {
  return {.quirks = kQuirks, .boots = {}, .tunables = kTunables, .counters = {}};
}
absl::Span<const std::string_view> SlabAllocator::sites() const { return kSites; }
absl::Span<const PathInfo> SlabAllocator::paths() const { return kPaths; }

CacheLayout SlabAllocator::Layout(CacheId id) const {
  CacheLayout layout = SlabCommon::Layout(id);
  layout.cpu_holds = "CPU arrays";
  return layout;
}

// slabinfo_show_stats().
std::vector<Figure> SlabAllocator::Counters(CacheId id) const {
  const SlabCache& s = cache(id);
  std::vector<Figure> figures;
  if (!options_.statistics || !s.live) return figures;
  for (int i = 0; i < kSlabStatsPrinted; ++i) {
    figures.push_back(Figure::Of({SlabStatName(static_cast<SlabStat>(i))},
                                 s.stats[static_cast<size_t>(i)].Peek()));
  }
  return figures;
}

// What slabinfo_show() prints in front of the statistics.
std::vector<Figure> SlabAllocator::State(CacheId id) const {
  if (!cache(id).live) return {};
  const SlabInfoRow row = SlabInfo(id);
  return {Figure::Of({"active_objs"}, row.active_objects),
          Figure::Of({"num_objs"}, row.objects),
          Figure::Of({"active_slabs"}, row.active_slabs),
          Figure::Of({"num_slabs"}, row.slabs),
          Figure::Of({"sharedavail"}, row.shared_available),
          Figure::Of({"limit"}, row.limit),
          Figure::Of({"batchcount"}, row.batch_count),
          Figure::Of({"sharedfactor"}, row.shared_factor)};
}

// get_slabinfo(): what is in arrays counts as active.
SlabInfoRow SlabAllocator::SlabInfo(CacheId id) const {
  const SlabCache& s = cache(id);
  SlabInfoRow row = RowOf(s);
  row.limit = s.limit.Peek();
  row.batch_count = s.batch_count.Peek();
  row.shared_factor = s.shared.Peek();
  uint64_t free_objects = 0;
  for (const std::unique_ptr<SlabNode>& n : s.nodes) {
    if (n == nullptr) continue;
    row.slabs += n->total_slabs.Peek();
    row.active_slabs += n->total_slabs.Peek() - n->free_slabs.Peek();
    free_objects += n->free_objects.Peek();
    if (n->shared_array != nullptr) row.shared_available += n->shared_array->available.Peek();
  }
  row.objects = row.slabs * s.geometry.objects;
  row.active_objects = row.objects - free_objects;
  return row;
}

uint64_t SlabAllocator::ArrayBytes() const {
  if (policy_.percpu_arrays) return caches_.total().percpu_bytes;
  uint64_t bytes = 0;
  for (CacheId id : caches_.live()) {
    const CpuArrays& arrays = *cache(id).cpus;
    for (size_t i = 0; i < arrays.arrays.size(); ++i) {
      const PhysAddr block = arrays.arrays[i].block;
      if (block.is_null()) continue;
      const SlabBlock* const slab = SlabOf(block);
      const uint64_t asked = CpuArray::BytesFor(arrays.limit);
      bytes += slab == nullptr ? std::bit_ceil(asked) : slab->cache->geometry.object_size;
    }
  }
  return bytes;
}

}  // namespace slablab
