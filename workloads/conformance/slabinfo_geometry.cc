// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance/slabinfo_geometry.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "absl/status/status.h"
#include "allocators/common/slub_geometry.h"
#include "allocators/slab/geometry.h"
#include "allocators/slab/slab.h"
#include "fmt/format.h"
#include "sim/machine.h"

namespace slablab {
namespace {

bool HasCacheNamed(const Slabinfo& slabinfo, std::string_view prefix) {
  return std::any_of(
      slabinfo.caches.begin(), slabinfo.caches.end(),
      [prefix](const SlabinfoCache& cache) { return cache.name.starts_with(prefix); });
}

// As that kernel was built and booted.
AllocatorOptions OptionsFor(const Slabinfo& slabinfo) {
  AllocatorOptions options;
  if (slabinfo.has_statistics) options.quirks.push_back("statistics-in-memory");
  if (!HasCacheNamed(slabinfo, "kmalloc-cg-")) options.quirks.push_back("memcg-off");
  if (!HasCacheNamed(slabinfo, "dma-kmalloc-")) options.quirks.push_back("zone-dma-off");
  return options;
}

// The size of the kmalloc objects that a list of so many bytes would be in.
uint32_t ClassSize(uint32_t bytes) {
  if (bytes > 64 && bytes <= 96) return 128;  // Aligned to lines.
  if (bytes > 128 && bytes <= 192) return 192;
  return std::max(32u, std::bit_ceil(bytes));
}

// Whether some cache of objects that are `theirs.object_bytes` apart has their slabs.
bool IsSomeLayout(const SlabinfoCache& theirs) {
  const auto size = static_cast<uint32_t>(theirs.object_bytes);
  for (uint32_t align = 8; align <= kPageSize && size % align == 0; align *= 2) {
    // Of what is rounded up to that size, 16 bytes at least.
    const uint32_t least = size <= kSlabObjectSizeMin ? 1 : size - align + 1;
    for (uint32_t object_size = least; object_size <= size; ++object_size) {
      for (const bool has_constructor : {false, true}) {
        for (const bool reclaim_account : {false, true}) {
          const SlabRequest request{.object_size = object_size,
                                    .align = align,
                                    .has_constructor = has_constructor,
                                    .reclaim_account = reclaim_account};
          const absl::StatusOr<SlabGeometry> ours = ComputeSlabGeometry(request, ClassSize);
          if (ours.ok() && ours->size == size && ours->objects == theirs.objects_per_slab &&
              uint64_t{1} << ours->order == theirs.pages_per_slab) {
            return true;
          }
        }
      }
    }
  }
  return false;
}

class Check {
 public:
  Check(const SlabAllocator& model, int cpus, const std::string& path)
      : model_(model), cpus_(cpus), path_(path) {}

  void Cache(const SlabinfoCache& theirs) {
    const SlabTunables ours =
        DefaultSlabTunables(static_cast<uint32_t>(theirs.object_bytes), cpus_);
    Compare(theirs, "limit", theirs.limit, ours.limit);
    Compare(theirs, "batchcount", theirs.batchcount, ours.batch_count);
    Compare(theirs, "sharedfactor", theirs.shared_factor, ours.shared);
    if (const CacheId id = model_.FindCache(theirs.name); id != kNoCache) {
      const SlabInfoRow row = model_.SlabInfo(id);
      Compare(theirs, "objsize", theirs.object_bytes, row.object_size);
      Compare(theirs, "objperslab", theirs.objects_per_slab, row.objects_per_slab);
      Compare(theirs, "pagesperslab", theirs.pages_per_slab, row.pages_per_slab);
      return;
    }
    const bool agrees = IsSomeLayout(theirs);
    result_.figures.Add(agrees);
    if (agrees) return;
    result_.Note(fmt::format(
        "{}: cache {}: no cache of objects of {} bytes has {} of them in {} "
        "pages in the model\n",
        path_, theirs.name, theirs.object_bytes, theirs.objects_per_slab, theirs.pages_per_slab));
  }

  Conformance result() && { return std::move(result_); }

 private:
  void Compare(const SlabinfoCache& cache, std::string_view what, uint64_t theirs, uint64_t ours) {
    const bool agrees = theirs == ours;
    result_.figures.Add(agrees);
    if (agrees) return;
    result_.Note(
        fmt::format("{}: {} of cache {} (objects of {} bytes, {} CPUs)\n  kernel: {}\n"
                    "  model:  {}\n",
                    path_, what, cache.name, cache.object_bytes, cpus_, theirs, ours));
  }

  const SlabAllocator& model_;
  const int cpus_;
  const std::string& path_;
  Conformance result_;
};

}  // namespace

absl::StatusOr<Conformance> CheckSlabinfoGeometry(const Slabinfo& slabinfo, SlabinfoMachine machine,
                                                  const std::string& path) {
  for (const SlabinfoCache& cache : slabinfo.caches) {
    if (cache.limit == 0) {
      return absl::InvalidArgumentError(
          fmt::format("{}: cache {} has no arrays, so this is a SLUB kernel's: its geometry is in "
                      "/sys/kernel/slab",
                      path, cache.name));
    }
    if (cache.object_bytes < 1 || cache.object_bytes > kSlubObjectSizeMax) {
      return absl::InvalidArgumentError(fmt::format("{}: cache {} has objects of {} bytes", path,
                                                    cache.name, cache.object_bytes));
    }
  }
  const int cpus_per_node = (machine.cpus + machine.nodes - 1) / machine.nodes;
  if (machine.nodes > kMaxNodes || cpus_per_node * (machine.nodes - 1) >= machine.cpus) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} CPUs on {} nodes are no machine that can be booted", path, machine.cpus,
                    machine.nodes));
  }
  Machine simulated(ReferenceMachine(
      {.cpus = machine.cpus, .nodes = machine.nodes, .cpus_per_node = cpus_per_node}));
  SlabAllocator model(simulated, OptionsFor(slabinfo), kSlabPolicy61);
  simulated.scheduler().RunOn(CpuId(0), [&model](Cpu& cpu) { return model.Boot(cpu); });
  Check check(model, machine.cpus, path);
  for (const SlabinfoCache& cache : slabinfo.caches) check.Cache(cache);
  return std::move(check).result();
}

}  // namespace slablab
