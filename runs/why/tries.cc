// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/why/tries.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "runs/experiments/policy_path.h"
#include "runs/experiments/variation.h"
#include "runs/simulation/run_check.h"

namespace slablab {
namespace {

// Values on either side of what kernels have by themselves (`slablab list tunables` and `slablab
// list policies`): a quarter and four times as much, about, and none where that can be.
constexpr std::string_view kTried[] = {
    "cpu_partial=0,6,30,240",
    "min_partial=0,20,80",
    "remote_node_defrag_ratio=0",
    "limit=30,480",
    "batchcount=4,120",
    "shared=0,32",
    "sheaves.capacity=4,16,64,256",
    "sheaves.which=none,default",
    "barns.full-max=0,2,40",
    "slab_min_objects=8,32,64",
    "slab_max_order=0,1,5",
    "slab_min_order=1,2",
};

// SLUB's boot parameters are spelled slub_ to 6.6, see allocators/common/slub_boot.h.
std::string SpelledFor(std::string_view model, std::string_view tried) {
  constexpr ModelKernel kRespelled = {.version = 6, .patchlevel = 7};
  std::string text(tried);
  const absl::StatusOr<ModelKernel> kernel = KernelOf(model);
  if (!kernel.ok() || !IsEarlier(*kernel, kRespelled)) return text;
  const std::string older = "slub_" + text.substr(text.find('_') + 1);
  const std::string key = older.substr(0, older.find('='));
  return absl::StartsWith(text, "slab_") && IsBootParameter(model, key) ? older : text;
}

bool IsRefused(const SimulationOptions& options) {
  for (const ModelValue& value : ModelValues(options)) {
    if (!value.status.ok()) return true;
  }
  const std::vector<std::string> policies = WordsOf(options.run.policy());
  return !CheckPolicies(options.run.allocator(), policies).ok();
}

// What is set by `setting`, "[CACHE:]NAME=VALUE".
WhyTry Described(std::string setting, SimulationOptions options) {
  WhyTry made = {.how = std::string(kByRun),
                 .setting = std::move(setting),
                 .meaning = {},
                 .options = std::move(options)};
  const std::string name = made.setting.substr(0, made.setting.find('='));
  const std::string key = name.substr(name.rfind(':') + 1);
  const std::string& model = made.options.run.allocator();
  const ModelSwitches switches = SwitchesOf(model);
  const auto find = [&](std::string_view wanted) {
    return std::find_if(switches.tunables.begin(), switches.tunables.end(),
                        [&](const TunableInfo& tunable) { return tunable.name == wanted; });
  };
  if (const auto tunable = find(key); tunable != switches.tunables.end()) {
    // The older spelling says no more than that it is one.
    const auto newer = find("slab_" + key.substr(key.find('_') + 1));
    made.how = std::string(tunable->at_boot ? kByBoot : kBySysfs);
    made.meaning = std::string((newer == switches.tunables.end() ? tunable : newer)->meaning);
    return made;
  }
  for (const PolicyInfo& policy : PoliciesOf(model)) {
    if (policy.name != key) continue;
    made.how = std::string(kByBuild);
    made.meaning = std::string(policy.meaning);
  }
  return made;
}

// "NAME=V,...", by the values that the model takes.
absl::StatusOr<std::vector<WhyTry>> Tried(const SimulationOptions& base, const std::string& text) {
  const absl::StatusOr<std::vector<VariedRun>> runs =
      Varied(text, {{.options = base, .varied = {}, .notes = {}}});
  if (!runs.ok()) return runs.status();
  std::vector<WhyTry> tries;
  for (const VariedRun& run : *runs) {
    if (run.varied.empty()) continue;  // It takes none.
    tries.push_back(Described(run.varied.substr(1), run.options));
  }
  return tries;
}

// Whether it sets a policy to what it is.
bool IsAsItIs(const SimulationOptions& base, const WhyTry& tried) {
  if (tried.how != kByBuild) return false;
  for (const PolicyInfo& policy : PoliciesOf(base.run.allocator(), WordsOf(base.run.policy()))) {
    if (absl::StrCat(std::string(policy.name), "=", policy.value) == tried.setting) return true;
  }
  return false;
}

void AddKernels(const SimulationOptions& base, std::vector<WhyTry>* tries) {
  for (const AllocatorInfo& info : ListAllocators()) {
    const std::string name(info.name);
    if (name == base.run.allocator() || !info.kernel.patches.empty() ||
        !AreOneFamily(name, base.run.allocator())) {
      continue;
    }
    WhyTry tried = {.how = std::string(kByKernel),
                    .setting = name,
                    .meaning = std::string(info.summary),
                    .options = base};
    tried.options.run.set_allocator(name);
    tried.options.allocator_of_kernel = false;
    if (!IsRefused(tried.options)) tries->push_back(std::move(tried));
  }
}

}  // namespace

absl::StatusOr<std::vector<WhyTry>> WhyTries(const SimulationOptions& base,
                                             const std::string& further) {
  std::vector<WhyTry> tries;
  for (const std::string_view text : kTried) {
    // What no model of this kind takes is no error here.
    absl::StatusOr<std::vector<WhyTry>> some = Tried(base, SpelledFor(base.run.allocator(), text));
    if (!some.ok()) continue;
    for (WhyTry& tried : *some) {
      if (!IsAsItIs(base, tried)) tries.push_back(std::move(tried));
    }
  }
  AddKernels(base, &tries);
  for (const absl::string_view text : absl::StrSplit(further, ';', absl::SkipEmpty())) {
    absl::StatusOr<std::vector<WhyTry>> some = Tried(base, std::string(text));
    if (!some.ok()) return some.status();
    for (WhyTry& tried : *some) {
      const bool is_there = std::any_of(tries.begin(), tries.end(), [&](const WhyTry& each) {
        return each.setting == tried.setting;
      });
      if (!is_there) tries.push_back(std::move(tried));
    }
  }
  return tries;
}

WhyTry Together(const SimulationOptions& base, const std::vector<const WhyTry*>& tries) {
  WhyTry together = {.how = "together", .setting = {}, .meaning = {}, .options = base};
  std::vector<std::string> settings;
  for (const WhyTry* tried : tries) {
    settings.push_back(tried->setting);
    RunSpec& run = together.options.run;
    tried->how == kByBuild ? run.add_policy(tried->setting) : run.add_tune(tried->setting);
  }
  together.setting = absl::StrJoin(settings, ", ");
  together.meaning = "The best of each that surely saves cycles.";
  return together;
}

}  // namespace slablab
