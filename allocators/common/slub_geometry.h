// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_SLUB_GEOMETRY_H_
#define SLABLAB_ALLOCATORS_COMMON_SLUB_GEOMETRY_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "allocators/allocator.h"

// How SLUB lays objects out, as of Linux 6.1 or as an earlier one did: pure arithmetic on what a
// cache is asked for and on how many CPUs there are. Sizes in bytes.

namespace slablab {

// What a cache is asked for.
struct SlubRequest {
  uint32_t object_size = 0;
  uint32_t align = 0;      // 0 or a power of two
  uint32_t slot_size = 0;  // as CacheSpec has it
  bool hwcache_align = false;
  bool has_constructor = false;
  bool typesafe_by_rcu = false;
  int64_t free_pointer_offset = -1;  // as CacheSpec has it
  // slub_debug's, for the layout only.
  bool red_zone = false;
  bool poison = false;
  bool store_user = false;
  bool consistency_checks = false;
};

SlubRequest SlubRequestOf(const CacheSpec& spec);

struct SlubCpus {
  int present = 1;
  int possible = 1;
};

// slab_min_order, slab_max_order, slab_min_objects.
struct SlubOrders {
  int min_order = 0;
  int max_order = 3;         // PAGE_ALLOC_COSTLY_ORDER
  uint32_t min_objects = 0;  // 0: by the number of CPUs
};

// What differs from one SLUB to another.
struct SlubRules {
  enum class FreeLink : uint8_t {
    kMiddle,     // Linux 6.1: in the object's middle
    kFirstWord,  // 2010: the object's first word
    kNone,       // SLUB+Q: a bitmap says what is free
  };
  FreeLink free_link = FreeLink::kMiddle;
  // Where an order with little waste is looked for when there is none at first.
  enum class OrderSearch : uint8_t {
    kFewerObjects,  // to 6.6: waste of a 16th, 8th, 4th; then the same for fewer objects
    kMoreWaste,     // 6.7: for as many objects, waste of a 16th, 8th, 4th, half
  };
  OrderSearch order_search = OrderSearch::kFewerObjects;
  // A constructor's objects may have their free pointer where the cache asks for it.
  bool constructor_takes_offset = false;
  bool min_partial_halved = true;         // 6.1: half of the size's logarithm; 2010: all of it
  uint32_t min_objects_max = UINT32_MAX;  // SLUB+Q: no more are wanted than a bitmap word has bits
  SlubOrders orders = {};
  // A least order above the greatest moves that one, and the other way round (6.7).
  bool orders_push_each_other = false;
};

struct SlubGeometry {
  uint32_t object_size = 0;
  uint32_t size = 0;   // from one object to the next: sysfs's slab_size
  uint32_t align = 0;  // of every object
  uint32_t free_pointer_offset = 0;
  uint32_t inuse = 0;         // where what is kept behind the object begins
  uint32_t red_left_pad = 0;  // in front of the object
  int order = 0;
  uint32_t objects = 0;  // in a slab of `order`
  // What a slab shrinks to when no block of `order` can be had.
  int min_order = 0;
  uint32_t min_objects = 0;
  // The tunables' defaults.
  uint64_t min_partial = 0;
  uint32_t cpu_partial = 0;  // in objects
};

// The largest kmalloc request, KMALLOC_MAX_SIZE (include/linux/slab.h), and the largest object of
// any cache.
inline constexpr uint32_t kSlubObjectSizeMax = uint32_t{1} << 22;
// slab->objects has 15 bits: MAX_OBJS_PER_PAGE.
inline constexpr uint32_t kSlubObjectsMax = 32767;

// InvalidArgument if no kernel allocator would take a cache of these.
struct ObjectSizes {
  uint32_t object_size = 0;
  uint32_t slot_size = 0;
  uint32_t align = 0;
};
absl::Status CheckObjectSizes(const ObjectSizes& sizes);

// calculate_alignment() of mm/slab_common.c.
uint32_t SlubAlignment(bool hwcache_align, uint32_t align, uint32_t size);

// calculate_sizes(), calculate_order() and what kmem_cache_open() derives from them.
// InvalidArgument if the kernel would refuse the cache.
absl::StatusOr<SlubGeometry> ComputeSlubGeometry(const SlubRequest& request, SlubCpus cpus,
                                                 const SlubRules& rules = {});

// oo_make(): objects of `size` bytes in a slab of `order`.
uint32_t SlubObjectsIn(int order, uint32_t size, const SlubRules& rules);

// oo_make() of SLUB+Q: objects in a slab of `order` where a slab of more than 64 has its bitmap
// behind them.
uint32_t ObjectsWithBitmap(int order, uint32_t size);

// slub_set_cpu_partial(): the limit in slabs that a limit of `objects` stands for.
uint32_t SlubCpuPartialSlabs(uint32_t objects, uint32_t objects_per_slab);

// The least order whose block holds `bytes` > 0: get_order().
int OrderFor(uint64_t bytes);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_SLUB_GEOMETRY_H_
