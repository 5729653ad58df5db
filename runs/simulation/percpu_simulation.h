// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_PERCPU_SIMULATION_H_
#define SLABLAB_RUNS_SIMULATION_PERCPU_SIMULATION_H_

#include "absl/status/statusor.h"
#include "reports/result.pb.h"
#include "runs/recorded/recorded_machine.h"
#include "runs/simulation/simulation.h"
#include "sim/machine/machine_config.h"
#include "traces/slt/trace.h"

namespace slablab {

// Replays the percpu events of the trace through the percpu allocator that `options` name. Fills
// everything of the result but its configuration, the trace's digest and assumptions. Errors as
// Simulate's.
absl::StatusOr<RunResult> SimulatePercpu(const SimulationOptions& options,
                                         const RecordedSetting& setting,
                                         const MachineConfig& config, TraceReader& reader,
                                         const SimulationHooks& hooks);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_PERCPU_SIMULATION_H_
