// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Programs that free by kvfree_rcu, on every model: nothing is lost, nothing is handed out too
// early (the auditor of closed_world.h sees to that), and behind a barrier all is back.

#include "workloads/rcu_frees.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/core/tick_rcu.h"
#include "tests/workloads/closed_world.h"
#include "workloads/closed/scenario.h"

namespace slablab {
namespace {

using ::testing::AnyOf;

Step FreeRcu(uint64_t object) {
  return {.kind = Step::Kind::kFree, .by_rcu = true, .touch_bytes = 1, .object = object};
}
Step Barrier() { return {.kind = Step::Kind::kRcuBarrier}; }

std::vector<std::string> Models() {
  std::vector<std::string> names;
  for (const AllocatorInfo& info : ListAllocators()) names.emplace_back(info.name);
  return names;
}

ReferenceMachineOptions FourCpus() {
  return {.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 64};
}

class RcuFreesTest : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Models, RcuFreesTest, ::testing::ValuesIn(Models()), [](const auto& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
});

void ExpectNothingWaits(World& world) {
  EXPECT_EQ(world.loop().rcu_frees().waiting(), RcuWaiting());
  EXPECT_EQ(world.model().TotalFootprint().rcu_objects, 0u);
  EXPECT_EQ(world.model().TotalFootprint().rcu_free_bytes, 0u);
  EXPECT_EQ(world.machine().own_rcu().waiting_objects(), 0u);
}

// What a task of a random program does: its own places are 25 of the script's 100.
std::vector<Step> RandomTask(Random& random, uint64_t task) {
  std::vector<Step> steps;
  std::vector<bool> live(25);
  const auto some = [&](uint64_t most) { return random.Below(most) + 1; };
  for (int i = 0; i < 500; ++i) {
    const uint64_t place = random.Below(live.size());
    const uint64_t object = task * live.size() + place;
    if (!live[place]) {
      const uint32_t bytes = random.Below(40) == 0 ? 20'000 : static_cast<uint32_t>(some(700));
      steps.push_back(Allocate(object, bytes));
    } else {
      steps.push_back(random.Below(3) == 0 ? Free(object) : FreeRcu(object));
    }
    live[place] = !live[place];
    if (random.Below(20) == 0) steps.push_back(Think(some(2'000'000)));
    if (random.Below(40) == 0) steps.push_back(Sleep(some(5'000'000)));
    if (random.Below(150) == 0) steps.push_back(Barrier());
  }
  for (size_t place = 0; place < live.size(); ++place) {
    if (live[place]) steps.push_back(FreeRcu(task * live.size() + place));
  }
  return steps;
}

Script RandomProgram(uint64_t seed) {
  Random random(seed);
  std::vector<std::vector<Step>> tasks;
  for (uint64_t task = 0; task < 4; ++task) tasks.push_back(RandomTask(random, task));
  // The last to be done has nobody left that frees behind its back.
  for (auto& steps : tasks) {
    steps.push_back({.kind = Step::Kind::kBarrier, .queue = 0});
    steps.push_back(Barrier());
  }
  return Script(std::move(tasks));
}

TEST_P(RcuFreesTest, BehindABarrierAllIsBack) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    World world(FourCpus(), GetParam(), /*notes=*/false);
    const uint64_t users = world.model().TotalFootprint().user_objects();
    Script program = RandomProgram(seed);
    ASSERT_TRUE(world.Run(program).ok()) << world.loop().status();
    ExpectNothingWaits(world);
    EXPECT_EQ(world.model().TotalFootprint().user_objects(), users);
    EXPECT_EQ(world.loop().auditor().live_objects(), 0u);
    const RcuTotals& totals = world.loop().rcu_frees().totals();
    EXPECT_GT(totals.to_sheaves + totals.to_batches, 300u);
    EXPECT_GT(totals.barriers, 3u);
    EXPECT_GT(totals.peak_objects, 0u);
    EXPECT_GT(totals.peak_bytes, totals.peak_objects);
    // A sheaf takes what it can, where there are any.
    const bool has_sheaves = GetParam() >= "slub-7" && GetParam() < "slub-8";
    EXPECT_EQ(totals.to_sheaves > 0, has_sheaves) << totals.to_sheaves;
  }
}

