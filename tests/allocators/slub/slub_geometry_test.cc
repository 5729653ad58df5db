// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/common/slub_geometry.h"

#include <tuple>
#include <vector>

#include "allocators/common/slub_boot.h"
#include "base/types.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

SlubGeometry Compute(const SlubRequest& request, int cpus = 4) {
  const absl::StatusOr<SlubGeometry> geometry =
      ComputeSlubGeometry(request, {.present = cpus, .possible = cpus});
  EXPECT_TRUE(geometry.ok()) << geometry.status();
  return *geometry;
}

// Worked out by hand from calculate_order() for 2, 8, 64 and 256 present CPUs.
TEST(SlubGeometryTest, KmallocCachesHaveTheKernelsOrdersAndObjects) {
  const int cpus[] = {2, 8, 64, 256};
  const struct {
    uint32_t size;
    struct {
      int order;
      uint32_t objects;
    } by_cpus[4];
    uint32_t partial_slabs_at_64;
    uint64_t min_partial;
  } rows[] = {
      {8, {{0, 512}, {0, 512}, {0, 512}, {0, 512}}, 1, 5},
      {32, {{0, 128}, {0, 128}, {0, 128}, {0, 128}}, 2, 5},
      {64, {{0, 64}, {0, 64}, {0, 64}, {0, 64}}, 4, 5},
      {96, {{0, 42}, {0, 42}, {0, 42}, {0, 42}}, 6, 5},
      {128, {{0, 32}, {0, 32}, {0, 32}, {1, 64}}, 8, 5},
      {192, {{0, 21}, {0, 21}, {1, 42}, {1, 42}}, 6, 5},
      {256, {{0, 16}, {1, 32}, {1, 32}, {2, 64}}, 4, 5},
      {512, {{1, 16}, {2, 32}, {2, 32}, {3, 64}}, 4, 5},
      {1024, {{2, 16}, {3, 32}, {3, 32}, {3, 32}}, 2, 5},
      {2048, {{3, 16}, {3, 16}, {3, 16}, {3, 16}}, 3, 5},
      {4096, {{3, 8}, {3, 8}, {3, 8}, {3, 8}}, 2, 6},
      {8192, {{3, 4}, {3, 4}, {3, 4}, {3, 4}}, 3, 6},
  };
  for (const auto& row : rows) {
    for (int i = 0; i < 4; ++i) {
      const SlubGeometry geometry = Compute({.object_size = row.size}, cpus[i]);
      EXPECT_EQ(geometry.order, row.by_cpus[i].order) << row.size << " on " << cpus[i];
      EXPECT_EQ(geometry.objects, row.by_cpus[i].objects) << row.size << " on " << cpus[i];
    }
    const SlubGeometry at_64 = Compute({.object_size = row.size}, 64);
    EXPECT_EQ(SlubCpuPartialSlabs(at_64.cpu_partial, at_64.objects), row.partial_slabs_at_64)
        << row.size;
    EXPECT_EQ(at_64.min_partial, row.min_partial) << row.size;
  }
}

// What calculate_order() of 6.1 and of 7.3 come to by hand on 4 CPUs (16 objects are wanted).
TEST(SlubGeometryTest, BootParametersMoveOrders) {
  SlubRules later;
  later.order_search = SlubRules::OrderSearch::kMoreWaste;
  later.orders_push_each_other = true;
  const auto order = [](uint32_t size, const SlubRules& rules) {
    return ComputeSlubGeometry({.object_size = size}, {.present = 4, .possible = 4}, rules)->order;
  };
  using Parameters = std::vector<BootParameter>;
  for (const SlubRules& rules : {SlubRules(), later}) {
    EXPECT_EQ(order(1024, rules), 2);
    const auto with = [&](const Parameters& parameters) {
      return order(1024, WithBootParameters(rules, parameters));
    };
    EXPECT_EQ(with({{"slab_max_order", 0}}), 0);
    EXPECT_EQ(with({{"slab_max_order", 1}}), 1);
    EXPECT_EQ(with({{"slub_max_order", 1}}), 1);
    EXPECT_EQ(with({{"slab_min_order", 3}}), 3);
    EXPECT_EQ(with({{"slab_min_objects", 1}}), 0);
    EXPECT_EQ(with({{"slab_min_objects", 32}}), 3);
    EXPECT_EQ(with({{"slab_min_objects", 64}}), 3) << "slab_max_order is 3";
    EXPECT_EQ(with({{"slab_min_objects", 64}, {"slab_max_order", 5}}), 4);
    // Of one object of two pages, whatever the greatest order is.
    EXPECT_EQ(order(8192, WithBootParameters(rules, Parameters{{"slab_max_order", 0}})), 1);
  }
  // Since 6.7 the later of the two moves the other; before, a slab of the least order it is.
  const Parameters up = {{"slab_min_order", 5}};
  EXPECT_EQ(WithBootParameters(later, up).orders.max_order, 5);
  EXPECT_EQ(WithBootParameters(SlubRules(), up).orders.max_order, 3);
  EXPECT_EQ(order(1024, WithBootParameters(later, up)), 5);
  EXPECT_EQ(order(1024, WithBootParameters(SlubRules(), up)), 5);
  const Parameters down = {{"slab_min_order", 5}, {"slab_max_order", 1}};
  EXPECT_EQ(WithBootParameters(later, down).orders.min_order, 1);
  // 512 objects of 8 bytes a page: 6.1 does not look whether they can be counted.
  const Parameters many = {{"slab_max_order", 10}, {"slab_min_objects", 1'000'000}};
  EXPECT_FALSE(
      CheckOrders(WithBootParameters(SlubRules(), many), {.present = 4, .possible = 4}).ok());
  EXPECT_TRUE(CheckOrders(WithBootParameters(later, many), {.present = 4, .possible = 4}).ok());
}

