// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slab/geometry.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "allocators/common/slub_geometry.h"
#include "base/check.h"
#include "base/types.h"
#include "fmt/format.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

constexpr uint32_t kWord = 8;
constexpr uint32_t kIndexBytes = 1;  // freelist_idx_t

constexpr uint32_t RoundUp(uint32_t value, uint32_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// The layout of a slab of one order.
struct Fit {
  int order = 0;
  uint32_t objects = 0;
  uint32_t left_over = 0;
};

// cache_estimate().
Fit Estimate(int order, uint32_t size, FreelistPlacement freelist) {
  const auto bytes = static_cast<uint32_t>(kPageSize << order);
  const uint32_t each = freelist == FreelistPlacement::kOnSlab ? size + kIndexBytes : size;
  return {.order = order, .objects = bytes / each, .left_over = bytes % each};
}

// calculate_slab_order(), for a list outside the slab: its own object must be worth it. What the
// kernel compares it with is what was asked for, not yet what that was rounded up to.
bool WorthOffSlab(const Fit& fit, uint32_t object_size, FreelistCacheSize freelist_cache_size) {
  const uint32_t cache_size = freelist_cache_size(fit.objects * kIndexBytes);
  return cache_size != 0 && cache_size <= object_size / 2;
}

// calculate_slab_order(): the first acceptable order whose waste is no more than an eighth, else
// the largest that was acceptable.
std::optional<Fit> FindFit(const SlabRequest& request, uint32_t size, FreelistPlacement freelist,
                           FreelistCacheSize freelist_cache_size) {
  std::optional<Fit> best;
  for (int order = 0; order <= kMaxPageOrder; ++order) {
    const Fit fit = Estimate(order, size, freelist);
    if (fit.objects == 0) continue;
    if (fit.objects > kSlabObjectsMax) break;
    if (freelist == FreelistPlacement::kOffSlab &&
        !WorthOffSlab(fit, request.object_size, freelist_cache_size)) {
      continue;
    }
    best = fit;
    // Reclaim cannot help where its own objects would need large blocks.
    if (request.reclaim_account || order >= request.order_max) break;
    if (uint64_t{fit.left_over} * 8 <= kPageSize << order) break;
  }
  return best;
}

// set_objfreelist_slab_cache(), set_off_slab_cache(), set_on_slab_cache(): whether a layout that
// was found may be used with the list there.
bool Allows(const SlabRequest& request, FreelistPlacement freelist, const Fit& fit) {
  const uint32_t list_bytes = fit.objects * kIndexBytes;
  switch (freelist) {
    case FreelistPlacement::kInObject:
      // Free objects keep their contents.
      if (request.has_constructor || request.typesafe_by_rcu) return false;
      return list_bytes <= request.object_size;
    case FreelistPlacement::kOffSlab:
      // What is left over would hold it.
      return fit.left_over < list_bytes;
    case FreelistPlacement::kOnSlab:
      return true;
  }
  return false;
}

// The size and alignment of an object, and the step of colours.
absl::StatusOr<SlabGeometry> ComputeSizes(const SlabRequest& request) {
  const absl::Status checked = CheckObjectSizes(
      {.object_size = request.object_size, .slot_size = request.slot_size, .align = request.align});
  if (!checked.ok()) return checked;
  SlabGeometry geometry;
  geometry.object_size = request.object_size;
  // calculate_alignment() is the same for both allocators.
  geometry.align = SlubAlignment(request.hwcache_align, request.align, request.object_size);
  geometry.size =
      RoundUp(std::max(RoundUp(request.object_size, kWord), request.slot_size), geometry.align);
  // An index must not be larger than a byte.
  if (geometry.size < kSlabObjectSizeMin) {
    geometry.size = RoundUp(kSlabObjectSizeMin, geometry.align);
  }
  geometry.colour_step = std::max(static_cast<uint32_t>(kLineSize), geometry.align);
  return geometry;
}

absl::Status TooLarge(const SlabGeometry& geometry) {
  return absl::InvalidArgumentError(
      fmt::format("an object of {} bytes with its metadata fits no page block", geometry.size));
}

// calculate_freelist_size() of 2014.
uint32_t ListBytes2014(uint32_t objects, uint32_t align) {
  return RoundUp(objects * kIndexBytes, align);
}

// cache_estimate() of 2014: a list on the slab is in front, so the objects behind it want it to be
// a multiple of their alignment.
Fit Estimate2014(int order, const SlabGeometry& geometry, bool off_slab) {
  const auto bytes = static_cast<uint32_t>(kPageSize << order);
  Fit fit{.order = order};
  if (off_slab) {
    fit.objects = bytes / geometry.size;
    fit.left_over = bytes % geometry.size;
    return fit;
  }
  fit.objects = bytes / (geometry.size + kIndexBytes);
  const uint32_t list_bytes = ListBytes2014(fit.objects, geometry.align);
  if (bytes - fit.objects * geometry.size < list_bytes) --fit.objects;
  fit.left_over = bytes - fit.objects * geometry.size - ListBytes2014(fit.objects, geometry.align);
  return fit;
}

// calculate_slab_order() of 2014.
std::optional<Fit> FindFit2014(const SlabRequest& request, const SlabGeometry& geometry,
                               bool off_slab) {
  std::optional<Fit> best;
  for (int order = 0; order <= kMaxPageOrder; ++order) {
    const Fit fit = Estimate2014(order, geometry, off_slab);
    if (fit.objects == 0) continue;
    if (fit.objects > kSlabObjectsMax) break;
    // A list must not need a cache that keeps its own lists outside its slabs.
    if (off_slab && fit.objects > geometry.size / kIndexBytes) break;
    best = fit;
    if (request.reclaim_account || order >= request.order_max) break;
    if (uint64_t{fit.left_over} * 8 <= kPageSize << order) break;
  }
  return best;
}

}  // namespace

