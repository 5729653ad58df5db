// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_MACHINE_COMPILER_H_
#define SLABLAB_SIM_MACHINE_MACHINE_COMPILER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "sim/machine/machine.pb.h"
#include "sim/machine/machine_config.h"
#include "sim/machine/spec_text.h"
#include "sim/machine/topology.h"

// From a complete spec to the machine.

namespace slablab {

// `spec` has every field that MachineSpec calls optional except possible_cpus; no two entries of
// `remote` or `memory.node` are for the same distance or node. Its `topology` and `cpus` do not
// count: `topology` is what they came to. Validates everything: whatever comes out satisfies what
// sim/machine/machine_config.h says. Errors are InvalidArgument and stand where `origin` knows the
// field.
absl::StatusOr<MachineConfig> CompileMachine(const MachineSpec& spec, const Topology& topology,
                                             const SpecOrigin& origin);

// For each node, the possible CPUs whose boot-time memory it has to hold: its own, and those of the
// memoryless nodes that fall back to it first. REQUIRES: everything in `config` but what is
// reserved.
std::vector<int> PossibleCpusServed(const MachineConfig& config);

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_MACHINE_COMPILER_H_
