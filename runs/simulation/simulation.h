// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_SIMULATION_H_
#define SLABLAB_RUNS_SIMULATION_SIMULATION_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "reports/result.pb.h"
#include "runs/simulation/simulation_options.h"
#include "sim/core/machine_observer.h"
#include "workloads/observed/slowest.h"
#include "workloads/observer.h"

namespace slablab {

// What the caller sees and says while it runs.
struct SimulationHooks {
  std::function<void(uint64_t events, uint64_t total)> progress;
  std::function<bool()> stop;  // true: give up; the answer is Cancelled
  // Sees every operation of a slab allocator; null: nobody does.
  OperationObserver* observer = nullptr;
  // Sees interrupts, lock waits and hotplug during the run; likewise.
  MachineObserver* machine_observer = nullptr;
  // Which operations the result keeps as its slowest.
  SlowestOperations::Options slowest = {};
};

// Boots the allocator on the machine, runs the trace or workload and gathers the result. Errors in
// what the user named are InvalidArgument, NotFound or DataLoss; a violation that the auditor saw
// is Internal.
absl::StatusOr<RunResult> Simulate(const SimulationOptions& options, const SimulationHooks& hooks);

// Simulate(), of a workload, and writes what it did as a trace to `path`.
absl::StatusOr<RunResult> WriteWorkloadTrace(const SimulationOptions& options,
                                             const SimulationHooks& hooks, const std::string& path);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_SIMULATION_H_
