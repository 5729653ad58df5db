// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/task_placer.h"

#include <algorithm>

namespace slablab {

TaskPlacer::TaskPlacer(const MachineConfig& machine)
    : cpus_of_node_(static_cast<size_t>(machine.node_count())) {
  for (int cpu = 0; cpu < machine.cpu_count(); ++cpu) {
    cpus_of_node_[machine.cpus[static_cast<size_t>(cpu)].node.index()].push_back(CpuId(cpu));
  }
  std::erase_if(cpus_of_node_, [](const std::vector<CpuId>& cpus) { return cpus.empty(); });
  size_t most = 0;
  for (const std::vector<CpuId>& cpus : cpus_of_node_) {
    most = std::max(most, cpus.size());
    pack_.insert(pack_.end(), cpus.begin(), cpus.end());
  }
  for (size_t k = 0; k < most; ++k) {
    for (const std::vector<CpuId>& cpus : cpus_of_node_) {
      if (k < cpus.size()) spread_.push_back(cpus[k]);
    }
  }
}

CpuId TaskPlacer::Pack(uint64_t n, uint64_t tasks) const {
  if (tasks <= pack_.size()) return pack_[n];
  return pack_[n * pack_.size() / tasks];
}

CpuId TaskPlacer::OnNode(uint64_t n, uint64_t k) const {
  const std::vector<CpuId>& cpus = cpus_of_node_[n % cpus_of_node_.size()];
  return cpus[k % cpus.size()];
}

}  // namespace slablab
