// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/policy_path.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "base/names.h"
#include "fmt/format.h"

namespace slablab {
namespace {

bool IsOneFamily(const std::string& a, const std::string& b) {
  const std::vector<PolicyInfo> of_a = PoliciesOf(a);
  const std::vector<PolicyInfo> of_b = PoliciesOf(b);
  return std::equal(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(),
                    [](const PolicyInfo& x, const PolicyInfo& y) { return x.name == y.name; });
}

// The models to come by on the way, the last of which is `to`.
std::vector<std::string> ErasBetween(const std::string& from, const std::string& to) {
  if (from == to) return {};
  std::vector<AllocatorInfo> eras;
  for (const AllocatorInfo& info : ListAllocators()) {
    const bool is_end = info.name == from || info.name == to;
    if (is_end || (info.kernel.patches.empty() && IsOneFamily(std::string(info.name), from))) {
      eras.push_back(info);
    }
  }
  std::stable_sort(eras.begin(), eras.end(), [](const AllocatorInfo& a, const AllocatorInfo& b) {
    return IsEarlier(a.kernel, b.kernel);
  });
  const auto at = [&](const std::string& name) {
    return std::find_if(eras.begin(), eras.end(),
                        [&](const AllocatorInfo& info) { return info.name == name; });
  };
  if (at(from) > at(to)) std::reverse(eras.begin(), eras.end());
  std::vector<std::string> names;
  for (auto era = at(from) + 1; era != at(to) + 1; ++era) names.emplace_back(era->name);
  return names;
}

// Where the way has come to: the values of all switches, and the steps that it took.
class Walk {
 public:
  explicit Walk(const PolicySide& from) : model_(from.model), own_(PoliciesOf(from.model)) {
    for (const PolicyInfo& info : own_) values_.push_back(info.value);
    era_values_ = values_;
    for (const PolicyChange& change : PolicyChanges(from.model, from.policies)) {
      values_[IndexOf(change.name)] = change.value;
    }
  }

  // What the era decides otherwise than the one before; a switch that does nothing there waits for
  // one where it does.
  void PassThrough(const std::string& era) {
    for (const PolicyInfo& info : PoliciesOf(era)) {
      std::string& before = era_values_[IndexOf(info.name)];
      if (!info.idle.empty() || before == info.value) continue;
      before = info.value;
      Set(info.name, info.value, era);
    }
  }

  void Set(std::string_view name, const std::string& value, const std::string& era) {
    std::string& now = values_[IndexOf(name)];
    if (now == value) return;
    now = value;
    pending_.push_back(fmt::format("{}={}", name, value));
    PolicySide side = {.model = model_, .policies = {}};
    for (size_t i = 0; i < own_.size(); ++i) {
      if (values_[i] == own_[i].value) continue;
      side.policies.push_back(fmt::format("{}={}", own_[i].name, values_[i]));
    }
    refusal_ = CheckPolicies(model_, side.policies);
    if (!refusal_.ok()) return;  // It waits for what goes with it.
    steps_.push_back({.side = std::move(side), .moved = std::move(pending_), .era = era});
    pending_.clear();
  }

  absl::StatusOr<std::vector<PolicyStep>> Take() {
    if (!refusal_.ok()) return refusal_;
    return std::move(steps_);
  }

 private:
  size_t IndexOf(std::string_view name) const {
    size_t at = 0;
    while (own_[at].name != name) ++at;
    return at;
  }

  const std::string model_;
  const std::vector<PolicyInfo> own_;
  std::vector<std::string> values_;      // with what sides set
  std::vector<std::string> era_values_;  // without
  std::vector<std::string> pending_;
  absl::Status refusal_;
  std::vector<PolicyStep> steps_;
};

}  // namespace

absl::StatusOr<PolicySide> ParsePolicySide(std::string_view text) {
  const size_t colon = text.find(':');
  PolicySide side = {.model = std::string(text.substr(0, colon)), .policies = {}};
  const std::vector<AllocatorInfo> models = ListAllocators();
  const bool known = std::any_of(models.begin(), models.end(), [&](const AllocatorInfo& info) {
    return info.name == side.model;
  });
  if (!known) return UnknownName("allocator", side.model, NamesOf(models));
  if (colon == std::string_view::npos) return side;
  const std::string settings(text.substr(colon + 1));
  side.policies = absl::StrSplit(settings, ',', absl::SkipEmpty());
  if (absl::Status status = CheckPolicies(side.model, side.policies); !status.ok()) return status;
  return side;
}

absl::StatusOr<std::vector<PolicyStep>> PolicyPath(const PolicySide& from, const PolicySide& to) {
  for (const PolicySide* side : {&from, &to}) {
    if (!PoliciesOf(side->model).empty()) continue;
    return absl::InvalidArgumentError(fmt::format("{} has no policies", side->model));
  }
  if (!IsOneFamily(from.model, to.model)) {
    return absl::InvalidArgumentError(
        fmt::format("{} and {} are not made of the same switches", from.model, to.model));
  }
  Walk walk(from);
  for (const std::string& era : ErasBetween(from.model, to.model)) walk.PassThrough(era);
  // What `from` set and `to` does not have, and what `to` sets.
  const std::vector<PolicyChange> changes = PolicyChanges(to.model, to.policies);
  for (const PolicyInfo& info : PoliciesOf(to.model)) {
    const auto change = std::find_if(changes.begin(), changes.end(), [&](const PolicyChange& each) {
      return each.name == info.name;
    });
    if (change != changes.end()) {
      walk.Set(info.name, change->value, to.model);
    } else if (info.idle.empty()) {
      walk.Set(info.name, info.value, to.model);
    }
  }
  return walk.Take();
}

}  // namespace slablab
