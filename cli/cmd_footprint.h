// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_FOOTPRINT_H_
#define SLABLAB_CLI_CMD_FOOTPRINT_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace slablab {

inline constexpr Format kFootprintFormats[] = {Format::kText, Format::kJson};
inline constexpr std::string_view kFootprintFlags[] = {"possible_cpus", "caches",  "entries",
                                                       "pointer_bytes", "measure", "format"};

// `slablab footprint`: what the arrays of SLAB's CPUs cost, for any number of CPUs, caches and
// entries.
int RunFootprint(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_FOOTPRINT_H_
