// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_CAMPAIGNS_RANDOM_RUN_H_
#define SLABLAB_TESTS_CAMPAIGNS_RANDOM_RUN_H_

#include <cstddef>
#include <string>
#include <vector>

#include "base/random.h"

// Random runs: every allocator, machines, workloads and recordings, each with a random scenario,
// memory pressure, tunables, merging, scale and placement.

namespace slablab {

struct RandomRun {
  std::vector<std::string> arguments;  // of `slablab run`; the scenario's file is not among them
  std::vector<std::string> events;     // of the scenario, a line each; none: there is no scenario
};

// The first arguments are the allocator, the machine, the seed and what runs.
inline constexpr size_t kArgumentsKept = 4;

// `samples` is the folder of the bundled recordings.
RandomRun MakeRandomRun(Random& random, const std::string& samples);

// What there is to do the run again: the command as a comment, and the scenario.
std::string Reproducer(const RandomRun& run);

}  // namespace slablab

#endif  // SLABLAB_TESTS_CAMPAIGNS_RANDOM_RUN_H_
