// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB's caches as a whole: boot, size classes, creation, merging, tunables.

#include <string>
#include <utility>
#include <vector>

#include "allocators/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/slub_machine.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;

class SlubCachesTest : public ::testing::Test {
 protected:
  ~SlubCachesTest() override { m_.model().CheckInvariants(); }
  SlubMachine m_;
};

TEST_F(SlubCachesTest, ACacheIsAnObjectOfTheCachesCache) {
  const CacheId caches = m_.model().FindCache("kmem_cache");
  const CacheId nodes = m_.model().FindCache("kmem_cache_node");
  const uint64_t caches_before = m_.model().FootprintOf(caches).objects;
  const uint64_t nodes_before = m_.model().FootprintOf(nodes).objects;
  const uint64_t percpu_before = m_.model().TotalFootprint().percpu_bytes;
  const CacheId cache = m_.MakeCache("x");
  EXPECT_EQ(m_.model().FootprintOf(caches).objects, caches_before + 1);
  EXPECT_EQ(m_.model().FootprintOf(nodes).objects, nodes_before + 1);
  // 32 bytes and 26 counters, for two CPUs.
  EXPECT_EQ(m_.model().TotalFootprint().percpu_bytes, percpu_before + 2 * (32 + 26 * 4));
  m_.Free(0, cache, m_.Alloc(0, cache));
  m_.Destroy(cache);
  EXPECT_EQ(m_.model().FootprintOf(caches).objects, caches_before);
  EXPECT_EQ(m_.model().FootprintOf(nodes).objects, nodes_before);
  EXPECT_EQ(m_.model().TotalFootprint().percpu_bytes, percpu_before);
  EXPECT_EQ(m_.model().FindCache("x"), kNoCache);
  EXPECT_TRUE(m_.Create({.name = "x", .object_size = 8}).ok());
}

TEST_F(SlubCachesTest, BootLeavesTheKernelsCaches) {
  const Allocator& slub = m_.model();
  EXPECT_EQ(slub.Layout(CacheId(0)).name, "kmem_cache_node");
  EXPECT_EQ(slub.Layout(CacheId(0)).object_size, 64u);
  EXPECT_EQ(slub.Layout(CacheId(1)).name, "kmem_cache");
  EXPECT_EQ(slub.Layout(CacheId(1)).object_size, 208u);
  EXPECT_EQ(slub.Layout(CacheId(2)).name, "kmalloc-8");
  EXPECT_EQ(slub.cache_count(), 2 + 13 + 13);
  for (int i = 0; i < slub.cache_count(); ++i) {
    EXPECT_EQ(slub.FindCache(slub.Layout(CacheId(i)).name), CacheId(i));
  }
  // Every cache and node structure is an object, these two caches' own included.
  EXPECT_EQ(slub.FootprintOf(CacheId(0)).objects, 28u);
  EXPECT_EQ(slub.FootprintOf(CacheId(1)).objects, 28u);
}

TEST_F(SlubCachesTest, KmallocServesFromTheSmallestClassThatFits) {
  const std::pair<uint64_t, std::string_view> classes[] = {
      {1, "kmalloc-8"},     {8, "kmalloc-8"},     {9, "kmalloc-16"},    {64, "kmalloc-64"},
      {65, "kmalloc-96"},   {96, "kmalloc-96"},   {97, "kmalloc-128"},  {129, "kmalloc-192"},
      {192, "kmalloc-192"}, {193, "kmalloc-256"}, {1025, "kmalloc-2k"}, {4096, "kmalloc-4k"},
      {8192, "kmalloc-8k"}};
  for (const auto& [bytes, name] : classes) {
    const PhysAddr object = m_.Kmalloc(0, bytes).object;
    EXPECT_EQ(m_.model().Locate(object).cache, m_.model().FindCache(name)) << bytes;
    EXPECT_EQ(m_.Kfree(0, object), "free fast");
  }
  const PhysAddr reclaimable = m_.Kmalloc(0, 100, kGfpKernel | Gfp::kReclaimable).object;
  EXPECT_EQ(m_.model().Locate(reclaimable).cache, m_.model().FindCache("kmalloc-rcl-128"));
}

