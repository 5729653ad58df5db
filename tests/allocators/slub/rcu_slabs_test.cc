// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Slabs of typesafe_by_rcu caches: their pages go back after a grace period, in every era, SLAB's
// too.

#include <string>
#include <vector>

#include "allocators/slub/slub.h"
#include "gtest/gtest.h"
#include "sim/core/rcu_by_hand.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

class RcuSlabsTest : public ::testing::TestWithParam<std::string> {
 protected:
  RcuSlabsTest() : m_(GetParam(), {.cpus = 2}), rcu_(2) { m_.machine().set_rcu(&rcu_); }

  CacheId Make(bool typesafe_by_rcu) {
    return m_
        .Create({.name = typesafe_by_rcu ? "typesafe" : "plain",
                 .object_size = 8192,
                 .typesafe_by_rcu = typesafe_by_rcu,
                 .no_merge = true})
        .value();
  }
  // All slabs become empty and are given up.
  void UseAndShrink(CacheId cache) {
    m_.FreeAll(0, cache, m_.AllocMany(0, cache, 30));
    m_.Shrink(0, cache);
  }
  const Footprint& Of(CacheId cache) {
    footprint_ = m_.allocator().FootprintOf(cache);
    return footprint_;
  }

  AllocatorMachine m_;
  RcuByHand rcu_;
  Footprint footprint_;
};

TEST_P(RcuSlabsTest, PagesGoBackWhenTheGracePeriodHasEnded) {
  const CacheId cache = Make(true);
  UseAndShrink(cache);
  const Footprint waiting = Of(cache);
  ASSERT_GE(waiting.slabs, 7u);
  EXPECT_EQ(waiting.rcu_objects, 0u);
  EXPECT_EQ(waiting.rcu_free_bytes, waiting.free_bytes);
  EXPECT_EQ(m_.allocator().SlabInfo(cache).slabs, 0u) << "the kernel counts them no longer";
  EXPECT_EQ(rcu_.WaitingOf(CpuId(0)).size(), waiting.slabs);
  const bool is_slab = GetParam().starts_with("slab");
  EXPECT_EQ(rcu_.WaitingOf(CpuId(0)).front()->function(),
            is_slab ? "kmem_rcu_free" : "rcu_free_slab");
  m_.allocator().CheckInvariants();
  // Nobody is given their memory meanwhile.
  std::vector<PhysAddr> objects = m_.AllocMany(0, cache, 10);
  EXPECT_EQ(Of(cache).rcu_free_bytes, waiting.rcu_free_bytes);
  m_.allocator().CheckInvariants();
  m_.FreeAll(0, cache, objects);
  m_.Run(0, [this](Cpu& cpu) { return rcu_.Barrier(cpu); });
  EXPECT_EQ(Of(cache).rcu_free_bytes, 0u);
  EXPECT_LT(Of(cache).slabs, waiting.slabs);
  m_.allocator().CheckInvariants();
}

TEST_P(RcuSlabsTest, OfOtherCachesTheyGoBackAtOnce) {
  const CacheId cache = Make(false);
  UseAndShrink(cache);
  EXPECT_EQ(Of(cache).slabs, 0u);
  EXPECT_TRUE(rcu_.WaitingOf(CpuId(0)).empty());
}

TEST_P(RcuSlabsTest, DestroyingTheCacheWaitsForThem) {
  const CacheId cache = Make(true);
  m_.FreeAll(0, cache, m_.AllocMany(0, cache, 30));
  m_.Destroy(cache);
  EXPECT_TRUE(rcu_.WaitingOf(CpuId(0)).empty());
  m_.allocator().CheckInvariants();
  EXPECT_EQ(m_.allocator().TotalFootprint().rcu_free_bytes, 0u);
}

INSTANTIATE_TEST_SUITE_P(Eras, RcuSlabsTest,
                         ::testing::Values("slab-2014", "slab", "slub-2010", "slubq-v2", "slubq",
                                           "slubq-v4", "slub-6.1", "slub-6.12", "slub-6.18",
                                           "slub-7.0", "slub-7.1", "slub-7.2", "slub-7.3"),
                         [](const auto& info) { return TestName(info.param); });

}  // namespace
}  // namespace slablab