TEST_P(RcuFreesTest, EqualRunsAreEqual) {
  const auto run = [&] {
    World world(FourCpus(), GetParam(), /*notes=*/false);
    Script program = RandomProgram(7);
    EXPECT_TRUE(world.Run(program).ok());
    return std::pair{world.loop().result().placements.value(),
                     world.machine().own_rcu().grace_periods()};
  };
  EXPECT_EQ(run(), run());
}

// Two ways that an operation can go and only those, each with its cycles, and counted as frees.
TEST_P(RcuFreesTest, OperationsAreOfTheirOwnKind) {
  World world(FourCpus(), GetParam());
  std::vector<Step> steps;
  for (uint64_t i = 0; i < 50; ++i) steps.push_back(Allocate(i, 100));
  for (uint64_t i = 0; i < 50; ++i) steps.push_back(FreeRcu(i));
  Script program({steps});
  ASSERT_TRUE(world.Run(program).ok());
  uint64_t frees = 0;
  for (const OperationEnd& operation : world.notes().all) {
    EXPECT_EQ(operation.by_rcu, operation.is_free);
    if (!operation.is_free) continue;
    ++frees;
    EXPECT_THAT(PathOf(world.model(), operation.path).name,
                AnyOf(kRcuPaths[0].name, kRcuPaths[1].name));
    EXPECT_GT(operation.cycles, 0u);
  }
  EXPECT_EQ(frees, 50u);
  EXPECT_EQ(world.loop().result().frees, 50u);
  // Nobody has waited for them.
  EXPECT_EQ(world.loop().rcu_frees().waiting().objects + world.model().TotalFootprint().rcu_objects,
            50u);
  EXPECT_EQ(world.loop().auditor().live_objects(), 0u);
}

TEST_P(RcuFreesTest, WithoutThemThereIsNoRcu) {
  World world(FourCpus(), GetParam(), /*notes=*/false);
  const bool in_use = world.machine().rcu_in_use() != nullptr;
  Script program({{Allocate(0), Think(50'000'000), Free(0)}});
  ASSERT_TRUE(world.Run(program).ok());
  EXPECT_EQ(world.machine().rcu_in_use() != nullptr, in_use);
  EXPECT_FALSE(world.loop().rcu_frees().used());
  for (const LockClass& lock_class : world.machine().scheduler().lock_classes()) {
    EXPECT_NE(lock_class.name, "krc");
  }
}

// The second task goes on, without a thought, until the first is over.
class UntilFirstIsOver : public Script {
 public:
  UntilFirstIsOver() : Script({{Allocate(0), FreeRcu(0), Barrier()}, {}}) {}
  void NextStep(TaskIndex task, Step* step) override {
    if (task == 0) {
      Script::NextStep(task, step);
      over_ |= step->kind == Step::Kind::kEnd;
    } else if (over_) {
      *step = Step();
    } else {
      *step = ++steps_ % 2 == 1 ? Allocate(1) : Free(1);
      over_ |= steps_ > 20'000'000;
    }
  }
  uint64_t steps() const { return steps_; }

 private:
  bool over_ = false;
  uint64_t steps_ = 0;
};