TEST_F(SlubCachesTest, BeyondTheClassesAreWholePages) {
  const Placement large = m_.Kmalloc(0, 8193);
  EXPECT_EQ(m_.Path(large.path), "alloc large");
  EXPECT_EQ(m_.model().Locate(large.object).cache, kNoCache);
  EXPECT_EQ(m_.model().TotalFootprint().large_bytes, 16384u);
  EXPECT_EQ(m_.Kfree(1, large.object), "free large");
  EXPECT_EQ(m_.model().TotalFootprint().large_bytes, 0u);
  EXPECT_TRUE(m_.Kmalloc(0, uint64_t{1} << 23).object.is_null());
}

TEST_F(SlubCachesTest, NothingIsAllocatedOfNothing) {
  const Placement nothing = m_.Kmalloc(0, 0);
  EXPECT_FALSE(nothing.object.is_null());
  EXPECT_EQ(m_.Kfree(0, nothing.object), "free of null");
  EXPECT_EQ(m_.Kfree(0, PhysAddr()), "free of null");
}

TEST_F(SlubCachesTest, KfreeTakesObjectsOfNamedCaches) {
  const CacheId cache = m_.MakeCache("x");
  EXPECT_EQ(m_.Kfree(0, m_.Alloc(0, cache)), "free fast");
  EXPECT_EQ(m_.model().FootprintOf(cache).objects, 0u);
}

TEST_F(SlubCachesTest, ImpossibleCachesAndTunablesAreRefused) {
  EXPECT_FALSE(m_.Create({.name = "zero", .object_size = 0}).ok());
  EXPECT_FALSE(m_.Create({.name = "skew", .object_size = 8, .align = 12}).ok());
  EXPECT_FALSE(m_.Create({.name = "", .object_size = 8}).ok());
  const CacheId cache = m_.MakeCache("x");
  EXPECT_THAT(std::string(m_.Create({.name = "x", .object_size = 8}).status().message()),
              HasSubstr("'x'"));
  EXPECT_FALSE(m_.Tune(cache, "min_partial", -1).ok());
  EXPECT_FALSE(m_.Tune(cache, "remote_node_defrag_ratio", 101).ok());
  EXPECT_FALSE(m_.Tune(cache, "alloc_fastpath", 1).ok());
  EXPECT_THAT(std::string(m_.Tune(cache, "colour", 1).message()), HasSubstr("colour"));
}

TEST_F(SlubCachesTest, CountersAreClearedByWritingZero) {
  const CacheId cache = m_.MakeCache("x");
  m_.Alloc(0, cache);
  m_.Alloc(0, cache);
  EXPECT_TRUE(m_.Tune(cache, "alloc_fastpath", 0).ok());
  EXPECT_EQ(m_.Count(cache, "alloc_fastpath"), 0u);
  EXPECT_EQ(m_.Count(cache, "alloc_slowpath"), 1u);
}

TEST(SlubMergeTest, CachesOfOneLayoutAreOneIfAskedFor) {
  SlubMachine m({.allocator = {.merge_caches = true}});
  const CacheId a = m.Create({.name = "a", .object_size = 200}).value();
  // 196 rounds up to the same 200; 192 is a word less; 208 is more.
  EXPECT_EQ(m.Create({.name = "b", .object_size = 196}).value(), a);
  const CacheId c = m.Create({.name = "c", .object_size = 192}).value();
  EXPECT_NE(c, a);
  EXPECT_NE(m.Create({.name = "d", .object_size = 208}).value(), a);
  const CacheSpec others[] = {
      {.name = "e", .object_size = 200, .has_constructor = true},
      {.name = "f", .object_size = 200, .typesafe_by_rcu = true},
      {.name = "g", .object_size = 200, .reclaim_account = true},
      {.name = "h", .object_size = 200, .no_merge = true},
      {.name = "i", .object_size = 200, .align = 64},
  };
  for (const CacheSpec& spec : others) EXPECT_NE(m.Create(spec).value(), a) << spec.name;
  EXPECT_EQ(m.model().FindCache("b"), a);
  EXPECT_EQ(m.State(a, "aliases"), "1");
  m.Destroy(a);  // "a" and "b" were two users.
  EXPECT_EQ(m.model().FindCache("a"), a);
  m.Destroy(a);
  EXPECT_EQ(m.model().FindCache("a"), kNoCache);
  m.model().CheckInvariants();
}

