// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_POLICY_PATH_H_
#define SLABLAB_RUNS_EXPERIMENTS_POLICY_PATH_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runs/simulation/simulation_options.h"

// From one model to another of its family, one named difference after another: what
// `slablab bisect` walks and `slablab explain` attributes to.

namespace slablab {

// A model, and what is set of its policy otherwise than it is: "NAME=VALUE", in the table's order.
struct PolicySide {
  std::string model;
  std::vector<std::string> policies;

  // "slub-7.3", "slub-7.3:sheaves.which=none,cpu-slabs=yes".
  std::string ToString() const;
  // The run, of this model.
  SimulationOptions Of(SimulationOptions run) const;

  friend bool operator==(const PolicySide&, const PolicySide&) = default;
};
// "MODEL[:NAME=VALUE,...]", what is behind the colon as --policy takes it. InvalidArgument for what
// there is not or cannot be.
absl::StatusOr<PolicySide> ParsePolicySide(std::string_view text);

struct SwitchChange {
  std::string name;
  std::string from;
  std::string to;
  std::string since;  // the model on the way that first has it so; empty: none
  std::string meaning;

  std::string Setting() const { return name + "=" + to; }
};

// One switch, or several that cannot be without each other.
struct PolicyStep {
  std::vector<SwitchChange> switches;
  PolicySide side;        // the first side, with all steps up to here
  PolicySide alone;       // with this step alone
  std::string not_alone;  // why that cannot be; empty: it can
};

// Whether switches lead from one model to the other at all.
bool AreOneFamily(const std::string& a, const std::string& b);

// The steps from `from` to `to`. Each sets a switch once, to what it is in `to`: in the order of
// history, or against it, by the eras between that came to have it so, and of an era in the order
// of the table; what no era has comes last. What cannot be on top of those before waits for what it
// needs. Patched models lie on the way between patched models alone. A switch that decides nothing
// in `to` is no difference. Behind the last the model is `to`'s in all that switches decide.
// InvalidArgument if they are not of one family.
absl::StatusOr<std::vector<PolicyStep>> PolicyPath(const PolicySide& from, const PolicySide& to);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_POLICY_PATH_H_
