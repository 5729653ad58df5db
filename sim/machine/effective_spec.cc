// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/types.h"
#include "sim/machine/machine_loader.h"

namespace slablab {
namespace {

void SetCache(const CacheGeometry& geometry, CacheGeometrySpec* cache) {
  cache->set_size_bytes(static_cast<int64_t>(geometry.size_bytes));
  if (geometry.present()) cache->set_ways(geometry.ways);
}

// The longest run that starts at `first`.
CpuRun RunFrom(const std::vector<CpuPlace>& cpus, size_t first) {
  const CpuPlace& start = cpus[first];
  size_t threads = 1;
  while (first + threads < cpus.size() && cpus[first + threads].core == start.core) ++threads;
  size_t count = 0;
  while (first + count < cpus.size()) {
    CpuPlace expected = start;
    expected.core = CoreId(start.core.value() + static_cast<int32_t>(count / threads));
    if (cpus[first + count] != expected) break;
    ++count;
  }
  CpuRun run;
  run.set_count(static_cast<int32_t>(count));
  run.set_first_core(start.core.value());
  run.set_threads_per_core(static_cast<int32_t>(threads));
  run.set_domain(start.domain.value());
  run.set_package(start.package);
  run.set_node(start.node.value());
  return run;
}

void SetNodeCosts(const MachineConfig& config, MachineSpec* spec) {
  spec->set_dram_local_cycles(static_cast<int32_t>(config.dram_cycles[0][0]));
  spec->set_transfer_node_cycles(static_cast<int32_t>(config.transfer_cycles[0][0]));
  std::map<int, RemoteSpec> remote_at;
  for (size_t from = 0; from < config.distance.size(); ++from) {
    DistanceRow* row = spec->add_distance();
    for (size_t to = 0; to < config.distance.size(); ++to) {
      const int distance = config.distance[from][to];
      row->add_to(distance);
      if (from == to) continue;
      RemoteSpec& remote = remote_at[distance];
      remote.set_distance(distance);
      remote.set_dram_cycles(static_cast<int32_t>(config.dram_cycles[from][to]));
      remote.set_transfer_cycles(static_cast<int32_t>(config.transfer_cycles[from][to]));
    }
  }
  for (const auto& [distance, remote] : remote_at) *spec->add_remote() = remote;
}

void SetMemory(const MachineConfig& config, MemorySpec* memory) {
  const uint64_t usual_bytes = config.memory[0].bytes();
  memory->set_bytes_per_node(static_cast<int64_t>(usual_bytes));
  memory->set_dma_end_bytes(static_cast<int64_t>(config.zone_limits.dma_end_bytes));
  memory->set_dma32_end_bytes(static_cast<int64_t>(config.zone_limits.dma32_end_bytes));
  for (int i = 0; i < config.node_count(); ++i) {
    const NodeMemory& node = config.memory[static_cast<size_t>(i)];
    uint64_t reserved_frames = 0;
    for (const ZoneSpan& zone : node.zones) reserved_frames += zone.reserved_frames;
    NodeMemorySpec* own = memory->add_node();
    own->set_node(i);
    if (node.bytes() != usual_bytes) own->set_bytes(static_cast<int64_t>(node.bytes()));
    own->set_reserved_bytes(static_cast<int64_t>(reserved_frames << kPageShift));
  }
}

}  // namespace

MachineSpec EffectiveSpec(const MachineConfig& config) {
  MachineSpec spec;
  spec.set_name(config.name);
  for (size_t cpu = 0; cpu < config.cpus.size();) {
    const CpuRun run = RunFrom(config.cpus, cpu);
    cpu += static_cast<size_t>(run.count());
    *spec.add_cpus() = run;
  }
  spec.set_possible_cpus(config.possible_cpus);
  spec.set_clock_mhz(static_cast<int32_t>(config.clock_mhz));
  SetCache(config.l1, spec.mutable_l1());
  SetCache(config.l2, spec.mutable_l2());
  SetCache(config.llc, spec.mutable_llc());
  spec.set_l1_hit_cycles(static_cast<int32_t>(config.l1_hit_cycles));
  spec.set_l2_hit_cycles(static_cast<int32_t>(config.l2_hit_cycles));
  spec.set_llc_hit_cycles(static_cast<int32_t>(config.llc_hit_cycles));
  spec.set_transfer_domain_cycles(static_cast<int32_t>(config.transfer_domain_cycles));
  SetNodeCosts(config, &spec);
  spec.set_range_overlap(config.range_overlap);
  spec.set_atomic_cycles(static_cast<int32_t>(config.atomic_cycles));
  spec.set_local_cmpxchg_cycles(static_cast<int32_t>(config.local_cmpxchg_cycles));
  spec.set_ipi_cycles(static_cast<int32_t>(config.ipi_cycles));
  spec.set_irq_entry_cycles(static_cast<int32_t>(config.irq_entry_cycles));
  spec.set_irq_exit_cycles(static_cast<int32_t>(config.irq_exit_cycles));
  spec.set_timer_hz(static_cast<int32_t>(config.timer_hz));
  spec.set_timer_tick_cycles(static_cast<int32_t>(config.timer_tick_cycles));
  SetMemory(config, spec.mutable_memory());
  spec.set_fallback(config.fallback_ring ? MachineSpec::FALLBACK_RING
                                         : MachineSpec::FALLBACK_BY_DISTANCE);
  return spec;
}

}  // namespace slablab
