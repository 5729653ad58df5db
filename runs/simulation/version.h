// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_VERSION_H_
#define SLABLAB_RUNS_SIMULATION_VERSION_H_

#include <string_view>

namespace slablab {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_VERSION_H_
