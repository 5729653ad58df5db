// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_TASK_PLACER_H_
#define SLABLAB_WORKLOADS_TASK_PLACER_H_

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "sim/machine/machine_config.h"

namespace slablab {

// Where tasks of a workload in closed order are placed on a machine.
class TaskPlacer {
 public:
  explicit TaskPlacer(const MachineConfig& machine);

  // The n-th task, when tasks go one after another to the first CPUs of all nodes, the second CPUs
  // of all nodes and so on, and from there on again from the first.
  CpuId Spread(uint64_t n) const { return spread_[n % spread_.size()]; }
  // The n-th of `tasks`, when nodes are filled one after another, a task a CPU; if there are more
  // tasks than CPUs, equal blocks of neighbours share a CPU.
  CpuId Pack(uint64_t n, uint64_t tasks) const;
  // The k-th CPU of the n-th node that has CPUs, both modulo what there is.
  CpuId OnNode(uint64_t n, uint64_t k) const;

  size_t nodes() const { return cpus_of_node_.size(); }

 private:
  std::vector<std::vector<CpuId>> cpus_of_node_;  // of nodes with CPUs
  std::vector<CpuId> spread_;
  std::vector<CpuId> pack_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_TASK_PLACER_H_
