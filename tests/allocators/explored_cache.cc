// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/allocators/explored_cache.h"

#include "gtest/gtest.h"

namespace slablab {

PhysAddr ExploredCache::AllocNow(int cpu, NodeId node) {
  const PhysAddr object = m_.Alloc(cpu, cache_, node);
  Got(object);
  return object;
}

std::vector<PhysAddr> ExploredCache::AllocNow(int cpu, int count) {
  std::vector<PhysAddr> objects;
  for (int i = 0; i < count; ++i) objects.push_back(AllocNow(cpu));
  return objects;
}

void ExploredCache::FreeNow(int cpu, PhysAddr object) {
  Gone(object);
  m_.Free(cpu, cache_, object);
}

Piece ExploredCache::Alloc(int cpu, Priority priority, NodeId node) {
  const Gfp gfp = priority == Priority::kTask ? gfp_ : kGfpAtomic;
  return {CpuId(cpu), priority, [this, node, gfp](Cpu& on) -> Task<void> {
            const Placement placement = co_await allocator().Alloc(on, cache_, gfp, node);
            Got(placement.object);
          }};
}

Piece ExploredCache::Free(int cpu, PhysAddr object, Priority priority) {
  return {CpuId(cpu), priority, [this, object](Cpu& on) -> Task<void> {
            Gone(object);
            co_await allocator().Free(on, cache_, object);
          }};
}

Piece ExploredCache::Shrink(int cpu) {
  return {CpuId(cpu), Priority::kTask,
          [this](Cpu& on) -> Task<void> { co_await allocator().Shrink(on, cache_); }};
}

void ExploredCache::Audit() {
  allocator().CheckInvariants();
  EXPECT_EQ(allocator().FootprintOf(cache_).objects, live_.size());
}

void ExploredCache::TearDown() {
  while (!live_.empty()) FreeNow(0, *live_.begin());
  m_.Destroy(cache_);
}

void ExploredCache::Got(PhysAddr object) {
  ASSERT_FALSE(object.is_null());
  ++allocs_;
  EXPECT_TRUE(live_.insert(object).second) << "handed out twice";
}

void ExploredCache::Gone(PhysAddr object) {
  ++frees_;
  EXPECT_EQ(live_.erase(object), 1u);
}

void Exploration::AddCounters(const AllocatorMachine& machine, CacheId cache) {
  for (const Figure& figure : machine.allocator().Counters(cache)) {
    counters[figure.name] += figure.value;
  }
}

}  // namespace slablab
