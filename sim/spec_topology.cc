// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/spec_topology.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "sim/types.h"

namespace slablab {
namespace {

void SetCache(const CacheFacts& facts, CacheGeometrySpec* cache) {
  cache->set_size_bytes(static_cast<int64_t>(facts.size_bytes));
  if (facts.ways > 0) cache->set_ways(facts.ways);
}

}  // namespace

absl::StatusOr<Topology> TopologyFromRuns(const MachineSpec& spec, const SpecOrigin& origin) {
  Topology topology;
  int last_node = spec.distance_size() - 1;
  for (int i = 0; i < spec.cpus_size(); ++i) {
    const CpuRun& run = spec.cpus(i);
    const std::string path = fmt::format("cpus[{}]", i);
    const int threads = run.threads_per_core() == 0 ? 1 : run.threads_per_core();
    const int room = kMaxCpus - static_cast<int>(topology.cpus.size());
    if (run.count() < 1 || run.count() > room) {
      return origin.Error(path + ".count",
                          fmt::format("{} has {} CPUs; it must have 1 at least, and all runs "
                                      "together {} at most",
                                      path, run.count(), kMaxCpus));
    }
    if (threads < 1 || run.first_core() < 0 || run.first_core() > kMaxCpus || run.domain() < 0 ||
        run.package() < 0) {
      return origin.Error(
          path, fmt::format("{} has a negative number in it, or a core beyond {}", path, kMaxCpus));
    }
    if (run.node() < 0 || run.node() >= kMaxNodes) {
      return origin.Error(path + ".node", fmt::format("{} is on node {}; nodes are 0 to {}", path,
                                                      run.node(), kMaxNodes - 1));
    }
    for (int cpu = 0; cpu < run.count(); ++cpu) {
      topology.cpus.push_back({.core = CoreId(run.first_core() + cpu / threads),
                               .domain = DomainId(run.domain()),
                               .package = run.package(),
                               .node = NodeId(run.node())});
    }
    last_node = std::max(last_node, run.node());
  }
  if (last_node >= kMaxNodes) {
    return origin.Error("distance", fmt::format("distance has {} rows; at most {} nodes can be "
                                                "simulated",
                                                last_node + 1, kMaxNodes));
  }
  topology.node_count = last_node + 1;
  return topology;
}

MachineSpec FactsOf(const Topology& topology) {
  MachineSpec spec;
  if (topology.l1.has_value()) SetCache(*topology.l1, spec.mutable_l1());
  if (topology.l2.has_value()) SetCache(*topology.l2, spec.mutable_l2());
  if (topology.llc.has_value()) SetCache(*topology.llc, spec.mutable_llc());
  for (size_t i = 0; i < topology.node_bytes.size(); ++i) {
    NodeMemorySpec* node = spec.mutable_memory()->add_node();
    node->set_node(static_cast<int32_t>(i));
    node->set_bytes(static_cast<int64_t>(topology.node_bytes[i]));
  }
  for (const std::vector<int>& row : topology.distance) {
    spec.add_distance()->mutable_to()->Add(row.begin(), row.end());
  }
  return spec;
}

}  // namespace slablab
