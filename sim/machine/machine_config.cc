// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/machine_config.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"

namespace slablab {
namespace {

// Every node of a distance group but one would otherwise see the same neighbour first.
class FallbackBuilder {
 public:
  explicit FallbackBuilder(const MachineConfig& config)
      : config_(config), has_cpu_(config.memory.size()), load_(config.memory.size()) {
    for (const CpuPlace& place : config.cpus) has_cpu_[place.node.index()] = true;
  }

  // build_zonelists. Must be called for the nodes in ascending order, each once: the loads that one
  // node's list leaves behind steer the next node's.
  std::vector<NodeId> OrderFor(NodeId home) {
    const std::vector<int>& distance = config_.distance[home.index()];
    std::vector<bool> used(config_.memory.size());
    used[home.index()] = true;
    std::vector<NodeId> order;
    if (config_.memory[home.index()].frames > 0) order.push_back(home);
    NodeId previous = home;
    for (;;) {
      const NodeId next = NextBest(home, used);
      if (next == kAnyNode) return order;
      if (distance[next.index()] != distance[previous.index()]) ++load_[next.index()];
      used[next.index()] = true;
      order.push_back(next);
      previous = next;
    }
  }

 private:
  // find_next_best_node: the unused node with memory of the least penalty; the lowest such number.
  NodeId NextBest(NodeId home, const std::vector<bool>& used) const {
    NodeId best = kAnyNode;
    int64_t least = std::numeric_limits<int64_t>::max();
    for (int n = 0; n < config_.node_count(); ++n) {
      const NodeId node(n);
      if (used[node.index()] || config_.memory[node.index()].frames == 0) continue;
      int64_t penalty = config_.distance[home.index()][node.index()];
      if (node < home) penalty += 1;
      if (has_cpu_[node.index()]) penalty += 1;
      // A node's load stays below kMaxNodes, so it only decides between equals.
      penalty = penalty * kMaxNodes + load_[node.index()];
      if (penalty < least) {
        least = penalty;
        best = node;
      }
    }
    return best;
  }

