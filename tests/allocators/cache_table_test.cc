// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/common/cache_table.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;

struct Geometry {
  uint32_t object_size = 0;
  uint32_t size = 0;
};
struct Cache : CacheBase {
  Geometry geometry;
};

class CacheTableTest : public ::testing::Test {
 protected:
  Cache& Add(const std::string& name, uint32_t object_size) {
    return caches_.Add(std::make_unique<Cache>(),
                       CacheSpec{.name = name, .object_size = object_size},
                       Geometry{.object_size = object_size, .size = 64});
  }
  Cache& Open(const std::string& name, uint32_t object_size) {
    Cache& s = Add(name, object_size);
    caches_.Open(s);
    return s;
  }
  static void Hold(CacheTable<Cache>& caches, Cache& s, uint64_t objects) {
    caches.AccountSlab(s, kPageSize, kPageSize);
    for (uint64_t i = 0; i < objects; ++i) caches.HandOut(s);
  }

  CacheTable<Cache> caches_;
};

TEST_F(CacheTableTest, ACacheIsFoundByItsNameAndItsAliasesWhileItLives) {
  Cache& s = Open("a", 40);
  EXPECT_EQ(caches_.AddAlias(s, {.name = "b", .object_size = 24}), s.id);
  EXPECT_EQ(caches_.FindLive("a"), &s);
  EXPECT_EQ(caches_.FindLive("b"), &s);
  EXPECT_EQ(caches_.FindLive("c"), nullptr);
  caches_.Close(s);
  EXPECT_EQ(caches_.FindLive("a"), nullptr);
  EXPECT_EQ(caches_.count(), 1);  // Its id is not given again.
  EXPECT_NE(Open("a", 40).id, s.id);
}

TEST_F(CacheTableTest, WhatCouldNotBeOpenedIsForgotten) {
  Open("a", 40);
  Cache& failed = Add("b", 40);
  EXPECT_EQ(caches_.FindLive("b"), nullptr);
  const CacheId id = failed.id;
  caches_.RemoveNewest(failed);
  EXPECT_EQ(Open("c", 40).id, id);
}

TEST_F(CacheTableTest, ANewCacheNeedsANameThatNoOtherHas) {
  Cache& s = Open("a", 40);
  caches_.AddAlias(s, {.name = "b", .object_size = 24});
  EXPECT_EQ(caches_.CheckName({.name = ""}).message(), "a cache needs a name");
  EXPECT_EQ(caches_.CheckName({.name = "b"}).message(), "there is a cache 'b' already");
  EXPECT_TRUE(caches_.CheckName({.name = "c"}).ok());
}

TEST_F(CacheTableTest, WhoDestroysACacheThatOthersUseTakesAnAliasFromIt) {
  Cache& s = Open("a", 40);
  Hold(caches_, s, 1);
  caches_.AddAlias(s, {.name = "b", .object_size = 24});
  EXPECT_TRUE(caches_.DropAlias(s));
  EXPECT_EQ(caches_.FindLive("b"), nullptr);
  EXPECT_EQ(caches_.FindLive("a"), &s);
  caches_.TakeBack(s);
  EXPECT_FALSE(caches_.DropAlias(s));
}

TEST_F(CacheTableTest, MergingLooksFromEitherEnd) {
  Cache& a = Open("a", 40);
  Cache& b = Open("b", 40);
  Open("c", 8);
  const auto fits = [](const Cache& s) { return s.geometry.object_size == 40; };
  EXPECT_EQ(caches_.OldestThat(fits), &a);
  EXPECT_EQ(caches_.NewestThat(fits), &b);
  EXPECT_EQ(caches_.OldestThat([](const Cache&) { return false; }), nullptr);
  caches_.Close(a);
  EXPECT_EQ(caches_.OldestThat(fits), &b);
}

// The objects there are count as the larger size from then on, and the slots stay what they were.
TEST_F(CacheTableTest, ALargerAliasMovesPaddingToObjects) {
  Cache& s = Open("a", 40);
  Hold(caches_, s, 3);
  caches_.AddAlias(s, {.name = "b", .object_size = 56});
  EXPECT_EQ(s.footprint.object_bytes, 3 * 56u);
  EXPECT_EQ(s.footprint.padding_bytes, 3 * 8u);
  EXPECT_EQ(s.footprint.slab_bytes, s.footprint.object_bytes + s.footprint.padding_bytes +
                                        s.footprint.free_bytes + s.footprint.tail_bytes);
  caches_.AddAlias(s, {.name = "c", .object_size = 8});
  EXPECT_EQ(s.geometry.object_size, 56u);
}

TEST_F(CacheTableTest, TheTotalIsTheSumOfWhatLives) {
  Cache& a = Open("a", 40);
  Cache& b = Open("b", 64);
  Hold(caches_, a, 5);
  Hold(caches_, b, 2);
  EXPECT_EQ(caches_.SumOfCaches(), caches_.total());
  EXPECT_EQ(caches_.total().objects, 7u);
  for (int i = 0; i < 5; ++i) caches_.TakeBack(a);
  caches_.UnaccountSlab(a, kPageSize, kPageSize);
  caches_.Close(a);
  EXPECT_EQ(a.footprint, Footprint());
  EXPECT_EQ(caches_.SumOfCaches(), caches_.total());
  EXPECT_THAT(caches_.live(), ElementsAre(b.id));
}

}  // namespace
}  // namespace slablab
