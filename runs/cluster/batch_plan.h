// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_CLUSTER_BATCH_PLAN_H_
#define SLABLAB_RUNS_CLUSTER_BATCH_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runs/cluster/point_cost.h"
#include "runs/experiments/sweep_plan.h"

// The points of a sweep that are not done, dealt out to the tasks of a batch.

namespace slablab {

struct BatchPlanOptions {
  uint64_t minutes = 30;  // that a task takes, about
  int workers = 1;        // points that a task does at once
  uint64_t tasks = 0;     // whatever they take; 0: as many as `minutes` makes
  // Tasks that there are at most otherwise; they take longer then. Slurm as it comes takes 1000 in
  // an array.
  size_t tasks_max = 1000;
};

struct BatchTask {
  std::vector<std::string> points;  // names, the costliest first
  uint64_t milliseconds = 0;        // predicted, of all workers together
};

struct BatchPlan {
  std::vector<BatchTask> tasks;
  size_t points = 0;
  uint64_t milliseconds = 0;        // predicted, of one worker
  uint64_t task_milliseconds = 0;   // of the longest task, as long as it takes
  uint64_t point_milliseconds = 0;  // of the longest point
  uint64_t mebibytes = 0;           // of the largest point
};

// `todo`: indices of points, no two of one name. The same tasks for the same costs.
absl::StatusOr<BatchPlan> PlanBatch(const SweepPlan& plan, const std::vector<size_t>& todo,
                                    const BatchPlanOptions& options, CostModel& costs);

// What a batch asks a cluster for, a task: several times what was predicted, since nodes differ and
// a task that is cut off does its last point again.
uint64_t LimitMinutes(const BatchPlan& batch);
uint64_t LimitMebibytes(const BatchPlan& batch, int workers);

// The tasks as a file that says whose points are whose, a line each: "3 1800000 NAME NAME ...".
std::string TasksText(const BatchPlan& batch);
// The points of task `number`, from 1. InvalidArgument if there is none, DataLoss for what is no
// such file.
absl::StatusOr<std::set<std::string>> PointsOfTask(std::string_view text, uint64_t number);

}  // namespace slablab

#endif  // SLABLAB_RUNS_CLUSTER_BATCH_PLAN_H_
