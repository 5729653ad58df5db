// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_OPTIONS_H_
#define SLABLAB_ALLOCATORS_OPTIONS_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slablab {

// CONFIG_NODES_SHIFT 10: the most nodes that x86-64 allows.
inline constexpr int kPossibleNodesMax = 1024;

// A boot parameter by its name: TunableInfo::at_boot.
struct BootParameter {
  std::string name;
  int64_t value = 0;
};

// Switches that the kernel has as boot parameters or build options.
struct AllocatorOptions {
  uint64_t seed = 1;          // of what the kernel takes from cycle counters or addresses
  bool merge_caches = false;  // slab_merge: caches of the same layout are one
  bool statistics = true;     // CONFIG_SLUB_STATS: counters exist and cost what they cost
  std::string boot = {};      // of the model's boots(); empty: its first
  // nr_node_ids, up to kPossibleNodesMax, where it is more than the machine has nodes: what is
  // dimensioned by it is larger.
  int possible_nodes = 0;
  // cpuset.memory_spread_slab of all tasks: objects of caches that are mem_spread come from all
  // nodes in turn, in models that know of it.
  bool spread_slab = false;
  // In the order of the command line: one may change another.
  std::vector<BootParameter> boot_parameters = {};
  std::vector<std::string> quirks = {};  // named deviations of the model, all off by default
  // Where the model's per-CPU structures come from: allocators/percpu/registry.h.
  std::string percpu = "percpu";
  std::vector<std::string> percpu_quirks = {};
  // Switches of the model's policy: "NAME=VALUE", or "ALLOCATOR:NAME=VALUE" of this model. A later
  // one of the same name counts.
  std::vector<std::string> policies = {};
};

inline bool HasQuirk(const AllocatorOptions& options, std::string_view quirk) {
  return std::find(options.quirks.begin(), options.quirks.end(), quirk) != options.quirks.end();
}

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_OPTIONS_H_
