// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_STORED_RUN_H_
#define SLABLAB_RUNS_EXPERIMENTS_STORED_RUN_H_

#include <string>

#include "absl/status/statusor.h"
#include "runs/run_spec.pb.h"
#include "runs/simulation/simulation_options.h"

// A run out of its result, to be done again.

namespace slablab {

// The run of the result in the file `path`, on the machine, with the workload and the scenario that
// the result holds whole; but what `otherwise` says counts. The trace of one that has a trace is
// where `otherwise` says, or else the file of its name beside the result, where we are, or among
// the bundled ones; InvalidArgument if its events are others, or for what no run can be.
absl::StatusOr<SimulationOptions> StoredRun(const std::string& path, const RunSpec& otherwise);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_STORED_RUN_H_
