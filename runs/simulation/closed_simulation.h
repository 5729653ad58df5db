// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_CLOSED_SIMULATION_H_
#define SLABLAB_RUNS_SIMULATION_CLOSED_SIMULATION_H_

#include "absl/status/statusor.h"
#include "reports/result.pb.h"
#include "runs/recorded/recorded_machine.h"
#include "runs/simulation/simulation.h"
#include "sim/machine/machine_loader.h"

namespace slablab {

// Simulate(), of a trace in closed order or of a workload. REQUIRES: the options were checked.
// `setting`: of the trace, if there is one.
absl::StatusOr<RunResult> SimulateClosed(const SimulationOptions& options,
                                         const SourcedMachine& machine,
                                         const RecordedSetting& setting,
                                         const SimulationHooks& hooks);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_CLOSED_SIMULATION_H_
