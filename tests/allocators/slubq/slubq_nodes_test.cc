// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB+Q on several nodes, its queues resized and expired. Drawn as in slubq_test.cc.

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "sim/core/scheduler.h"
#include "tests/allocators/slubq_machine.h"

namespace slablab {
namespace {

// --- Alien queues. ---

// lines = fls(ALIGN(8 * 120 + 16, 64) - 1) = 10; capacity (2^shift - 16) / 8.
TEST(SlubQAlienTest, TheMoreNodesTheSmallerTheAlienQueues) {
  struct Row {
    int nodes;
    uint64_t capacity;
  };
  for (const Row& row : {Row{2, 126}, Row{4, 126}, Row{8, 30}, Row{32, 30}, Row{64, 6}}) {
    QueueMachine<SlubQV4> m({.cpus = 2, .nodes = 1, .allocator = {.possible_nodes = row.nodes}});
    EXPECT_EQ(m.Count(m.model().FindCache("kmalloc-64"), "alien_queue_size"), row.capacity);
  }
  QueueMachine<SlubQV4> one({.cpus = 2, .nodes = 1});
  EXPECT_EQ(one.Count(one.model().FindCache("kmalloc-64"), "alien_queue_size"), 0u);
}

template <typename Model>
class SlubQAlienTypedTest : public ::testing::Test {
 protected:
  ~SlubQAlienTypedTest() override { m_.model().CheckInvariants(); }
  QueueMachine<Model> m_{{.cpus = 4, .nodes = 2}};
};
TYPED_TEST_SUITE(SlubQAlienTypedTest, Versions);

TYPED_TEST(SlubQAlienTypedTest, ObjectsOfOtherNodesWaitInAnAlienQueue) {
  const bool v4 = std::is_same_v<TypeParam, SlubQV4>;
  const CacheId cache = this->m_.MakeCache(20, 512);
  const PhysAddr object = this->m_.Alloc(2, cache);             // of node 1
  EXPECT_EQ(this->m_.Free(0, cache, object), "free to alien");  // A1 1
  EXPECT_EQ(this->m_.Count(cache, "free_alien"), 1u);
  EXPECT_EQ(this->m_.State(cache, "alien_caches").substr(0, 2), "1(");
  // CPU 1 has the same last-level cache: it finds what is warm there.
  const Placement back = this->m_.AllocWithPath(1, cache, NodeId(1));
  EXPECT_EQ(this->m_.Path(back.path), "alloc from alien");
  EXPECT_EQ(back.object, object);
  EXPECT_EQ(this->m_.Count(cache, v4 ? "alloc_alien" : "alloc_remote"), 1u);
  EXPECT_EQ(this->m_.Count(cache, "alien_caches"), 0u);
}

TYPED_TEST(SlubQAlienTypedTest, AnEmptyAlienQueueIsRefilledFromItsNode) {
  const CacheId cache = this->m_.MakeCache(20, 512);
  const Placement first = this->m_.AllocWithPath(0, cache, NodeId(1));
  EXPECT_EQ(this->m_.machine().NodeOf(first.object), NodeId(1));
  EXPECT_GT(this->m_.Count(cache, "alien_caches"), 0u);
  const Placement second = this->m_.AllocWithPath(0, cache, NodeId(1));
  EXPECT_EQ(this->m_.Path(second.path), "alloc from alien");
  EXPECT_EQ(this->m_.machine().NodeOf(second.object), NodeId(1));
  // The CPU's own queue has none of it.
  EXPECT_EQ(this->m_.Count(cache, "per_cpu_caches"), 0u);
}

TYPED_TEST(SlubQAlienTypedTest, AFullAlienQueueIsDrainedByTheBatch) {
  const CacheId cache = this->m_.MakeCache(6, 512);
  EXPECT_TRUE(this->m_.Tune(cache, "alien_queue_size", 6).ok());  // one line: 6
  EXPECT_EQ(this->m_.Count(cache, "alien_queue_size"), 6u);
  std::vector<PhysAddr> objects;
  for (int i = 0; i < 7; ++i) objects.push_back(this->m_.Alloc(2, cache));
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(this->m_.Free(0, cache, objects[static_cast<size_t>(i)]), "free to alien");
  }
  EXPECT_EQ(this->m_.Count(cache, "alien_caches"), 6u);
  EXPECT_EQ(this->m_.Free(0, cache, objects[6]), "free alien drain");
  EXPECT_EQ(this->m_.Count(cache, "alien_caches"), 7 - this->m_.Count(cache, "batch_size"));
}

TYPED_TEST(SlubQAlienTypedTest, WithoutAlienQueuesRemoteObjectsGoStraightToTheirSlabs) {
  const CacheId cache = this->m_.MakeCache(6, 512);
  EXPECT_TRUE(this->m_.Tune(cache, "alien_queue_size", 0).ok());
  const PhysAddr object = this->m_.Alloc(2, cache);
  EXPECT_EQ(this->m_.Free(0, cache, object), "free direct");
  const bool v4 = std::is_same_v<TypeParam, SlubQV4>;
  EXPECT_EQ(this->m_.Count(cache, v4 ? "free_direct" : "free_alien"), 1u);
  EXPECT_EQ(this->m_.Path(this->m_.AllocWithPath(0, cache, NodeId(1)).path), "alloc from node");
}

// --- Resizing. ---

template <typename Model>
class SlubQResizeTest : public SlubQAlienTypedTest<Model> {};
TYPED_TEST_SUITE(SlubQResizeTest, AllVersions);

TYPED_TEST(SlubQResizeTest, LiveQueuesAreResizedWithoutLoss) {
  const CacheId cache = this->m_.MakeCache(20, 512);
  std::set<PhysAddr> live;
  const auto churn = [&] {
    for (int i = 0; i < 60; ++i) {
      live.insert(this->m_.Alloc(i % 4, cache, i % 7 == 0 ? NodeId(i % 2) : kAnyNode));
    }
    for (int i = 0; i < 40; ++i) {
      this->m_.Free((i + 1) % 4, cache, *live.begin());
      live.erase(live.begin());
    }
    this->m_.model().CheckInvariants();
    EXPECT_EQ(this->m_.model().FootprintOf(cache).objects, live.size());
  };
  churn();
  for (const int size : {4, 100, 10, 1000, 7}) {
    EXPECT_TRUE(this->m_.Tune(cache, "cpu_queue_size", size).ok());
    EXPECT_EQ(this->m_.Count(cache, "queue_size"), static_cast<uint64_t>(size));
    EXPECT_EQ(this->m_.Count(cache, "batch_size"), static_cast<uint64_t>(size + 1) / 2);
    EXPECT_EQ(this->m_.Count(cache, "per_cpu_caches"), 0u);  // All were flushed.
    EXPECT_EQ(this->m_.Count(cache, "alloc_fastpath"), 0u);  // The counters go with the area.
    churn();
  }
  EXPECT_FALSE(this->m_.Tune(cache, "cpu_queue_size", 3).ok());
  EXPECT_FALSE(this->m_.Tune(cache, "cpu_queue_size", 10001).ok());
  EXPECT_EQ(this->m_.Tune(cache, "cpu_queue_size", 10000).code(),
            absl::StatusCode::kResourceExhausted);
  for (const int size : {40, 300}) {
    if (std::is_same_v<TypeParam, SlubQV2>) break;  // It has no further queues.
    EXPECT_TRUE(this->m_.Tune(cache, "shared_queue_size", size).ok());
    EXPECT_GE(this->m_.Count(cache, "shared_queue_size"), static_cast<uint64_t>(size));
    churn();
    EXPECT_TRUE(this->m_.Tune(cache, "alien_queue_size", size).ok());
    churn();
  }
  for (PhysAddr object : live) this->m_.Free(0, cache, object);
  this->m_.Destroy(cache);
}

// --- Expiry. ---

// V3 stops at the first level that gave anything: empty slabs, alien, shared, CPU queues.
TEST(SlubQExpireTest, V3GoesFromWhatMattersLeastToWhatMattersMost) {
  QueueMachine<SlubQV3> m({.cpus = 4, .nodes = 2});
  const CacheId cache = m.MakeCache(6, 512);
  EXPECT_TRUE(m.Tune(cache, "shared_queue_size", 14).ok());
  const auto max = static_cast<size_t>(m.Count(cache, "cpu_queue_size"));
  std::vector<PhysAddr> objects;
  for (size_t i = 0; i <= max; ++i) objects.push_back(m.Alloc(0, cache));
  while (m.Count(cache, "per_cpu_caches") > 0) objects.push_back(m.Alloc(0, cache));
  for (size_t i = 0; i <= max; ++i) m.Free(0, cache, objects[i]);
  m.Free(2, cache, objects.back());  // A0 1 of node 1's domain; S 3 and C0 of node 0
  if (objects.size() == max + 1) m.Alloc(0, cache);
  const auto queued = [&] {
    return std::vector<uint64_t>{m.Count(cache, "alien_caches"), m.Count(cache, "shared_caches"),
                                 m.Count(cache, "per_cpu_caches")};
  };
  const std::vector<uint64_t> full = queued();
  const uint64_t batch = m.Count(cache, "batch_size");
  EXPECT_TRUE(m.Tune(cache, "expire", -1).ok());
  EXPECT_EQ(queued(), (std::vector<uint64_t>{0, full[1], full[2]}));
  EXPECT_TRUE(m.Tune(cache, "expire", -1).ok());
  EXPECT_EQ(queued(), (std::vector<uint64_t>{0, 0, full[2]}));
  EXPECT_TRUE(m.Tune(cache, "expire", -1).ok());
  EXPECT_EQ(queued(), (std::vector<uint64_t>{0, 0, full[2] - batch}));
  EXPECT_EQ(m.Count(cache, "expire"), batch * 512);
  m.model().CheckInvariants();
}

TEST(SlubQExpireTest, V4SparesOnceWhatWasTouched) {
  QueueMachine<SlubQV4> m({.cpus = 1, .nodes = 1});
  const CacheId cache = m.MakeCache(6, 8192);
  m.Free(0, cache, m.Alloc(0, cache));  // C0 3, touched
  const uint64_t queued = m.Count(cache, "per_cpu_caches");
  EXPECT_TRUE(m.Tune(cache, "expire", -1).ok());
  EXPECT_EQ(m.Count(cache, "per_cpu_caches"), queued);
  EXPECT_EQ(m.Count(cache, "expire"), 0u);
  EXPECT_TRUE(m.Tune(cache, "expire", -1).ok());
  EXPECT_EQ(m.Count(cache, "per_cpu_caches"), 0u);
  EXPECT_GT(m.Count(cache, "expire"), 0u);
  m.model().CheckInvariants();
}

TYPED_TEST(SlubQAlienTypedTest, ExpiryOfANodeLeavesTheOthersAlone) {
  const CacheId cache = this->m_.MakeCache(6, 8192);
  this->m_.Free(0, cache, this->m_.Alloc(0, cache));
  this->m_.Free(2, cache, this->m_.Alloc(2, cache));
  const std::string before = this->m_.State(cache, "per_cpu_caches");
  for (int i = 0; i < 10; ++i) this->m_.Expire(3, NodeId(1));
  const std::string after = this->m_.State(cache, "per_cpu_caches");
  EXPECT_NE(before.find("C2="), std::string::npos);
  EXPECT_EQ(after.find("C2="), std::string::npos);
  EXPECT_NE(after.find("C0="), std::string::npos);
}

}  // namespace
}  // namespace slablab
