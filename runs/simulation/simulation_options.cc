// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/simulation_options.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "allocators/percpu/registry.h"
#include "allocators/policies.h"
#include "base/check.h"
#include "base/names.h"
#include "runs/simulation/option_ranges.h"
#include "traces/sidecar/sidecar.h"

namespace slablab {
namespace {

absl::Status Bad(absl::string_view name, absl::string_view value, std::string_view why) {
  return BadFlag({name.data(), name.size()}, {value.data(), value.size()}, why);
}

// The one of `choices` that `value` names.
template <typename Value>
absl::Status Choose(absl::string_view name, absl::string_view value,
                    const std::vector<std::pair<std::string_view, Value>>& choices, Value& field) {
  std::vector<std::string> names;
  for (const auto& [choice, meaning] : choices) {
    if (value == absl::string_view(choice.data(), choice.size())) {
      field = meaning;
      return absl::OkStatus();
    }
    names.emplace_back(choice);
  }
  const std::string what(name);
  return Bad(name, value, UnknownNameText(what, {value.data(), value.size()}, names));
}

absl::Status SetOrder(absl::string_view value, SimulationOptions& options) {
  options.order_stated = !value.empty();
  if (!value.empty()) {
    return Choose<RunOrder>("order", value,
                            {{"recorded", RunOrder::kRecorded}, {"closed", RunOrder::kClosed}},
                            options.order);
  }
  options.order = RunOrder::kRecorded;
  return absl::OkStatus();
}

absl::Status SetPlacement(absl::string_view value, SimulationOptions& options) {
  return Choose<CpuPlacement>("place", value,
                              {{"recorded", CpuPlacement::kRecorded},
                               {"spread", CpuPlacement::kSpread},
                               {"pack", CpuPlacement::kPack}},
                              options.replay.placement);
}

absl::Status SetBalance(absl::string_view value, SimulationOptions& options) {
  options.balance.reset();
  if (value.empty()) return absl::OkStatus();
  return Choose<std::optional<bool>>("balance", value, {{"on", true}, {"off", false}},
                                     options.balance);
}

absl::Status SetStart(absl::string_view value, SimulationOptions& options) {
  options.warm_start.reset();
  if (value.empty()) return absl::OkStatus();
  return Choose<std::optional<bool>>("start", value, {{"cold", false}, {"warm", true}},
                                     options.warm_start);
}

absl::Status SetParameters(absl::string_view value, SimulationOptions& options) {
  options.workload_parameters.clear();
  for (const absl::string_view word : absl::StrSplit(value, ',', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    int64_t number = 0;
    if (parts.first.empty() || !absl::SimpleAtoi(parts.second, &number)) {
      return Bad("set", value, absl::StrCat("'", word, "' is not NAME=N"));
    }
    options.workload_parameters.emplace_back(parts.first, number);
  }
  return absl::OkStatus();
}

absl::Status SetTunables(absl::string_view value, SimulationOptions& options) {
  options.tunables.clear();
  for (const absl::string_view word : absl::StrSplit(value, ',', absl::SkipEmpty())) {
    const size_t equals = word.rfind('=');
    int64_t number = 0;
    if (equals == absl::string_view::npos || !absl::SimpleAtoi(word.substr(equals + 1), &number)) {
      return Bad("tune", value, absl::StrCat("'", word, "' is not KEY=N or CACHE:KEY=N"));
    }
    const absl::string_view left = word.substr(0, equals);
    const size_t colon = left.rfind(':');
    const absl::string_view key = colon == absl::string_view::npos ? left : left.substr(colon + 1);
    const absl::string_view cache =
        colon == absl::string_view::npos ? absl::string_view() : left.substr(0, colon);
    if (key.empty()) return Bad("tune", value, absl::StrCat("'", word, "' names no tunable"));
    options.tunables.push_back(
        {.cache = std::string(cache), .key = std::string(key), .value = number});
  }
  return absl::OkStatus();
}

// Which allocator has them is for others to ask.
absl::Status SetPolicies(absl::string_view value, SimulationOptions& options) {
  std::vector<std::string> policies = absl::StrSplit(value, ',', absl::SkipEmpty());
  for (const std::string& policy : policies) {
    const absl::Status parsed = ParsePolicy(policy).status();
    if (!parsed.ok()) {
      return Bad("policy", value, {parsed.message().data(), parsed.message().size()});
    }
  }
  options.allocator_options.policies = std::move(policies);
  return absl::OkStatus();
}

absl::Status SetBool(absl::string_view name, absl::string_view value, bool& field) {
  if (absl::SimpleAtob(value, &field)) return absl::OkStatus();
  return Bad(name, value, "it takes true or false");
}

template <typename Integer>
absl::Status SetNumber(absl::string_view name, absl::string_view value, Integer& field) {
  const OptionRange* const range = RangeOfRunOption({name.data(), name.size()});
  CHECK(range != nullptr);
  const absl::StatusOr<uint64_t> number = ParseInRange(*range, {value.data(), value.size()});
  if (!number.ok()) return number.status();
  field = static_cast<Integer>(*number);
  return absl::OkStatus();
}

}  // namespace

absl::Status SetSimulationOption(absl::string_view name, absl::string_view value,
                                 SimulationOptions& options) {
  AllocatorOptions& model = options.allocator_options;
  const auto set = [&](std::string& field) {
    field = std::string(value);
    return absl::OkStatus();
  };
  const auto set_list = [&](std::vector<std::string>& field) {
    field = absl::StrSplit(value, ',', absl::SkipEmpty());
    return absl::OkStatus();
  };
  if (name == "trace") return set(options.trace_path);
  if (name == "workload") return set(options.workload);
  if (name == "set") return SetParameters(value, options);
  if (name == "scenario") return set(options.scenario_path);
  if (name == "order") return SetOrder(value, options);
  if (name == "place") return SetPlacement(value, options);
  if (name == "balance") return SetBalance(value, options);
  if (name == "scale") return SetNumber(name, value, options.scale);
  if (name == "allocator") return set(options.allocator);
  if (name == "machine") return set(options.machine);
  if (name == "start") return SetStart(value, options);
  if (name == "seed") return SetNumber(name, value, model.seed);
  if (name == "merge_caches") return SetBool(name, value, model.merge_caches);
  if (name == "statistics") return SetBool(name, value, model.statistics);
  if (name == "call_sites") return SetBool(name, value, options.call_sites);
  if (name == "boot") return set(model.boot);
  if (name == "possible_nodes") return SetNumber(name, value, model.possible_nodes);
  if (name == "pressure_us") return SetNumber(name, value, options.pressure_interval_us);
  if (name == "spread_slab") return SetBool(name, value, model.spread_slab);
  if (name == "quirks") return set_list(model.quirks);
  if (name == "percpu") return set(model.percpu);
  if (name == "percpu_quirks") return set_list(model.percpu_quirks);
  if (name == "policy") return SetPolicies(value, options);
  if (name == "tune") return SetTunables(value, options);
  if (name == "touch_bytes") return SetNumber(name, value, options.replay.object_touch_bytes_max);
  if (name == "events_max") return SetNumber(name, value, options.replay.events_max);
  return UnknownName("flag of run", {name.data(), name.size()}, NameList(kSimulationFlags));
}

void DropForeignPolicies(SimulationOptions& options) {
  std::erase_if(options.allocator_options.policies, [&](const std::string& text) {
    const absl::StatusOr<PolicySetting> policy = ParsePolicy(text);
    return policy.ok() && !policy->allocator.empty() && policy->allocator != options.allocator;
  });
}

AllocatorOptions BootOptions(const SimulationOptions& options) {
  AllocatorOptions boot = options.allocator_options;
  for (const TunableSetting& tunable : options.tunables) {
    if (!IsBootParameter(options.allocator, tunable.key)) continue;
    boot.boot_parameters.push_back({.name = tunable.key, .value = tunable.value});
  }
  return boot;
}

absl::Status CheckWarmStart(const RecordedSidecars& sidecars) {
  const absl::StatusOr<SlabSysfs>* const sysfs = sidecars.Sysfs(kWarmSidecar);
  if (sysfs != nullptr) return sysfs->status();
  return absl::InvalidArgumentError(
      "a warm start needs a trace with the sidecar sys-kernel-slab.before, which says what the "
      "allocator held; `slablab trace info` shows what it has");
}

bool StartsWarm(const SimulationOptions& options, const RecordedSidecars& sidecars) {
  if (options.warm_start.has_value()) return *options.warm_start;
  if (options.order == RunOrder::kClosed || IsPercpuAllocator(options.allocator)) return false;
  const TraceSidecar* const sidecar = sidecars.trace().FindSidecar(kWarmSidecar);
  if (sidecar == nullptr || !absl::StrContains(sidecar->contents, "sheaf_refill")) return false;
  const SlabSysfs* const sysfs = sidecars.FirstSysfs({kWarmSidecar});
  if (sysfs == nullptr) return false;
  return std::any_of(sysfs->caches.begin(), sysfs->caches.end(), [](const auto& each) {
    return each.second.Total("sheaf_capacity") > 0 && each.second.Find("sheaf_refill") != nullptr;
  });
}

absl::Status CheckSimulationOptions(const SimulationOptions& options) {
  const auto wrong = [](const char* message) { return absl::InvalidArgumentError(message); };
  const bool is_workload = !options.workload.empty();
  const bool closed = options.order == RunOrder::kClosed || is_workload;
  if (is_workload && options.order_stated && options.order == RunOrder::kRecorded) {
    return wrong("a workload was not recorded: it has --order=closed only");
  }
  if (is_workload && options.replay.events_max > 0) {
    return wrong("--events-max is of a trace; a workload's own parameters say how much it does");
  }
  if (!is_workload && !options.workload_parameters.empty()) {
    return wrong("--set is of a workload: a trace has no parameters");
  }
  if (IsPercpuAllocator(options.allocator)) {
    if (closed)
      return wrong("a percpu allocator runs in recorded order only, and has no workloads");
    if (!options.tunables.empty()) return wrong("a percpu allocator has no tunables");
  }
  if (options.balances() && !is_workload &&
      (!closed || options.replay.placement == CpuPlacement::kRecorded)) {
    return wrong(
        "--balance=on moves a trace's tasks only with --order=closed and --place=spread or pack");
  }
  if (closed) {
    if (!options.warm_start.value_or(false)) return absl::OkStatus();
    return wrong(
        "--start=warm needs a trace in recorded order: what it restores is the recording's");
  }
  if (options.scale != 1 || options.replay.placement == CpuPlacement::kPack) {
    return wrong("--scale and --place=pack need --order=closed: a recording has its order once");
  }
  if (!options.scenario_path.empty()) {
    return wrong("--scenario needs --order=closed: what is to happen changes who runs where");
  }
  return absl::OkStatus();
}

}  // namespace slablab
