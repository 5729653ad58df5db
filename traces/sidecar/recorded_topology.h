// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SIDECAR_RECORDED_TOPOLOGY_H_
#define SLABLAB_TRACES_SIDECAR_RECORDED_TOPOLOGY_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "traces/slt/trace.h"

namespace slablab {

// Which CPUs and nodes a recording is of. Their numbers are names, which may have gaps: CPUs 0, 8
// and 16 of a POWER9, nodes 0 and 8. What counts is their rank.
struct RecordedTopology {
  std::vector<int32_t> cpus;   // ascending
  std::vector<int32_t> nodes;  // ascending; empty: it names none
  // By rank of the CPU, its node's rank; empty: not known.
  std::vector<int32_t> node_of_cpu;
  // All there were, as a sidecar has them; else those that occur in the events.
  bool complete = false;

  // -1: there is none of that number.
  int32_t CpuRank(int32_t cpu) const;
  int32_t NodeRank(int32_t node) const;
};

// As the sidecar "nodes" has it, with what CPUs else occur; else the CPUs of the header, if it
// knows their nodes; else the CPUs that occur, and node 0 and the nodes that events ask for.
// `asked_nodes`: these, in any order (traces/sidecar/survey.h).
RecordedTopology TopologyOf(const TraceHeader& header, const std::vector<TraceBlock>& blocks,
                            absl::Span<const int32_t> asked_nodes);

}  // namespace slablab

#endif  // SLABLAB_TRACES_SIDECAR_RECORDED_TOPOLOGY_H_
