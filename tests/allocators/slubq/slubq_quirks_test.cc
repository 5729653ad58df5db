// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What SLUB+Q's patches got wrong, each as a quirk and as users saw it.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/slubq_machine.h"
#include "tests/sim/pages/faulty_page_allocator.h"
#include "workloads/auditor.h"

namespace slablab {
namespace {

// Rientjes' machines with four nodes did not boot; those with two did.
TEST(SlubQQuirkTest, QueuesOfFourNodesOverflowTheirObject) {
  QueueMachine<SlubQV3> two(
      {.cpus = 4, .nodes = 2, .allocator = {.quirks = {"alien-stride-overflow"}}});
  EXPECT_TRUE(two.model().KernelLog().empty());
  QueueMachine<SlubQV3> four(
      {.cpus = 8, .nodes = 4, .allocator = {.quirks = {"alien-stride-overflow"}}});
  const std::vector<std::string> log = four.model().KernelLog();
  ASSERT_FALSE(log.empty());
  EXPECT_NE(log[0].find("BUG kmalloc-16: Padding overwritten. 4048 bytes"), std::string::npos)
      << log[0];
  // The auditor sees the queues in the middle of other objects.
  Auditor auditor(four.machine());
  for (int i = 0; i < 64; ++i) {
    auditor.OnAlloc({.object = four.Kmalloc(0, 16).object, .bytes = 16});
  }
  EXPECT_EQ(auditor.violations(), 0u);
  for (const QueueBlock& block : four.model().QueueBlocks()) {
    auditor.OnAlloc({.object = block.block, .bytes = block.bytes});
  }
  EXPECT_GT(auditor.violations(), 0u);
}

TEST(SlubQQuirkTest, BlocksDoNotOverlapWithoutTheQuirk) {
  for (const int nodes : {1, 2, 4}) {
    QueueMachine<SlubQV3> m({.cpus = 2 * nodes, .nodes = nodes});
    Auditor auditor(m.machine());
    for (int i = 0; i < 64; ++i) auditor.OnAlloc({.object = m.Kmalloc(0, 16).object, .bytes = 16});
    for (const QueueBlock& block : m.model().QueueBlocks()) {
      auditor.OnAlloc({.object = block.block, .bytes = block.bytes});
    }
    EXPECT_EQ(auditor.violations(), 0u) << auditor.first_violation();
  }
}

TEST(SlubQQuirkTest, RemovingTheQueuesForgetsAlienObjects) {
  QueueMachine<SlubQV4> m({.cpus = 4, .nodes = 2, .allocator = {.quirks = {"alien-leak"}}});
  const CacheId cache = m.MakeCache(20, 512);
  m.Free(0, cache, m.Alloc(2, cache));
  EXPECT_TRUE(m.model().KernelLog().empty());
  EXPECT_TRUE(m.Tune(cache, "alien_queue_size", 0).ok());
  ASSERT_EQ(m.model().KernelLog().size(), 1u);
  EXPECT_EQ(m.model().KernelLog()[0], "1 objects of x were in alien queues that were freed");
}

TEST(SlubQQuirkTest, BetweenTwoPatchesEveryAllocationFails) {
  QueueMachine<SlubQV3> m(
      {.cpus = 1, .nodes = 1, .allocator = {.quirks = {"alloc-hook-inverted"}}});
  EXPECT_TRUE(m.Kmalloc(0, 100).object.is_null());
}

TEST(SlubQQuirkTest, TheStaticBootsDmaLoopMakesTheSame64BytesTwice) {
  QueueMachine<SlubQV3> m(
      {.cpus = 2, .nodes = 2, .allocator = {.boot = "static", .quirks = {"dma-duplicate"}}});
  ASSERT_EQ(m.model().KernelLog().size(), 2u);
  EXPECT_NE(m.model().KernelLog()[0].find(":dt-0000064"), std::string::npos);
}

TEST(SlubQQuirkTest, TheMaskCostsALoadInEveryAllocation) {
  std::vector<uint64_t> loads;
  for (const bool hot : {false, true}) {
    AllocatorOptions options;
    if (hot) options.quirks = {"gfp-mask-in-hot-path"};
    QueueMachine<SlubQV3> m({.cpus = 1, .nodes = 1, .allocator = options});
    const CacheId cache = m.MakeCache(6);
    m.Alloc(0, cache);
    m.Run(0, [&](Cpu& cpu) -> Task<void> {
      cpu.CountTouches();
      co_await m.model().Alloc(cpu, cache, kGfpKernel, kAnyNode);
      loads.push_back(cpu.counts().loads);
    });
  }
  EXPECT_EQ(loads[1], loads[0] + 1);
}

// "BUG: unable to handle kernel NULL pointer dereference" where an allocation should have failed.
TEST(SlubQQuirkTest, AFailedPageAllocationIsAskedForItsNode) {
  for (const bool quirk : {false, true}) {
    AllocatorOptions options;
    if (quirk) options.quirks = {"null-page-node"};
    QueueMachine<SlubQV4> m({.cpus = 1, .nodes = 1, .allocator = options});
    const CacheId cache = m.MakeCache(6);
    PageAllocator& real = m.machine().pages();
    FaultyPageAllocator none(real, {.fail_from_call = 1});
    m.machine().set_pages(&none);
    EXPECT_TRUE(m.Alloc(0, cache).is_null());
    EXPECT_EQ(m.model().KernelLog().size(), quirk ? 1u : 0u);
    m.machine().set_pages(&real);
  }
}

// CPUs alone with their caches shared queues with those of other nodes: what one of node 1 frees,
// one of node 0 is given as its own node's.
TEST(SlubQQuirkTest, LoneCpusOfDifferentNodesGetEachOthersMemory) {
  for (const bool quirk : {false, true}) {
    AllocatorOptions options;
    if (quirk) options.quirks = {"isolated-across-nodes"};
    QueueMachine<SlubQV4> m({.cpus = 2, .nodes = 2, .cpus_per_domain = 1, .allocator = options});
    const CacheId cache = m.MakeCache(4, 512);
    std::vector<PhysAddr> objects;
    for (int i = 0; i < 24; ++i) objects.push_back(m.Alloc(1, cache));
    for (PhysAddr object : objects) m.Free(1, cache, object);
    EXPECT_GT(m.Count(cache, "shared_caches"), 0u);  // S: of node 1
    EXPECT_EQ(m.machine().NodeOf(m.Alloc(0, cache)), NodeId(quirk ? 1 : 0));
  }
}

// "echo 60 > cpu_batch_size: Invalid argument"; and what was taken could be too much.
template <typename Model>
class SlubQQuirkTypedTest : public ::testing::Test {};
TYPED_TEST_SUITE(SlubQQuirkTypedTest, AllVersions);

TYPED_TEST(SlubQQuirkTypedTest, BatchesAreTakenOnlyIfTooLarge) {
  QueueMachine<TypeParam> m(
      {.cpus = 1, .nodes = 1, .allocator = {.quirks = {"inverted-batch-check"}}});
  const CacheId cache = m.MakeCache(20, 512);
  EXPECT_FALSE(m.Tune(cache, "cpu_batch_size", 10).ok());
  EXPECT_TRUE(m.Tune(cache, "cpu_batch_size", 20).ok());
  EXPECT_TRUE(m.model().KernelLog().empty());
  EXPECT_TRUE(m.Tune(cache, "cpu_batch_size", 500).ok());
  for (int i = 0; i < 30; ++i) m.Alloc(0, cache);  // V4 takes a whole batch only when touched.
  ASSERT_EQ(m.model().KernelLog().size(), 1u);
  // V2 knows no bound but the batch, and V3 waits for one that it cannot reach.
  const bool v2 = std::is_same_v<TypeParam, SlubQV2>;
  EXPECT_NE(m.model().KernelLog()[0].find(v2 ? "past the queue's end" : "soft lockup"),
            std::string::npos);
}

}  // namespace
}  // namespace slablab
