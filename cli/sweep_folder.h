// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_SWEEP_FOLDER_H_
#define SLABLAB_CLI_SWEEP_FOLDER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "runs/experiments/sweep_plan.h"
#include "runs/experiments/sweep_store.h"

// What the commands of sweeps share: which sweep is meant, where its results are, what is to do.

ABSL_DECLARE_FLAG(std::string, folder);
ABSL_DECLARE_FLAG(std::string, shard);

namespace slablab {

// The one argument.
absl::StatusOr<std::string> SweepOfArguments(const std::vector<std::string>& arguments);
absl::StatusOr<SweepPlan> PlanOfArguments(const std::vector<std::string>& arguments);

// --folder, or the sweep's name with .results for its ending.
std::string SweepFolder(const std::string& sweep_path);
SweepStore StoreOf(const std::string& sweep_path);

// Those of `points`, indices, that are not done. Says which were, and are no more to be relied on.
std::vector<size_t> PointsToDo(const SweepPlan& plan, const SweepStore& store,
                               const std::vector<size_t>& points);

// Says what is wrong with shards.
void SayShardFaults(const SweepStore& store);

}  // namespace slablab

#endif  // SLABLAB_CLI_SWEEP_FOLDER_H_
