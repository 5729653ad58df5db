// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/variation.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "base/names.h"
#include "fmt/format.h"
#include "runs/simulation/run_check.h"
#include "runs/switches.h"
#include "sim/machine/spec_text.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

struct Variation {
  enum class Kind { kFlag, kParameter, kTunable, kPolicy };
  Kind kind = Kind::kFlag;
  std::string name;
  std::vector<std::string> values;
};

absl::Status Bad(const std::string& text, std::string_view why) {
  return BadFlag("vary", text, why);
}

std::string Underscored(const std::string& name) { return absl::StrReplaceAll(name, {{"-", "_"}}); }

absl::StatusOr<std::vector<std::string>> ParameterNames(const SimulationOptions& options) {
  std::vector<std::string> names;
  if (options.run.workload().empty()) return names;
  const absl::StatusOr<WorkloadText> text = LoadWorkloadText(options.run.workload());
  if (!text.ok()) return text.status();
  SpecOrigin origin(text->label);
  WorkloadSpec spec;
  absl::Status status = ParseTextproto(text->textproto, &spec, &origin);
  if (!status.ok()) return status;
  for (const WorkloadParameterSpec& parameter : spec.parameters()) {
    names.push_back(parameter.name());
  }
  return names;
}

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "slab:limit=10,20": the name may have a cache before it.
absl::StatusOr<Variation> ParseVariation(const std::string& text, const SimulationOptions& base) {
  Variation variation;
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return Bad(text, "it takes NAME=V,...");
  variation.name = text.substr(0, equals);
  variation.values = absl::StrSplit(text.substr(equals + 1), ',');
  std::set<std::string> seen;
  for (const std::string& value : variation.values) {
    if (!seen.insert(value).second) return Bad(text, fmt::format("'{}' is named twice", value));
  }
  const absl::StatusOr<std::vector<std::string>> parameters = ParameterNames(base);
  if (!parameters.ok()) return parameters.status();
  const std::vector<std::string> flags = VariedFlags();
  const std::vector<std::string> tunables = TunableNames();
  const std::vector<std::string> policies = PolicyNames();
  const std::string key = variation.name.substr(variation.name.rfind(':') + 1);
  if (Has(flags, Underscored(variation.name))) {
    variation.name = Underscored(variation.name);
  } else if (Has(*parameters, variation.name)) {
    variation.kind = Variation::Kind::kParameter;
  } else if (Has(tunables, key)) {
    variation.kind = Variation::Kind::kTunable;
  } else if (Has(policies, key)) {
    variation.kind = Variation::Kind::kPolicy;
  } else {
    std::vector<std::string> names = tunables;
    names.insert(names.end(), policies.begin(), policies.end());
    names.insert(names.end(), parameters->begin(), parameters->end());
    names.insert(names.end(), flags.begin(), flags.end());
    return Bad(text, UnknownNameText("tunable, policy, parameter or flag", variation.name, names));
  }
  return variation;
}

absl::Status Apply(const Variation& variation, const std::string& value, VariedRun& varied) {
  RunSpec& run = varied.options.run;
  const std::string setting = fmt::format("{}={}", variation.name, value);
  varied.varied += " " + setting;
  if (variation.kind == Variation::Kind::kFlag) return SetRunSwitch(variation.name, value, &run);
  if (variation.kind == Variation::Kind::kPolicy) {
    run.add_policy(setting);
    return absl::OkStatus();
  }
  int64_t number = 0;
  if (!absl::SimpleAtoi(value, &number)) return Bad(setting, "it takes whole numbers");
  if (variation.kind == Variation::Kind::kTunable) {
    run.add_tune(fmt::format("{}={}", variation.name, number));
    return absl::OkStatus();
  }
  std::vector<std::string> parameters = WordsOf(run.set());
  std::erase_if(parameters, [&](const std::string& word) {
    return word.substr(0, word.find('=')) == variation.name;
  });
  parameters.push_back(fmt::format("{}={}", variation.name, number));
  *run.mutable_set() = {parameters.begin(), parameters.end()};
  return absl::OkStatus();
}

