// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Capacity and limits of sheaves as they are tuned, step by step.

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/slub/sheaves_machine.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;
using Pair = std::pair<uint64_t, uint64_t>;

std::vector<CacheLayer> LayersOf(SheavesMachine& m, CacheId cache) {
  std::vector<CacheLayer> layers;
  m.model().AddLayers(cache, &layers);
  return layers;
}

CacheLayer LayerOf(const std::vector<CacheLayer>& layers, std::string_view name) {
  for (const CacheLayer& layer : layers) {
    if (layer.name == name) return layer;
  }
  CHECK(false);
}

TEST(SheafCapacityTest, AChangeTakesAllSheavesAndGivesNewOnes) {
  SheavesMachine m;
  const CacheId cache = m.MakeCache(256);
  ASSERT_EQ(m.Count(cache, "sheaf_capacity"), 28u);
  const std::vector<PhysAddr> objects = m.AllocBulk(0, cache, 28 * 5);
  for (int i = 0; i < 28 * 4; ++i) m.Free(0, cache, objects[static_cast<size_t>(i)]);
  EXPECT_EQ(m.Barn(0, cache), Pair(2, 0));
  const uint64_t freed = m.Count(cache, "sheaf_free");
  const uint64_t made = m.Count(cache, "sheaf_alloc");
  ASSERT_TRUE(m.Tune(cache, "sheaf_capacity", 7).ok());
  EXPECT_EQ(m.Count(cache, "sheaf_capacity"), 7u);
  EXPECT_EQ(m.Count(cache, "sheaf_alloc"), made + 2) << "a main sheaf for each CPU";
  EXPECT_EQ(m.Count(cache, "sheaf_free"), freed + 5) << "two mains, a spare and two of the barn";
  EXPECT_EQ(m.SheavesOf(0, cache), (CacheContents::PercpuSheaves{.main = 0}));
  EXPECT_EQ(m.Barn(0, cache), Pair(0, 0));
  m.model().CheckInvariants();
  // From now on by sevens.
  for (int i = 28 * 4; i < 28 * 5; ++i) m.Free(0, cache, objects[static_cast<size_t>(i)]);
  EXPECT_EQ(m.SheavesOf(0, cache), (CacheContents::PercpuSheaves{.main = 7, .spare = 7}));
  EXPECT_EQ(m.Barn(0, cache), Pair(2, 0));
  m.model().CheckInvariants();
}

TEST(SheafCapacityTest, NoneIsACacheWithoutSheaves) {
  SheavesMachine m;
  const CacheId cache = m.MakeCache(256);
  m.Alloc(0, cache);
  ASSERT_TRUE(m.Tune(cache, "sheaf_capacity", 0).ok());
  const uint64_t slow = m.Count(cache, "alloc_slowpath");
  const PhysAddr object = m.Alloc(0, cache);
  EXPECT_EQ(m.Count(cache, "alloc_slowpath"), slow + 1);
  m.Free(0, cache, object);
  EXPECT_EQ(m.Count(cache, "free_slowpath"), 1u);
  EXPECT_FALSE(m.FreeRcu(0, m.Alloc(0, cache)));
  m.model().CheckInvariants();
  ASSERT_TRUE(m.Tune(cache, "sheaf_capacity", 28).ok());
  m.Free(0, cache, m.Alloc(0, cache));
  EXPECT_EQ(m.SheavesOf(0, cache).main, 28);
  m.model().CheckInvariants();
}

// A sheaf that waits for a grace period is waited for; one that a user has is freed when it comes
// back.
TEST(SheafCapacityTest, SheavesThatAreAwayComeBackToTheSlabs) {
  SheavesMachine m;
  const CacheId cache = m.MakeCache(4096);
  ASSERT_EQ(m.Count(cache, "sheaf_capacity"), 4u);
  for (const PhysAddr object : m.AllocBulk(0, cache, 6)) ASSERT_TRUE(m.FreeRcu(0, object));
  EXPECT_EQ(m.Waiting(0), 1u);
  EXPECT_EQ(LayerOf(LayersOf(m, cache), "sheaves awaiting RCU").objects, 4u);
  EXPECT_EQ(LayerOf(LayersOf(m, cache), "rcu_free sheaves").objects, 2u);
  const SheafId sheaf = m.Prefill(0, cache, 3);
  EXPECT_EQ(LayerOf(LayersOf(m, cache), "prefilled sheaves").objects, 4u);
  ASSERT_TRUE(m.Tune(cache, "sheaf_capacity", 9).ok());
  EXPECT_EQ(m.Waiting(0), 0u);
  EXPECT_EQ(m.Barn(0, cache), Pair(0, 0));
  m.model().CheckInvariants();
  const uint64_t freed = m.Count(cache, "sheaf_free");
  m.Return(0, cache, sheaf);
  EXPECT_EQ(m.Count(cache, "sheaf_free"), freed + 1);
  EXPECT_EQ(m.SheavesOf(0, cache), (CacheContents::PercpuSheaves{.main = 0}));
  EXPECT_EQ(LayerOf(LayersOf(m, cache), "prefilled sheaves").count(), 0u);
  m.model().CheckInvariants();
}

