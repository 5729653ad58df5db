// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/common/kvfree_rcu.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "allocators/registry.h"
#include "base/names.h"
#include "gtest/gtest.h"
#include "sim/core/tick_rcu.h"
#include "tests/allocators/allocator_machine.h"
#include "tests/sim/script.h"

namespace slablab {
namespace {

constexpr uint32_t kBytes = 192;
constexpr Cycles kSecond = 1'000'000'000;  // AllocatorMachine's clock

// An allocator of the registry's with a cache, and kvfree_rcu() over it.
class World {
 public:
  World(const std::string& model, const KvfreeRcuPolicy& policy)
      : m(model, {.cpus = 4, .nodes = 2}), rcu(m.machine(), m.allocator(), policy) {
    cache = m.Create({.name = "x", .object_size = kBytes}).value();
    objects_at_start = m.allocator().FootprintOf(cache).objects;
  }
  // Frees on `cpu`.
  void Free(int cpu, PhysAddr object) {
    m.Run(cpu, [&](Cpu& on) -> Task<void> { co_await rcu.Free(on, object, kBytes); });
  }
  uint64_t Live() const { return m.allocator().FootprintOf(cache).objects; }
  // Lets the machine be for so long.
  void Wait(Cycles cycles) {
    Script script;
    script.At(m.machine().scheduler().now() + cycles, 0, [](Cpu& cpu) -> Task<void> {
      cpu.Execute(1);
      return {};
    });
    script.Run(m.machine().scheduler());
  }
  void Barrier(int cpu) {
    m.Run(cpu, [&](Cpu& on) -> Task<void> { co_await rcu.BarrierOnCache(on, cache); });
  }

  AllocatorMachine m;
  KvfreeRcu rcu;
  CacheId cache;
  uint64_t objects_at_start = 0;
};

class KvfreeRcuTest : public ::testing::TestWithParam<std::string> {};

TEST_P(KvfreeRcuTest, NothingIsFreeBeforeAGracePeriodAndAllIsBehindABarrier) {
  for (const KvfreeRcuPolicy& policy : {kKvfreeRcu61, kKvfreeRcu612, kKvfreeRcu73}) {
    World world(GetParam(), policy);
    std::set<uint64_t> waiting;
    for (int cpu = 0; cpu < 4; ++cpu) {
      for (const PhysAddr object : world.m.AllocMany(cpu, world.cache, 700)) {
        world.Free((cpu + (waiting.size() % 3 == 0 ? 1 : 0)) % 4, object);
        waiting.insert(object.value());
      }
      // What waits is not given to anyone, unless a grace period has gone by.
      if (world.m.machine().own_rcu().grace_periods() > 0) continue;
      for (const PhysAddr object : world.m.AllocMany(cpu, world.cache, 100)) {
        EXPECT_EQ(waiting.count(object.value()), 0u);
        world.m.Free(cpu, world.cache, object);
      }
    }
    world.Barrier(2);
    EXPECT_EQ(world.rcu.waiting_objects(), 0u);
    EXPECT_EQ(world.rcu.waiting_bytes(), 0u);
    EXPECT_EQ(world.m.machine().own_rcu().waiting_objects(), 0u);
    world.m.Shrink(0, world.cache);
    world.Barrier(0);
    EXPECT_EQ(world.Live(), world.objects_at_start);
    world.m.allocator().CheckInvariants();
  }
}

INSTANTIATE_TEST_SUITE_P(Models, KvfreeRcuTest, ::testing::ValuesIn(NamesOf(ListAllocators())),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

// Of SLAB, where no sheaf takes anything.
TEST(KvfreeRcuMonitorTest, OneObjectWaitsFiveSeconds) {
  for (const KvfreeRcuPolicy& policy : {kKvfreeRcu61, kKvfreeRcu73}) {
    World world("slab", policy);
    world.Free(1, world.m.Alloc(1, world.cache));
    EXPECT_EQ(world.rcu.waiting_objects(), 1u);
    EXPECT_EQ(world.rcu.waiting_bytes(), kBytes);
    world.Wait(kSecond * 49 / 10);
    EXPECT_EQ(world.rcu.waiting_objects(), 1u);
    world.Wait(kSecond * 2 / 10);
    EXPECT_EQ(world.rcu.waiting_objects(), 0u);
    EXPECT_EQ(world.Live(), world.objects_at_start);
  }
}

// The monitor comes with the next tick once there is a block's worth, and pages are kept for what
// comes then.
TEST(KvfreeRcuMonitorTest, ABlocksWorthWaitsForAGracePeriod) {
  for (const KvfreeRcuPolicy& policy : {kKvfreeRcu61, kKvfreeRcu612}) {
    World world("slab", policy);
    const std::vector<PhysAddr> objects =
        world.m.AllocMany(0, world.cache, static_cast<int>(policy.records));
    for (size_t i = 0; i + 1 < objects.size(); ++i) world.Free(0, objects[i]);
    world.Wait(kSecond);
    EXPECT_EQ(world.rcu.waiting_objects(), policy.records - 1);
    world.Free(0, objects.back());
    world.Wait(kSecond / 10);
    EXPECT_EQ(world.rcu.waiting_objects(), 0u);
  }
}

}  // namespace
}  // namespace slablab
