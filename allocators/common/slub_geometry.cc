// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/common/slub_geometry.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/types.h"
#include "fmt/format.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

constexpr uint32_t kWord = 8;
constexpr uint32_t kWordBits = 64;
constexpr int kNoSuchOrder = kMaxPageOrder + 1;  // MAX_ORDER
constexpr uint32_t kTrackBytes = 32;             // struct track with CONFIG_STACKDEPOT
constexpr uint32_t kMinPartialLeast = 5;         // MIN_PARTIAL
constexpr uint32_t kMinPartialMost = 10;         // MAX_PARTIAL

constexpr uint32_t RoundUp(uint32_t value, uint32_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

uint32_t ObjectsIn(int order, uint32_t size) {
  return static_cast<uint32_t>((kPageSize << order) / size);
}

struct OrderSearch {
  uint32_t size = 0;
  uint32_t objects_least = 1;
  int order_least = 0;
  int order_max = 0;
  uint32_t waste_fraction = 1;  // of the slab may be wasted: one in so many
};

// calc_slab_order(): the least order that holds so many objects and wastes no more. Beyond
// order_max if there is none.
int FindOrder(const OrderSearch& search) {
  if (ObjectsIn(search.order_least, search.size) > kSlubObjectsMax) {
    return OrderFor(uint64_t{search.size} * kSlubObjectsMax) - 1;
  }
  int order = std::max(search.order_least, OrderFor(uint64_t{search.objects_least} * search.size));
  for (; order <= search.order_max; ++order) {
    const uint64_t slab = kPageSize << order;
    if (slab % search.size <= slab / search.waste_fraction) break;
  }
  return order;
}

// calculate_order() since Linux 6.7.
int OrderByWaste(uint32_t size, uint32_t wanted, const SlubOrders& orders) {
  const uint32_t least = std::min(wanted, std::max(ObjectsIn(orders.max_order, size), 1u));
  const int order_least = std::max(orders.min_order, OrderFor(uint64_t{least} * size));
  if (ObjectsIn(order_least, size) > kSlubObjectsMax) {
    return OrderFor(uint64_t{size} * kSlubObjectsMax) - 1;
  }
  for (uint32_t fraction = 16; fraction > 1; fraction /= 2) {
    const int order = FindOrder({.size = size,
                                 .order_least = order_least,
                                 .order_max = orders.max_order,
                                 .waste_fraction = fraction});
    if (order <= orders.max_order) return order;
  }
  return OrderFor(size);
}

// calculate_order(): as many objects as the number of CPUs makes worth while, with little waste;
// gives way first in waste, then in objects.
int CalculateOrder(uint32_t size, SlubCpus cpus, const SlubRules& rules) {
  // Where present CPUs are not known at boot, only one is: then count those that may come.
  const int counted = cpus.present <= 1 ? cpus.possible : cpus.present;
  const SlubOrders& orders = rules.orders;
  uint32_t wanted = orders.min_objects;
  if (wanted == 0) {
    wanted = static_cast<uint32_t>(4 * (std::bit_width(static_cast<uint32_t>(counted)) + 1));
  }
  wanted = std::min(wanted, rules.min_objects_max);
  if (rules.order_search == SlubRules::OrderSearch::kMoreWaste) {
    return OrderByWaste(size, wanted, orders);
  }
  OrderSearch search{.size = size, .order_least = orders.min_order, .order_max = orders.max_order};
  for (uint32_t least = std::min(wanted, ObjectsIn(orders.max_order, size)); least > 1; --least) {
    search.objects_least = least;
    for (uint32_t fraction = 16; fraction >= 4; fraction /= 2) {
      search.waste_fraction = fraction;
      const int order = FindOrder(search);
      if (order <= orders.max_order) return order;
    }
  }
  search.objects_least = 1;
  search.waste_fraction = 1;
  const int order = FindOrder(search);
  if (order <= orders.max_order) return order;
  search.order_max = kNoSuchOrder;
  return FindOrder(search);
}

// calculate_sizes(): object, red zone, free pointer, users' tracks, red zone; rounded up.
void LayOutObject(const SlubRequest& request, const SlubRules& rules, SlubGeometry* geometry) {
  uint32_t size = RoundUp(request.object_size, kWord);
  if (request.red_zone && size == request.object_size) size += kWord;
  geometry->inuse = size;
  const bool asks = request.free_pointer_offset >= 0;
  const bool asks_of_constructor = asks && rules.constructor_takes_offset;
  const bool outside = (request.typesafe_by_rcu && !asks) || request.poison ||
                       (request.has_constructor && !asks_of_constructor) ||
                       (request.red_zone && request.object_size < kWord);
  if (rules.free_link == SlubRules::FreeLink::kNone) {
    // Nothing is written into a free object.
  } else if (outside) {
    // The object's bytes mean something even while it is free.
    geometry->free_pointer_offset = size;
    size += kWord;
  } else if (asks && (request.typesafe_by_rcu || request.has_constructor)) {
    geometry->free_pointer_offset = static_cast<uint32_t>(request.free_pointer_offset);
  } else if (rules.free_link == SlubRules::FreeLink::kFirstWord) {
    geometry->free_pointer_offset = 0;
  } else {
    // In its middle, away from what runs over an end of a neighbour.
    geometry->free_pointer_offset = request.object_size / 2 / kWord * kWord;
  }
  if (request.store_user) size += 2 * kTrackBytes;
  if (request.red_zone) {
    geometry->red_left_pad = RoundUp(kWord, geometry->align);
    size += kWord + geometry->red_left_pad;
  }
  geometry->size = RoundUp(std::max(size, request.slot_size), geometry->align);
}

// set_cpu_partial().
uint32_t CpuPartialDefault(const SlubRequest& request, uint32_t size) {
  if (request.red_zone || request.poison || request.store_user || request.consistency_checks) {
    return 0;
  }
  if (size >= kPageSize) return 6;
  if (size >= 1024) return 24;
  if (size >= 256) return 52;
  return 120;
}

}  // namespace

