// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/cpu_placer.h"

namespace slablab {

CpuPlacer::CpuPlacer(const RecordedPlaces& places, int32_t cpu_count, CpuPlacement placement)
    : places_(places),
      placement_(placement),
      cpus_(places.machine_cpus()),
      last_task_(static_cast<size_t>(cpu_count)) {}

CpuId CpuPlacer::CpuOfTask(int32_t pid) {
  const auto next = static_cast<int32_t>(cpu_of_task_.size()) % cpus_;
  return cpu_of_task_.try_emplace(pid, CpuId(next)).first->second;
}

}  // namespace slablab
