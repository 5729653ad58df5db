// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Which CPU and node stand for the recorded ones: ranks, not numbers, and nothing folded in
// silence.

#include "workloads/recorded_places.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct RecordedNode {
  int32_t number = 0;
  std::vector<int32_t> cpus;
};

RecordedTopology Recorded(const std::vector<RecordedNode>& nodes) {
  RecordedTopology recorded{.cpus = {}, .nodes = {}, .node_of_cpu = {}, .complete = true};
  for (const RecordedNode& node : nodes) {
    recorded.nodes.push_back(node.number);
    recorded.cpus.insert(recorded.cpus.end(), node.cpus.begin(), node.cpus.end());
  }
  std::sort(recorded.cpus.begin(), recorded.cpus.end());
  for (const int32_t cpu : recorded.cpus) {
    for (size_t rank = 0; rank < nodes.size(); ++rank) {
      if (std::count(nodes[rank].cpus.begin(), nodes[rank].cpus.end(), cpu) == 0) continue;
      recorded.node_of_cpu.push_back(static_cast<int32_t>(rank));
    }
  }
  return recorded;
}

MachineConfig MachineOf(int cpus, int nodes) {
  return ReferenceMachine({.cpus = cpus, .nodes = nodes, .cpus_per_node = cpus / nodes});
}

std::vector<int> CpusOf(const RecordedPlaces& places) {
  std::vector<int> cpus;
  for (const int32_t cpu : places.recorded().cpus) {
    cpus.push_back(places.CpuFor(static_cast<uint16_t>(cpu)).value());
  }
  return cpus;
}

TEST(RecordedPlacesTest, NodesZeroAndEightOfAPower9AreTwoNodes) {
  const RecordedPlaces places(Recorded({{0, {0, 1}}, {8, {2, 3}}}), MachineOf(4, 2));
  EXPECT_THAT(CpusOf(places), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(places.NodeFor(0), NodeId(0));
  EXPECT_EQ(places.NodeFor(8), NodeId(1));
  EXPECT_EQ(places.nodes_folded(), 0);
  EXPECT_FALSE(places.Folds(8));
  // The recording has no such node.
  EXPECT_TRUE(places.Folds(1));
  EXPECT_EQ(places.NodeFor(-1), kAnyNode);
  EXPECT_FALSE(places.Folds(-1));
}

TEST(RecordedPlacesTest, CpusWithGapsInTheirNumbersAreAsManyCpus) {
  const RecordedTopology recorded{
      .cpus = {0, 8, 16, 128, 152}, .nodes = {}, .node_of_cpu = {}, .complete = false};
  EXPECT_THAT(CpusOf(RecordedPlaces(recorded, MachineOf(16, 2))), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(RecordedPlaces(recorded, MachineOf(16, 2)).cpus_folded(), 0);
  const RecordedPlaces folded(recorded, MachineOf(2, 1));
  EXPECT_THAT(CpusOf(folded), ElementsAre(0, 1, 0, 1, 0));
  EXPECT_EQ(folded.cpus_folded(), 3);
  EXPECT_THAT(folded.Rule(), HasSubstr("does not say which CPU is on which node"));
}

TEST(RecordedPlacesTest, ANodeWithoutCpusIsNoNodeWithCpus) {
  const RecordedTopology recorded = Recorded({{0, {0, 1}}, {1, {2, 3}}, {255, {}}});
  const RecordedPlaces larger(recorded, MachineOf(8, 4));
  EXPECT_EQ(larger.NodeFor(1), NodeId(1));
  EXPECT_EQ(larger.NodeFor(255), NodeId(2));
  EXPECT_EQ(larger.nodes_folded(), 0);
  const RecordedPlaces smaller(recorded, MachineOf(4, 2));
  EXPECT_EQ(smaller.nodes_folded(), 1);
  EXPECT_TRUE(smaller.Folds(255));
}

TEST(RecordedPlacesTest, CopiesFillWhatTheRecordingDidNotHave) {
  const RecordedPlaces by_node(Recorded({{0, {0}}, {8, {8}}}), MachineOf(8, 4));
  std::vector<int> cpus;
  for (uint32_t copy = 0; copy < 4; ++copy) {
    cpus.push_back(by_node.CpuFor(0, copy).value());
    cpus.push_back(by_node.CpuFor(8, copy).value());
  }
  EXPECT_THAT(cpus, ElementsAre(0, 2, 4, 6, 1, 3, 5, 7));
  const RecordedPlaces by_rank({.cpus = {0, 8}, .nodes = {}, .node_of_cpu = {}, .complete = false},
                               MachineOf(4, 2));
  EXPECT_EQ(by_rank.CpuFor(0, 1), CpuId(2));
  EXPECT_EQ(by_rank.CpuFor(8, 1), CpuId(3));
  EXPECT_EQ(by_rank.CpuFor(0, 2), CpuId(0));
}

// Whatever the numbers: what is counted as folded is what shares a place.
TEST(RecordedPlacesTest, WhatSharesAPlaceIsCountedOnEveryMachine) {
  const std::vector<std::vector<RecordedNode>> recordings = {
      {{0, {0, 1}}, {8, {2, 3}}},
      {{0, {0, 8, 16}}, {8, {128, 152}}, {252, {}}, {255, {}}},
      {{3, {0}}},
      {{0, {}}, {1, {0, 1, 2, 3}}},
      {{0, {0, 2, 4, 6}}, {1, {1, 3, 5, 7}}},
      {{5, {9}}, {6, {11}}, {7, {13}}, {1000, {4000}}}};
  for (const std::vector<RecordedNode>& nodes : recordings) {
    const RecordedTopology recorded = Recorded(nodes);
    for (const auto& [cpus, of] :
         {std::pair{1, 1}, {2, 1}, {2, 2}, {4, 2}, {4, 4}, {12, 3}, {64, 8}}) {
      const MachineConfig machine = MachineOf(cpus, of);
      const RecordedPlaces places(recorded, machine);
      std::set<CpuId> used;
      for (const int32_t cpu : recorded.cpus) {
        const CpuId place = places.CpuFor(static_cast<uint16_t>(cpu));
        used.insert(place);
        // Memory asked for on a CPU's own node is on its own node here.
        const size_t rank = static_cast<size_t>(recorded.CpuRank(cpu));
        const auto node = static_cast<size_t>(recorded.node_of_cpu[rank]);
        EXPECT_EQ(places.NodeFor(static_cast<int16_t>(recorded.nodes[node])),
                  machine.cpus[place.index()].node);
      }
      EXPECT_EQ(places.cpus_folded(), static_cast<int>(recorded.cpus.size() - used.size()));
      std::set<NodeId> taken;
      int folded = 0;
      for (const int32_t node : recorded.nodes) {
        if (places.Folds(static_cast<int16_t>(node))) {
          ++folded;
        } else {
          EXPECT_TRUE(taken.insert(places.NodeFor(static_cast<int16_t>(node))).second) << node;
        }
      }
      EXPECT_EQ(places.nodes_folded(), folded);
      if (static_cast<size_t>(of) >= recorded.nodes.size()) {
        EXPECT_EQ(folded, 0);
      }
    }
  }
}

}  // namespace
}  // namespace slablab
