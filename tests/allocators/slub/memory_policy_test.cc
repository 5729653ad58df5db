// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Tasks' memory policies: by slab in every era, and by object with slab_strict_numa.

#include "sim/core/memory_policy.h"

#include <string>
#include <vector>

#include "allocators/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/alloc_in_interrupt.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr uint64_t kBoth = 0b11;
constexpr uint64_t kFirst = 0b01;
constexpr uint64_t kSecond = 0b10;

// CPUs 0 and 1 are on node 0, CPUs 2 and 3 on node 1.
AllocatorMachineOptions OptionsOf(bool strict) {
  AllocatorMachineOptions options{.cpus = 4, .nodes = 2};
  if (strict) options.allocator.boot_parameters = {{.name = "slab_strict_numa", .value = 1}};
  return options;
}

class MemoryPolicyTest : public ::testing::TestWithParam<std::string> {
 protected:
  explicit MemoryPolicyTest(bool strict = true) : m_(GetParam(), OptionsOf(strict)) {}
  ~MemoryPolicyTest() override { m_.allocator().CheckInvariants(); }

  CacheId Make(uint32_t sheaf_capacity = 0) {
    return m_
        .Create(
            {.name = "x", .object_size = 1024, .no_merge = true, .sheaf_capacity = sheaf_capacity})
        .value();
  }
  // Nodes of objects that a task with that policy allocates, one after another.
  std::vector<int> NodesOf(int cpu, CacheId cache, MemoryPolicy policy, int objects) {
    std::vector<int> nodes;
    m_.machine().cpu(CpuId(cpu)).set_memory_policy(&policy);
    for (int i = 0; i < objects; ++i) {
      nodes.push_back(m_.machine().NodeOf(m_.Alloc(cpu, cache)).value());
    }
    m_.machine().cpu(CpuId(cpu)).set_memory_policy(nullptr);
    return nodes;
  }
  bool AsksTwice() const { return GetParam() < "slub-7.3"; }

  AllocatorMachine m_;
};

class NoStrictNumaTest : public MemoryPolicyTest {
 protected:
  NoStrictNumaTest() : MemoryPolicyTest(false) {}
};

TEST_P(MemoryPolicyTest, ObjectsComeFromThePreferredNode) {
  const CacheId cache = Make();
  EXPECT_THAT(NodesOf(0, cache, {.mode = MemoryPolicy::Mode::kPreferred, .nodes = kSecond}, 20),
              Each(1));
  EXPECT_THAT(NodesOf(0, cache, {.mode = MemoryPolicy::Mode::kPreferred, .nodes = kBoth}, 20),
              Each(0));
  EXPECT_THAT(NodesOf(0, cache, {.mode = MemoryPolicy::Mode::kLocal}, 20), Each(0));
}

// Who is bound to nodes and runs on one of them is served as without a policy, sheaves and all.
TEST_P(MemoryPolicyTest, WhoIsBoundElsewhereGetsObjectsThere) {
  const CacheId cache = Make();
  EXPECT_THAT(NodesOf(0, cache, {.mode = MemoryPolicy::Mode::kBind, .nodes = kSecond}, 20),
              Each(1));
  EXPECT_THAT(NodesOf(2, cache, {.mode = MemoryPolicy::Mode::kBind, .nodes = kFirst}, 20), Each(0));
  const uint64_t mismatches = m_.Count(cache, "alloc_node_mismatch");
  EXPECT_THAT(NodesOf(1, cache, {.mode = MemoryPolicy::Mode::kBind, .nodes = kBoth}, 20), Each(0));
  EXPECT_EQ(m_.Count(cache, "alloc_node_mismatch"), mismatches);
}

// Where the policy is asked again below the sheaves, every object that the sheaves do not have
// takes two turns.
TEST_P(MemoryPolicyTest, TurnsAreTakenOnceSince73) {
  const CacheId cache = Make(GetParam() == "slub-6.18" ? 32 : 0);
  const std::vector<int> nodes =
      NodesOf(0, cache, {.mode = MemoryPolicy::Mode::kInterleave, .nodes = kBoth}, 6);
  if (AsksTwice()) {
    EXPECT_THAT(nodes, Each(0));
  } else {
    EXPECT_THAT(nodes, ElementsAre(0, 1, 0, 1, 0, 1));
  }
}

TEST_P(MemoryPolicyTest, CachesWithoutSheavesAskOnceIn618) {
  if (GetParam() != "slub-6.18") GTEST_SKIP();
  EXPECT_THAT(NodesOf(0, Make(), {.mode = MemoryPolicy::Mode::kInterleave, .nodes = kBoth}, 6),
              ElementsAre(0, 1, 0, 1, 0, 1));
}

TEST_P(MemoryPolicyTest, InterruptsHaveThatOfNobody) {
  const CacheId cache = Make();
  MemoryPolicy policy{.mode = MemoryPolicy::Mode::kPreferred, .nodes = kSecond};
  m_.machine().cpu(CpuId(0)).set_memory_policy(&policy);
  AllocInInterrupt interrupt(m_, cache, kGfpAtomic);
  m_.Run(2, [&](Cpu& cpu) { return cpu.CallOn(CpuId(0), interrupt); });
  m_.machine().cpu(CpuId(0)).set_memory_policy(nullptr);
  EXPECT_EQ(m_.machine().NodeOf(interrupt.object), NodeId(0));
}

INSTANTIATE_TEST_SUITE_P(Eras, MemoryPolicyTest,
                         ::testing::Values("slub-6.18", "slub-7.0", "slub-7.1", "slub-7.2",
                                           "slub-7.3"),
                         [](const auto& info) { return TestName(info.param); });

// Only new slabs' pages come from there: a CPU slab's objects do, what sheaves are filled with does
// not, as that is asked of the CPU's node.
TEST_P(NoStrictNumaTest, ItIsSlabsThatComeFromThePreferredNode) {
  const CacheId cache = Make();
  const bool fills_sheaves = GetParam() > "slub-7";
  EXPECT_THAT(NodesOf(0, cache, {.mode = MemoryPolicy::Mode::kPreferred, .nodes = kSecond}, 4),
              Each(fills_sheaves ? 0 : 1));
}

TEST_P(NoStrictNumaTest, WhoIsBoundGetsSlabsThere) {
  if (GetParam() > "slub-7") GTEST_SKIP();
  EXPECT_THAT(NodesOf(0, Make(), {.mode = MemoryPolicy::Mode::kBind, .nodes = kSecond}, 4),
              Each(1));
}

// A look at other nodes' lists takes a turn, and so do a slab's pages: of two nodes it is always
// the second that slabs come from.
TEST_P(NoStrictNumaTest, SlabsAreTakenInTurn) {
  if (GetParam() > "slub-7") GTEST_SKIP();
  const CacheId cache = Make();
  const int objects = static_cast<int>(m_.allocator().Layout(cache).objects_per_slab);
  EXPECT_THAT(
      NodesOf(0, cache, {.mode = MemoryPolicy::Mode::kInterleave, .nodes = kBoth}, 3 * objects),
      Each(1));
}

INSTANTIATE_TEST_SUITE_P(Eras, NoStrictNumaTest,
                         ::testing::Values("slub-6.1", "slub-6.12", "slub-6.18", "slub-7.3"),
                         [](const auto& info) { return TestName(info.param); });

}  // namespace
}  // namespace slablab
