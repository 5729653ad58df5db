// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB on a machine with a node that has CPUs and no memory, in every era.

#include <string>
#include <string_view>
#include <vector>

#include "allocators/registry.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

constexpr NodeId kWith{0};
constexpr NodeId kWithout{1};
constexpr int kCpu = 2;  // of the node without memory

// CPUs 0 and 1 are on node 0, CPUs 2 and 3 on node 1; node 2, farther away, has memory again.
MachineConfig Memoryless() {
  return ReferenceMachine({.cpus = 4,
                           .nodes = 3,
                           .node_of_cpu = {NodeId(0), NodeId(0), NodeId(1), NodeId(1)},
                           .mib = {64, 0, 64},
                           .distance = {{10, 20, 30}, {20, 10, 30}, {30, 30, 10}},
                           .fallback = {{NodeId(0), NodeId(2)},
                                        {NodeId(0), NodeId(2)},
                                        {NodeId(2), NodeId(0)}}});
}

class MemorylessTest : public ::testing::TestWithParam<std::string> {
 protected:
  MemorylessTest()
      : m_(GetParam(), Memoryless(), Plain(GetParam(), {}).allocator),
        cache_(m_.Create({.name = "x", .object_size = 8192, .no_merge = true}).value()) {}
  ~MemorylessTest() override { m_.allocator().CheckInvariants(); }

  bool has_cpu_slabs() const { return GetParam() < "slub-7"; }
  NodeId NodeOf(PhysAddr object) { return m_.machine().NodeOf(object); }
  uint64_t Count(std::string_view name) const { return m_.Count(cache_, name); }

  AllocatorMachine m_;
  const CacheId cache_;
};

TEST_P(MemorylessTest, ObjectsComeFromTheNearestNodeThatHasMemory) {
  for (const NodeId node : {kAnyNode, kWithout}) {
    const PhysAddr object = m_.Alloc(kCpu, cache_, node);
    ASSERT_FALSE(object.is_null());
    EXPECT_EQ(NodeOf(object), kWith);
    m_.Free(kCpu, cache_, object);
  }
  const PhysAddr far = m_.Alloc(kCpu, cache_, NodeId(2));
  EXPECT_EQ(NodeOf(far), NodeId(2));
  m_.Free(0, cache_, far);
}

// Who names a node without memory names none: the CPU's slab, which is of another node, serves.
TEST_P(MemorylessTest, ACpuSlabServesWhoNamesTheNode) {
  if (!has_cpu_slabs()) GTEST_SKIP();
  m_.Alloc(kCpu, cache_);
  const Placement named = m_.AllocWithPath(kCpu, cache_, kWithout);
  EXPECT_EQ(m_.Path(named.path), "alloc cpu slab refill");
  EXPECT_EQ(Count("alloc_slab"), 1u);
  EXPECT_EQ(Count("alloc_slowpath"), 2u);
  EXPECT_EQ(Count("alloc_refill"), 0u);
  EXPECT_EQ(Count("alloc_node_mismatch"), 0u);
  EXPECT_EQ(m_.Path(m_.AllocWithPath(kCpu, cache_).path), "alloc fast");
}

// In 7.0 such a node has no barn: nothing is filled, and what is freed there goes to its slab. From
// 7.1 on sheaves serve there as anywhere, and take objects of any node.
TEST_P(MemorylessTest, SheavesServeSince71) {
  if (has_cpu_slabs()) GTEST_SKIP();
  std::vector<PhysAddr> objects;
  for (int i = 0; i < 3; ++i) objects.push_back(m_.Alloc(kCpu, cache_));
  m_.FreeAll(kCpu, cache_, objects);
  const bool serve = GetParam() != "slub-7.0";
  EXPECT_EQ(Count("alloc_fastpath"), serve ? 3u : 0u);
  EXPECT_EQ(Count("alloc_slowpath"), serve ? 0u : 3u);
  EXPECT_EQ(Count("free_fastpath"), serve ? 3u : 0u);
  EXPECT_EQ(Count("free_slowpath"), serve ? 0u : 3u);
  // An object of a node with memory goes to its slab when a CPU of another such node frees it.
  const PhysAddr far = m_.Alloc(0, cache_, NodeId(2));
  const uint64_t slow = Count("free_slowpath");
  m_.Free(0, cache_, far);
  EXPECT_EQ(Count("free_slowpath"), slow + 1);
}

INSTANTIATE_TEST_SUITE_P(Eras, MemorylessTest,
                         ::testing::Values("slub-6.1", "slub-6.12", "slub-6.18", "slub-7.0",
                                           "slub-7.1", "slub-7.2", "slub-7.3"),
                         [](const auto& info) { return TestName(info.param); });

}  // namespace
}  // namespace slablab
