// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_SIMULATION_FLAGS_H_
#define SLABLAB_CLI_SIMULATION_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runs/simulation/simulation_options.h"

// From flags to a run, for every command that simulates.

namespace slablab {

// What the flags say, with the trace that `arguments` may name instead of --trace. InvalidArgument
// names the flag and what is valid; `command` opens the message when neither a trace nor a workload
// is named.
absl::StatusOr<SimulationOptions> SimulationOptionsFromFlags(
    absl::string_view command, const std::vector<std::string>& arguments);

// What the flags say, and no more. InvalidArgument names the first flag that is wrong.
absl::StatusOr<RunSpec> RunOfFlags();

}  // namespace slablab

#endif  // SLABLAB_CLI_SIMULATION_FLAGS_H_
