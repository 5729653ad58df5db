// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_CLUSTER_BATCH_SCRIPTS_H_
#define SLABLAB_RUNS_CLUSTER_BATCH_SCRIPTS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "runs/cluster/batch_plan.h"
#include "runs/cluster/staging.h"

// One batch as what starts it wants it: an array of Slurm's with a job that merges after it, rules
// of Snakemake with a profile, lines for GNU parallel. All of them start FOLDER/batch/task K for
// every task and FOLDER/batch/merge once those are done; a task that is started again goes on where
// it was.

namespace slablab {

enum class Launcher { kSlurm, kSnakemake, kParallel };

struct BatchScriptOptions {
  std::string name;                 // the sweep's
  std::string results;              // the sweep's folder, absolute
  size_t points = 0;                // of the whole sweep, which the merge holds
  int workers = 1;                  // CPUs of a task
  int retries = 3;                  // of a task
  std::vector<std::string> sbatch;  // further options of sbatch, "--partition=long"
};

// Files by their names in FOLDER/batch. Those that begin with "#!" are programs.
std::vector<std::pair<std::string, std::string>> BatchScripts(Launcher launcher,
                                                              const BatchPlan& batch,
                                                              const Staged& staged,
                                                              const BatchScriptOptions& options);

// How the user, or we, start it: a shell's lines.
std::string StartCommand(Launcher launcher, const Staged& staged);

absl::Status WriteBatchScripts(const std::vector<std::pair<std::string, std::string>>& files,
                               const Staged& staged);

}  // namespace slablab

#endif  // SLABLAB_RUNS_CLUSTER_BATCH_SCRIPTS_H_
