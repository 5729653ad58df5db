// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slab/geometry.h"

#include <bit>
#include <string>

#include "base/types.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

constexpr FreelistPlacement kInObject = FreelistPlacement::kInObject;
constexpr FreelistPlacement kOffSlab = FreelistPlacement::kOffSlab;
constexpr FreelistPlacement kOnSlab = FreelistPlacement::kOnSlab;

// The size classes as they are once all are there.
uint32_t KmallocSize(uint32_t bytes) { return std::max(32u, std::bit_ceil(bytes)); }

SlabGeometry Compute(const SlabRequest& request) {
  const absl::StatusOr<SlabGeometry> geometry = ComputeSlabGeometry(request, KmallocSize);
  EXPECT_TRUE(geometry.ok()) << geometry.status();
  return *geometry;
}

// Worked out by hand from calculate_slab_order() and the three placements.
TEST(SlabGeometryTest, KmallocCachesHaveTheKernelsObjectsAndLists) {
  const struct {
    uint32_t size, objects;
    int order;
    uint32_t left_over;
    FreelistPlacement freelist;
  } rows[] = {
      {32, 124, 0, 4, kOnSlab},   {64, 64, 0, 0, kInObject},   {96, 42, 0, 64, kInObject},
      {128, 32, 0, 0, kInObject}, {192, 21, 0, 64, kInObject}, {256, 16, 0, 0, kInObject},
      {512, 8, 0, 0, kInObject},  {1024, 4, 0, 0, kInObject},  {2048, 2, 0, 0, kInObject},
      {4096, 1, 0, 0, kInObject}, {8192, 1, 1, 0, kInObject},
  };
  for (const auto& row : rows) {
    const SlabGeometry geometry = Compute({.object_size = row.size});
    EXPECT_EQ(geometry.objects, row.objects) << row.size;
    EXPECT_EQ(geometry.order, row.order) << row.size;
    EXPECT_EQ(geometry.left_over, row.left_over) << row.size;
    EXPECT_EQ(geometry.freelist, row.freelist) << row.size;
  }
}

// What real kernels made of caches of many kinds (Linux 6.1.192).
TEST(SlabGeometryTest, NamedCachesHaveTheKernelsObjects) {
  const struct {
    SlabRequest request;
    uint32_t size, objects;
    int order;
  } rows[] = {
      {{.object_size = 8}, 16, 240, 0},
      {{.object_size = 24, .has_constructor = true}, 24, 163, 0},
      {{.object_size = 8, .align = 128}, 128, 31, 0},
      {{.object_size = 72, .hwcache_align = true}, 128, 32, 0},
      {{.object_size = 24, .align = 64}, 64, 63, 0},
      {{.object_size = 256, .align = 64, .has_constructor = true}, 256, 16, 0},
      {{.object_size = 704, .has_constructor = true}, 704, 11, 1},
      {{.object_size = 704, .align = 128}, 768, 5, 0},
      {{.object_size = 2944, .has_constructor = true}, 2944, 2, 1},
      {{.object_size = 5000, .hwcache_align = true}, 5056, 1, 1},
  };
  for (const auto& row : rows) {
    const SlabGeometry geometry = Compute(row.request);
    EXPECT_EQ(geometry.size, row.size) << row.request.object_size;
    EXPECT_EQ(geometry.objects, row.objects) << row.request.object_size;
    EXPECT_EQ(geometry.order, row.order) << row.request.object_size;
  }
}

TEST(SlabGeometryTest, AListGoesOutsideOnlyWhereItsOwnObjectIsWorthIt) {
  // 16 objects: a list of 16 bytes in an object of 32, no more than half of 256.
  EXPECT_EQ(Compute({.object_size = 256, .typesafe_by_rcu = true}).freelist, kOffSlab);
  // A cache that keeps its own lists outside would need another in turn.
  const absl::StatusOr<SlabGeometry> inside = ComputeSlabGeometry(
      {.object_size = 256, .typesafe_by_rcu = true}, [](uint32_t) { return 0u; });
  EXPECT_EQ(inside->freelist, kOnSlab);
  EXPECT_EQ(inside->objects, 15u);
  // It is held against what was asked for: rounded up to 128 bytes, 56 would be enough.
  EXPECT_EQ(Compute({.object_size = 56, .align = 128, .typesafe_by_rcu = true}).freelist, kOnSlab);
  EXPECT_EQ(Compute({.object_size = 64, .align = 128, .typesafe_by_rcu = true}).freelist, kOffSlab);
  // What is left over has room for it.
  EXPECT_EQ(Compute({.object_size = 600, .has_constructor = true}).freelist, kOnSlab);
}

