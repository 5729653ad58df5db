// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLAB_GEOMETRY_H_
#define SLABLAB_ALLOCATORS_SLAB_GEOMETRY_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

// How SLAB lays objects out, as of Linux 6.1 and of 2014 (mm/slab.c): pure arithmetic on what a
// cache is asked for. Sizes in bytes.

namespace slablab {

// What a cache is asked for.
struct SlabRequest {
  uint32_t object_size = 0;
  uint32_t align = 0;      // 0 or a power of two
  uint32_t slot_size = 0;  // as CacheSpec has it
  bool hwcache_align = false;
  bool has_constructor = false;
  bool typesafe_by_rcu = false;
  bool reclaim_account = false;
  // slab_max_order: 1 on machines of more than 32 MiB, else 0.
  int order_max = 1;
};

// Where a slab's list of free objects, one index an object, is kept.
enum class FreelistPlacement : uint8_t {
  kInObject,  // in one of the free objects: OBJFREELIST_SLAB
  kOffSlab,   // in an object of a kmalloc cache: OFF_SLAB
  kOnSlab,    // in the slab: behind the objects, in 2014 in front of them
};

struct SlabGeometry {
  uint32_t object_size = 0;
  uint32_t size = 0;   // from one object to the next
  uint32_t align = 0;  // of every object
  int order = 0;
  uint32_t objects = 0;    // in a slab
  uint32_t left_over = 0;  // bytes of a slab that hold neither objects nor, on the slab, its list
  FreelistPlacement freelist = FreelistPlacement::kOnSlab;
  uint32_t freelist_size = 0;
  uint32_t colours = 0;  // where the first object may be: at colour * colour_step, if not 0
  uint32_t colour_step = 0;
};

// The default limits of a cache's arrays, by the size of its objects.
struct SlabTunables {
  uint32_t limit = 1;
  uint32_t batch_count = 1;
  uint32_t shared = 0;  // batches in the array that the CPUs of a node share
  friend bool operator==(const SlabTunables&, const SlabTunables&) = default;
};

// Indices are bytes: SLAB_OBJ_MAX_NUM.
inline constexpr uint32_t kSlabObjectsMax = 255;
// SLAB_OBJ_MIN_SIZE.
inline constexpr uint32_t kSlabObjectSizeMin = 16;

// The size of the objects in which a list of so many bytes could lie outside the slab; 0 if there
// is no such cache yet, or one that keeps its own lists outside its slabs.
using FreelistCacheSize = absl::FunctionRef<uint32_t(uint32_t bytes)>;

// __kmem_cache_create(), calculate_slab_order(). InvalidArgument if the kernel would refuse the
// cache.
absl::StatusOr<SlabGeometry> ComputeSlabGeometry(const SlabRequest& request,
                                                 FreelistCacheSize freelist_cache_size);

// The same as of 2014. `early`: while the kernel boots no list is outside its slab.
absl::StatusOr<SlabGeometry> ComputeSlabGeometry2014(const SlabRequest& request, bool early);

// enable_cpucache().
SlabTunables DefaultSlabTunables(uint32_t size, int possible_cpus);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLAB_GEOMETRY_H_
