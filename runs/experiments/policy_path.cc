// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/policy_path.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "base/names.h"
#include "fmt/format.h"

namespace slablab {
namespace {

std::vector<PolicyInfo> InfosOf(const PolicySide& side) {
  return PoliciesOf(side.model, side.policies);
}

// The models from one to the other, both included, by their kernels.
std::vector<std::string> ModelsBetween(const std::string& from, const std::string& to) {
  const std::vector<AllocatorInfo> models = ListAllocators();
  const auto is_patched = [&](const std::string& name) {
    return std::any_of(models.begin(), models.end(), [&](const AllocatorInfo& info) {
      return info.name == name && !info.kernel.patches.empty();
    });
  };
  const bool patched = is_patched(from) && is_patched(to);
  std::vector<AllocatorInfo> family;
  for (const AllocatorInfo& info : models) {
    const bool is_end = info.name == from || info.name == to;
    const bool is_on_way = patched || info.kernel.patches.empty();
    if (is_end || (is_on_way && AreOneFamily(std::string(info.name), from))) {
      family.push_back(info);
    }
  }
  std::stable_sort(family.begin(), family.end(),
                   [](const auto& x, const auto& y) { return IsEarlier(x.kernel, y.kernel); });
  std::vector<std::string> names = NamesOf(family);
  auto first = std::find(names.begin(), names.end(), from);
  auto last = std::find(names.begin(), names.end(), to);
  if (first <= last) return {first, last + 1};
  return {std::make_reverse_iterator(first + 1), std::make_reverse_iterator(last)};
}

// By the model of `between` that came to have them so; the last are those that none has.
std::vector<std::vector<SwitchChange>> ChangesByModel(const PolicySide& from, const PolicySide& to,
                                                      const std::vector<std::string>& between) {
  const std::vector<PolicyInfo> before = InfosOf(from);
  const std::vector<PolicyInfo> after = InfosOf(to);
  const std::vector<PolicyInfo> own = PoliciesOf(from.model);
  std::vector<std::vector<PolicyInfo>> of_models;
  for (const std::string& model : between) of_models.push_back(PoliciesOf(model));
  std::vector<std::vector<SwitchChange>> changes(between.size() + 1);
  for (size_t i = 0; i < before.size(); ++i) {
    // Where it decides nothing, the first model's own value does as well, and no other may be set.
    const std::string& target = after[i].idle.empty() ? after[i].value : own[i].value;
    if (before[i].value == target) continue;
    size_t at = between.size();
    while (at > 0 && of_models[at - 1][i].value == target) --at;
    changes[at].push_back({.name = std::string(before[i].name),
                           .from = before[i].value,
                           .to = target,
                           .since = at < between.size() ? between[at] : "",
                           .meaning = std::string(before[i].meaning)});
  }
  return changes;
}

// The side with those changes, whether it can be or not.
PolicySide With(const PolicySide& side, const std::vector<SwitchChange>& changes) {
  const std::vector<PolicyInfo> own = PoliciesOf(side.model);
  std::vector<PolicyInfo> infos = InfosOf(side);
  PolicySide with = {.model = side.model, .policies = {}};
  for (size_t i = 0; i < infos.size(); ++i) {
    for (const SwitchChange& change : changes) {
      if (change.name == infos[i].name) infos[i].value = change.to;
    }
    if (infos[i].value == own[i].value) continue;
    with.policies.push_back(fmt::format("{}={}", infos[i].name, infos[i].value));
  }
  return with;
}

absl::Status Check(const PolicySide& side) { return CheckPolicies(side.model, side.policies); }

// Takes, of what is pending, the first that can be on top of `side`: one, else the first two that
// can be together, and so on. Nothing if that would be too many at once.
std::vector<SwitchChange> TakeNext(const PolicySide& side, std::vector<SwitchChange>& pending) {
  constexpr size_t kTogetherMax = 3;
  for (size_t count = 1; count <= std::min(kTogetherMax, pending.size()); ++count) {
    std::vector<bool> chosen(pending.size());
    std::fill(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(count), true);
    do {
      std::vector<SwitchChange> group;
      std::vector<SwitchChange> others;
      for (size_t i = 0; i < pending.size(); ++i) {
        (chosen[i] ? group : others).push_back(pending[i]);
      }
      if (!Check(With(side, group)).ok()) continue;
      pending = std::move(others);
      return group;
    } while (std::prev_permutation(chosen.begin(), chosen.end()));
  }
  return {};
}

}  // namespace

std::string PolicySide::ToString() const {
  return policies.empty() ? model : fmt::format("{}:{}", model, absl::StrJoin(policies, ","));
}

SimulationOptions PolicySide::Of(SimulationOptions run) const {
  run.run.set_allocator(model);
  SetPolicies(policies, &run.run);
  return run;
}

absl::StatusOr<PolicySide> ParsePolicySide(std::string_view text) {
  const size_t colon = text.find(':');
  PolicySide side = {.model = std::string(text.substr(0, colon)), .policies = {}};
  const std::vector<std::string> models = NamesOf(ListAllocators());
  if (std::find(models.begin(), models.end(), side.model) == models.end()) {
    return UnknownName("slab allocator", side.model, models);
  }
  if (colon == std::string_view::npos) return side;
  const std::string settings(text.substr(colon + 1));
  side.policies = absl::StrSplit(settings, ',', absl::SkipEmpty());
  if (const absl::Status status = Check(side); !status.ok()) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {}", text, std::string_view(status.message().data(), status.message().size())));
  }
  return With(side, {});
}

bool AreOneFamily(const std::string& a, const std::string& b) {
  const std::vector<PolicyInfo> of_a = PoliciesOf(a);
  const std::vector<PolicyInfo> of_b = PoliciesOf(b);
  return !of_a.empty() &&
         std::equal(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(),
                    [](const PolicyInfo& x, const PolicyInfo& y) { return x.name == y.name; });
}

absl::StatusOr<std::vector<PolicyStep>> PolicyPath(const PolicySide& from, const PolicySide& to) {
  for (const PolicySide* side : {&from, &to}) {
    if (!PoliciesOf(side->model).empty()) continue;
    return absl::InvalidArgumentError(fmt::format("{} has no policies", side->model));
  }
  if (!AreOneFamily(from.model, to.model)) {
    return absl::InvalidArgumentError(
        fmt::format("{} and {} are not made of the same switches", from.model, to.model));
  }
  std::vector<PolicyStep> steps;
  PolicySide side = from;
  const auto add = [&](std::vector<SwitchChange> group) {
    side = With(side, group);
    PolicyStep step = {.switches = std::move(group), .side = side, .alone = {}, .not_alone = {}};
    step.alone = With(from, step.switches);
    if (const absl::Status status = Check(step.alone); !status.ok()) {
      step.not_alone = std::string(status.message());
    }
    steps.push_back(std::move(step));
  };
  std::vector<SwitchChange> pending;
  for (std::vector<SwitchChange>& changes :
       ChangesByModel(from, to, ModelsBetween(from.model, to.model))) {
    std::move(changes.begin(), changes.end(), std::back_inserter(pending));
    for (;;) {
      std::vector<SwitchChange> group = TakeNext(side, pending);
      if (group.empty()) break;
      add(std::move(group));
    }
  }
  if (pending.empty()) return steps;
  add(std::move(pending));
  if (absl::Status status = Check(side); !status.ok()) return status;
  return steps;
}

}  // namespace slablab
