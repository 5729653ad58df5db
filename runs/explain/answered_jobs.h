// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPLAIN_ANSWERED_JOBS_H_
#define SLABLAB_RUNS_EXPLAIN_ANSWERED_JOBS_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Jobs of a pool (runs/experiments/worker_pool.h) that answer something, or why they cannot.

namespace slablab {

struct AnsweredJobs {
  size_t jobs = 0;
  int workers = 1;
  std::function<bool()> stop = {};                               // as WorkerPoolOptions::stop
  std::function<void(size_t done, size_t total)> progress = {};  // several times a second
};

// Runs `work(i)` for every job i in a process of its own and hands what it answers to `take(i)`, in
// whatever order they end. What a job was refused is InvalidArgument there, with the message that
// `work` gave; an error of ours, or a job that died, ends all and is the answer.
// REQUIRES: this process has one thread.
absl::Status RunAnswered(
    const AnsweredJobs& options, const std::function<absl::StatusOr<std::string>(size_t)>& work,
    const std::function<absl::Status(size_t, absl::StatusOr<std::string>)>& take);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPLAIN_ANSWERED_JOBS_H_
