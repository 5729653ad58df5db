// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_SIMULATION_OPTIONS_H_
#define SLABLAB_RUNS_SIMULATION_SIMULATION_OPTIONS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "allocators/options.h"
#include "runs/run_spec.pb.h"
#include "runs/switches.h"
#include "sim/machine/machine.pb.h"
#include "sim/machine/machine_config.h"
#include "traces/sidecar/recorded_sidecars.h"
#include "traces/slt/trace.h"
#include "workloads/replay/recorded_order.h"
#include "workloads/tuning.h"

namespace slablab {

// One simulation: the run, and what stands in for files that it names.
struct SimulationOptions {
  // With its defaults. A trace is a file's path, an allocator may have become a model.
  RunSpec run = WithDefaults(RunSpec());
  std::optional<std::string> workload_textproto;  // instead of what is found by that name
  std::optional<std::string> scenario_textproto;  // instead of what is in that file
  // "slub" was asked for and has become the model in `run` (runs/simulation/model_choice.h).
  bool allocator_of_kernel = false;
  std::optional<MachineConfig> machine_config;  // instead of the machine of that name
  SourcesSpec machine_sources;                  // of that, for reports
  int footprint_samples = ReplayOptions().footprint_samples;
};

// SetSwitch(), and the words of a list are held to their form: NAME=N of the workload's parameters,
// [CACHE:]KEY=N of tunables, [ALLOCATOR:]NAME=VALUE of policies.
absl::Status SetRunSwitch(std::string_view name, std::string_view text, RunSpec* run);

// What a run's switches are to what asks them. The run's words are in form by now.
bool IsClosed(const RunSpec& run);    // in closed order, as every workload is
bool TasksMove(const RunSpec& run);   // between CPUs, in closed order
bool StartsWarm(const RunSpec& run);  // as is stated
CpuPlacement PlacementOf(const RunSpec& run);
std::vector<std::pair<std::string, int64_t>> ParametersOf(const RunSpec& run);
std::vector<TunableSetting> TunablesOf(const RunSpec& run);
AllocatorOptions ModelOptions(const RunSpec& run);
// The same with those of the run's tunables that are boot parameters of the model.
AllocatorOptions BootOptions(const RunSpec& run);
// What a replay says of slab_strict_numa, if that is set; else empty.
std::string MemoryPolicySentence(const RunSpec& run);
ReplayOptions ReplayOptionsOf(const SimulationOptions& options,
                              std::shared_ptr<const RecordedTopology> recorded);

// Options that do not go together, each of them valid: InvalidArgument says which. Simulate() and
// WriteWorkloadTrace() check it themselves (runs/simulation/simulation.h).
absl::Status CheckSimulationOptions(const SimulationOptions& options);

// Whether the trace says what the allocator held before it: InvalidArgument if not.
absl::Status CheckWarmStart(const RecordedSidecars& sidecars);

// Whether a run of the trace starts warm: as stated, else where it can be in full. That is in
// recorded order, if the recorded kernel had sheaves and counted what they hold.
bool StartsWarm(const RunSpec& run, const RecordedSidecars& sidecars);

// The sidecar that a warm start reads.
inline constexpr std::string_view kWarmSidecar = "sys-kernel-slab.before";

// Puts `policies` in the place of the run's.
void SetPolicies(const std::vector<std::string>& policies, RunSpec* run);

// Drops the policies that name another allocator than the run's: they are for its runs, where a
// command has several.
void DropForeignPolicies(RunSpec* run);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_SIMULATION_OPTIONS_H_
