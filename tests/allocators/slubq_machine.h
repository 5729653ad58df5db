// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_SLUBQ_MACHINE_H_
#define SLABLAB_TESTS_ALLOCATORS_SLUBQ_MACHINE_H_

#include "allocators/slubq/slubq.h"
#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {

class SlubQV2 : public SlubQ {
 public:
  SlubQV2(Machine& machine, const AllocatorOptions& options)
      : SlubQ(machine, options, kQueuePolicyV2) {}
};
class SlubQV3 : public SlubQ {
 public:
  SlubQV3(Machine& machine, const AllocatorOptions& options)
      : SlubQ(machine, options, kQueuePolicyV3) {}
};
class SlubQV4 : public SlubQ {
 public:
  SlubQV4(Machine& machine, const AllocatorOptions& options)
      : SlubQ(machine, options, kQueuePolicyV4) {}
};

// Objects of a page, four to a slab of order 2; queues of `queue` objects, batch (queue+1)/2.
template <typename Model>
class QueueMachine : public ModelMachine<Model> {
 public:
  using ModelMachine<Model>::ModelMachine;
  CacheId MakeCache(int queue, uint32_t object_size = 8192) {
    const CacheId cache =
        this->Create({.name = "x", .object_size = object_size, .no_merge = true}).value();
    EXPECT_TRUE(this->Tune(cache, "cpu_queue_size", queue).ok());
    return cache;
  }
  uint64_t Expire(int cpu, NodeId node) {
    uint64_t bytes = 0;
    this->Run(cpu,
              [&](Cpu& on) -> Task<void> { bytes = co_await this->model().Reclaim(on, node); });
    return bytes;
  }
};

// Those that have shared and alien queues and expiry, and all.
using Versions = ::testing::Types<SlubQV3, SlubQV4>;
using AllVersions = ::testing::Types<SlubQV2, SlubQV3, SlubQV4>;

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_SLUBQ_MACHINE_H_
