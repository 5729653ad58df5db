// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPLAIN_EXPLAIN_H_
#define SLABLAB_RUNS_EXPLAIN_EXPLAIN_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "reports/explain/explain.pb.h"
#include "reports/result.pb.h"
#include "runs/experiments/policy_path.h"
#include "runs/experiments/sweep_store.h"
#include "runs/simulation/simulation_options.h"

namespace slablab {

struct ExplainOptions {
  int workers = 1;
  std::function<bool()> stop = {};
  std::function<void(size_t done, size_t total)> progress = {};
  // Where results are kept, so that what was interrupted goes on; nothing: nowhere.
  std::optional<SweepStore> store = {};
  // Is shown what A and B came to.
  std::function<void(const RunResult& a, const RunResult& b)> on_ends = {};
  // What of `base` decides a result, beside its inputs' bytes, the model and its policies: in the
  // names of what is kept.
  std::string base_text = {};
};

// Runs A, B and every step between them, each in a process of its own, and attributes the change.
// Of two families there are no steps. `base` is the run; its allocator and policies are A's and
// B's. Errors are those of a run, and name the model. REQUIRES: this process has one thread.
absl::StatusOr<ExplainReport> Explain(const PolicySide& a, const PolicySide& b,
                                      const SimulationOptions& base, const ExplainOptions& options);

// What is attributed of a run.
ExplainFigures FiguresOf(const RunResult& result);
// a - b, each figure by itself.
ExplainFigures Less(const ExplainFigures& a, const ExplainFigures& b);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPLAIN_EXPLAIN_H_
