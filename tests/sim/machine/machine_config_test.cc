// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/machine_config.h"

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

// A machine of which only the fallback order matters: a CPU on each node of `with_cpu`.
MachineConfig Nodes(const std::vector<std::vector<int>>& distance, const std::vector<int>& with_cpu,
                    const std::vector<int>& without_memory = {}) {
  MachineConfig config;
  config.distance = distance;
  for (const int node : with_cpu) config.cpus.emplace_back().node = NodeId(node);
  std::vector<NodeSize> sizes(distance.size(), {.bytes = kGiB, .reserved_bytes = 0});
  for (const int node : without_memory) sizes[static_cast<size_t>(node)].bytes = 0;
  config.memory = PlaceMemory(sizes, {});
  return config;
}

std::vector<int> Numbers(const std::vector<NodeId>& nodes) {
  std::vector<int> numbers;
  for (const NodeId node : nodes) numbers.push_back(node.value());
  return numbers;
}

TEST(FallbackOrder, OfFourNodesOnARingGoesFirstToTheNeighbourThatWasNotYetChosen) {
  // 0 - 1
  // |   |     Neighbours 20, across 30.
  // 3 - 2
  const std::vector<std::vector<int>> ring = {
      {10, 20, 30, 20}, {20, 10, 20, 30}, {30, 20, 10, 20}, {20, 30, 20, 10}};
  const auto order = NodeFallbackOrder(Nodes(ring, {0, 1, 2, 3}));
  // Home 0: 1 and 3 tie; the lower. Loads: 1 and 2 (first of the group at 30) are now 1.
  EXPECT_THAT(Numbers(order[0]), ElementsAre(0, 1, 3, 2));
  // Home 1: 0 lies before home (+1), so 2 in spite of its load. Then 0, then 3: loads 2, 1, 1.
  EXPECT_THAT(Numbers(order[1]), ElementsAre(1, 2, 0, 3));
  // Home 2: 3 behind home, then 1, then 0.
  EXPECT_THAT(Numbers(order[2]), ElementsAre(2, 3, 1, 0));
  // Home 3: 0 and 2 both lie before home; load of 0 is 1 (from home 2), of 2 it is 2.
  EXPECT_THAT(Numbers(order[3]), ElementsAre(3, 0, 2, 1));
}

TEST(FallbackOrder, OfFullyConnectedNodesIsTheRing) {
  for (const int nodes : {2, 4, 8}) {
    const size_t count = static_cast<size_t>(nodes);
    std::vector<std::vector<int>> distance(count, std::vector<int>(count, 20));
    std::vector<int> all;
    for (int node = 0; node < nodes; ++node) {
      distance[static_cast<size_t>(node)][static_cast<size_t>(node)] = 10;
      all.push_back(node);
    }
    MachineConfig config = Nodes(distance, all);
    const auto by_distance = NodeFallbackOrder(config);
    config.fallback_ring = true;
    const auto ring = NodeFallbackOrder(config);
    EXPECT_THAT(Numbers(ring[0]), Numbers(by_distance[0]));
    for (int home = 0; home < nodes; ++home) {
      // Home first; those behind it before those in front.
      EXPECT_EQ(by_distance[static_cast<size_t>(home)].front(), NodeId(home));
      for (int step = 0; home + step < nodes; ++step) {
        EXPECT_EQ(by_distance[static_cast<size_t>(home)][static_cast<size_t>(step)],
                  NodeId(home + step));
      }
      for (int step = 0; step < nodes; ++step) {
        EXPECT_EQ(ring[static_cast<size_t>(home)][static_cast<size_t>(step)],
                  NodeId((home + step) % nodes));
      }
    }
  }
}

