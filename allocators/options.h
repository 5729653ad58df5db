// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_OPTIONS_H_
#define SLABLAB_ALLOCATORS_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace slablab {

// Switches that the kernel has as boot parameters or build options.
struct AllocatorOptions {
  uint64_t seed = 1;          // of what the kernel takes from cycle counters or addresses
  bool merge_caches = false;  // slab_merge: caches of the same layout are one
  bool statistics = true;     // CONFIG_SLUB_STATS: counters exist and cost what they cost
  std::vector<std::string> quirks = {};  // named deviations of the model, all off by default
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_OPTIONS_H_
