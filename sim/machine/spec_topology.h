// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_SPEC_TOPOLOGY_H_
#define SLABLAB_SIM_MACHINE_SPEC_TOPOLOGY_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "sim/machine/machine.pb.h"
#include "sim/machine/spec_text.h"
#include "sim/machine/topology.h"

// Between a spec and a topology.

namespace slablab {

// The places that `spec.cpus` lists. Nodes are as many as the CPUs' or the rows of distance name.
absl::StatusOr<Topology> TopologyFromRuns(const MachineSpec& spec, const SpecOrigin& origin);

// What a topology knows besides the places, as a spec; `source` is what to call it in reports. The
// caches' ways, where it has only their sizes, are those of `under` or, where these do not divide
// the size, the next fewer that do.
MachineSpec FactsOf(const Topology& topology, std::string_view source, const MachineSpec& under);

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_SPEC_TOPOLOGY_H_
