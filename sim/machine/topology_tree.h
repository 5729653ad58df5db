// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_TOPOLOGY_TREE_H_
#define SLABLAB_SIM_MACHINE_TOPOLOGY_TREE_H_

#include "absl/status/statusor.h"
#include "sim/machine/topology.h"

struct hwloc_topology;

// From the tree that hwloc has loaded to our terms; sim/machine/topology.h says how it is read.

namespace slablab {

// Whether what a tree does not show is known to be absent.
enum class Silence { kMeansAbsent, kMeansUnknown };

absl::StatusOr<Topology> ReadTree(hwloc_topology* topology, Silence silence);

// What the tree says of the CPUs' clock: the highest frequency of any, else the base one, else the
// one in the model's name.
ClockFacts ReadClock(hwloc_topology* topology);

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_TOPOLOGY_TREE_H_
