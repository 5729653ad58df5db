// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_CLUSTER_POINT_COST_H_
#define SLABLAB_RUNS_CLUSTER_POINT_COST_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "runs/experiments/sweep.pb.h"
#include "runs/experiments/sweep_plan.h"

// What a sweep's points will take of time and memory, before they are done: enough to deal them out
// to tasks of about equal length and to ask a cluster for limits. Nothing of it is in any result.

namespace slablab {

struct PointCost {
  uint64_t milliseconds = 0;
  uint64_t mebibytes = 0;
};

class CostModel {
 public:
  // `measured`: what points of the plan took that are done. It corrects what is said of those that
  // are not, of the same allocator where there is such a one.
  CostModel(const SweepPlan& plan, const std::map<std::string, SweepCost>& measured);

  // Errors are those of reading the point's trace or workload.
  absl::StatusOr<PointCost> Of(const SweepPoint& point);

 private:
  struct Correction {
    uint64_t time_per_mille = 1000;    // the median
    uint64_t memory_per_mille = 1000;  // the most
  };
  // As if nothing had been measured.
  absl::StatusOr<PointCost> Uncorrected(const SweepPoint& point);
  // Events of the trace or steps of the workload, of all copies.
  absl::StatusOr<uint64_t> OperationsOf(const SweepPoint& point, int cpus, int nodes);
  absl::StatusOr<uint64_t> EventsOf(const std::string& trace);

  std::map<std::string, uint64_t> operations_;           // by what decides them
  std::map<std::string, uint64_t> events_;               // by trace
  std::map<std::string, std::pair<int, int>> machines_;  // CPUs and nodes
  std::map<std::string, Correction> corrections_;        // by allocator; "": of all
};

}  // namespace slablab

#endif  // SLABLAB_RUNS_CLUSTER_POINT_COST_H_
