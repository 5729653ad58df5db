// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_PERCPU_RESULT_H_
#define SLABLAB_RUNS_SIMULATION_PERCPU_RESULT_H_

#include "allocators/percpu/areas.h"
#include "reports/result.pb.h"

namespace slablab {

// Fills all of `stats` but peak and balances.
void GatherPercpu(const PercpuAreas& areas, PercpuReport& stats);
void FillPercpuBytes(const PercpuUsage& usage, PercpuBytes& bytes);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_PERCPU_RESULT_H_
