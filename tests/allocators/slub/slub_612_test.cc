// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB of Linux 6.12 where it goes another way than that of 6.1. Drawn as in slub_test.cc.

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/slub_machine.h"
#include "tests/sim/pages/faulty_page_allocator.h"

namespace slablab {
namespace {

class Slub612Test : public ::testing::Test {
 protected:
  explicit Slub612Test(const AllocatorMachineOptions& options = {}) : m_(options, kSlub612) {}
  ~Slub612Test() override { m_.model().CheckInvariants(); }

  SlubMachine m_;
};

TEST_F(Slub612Test, WhatIsOnACpusPartialListIsNotFrozen) {
  const CacheId cache = m_.MakeCache("x", /*min_partial=*/0);
  const std::vector<PhysAddr> slab = m_.AllocSlab(0, cache);     // C0 [uuuu]
  m_.Alloc(0, cache);                                            // C0 [uccc]       [uuuu] nowhere
  EXPECT_EQ(m_.Free(1, cache, slab[1]), "free to cpu partial");  // C1 - | [u.uu]
  EXPECT_EQ(m_.Free(0, cache, slab[3]), "free slow partial");    // C1 - | [u.u.]
  EXPECT_EQ(m_.Free(1, cache, slab[0]), "free slow partial");    // C1 - | [..u.]
  // Empty, but in no node's list: it stays.
  EXPECT_EQ(m_.Free(0, cache, slab[2]), "free slow partial");  // C1 - | [....]
  EXPECT_EQ(m_.Count(cache, "free_frozen"), 0u);
  EXPECT_EQ(m_.Count(cache, "free_slab"), 0u);
  EXPECT_EQ(m_.State(cache, "slabs_cpu_partial"), "2(1) C1=2(1)");
  // Its whole list at once: nothing is left to refill from.
  const Placement taken = m_.AllocWithPath(1, cache);  // C1 [ccuc]
  EXPECT_EQ(m_.Path(taken.path), "alloc cpu partial");
  EXPECT_EQ(taken.object, slab[2]);
  EXPECT_EQ(m_.Count(cache, "cpu_partial_alloc"), 1u);
  EXPECT_EQ(m_.Count(cache, "alloc_refill"), 0u);
}

TEST_F(Slub612Test, WithoutCpuPartialOneSlabIsTaken) {
  const CacheId cache = m_.MakeCache("x");
  for (int i = 0; i < 3; ++i) {
    m_.Alloc(0, cache);
    m_.Shrink(0, cache);
  }
  m_.AllocSlab(0, cache);  // N0 [u...] x 2 and what that took
  m_.Shrink(0, cache);
  EXPECT_TRUE(m_.Tune(cache, "cpu_partial", 0).ok());
  const uint64_t before = m_.Count(cache, "partial");
  ASSERT_GT(before, 0u);
  m_.Alloc(1, cache);
  EXPECT_EQ(m_.Count(cache, "cpu_partial_node"), 0u);
  EXPECT_EQ(m_.Count(cache, "partial"), before - 1);
}

TEST_F(Slub612Test, BulkOperationsCountObjectsOnTheFastPath) {
  const CacheId cache = m_.MakeCache("x");
  m_.Alloc(0, cache);  // C0 [uccc]
  std::vector<PhysAddr> objects(6);
  m_.Run(0, [&](Cpu& cpu) -> Task<void> {
    co_await m_.model().AllocBulk(cpu, cache, kGfpKernel, absl::MakeSpan(objects));
  });
  // [uuuu] and C0 [uuuc]: three from the list, one by the slow path, two more from the list.
  EXPECT_EQ(m_.Count(cache, "alloc_fastpath"), 5u);
  EXPECT_EQ(m_.Count(cache, "alloc_slowpath"), 2u);
  m_.Run(0, [&](Cpu& cpu) { return m_.model().FreeBulk(cpu, cache, absl::MakeSpan(objects)); });
  // Three into the CPU's slab; three into the full one, by one push.
  EXPECT_EQ(m_.Count(cache, "free_fastpath"), 3u);
  EXPECT_EQ(m_.Count(cache, "free_slowpath"), 1u);
}

TEST_F(Slub612Test, KfreeBulkTakesWhatComes) {
  const CacheId cache = m_.MakeCache("x");
  const PhysAddr named = m_.Alloc(0, cache);
  std::vector<PhysAddr> objects = {named, m_.Kmalloc(0, 100).object, m_.Kmalloc(0, 20000).object,
                                   m_.Kmalloc(0, 100).object};
  const uint64_t before = m_.model().TotalFootprint().user_objects();
  m_.Run(1, [&](Cpu& cpu) { return m_.model().KfreeBulk(cpu, absl::MakeSpan(objects)); });
  EXPECT_EQ(m_.model().TotalFootprint().user_objects(), before - 4);
}

class Slub612NumaTest : public Slub612Test {
 protected:
  Slub612NumaTest() : Slub612Test({.cpus = 2, .nodes = 2}) {}
};

TEST_F(Slub612NumaTest, AWrongNodesCpuPartialSlabGoesToItsNode) {
  const CacheId cache = m_.MakeCache("x");
  const std::vector<PhysAddr> slab = m_.AllocSlab(0, cache);  // C0 [uuuu] of node 0
  m_.AllocSlab(0, cache);                                     // C0 [uuuu] of node 0
  m_.Free(0, cache, slab[0]);                                 // C0 [uuuu] | [.uuu]
  const uint64_t mismatches = m_.Count(cache, "alloc_node_mismatch");
  m_.Alloc(0, cache, NodeId(1));  // C0 [uccc] of node 1   N0 [.uuu]
  // The CPU's slab was of the wrong node; the other one is never installed.
  EXPECT_EQ(m_.Count(cache, "alloc_node_mismatch"), mismatches + 1);
  EXPECT_EQ(m_.Count(cache, "free_add_partial"), 1u);
  EXPECT_EQ(m_.Count(cache, "cpu_partial_alloc"), 0u);
  EXPECT_EQ(m_.State(cache, "partial"), "1 N0=1");
}

// Caches with debugging have no CPU slabs: every object comes from its node's list, and a new slab
// is the first of it.
TEST_F(Slub612Test, ACacheWithDebuggingHandsOutSingleObjects) {
  const CacheId cache = m_.Create({.name = "d", .object_size = 1000, .red_zone = true}).value();
  const uint32_t per_slab = m_.model().Layout(cache).objects_per_slab;
  const std::vector<PhysAddr> slab = m_.AllocSlab(0, cache);
  EXPECT_EQ(std::set<uint64_t>({m_.SlabOf(slab.front()), m_.SlabOf(slab.back())}).size(), 1u);
  EXPECT_EQ(m_.Count(cache, "alloc_slowpath"), per_slab);
  EXPECT_EQ(m_.Count(cache, "alloc_slab"), 1u);
  EXPECT_EQ(m_.State(cache, "partial"), "0");  // It is full.
  EXPECT_EQ(m_.State(cache, "cpu_slabs"), "0");
  // The first red zone lies in front of the first object.
  EXPECT_EQ(slab[0] - m_.model().Locate(slab[0]).slab, 8u);
  EXPECT_EQ(m_.Free(1, cache, slab[3]), "free slow full");
  EXPECT_EQ(m_.Free(1, cache, slab[5]), "free slow partial");
  EXPECT_EQ(m_.Count(cache, "free_add_partial"), 1u);
  EXPECT_EQ(m_.Count(cache, "free_slowpath"), 2u);
  EXPECT_EQ(m_.Alloc(1, cache), slab[5]);
  EXPECT_FALSE(SlubMachine().Create({.name = "d", .object_size = 8, .poison = true}).ok());
}

// Of a partial list of more than 10,000 slabs /proc/slabinfo looks at 5,000 at either end.
TEST(Slub612SlabInfoTest, AVeryLongListIsGuessedFromItsEnds) {
  SlubMachine m({.cpus = 1, .mib_per_node = 128}, kSlub612);
  FaultyPageAllocator pages(m.machine().pages(), {.order_max = 0});
  m.machine().set_pages(&pages);
  const CacheId cache = m.Create({.name = "x", .object_size = 1344, .no_merge = true}).value();
  ASSERT_TRUE(m.Tune(cache, "cpu_partial", 0).ok());
  constexpr uint64_t kSlabs = 10'600;
  std::vector<PhysAddr> objects;  // three in a slab
  for (uint64_t i = 0; i < 3 * kSlabs; ++i) objects.push_back(m.Alloc(0, cache));
  m.Shrink(0, cache);
  // Into the list in this order: one object free in those at the ends, two between.
  uint64_t free = 0;
  for (uint64_t i = 0; i < kSlabs; ++i) {
    const bool in_between = i >= 5'200 && i < kSlabs - 5'200;
    for (uint64_t j = 0; j < (in_between ? 2u : 1u); ++j, ++free)
      m.Free(0, cache, objects[3 * i + j]);
  }
  ASSERT_TRUE(m.Tune(cache, "cpu_partial", 0).ok());  // Flushes.
  ASSERT_EQ(m.Count(cache, "partial"), kSlabs);
  const SlabInfoRow row = m.model().SlabInfo(cache);
  EXPECT_EQ(row.objects - row.active_objects, kSlabs);
  EXPECT_EQ(m.Count(cache, "objects"), 3 * kSlabs - free);  // sysfs counts them all.
}

}  // namespace
}  // namespace slablab
