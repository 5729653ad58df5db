// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_SYNTHETIC_WORKLOAD_PRESETS_H_
#define SLABLAB_WORKLOADS_SYNTHETIC_WORKLOAD_PRESETS_H_

#include <span>
#include <string_view>

// The workload textprotos of workloads/presets, compiled into the program.

namespace slablab {

struct WorkloadPreset {
  std::string_view name;  // the file's name without .textproto
  std::string_view textproto;
};

// Sorted by name.
std::span<const WorkloadPreset> WorkloadPresets();

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_SYNTHETIC_WORKLOAD_PRESETS_H_
