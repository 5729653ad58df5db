// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Pointers to memory cgroups: where they lie, when they come, what they hold.

#include "allocators/slub/core/obj_exts.h"

#include <string>
#include <string_view>
#include <vector>

#include "allocators/registry.h"
#include "gtest/gtest.h"
#include "tests/allocators/alloc_in_interrupt.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

class ObjExtsTest : public ::testing::TestWithParam<std::string> {
 protected:
  ObjExtsTest() : m_(GetParam(), {.allocator = {.quirks = {"memcg-charges"}}}) {}
  ~ObjExtsTest() override { m_.allocator().CheckInvariants(); }

  bool FitsInSlabs() const { return GetParam() > "slub-7"; }
  uint64_t OwnOf(std::string_view cache) {
    return m_.allocator().FootprintOf(m_.allocator().FindCache(cache)).own_objects;
  }
  CacheId Make(uint32_t bytes, bool account, uint32_t align = 0) {
    return m_
        .Create({.name = "x",
                 .object_size = bytes,
                 .align = align,
                 .no_merge = true,
                 .account = account})
        .value();
  }

  AllocatorMachine m_;
};

// 21 objects of 192 bytes leave 64 bytes, and 168 are wanted.
TEST_P(ObjExtsTest, ANewSlabHasAVectorOfItsOwn) {
  const uint64_t before = OwnOf("kmalloc-192");
  const CacheId cache = Make(192, true);
  const PhysAddr object = m_.Alloc(0, cache);
  const uint64_t slabs = m_.allocator().FootprintOf(cache).slabs;
  EXPECT_GE(slabs, 1u);
  EXPECT_EQ(OwnOf("kmalloc-192"), before + slabs);
  m_.Free(0, cache, object);
  m_.Shrink(0, cache);
  EXPECT_EQ(m_.allocator().FootprintOf(cache).slabs, 0u);
  EXPECT_EQ(OwnOf("kmalloc-192"), before);
}

// 16 objects of 248 bytes leave 128, which is what they need.
TEST_P(ObjExtsTest, ItLiesBehindTheLastObjectSince70) {
  const uint64_t before = OwnOf("kmalloc-128");
  const CacheId cache = Make(248, true);
  ASSERT_EQ(m_.allocator().Layout(cache).objects_per_slab, 16u);
  m_.Free(0, cache, m_.Alloc(0, cache));
  const uint64_t slabs = m_.allocator().FootprintOf(cache).slabs;
  EXPECT_EQ(OwnOf("kmalloc-128"), before + (FitsInSlabs() ? 0 : slabs));
}

// Objects of 248 bytes in 256 have room for their own.
TEST_P(ObjExtsTest, OrInWhatAlignmentLeavesOfEachObject) {
  const uint64_t before = OwnOf("kmalloc-128");
  const CacheId cache = Make(248, true, 256);
  ASSERT_EQ(m_.allocator().Layout(cache).slab_size, 256u);
  ASSERT_EQ(m_.allocator().Layout(cache).objects_per_slab, 16u);
  m_.Free(0, cache, m_.Alloc(0, cache));
  const uint64_t slabs = m_.allocator().FootprintOf(cache).slabs;
  EXPECT_EQ(OwnOf("kmalloc-128"), before + (FitsInSlabs() ? 0 : slabs));
}

// Of a cache that is not accounted as a whole, with the first object that is.
TEST_P(ObjExtsTest, OtherCachesHaveItFromTheFirstAccountedObject) {
  const uint64_t before = OwnOf("kmalloc-192");
  const CacheId cache = Make(192, false);
  const PhysAddr plain = m_.Alloc(0, cache);
  EXPECT_EQ(OwnOf("kmalloc-192"), before);
  const Placement charged = m_.AllocWithPath(0, cache, kAnyNode, kGfpKernel | Gfp::kAccount);
  EXPECT_EQ(OwnOf("kmalloc-192"), before + 1);
  m_.Free(0, cache, charged.object);
  m_.Free(0, cache, plain);
}

TEST_P(ObjExtsTest, NobodyChargesAnInterruptsObjects) {
  const CacheId cache = Make(192, false);
  const uint64_t before = OwnOf("kmalloc-192");
  AllocInInterrupt interrupt(m_, cache, kGfpAtomic | Gfp::kAccount);
  m_.Run(1, [&](Cpu& cpu) { return cpu.CallOn(CpuId(0), interrupt); });
  EXPECT_EQ(OwnOf("kmalloc-192"), before);
  m_.Free(0, cache, interrupt.object);
}

TEST_P(ObjExtsTest, EveryObjectMayComeAndGoManyTimes) {
  const CacheId cache = Make(192, true);
  for (int round = 0; round < 3; ++round) {
    std::vector<PhysAddr> objects = m_.AllocMany(0, cache, 200);
    m_.allocator().CheckInvariants();
    m_.FreeAll(round % 2, cache, objects);
  }
  m_.Destroy(cache);
}

INSTANTIATE_TEST_SUITE_P(Eras, ObjExtsTest,
                         ::testing::Values("slub-6.1", "slub-6.12", "slub-6.18", "slub-7.0",
                                           "slub-7.1", "slub-7.2", "slub-7.3"),
                         [](const auto& info) { return TestName(info.param); });

TEST(NoObjExtsTest, WithoutCgroupsThereAreNone) {
  AllocatorMachine m("slub-7.3");
  const CacheId cache =
      m.Create({.name = "x", .object_size = 192, .no_merge = true, .account = true}).value();
  const uint64_t before = m.allocator().TotalFootprint().own_objects;
  m.AllocWithPath(0, cache, kAnyNode, kGfpKernel | Gfp::kAccount);
  EXPECT_LE(m.allocator().TotalFootprint().own_objects, before + 1) << "a sheaf at most";
}

}  // namespace
}  // namespace slablab
