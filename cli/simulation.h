// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_SIMULATION_H_
#define SLABLAB_CLI_SIMULATION_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "allocators/registry.h"
#include "reports/result.pb.h"
#include "sim/machine_config.h"
#include "workloads/replay.h"

namespace slablab {

// One simulation, as a user names it.
struct SimulationOptions {
  std::string trace_path;
  std::string allocator = "slub";
  std::string machine;                          // as LoadMachine takes it
  std::optional<MachineConfig> machine_config;  // instead
  bool warm_start = false;
  uint64_t pressure_interval_us = 0;  // how often memory is short on every node; 0: only if it is
  AllocatorOptions allocator_options;
  ReplayOptions replay;
};

// What the caller sees and says while it runs.
struct SimulationHooks {
  std::function<void(uint64_t events, uint64_t total)> progress;
  std::function<bool()> stop;  // true: give up; the answer is Cancelled
};

// Boots the allocator on the machine, replays the trace and gathers the result. Errors in what the
// user named are InvalidArgument, NotFound or DataLoss; a violation that the auditor saw is
// Internal.
absl::StatusOr<RunResult> Simulate(const SimulationOptions& options, const SimulationHooks& hooks);

}  // namespace slablab

#endif  // SLABLAB_CLI_SIMULATION_H_
