// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_RUN_CONFIG_H_
#define SLABLAB_RUNS_SIMULATION_RUN_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "allocators/allocator.h"
#include "reports/result.pb.h"
#include "runs/simulation/simulation_options.h"
#include "sim/machine.h"
#include "sim/machine/machine_loader.h"
#include "workloads/recorded_places.h"

// What runs in recorded and in closed order have in common, before they begin.

namespace slablab {

// Fills in what the options say; of a workload and a scenario only the names. `workload`: its own,
// whatever its file's; empty: there is none.
void FillConfig(const SimulationOptions& options, const MachineConfig& machine,
                const std::string& workload, RunConfig& config);
// The head's part of the result: the machine and how recorded CPUs were placed on it.
void FillMachine(const SourcedMachine& machine, MachineReport& report);
// `allocations_folded`: that asked for a recorded node which another stands for.
void FillPlaces(const RecordedPlaces& places, uint64_t allocations_folded, PlacesReport& report);

// The digest is as it was before results held the RunSpec: what its switches do not change by being
// there is no other configuration.
uint64_t DigestOfConfig(const RunConfig& config);

// On CPU 0; the first that is refused is the answer.
absl::Status WriteTunables(const std::vector<TunableSetting>& tunables, Machine& machine,
                           Allocator& allocator);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_RUN_CONFIG_H_
