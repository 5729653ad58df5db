// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_SUITE_H_
#define SLABLAB_RUNS_EXPERIMENTS_SUITE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reports/metrics.h"
#include "reports/result.pb.h"
#include "runs/experiments/suite.pb.h"
#include "runs/simulation/simulation_options.h"

// Suites of runs that must not change, their baselines, and how a run is judged by its own.

namespace slablab {

struct SuiteEntry {
  std::string name;
  SimulationOptions options;
  absl::Status fault;  // what is known to be wrong with the run before it begins
  bool exact = true;
  std::map<std::string, Tolerance> tolerances;  // by metric
};

struct Suite {
  std::string name;  // of the textproto, without folder and ending
  std::vector<SuiteEntry> entries;
};

// Errors are the user's, and name file, line and column. What is wrong with one point's run alone
// is that point's fault.
absl::StatusOr<Suite> ReadSuite(const std::string& path);
// The same for a text; `path` is for messages, and paths in the text are relative to it.
absl::StatusOr<Suite> SuiteFromText(std::string_view text, const std::string& path);

// Where the baselines of the suite at `path` are: "x.textproto" has "x.baselines.textproto".
std::string BaselinesPath(const std::string& path);

// None at all if there is no such file. Otherwise errors name file, line and column.
absl::StatusOr<Baselines> ReadBaselines(const std::string& path);
// With a header that says what it is.
std::string BaselinesText(const Baselines& baselines);

Baseline BaselineOf(const std::string& name, const RunResult& result);
// The names of those whose checksum is of something else: damaged, or changed by hand.
std::vector<std::string> DamagedBaselines(const Baselines& baselines);

struct MovedMetric {
  const Metric* metric = nullptr;
  std::optional<uint64_t> base;
  std::optional<uint64_t> now;
  bool within = false;  // its tolerance
};

struct Verdict {
  bool has_baseline = false;
  bool passed = false;
  bool same_trace = true;
  bool same_config = true;
  bool same_end_state = true;
  std::vector<MovedMetric> moved;  // in the order of Metrics(); those that stayed are left out
};
// Holds a result to the baseline; null: there is none, and nothing passes.
Verdict Judge(const SuiteEntry& entry, const Baseline* baseline, const RunResult& result);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_SUITE_H_
