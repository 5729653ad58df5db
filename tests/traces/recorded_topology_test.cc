// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What a trace says of the CPUs and nodes it was recorded on.

#include "traces/sidecar/recorded_topology.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "traces/sidecar/sidecar.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<TraceBlock> BlockOf(const std::vector<int32_t>& cpus) {
  TraceBlock block;
  for (const int32_t cpu : cpus) block.cpus.push_back({.cpu = cpu, .events = 1});
  return {block};
}

TEST(RecordedTopologyTest, TheSidecarHasAllCpusAndNodesThereWere) {
  TraceHeader header;
  header.cpu_count = 153;
  header.node_count = 256;
  header.node_of_cpu.resize(153);
  header.sidecars = {{"nodes", "node0 0,8,16\nnode8 128,152\nnode255 \n"}};
  const RecordedTopology topology = TopologyOf(header, BlockOf({8, 152}), {});
  EXPECT_TRUE(topology.complete);
  EXPECT_THAT(topology.cpus, ElementsAre(0, 8, 16, 128, 152));
  EXPECT_THAT(topology.nodes, ElementsAre(0, 8, 255));
  EXPECT_THAT(topology.node_of_cpu, ElementsAre(0, 0, 0, 1, 1));
  EXPECT_EQ(topology.CpuRank(128), 3);
  EXPECT_EQ(topology.CpuRank(127), -1);
  EXPECT_EQ(topology.NodeRank(8), 1);
}

TEST(RecordedTopologyTest, ACpuThatTheSidecarDoesNotPlaceIsOnTheFirstNode) {
  TraceHeader header;
  header.cpu_count = 6;
  header.node_count = 9;
  header.node_of_cpu = {0, 0, 8, 8, 0, 0};
  header.sidecars = {{"nodes", "node0 0-1\nnode8 2-3\n"}};
  const RecordedTopology topology = TopologyOf(header, BlockOf({0, 5}), {});
  EXPECT_THAT(topology.cpus, ElementsAre(0, 1, 2, 3, 5));
  EXPECT_THAT(topology.node_of_cpu, ElementsAre(0, 0, 1, 1, 0));
}

TEST(RecordedTopologyTest, WithoutASidecarTheHeadersNodesAreRanked) {
  TraceHeader header;
  header.cpu_count = 4;
  header.node_count = 9;
  header.node_of_cpu = {0, 8, 0, 8};
  const RecordedTopology topology = TopologyOf(header, BlockOf({1}), {});
  EXPECT_THAT(topology.cpus, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(topology.nodes, ElementsAre(0, 8));
  EXPECT_THAT(topology.node_of_cpu, ElementsAre(0, 1, 0, 1));
}

TEST(RecordedTopologyTest, WithoutNodesItIsOfTheCpusThatOccurAndTheNodesAskedFor) {
  TraceHeader header;
  header.cpu_count = 160;
  const RecordedTopology topology = TopologyOf(header, BlockOf({0, 8, 152}), {8, 0, 8});
  EXPECT_FALSE(topology.complete);
  EXPECT_THAT(topology.cpus, ElementsAre(0, 8, 152));
  EXPECT_THAT(topology.nodes, ElementsAre(0, 8));
  EXPECT_THAT(topology.node_of_cpu, IsEmpty());
}

TEST(RecordedTopologyTest, WhoAsksForNode1AloneHasANode0) {
  EXPECT_THAT(TopologyOf(TraceHeader(), BlockOf({0}), {1}).nodes, ElementsAre(0, 1));
  EXPECT_THAT(TopologyOf(TraceHeader(), BlockOf({0}), {8}).nodes, ElementsAre(0, 8));
  EXPECT_THAT(TopologyOf(TraceHeader(), BlockOf({0}), {}).nodes, IsEmpty());
}

TEST(NodesFileTest, NumbersMayBeAnyThatTheKernelGives) {
  const absl::StatusOr<NodesFile> file = ParseNodesFile("node8 2\nnode0 0-1\nnode255\n", "nodes");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->nodes, ElementsAre(0, 8, 255));
  EXPECT_THAT(file->node_of_cpu, ElementsAre(0, 0, 8));
  EXPECT_FALSE(ParseNodesFile("node1024 0\n", "nodes").ok());
}

}  // namespace
}  // namespace slablab