SlubRequest SlubRequestOf(const CacheSpec& spec) {
  return {.object_size = spec.object_size,
          .align = spec.align,
          .slot_size = spec.slot_size,
          .hwcache_align = spec.hwcache_align,
          .has_constructor = spec.has_constructor,
          .typesafe_by_rcu = spec.typesafe_by_rcu,
          .free_pointer_offset = spec.free_pointer_offset,
          .red_zone = spec.red_zone,
          .poison = spec.poison,
          .store_user = spec.store_user,
          .consistency_checks = spec.consistency_checks};
}

int OrderFor(uint64_t bytes) {
  CHECK_GT(bytes, 0u);
  return std::bit_width((bytes - 1) >> kPageShift);
}

uint32_t SlubAlignment(bool hwcache_align, uint32_t align, uint32_t size) {
  if (hwcache_align) {
    // Small objects share a line, as many as fit it evenly.
    uint32_t line = kLineSize;
    while (size <= line / 2) line /= 2;
    align = std::max(align, line);
  }
  return RoundUp(std::max(align, kWord), kWord);
}

uint32_t SlubCpuPartialSlabs(uint32_t objects, uint32_t objects_per_slab) {
  // Slabs on a CPU's list are taken to be half full.
  return static_cast<uint32_t>((uint64_t{objects} * 2 + objects_per_slab - 1) / objects_per_slab);
}

uint32_t ObjectsWithBitmap(int order, uint32_t size) {
  const uint32_t objects = ObjectsIn(order, size);
  if (objects <= kWordBits) return objects;
  // Each object takes its words, of 64 bits each, and one bit.
  const uint64_t words = (kPageSize << order) / kWord;
  return static_cast<uint32_t>(words * kWordBits / (uint64_t{size / kWord} * kWordBits + 1));
}

uint32_t SlubObjectsIn(int order, uint32_t size, const SlubRules& rules) {
  return rules.free_link == SlubRules::FreeLink::kNone ? ObjectsWithBitmap(order, size)
                                                       : ObjectsIn(order, size);
}

absl::Status CheckObjectSizes(const ObjectSizes& sizes) {
  if (sizes.object_size == 0 || sizes.object_size > kSlubObjectSizeMax) {
    return absl::InvalidArgumentError(
        fmt::format("object size {} is not in 1..{}", sizes.object_size, kSlubObjectSizeMax));
  }
  if (sizes.slot_size > kSlubObjectSizeMax) {
    return absl::InvalidArgumentError(
        fmt::format("a slot of {} bytes is above {}", sizes.slot_size, kSlubObjectSizeMax));
  }
  if (sizes.align != 0 && !std::has_single_bit(sizes.align)) {
    return absl::InvalidArgumentError(
        fmt::format("alignment {} is not a power of two", sizes.align));
  }
  if (sizes.align > kSlubObjectSizeMax) {
    return absl::InvalidArgumentError(
        fmt::format("alignment {} is above {}", sizes.align, kSlubObjectSizeMax));
  }
  return absl::OkStatus();
}

absl::StatusOr<SlubGeometry> ComputeSlubGeometry(const SlubRequest& request, SlubCpus cpus,
                                                 const SlubRules& rules) {
  CHECK_GE(cpus.present, 1);
  CHECK_GE(cpus.possible, cpus.present);
  const absl::Status checked = CheckObjectSizes(
      {.object_size = request.object_size, .slot_size = request.slot_size, .align = request.align});
  if (!checked.ok()) return checked;
  // __kmem_cache_create_args().
  const int64_t link = request.free_pointer_offset;
  const bool may_ask =
      request.typesafe_by_rcu || (request.has_constructor && rules.constructor_takes_offset);
  if (link >= 0 && (!may_ask || link >= request.object_size || link % kWord != 0)) {
    return absl::InvalidArgumentError(
        fmt::format("a free pointer cannot lie {} bytes into such an object", link));
  }
  SlubGeometry geometry;
  geometry.object_size = request.object_size;
  geometry.align = SlubAlignment(request.hwcache_align, request.align, request.object_size);
  LayOutObject(request, rules, &geometry);
  geometry.order = CalculateOrder(geometry.size, cpus, rules);
  if (geometry.order > kMaxPageOrder) {
    return absl::InvalidArgumentError(
        fmt::format("an object of {} bytes with its metadata fits no page block", geometry.size));
  }
  geometry.objects = SlubObjectsIn(geometry.order, geometry.size, rules);
  geometry.min_order = OrderFor(geometry.size);
  geometry.min_objects = SlubObjectsIn(geometry.min_order, geometry.size, rules);
  if (geometry.objects > kSlubObjectsMax) {
    return absl::InvalidArgumentError(fmt::format(
        "a slab would have {} objects of {} bytes, more than the {} that can be counted",
        geometry.objects, geometry.size, kSlubObjectsMax));
  }
  const auto log = static_cast<uint32_t>(std::bit_width(geometry.size) - 1);
  geometry.min_partial =
      std::clamp(rules.min_partial_halved ? log / 2 : log, kMinPartialLeast, kMinPartialMost);
  geometry.cpu_partial = CpuPartialDefault(request, geometry.size);
  return geometry;
}

}  // namespace slablab
