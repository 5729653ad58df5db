// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_POLICY_PATH_H_
#define SLABLAB_RUNS_EXPERIMENTS_POLICY_PATH_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

// From one model to another of its family, one named difference after another: what
// `slablab bisect` walks.

namespace slablab {

// A model, and what is set of its policy.
struct PolicySide {
  std::string model;
  std::vector<std::string> policies;  // "NAME=VALUE"
};
// "slub-7.3", "slub-7.3:sheaves.which=none,barns=none". InvalidArgument for what there is not or
// cannot be.
absl::StatusOr<PolicySide> ParsePolicySide(std::string_view text);

struct PolicyStep {
  PolicySide side;                 // what is to be run: the first side's model, ever further away
  std::vector<std::string> moved;  // "NAME=VALUE": what this step sets; several if none of them can
                                   // be without the others
  std::string era;                 // in which they came; that of a side if it says so itself
};
// The steps from `from` to `to`: the eras between them in the order of history, or against it, and
// in each its switches in the order of their table. Patched models lie on no path but their own.
// Behind the last the model is `to`'s in all that switches decide. InvalidArgument if they have not
// the same switches, or the last step cannot be.
absl::StatusOr<std::vector<PolicyStep>> PolicyPath(const PolicySide& from, const PolicySide& to);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_POLICY_PATH_H_
