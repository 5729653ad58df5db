// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CPU_PLACER_H_
#define SLABLAB_WORKLOADS_CPU_PLACER_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "sim/machine_config.h"
#include "traces/trace.h"
#include "workloads/replay.h"

namespace slablab {

// On which of the machine's CPUs an event of a trace runs.
class CpuPlacer {
 public:
  CpuPlacer(const TraceHeader& trace, const MachineConfig& machine, CpuPlacement placement);
  CpuId Place(const Event& event);

 private:
  const CpuPlacement placement_;
  const int cpus_;
  std::vector<CpuId> cpu_of_recorded_;
  absl::flat_hash_map<int32_t, int32_t> cpu_of_task_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CPU_PLACER_H_