TEST(SlabGeometryTest, ReclaimableAndSmallMachinesStayWithSmallBlocks) {
  EXPECT_EQ(Compute({.object_size = 1088}).order, 1);
  EXPECT_EQ(Compute({.object_size = 1088, .reclaim_account = true}).order, 0);
  EXPECT_EQ(Compute({.object_size = 1088, .order_max = 0}).order, 0);
}

TEST(SlabGeometryTest, ColoursAreStepsOfALineInWhatIsLeftOver) {
  EXPECT_EQ(Compute({.object_size = 640}).colours, 4u);                // 256 left
  EXPECT_EQ(Compute({.object_size = 640, .align = 128}).colours, 2u);  // in steps of 128
  EXPECT_EQ(Compute({.object_size = 1024}).colours, 0u);
}

TEST(SlabGeometryTest, EveryRequestIsLaidOutWithinItsSlab) {
  for (uint32_t size = 1; size <= 20'000; size += size < 600 ? 1 : 37) {
    for (const uint32_t align : {0u, 64u, 256u}) {
      for (const bool constructor : {false, true}) {
        const SlabRequest request{
            .object_size = size, .align = align, .has_constructor = constructor};
        const SlabGeometry now = Compute(request);
        const SlabGeometry then = ComputeSlabGeometry2014(request, false).value();
        for (const SlabGeometry& g : {now, then}) {
          ASSERT_GE(g.size, size);
          ASSERT_EQ(g.size % g.align, 0u);
          ASSERT_LE(g.objects, kSlabObjectsMax);
          const uint64_t list = g.freelist == kOnSlab ? g.freelist_size : 0;
          const uint64_t used = uint64_t{g.objects} * g.size + list;
          ASSERT_LE(used + g.colours * g.colour_step, kPageSize << g.order) << size;
          ASSERT_EQ(used + g.left_over, kPageSize << g.order) << size;
          if (g.freelist == kInObject) {
            ASSERT_LE(g.freelist_size, size);
          }
        }
      }
    }
  }
}

TEST(SlabGeometryTest, In2014ListsWereInFrontOrOutside) {
  const auto compute = [](const SlabRequest& request, bool early = false) {
    return ComputeSlabGeometry2014(request, early).value();
  };
  EXPECT_EQ(compute({.object_size = 64}).objects, 63u);  // 63 bytes of list, rounded to 64
  EXPECT_EQ(compute({.object_size = 64}).freelist, kOnSlab);
  EXPECT_EQ(compute({.object_size = 128}).objects, 32u);
  EXPECT_EQ(compute({.object_size = 128}).freelist, kOffSlab);
  EXPECT_EQ(compute({.object_size = 128}, /*early=*/true).objects, 31u);
  EXPECT_EQ(compute({.object_size = 128}, /*early=*/true).freelist, kOnSlab);
  // 21 * 192 leaves 64: room for 24 bytes of list.
  EXPECT_EQ(compute({.object_size = 192}).freelist, kOnSlab);
  EXPECT_EQ(compute({.object_size = 192}).left_over, 40u);
}

TEST(SlabGeometryTest, ArraysGetShorterAsObjectsGetLarger) {
  const struct {
    uint32_t size;
    SlabTunables tunables;
  } rows[] = {
      {256, {120, 60, 8}}, {257, {54, 27, 8}}, {1024, {54, 27, 8}}, {1025, {24, 12, 8}},
      {4096, {24, 12, 8}}, {4097, {8, 4, 0}},  {131072, {8, 4, 0}}, {131073, {1, 1, 0}},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(DefaultSlabTunables(row.size, 2), row.tunables) << row.size;
    EXPECT_EQ(DefaultSlabTunables(row.size, 1).shared, 0u);
  }
}

TEST(SlabGeometryTest, ImpossibleRequestsAreRefused) {
  EXPECT_FALSE(ComputeSlabGeometry({.object_size = 0}, KmallocSize).ok());
  EXPECT_FALSE(ComputeSlabGeometry({.object_size = 8, .align = 12}, KmallocSize).ok());
  EXPECT_FALSE(ComputeSlabGeometry({.object_size = (1 << 22) + 1}, KmallocSize).ok());
  EXPECT_TRUE(ComputeSlabGeometry({.object_size = 1 << 22}, KmallocSize).ok());
  EXPECT_FALSE(ComputeSlabGeometry2014({.object_size = 0}, false).ok());
}

}  // namespace
}  // namespace slablab
