// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Sheaves and barns step by step: what the kernel's code gives when it is read with a pencil.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/slub/sheaves_machine.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using Pair = std::pair<uint64_t, uint64_t>;

// An object by its number in its slab, and its slab by the order in which slabs were met.
class Numbers {
 public:
  Numbers(const SheavesMachine& machine, uint64_t size) : m_(machine), size_(size) {}
  std::string Of(PhysAddr object) {
    const Allocator::Location at = m_.allocator().Locate(object);
    auto slab = std::find(slabs_.begin(), slabs_.end(), at.serial);
    if (slab == slabs_.end()) slab = slabs_.insert(slabs_.end(), at.serial);
    const auto letter = static_cast<char>('A' + (slab - slabs_.begin()));
    return letter + std::to_string((object - at.slab) / size_);
  }

 private:
  const SheavesMachine& m_;
  const uint64_t size_;
  std::vector<uint64_t> slabs_;
};

std::vector<PhysAddr> Slice(const std::vector<PhysAddr>& all, size_t first, size_t count) {
  return {all.begin() + static_cast<ptrdiff_t>(first),
          all.begin() + static_cast<ptrdiff_t>(first + count)};
}

TEST(SheavesTest, AColdCacheOfSmallObjects) {
  SheavesMachine m;
  const CacheId cache = m.MakeCache(64);
  const uint64_t sheaves = m.Count(cache, "sheaf_alloc");
  EXPECT_EQ(sheaves, 2u);  // one for each possible CPU
  Numbers numbers(m, 64);
  EXPECT_EQ(numbers.Of(m.Alloc(0, cache)), "A59");
  EXPECT_EQ(m.Count(cache, "barn_get_fail"), 1u);
  EXPECT_EQ(m.Count(cache, "sheaf_alloc"), sheaves + 1);
  EXPECT_EQ(m.Count(cache, "alloc_slab"), 1u);
  EXPECT_EQ(m.Count(cache, "sheaf_refill"), 60u);
  EXPECT_EQ(m.Count(cache, "alloc_fastpath"), 1u);
  EXPECT_EQ(m.Count(cache, "alloc_slowpath"), 0u);
  EXPECT_THAT(m.PartialList(0, cache), ElementsAre(60));
  EXPECT_EQ(m.SheavesOf(0, cache), (CacheContents::PercpuSheaves{.main = 59, .spare = 0}));
  for (int i = 58; i >= 0; --i) {
    EXPECT_EQ(numbers.Of(m.Alloc(0, cache)), "A" + std::to_string(i));
  }
  EXPECT_EQ(numbers.Of(m.Alloc(0, cache)), "B55");
  EXPECT_EQ(m.Count(cache, "barn_get_fail"), 2u);
  EXPECT_EQ(m.Count(cache, "sheaf_alloc"), sheaves + 1);
  EXPECT_EQ(m.Count(cache, "alloc_slab"), 2u);
  EXPECT_EQ(m.Count(cache, "sheaf_refill"), 120u);
  EXPECT_THAT(m.PartialList(0, cache), ElementsAre(56));
  m.model().CheckInvariants();
}

TEST(SheavesTest, AColdCacheOfLargerObjects) {
  SheavesMachine m(kSlub73, {.cpus = 64, .mib_per_node = 256});
  const CacheId cache = m.MakeCache(256);
  ASSERT_EQ(m.model().Layout(cache).objects_per_slab, 32u);
  ASSERT_EQ(m.model().Layout(cache).sheaf_capacity, 28u);
  Numbers numbers(m, 256);
  EXPECT_EQ(numbers.Of(m.Alloc(0, cache)), "A27");
  EXPECT_THAT(m.PartialList(0, cache), ElementsAre(28));
  m.AllocMany(0, cache, 27);
  EXPECT_EQ(numbers.Of(m.Alloc(0, cache)), "B23");
  EXPECT_THAT(m.PartialList(0, cache), ElementsAre(24));
  for (int i = 22; i >= 0; --i) EXPECT_EQ(numbers.Of(m.Alloc(0, cache)), "B" + std::to_string(i));
  EXPECT_EQ(numbers.Of(m.Alloc(0, cache)), "A31");
}

