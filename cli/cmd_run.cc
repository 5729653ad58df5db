// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/cmd_run.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/printable.h"
#include "cli/progress.h"
#include "cli/result_output.h"
#include "cli/simulation.h"

ABSL_FLAG(std::string, trace, "", "FILE: the trace to replay, as `slablab import` makes it.");
ABSL_FLAG(std::string, allocator, "slub", "NAME: the model; `slablab list allocators` has them.");
ABSL_FLAG(std::string, machine, "xeon-8380",
          "MACHINE: a preset's name, a .textproto, an lstopo .xml, an hwloc synthetic string, or "
          "host.");
ABSL_FLAG(std::string, order, "recorded",
          "ORDER: recorded: each operation at its recorded time, or when its CPU is ready.");
ABSL_FLAG(std::string, place, "recorded",
          "POLICY: recorded: on the recorded CPU (modulo the machine's); spread: tasks one after "
          "another on the machine's CPUs.");
ABSL_FLAG(std::string, start, "cold",
          "START: cold: the allocator has just booted; warm: it first holds what the recording's "
          "sidecars say it held.");
ABSL_FLAG(uint64_t, seed, 1, "N: of what the kernel takes from cycle counters and addresses.");
ABSL_FLAG(bool, merge_caches, false, "caches of the same layout are one, as with slab_merge.");
ABSL_FLAG(bool, statistics, true, "count (and pay for) SLUB_STATS.");
ABSL_FLAG(std::string, boot, "",
          "BOOT: how the allocator boots, where it has several ways: slub-2010: dynamic, static.");
ABSL_FLAG(
    int32_t, possible_nodes, 0,
    "N: nodes that there could be, where more than the machine has: sizes what a kernel of 2010 "
    "dimensions by them.");
ABSL_FLAG(
    uint64_t, pressure_us, 0,
    "N: every N microseconds memory is short on every node, and the allocator is asked for some "
    "back, as by kswapd; 0: only when pages run out.");
ABSL_FLAG(std::string, quirks, "", "NAME,...: deviations of the model to switch on.");
ABSL_FLAG(std::string, percpu, "percpu",
          "NAME: the percpu allocator that the model's per-CPU structures come from.");
ABSL_FLAG(std::string, percpu_quirks, "", "NAME,...: deviations of that to switch on.");
ABSL_FLAG(uint32_t, touch_bytes, 512,
          "N: whoever allocates an object writes its requested bytes, at most so many.");
ABSL_FLAG(uint64_t, events_max, 0, "N: replay only the first so many events; 0 is all.");

namespace slablab {

namespace {

// An hour.
constexpr uint64_t kPressureMax = 3'600'000'000;

absl::StatusOr<SimulationOptions> OptionsFromFlags() {
  SimulationOptions options;
  options.trace_path = absl::GetFlag(FLAGS_trace);
  if (options.trace_path.empty()) {
    return absl::InvalidArgumentError("run needs a trace: --trace=FILE");
  }
  options.allocator = absl::GetFlag(FLAGS_allocator);
  options.machine = absl::GetFlag(FLAGS_machine);
  if (const std::string order = absl::GetFlag(FLAGS_order); order != "recorded") {
    return absl::InvalidArgumentError(absl::StrCat("--order=", order, ": valid are: recorded"));
  }
  const std::string place = absl::GetFlag(FLAGS_place);
  if (place == "spread") {
    options.replay.placement = CpuPlacement::kSpread;
  } else if (place != "recorded") {
    return absl::InvalidArgumentError(
        absl::StrCat("--place=", place, ": valid are: recorded, spread"));
  }
  const std::string start = absl::GetFlag(FLAGS_start);
  if (start != "cold" && start != "warm") {
    return absl::InvalidArgumentError(absl::StrCat("--start=", start, ": valid are: cold, warm"));
  }
  options.warm_start = start == "warm";
  options.pressure_interval_us = absl::GetFlag(FLAGS_pressure_us);
  if (options.pressure_interval_us > kPressureMax) {
    return absl::InvalidArgumentError(absl::StrCat("--pressure_us=", options.pressure_interval_us,
                                                   " is more than ", kPressureMax));
  }
  options.allocator_options.seed = absl::GetFlag(FLAGS_seed);
  options.allocator_options.merge_caches = absl::GetFlag(FLAGS_merge_caches);
  options.allocator_options.statistics = absl::GetFlag(FLAGS_statistics);
  options.allocator_options.boot = absl::GetFlag(FLAGS_boot);
  options.allocator_options.possible_nodes = absl::GetFlag(FLAGS_possible_nodes);
  if (options.allocator_options.possible_nodes < 0 ||
      options.allocator_options.possible_nodes > kPossibleNodesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--possible_nodes=", options.allocator_options.possible_nodes,
                     " is not in 0..", kPossibleNodesMax));
  }
  options.allocator_options.quirks =
      absl::StrSplit(absl::GetFlag(FLAGS_quirks), ',', absl::SkipEmpty());
  options.allocator_options.percpu = absl::GetFlag(FLAGS_percpu);
  options.allocator_options.percpu_quirks =
      absl::StrSplit(absl::GetFlag(FLAGS_percpu_quirks), ',', absl::SkipEmpty());
  options.replay.object_touch_bytes_max = absl::GetFlag(FLAGS_touch_bytes);
  options.replay.events_max = absl::GetFlag(FLAGS_events_max);
  return options;
}

absl::StatusOr<RunResult> SimulateWithProgress(const SimulationOptions& options) {
  std::unique_ptr<Progress> progress;
  const InterruptScope interrupts;
  const SimulationHooks hooks = {.progress =
                                     [&](uint64_t events, uint64_t total) {
                                       if (progress == nullptr) {
                                         progress = std::make_unique<Progress>(Progress::Options{
                                             .what = "replay", .unit = "events", .total = total});
                                       }
                                       progress->Update(events);
                                     },
                                 .stop = InterruptRequested};
  absl::StatusOr<RunResult> result = Simulate(options, hooks);
  if (result.ok()) MakePrintable(&*result);
  return result;
}

int SimulateAndWrite(const SimulationOptions& options) {
  if (absl::Status status = CheckResultFlags(); !status.ok()) return Fail(status);
  const absl::StatusOr<RunResult> result = SimulateWithProgress(options);
  if (absl::IsCancelled(result.status())) return kExitInterrupted;
  if (!result.ok()) return Fail(result.status());
  if (absl::Status status = WriteResult(*result); !status.ok()) return Fail(status);
  return kExitOk;
}

}  // namespace

int RunRun(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat("run takes flags only, not '", arguments[0], "'; the trace is --trace=FILE")));
  }
  const absl::StatusOr<SimulationOptions> options = OptionsFromFlags();
  if (!options.ok()) return Fail(options.status());
  return SimulateAndWrite(*options);
}

int RunDemo(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) return Fail(absl::InvalidArgumentError("demo takes no arguments"));
  // The launcher names the folder it stands in; without it, the folder called from.
  const char* root = std::getenv("SLABLAB_ROOT");
  SimulationOptions options;
  options.trace_path = (std::filesystem::path(root == nullptr ? "." : root) /
                        "traces/samples/linux-6.1-slub-c4n2-hackbench.slt")
                           .string();
  options.machine = "xeon-8380";
  return SimulateAndWrite(options);
}

}  // namespace slablab