TEST(FallbackOrder, OfEightNodesOnTwoBoardsExhaustsTheOwnBoardFirst) {
  std::vector<std::vector<int>> boards(8, std::vector<int>(8, 31));
  for (size_t from = 0; from < 8; ++from) {
    for (size_t to = 0; to < 8; ++to) {
      if (from / 4 == to / 4) boards[from][to] = from == to ? 10 : 21;
    }
  }
  const auto order = NodeFallbackOrder(Nodes(boards, {0, 1, 2, 3, 4, 5, 6, 7}));
  // Home 0: loads of 1 and 4 become 1. Home 1: behind it 2; the other board ties but for the load
  // of 4, so it begins with 5. And so on: each node of the other board is first for one home.
  EXPECT_THAT(Numbers(order[0]), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(Numbers(order[1]), ElementsAre(1, 2, 3, 0, 5, 6, 7, 4));
  EXPECT_THAT(Numbers(order[2]), ElementsAre(2, 3, 0, 1, 6, 7, 4, 5));
  // Home 3: only nodes before home are left on the board; loads 0:0, 1:1, 2:1.
  EXPECT_THAT(Numbers(order[3]), ElementsAre(3, 0, 1, 2, 7, 4, 5, 6));
  // Home 4: loads are now 0:1 1:1 2:1 3:1 4:1 5:1 6:1 7:1; 5 behind home, then the first board.
  EXPECT_THAT(Numbers(order[4]), ElementsAre(4, 5, 6, 7, 0, 1, 2, 3));
  // Home 5: loads 5:2 0:2, so 1 before 0.
  EXPECT_THAT(Numbers(order[5]), ElementsAre(5, 6, 7, 4, 1, 2, 3, 0));
}

TEST(FallbackOrder, PrefersANodeWithoutCpus) {
  // Node 2 has memory only; from 0, 1 and 2 are equally far, but 1 has CPUs (+1).
  const std::vector<std::vector<int>> flat = {{10, 20, 20}, {20, 10, 20}, {20, 20, 10}};
  const auto order = NodeFallbackOrder(Nodes(flat, {0, 1}));
  EXPECT_THAT(Numbers(order[0]), ElementsAre(0, 2, 1));
}

TEST(FallbackOrder, LeavesMemorylessNodesOut) {
  const std::vector<std::vector<int>> flat = {{10, 20, 30}, {20, 10, 20}, {30, 20, 10}};
  MachineConfig config = Nodes(flat, {0, 1, 2}, {1});
  const auto order = NodeFallbackOrder(config);
  EXPECT_THAT(Numbers(order[0]), ElementsAre(0, 2));
  // Node 1 has no memory: 0 and 2 are as far, 0 lies before it. numa_mem of its CPUs is 2.
  EXPECT_THAT(Numbers(order[1]), ElementsAre(2, 0));
  config.fallback_ring = true;
  EXPECT_THAT(Numbers(NodeFallbackOrder(config)[1]), ElementsAre(2, 0));
}

TEST(FallbackOrder, HasEveryNodeWithMemoryOnceAndDistancesNeverFallBeyondThePenalties) {
  Random random(7);
  for (int round = 0; round < 300; ++round) {
    const size_t count = 1 + random.Below(16);
    std::vector<std::vector<int>> distance(count, std::vector<int>(count, 10));
    std::vector<int> with_cpu;
    for (size_t from = 0; from < count; ++from) {
      if (random.Chance(3, 4)) with_cpu.push_back(static_cast<int>(from));
      for (size_t to = 0; to < from; ++to) {
        // Steps of 10: more than both penalties together.
        distance[from][to] = distance[to][from] = static_cast<int>(10 * (2 + random.Below(4)));
      }
    }
    const auto order = NodeFallbackOrder(Nodes(distance, with_cpu));
    for (size_t home = 0; home < count; ++home) {
      std::vector<bool> seen(count);
      int last = 0;
      for (const NodeId node : order[home]) {
        EXPECT_FALSE(seen[node.index()]);
        seen[node.index()] = true;
        EXPECT_GE(distance[home][node.index()], last);
        last = distance[home][node.index()];
      }
      EXPECT_EQ(order[home].size(), count);
    }
  }
}

TEST(PlaceMemory, CutsNodesIntoZonesByAddress) {
  // 0      16M           3G      4G            6G
  // | DMA  | DMA32       | DMA32 | NORMAL      |
  // | node 0             | node 1              |
  const auto memory = PlaceMemory({{3 * kGiB, 0}, {3 * kGiB, 0}}, ZoneLimits{});
  ASSERT_EQ(memory.size(), 2u);
  EXPECT_THAT(memory[0].zones, ElementsAre(ZoneSpan{ZoneKind::kDma, 0, 4096, 0},
                                           ZoneSpan{ZoneKind::kDma32, 4096, 3 * 262144 - 4096, 0}));
  EXPECT_THAT(memory[1].zones, ElementsAre(ZoneSpan{ZoneKind::kDma32, 3 * 262144, 262144, 0},
                                           ZoneSpan{ZoneKind::kNormal, 4 * 262144, 2 * 262144, 0}));
}

TEST(PlaceMemory, ReservesFromTheTopThroughAsManyZonesAsItTakes) {
  // 20 MiB, of which 6 are reserved: all of DMA32's 4 and 2 of DMA's 16.
  const auto memory = PlaceMemory({{.bytes = 20 * kMiB, .reserved_bytes = 6 * kMiB}}, ZoneLimits{});
  ASSERT_EQ(memory[0].zones.size(), 2u);
  EXPECT_EQ(memory[0].zones[0].reserved_frames, 512u);
  EXPECT_EQ(memory[0].zones[0].managed_frames(), 4096u - 512u);
  EXPECT_EQ(memory[0].zones[1].managed_frames(), 0u);
}

TEST(ReferenceMachine, IsThatOfTheReferenceRuns) {
  const MachineConfig config =
      ReferenceMachine({.cpus = 16, .nodes = 4, .cpus_per_node = 4, .mib_per_node = 512});
  EXPECT_EQ(config.cpu_count(), 16);
  EXPECT_EQ(config.node_count(), 4);
  EXPECT_EQ(config.possible_cpus, 16);
  for (int cpu = 0; cpu < 16; ++cpu) {
    EXPECT_EQ(config.cpus[static_cast<size_t>(cpu)].node, NodeId(cpu / 4));
  }
  EXPECT_EQ(config.memory[3].bytes(), 512 * kMiB);
  EXPECT_EQ(config.memory[3].first_frame << kPageShift, 3 * 512 * kMiB);
  EXPECT_THAT(Numbers(NodeFallbackOrder(config)[2]), ElementsAre(2, 3, 0, 1));
}

TEST(CacheGeometry, AllowsAnyNumberOfSets) {
  // 38.5 MiB, 11-way: the LLC of a 28-core Skylake-SP.
  const CacheGeometry llc = {.size_bytes = 77 * kMiB / 2, .ways = 11};
  EXPECT_EQ(llc.sets(), 57344u);
}

}  // namespace
}  // namespace slablab
