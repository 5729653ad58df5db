// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_SWEEP_PLAN_H_
#define SLABLAB_RUNS_EXPERIMENTS_SWEEP_PLAN_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runs/run_spec.pb.h"
#include "runs/simulation/run_inputs.h"
#include "runs/simulation/simulation_options.h"

// From a sweep's textproto to its points. The same text and files give the same plan, so there is
// none to be kept: whoever runs a shard, on whatever machine, makes it anew.

namespace slablab {

struct SweepPoint {
  std::string name;                 // NameOfRun's
  std::vector<std::string> values;  // one an axis of the plan
  SimulationOptions options;
  RunInputs inputs;     // as they were when the plan was made
  std::string refused;  // why such a run cannot be; empty: it can, as far as is known before it ran
};

struct SweepPlan {
  std::string name;               // of the textproto, without folder and ending
  std::vector<std::string> axes;  // those that the textproto gives values for
  std::vector<SweepPoint> points;
};

inline constexpr size_t kSweepPointsMax = 100'000;

// Errors are the user's, and name file, line and column. What cannot be because of how values meet
// (more nodes than CPUs) is no error, but a point that is refused.
absl::StatusOr<SweepPlan> PlanSweep(const std::string& path);
// The same for a text; `path` is for messages, and paths in the text are relative to it.
absl::StatusOr<SweepPlan> PlanSweepFromText(std::string_view text, const std::string& path);

// The K-th of N parts of the work, K from 1.
struct Shard {
  size_t index = 1;
  size_t count = 1;
};
// "3/8". InvalidArgument for anything else.
absl::StatusOr<Shard> ParseShard(std::string_view text);

// The indices of the points in `shard`, ascending: each point that is not refused is in one shard,
// points of the same name in the same. Shares are equal in number and, points being dealt in the
// order of their names, about equal in work.
std::vector<size_t> PointsOf(const SweepPlan& plan, const Shard& shard);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_SWEEP_PLAN_H_
