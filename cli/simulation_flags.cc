// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/simulation_flags.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "allocators/registry.h"
#include "cli/flags.h"
#include "runs/recorded/bundled_traces.h"
#include "runs/recorded/recorded_machine.h"

ABSL_FLAG(
    std::string, trace, "",
    "TRACE: the trace to replay, as `slablab import` makes it, or a bundled one by name; may stand "
    "without --trace= too.");
ABSL_FLAG(std::string, workload, "",
          "WORKLOAD: instead of a trace: the name of one that `slablab list workloads` has, or a "
          ".textproto.");
ABSL_FLAG(slablab::CommaList, set, {},
          "NAME=N,...: the workload's parameters; `slablab workload show` has them.");
ABSL_FLAG(std::string, scenario, "",
          "FILE: a .textproto of what happens meanwhile: hotplug, pressure, tuning, interrupts.");
ABSL_FLAG(std::string, order, "",
          "ORDER: recorded: each operation at its recorded time, or when its CPU is ready; closed: "
          "each task's operations one after another with what it does in between. A trace's "
          "default is recorded; a workload is closed.");
ABSL_FLAG(std::string, place, "recorded",
          "POLICY: recorded: on the CPU that stands for the recorded one, or as the workload says; "
          "spread: tasks one after another over all nodes; pack: on as few nodes as there are CPUs "
          "for.");
ABSL_FLAG(std::string, balance, "",
          "MOVES: on or off: whether tasks move to other CPUs as the kernel's fair scheduler moves "
          "them, when "
          "they wake and when a CPU falls idle. Default: on for workloads, off for traces.");
ABSL_FLAG(uint32_t, scale, 1, "N: so many copies of it at once, each with objects of its own.");
ABSL_FLAG(
    std::string, allocator, std::string(slablab::kSlubOfKernel),
    "NAME: the model; `slablab list allocators` has them. slub: that of the recorded kernel.");
ABSL_FLAG(
    std::string, machine, "",
    "MACHINE: a preset's name, a .textproto, an lstopo .xml, an hwloc synthetic string, host, "
    "or recorded: the one that the trace was recorded on, as far as it tells. A trace's "
    "default is recorded; a workload's is xeon-8380.");
ABSL_FLAG(std::string, start, "",
          "START: cold: the allocator has just booted; warm: it first holds what the recording's "
          "sidecars say it held. Default: warm where they say it all, counters of sheaves "
          "included, and the machine is like the recorded one; else cold.");
ABSL_FLAG(uint64_t, seed, 1,
          "N: of what the kernel takes from cycle counters and addresses, and of what a workload "
          "or scenario takes from chance.");
ABSL_FLAG(bool, merge_caches, false, "caches of the same layout are one, as with slab_merge.");
ABSL_FLAG(bool, statistics, true, "count (and pay for) SLUB_STATS.");
ABSL_FLAG(bool, call_sites, true,
          "say on whose behalf it was: callers, tasks, and lines that CPUs take from each other. "
          "Nothing else of a result depends on it.");
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
ABSL_FLAG(bool, spread_slab, false,
          "spread objects of reclaimable caches over the nodes, as cpuset.memory_spread_slab does "
          "in slubq and slubq-v4.");
ABSL_FLAG(slablab::CommaList, quirks, {}, "NAME,...: deviations of the model to switch on.");
ABSL_FLAG(std::string, percpu, "percpu",
          "NAME: the percpu allocator that the model's per-CPU structures come from.");
ABSL_FLAG(slablab::CommaList, percpu_quirks, {}, "NAME,...: deviations of that to switch on.");
ABSL_FLAG(
    slablab::CommaList, policy, {},
    "[ALLOCATOR:]NAME=VALUE,...: rules of the model to change, of one allocator or of all that "
    "run; `slablab list policies` has them.");
ABSL_FLAG(slablab::CommaList, tune, {},
          "[CACHE:]KEY=N,...: tunables to write before it begins, of a cache or of all that take "
          "them.");
ABSL_FLAG(uint32_t, touch_bytes, 512,
          "N: whoever allocates an object writes its requested bytes, at most so many.");
ABSL_FLAG(uint64_t, events_max, 0, "N: replay only the first so many events; 0 is all.");

namespace slablab {

absl::Status SetSimulationOptionFromFlag(const std::string& name, SimulationOptions& options) {
  return SetSimulationOption(name, absl::FindCommandLineFlag(name)->CurrentValue(), options);
}

absl::StatusOr<SimulationOptions> SimulationOptionsFromFlags(
    absl::string_view command, const std::vector<std::string>& arguments) {
  SimulationOptions options;
  for (const std::string_view name : kSimulationFlags) {
    const absl::Status status = SetSimulationOptionFromFlag(std::string(name), options);
    if (!status.ok()) return status;
  }
  if (arguments.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(command, " takes one trace: '", arguments[0],
                                                   "' and '", arguments[1], "' are two"));
  }
  if (!arguments.empty()) {
    if (!options.trace_path.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(command, " takes one trace: '", arguments[0],
                                                     "' and --trace=", options.trace_path,
                                                     " are two"));
    }
    options.trace_path = arguments[0];
  }
  if (options.trace_path.empty() == options.workload.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        command,
        options.trace_path.empty()
            ? absl::StrCat(" wants to know what to run: a trace, as in 'slablab ", command,
                           " mine.slt' ('slablab list traces' has bundled ones), or a workload, as "
                           "in 'slablab ",
                           command, " --workload=hackbench' ('slablab list workloads')")
            : " takes a trace or a workload, not both"));
  }
  if (options.machine.empty()) options.machine = DefaultMachine(!options.trace_path.empty());
  if (options.trace_path.empty()) return options;
  const absl::StatusOr<std::string> path = FindTrace(options.trace_path);
  if (!path.ok()) return path.status();
  options.trace_path = *path;
  return options;
}

}  // namespace slablab
