// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/explain/explain_plan.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/str_split.h"
#include "allocators/policies.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "base/names.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// A model's switches as its policies have them.
std::vector<PolicyInfo> InfosOf(const ExplainedModel& model) {
  std::vector<PolicyInfo> infos = PoliciesOf(model.allocator);
  for (const PolicyChange& change : PolicyChanges(model.allocator, model.policies)) {
    for (PolicyInfo& info : infos) {
      if (info.name == change.name) info.value = change.value;
    }
  }
  return infos;
}

bool SameSwitches(const std::vector<PolicyInfo>& a, const std::vector<PolicyInfo>& b) {
  return !a.empty() &&
         std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const PolicyInfo& x, const PolicyInfo& y) { return x.name == y.name; });
}

// The models from A's to B's, both included, by their kernels.
std::vector<std::string> ModelsBetween(const ExplainedModel& a, const ExplainedModel& b) {
  const std::vector<PolicyInfo> switches = PoliciesOf(a.allocator);
  std::vector<AllocatorInfo> family;
  for (const AllocatorInfo& info : ListAllocators()) {
    if (SameSwitches(switches, PoliciesOf(info.name))) family.push_back(info);
  }
  std::stable_sort(family.begin(), family.end(),
                   [](const auto& x, const auto& y) { return IsEarlier(x.kernel, y.kernel); });
  std::vector<std::string> names;
  for (const AllocatorInfo& info : family) names.emplace_back(info.name);
  auto from = std::find(names.begin(), names.end(), a.allocator);
  auto to = std::find(names.begin(), names.end(), b.allocator);
  if (from <= to) return {from, to + 1};
  std::vector<std::string> back(to, from + 1);
  std::reverse(back.begin(), back.end());
  return back;
}

std::vector<SwitchChange> DifferencesOf(const ExplainedModel& a, const ExplainedModel& b) {
  const std::vector<PolicyInfo> from = InfosOf(a);
  const std::vector<PolicyInfo> to = InfosOf(b);
  const std::vector<PolicyInfo> own_of_a = PoliciesOf(a.allocator);
  const std::vector<PolicyInfo> own_of_b = PoliciesOf(b.allocator);
  const std::vector<std::string> between = ModelsBetween(a, b);
  std::vector<std::pair<size_t, SwitchChange>> ranked;
  for (size_t i = 0; i < from.size(); ++i) {
    // Where it decides nothing, A's own value does as well.
    const bool decides = to[i].idle.empty() || to[i].value != own_of_b[i].value;
    const std::string& target = decides ? to[i].value : own_of_a[i].value;
    if (from[i].value == target) continue;
    SwitchChange change{.name = std::string(from[i].name),
                        .from = from[i].value,
                        .to = target,
                        .since = {},
                        .meaning = std::string(from[i].meaning)};
    // Back from B while it is so.
    size_t rank = between.size();
    while (rank > 0 && PoliciesOf(between[rank - 1])[i].value == change.to) --rank;
    if (rank < between.size()) change.since = between[rank];
    ranked.emplace_back(rank, std::move(change));
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& x, const auto& y) { return x.first < y.first; });
  std::vector<SwitchChange> changes;
  for (auto& [rank, change] : ranked) changes.push_back(std::move(change));
  return changes;
}

std::vector<std::string> With(std::vector<std::string> settings,
                              const std::vector<SwitchChange>& changes) {
  for (const SwitchChange& change : changes) settings.push_back(change.setting());
  return settings;
}

// Takes, of what is pending, the first that can be on top of `settings`: one, else the first two
// that can be together, and so on; all of it if no fewer can.
std::vector<SwitchChange> TakeNext(const std::string& allocator,
                                   const std::vector<std::string>& settings,
                                   std::vector<SwitchChange>& pending) {
  constexpr size_t kTogetherMax = 3;
  for (size_t count = 1; count <= std::min(kTogetherMax, pending.size()); ++count) {
    std::vector<bool> chosen(pending.size());
    std::fill(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(count), true);
    do {
      std::vector<SwitchChange> group;
      for (size_t i = 0; i < pending.size(); ++i) {
        if (chosen[i]) group.push_back(pending[i]);
      }
      if (!CheckPolicies(allocator, With(settings, group)).ok()) continue;
      for (size_t i = pending.size(); i-- > 0;) {
        if (chosen[i]) pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(i));
      }
      return group;
    } while (std::prev_permutation(chosen.begin(), chosen.end()));
  }
  return std::exchange(pending, {});
}

}  // namespace

absl::StatusOr<ExplainedModel> ParseExplainedModel(std::string_view text) {
  std::vector<std::string> words = absl::StrSplit(absl::string_view(text.data(), text.size()), '+');
  ExplainedModel model{.label = std::string(text), .allocator = words[0], .policies = {}};
  model.policies.assign(words.begin() + 1, words.end());
  const std::vector<std::string> models = NamesOf(ListAllocators());
  if (std::find(models.begin(), models.end(), model.allocator) == models.end()) {
    return UnknownName("slab allocator", model.allocator, models);
  }
  if (absl::Status status = CheckPolicies(model.allocator, model.policies); !status.ok()) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {}", text, std::string_view(status.message().data(), status.message().size())));
  }
  return model;
}

ExplainPlan PlanExplain(const ExplainedModel& a, const ExplainedModel& b) {
  ExplainPlan plan{.a = a, .b = b, .one_family = false, .steps = {}};
  plan.one_family = SameSwitches(PoliciesOf(a.allocator), PoliciesOf(b.allocator));
  if (!plan.one_family) return plan;
  std::vector<SwitchChange> pending = DifferencesOf(a, b);
  std::vector<std::string> settings = a.policies;
  while (!pending.empty()) {
    ExplainedStep step;
    step.switches = TakeNext(a.allocator, settings, pending);
    step.settings = With(settings, step.switches);
    // What no model can have is left over, with all that came with it.
    if (!CheckPolicies(a.allocator, step.settings).ok()) break;
    settings = step.settings;
    step.alone = With(a.policies, step.switches);
    if (const absl::Status status = CheckPolicies(a.allocator, step.alone); !status.ok()) {
      step.not_alone = std::string(status.message());
    }
    plan.steps.push_back(std::move(step));
  }
  return plan;
}

}  // namespace slablab
