// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/sidecar/recorded_topology.h"

#include <algorithm>
#include <set>

#include "traces/sidecar/sidecar.h"

namespace slablab {
namespace {

int32_t RankIn(const std::vector<int32_t>& numbers, int32_t number) {
  const auto found = std::lower_bound(numbers.begin(), numbers.end(), number);
  if (found == numbers.end() || *found != number) return -1;
  return static_cast<int32_t>(found - numbers.begin());
}

std::set<int32_t> CpusThatOccur(const std::vector<TraceBlock>& blocks) {
  std::set<int32_t> cpus;
  for (const TraceBlock& block : blocks) {
    for (const TraceBlock::CpuEvents& events : block.cpus) cpus.insert(events.cpu);
  }
  return cpus;
}

// The node numbers of all CPUs, -1 for CPUs that there are not; empty: not known.
NodesFile NodesOf(const TraceHeader& header, const std::set<int32_t>& occurring) {
  const TraceSidecar* sidecar = header.FindSidecar("nodes");
  if (sidecar != nullptr) {
    absl::StatusOr<NodesFile> file = ParseNodesFile(sidecar->contents, sidecar->name);
    if (file.ok() && !file->node_of_cpu.empty()) {
      // What the file does not place the header has on node 0, and says so.
      for (const int32_t cpu : occurring) {
        const auto index = static_cast<size_t>(cpu);
        if (file->node_of_cpu.size() <= index) file->node_of_cpu.resize(index + 1, -1);
        if (file->node_of_cpu[index] < 0) file->node_of_cpu[index] = file->nodes.front();
      }
      return *std::move(file);
    }
  }
  NodesFile known;
  known.node_of_cpu = header.node_of_cpu;
  known.nodes = header.node_of_cpu;
  std::sort(known.nodes.begin(), known.nodes.end());
  known.nodes.erase(std::unique(known.nodes.begin(), known.nodes.end()), known.nodes.end());
  return known;
}

}  // namespace

int32_t RecordedTopology::CpuRank(int32_t cpu) const { return RankIn(cpus, cpu); }
int32_t RecordedTopology::NodeRank(int32_t node) const { return RankIn(nodes, node); }

RecordedTopology TopologyOf(const TraceHeader& header, const std::vector<TraceBlock>& blocks,
                            absl::Span<const int32_t> asked_nodes) {
  const std::set<int32_t> occurring = CpusThatOccur(blocks);
  const NodesFile known = NodesOf(header, occurring);
  RecordedTopology topology;
  topology.nodes = known.nodes;
  topology.complete = !known.node_of_cpu.empty();
  if (topology.complete) {
    for (size_t cpu = 0; cpu < known.node_of_cpu.size(); ++cpu) {
      if (known.node_of_cpu[cpu] < 0) continue;
      topology.cpus.push_back(static_cast<int32_t>(cpu));
      topology.node_of_cpu.push_back(topology.NodeRank(known.node_of_cpu[cpu]));
    }
    return topology;
  }
  topology.cpus.assign(occurring.begin(), occurring.end());
  if (topology.cpus.empty()) topology.cpus = {0};
  std::set<int32_t> asked(asked_nodes.begin(), asked_nodes.end());
  // Who asks for node 1 alone does so because there is a node 0.
  if (!asked.empty()) asked.insert(0);
  topology.nodes.assign(asked.begin(), asked.end());
  return topology;
}

}  // namespace slablab