TEST(SlubGeometryTest, OnePresentCpuCountsThosePossible) {
  const absl::StatusOr<SlubGeometry> hotplug =
      ComputeSlubGeometry({.object_size = 1024}, {.present = 1, .possible = 64});
  EXPECT_EQ(hotplug->order, Compute({.object_size = 1024}, 64).order);
  EXPECT_NE(hotplug->order, Compute({.object_size = 1024}, 1).order);
}

TEST(SlubGeometryTest, CpuPartialStepsAtEachBoundary) {
  const std::tuple<uint32_t, uint32_t> steps[] = {{8, 120},   {248, 120}, {256, 52}, {1016, 52},
                                                  {1024, 24}, {4088, 24}, {4096, 6}, {8192, 6}};
  for (const auto& [size, objects] : steps) {
    EXPECT_EQ(Compute({.object_size = size}).cpu_partial, objects) << size;
  }
  EXPECT_EQ(Compute({.object_size = 64, .red_zone = true}).cpu_partial, 0u);
}

TEST(SlubGeometryTest, SmallObjectsShareALine) {
  EXPECT_EQ(SlubAlignment(true, 0, 64), 64u);
  EXPECT_EQ(SlubAlignment(true, 0, 33), 64u);
  EXPECT_EQ(SlubAlignment(true, 0, 32), 32u);
  EXPECT_EQ(SlubAlignment(true, 0, 17), 32u);
  EXPECT_EQ(SlubAlignment(true, 0, 8), 8u);
  EXPECT_EQ(SlubAlignment(true, 128, 8), 128u);
  EXPECT_EQ(SlubAlignment(false, 4, 100), 8u);
}

// | object          |
// 0        48      100 104    112
TEST(SlubGeometryTest, TheFreePointerIsInTheMiddleOrBehind) {
  EXPECT_EQ(Compute({.object_size = 100}).free_pointer_offset, 48u);
  EXPECT_EQ(Compute({.object_size = 100}).size, 104u);
  EXPECT_EQ(Compute({.object_size = 8}).free_pointer_offset, 0u);
  for (const SlubRequest& request : {SlubRequest{.object_size = 100, .has_constructor = true},
                                     SlubRequest{.object_size = 100, .typesafe_by_rcu = true},
                                     SlubRequest{.object_size = 100, .poison = true}}) {
    EXPECT_EQ(Compute(request).free_pointer_offset, 104u);
    EXPECT_EQ(Compute(request).size, 112u);
  }
}

// | left pad | object | red zone | tracks | right word |
TEST(SlubGeometryTest, DebuggingAddsItsZones) {
  EXPECT_EQ(Compute({.object_size = 64, .store_user = true}).size, 64u + 2 * 32);
  const SlubGeometry zoned = Compute({.object_size = 64, .red_zone = true});
  EXPECT_EQ(zoned.inuse, 72u);
  EXPECT_EQ(zoned.red_left_pad, 8u);
  EXPECT_EQ(zoned.size, 64u + 8 + 8 + 8);
  EXPECT_EQ(Compute({.object_size = 60, .red_zone = true}).inuse, 64u);  // The gap will do.
}

