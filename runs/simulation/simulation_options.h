// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_SIMULATION_OPTIONS_H_
#define SLABLAB_RUNS_SIMULATION_SIMULATION_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "allocators/registry.h"
#include "sim/machine/machine.pb.h"
#include "sim/machine/machine_config.h"
#include "traces/sidecar/recorded_sidecars.h"
#include "traces/slt/trace.h"
#include "workloads/replay/recorded_order.h"
#include "workloads/tuning.h"

namespace slablab {

enum class RunOrder : uint8_t {
  kRecorded,  // each operation at its recorded time, or when its CPU is ready
  kClosed,    // each task's operations one after another, with what it does in between
};

// One simulation, as a user names it.
struct SimulationOptions {
  // What runs, one of them: a trace's file, or a workload's name or .textproto.
  std::string trace_path;
  std::string workload;
  std::optional<std::string> workload_textproto;  // instead of what is found by that name
  // By name, instead of the workload's own values.
  std::vector<std::pair<std::string, int64_t>> workload_parameters;
  // What happens to the machine meanwhile: a .textproto; empty: nothing.
  std::string scenario_path;
  std::optional<std::string> scenario_textproto;  // instead of what is in that file
  // Of a trace; a workload is always closed, and to state otherwise is an error.
  RunOrder order = RunOrder::kRecorded;
  bool order_stated = false;
  // Whether tasks move between CPUs in closed order; unstated: those of workloads do.
  std::optional<bool> balance;
  bool balances() const { return balance.value_or(!workload.empty()); }
  uint32_t scale = 1;  // copies at once, 1..kScaleMax; more than one needs closed order
  std::vector<TunableSetting> tunables;  // written once the trace's or workload's caches are there
  std::string allocator{kSlubOfKernel};
  // That was asked for and has become the model in `allocator` (runs/simulation/model_choice.h).
  bool allocator_of_kernel = false;
  std::string machine;                          // as LoadMachine takes it
  std::optional<MachineConfig> machine_config;  // instead
  SourcesSpec machine_sources;                  // of that, for reports
  // Unstated: as StartsWarm says.
  std::optional<bool> warm_start;
  uint64_t pressure_interval_us = 0;  // how often memory is short on every node; 0: only if it is
  // Whether the result says on whose behalf operations were (RunResult.attribution). Nothing else
  // of it differs.
  bool call_sites = true;
  AllocatorOptions allocator_options;
  ReplayOptions replay;
};

// Options that do not go together, each of them valid: InvalidArgument says which. Simulate() and
// WriteWorkloadTrace() check it themselves (runs/simulation/simulation.h).
absl::Status CheckSimulationOptions(const SimulationOptions& options);

// The model's options with those of the run's tunables that are boot parameters of it.
AllocatorOptions BootOptions(const SimulationOptions& options);

// Whether the trace says what the allocator held before it: InvalidArgument if not.
absl::Status CheckWarmStart(const RecordedSidecars& sidecars);

// Whether a run of the trace starts warm: as stated, else where it can be in full. That is in
// recorded order, if the recorded kernel had sheaves and counted what they hold.
bool StartsWarm(const SimulationOptions& options, const RecordedSidecars& sidecars);

// The sidecar that a warm start reads.
inline constexpr std::string_view kWarmSidecar = "sys-kernel-slab.before";

// The names of all that a user can say of a run: fields of RunSpec, and flags.
inline constexpr std::string_view kSimulationFlags[] = {
    "trace",          "workload",     "set",         "scenario",      "order",
    "place",          "scale",        "allocator",   "machine",       "start",
    "seed",           "merge_caches", "quirks",      "statistics",    "boot",
    "possible_nodes", "pressure_us",  "percpu",      "percpu_quirks", "tune",
    "touch_bytes",    "events_max",   "spread_slab", "balance",       "policy",
    "call_sites"};

// Drops the policies that name another allocator than the options': they are for its runs, where a
// command has several.
void DropForeignPolicies(SimulationOptions& options);

// Sets what the option of that name sets, from the words a user would write behind it: "place",
// "pack". InvalidArgument names the option and what is valid. Repeated ones replace each other.
absl::Status SetSimulationOption(absl::string_view name, absl::string_view value,
                                 SimulationOptions& options);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_SIMULATION_OPTIONS_H_
