// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPLAIN_BISECT_H_
#define SLABLAB_RUNS_EXPLAIN_BISECT_H_

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "reports/explain/bisect.pb.h"
#include "reports/metrics.h"
#include "reports/result.pb.h"
#include "runs/experiments/diff_input.h"
#include "runs/experiments/policy_path.h"
#include "runs/experiments/suite.h"
#include "runs/simulation/simulation_options.h"

// What `slablab bisect` does: one run after another until the first that moves a metric.

namespace slablab {

struct BisectOptions {
  const Metric* metric = nullptr;  // not null
  uint32_t per_mille = 10;         // how far it has to move from its base, or tenths of a point
  std::function<bool()> stop = {};
  // What to tell of the progress of the run `what`.
  std::function<std::function<void(uint64_t events, uint64_t total)>(std::string what)> progress;
};

// The steps from `from` to `to` (runs/experiments/policy_path.h), each on top of those before.
// Errors are those of a run.
absl::StatusOr<BisectReport> BisectPolicies(const SimulationOptions& run, const PolicySide& from,
                                            const PolicySide& to, const BisectOptions& options);

// The points of one name, in the first's order. InvalidArgument if there is none.
absl::StatusOr<BisectReport> BisectSuites(const Suite& a, const Suite& b,
                                          const BisectOptions& options);

// Of runs that have been done: two builds of the program. `logs` are their operations.
absl::StatusOr<BisectReport> BisectedPrograms(const std::array<std::optional<uint64_t>, 2>& values,
                                              const std::array<DiffInput, 2>& logs,
                                              const BisectOptions& options);

// What heads what is told of the run: each sentence once.
void AddBisectHead(const std::string& label, const RunResult& result, BisectReport* report);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPLAIN_BISECT_H_