TEST(BusyCpuTest, ItDelaysAGracePeriodAndDoesNotHoldItUp) {
  for (const std::string model : {"slub-6.1", "slub-7.3"}) {
    World world({.cpus = 2, .nodes = 1, .cpus_per_node = 2}, model, /*notes=*/false);
    UntilFirstIsOver program;
    ASSERT_TRUE(world.Run(program).ok());
    EXPECT_LT(program.steps(), 20'000'000u);
    // A tenth of a second.
    EXPECT_GT(world.loop().closed().end - world.loop().start(),
              static_cast<Cycles>(world.machine().config().clock_mhz) * 100'000);
    ExpectNothingWaits(world);
  }
}

// Behind a barrier a task keeps no CPU: what shares its own goes on, long before the grace period
// that the first waits for has ended.
TEST(RcuBarrierTest, ATaskThatWaitsLetsOthersHaveItsCpu) {
  for (const std::string model : {"slub-6.1", "slub-7.3"}) {
    World world({.cpus = 2, .nodes = 1, .cpus_per_node = 2}, model);
    std::vector<Step> others;
    for (uint64_t i = 0; i < 50; ++i) {
      others.insert(others.end(), {Think(1'000), Allocate(1), Free(1)});
    }
    Script program({{Allocate(0), FreeRcu(0), Barrier(), Allocate(2)}, others}, {0, 0});
    ASSERT_TRUE(world.Run(program).ok()) << world.loop().status();
    Cycles last_of_other = 0;
    Cycles behind_barrier = 0;
    for (const OperationEnd& operation : world.notes().all) {
      if (operation.task == 1) last_of_other = operation.end;
      if (operation.task == 0 && !operation.is_free) behind_barrier = operation.start;
    }
    EXPECT_LT(last_of_other, behind_barrier) << model;
    ExpectNothingWaits(world);
  }
}

// Likewise of a scenario's, and the run ends only when it has.
TEST(RcuBarrierTest, AScenariosBarrierKeepsNoCpu) {
  World world({.cpus = 1, .nodes = 1, .cpus_per_node = 1}, "slub-7.3");
  absl::StatusOr<ParsedScenario> parsed =
      ParseScenario("events { at_us: 2 rcu_barrier { cpu: 0 } }", "s", {.cpus = 1, .nodes = 1});
  ASSERT_TRUE(parsed.ok());
  Scenario scenario(*std::move(parsed), world.machine().config(), {});
  std::vector<Step> steps = {Allocate(0), FreeRcu(0), Think(30'000)};
  for (uint64_t i = 0; i < 20; ++i) steps.insert(steps.end(), {Allocate(1), Free(1)});
  Script program({steps});
  ASSERT_TRUE(world.Run(program, &scenario).ok());
  // A tick of 4 ms is the least that a grace period takes; the task is done in a few microseconds.
  EXPECT_LT(world.loop().closed().end - world.loop().start(),
            static_cast<Cycles>(world.machine().config().clock_mhz) * 1'000);
  EXPECT_EQ(world.loop().rcu_frees().totals().barriers, 1u);
  ExpectNothingWaits(world);
}

// CPUs leave and come while tasks of theirs wait behind barriers, and storms free by RCU too.
TEST_P(RcuFreesTest, CpusComeAndGo) {
  constexpr char kScenario[] = R"(
    events { at_us: 300 every_us: 4000 times: 20 jitter_us: 900 cpu_offline { cpu: 1 } }
    events { at_us: 2000 every_us: 4000 times: 20 jitter_us: 900 cpu_online { cpu: 1 } }
    events { at_us: 900 every_us: 6000 times: 12 jitter_us: 500 cpu_offline { cpu: 2 } }
    events { at_us: 3000 every_us: 6000 times: 12 jitter_us: 500 cpu_online { cpu: 2 } }
    events { at_us: 500 every_us: 9000 times: 8 rcu_barrier { cpu: 3 } }
    events { at_us: 100 every_us: 2000 times: 40 jitter_us: 1000
             interrupts { cpu: 0 cpus: 4 count: 40 interval_ns: 700 objects: 5 bytes: 200
                          free_rcu: true } }
  )";
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    World world(FourCpus(), GetParam(), /*notes=*/false);
    const uint64_t users = world.model().TotalFootprint().user_objects();
    absl::StatusOr<ParsedScenario> parsed = ParseScenario(kScenario, "s", {.cpus = 4, .nodes = 2});
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    Scenario scenario(*std::move(parsed), world.machine().config(), {.seed = seed});
    Script program = RandomProgram(seed + 20);
    ASSERT_TRUE(world.Run(program, &scenario).ok()) << world.loop().status();
    EXPECT_EQ(world.loop().auditor().live_objects(), 0u);
    // Storms may have come after the last barrier.
    const uint64_t batched = world.loop().rcu_frees().waiting().objects;
    EXPECT_EQ(world.model().TotalFootprint().user_objects(), users + batched);
  }
}

}  // namespace
}  // namespace slablab
