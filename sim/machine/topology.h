// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_TOPOLOGY_H_
#define SLABLAB_SIM_MACHINE_TOPOLOGY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/machine/machine_config.h"

// What hwloc knows of a machine, in our terms. hwloc itself stays behind this header.
//
// How hwloc's tree is read:
//  - A CPU is a PU. They are ranked by OS index, which may have gaps (offline CPUs, threads that
//  are
//    switched off).
//  - A core is a Core; where the tree has none, the CPUs under one L1, else each CPU.
//  - A domain is the CPUs of one node under one L3. Where there is no L3 but an L2 that cores
//  share,
//    that L2 is the LLC and there is no L2. Where there is neither, it is a package's CPUs of one
//    node.
//  - A memory-side cache (Knights Landing's MCDRAM), which hwloc may call an L3, is none.
//  - A package is a Package; where the tree has none, a node.
//  - A CPU's node is the nearest NUMA node above it; of several at one place, the first. Nodes keep
//    their order and are numbered from 0.
//  - The simulator has an L2 per core and an LLC per domain: a cache shared by more is shared out
//    in equal parts.
//  - Whatever ways and size a cache has, it becomes the nearest one below of whole sets of 64-byte
//    lines.

namespace slablab {

struct CacheFacts {
  uint64_t size_bytes = 0;  // 0: there is none
  int ways = 0;             // 0: hwloc does not know
};

struct ClockFacts {
  int64_t mhz = 0;     // 0: not known
  std::string source;  // "cpufreq's highest", "CPU model's name"
};

struct Topology {
  std::vector<CpuPlace> cpus;  // by CpuId; domains, cores and packages are numbered arbitrarily
  int possible_cpus = 0;       // with those offline; 0: not known
  int node_count = 0;
  // What the operating system calls them, ascending; empty: 0, 1, 2 ...
  std::vector<int32_t> cpu_numbers;
  std::vector<int32_t> node_numbers;
  // What is not known is absent: a synthetic string knows only what it says, a VM often no caches.
  std::optional<CacheFacts> l1;
  std::optional<CacheFacts> l2;
  std::optional<CacheFacts> llc;
  std::vector<uint64_t> node_bytes;        // whole pages; empty: not known
  std::vector<std::vector<int>> distance;  // as the firmware's SLIT; empty: not known
  ClockFacts clock;
  // How its caches are not quite those of the tree: "LLC of 5242880 bytes taken as 5240832".
  std::vector<std::string> cache_notes;
};

// The errors are InvalidArgument. Those of synthetic strings and the host do not say where; the
// caller knows where such a word stands.
//
// hwloc(7), "Synthetic topologies".
absl::StatusOr<Topology> TopologyFromSynthetic(std::string_view description);
// `xml` is the text of a file that lstopo of hwloc 2 or 3 wrote. Errors begin with `path` and, if
// the XML itself is at fault, a line.
absl::StatusOr<Topology> TopologyFromXml(const std::string& xml, const std::string& path);
// The machine this program runs on.
absl::StatusOr<Topology> TopologyOfHost();

// What /proc/cpuinfo says of the clock: the nominal one in the model's name, else what the first
// CPU ran at just then, which on most virtual machines never changes.
ClockFacts ClockOfCpuinfo(std::string_view cpuinfo);

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_TOPOLOGY_H_
