// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_SWEEP_STORE_H_
#define SLABLAB_RUNS_EXPERIMENTS_SWEEP_STORE_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reports/result.pb.h"
#include "runs/experiments/sweep.pb.h"
#include "runs/experiments/sweep_plan.h"

// A sweep's folder: for each point that is done a file NAME.result, which `slablab report` reads,
// or NAME.refused, which says why there is none and never will be. Both hold the point's name and a
// checksum. Files appear whole or not at all, so any number of
// processes, on any number of machines that share the folder, may work in it at once, and any of
// them may be killed.

namespace slablab {

class SweepStore {
 public:
  explicit SweepStore(std::string folder) : folder_(std::move(folder)) {}

  const std::string& folder() const { return folder_; }
  // Makes the folder if it is not there.
  absl::Status Create() const;

  absl::Status PutResult(const std::string& point, RunResult result) const;
  absl::Status PutRefusal(const std::string& point, std::string_view reason) const;

  // What became of the point; nothing if it is not done. DataLoss, which names the file and says
  // why, if what is kept is damaged, or is of another point: then it is to be done again.
  struct Outcome {
    std::string refused;  // empty: there is a result
    RunResult result;
  };
  absl::StatusOr<std::optional<Outcome>> Get(const std::string& point) const;

 private:
  absl::Status Put(const std::string& point, std::string_view ending, std::string_view bytes) const;
  std::string PathOf(const std::string& point, std::string_view ending) const;

  std::string folder_;
};

// Everything that is in the store, in the order of the plan: the same for whoever did the points,
// in whatever order. FailedPrecondition if points are missing, DataLoss if what is kept of one is
// damaged.
absl::StatusOr<SweepReport> MergeSweep(const SweepPlan& plan, const SweepStore& store);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_SWEEP_STORE_H_
