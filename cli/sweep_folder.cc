// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/sweep_folder.h"

#include <cstdio>
#include <filesystem>
#include <optional>

#include "absl/flags/flag.h"
#include "base/printable.h"
#include "cli/output/print.h"

ABSL_FLAG(std::string, folder, "",
          "FOLDER: where the points' results are; by default beside the sweep, as its name with "
          ".results for its ending.");
ABSL_FLAG(std::string, shard, "1/1",
          "K/N: the K-th of N parts of the points, for a machine or array task each.");

namespace slablab {

absl::StatusOr<std::string> SweepOfArguments(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1) return arguments[0];
  return absl::InvalidArgumentError("one sweep is wanted: SWEEP.textproto");
}

absl::StatusOr<SweepPlan> PlanOfArguments(const std::vector<std::string>& arguments) {
  const absl::StatusOr<std::string> sweep = SweepOfArguments(arguments);
  if (!sweep.ok()) return sweep.status();
  return PlanSweep(*sweep);
}

std::string SweepFolder(const std::string& sweep_path) {
  const std::string folder = absl::GetFlag(FLAGS_folder);
  if (!folder.empty()) return folder;
  return std::filesystem::path(sweep_path).replace_extension(".results").string();
}

SweepStore StoreOf(const std::string& sweep_path) { return SweepStore(SweepFolder(sweep_path)); }

std::vector<size_t> PointsToDo(const SweepPlan& plan, const SweepStore& store,
                               const std::vector<size_t>& points) {
  std::vector<size_t> todo;
  for (const size_t index : points) {
    const absl::StatusOr<std::optional<SweepStore::Outcome>> outcome =
        store.Get(plan.points[index].name);
    if (outcome.ok() && outcome->has_value()) continue;
    todo.push_back(index);
    if (outcome.ok()) continue;
    Print(stderr, "slablab: {}; the point is to be done again\n",
          Printable(std::string(outcome.status().message())));
  }
  return todo;
}

void SayShardFaults(const SweepStore& store) {
  for (const std::string& fault : store.ShardFaults()) {
    Print(stderr, "slablab: {}\n", Printable(fault));
  }
}

}  // namespace slablab
