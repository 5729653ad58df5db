// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_RUN_SPEC_H_
#define SLABLAB_RUNS_SIMULATION_RUN_SPEC_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "runs/run_spec.pb.h"
#include "runs/simulation/run_inputs.h"
#include "runs/simulation/simulation_options.h"
#include "sim/machine/spec_text.h"

// Runs as textprotos say them: what sweeps, suites of checks and `slablab diff` are made of.

namespace slablab {

// Reads the textproto at `path` into `message`. Errors name the file, and line and column where
// there are such.
absl::Status ReadTextprotoFile(const std::string& path, google::protobuf::Message* message,
                               SpecOrigin* origin);

// Makes the paths in `spec` (trace, scenario, workload and machine where they are files) relative
// to where we are, of ones relative to `folder`.
void ResolvePaths(const std::string& folder, RunSpec* spec);

// `over` laid over `under`: what it says counts; a trace and a workload replace each other, and a
// list replaces the list.
RunSpec Overlaid(const RunSpec& under, const RunSpec& over);

// What `spec` says, as options. InvalidArgument says which of its fields is wrong, and where in
// `origin` it stands; `prefix` is the path of `spec` there, "base." or "point[3].run.".
absl::StatusOr<SimulationOptions> OptionsOf(const RunSpec& spec, const SpecOrigin& origin,
                                            const std::string& prefix);

// The name of a run by what it is: 16 hex digits, the digest of the configuration. It holds the
// program's version, every field of the spec, and what is behind names (`inputs`, of the options
// that `spec` says) rather than the names. Whoever has the same name has the same result.
// `further`: what else the configuration consists of.
std::string NameOfRun(const RunSpec& spec, const RunInputs& inputs, std::string_view further = "");

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_RUN_SPEC_H_
