// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPLAIN_EXPLAIN_FIRST_H_
#define SLABLAB_RUNS_EXPLAIN_EXPLAIN_FIRST_H_

#include <optional>

#include "absl/status/statusor.h"
#include "reports/explain/explain.pb.h"
#include "runs/simulation/simulation_options.h"

namespace slablab {

// Does both runs, each as often as needed, and answers the first operation in which they differ at
// all, with what it spent in either; nothing if they are alike to their ends.
absl::StatusOr<std::optional<ExplainFirst>> FirstDifference(const SimulationOptions& before,
                                                            const SimulationOptions& after);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPLAIN_EXPLAIN_FIRST_H_