TEST(SheavesTest, ABurstOfFreesFillsTheBarnAndThenFlushes) {
  SheavesMachine m;
  const CacheId cache = m.MakeCache(64);
  const std::vector<PhysAddr> objects = m.AllocBulk(0, cache, 60 * 14);
  size_t freed = 0;
  const auto free_sheaf = [&] {
    for (int i = 0; i < 60; ++i) m.Free(0, cache, objects[freed++]);
  };
  free_sheaf();
  free_sheaf();  // main and spare
  const uint64_t sheaves = m.Count(cache, "sheaf_alloc");
  EXPECT_EQ(m.SheavesOf(0, cache), (CacheContents::PercpuSheaves{.main = 60, .spare = 60}));
  EXPECT_EQ(m.Barn(0, cache), Pair(0, 0));
  for (uint64_t i = 1; i <= 10; ++i) {
    free_sheaf();
    EXPECT_EQ(m.Count(cache, "sheaf_alloc"), sheaves + i);
    EXPECT_EQ(m.Count(cache, "barn_put"), i);
    EXPECT_EQ(m.Barn(0, cache), Pair(i, 0));
  }
  EXPECT_EQ(m.Count(cache, "barn_put_fail"), 0u);
  for (uint64_t i = 1; i <= 2; ++i) {
    free_sheaf();
    EXPECT_EQ(m.Count(cache, "barn_put_fail"), i);
    EXPECT_EQ(m.Count(cache, "sheaf_flush"), 60 * i);
    EXPECT_EQ(m.Count(cache, "sheaf_alloc"), sheaves + 10);
    EXPECT_EQ(m.Barn(0, cache), Pair(10, 0));
  }
  EXPECT_EQ(m.Count(cache, "free_fastpath"), objects.size());
  EXPECT_EQ(m.Count(cache, "free_slowpath"), 0u);
  m.model().CheckInvariants();
}

// Three slabs with `free` free objects each, in this order in the partial list, and then as many
// objects as fill a sheaf are taken.
struct Refilled {
  std::vector<uint32_t> partial;     // objects in use afterwards
  uint64_t add_partial = 0;          // how often free_add_partial grew
  std::vector<std::string> objects;  // in the order in which they were handed out
};
Refilled RefillFrom(const SlubPolicy& policy, const std::vector<size_t>& free) {
  SheavesMachine m(policy);
  const CacheId cache = m.MakeCache(64);
  const std::vector<PhysAddr> objects = m.AllocBulk(0, cache, 64 * free.size());
  for (size_t i = 0; i < free.size(); ++i) m.KfreeBulk(0, Slice(objects, 64 * i, free[i]));
  Numbers numbers(m, 64);
  for (size_t i = 0; i < free.size(); ++i) numbers.Of(objects[64 * i]);
  const uint64_t before = m.Count(cache, "free_add_partial");
  Refilled refilled;
  for (int i = 0; i < 60; ++i) refilled.objects.push_back(numbers.Of(m.Alloc(0, cache)));
  refilled.partial = m.PartialList(0, cache);
  refilled.add_partial = m.Count(cache, "free_add_partial") - before;
  EXPECT_EQ(m.Count(cache, "sheaf_refill"), 60u);
  m.model().CheckInvariants();
  return refilled;
}
// How many of the objects are of slab A, B, C.
std::vector<int64_t> BySlab(const Refilled& refilled) {
  std::vector<int64_t> counts;
  for (const char slab : {'A', 'B', 'C'}) {
    counts.push_back(std::count_if(refilled.objects.begin(), refilled.objects.end(),
                                   [slab](const std::string& of) { return of[0] == slab; }));
  }
  return counts;
}

TEST(SheavesTest, ARefillTakesSlabsInTheErasOrderAndReturnsTheSurplusAsItDoes) {
  const Refilled reversed = RefillFrom(kSlub70, {20, 20, 40});
  EXPECT_THAT(BySlab(reversed), ElementsAre(0, 20, 40));
  EXPECT_THAT(reversed.partial, ElementsAre(44));
  EXPECT_EQ(reversed.add_partial, 0u);
  EXPECT_EQ(reversed.objects.front()[0], 'B');  // the last in the sheaf
  for (const SlubPolicy* policy : {&kSlub72, &kSlub73}) {
    const Refilled in_order = RefillFrom(*policy, {20, 20, 40});
    EXPECT_THAT(BySlab(in_order), ElementsAre(20, 20, 20));
    EXPECT_THAT(in_order.partial, ElementsAre(44));
    EXPECT_EQ(in_order.add_partial, 0u);
    EXPECT_EQ(in_order.objects.front()[0], 'C');
  }
  const Refilled freed = RefillFrom(kSlub71, {30, 40});
  EXPECT_THAT(BySlab(freed), ElementsAre(20, 40, 0));
  EXPECT_THAT(freed.partial, ElementsAre(54));
  EXPECT_EQ(freed.add_partial, 1u);
  const Refilled put_back = RefillFrom(kSlub73, {30, 40});
  EXPECT_THAT(BySlab(put_back), ElementsAre(30, 30, 0));
  EXPECT_THAT(put_back.partial, ElementsAre(54));
  EXPECT_EQ(put_back.add_partial, 0u);
}

