// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/spec_topology.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/types.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// False if the ways had to be assumed.
bool SetCache(const CacheFacts& facts, int ways_under, CacheGeometrySpec* cache) {
  cache->set_size_bytes(static_cast<int64_t>(facts.size_bytes));
  if (facts.size_bytes == 0) return true;
  if (facts.ways > 0) {
    cache->set_ways(facts.ways);
    return true;
  }
  // No cache is of half a KiB: that is for whoever wrote it to look at again.
  if (facts.size_bytes % 1024 != 0) return false;
  const uint64_t lines = facts.size_bytes / kLineSize;
  uint64_t ways = static_cast<uint64_t>(std::max(1, ways_under));
  while (ways > lines || lines % ways != 0) --ways;
  cache->set_ways(static_cast<int32_t>(ways));
  return false;
}

std::string CachesSource(const Topology& topology, std::string_view source, bool ways_known,
                         const MachineSpec& under) {
  std::string text(source);
  for (const std::string& note : topology.cache_notes) text += ", " + note;
  if (!ways_known) text += ", ways assumed";
  std::vector<std::string_view> unknown;
  if (!topology.l1.has_value()) unknown.push_back("L1");
  if (!topology.l2.has_value()) unknown.push_back("L2");
  if (!topology.llc.has_value()) unknown.push_back("LLC");
  if (unknown.empty()) return text;
  return text + fmt::format(", {} {}", fmt::join(unknown, " and "), under.sources().caches());
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

MachineSpec FactsOf(const Topology& topology, std::string_view source, const MachineSpec& under) {
  MachineSpec spec;
  SourcesSpec& sources = *spec.mutable_sources();
  sources.set_topology(std::string(source));
  bool ways_known = true;
  const auto set = [&](const std::optional<CacheFacts>& facts, const CacheGeometrySpec& base,
                       CacheGeometrySpec* cache) {
    if (facts.has_value()) ways_known &= SetCache(*facts, base.ways(), cache);
  };
  if (topology.l1.has_value()) set(topology.l1, under.l1(), spec.mutable_l1());
  if (topology.l2.has_value()) set(topology.l2, under.l2(), spec.mutable_l2());
  if (topology.llc.has_value()) set(topology.llc, under.llc(), spec.mutable_llc());
  if (spec.has_l1() || spec.has_l2() || spec.has_llc()) {
    sources.set_caches(CachesSource(topology, source, ways_known, under));
  }
  if (topology.possible_cpus > 0) spec.set_possible_cpus(topology.possible_cpus);
  if (topology.clock.mhz > 0) {
    spec.set_clock_mhz(static_cast<int32_t>(topology.clock.mhz));
    sources.set_clock(topology.clock.source);
  }
  if (!topology.node_bytes.empty()) sources.set_memory(std::string(source));
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
