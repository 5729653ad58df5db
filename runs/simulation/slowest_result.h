// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_SLOWEST_RESULT_H_
#define SLABLAB_RUNS_SIMULATION_SLOWEST_RESULT_H_

#include <vector>

#include "allocators/allocator.h"
#include "reports/result.pb.h"
#include "sim/machine.h"
#include "workloads/observed/operation_names.h"
#include "workloads/observed/slowest.h"

namespace slablab {

// What an operation's cycles went to: they add up to `cycles`, most first, then by name.
std::vector<SlowCause> CausesOf(const OperationTally& tally, Cycles cycles);

// The result's slowest operations, as they were kept.
void GatherSlowest(const SlowestOperations& slowest, const OperationNames& names,
                   const Machine& machine, const Allocator& allocator, RunResult& result);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_SLOWEST_RESULT_H_
