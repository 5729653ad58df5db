// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/common/kvfree_rcu.h"

#include <set>
#include <string>
#include <vector>

#include "allocators/registry.h"
#include "gtest/gtest.h"
#include "sim/core/tick_rcu.h"
#include "sim/pages/buddy_allocator.h"
#include "tests/allocators/allocator_machine.h"
#include "tests/sim/pages/faulty_page_allocator.h"
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

// --- While the page allocator fails. ---

// Frees objects of several sizes and nodes from every CPU, whole pages among them, with barriers in
// between. Answers how often pages were asked for.
uint64_t FreeAllSorts(const std::string& model, const FaultyPageAllocator::Faults& faults) {
  World world(model, KvfreeRcuPolicyOf(KernelOf(model).value()));
  AllocatorMachine& m = world.m;
  const auto users = [&m] { return m.allocator().TotalFootprint().user_objects(); };
  const uint64_t users_before = users();
  std::vector<PhysAddr> objects;
  for (int i = 0; i < 120; ++i) {
    objects.push_back(m.Alloc(i % 4, world.cache));
    if (i % 3 == 0) objects.push_back(m.Kmalloc(i % 4, i % 30 == 0 ? 20'000 : 100).object);
  }
  FaultyPageAllocator pages(m.machine().pages(), faults);
  m.machine().set_pages(&pages);
  for (size_t i = 0; i < objects.size(); ++i) {
    world.Free(static_cast<int>(i * 7 % 4), objects[i]);
    if (i % 60 == 59) world.Barrier(static_cast<int>(i % 3));
    if (i % 20 == 0) m.allocator().CheckInvariants();
  }
  m.Run(1, [&](Cpu& cpu) { return world.rcu.Barrier(cpu); });
  EXPECT_EQ(world.rcu.waiting(), RcuWaiting());
  EXPECT_TRUE(world.rcu.WaitingObjects().empty());
  EXPECT_EQ(m.allocator().TotalFootprint().rcu_objects, 0u);
  EXPECT_EQ(users(), users_before);
  m.allocator().CheckInvariants();
  m.machine().set_pages(&m.machine().buddy());
  return pages.calls();
}

TEST_P(KvfreeRcuTest, NothingIsLostWhateverPageThereIsNone) {
  const uint64_t calls = FreeAllSorts(GetParam(), {});
  for (uint64_t call = 1; call <= calls; ++call) {
    SCOPED_TRACE(call);
    FreeAllSorts(GetParam(), {.fail_call = call});
    FreeAllSorts(GetParam(), {.fail_from_call = call});
  }
}

TEST_P(KvfreeRcuTest, WhatWaitsIsKnownObjectByObject) {
  World world(GetParam(), KvfreeRcuPolicyOf(KernelOf(GetParam()).value()));
  std::set<uint64_t> waiting;
  for (const PhysAddr object : world.m.AllocMany(1, world.cache, 90)) {
    world.Free(1, object);
    waiting.insert(object.value());
  }
  uint64_t in_sheaves = world.m.allocator().TotalFootprint().rcu_objects;
  EXPECT_EQ(world.rcu.waiting_objects() + in_sheaves, waiting.size());
  EXPECT_EQ(world.rcu.waiting().object_bytes, world.rcu.waiting_objects() * kBytes);
  for (const PhysAddr object : world.rcu.WaitingObjects()) {
    EXPECT_EQ(waiting.erase(object.value()), 1u);
  }
  EXPECT_EQ(waiting.size(), in_sheaves);
}

INSTANTIATE_TEST_SUITE_P(Models, KvfreeRcuTest, ::testing::ValuesIn(TestedModels()),
                         [](const auto& info) { return TestName(info.param); });

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

// To 5.5 there are no batches: a grace period, and what is done for an object is done.
TEST(KvfreeRcuMonitorTest, WithoutBatchesAnObjectWaitsForItsOwnGracePeriod) {
  World world("slub-2010", kKfreeByCallRcu);
  for (const PhysAddr object : world.m.AllocMany(1, world.cache, 30)) world.Free(1, object);
  EXPECT_EQ(world.m.machine().own_rcu().callbacks(), 30u);
  EXPECT_EQ(world.rcu.waiting_objects(), 30u);
  world.Wait(kSecond / 10);
  EXPECT_EQ(world.rcu.waiting_objects(), 0u);
  EXPECT_EQ(world.Live(), world.objects_at_start);
}

TEST(KvfreeRcuMonitorTest, TheKernelSaysHowItIsDone) {
  const auto of = [](int version, int patchlevel) {
    return KvfreeRcuPolicyOf({.version = version, .patchlevel = patchlevel});
  };
  EXPECT_EQ(of(2, 6).records, 0u);
  EXPECT_EQ(of(3, 17).records, 0u);
  EXPECT_EQ(of(6, 1).records, 510u);
  EXPECT_EQ(of(6, 12).records, 507u);
  EXPECT_EQ(of(7, 2).list_words, 2u);
  EXPECT_EQ(of(7, 3).list_words, 1u);
}

}  // namespace
}  // namespace slablab
