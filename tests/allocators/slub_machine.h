// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_SLUB_MACHINE_H_
#define SLABLAB_TESTS_ALLOCATORS_SLUB_MACHINE_H_

#include <string>
#include <string_view>

#include "allocators/slub/cpu_slabs/cpu_slabs.h"
#include "allocators/slub/model.h"
#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {

// A booted machine with SLUB of an era of CPU slabs on it, plain.
class SlubMachine : public ModelMachine<SlubModel<CpuSlabs>> {
 public:
  explicit SlubMachine(const Options& options = {}, const SlubPolicy& policy = kSlub61)
      : ModelMachine(Plain(policy.name, options), policy) {}

  // Four objects to a slab, and lists short enough to draw: four slabs on a CPU's partial list,
  // `min_partial` on a node's.
  CacheId MakeCache(std::string_view name, uint64_t min_partial = 5) {
    const CacheId cache =
        Create({.name = std::string(name), .object_size = 8192, .no_merge = true}).value();
    EXPECT_TRUE(Tune(cache, "cpu_partial", 8).ok());
    EXPECT_TRUE(Tune(cache, "min_partial", static_cast<int64_t>(min_partial)).ok());
    return cache;
  }
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_SLUB_MACHINE_H_
