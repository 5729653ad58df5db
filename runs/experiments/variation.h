// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_VARIATION_H_
#define SLABLAB_RUNS_EXPERIMENTS_VARIATION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runs/simulation/simulation_options.h"

// Runs that differ in the values of something: what `compare --vary` is.

namespace slablab {

// What --vary may name besides the workload's parameters: tunables and policies of any allocator,
// and flags of run by their ABSL_FLAGs' names.
std::vector<std::string> TunableNames();
std::vector<std::string> PolicyNames();
std::vector<std::string> VariedFlags();

struct VariedRun {
  SimulationOptions options;
  std::string varied;              // " cpu_partial=6", for messages
  std::vector<std::string> notes;  // what is to be said of the run
};

// Each of `runs` with every value of every NAME in "NAME=VALUE,...;NAME=VALUE,...", in that order:
// of a flag of `run`, of a parameter of the workload, of a tunable or of a policy. An allocator
// that does not take a value is not run with it, and one that takes none of a NAME is run once
// without; its run has a note of it. InvalidArgument for what nothing is named like, and for a
// value that no allocator takes. An empty text varies nothing.
absl::StatusOr<std::vector<VariedRun>> Varied(const std::string& text, std::vector<VariedRun> runs);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_VARIATION_H_
