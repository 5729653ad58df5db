// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/operations/executor.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "allocators/registry.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "sim/machine.h"

namespace slablab {
namespace {

std::vector<std::string> Models() {
  std::vector<std::string> names;
  for (const AllocatorInfo& info : ListAllocators()) names.emplace_back(info.name);
  return names;
}

class Counter : public OperationObserver {
 public:
  void OnOperation(const OperationEnd& operation) override {
    ++(operation.is_free ? frees : allocations);
    cycles += operation.cycles;
    EXPECT_EQ(operation.event, allocations + frees - 1);
    EXPECT_EQ(operation.task, 7);
    EXPECT_EQ(operation.label, 3u);
    EXPECT_GE(operation.end, operation.start + operation.cycles);
  }
  uint64_t allocations = 0;
  uint64_t frees = 0;
  Cycles cycles = 0;
};

struct Driver {
  explicit Driver(const std::string& model)
      : machine(std::make_unique<Machine>(
            ReferenceMachine({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 64}))),
        allocator(MakeAllocator(model, *machine, {}).value()) {
    machine->scheduler().RunOn(CpuId(0), [this](Cpu& cpu) { return allocator->Boot(cpu); });
    executor = std::make_unique<Executor>(Executor::Options(), *machine, *allocator);
  }
  std::unique_ptr<Machine> machine;
  std::unique_ptr<Allocator> allocator;
  std::unique_ptr<Executor> executor;
};

// What the executor comes back to.
struct User {
  Driver* driver;
  PhysAddr* object;
  uint64_t* returned;
  Executor::Doer DoerOf() const {
    return {.event = driver->executor->account().operations() - 1, .task = 7, .label = 3};
  }
  void OnAllocated(Cpu&, const Placement& placement) const {
    ++*returned;
    *object = placement.object;
  }
  void OnFreed(Cpu&) const { ++*returned; }
};

class ExecutorTest : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Models, ExecutorTest, ::testing::ValuesIn(Models()), [](const auto& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
});

// Whether operations wait or not, on whatever CPU: each ends once, comes back to its driver once,
// is counted by path, CPU and in all alike, shown with the same cycles, and audited.
TEST_P(ExecutorTest, EveryOperationEndsOnce) {
  Driver driver(GetParam());
  Executor& executor = *driver.executor;
  Counter counter;
  executor.set_observer(&counter);
  struct Object {
    PhysAddr address = {};
    uint32_t bytes = 0;
  };
  std::vector<Object> live;
  Random random(5);
  uint64_t operations = 0;
  uint64_t returned = 0;
  uint64_t requested = 0;
  for (int i = 0; i < 4000; ++i) {
    const CpuId on(static_cast<int32_t>(random.Below(4)));
    if (live.empty() || random.Below(5) > 1) {
      Object object = {.bytes = static_cast<uint32_t>(1 + random.Below(3000))};
      driver.machine->scheduler().RunOn(on, [&](Cpu& cpu) {
        return executor.Allocate(
            cpu, {.bytes = object.bytes, .usable = object.bytes, .written = object.bytes},
            User{&driver, &object.address, &returned});
      });
      ASSERT_FALSE(object.address.is_null());
      live.push_back(object);
      requested += object.bytes;
    } else {
      const uint64_t chosen = random.Below(live.size());
      const Object object = std::exchange(live[chosen], live.back());
      live.pop_back();
      requested -= object.bytes;
      const bool by_rcu = random.Below(4) == 0;
      driver.machine->scheduler().RunOn(on, [&](Cpu& cpu) {
        return executor.Free(
            cpu, {.object = object.address, .bytes = object.bytes, .read = 1, .by_rcu = by_rcu},
            User{&driver, nullptr, &returned});
      });
    }
    ASSERT_EQ(++operations, returned);
  }
  const RunAccount& account = executor.account();
  EXPECT_EQ(account.operations(), operations);
  EXPECT_EQ(counter.allocations, account.allocations);
  EXPECT_EQ(counter.frees, account.frees);
  Cycles on_cpus = 0;
  uint64_t of_cpus = 0;
  for (const OperationTotals& cpu : account.cpus) {
    on_cpus += cpu.cycles;
    of_cpus += cpu.operations;
  }
  EXPECT_EQ(of_cpus, operations);
  EXPECT_EQ(on_cpus, counter.cycles);
  EXPECT_EQ(account.AllocationCycles().count(), account.allocations);
  EXPECT_EQ(account.FreeCycles().count(), account.frees);
  EXPECT_EQ(account.AllocationCycles().total() + account.FreeCycles().total(), counter.cycles);
  EXPECT_EQ(account.requested_bytes, requested);
  EXPECT_GT(account.use_cycles, 0u);
  EXPECT_GT(account.remote_frees, 0u);
  EXPECT_EQ(executor.auditor().live_objects(), live.size());
  EXPECT_EQ(executor.auditor().violations(), 0u) << executor.auditor().first_violation();
}

// What no memory was there for is counted, and has no user and no object.
TEST(ExecutorTest, WhatFailsIsCountedAndNotUsed) {
  Driver driver("slub-6.1");
  PhysAddr object(64);
  uint64_t returned = 0;
  driver.machine->scheduler().RunOn(CpuId(0), [&](Cpu& cpu) {
    return driver.executor->Allocate(
        cpu,
        {.gfp = kGfpAtomic | Gfp::kNoWarn, .bytes = 1u << 30, .usable = 1u << 30, .written = 64},
        User{&driver, &object, &returned});
  });
  EXPECT_TRUE(object.is_null());
  EXPECT_EQ(returned, 1u);
  EXPECT_EQ(driver.executor->account().allocations, 1u);
  EXPECT_EQ(driver.executor->account().failed_allocations, 1u);
  EXPECT_EQ(driver.executor->account().requested_bytes, 0u);
  EXPECT_EQ(driver.executor->account().use_cycles, 0u);
  EXPECT_EQ(driver.executor->auditor().live_objects(), 0u);
}

TEST(FootprintWatchTest, SamplesStayFewHoweverLongItTakes) {
  Driver driver("slub-6.1");
  RunAccount result;
  FootprintWatch watch(driver.machine->scheduler(), *driver.allocator, driver.executor->rcu_frees(),
                       result, {.interval = 10, .clock_mhz = 2000, .samples_max = 8});
  for (uint64_t time = 0; time < 5'000; ++time) {
    if (watch.IsDue(time)) watch.Sample(time);
    ASSERT_LT(result.footprint.size(), 8u);
  }
  ASSERT_GE(result.footprint.size(), 4u);
  // 0.5 ns a cycle, and as far apart from each other, rounded.
  const Nanos apart = result.footprint[1].time - result.footprint[0].time;
  for (size_t i = 1; i < result.footprint.size(); ++i) {
    EXPECT_EQ(result.footprint[i].time - result.footprint[i - 1].time, apart);
  }
  EXPECT_LT(result.footprint.back().time, 2'500u);
}

}  // namespace
}  // namespace slablab