TEST(SheavesTest, AnEmptySlabGoesWhereTheNodeHasEnough) {
  for (const size_t listed : {size_t{6}, size_t{4}}) {
    SheavesMachine m(kSlub73, {.cpus = 2, .nodes = 2});
    const CacheId cache = m.MakeCache(64);
    ASSERT_TRUE(m.Tune(cache, "min_partial", 5).ok());
    const std::vector<PhysAddr> objects = m.AllocBulk(0, cache, 64 * listed);
    for (size_t i = 0; i < listed; ++i) m.KfreeBulk(0, Slice(objects, 64 * i, i == 0 ? 63 : 1));
    ASSERT_EQ(m.PartialList(0, cache).size(), listed);
    const uint64_t slow = m.Count(cache, "free_slowpath");
    // From a CPU of the other node.
    EXPECT_EQ(m.Free(1, cache, objects[63]), listed == 6 ? "free slab" : "free slow empty kept");
    EXPECT_EQ(m.Count(cache, "free_slowpath"), slow + 1);
    EXPECT_EQ(m.Count(cache, "free_slab"), listed == 6 ? 1u : 0u);
    EXPECT_EQ(m.Count(cache, "free_remove_partial"), listed == 6 ? 1u : 0u);
    m.model().CheckInvariants();
  }
}

TEST(SheavesTest, WhatKvfreeRcuGathersBecomesAFullSheafAfterAGracePeriod) {
  SheavesMachine m;
  const CacheId cache = m.MakeCache(64);
  const std::vector<PhysAddr> objects = m.AllocMany(0, cache, 60);
  const uint64_t fast = m.Count(cache, "free_fastpath");
  for (size_t i = 0; i < 59; ++i) ASSERT_TRUE(m.FreeRcu(0, objects[i]));
  EXPECT_EQ(m.Waiting(0), 0u);
  EXPECT_EQ(m.SheavesOf(0, cache).rcu_free, 59);
  ASSERT_TRUE(m.FreeRcu(0, objects[59]));
  EXPECT_EQ(m.Waiting(0), 1u);
  EXPECT_EQ(m.SheavesOf(0, cache).rcu_free, -1);
  m.model().CheckInvariants();
  m.EndGracePeriod(1, 0);
  EXPECT_EQ(m.Barn(0, cache), Pair(1, 0));
  EXPECT_EQ(m.Count(cache, "barn_put"), 1u);
  EXPECT_EQ(m.Count(cache, "free_rcu_sheaf"), 60u);
  EXPECT_EQ(m.Count(cache, "free_rcu_sheaf_fail"), 0u);
  EXPECT_EQ(m.Count(cache, "free_fastpath"), fast);
  EXPECT_EQ(m.Count(cache, "free_slowpath"), 0u);
  m.model().CheckInvariants();
}

TEST(SheavesTest, AnotherNodesObjectIsNotForKvfreeRcusSheaf) {
  SheavesMachine m(kSlub73, {.cpus = 2, .nodes = 2});
  const CacheId cache = m.MakeCache(64);
  const PhysAddr object = m.Alloc(0, cache);
  EXPECT_FALSE(m.FreeRcu(1, object));
  EXPECT_EQ(m.Count(cache, "free_rcu_sheaf_fail"), 0u);
  EXPECT_TRUE(m.FreeRcu(0, object));
  m.Destroy(cache);  // Waits for the grace period.
  EXPECT_EQ(m.Waiting(0), 0u);
  m.model().CheckInvariants();
}

TEST(SheavesTest, CapacityIsOfTheSizesClassOrWhatWasAskedFor) {
  struct Case {
    uint32_t size, asked, capacity;
  };
  SheavesMachine m;
  for (const Case& each : std::vector<Case>{{8, 0, 60},
                                            {248, 0, 60},
                                            {256, 0, 28},
                                            {1016, 0, 28},
                                            {1024, 0, 12},
                                            {4088, 0, 12},
                                            {4096, 0, 4},
                                            {8192, 0, 4},
                                            {256, 32, 32},
                                            {256, 10, 28},
                                            {64, 100, 100}}) {
    const CacheId cache = m.MakeCache(each.size, each.asked);
    EXPECT_EQ(m.model().Layout(cache).sheaf_capacity, each.capacity) << each.size;
  }
  EXPECT_EQ(m.model().Layout(m.model().FindCache("kmem_cache")).sheaf_capacity, 0u);
  EXPECT_EQ(m.model().Layout(m.model().FindCache("kmem_cache_node")).sheaf_capacity, 0u);
  EXPECT_EQ(m.model().Layout(m.model().FindCache("kmalloc-512")).sheaf_capacity, 28u);
}

