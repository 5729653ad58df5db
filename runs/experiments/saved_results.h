// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_SAVED_RESULTS_H_
#define SLABLAB_RUNS_EXPERIMENTS_SAVED_RESULTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reports/comparison/comparison.h"

namespace slablab {

// The results in files that --format=proto and --format=json wrote, of one run or of several, in
// order. Labels that the files have are kept where they are unique; else they are made from what
// the runs differ in. REQUIRES: `paths` is not empty.
absl::StatusOr<std::vector<LabelledResult>> ReadSavedResults(const std::vector<std::string>& paths);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_SAVED_RESULTS_H_