  const MachineConfig& config_;
  std::vector<bool> has_cpu_;
  std::vector<int> load_;
};

std::vector<NodeId> RingFrom(const MachineConfig& config, int home) {
  std::vector<NodeId> order;
  for (int step = 0; step < config.node_count(); ++step) {
    const NodeId node((home + step) % config.node_count());
    if (config.memory[node.index()].frames > 0) order.push_back(node);
  }
  return order;
}

}  // namespace

uint64_t BootBytes(uint64_t node_bytes, int possible_cpus) {
  const uint64_t struct_pages = node_bytes / kPageSize * 64;
  const uint64_t bytes =
      struct_pages + (uint64_t{16} << 20) + (static_cast<uint64_t>(possible_cpus) << 20);
  return (bytes + kPageSize - 1) / kPageSize * kPageSize;
}

std::vector<NodeMemory> PlaceMemory(const std::vector<NodeSize>& sizes, const ZoneLimits& limits) {
  const uint64_t dma_end = limits.dma_end_bytes >> kPageShift;
  const uint64_t dma32_end = std::max(dma_end, limits.dma32_end_bytes >> kPageShift);
  const uint64_t begins[kZoneKinds] = {0, dma_end, dma32_end};
  const uint64_t ends[kZoneKinds] = {dma_end, dma32_end, std::numeric_limits<uint64_t>::max()};
  std::vector<NodeMemory> memory;
  uint64_t frame = 0;
  for (const NodeSize& size : sizes) {
    NodeMemory node{.first_frame = frame, .frames = size.bytes >> kPageShift, .zones = {}};
    const uint64_t node_end = frame + node.frames;
    for (int kind = 0; kind < kZoneKinds; ++kind) {
      const uint64_t begin = std::max(frame, begins[kind]);
      const uint64_t end = std::min(node_end, ends[kind]);
      if (begin >= end) continue;
      node.zones.push_back(
          {.kind = static_cast<ZoneKind>(kind), .first_frame = begin, .frames = end - begin});
    }
    uint64_t reserved = size.reserved_bytes >> kPageShift;
    for (auto zone = node.zones.rbegin(); zone != node.zones.rend(); ++zone) {
      zone->reserved_frames = std::min(reserved, zone->frames);
      reserved -= zone->reserved_frames;
    }
    frame = node_end;
    memory.push_back(std::move(node));
  }
  return memory;
}

std::vector<std::vector<NodeId>> NodeFallbackOrder(const MachineConfig& config) {
  if (!config.fallback.empty()) return config.fallback;
  std::vector<std::vector<NodeId>> orders;
  FallbackBuilder builder(config);
  for (int home = 0; home < config.node_count(); ++home) {
    orders.push_back(config.fallback_ring ? RingFrom(config, home)
                                          : builder.OrderFor(NodeId(home)));
  }
  return orders;
}

namespace {

// Who is where, and how far from each other: a domain and a package for each node with CPUs.
void PlaceReferenceCpus(const ReferenceMachineOptions& options, MachineConfig* config) {
  std::vector<int> domain_of(static_cast<size_t>(options.nodes), -1);
  for (int cpu = 0; cpu < options.cpus; ++cpu) {
    const NodeId node = options.NodeOf(cpu);
    int& domain = domain_of[node.index()];
    if (domain < 0) domain = config->domain_count++;
    config->cpus.push_back(
        {.core = CoreId(cpu), .domain = DomainId(domain), .package = domain, .node = node});
  }
  config->core_count = options.cpus;
  config->package_count = config->domain_count;
  config->possible_cpus = options.cpus;
}

// No less is reserved than boot needs: a struct page a page, the first percpu chunk's 200 KiB a
// CPU, the rest. CPUs of nodes without memory have their areas on any other.
std::vector<NodeMemory> ReferenceMemory(const ReferenceMachineOptions& options,
                                        const ZoneLimits& limits) {
  const auto cpus =
      static_cast<uint64_t>(options.has_own_nodes() ? options.cpus : options.cpus_per_node);
  std::vector<NodeSize> sizes;
  for (int node = 0; node < options.nodes; ++node) {
    const uint64_t bytes = options.MibOf(node) << 20;
    const uint64_t boot_bytes = bytes / kPageSize * 64 + (cpus * 224 + 512) * 1024;
    sizes.push_back(
        {.bytes = bytes,
         .reserved_bytes =
             std::min(bytes, std::max(bytes / 16, boot_bytes / kPageSize * kPageSize))});
  }
  return PlaceMemory(sizes, limits);
}

}  // namespace

MachineConfig ReferenceMachine(const ReferenceMachineOptions& options) {
  CHECK_GE(options.cpus, 1);
  CHECK_LE(options.cpus, kMaxCpus);
  CHECK_GE(options.nodes, 1);
  CHECK_LE(options.nodes, kMaxNodes);
  const size_t nodes = static_cast<size_t>(options.nodes);
  if (options.has_own_nodes()) {
    CHECK_EQ(options.node_of_cpu.size(), static_cast<size_t>(options.cpus));
    CHECK(options.mib.size() == nodes && options.distance.size() == nodes &&
          options.fallback.size() == nodes);
  } else {
    CHECK_GE(options.cpus_per_node, 1);
    CHECK_EQ((options.cpus - 1) / options.cpus_per_node, options.nodes - 1);
    CHECK_GT(options.mib_per_node, 0u);
  }

  MachineConfig config;
  config.name = "reference";
  config.clock_mhz = 1000;
  PlaceReferenceCpus(options, &config);
  config.l1 = {.size_bytes = 32 << 10, .ways = 8};
  config.l2 = {.size_bytes = 512 << 10, .ways = 8};
  config.llc = {.size_bytes = 16 << 20, .ways = 16};
  config.l1_hit_cycles = 4;
  config.l2_hit_cycles = 14;
  config.llc_hit_cycles = 40;
  config.transfer_domain_cycles = 60;
  config.atomic_cycles = 20;
  config.local_cmpxchg_cycles = 10;
  config.ipi_cycles = 1000;
  config.irq_entry_cycles = 300;
  config.irq_exit_cycles = 200;
  config.fallback_ring = !options.has_own_nodes();
  config.fallback = options.fallback;
  config.distance = options.distance;
  if (config.distance.empty()) config.distance.assign(nodes, std::vector<int>(nodes, 20));
  config.dram_cycles.assign(nodes, std::vector<Cycles>(nodes, 200));
  config.transfer_cycles.assign(nodes, std::vector<Cycles>(nodes, 120));
  for (size_t node = 0; node < nodes; ++node) {
    config.distance[node][node] = 10;
    config.dram_cycles[node][node] = 100;
    config.transfer_cycles[node][node] = 80;
  }
  config.memory = ReferenceMemory(options, config.zone_limits);
  return config;
}

}  // namespace slablab
