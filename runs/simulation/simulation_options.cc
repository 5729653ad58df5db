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
#include "allocators/switches.h"
#include "base/check.h"
#include "traces/sidecar/sidecar.h"

namespace slablab {
namespace {

// What is wrong with a word of the list of that name.
absl::Status Bad(const RunSpec& run, std::string_view name, std::string_view why) {
  return BadFlag(name, SwitchText(run, *FindSwitch(name)), why);
}

absl::StatusOr<std::vector<std::pair<std::string, int64_t>>> ParseParameters(const RunSpec& run) {
  std::vector<std::pair<std::string, int64_t>> parameters;
  for (const std::string& word : WordsOf(run.set())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    int64_t number = 0;
    if (parts.first.empty() || !absl::SimpleAtoi(parts.second, &number)) {
      return Bad(run, "set", absl::StrCat("'", word, "' is not NAME=N"));
    }
    parameters.emplace_back(parts.first, number);
  }
  return parameters;
}

absl::StatusOr<std::vector<TunableSetting>> ParseTunables(const RunSpec& run) {
  std::vector<TunableSetting> tunables;
  for (const std::string& text : WordsOf(run.tune())) {
    const absl::string_view word = text;
    const size_t equals = word.rfind('=');
    int64_t number = 0;
    if (equals == absl::string_view::npos || !absl::SimpleAtoi(word.substr(equals + 1), &number)) {
      return Bad(run, "tune", absl::StrCat("'", word, "' is not KEY=N or CACHE:KEY=N"));
    }
    const absl::string_view left = word.substr(0, equals);
    const size_t colon = left.rfind(':');
    const absl::string_view key = colon == absl::string_view::npos ? left : left.substr(colon + 1);
    const absl::string_view cache =
        colon == absl::string_view::npos ? absl::string_view() : left.substr(0, colon);
    if (key.empty()) return Bad(run, "tune", absl::StrCat("'", word, "' names no tunable"));
    tunables.push_back({.cache = std::string(cache), .key = std::string(key), .value = number});
  }
  return tunables;
}

// Which allocator has them is for others to ask.
absl::Status CheckPolicyWords(const RunSpec& run) {
  for (const std::string& policy : WordsOf(run.policy())) {
    const absl::Status parsed = ParsePolicy(policy).status();
    if (!parsed.ok()) return Bad(run, "policy", std::string(parsed.message()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetRunSwitch(std::string_view name, std::string_view text, RunSpec* run) {
  if (absl::Status status = SetSwitch(name, text, run); !status.ok()) return status;
  if (name == "set") return ParseParameters(*run).status();
  if (name == "tune") return ParseTunables(*run).status();
  return name == "policy" ? CheckPolicyWords(*run) : absl::OkStatus();
}

bool IsClosed(const RunSpec& run) { return run.order() == "closed" || !run.workload().empty(); }

bool TasksMove(const RunSpec& run) {
  return run.balance().empty() ? !run.workload().empty() : run.balance() == "on";
}

bool StartsWarm(const RunSpec& run) { return run.start() == "warm"; }

CpuPlacement PlacementOf(const RunSpec& run) {
  if (run.place() == "spread") return CpuPlacement::kSpread;
  return run.place() == "pack" ? CpuPlacement::kPack : CpuPlacement::kRecorded;
}

std::vector<std::pair<std::string, int64_t>> ParametersOf(const RunSpec& run) {
  auto parameters = ParseParameters(run);
  CHECK(parameters.ok());
  return *std::move(parameters);
}

std::vector<TunableSetting> TunablesOf(const RunSpec& run) {
  absl::StatusOr<std::vector<TunableSetting>> tunables = ParseTunables(run);
  CHECK(tunables.ok());
  return *std::move(tunables);
}

AllocatorOptions ModelOptions(const RunSpec& run) {
  return {.seed = run.seed(),
          .merge_caches = run.merge_caches(),
          .statistics = run.statistics(),
          .boot = run.boot(),
          .possible_nodes = static_cast<int>(run.possible_nodes()),
          .spread_slab = run.spread_slab(),
          .quirks = WordsOf(run.quirks()),
          .percpu = run.percpu(),
          .percpu_quirks = WordsOf(run.percpu_quirks()),
          .policies = WordsOf(run.policy())};
}

AllocatorOptions BootOptions(const RunSpec& run) {
  AllocatorOptions boot = ModelOptions(run);
  for (const TunableSetting& tunable : TunablesOf(run)) {
    if (!IsBootParameter(run.allocator(), tunable.key)) continue;
    boot.boot_parameters.push_back({.name = tunable.key, .value = tunable.value});
  }
  return boot;
}

std::string MemoryPolicySentence(const RunSpec& run) {
  for (const BootParameter& parameter : BootOptions(run).boot_parameters) {
    if (parameter.name != "slab_strict_numa" || parameter.value == 0) continue;
    return "slab_strict_numa changes nothing here: tasks' memory policies are not in the "
           "recording, and none is taken to have one.";
  }
  return "";
}

ReplayOptions ReplayOptionsOf(const SimulationOptions& options,
                              std::shared_ptr<const RecordedTopology> recorded) {
  return {.placement = PlacementOf(options.run),
          .recorded = std::move(recorded),
          .object_touch_bytes_max = options.run.touch_bytes(),
          .events_max = options.run.events_max(),
          .footprint_samples = options.footprint_samples};
}

void SetPolicies(const std::vector<std::string>& policies, RunSpec* run) {
  *run->mutable_policy() = {policies.begin(), policies.end()};
}

void DropForeignPolicies(RunSpec* run) {
  std::vector<std::string> policies = WordsOf(run->policy());
  std::erase_if(policies, [&](const std::string& text) {
    const absl::StatusOr<PolicySetting> policy = ParsePolicy(text);
    return policy.ok() && !policy->allocator.empty() && policy->allocator != run->allocator();
  });
  SetPolicies(policies, run);
}

absl::Status CheckWarmStart(const RecordedSidecars& sidecars) {
  const absl::StatusOr<SlabSysfs>* const sysfs = sidecars.Sysfs(kWarmSidecar);
  if (sysfs != nullptr) return sysfs->status();
  return absl::InvalidArgumentError(
      "a warm start needs a trace with the sidecar sys-kernel-slab.before, which says what the "
      "allocator held; `slablab trace info` shows what it has");
}

bool StartsWarm(const RunSpec& run, const RecordedSidecars& sidecars) {
  if (!run.start().empty()) return StartsWarm(run);
  if (IsClosed(run) || IsPercpuAllocator(run.allocator())) return false;
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
  const RunSpec& run = options.run;
  const bool is_workload = !run.workload().empty();
  const bool closed = IsClosed(run);
  if (is_workload && run.order() == "recorded") {
    return wrong("a workload was not recorded: it has --order=closed only");
  }
  if (is_workload && run.events_max() > 0) {
    return wrong("--events-max is of a trace; a workload's own parameters say how much it does");
  }
  if (!is_workload && !run.set().empty()) {
    return wrong("--set is of a workload: a trace has no parameters");
  }
  if (IsPercpuAllocator(run.allocator())) {
    if (closed)
      return wrong("a percpu allocator runs in recorded order only, and has no workloads");
    if (!run.tune().empty()) return wrong("a percpu allocator has no tunables");
  }
  if (TasksMove(run) && !is_workload && (!closed || PlacementOf(run) == CpuPlacement::kRecorded)) {
    return wrong(
        "--balance=on moves a trace's tasks only with --order=closed and --place=spread or pack");
  }
  if (closed) {
    if (!StartsWarm(run)) return absl::OkStatus();
    return wrong(
        "--start=warm needs a trace in recorded order: what it restores is the recording's");
  }
  if (run.scale() != 1 || PlacementOf(run) == CpuPlacement::kPack) {
    return wrong("--scale and --place=pack need --order=closed: a recording has its order once");
  }
  if (!run.scenario().empty()) {
    return wrong("--scenario needs --order=closed: what is to happen changes who runs where");
  }
  return absl::OkStatus();
}

}  // namespace slablab