// Whatever is asked for, what comes out is a slab that a kernel could use.
TEST(SlubGeometryTest, EverySizeAndAlignmentFits) {
  for (uint32_t size = 1; size <= kSlubObjectSizeMax; size += 1 + size / 23) {
    for (uint32_t align : {0u, 8u, 64u, 4096u}) {
      for (int cpus : {1, 3, 64, 4096}) {
        const SlubRequest request{.object_size = size, .align = align, .hwcache_align = true};
        const absl::StatusOr<SlubGeometry> geometry =
            ComputeSlubGeometry(request, {.present = cpus, .possible = cpus});
        ASSERT_TRUE(geometry.ok()) << size << " " << align;
        EXPECT_GE(geometry->size, size);
        EXPECT_EQ(geometry->size % geometry->align, 0u);
        EXPECT_LE(geometry->free_pointer_offset + 8, geometry->size);
        EXPECT_LE(geometry->min_order, geometry->order);
        EXPECT_GE(geometry->min_objects, 1u);
        EXPECT_LE(uint64_t{geometry->objects} * geometry->size, kPageSize << geometry->order);
        EXPECT_GT(uint64_t{geometry->objects + 1} * geometry->size, kPageSize << geometry->order);
        // Above the costly order only what fits no lower one.
        if (geometry->order > 3) {
          EXPECT_EQ(geometry->order, geometry->min_order);
        }
      }
    }
  }
}

TEST(SlubGeometryTest, ImpossibleRequestsAreRefused) {
  const SlubCpus cpus{.present = 4, .possible = 4};
  EXPECT_FALSE(ComputeSlubGeometry({.object_size = 0}, cpus).ok());
  EXPECT_FALSE(ComputeSlubGeometry({.object_size = kSlubObjectSizeMax + 1}, cpus).ok());
  EXPECT_FALSE(ComputeSlubGeometry({.object_size = 8, .align = 24}, cpus).ok());
  // The free pointer behind the largest object is too much.
  EXPECT_FALSE(
      ComputeSlubGeometry({.object_size = kSlubObjectSizeMax, .has_constructor = true}, cpus).ok());
}

// Linux 6.7 looks for orders in another way, and finds others for sizes of 10,928 to 12,280 only.
TEST(SlubGeometryTest, TheTwoSearchesDifferInOneRange) {
  const SlubRules more_waste = {.order_search = SlubRules::OrderSearch::kMoreWaste};
  for (int cpus : {1, 2, 3, 4, 8, 16, 64, 256, 1024}) {
    const SlubCpus machine{.present = cpus, .possible = cpus};
    for (uint32_t size = 8; size <= 40'000; size += 8) {
      const SlubRequest request{.object_size = size};
      const SlubGeometry before = *ComputeSlubGeometry(request, machine);
      SlubGeometry after = *ComputeSlubGeometry(request, machine, more_waste);
      const bool differs = size >= 10'928 && size <= 12'280;
      EXPECT_EQ(before.order, differs ? 2 : after.order) << size << " " << cpus;
      if (differs) {
        EXPECT_EQ(after.order, 3) << size << " " << cpus;
      }
    }
  }
}

TEST(SlubGeometryTest, AFreePointerLiesWhereTheCacheAsksFor) {
  const SlubCpus cpus{.present = 4, .possible = 4};
  const SlubRules constructors = {.constructor_takes_offset = true};
  const SlubRequest rcu{.object_size = 64, .typesafe_by_rcu = true, .free_pointer_offset = 16};
  EXPECT_EQ(ComputeSlubGeometry(rcu, cpus)->free_pointer_offset, 16u);
  EXPECT_EQ(ComputeSlubGeometry(rcu, cpus)->size, 64u);
  const SlubRequest made{.object_size = 64, .has_constructor = true, .free_pointer_offset = 16};
  EXPECT_FALSE(ComputeSlubGeometry(made, cpus).ok());
  EXPECT_EQ(ComputeSlubGeometry(made, cpus, constructors)->free_pointer_offset, 16u);
  EXPECT_EQ(ComputeSlubGeometry(made, cpus, constructors)->size, 64u);
  for (int64_t offset : {12, 64, 72}) {
    SlubRequest outside = rcu;
    outside.free_pointer_offset = offset;
    EXPECT_FALSE(ComputeSlubGeometry(outside, cpus).ok()) << offset;
  }
  // Of a cache whose free objects are nobody's business.
  EXPECT_FALSE(ComputeSlubGeometry({.object_size = 64, .free_pointer_offset = 16}, cpus).ok());
}

TEST(SlubGeometryTest, OrdersHoldTheirBytes) {
  EXPECT_EQ(OrderFor(1), 0);
  EXPECT_EQ(OrderFor(4096), 0);
  EXPECT_EQ(OrderFor(4097), 1);
  EXPECT_EQ(OrderFor(8192), 1);
  EXPECT_EQ(OrderFor(kSlubObjectSizeMax), 10);
}

}  // namespace
}  // namespace slablab
