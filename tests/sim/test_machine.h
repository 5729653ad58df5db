// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_SIM_TEST_MACHINE_H_
#define SLABLAB_TESTS_SIM_TEST_MACHINE_H_

#include <cstdint>
#include <memory>

#include "sim/cache/ledger.h"
#include "sim/cache/memory.h"
#include "sim/core/cpu.h"
#include "sim/core/scheduler.h"
#include "sim/machine/machine_config.h"

namespace slablab {

// Small machines for tests of the core: one CPU a core, every latency different from every other,
// so that a cost tells where an answer came from.
struct TestMachineOptions {
  int cores = 1;
  int cores_per_domain = 1;
  int domains_per_node = 1;
  CacheGeometry l1 = {.size_bytes = 32 << 10, .ways = 8};
  CacheGeometry l2 = {};
  CacheGeometry llc = {};
  uint64_t frames_per_node = 64;
};

// A cache of `sets` x `ways` lines.
inline CacheGeometry Geometry(uint64_t sets, int ways) {
  return {.size_bytes = sets * static_cast<uint64_t>(ways) * kLineSize, .ways = ways};
}

inline MachineConfig TestMachine(const TestMachineOptions& options) {
  MachineConfig config;
  config.name = "test";
  config.clock_mhz = 1000;
  config.core_count = options.cores;
  config.possible_cpus = options.cores;
  for (int core = 0; core < options.cores; ++core) {
    const int domain = core / options.cores_per_domain;
    const int node = domain / options.domains_per_node;
    config.cpus.push_back(
        {.core = CoreId(core), .domain = DomainId(domain), .package = node, .node = NodeId(node)});
    config.domain_count = domain + 1;
    config.package_count = node + 1;
  }
  const size_t nodes = static_cast<size_t>(config.package_count);
  config.l1 = options.l1;
  config.l2 = options.l2;
  config.llc = options.llc;
  config.l1_hit_cycles = 4;
  config.l2_hit_cycles = 14;
  config.llc_hit_cycles = 40;
  config.transfer_domain_cycles = 60;
  config.atomic_cycles = 20;
  config.local_cmpxchg_cycles = 10;
  config.ipi_cycles = 1000;
  config.irq_entry_cycles = 300;
  config.irq_exit_cycles = 200;
  for (size_t from = 0; from < nodes; ++from) {
    config.distance.emplace_back(nodes, 20);
    config.distance[from][from] = 10;
    config.transfer_cycles.emplace_back();
    config.dram_cycles.emplace_back();
    for (size_t to = 0; to < nodes; ++to) {
      const size_t away = from < to ? to - from : (from - to) * 3 + (from == to ? 0 : 1);
      config.transfer_cycles[from].push_back(80 + 100 * away);
      config.dram_cycles[from].push_back(130 + 100 * away);
    }
  }
  config.memory = PlaceMemory(
      std::vector<NodeSize>(nodes, {.bytes = options.frames_per_node << kPageShift}), ZoneLimits{});
  return config;
}

// Memory system, ledger and CPUs, without page frames or allocators.
struct Core {
  explicit Core(const MachineConfig& machine)
      : config(machine),
        ledger(config.l1_hit_cycles),
        memory(config),
        scheduler(config, memory, ledger) {}
  const MachineConfig config;
  Ledger ledger;
  Memory memory;
  Scheduler scheduler;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_SIM_TEST_MACHINE_H_
