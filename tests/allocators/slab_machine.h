// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_SLAB_MACHINE_H_
#define SLABLAB_TESTS_ALLOCATORS_SLAB_MACHINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "allocators/slab/slab.h"
#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {

// A booted machine with SLAB on it, plain.
class SlabMachine : public ModelMachine<SlabAllocator> {
 public:
  explicit SlabMachine(const Options& options = {}, const SlabPolicy& policy = kSlabPolicy61)
      : ModelMachine(Plain("slab", options), policy) {}

  // Four objects to a slab, and arrays short enough to draw: four objects a CPU, moved two at a
  // time, and four shared by a node.
  CacheId MakeCache(std::string_view name) {
    const CacheId cache =
        Create({.name = std::string(name), .object_size = 1024, .no_merge = true}).value();
    EXPECT_TRUE(Tune(cache, {4, 2, 2}).ok());
    return cache;
  }
  // Writes limit, batchcount and shared, as one line of /proc/slabinfo.
  absl::Status Tune(CacheId cache, const std::vector<int64_t>& triple) {
    return TuneTogether(cache,
                        {{"limit", triple[0]}, {"batchcount", triple[1]}, {"shared", triple[2]}});
  }
  // An object's place in its slab: bytes from the slab's start.
  uint64_t OffsetOf(PhysAddr object) const { return object - model().Locate(object).slab; }
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_SLAB_MACHINE_H_
