// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_CLUSTER_SLURM_H_
#define SLABLAB_RUNS_CLUSTER_SLURM_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runs/cluster/staging.h"

// A batch with Slurm: its commands sbatch, squeue and scancel, which must be on PATH. The numbers
// of the jobs are kept in FOLDER/batch/jobs.

namespace slablab {

struct SlurmJobs {
  std::string array;
  std::string merge;
};

// FailedPrecondition, with what to do, if Slurm's commands are not there.
absl::Status CheckSlurm();

// Submits array.sh and merge.sh of the staged batch. Unavailable, with what
// sbatch said, if it refuses. If the second is refused, the first is cancelled.
absl::StatusOr<SlurmJobs> SubmitToSlurm(const Staged& staged);

// Those that were submitted last; nothing if none were. DataLoss for what is no such file.
absl::StatusOr<std::optional<SlurmJobs>> JobsOf(const Staged& staged);

// What Slurm still has of the jobs: how many tasks are in which state, "RUNNING", "PENDING
// (Priority)". Of what has ended Slurm has nothing.
struct SlurmQueue {
  std::map<std::string, int> array;
  std::map<std::string, int> merge;

  bool empty() const { return array.empty() && merge.empty(); }
};
absl::StatusOr<SlurmQueue> QueueOf(const SlurmJobs& jobs);

absl::Status CancelJobs(const SlurmJobs& jobs);

}  // namespace slablab

#endif  // SLABLAB_RUNS_CLUSTER_SLURM_H_
