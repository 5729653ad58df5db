// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_CLUSTER_COMMAND_OUTPUT_H_
#define SLABLAB_RUNS_CLUSTER_COMMAND_OUTPUT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace slablab {

struct CommandOutput {
  int wait_status = 0;
  std::string out;     // standard output
  std::string errors;  // standard error
};

// Runs a program that is found on PATH and answers what it printed. NotFound if there is none of
// that name, Unavailable if it cannot be started.
absl::StatusOr<CommandOutput> OutputOf(const std::vector<std::string>& words);

// `word` as a shell reads it back.
std::string ShellQuoted(const std::string& word);

}  // namespace slablab

#endif  // SLABLAB_RUNS_CLUSTER_COMMAND_OUTPUT_H_