absl::StatusOr<SlabGeometry> ComputeSlabGeometry(const SlabRequest& request,
                                                 FreelistCacheSize freelist_cache_size) {
  absl::StatusOr<SlabGeometry> sizes = ComputeSizes(request);
  if (!sizes.ok()) return sizes;
  SlabGeometry& geometry = *sizes;
  for (const FreelistPlacement freelist :
       {FreelistPlacement::kInObject, FreelistPlacement::kOffSlab, FreelistPlacement::kOnSlab}) {
    const std::optional<Fit> fit = FindFit(request, geometry.size, freelist, freelist_cache_size);
    if (!fit.has_value() || !Allows(request, freelist, *fit)) continue;
    geometry.freelist = freelist;
    geometry.order = fit->order;
    geometry.objects = fit->objects;
    geometry.left_over = fit->left_over;
    geometry.freelist_size = fit->objects * kIndexBytes;
    geometry.colours = fit->left_over / geometry.colour_step;
    return sizes;
  }
  return TooLarge(geometry);
}

absl::StatusOr<SlabGeometry> ComputeSlabGeometry2014(const SlabRequest& request, bool early) {
  constexpr uint32_t kOffSlabFrom = kPageSize >> 5;
  absl::StatusOr<SlabGeometry> sizes = ComputeSizes(request);
  if (!sizes.ok()) return sizes;
  SlabGeometry& geometry = *sizes;
  bool off_slab = RoundUp(request.object_size, kWord) >= kOffSlabFrom && !early;
  const std::optional<Fit> fit = FindFit2014(request, geometry, off_slab);
  if (!fit.has_value()) return TooLarge(geometry);
  geometry.order = fit->order;
  geometry.objects = fit->objects;
  geometry.left_over = fit->left_over;
  geometry.freelist_size = ListBytes2014(fit->objects, geometry.align);
  if (off_slab && fit->left_over >= geometry.freelist_size) {
    // There is room for it after all.
    off_slab = false;
    geometry.left_over -= geometry.freelist_size;
  }
  geometry.freelist = off_slab ? FreelistPlacement::kOffSlab : FreelistPlacement::kOnSlab;
  if (off_slab) geometry.freelist_size = fit->objects * kIndexBytes;
  geometry.colours = geometry.left_over / geometry.colour_step;
  return geometry;
}

SlabTunables DefaultSlabTunables(uint32_t size, int possible_cpus) {
  SlabTunables tunables;
  if (size > 131072) {
    tunables.limit = 1;
  } else if (size > kPageSize) {
    tunables.limit = 8;
  } else if (size > 1024) {
    tunables.limit = 24;
  } else if (size > 256) {
    tunables.limit = 54;
  } else {
    tunables.limit = 120;
  }
  tunables.batch_count = (tunables.limit + 1) / 2;
  if (size <= kPageSize && possible_cpus > 1) tunables.shared = 8;
  return tunables;
}

}  // namespace slablab
