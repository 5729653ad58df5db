// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_RUN_ECHO_H_
#define SLABLAB_RUNS_SIMULATION_RUN_ECHO_H_

#include "reports/result.pb.h"

// The run in its result, and out of it again.

namespace slablab {

// Sets the fields of RunConfig by which reports know the run's switches.
void FillReported(const RunSpec& run, RunConfig* config);

// The run that a result is of: as it holds it, or, of one from before results did, as those fields
// say. What they do not say, or no run could say, is not set.
RunSpec RunOf(const RunConfig& config);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_RUN_ECHO_H_
