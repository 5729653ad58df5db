// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_KERNEL_MATCH_H_
#define SLABLAB_RUNS_SIMULATION_KERNEL_MATCH_H_

#include <string>

#include "allocators/allocator.h"
#include "reports/result.pb.h"
#include "runs/simulation/simulation_options.h"
#include "traces/sidecar/recorded_sidecars.h"
#include "traces/sidecar/survey.h"

namespace slablab {

// "SLUB", "SLUB with sheaves" or "SLAB", by what only one of them writes; empty: not known.
std::string RecordedAllocator(const RecordedSidecars& sidecars);

// The recorded kernel beside that of the options' model: which they are, and how many of the
// recorded kmallocs the model's size classes round to another size than the kernel did. `model`,
// booted, has these classes; null: none, as of a percpu allocator.
KernelMatch MatchKernels(const RecordedSidecars& sidecars, const TraceSurvey& survey,
                         const SimulationOptions& options, const Allocator* model);

// The same where nothing was recorded.
KernelMatch KernelOfModel(const SimulationOptions& options);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_KERNEL_MATCH_H_
