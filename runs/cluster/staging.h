// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_CLUSTER_STAGING_H_
#define SLABLAB_RUNS_CLUSTER_STAGING_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runs/experiments/sweep_plan.h"

// What nodes need of a sweep, in its folder, which they share: the program with its libraries, and
// the files that the sweep names. So nodes need no sources, no packages and no network, and what is
// changed or built after the batch was submitted changes nothing of it.
//
//   FOLDER/batch/program   slablab, the libraries that it has loaded, the loader among them
//                run       starts it
//                root      bundled traces that the sweep names, as SLABLAB_ROOT has them
//                inputs    the sweep and what it names by relative paths, each at its place below

namespace slablab {

struct Staged {
  std::string folder;  // FOLDER/batch, absolute
  std::string run;     // the program, as scripts start it
  std::string sweep;   // the sweep's textproto there
};

// Where StageSweep puts things.
absl::StatusOr<Staged> StagedPlaces(const std::string& sweep_path, const std::string& folder);

// Puts them there. InvalidArgument for what would be another thing on a node: the machine "host".
// Unavailable if something cannot be copied, or if the plan from what was copied is not `plan`.
absl::Status StageSweep(const SweepPlan& plan, const std::string& sweep_path, const Staged& staged);

}  // namespace slablab

#endif  // SLABLAB_RUNS_CLUSTER_STAGING_H_
