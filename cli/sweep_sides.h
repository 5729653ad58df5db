// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_SWEEP_SIDES_H_
#define SLABLAB_CLI_SWEEP_SIDES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "reports/comparison/headline.h"
#include "runs/experiments/sweep.pb.h"

namespace slablab {

// What a sweep compares: the values of its axis `allocator` if that has several, else of `machine`,
// else of the first other axis that is no size and no workload, else of the first that has
// several; never seeds. All other axes but the seed make the settings. Empty if nothing is
// compared.
struct SweepSides {
  std::string axis;
  Sides sides;
};
// The side of the value `base` comes first; empty: as the sweep has them.
SweepSides SidesOfSweep(const SweepReport& report, const std::string& base);

// InvalidArgument naming the values that there are, if `base` is none; an empty one is good.
absl::Status CheckSweepBase(const SweepReport& report, const std::string& base);

// The points with those of `base` before all others.
SweepReport WithBaseFirst(const SweepReport& report, const std::string& base);

}  // namespace slablab

#endif  // SLABLAB_CLI_SWEEP_SIDES_H_
