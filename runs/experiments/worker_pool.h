// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_WORKER_POOL_H_
#define SLABLAB_RUNS_EXPERIMENTS_WORKER_POOL_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

// Independent jobs over local cores, each in a process of its own: what one leaves behind in
// memory, or dies of, is no other's concern.

namespace slablab {

struct WorkerPoolOptions {
  size_t jobs = 0;
  int workers = 1;  // at once; at least 1
  // True: start no more, ask those under way to end (SIGTERM), and answer Cancelled once they have.
  // Asked several times a second.
  std::function<bool()> stop;
};

struct JobEnd {
  // What the job answered, if it came to an end by itself.
  std::string answer;
  // Else how it ended: "ended with status 3", "was ended by signal 9", "had not enough memory:
  // ...". Empty if it answered.
  std::string death;
  // Whether it died of something of ours: a failed CHECK, a crash. What the user or the host did (a
  // kill, the end of memory) is none.
  bool is_our_fault = false;

  // Of one that died, "WHO DEATH": Internal if it is our fault, else Unavailable.
  absl::Status DeathOf(std::string_view who) const;
};

// How a child ended that has waitpid()'s `status`, and ran a simulation alone; it has no answer.
JobEnd DescribeChildEnd(int status);

// Runs `work(i)` for every job i, started in order, and hands each end to `done(i, end)`, in
// whatever order they end. An error of `done` ends the pool as `stop` does and is the answer.
// `work` runs in a child: what it changes in memory is lost, and only its answer is seen. A child
// is killed when this process dies. REQUIRES: this process has one thread.
absl::Status RunInProcesses(const WorkerPoolOptions& options,
                            const std::function<std::string(size_t)>& work,
                            const std::function<absl::Status(size_t, const JobEnd&)>& done);

// How many CPUs this process may use.
int AvailableCpus();

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_WORKER_POOL_H_
