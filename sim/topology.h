// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_TOPOLOGY_H_
#define SLABLAB_SIM_TOPOLOGY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/machine_config.h"

// What hwloc knows of a machine, in our terms. hwloc itself stays behind this header.
//
// How hwloc's tree is read:
//  - A CPU is a PU; its number is the PU's OS index. They must be 0 .. n-1.
//  - A core is a Core; where the tree has none, the CPUs under one L1, else each CPU.
//  - A domain is the CPUs of one node under one L3. Where there is no L3 but an L2 that cores
//  share,
//    that L2 is the LLC and there is no L2. Where there is neither, it is a package's CPUs of one
//    node.
//  - A package is a Package; where the tree has none, a node.
//  - A CPU's node is the nearest NUMA node above it; of several at one place, the first. Nodes keep
//    their order and are numbered from 0.
//  - The simulator has an L2 per core and an LLC per domain: a cache shared by more is shared out
//    in equal parts.

namespace slablab {

struct CacheFacts {
  uint64_t size_bytes = 0;  // 0: there is none
  int ways = 0;             // 0: hwloc does not know
};

struct Topology {
  std::vector<CpuPlace> cpus;  // by CpuId; domains, cores and packages are numbered arbitrarily
  int node_count = 0;
  // What is not known is absent: a synthetic string knows only what it says, a VM often no caches.
  std::optional<CacheFacts> l1;
  std::optional<CacheFacts> l2;
  std::optional<CacheFacts> llc;
  std::vector<uint64_t> node_bytes;        // whole pages; empty: not known
  std::vector<std::vector<int>> distance;  // as the firmware's SLIT; empty: not known
};

// The errors are InvalidArgument and do not name the file; the caller knows where it stands.
//
// hwloc(7), "Synthetic topologies".
absl::StatusOr<Topology> TopologyFromSynthetic(std::string_view description);
// `xml` is the text of a file that lstopo wrote.
absl::StatusOr<Topology> TopologyFromXml(const std::string& xml);
// The machine this program runs on.
absl::StatusOr<Topology> TopologyOfHost();

}  // namespace slablab

#endif  // SLABLAB_SIM_TOPOLOGY_H_
