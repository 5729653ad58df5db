// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPLAIN_EXPLAIN_PLAN_H_
#define SLABLAB_RUNS_EXPLAIN_EXPLAIN_PLAN_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace slablab {

// An allocator and the policies set of it.
struct ExplainedModel {
  std::string label;  // as it was asked for
  std::string allocator;
  std::vector<std::string> policies;  // "NAME=VALUE"
};

// "NAME" or "NAME+SWITCH=VALUE+...". InvalidArgument: there is no such model, or it takes no such
// policy.
absl::StatusOr<ExplainedModel> ParseExplainedModel(std::string_view text);

struct SwitchChange {
  std::string name;
  std::string from;
  std::string to;
  std::string since;  // the model on the way that first has it so; empty: none
  std::string meaning;
  std::string setting() const { return name + "=" + to; }
};

// One switch, or several that cannot be without each other.
struct ExplainedStep {
  std::vector<SwitchChange> switches;
  std::vector<std::string> settings;  // of A's policies, up to here
  std::vector<std::string> alone;     // with this step alone
  std::string not_alone;              // why that cannot be; empty: it can
};

// What leads from A to B.
struct ExplainPlan {
  ExplainedModel a;
  ExplainedModel b;
  bool one_family = false;  // switches do; else there are no steps
  std::vector<ExplainedStep> steps;
};

// Steps are in the order in which the models between A and B came to be so; what none of them has
// comes last. A switch that decides nothing in B is no difference. Each step's settings are ones
// that a model can have.
ExplainPlan PlanExplain(const ExplainedModel& a, const ExplainedModel& b);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPLAIN_EXPLAIN_PLAN_H_