// What the run's allocator refuses, that `before` had not already.
absl::Status Refusal(const SimulationOptions& before, const SimulationOptions& after) {
  std::set<std::string> was;
  for (const ModelValue& value : ModelValues(before)) was.insert(value.field + value.name);
  for (const ModelValue& value : ModelValues(after)) {
    if (!value.status.ok() && !was.contains(value.field + value.name)) return value.status;
  }
  const std::vector<std::string> policies = WordsOf(after.run.policy());
  if (policies == WordsOf(before.run.policy())) return absl::OkStatus();
  return CheckPolicies(after.run.allocator(), policies);
}

// `run` with each of the values that its allocator takes, or with none and a note.
absl::StatusOr<std::vector<VariedRun>> VariedOne(const Variation& variation, const VariedRun& run,
                                                 absl::Status* refusal) {
  std::vector<VariedRun> runs;
  std::vector<std::string> lacking;
  for (const std::string& value : variation.values) {
    VariedRun varied = run;
    if (absl::Status status = Apply(variation, value, varied); !status.ok()) return status;
    const absl::Status status = Refusal(run.options, varied.options);
    if (status.ok()) {
      runs.push_back(std::move(varied));
      continue;
    }
    *refusal = status;
    lacking.push_back(value);
  }
  if (lacking.empty()) return runs;
  if (runs.empty()) {
    runs.push_back(run);
    runs.back().notes.push_back(fmt::format("{} does not take {}, so it is run once, as it is.",
                                            run.options.run.allocator(), variation.name));
  } else {
    runs[0].notes.push_back(fmt::format("{} does not take {}={}, so it is not run with that.",
                                        run.options.run.allocator(), variation.name,
                                        absl::StrJoin(lacking, ",")));
  }
  return runs;
}

}  // namespace

std::vector<std::string> VariedFlags() {
  std::vector<std::string> names;
  for (const RunSwitch& each : Switches()) {
    if (each.flag->vary()) names.emplace_back(each.name());
  }
  return names;
}

std::vector<std::string> PolicyNames() {
  std::set<std::string> names;
  for (const AllocatorInfo& allocator : ListAllocators()) {
    for (const PolicyInfo& policy : PoliciesOf(allocator.name)) names.emplace(policy.name);
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> TunableNames() {
  std::set<std::string> names;
  for (const AllocatorInfo& allocator : ListAllocators()) {
    const ModelSwitches switches = SwitchesOf(allocator.name);
    for (const TunableInfo& tunable : switches.tunables) names.emplace(tunable.name);
  }
  return {names.begin(), names.end()};
}

absl::StatusOr<std::vector<VariedRun>> Varied(const std::string& text,
                                              std::vector<VariedRun> runs) {
  std::set<std::string> names;
  for (const absl::string_view each : absl::StrSplit(text, ';', absl::SkipEmpty())) {
    const absl::StatusOr<Variation> variation =
        ParseVariation(std::string(each), runs.front().options);
    if (!variation.ok()) return variation.status();
    if (!names.insert(variation->name).second) {
      return Bad(text, fmt::format("{} is varied twice", variation->name));
    }
    std::vector<VariedRun> crossed;
    absl::Status refusal;
    bool taken = false;
    for (const VariedRun& run : runs) {
      absl::StatusOr<std::vector<VariedRun>> varied = VariedOne(*variation, run, &refusal);
      if (!varied.ok()) return varied.status();
      taken |= varied->front().varied != run.varied;
      for (VariedRun& one : *varied) crossed.push_back(std::move(one));
    }
    if (!taken) return Bad(std::string(each), std::string(refusal.message()));
    runs = std::move(crossed);
  }
  return runs;
}

}  // namespace slablab
