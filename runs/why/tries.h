// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_WHY_TRIES_H_
#define SLABLAB_RUNS_WHY_TRIES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runs/simulation/simulation_options.h"

// What might make a recorded kernel's allocator cheaper.

namespace slablab {

// How one comes to have a change.
inline constexpr std::string_view kBySysfs = "sysfs";    // written while the kernel runs
inline constexpr std::string_view kByBoot = "boot";      // a boot parameter
inline constexpr std::string_view kByBuild = "build";    // its source is another
inline constexpr std::string_view kByKernel = "kernel";  // another kernel's allocator
inline constexpr std::string_view kByRun = "run";        // another machine, or way to replay

struct WhyTry {
  std::string how;
  std::string setting;  // "cpu_partial=30"; of a kernel, the model
  std::string meaning;
  SimulationOptions options;
};

// The run of `base` with one thing otherwise, each once: the tunables, boot parameters and
// capacities of a table that its model has, every other model of its family without patches, and
// what `further` says as `compare --vary` takes it. What cannot be is left out, of `further`
// InvalidArgument. REQUIRES: base.run.allocator() is a model.
absl::StatusOr<std::vector<WhyTry>> WhyTries(const SimulationOptions& base,
                                             const std::string& further);

// The run of `base` with the settings of all of `tries`, none of which is another kernel or run.
WhyTry Together(const SimulationOptions& base, const std::vector<const WhyTry*>& tries);

}  // namespace slablab

#endif  // SLABLAB_RUNS_WHY_TRIES_H_
