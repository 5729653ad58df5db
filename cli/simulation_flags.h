// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_SIMULATION_FLAGS_H_
#define SLABLAB_CLI_SIMULATION_FLAGS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/simulation.h"

// From what a user writes to SimulationOptions, for every command that simulates.

namespace slablab {

// The names of the flags, for a Command.
inline constexpr std::string_view kSimulationFlags[] = {
    "trace",         "workload",   "set",         "scenario",       "order",       "place",
    "scale",         "allocator",  "machine",     "start",          "seed",        "merge_caches",
    "quirks",        "statistics", "boot",        "possible_nodes", "pressure_us", "percpu",
    "percpu_quirks", "tune",       "touch_bytes", "events_max",     "spread_slab", "balance"};

// What the flags say, with the trace that `arguments` may name instead of --trace. InvalidArgument
// names the flag and what is valid; `command` opens the message when neither a trace nor a workload
// is named.
absl::StatusOr<SimulationOptions> SimulationOptionsFromFlags(
    absl::string_view command, const std::vector<std::string>& arguments);

// Sets what the flag of that name sets, from the words a user would write behind it: "place",
// "pack". InvalidArgument names the option and what is valid. Repeated ones replace each other.
absl::Status SetSimulationOption(absl::string_view name, absl::string_view value,
                                 SimulationOptions& options);

// The same with what the flag of that name has.
absl::Status SetSimulationOptionFromFlag(const std::string& name, SimulationOptions& options);

}  // namespace slablab

#endif  // SLABLAB_CLI_SIMULATION_FLAGS_H_
