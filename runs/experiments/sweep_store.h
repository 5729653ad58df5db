// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_SWEEP_STORE_H_
#define SLABLAB_RUNS_EXPERIMENTS_SWEEP_STORE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/record_file.h"
#include "reports/result.pb.h"
#include "runs/experiments/sweep.pb.h"
#include "runs/experiments/sweep_plan.h"

// A sweep's folder: for each point that is done a file NAME.result, which `slablab report` reads,
// or NAME.refused, which says why there is none and never will be. Both hold the point's name and a
// checksum. Files appear whole or not at all, so any number of
// processes, on any number of machines that share the folder, may work in it at once, and any of
// them may be killed.
//
// Who does one of many parts keeps all that it does in one file, STEM.shard, of records
// (base/record_file.h) that hold the same. Where a point is kept makes no difference to any report.

namespace slablab {

class SweepStore {
 public:
  explicit SweepStore(std::string folder) : folder_(std::move(folder)) {}

  const std::string& folder() const { return folder_; }
  // Makes the folder if it is not there.
  absl::Status Create() const;
  // From here on what is put goes to the end of STEM.shard, together with what it cost.
  absl::Status OpenShard(const std::string& stem);

  absl::Status PutResult(const std::string& point, RunResult result) const;
  absl::Status PutRefusal(const std::string& point, std::string_view reason) const;
  absl::Status PutOutcome(const std::string& point, const SweepOutcome& outcome) const;

  // What became of the point; nothing if it is not done. DataLoss, which names the file and says
  // why, if what is kept is damaged, or is of another point: then it is to be done again.
  struct Outcome {
    std::string refused;  // empty: there is a result
    RunResult result;
  };
  absl::StatusOr<std::optional<Outcome>> Get(const std::string& point) const;

  // By point, as far as shards say.
  std::map<std::string, SweepCost> Costs() const;
  // What is wrong with shards, beside single points: a sentence each.
  const std::vector<std::string>& ShardFaults() const { return shards().faults; }

 private:
  struct ShardPlace {
    std::string path;
    RecordPlace place;
  };
  struct Shards {
    std::multimap<std::string, ShardPlace, std::less<>> points;
    std::vector<ShardPlace> costs;
    std::vector<std::string> faults;
  };
  // Read when it is first asked for after something was put.
  const Shards& shards() const;
  absl::Status AddRecord(uint32_t kind, const std::string& point, std::string bytes) const;
  // Nothing if no shard has the point.
  absl::StatusOr<std::optional<Outcome>> GetFromShards(const std::string& point) const;
  absl::StatusOr<std::optional<Outcome>> GetFromFiles(const std::string& point) const;
  absl::Status Put(const std::string& point, std::string_view ending, std::string_view bytes) const;
  std::string PathOf(const std::string& point, std::string_view ending) const;

  std::string folder_;
  std::unique_ptr<RecordWriter> writer_;  // null: a file a point
  mutable std::optional<Shards> shards_;
};

// Everything that is in the store, in the order of the plan: the same for whoever did the points,
// in whatever order. FailedPrecondition if points are missing, DataLoss if what is kept of one is
// damaged.
absl::StatusOr<SweepReport> MergeSweep(const SweepPlan& plan, const SweepStore& store);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_SWEEP_STORE_H_
