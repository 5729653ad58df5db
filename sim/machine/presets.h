// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_PRESETS_H_
#define SLABLAB_SIM_MACHINE_PRESETS_H_

#include <span>
#include <string_view>

// The machine textprotos of sim/presets, compiled into the program.

namespace slablab {

struct Preset {
  std::string_view name;  // the file's name without .textproto
  std::string_view textproto;
};

// Sorted by name.
std::span<const Preset> Presets();

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_PRESETS_H_
