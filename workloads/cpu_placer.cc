// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/cpu_placer.h"

#include <algorithm>

namespace slablab {

CpuPlacer::CpuPlacer(const TraceHeader& trace, const MachineConfig& machine, CpuPlacement placement)
    : placement_(placement), cpus_(machine.cpu_count()) {
  std::vector<std::vector<CpuId>> cpus_of_node(static_cast<size_t>(machine.node_count()));
  for (int cpu = 0; cpu < cpus_; ++cpu) {
    cpus_of_node[machine.cpus[static_cast<size_t>(cpu)].node.index()].push_back(CpuId(cpu));
  }
  std::erase_if(cpus_of_node, [](const std::vector<CpuId>& cpus) { return cpus.empty(); });
  std::vector<size_t> seen_of_node(static_cast<size_t>(kMaxNodes));
  for (int32_t cpu = 0; cpu < trace.cpu_count; ++cpu) {
    if (trace.node_of_cpu.empty()) {
      cpu_of_recorded_.push_back(CpuId(cpu % cpus_));
      continue;
    }
    const auto node = static_cast<size_t>(std::max(0, trace.node_of_cpu[static_cast<size_t>(cpu)]));
    const std::vector<CpuId>& there = cpus_of_node[node % cpus_of_node.size()];
    size_t& seen = seen_of_node[node % seen_of_node.size()];
    cpu_of_recorded_.push_back(there[seen++ % there.size()]);
  }
}

CpuId CpuPlacer::Place(const Event& event) {
  if (placement_ == CpuPlacement::kRecorded) return cpu_of_recorded_[event.cpu];
  const auto [entry, first_sight] =
      cpu_of_task_.try_emplace(event.pid, static_cast<int32_t>(cpu_of_task_.size()) % cpus_);
  return CpuId(entry->second);
}

}  // namespace slablab