TEST(SheafCapacityTest, ACpuOffLineHasItToo) {
  SheavesMachine m;
  const CacheId cache = m.MakeCache(256);
  m.TakeOffLine(1);
  ASSERT_TRUE(m.Tune(cache, "sheaf_capacity", 5).ok());
  m.BringOnLine(1);
  m.Free(1, cache, m.Alloc(1, cache));
  EXPECT_EQ(m.SheavesOf(1, cache).main, 5);
  m.model().CheckInvariants();
}

TEST(SheafCapacityTest, CachesWithoutSheavesRefuse) {
  SheavesMachine m;
  for (const char* name : {"kmem_cache", "kmem_cache_node"}) {
    const absl::Status refused = m.Tune(m.model().FindCache(name), "sheaf_capacity", 4);
    EXPECT_THAT(std::string(refused.message()), HasSubstr("has no sheaves"));
    EXPECT_FALSE(m.Tune(m.model().FindCache(name), "max_full_sheaves", 4).ok());
  }
  const CacheId kmalloc = m.model().FindCache("kmalloc-64");
  EXPECT_TRUE(m.Tune(kmalloc, "sheaf_capacity", 100).ok());
  m.Kfree(0, m.Kmalloc(0, 64).object);
  m.model().CheckInvariants();
}

TEST(SheafCapacityTest, BarnsKeepAsManyAsTheyAreTold) {
  for (const int64_t limit : {0, 3}) {
    SheavesMachine m;
    const CacheId cache = m.MakeCache(4096);
    ASSERT_TRUE(m.Tune(cache, "max_full_sheaves", limit).ok());
    for (const PhysAddr object : m.AllocBulk(0, cache, 4 * 12)) m.Free(0, cache, object);
    EXPECT_EQ(m.Barn(0, cache).first, static_cast<uint64_t>(limit));
    m.model().CheckInvariants();
  }
}

// The layers are what stands where, counted another way; their memory is that of kmalloc's objects.
TEST(SheafCapacityTest, LayersAreWhatStandsWhere) {
  SheavesMachine m(kSlub73, {.cpus = 4, .nodes = 2});
  const CacheId cache = m.MakeCache(256);
  std::vector<PhysAddr> objects = m.AllocBulk(0, cache, 28 * 6);
  for (int i = 0; i < 28 * 4 + 3; ++i) m.Free(0, cache, objects[static_cast<size_t>(i)]);
  const CacheContents contents = m.Contents(cache);
  const std::vector<CacheLayer> layers = LayersOf(m, cache);
  uint64_t main = 0;
  uint64_t spare = 0;
  for (const CacheContents::PercpuSheaves& of_cpu : contents.sheaves) {
    main += static_cast<uint64_t>(of_cpu.main);
    if (of_cpu.spare > 0) spare += static_cast<uint64_t>(of_cpu.spare);
  }
  EXPECT_EQ(LayerOf(layers, "main sheaves").count(), contents.sheaves.size());
  EXPECT_EQ(LayerOf(layers, "main sheaves").objects, main);
  EXPECT_EQ(LayerOf(layers, "main sheaves").partial, 1u);
  EXPECT_EQ(LayerOf(layers, "main sheaves").empty, 3u);
  EXPECT_EQ(LayerOf(layers, "main sheaves").nodes.at(1).holders, 2u);
  EXPECT_EQ(LayerOf(layers, "main sheaves").own_bytes, 4 * 256u);
  EXPECT_EQ(LayerOf(layers, "spare sheaves").objects, spare);
  const CacheLayer& full = LayerOf(layers, "full sheaves in barns");
  EXPECT_EQ(full.full, m.Barn(0, cache).first);
  EXPECT_EQ(full.objects, 28 * full.full);
  EXPECT_EQ(full.object_bytes, 256 * full.objects);
}

}  // namespace
}  // namespace slablab