// What is the larger's waste until the larger one comes is then its users'.
TEST(SlubMergeTest, AnAliasMayMakeObjectsLarger) {
  SlubMachine m({.allocator = {.merge_caches = true}});
  const CacheId a = m.Create({.name = "a", .object_size = 194}).value();
  m.Alloc(0, a);
  EXPECT_EQ(m.model().FootprintOf(a).padding_bytes, 6u);
  EXPECT_EQ(m.Create({.name = "b", .object_size = 199}).value(), a);
  EXPECT_EQ(m.model().FootprintOf(a).padding_bytes, 1u);
  EXPECT_EQ(m.model().FootprintOf(a).object_bytes, 199u);
  m.model().CheckInvariants();
}

TEST(SlubMergeTest, NothingIsMergedOtherwise) {
  SlubMachine m;
  const CacheId a = m.Create({.name = "a", .object_size = 200}).value();
  EXPECT_NE(m.Create({.name = "b", .object_size = 200}).value(), a);
}

TEST(SlubStatisticsTest, WithoutThemThereAreNoCountersAndNoRoomForThem) {
  SlubMachine m({.allocator = {.statistics = false}});
  const CacheId cache = m.Create({.name = "a", .object_size = 200}).value();
  EXPECT_TRUE(m.model().Counters(cache).empty());
  EXPECT_EQ(m.model().FootprintOf(cache).percpu_bytes, 2u * 32);
}

TEST(RegistryTest, NamesAreListedWhereOneIsUnknown) {
  Machine machine(ReferenceMachine({}));
  EXPECT_TRUE(MakeAllocator("slub-6.1", machine, {}).ok());
  EXPECT_THAT(std::string(MakeAllocator("slob", machine, {}).status().message()),
              HasSubstr("slub-6.1"));
  AllocatorOptions options;
  options.quirks = {"warp"};
  EXPECT_THAT(std::string(MakeAllocator("slub-6.1", machine, options).status().message()),
              HasSubstr("remote-defrag-always"));
  EXPECT_EQ(ListAllocators().front().name, "slub-6.1");
}

// Caches beyond what the first chunk of per-CPU memory holds, some over the end of a page; every
// one works, and destroying them gives the pages back.
TEST(SlubScaleTest, HundredsOfCachesOnManyCpus) {
  SlubMachine m({.cpus = 64, .nodes = 2});
  const uint64_t percpu_before = m.model().TotalFootprint().percpu_bytes;
  std::vector<CacheId> caches;
  for (int i = 0; i < 300; ++i) {
    caches.push_back(
        m.Create({.name = "c" + std::to_string(i), .object_size = 64, .no_merge = true}).value());
    const PhysAddr object = m.Alloc(i % 64, caches.back());
    m.Free((i + 1) % 64, caches.back(), object);
    EXPECT_EQ(m.Count(caches.back(), "free_slowpath"), 1u);
  }
  m.model().CheckInvariants();
  for (CacheId cache : caches) m.Destroy(cache);
  m.model().CheckInvariants();
  EXPECT_EQ(m.model().TotalFootprint().percpu_bytes, percpu_before);
}

}  // namespace
}  // namespace slablab