TEST(SheavesTest, APrefilledSheafComesFromWhereThereIsOneAndGoesBackThere) {
  SheavesMachine m;
  const CacheId cache = m.MakeCache(1024);  // 12 a sheaf
  const SheafId first = m.Prefill(0, cache, 5);
  EXPECT_EQ(m.model().SheafSize(first), 12u);
  EXPECT_EQ(m.Count(cache, "sheaf_prefill_slow"), 1u);
  EXPECT_EQ(m.Count(cache, "barn_get_fail"), 1u);
  const PhysAddr object = m.AllocFromSheaf(0, cache, first);
  EXPECT_FALSE(object.is_null());
  EXPECT_EQ(m.Count(cache, "alloc_fastpath"), 0u);
  EXPECT_EQ(m.Refill(0, cache, first, 12), first);
  EXPECT_EQ(m.Count(cache, "sheaf_refill"), 13u);
  m.AllocFromSheaf(0, cache, first);
  m.Return(0, cache, first);
  EXPECT_EQ(m.Count(cache, "sheaf_return_fast"), 1u);
  EXPECT_EQ(m.SheavesOf(0, cache).spare, 11);
  const SheafId again = m.Prefill(0, cache, 11);
  EXPECT_EQ(again, first);
  EXPECT_EQ(m.Count(cache, "sheaf_prefill_fast"), 1u);
  const SheafId oversize = m.Refill(0, cache, again, 30);
  EXPECT_NE(oversize, again);
  EXPECT_EQ(m.model().SheafSize(oversize), 30u);
  EXPECT_EQ(m.Count(cache, "sheaf_prefill_oversize"), 1u);
  EXPECT_EQ(m.Count(cache, "alloc_slowpath"), 30u);
  m.model().CheckInvariants();
  m.Return(0, cache, oversize);
  EXPECT_EQ(m.Count(cache, "sheaf_flush"), 30u);
  m.model().CheckInvariants();
}

// R1 L1 L2 R2 L3, R of another node: how those of the own node follow each other in the sheaf.
TEST(SheavesTest, ABulkFreePartsOtherNodesObjectsAsTheEraDoes) {
  for (const SlubPolicy* policy : {&kSlub72, &kSlub73}) {
    SheavesMachine m(*policy, {.cpus = 2, .nodes = 2});
    const CacheId cache = m.MakeCache(64);
    const std::vector<PhysAddr> local = m.AllocBulk(0, cache, 3);
    const std::vector<PhysAddr> remote = m.AllocBulk(1, cache, 2);
    m.FreeBulk(0, cache, {remote[0], local[0], local[1], remote[1], local[2]});
    EXPECT_EQ(m.Count(cache, "free_fastpath"), 3u);
    EXPECT_EQ(m.Count(cache, "free_slowpath"), 2u);
    const bool by_exchange = policy == &kSlub73;
    const std::vector<PhysAddr> from_top =
        by_exchange ? std::vector<PhysAddr>{local[2], local[0], local[1]}
                    : std::vector<PhysAddr>{local[1], local[0], local[2]};
    EXPECT_EQ(m.AllocMany(0, cache, 3), from_top) << policy->name;
    m.model().CheckInvariants();
  }
}

// 6.18: sheaves over CPU slabs, for a cache that asks, of exactly as many objects as it asks for.
TEST(SheavesTest, OverCpuSlabsWhatFillsASheafIsCountedTwice) {
  SheafEraMachine m(kSlub618);
  const CacheId plain = m.MakeCache(256);
  EXPECT_EQ(m.model().Layout(plain).sheaf_capacity, 0u);
  const CacheId cache = m.MakeCache(256, 32);
  EXPECT_EQ(m.model().Layout(cache).sheaf_capacity, 32u);
  m.Alloc(0, cache);
  EXPECT_EQ(m.Count(cache, "alloc_cpu_sheaf"), 1u);
  EXPECT_EQ(m.Count(cache, "sheaf_refill"), 32u);
  EXPECT_EQ(m.Count(cache, "alloc_fastpath") + m.Count(cache, "alloc_slowpath"), 32u);
  // The empty main sheaf went to the barn; later it stays as the spare one.
  EXPECT_EQ(m.Barn(0, cache), Pair(0, 1));
  EXPECT_EQ(m.SheavesOf(0, cache), (CacheContents::PercpuSheaves{.main = 31}));
  // Who may not sleep does not have a sheaf filled.
  m.AllocWithPath(1, cache, kAnyNode, kGfpAtomic);
  EXPECT_EQ(m.Count(cache, "sheaf_refill"), 32u);
  EXPECT_EQ(m.Count(cache, "alloc_cpu_sheaf"), 1u);
  m.model().CheckInvariants();
}

}  // namespace
}  // namespace slablab
