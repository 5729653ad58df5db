// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/closed/fair_scheduler.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

using Reason = FairScheduler::Reason;

constexpr Cycles kMillisecond = 1'000'000;

// A cycle is a nanosecond. Nodes of `domains` last-level caches of two CPUs each.
MachineConfig Machine(int nodes, int domains) {
  MachineConfig config;
  config.clock_mhz = 1000;
  config.domain_count = nodes * domains;
  config.memory.resize(static_cast<size_t>(nodes));
  for (int i = 0; i < nodes * domains * 2; ++i) {
    config.cpus.push_back({.core = CoreId(i),
                           .domain = DomainId(i / 2),
                           .package = i / (2 * domains),
                           .node = NodeId(i / (2 * domains))});
  }
  return config;
}

// 1 + log2(4).
constexpr int64_t kFactorOfFour = 3;
constexpr FairTunables kTunables;

TEST(FairSchedulerTest, TasksOnOneCpuHaveHadEqualSharesWithinASlice) {
  FairScheduler fair(Machine(1, 2), 5, kTunables);
  const CpuId cpu(0);
  for (TaskIndex i = 0; i < 5; ++i) fair.Enqueue(i, cpu, Reason::kStart, 0);
  std::map<TaskIndex, Cycles> had;
  Random random(7, 1);
  Cycles now = 0;
  while (now < 2'000 * kMillisecond) {
    const TaskIndex task = fair.Take(cpu, now);
    const Cycles began = now;
    do {
      now += 10'000 + random.Below(500'000);  // a step
      if (fair.TickIsDue(cpu, now)) fair.Tick(cpu, now);
    } while (!fair.MustYield(cpu));
    had[task] += now - began;
    fair.Stop(cpu, now);
    fair.Enqueue(task, cpu, Reason::kAgain, now);
  }
  ASSERT_EQ(had.size(), 5u);
  const auto by_time = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto [least, most] = std::minmax_element(had.begin(), had.end(), by_time);
  const Cycles slice = kFactorOfFour * kTunables.latency_ns / 5;
  EXPECT_LE(most->second - least->second, slice + kTunables.tick_ns + 510'000);
}

// What runs on CPU 0 has run for `ran` when a task that slept all that time wakes there.
bool IsPreempted(Cycles ran) {
  FairScheduler fair(Machine(1, 2), 3, kTunables);
  const CpuId cpu(0);
  for (TaskIndex i = 0; i < 2; ++i) fair.Enqueue(i, cpu, Reason::kStart, 0);
  fair.Take(cpu, 0);
  fair.Stop(cpu, 10);  // Task 0 sleeps.
  EXPECT_EQ(fair.Take(cpu, 10), 1u);
  fair.Enqueue(0, cpu, Reason::kWake, 10 + ran);
  return fair.MustYield(cpu);
}

TEST(FairSchedulerTest, WhoWakesPreemptsWhatHasRunLongerByTheWakeupGranularity) {
  const Cycles granularity = kFactorOfFour * kTunables.wakeup_granularity_ns;
  EXPECT_FALSE(IsPreempted(granularity - 100));
  EXPECT_TRUE(IsPreempted(granularity + 100));
}

TEST(FairSchedulerTest, SleepIsCreditedUpToHalfTheLatencyOnly) {
  FairScheduler fair(Machine(1, 2), 2, kTunables);
  const CpuId cpu(0);
  fair.Enqueue(0, cpu, Reason::kStart, 0);
  fair.Enqueue(1, cpu, Reason::kStart, 0);
  ASSERT_EQ(fair.Take(cpu, 0), 0u);
  fair.Stop(cpu, 10);
  ASSERT_EQ(fair.Take(cpu, 10), 1u);
  Cycles now = 10'000 * kMillisecond;  // Ten seconds, of which task 0 is owed some milliseconds.
  fair.Enqueue(0, cpu, Reason::kWake, now);
  ASSERT_TRUE(fair.MustYield(cpu));
  fair.Stop(cpu, now);
  fair.Enqueue(1, cpu, Reason::kAgain, now);
  ASSERT_EQ(fair.Take(cpu, now), 0u);
  const Cycles began = now;
  do {
    now += 100'000;
    if (fair.TickIsDue(cpu, now)) fair.Tick(cpu, now);
  } while (!fair.MustYield(cpu));
  const Cycles latency = kFactorOfFour * kTunables.latency_ns;
  EXPECT_LE(now - began, latency + kTunables.tick_ns);
}

// A task on `previous` wakes, by one that runs on CPU 0; `busy` run something else each.
CpuId WokenOn(int previous, const std::vector<int>& busy, bool sync, int waker = 0) {
  FairScheduler fair(Machine(2, 2), 16, kTunables);
  fair.SetMovable(15);
  fair.Enqueue(15, CpuId(previous), Reason::kStart, 0);
  fair.Take(CpuId(previous), 0);
  fair.Stop(CpuId(previous), 10);
  TaskIndex task = 0;
  for (const int cpu : busy) {
    fair.Enqueue(task, CpuId(cpu), Reason::kStart, 10);
    fair.Take(CpuId(cpu), 10);
    ++task;
  }
  fair.Enqueue(14, CpuId(waker), Reason::kStart, 10);
  fair.Take(CpuId(waker), 10);
  return fair.ChooseCpu(15, {.cpu = CpuId(waker), .task = 14, .sync = sync}, 20);
}

TEST(FairSchedulerTest, WhoWakesGoesToAnIdleCpuNearItsWakerOrItsOwn) {
  // Its own CPU, when that is idle and near the waker's; CPUs 0 and 1 have a cache in common.
  EXPECT_EQ(WokenOn(1, {}, true), CpuId(1));
  // The waker is about to wait: next to it rather than where it was.
  EXPECT_EQ(WokenOn(6, {}, true), CpuId(1));
  // Nothing idle near the waker: on the waker's CPU, which will be.
  EXPECT_EQ(WokenOn(6, {1}, true), CpuId(0));
  // The waker goes on: back to where it was.
  EXPECT_EQ(WokenOn(6, {}, false), CpuId(6));
  // That is busy, and its neighbour is not.
  EXPECT_EQ(WokenOn(6, {6, 1}, false), CpuId(7));
}

// On machines of one cache with more CPUs than a word has bits: looks at each CPU, as the scheduler
// need not.
TEST(FairSchedulerTest, OfManyCpusItFindsTheNextIdleAndTheFirstOfTheBusiest) {
  Random random(5, 2);
  for (int round = 0; round < 300; ++round) {
    MachineConfig machine = Machine(1, 1 + static_cast<int>(random.Below(100)));
    const size_t count = machine.cpus.size();
    machine.domain_count = 1;
    for (CpuPlace& place : machine.cpus) place.domain = DomainId(0);
    FairScheduler fair(machine, static_cast<uint32_t>(count * 4 + 1), kTunables);
    const auto sleeper = static_cast<TaskIndex>(count * 4);
    const size_t waker = random.Below(count);
    const CpuId there(static_cast<int32_t>(waker));
    fair.SetMovable(sleeper);
    fair.Enqueue(sleeper, there, Reason::kStart, 0);
    fair.Take(there, 0);
    fair.Stop(there, 1);
    const uint64_t most = 1 + random.Below(4);
    std::vector<size_t> tasks(count);
    for (size_t i = 0; i < count; ++i) {
      tasks[i] = i == waker ? 1 : random.Below(most + 1);
      for (size_t task = 0; task < tasks[i]; ++task) {
        const auto index = static_cast<TaskIndex>(4 * i + task);
        fair.SetMovable(index);
        fair.Enqueue(index, CpuId(static_cast<int32_t>(i)), Reason::kStart, 2);
      }
      if (tasks[i] > 0) fair.Take(CpuId(static_cast<int32_t>(i)), 2);
    }
    size_t next = waker;
    do next = (next + 1) % count;
    while (next != waker && tasks[next] > 0);
    EXPECT_EQ(fair.ChooseCpu(sleeper, {.cpu = there, .task = 0, .sync = true}, 3).index(), next);
    const size_t busiest =
        static_cast<size_t>(std::max_element(tasks.begin(), tasks.end()) - tasks.begin());
    const auto idle = std::find(tasks.begin(), tasks.end(), size_t{0});
    if (idle == tasks.end()) continue;
    const CpuId puller(static_cast<int32_t>(idle - tasks.begin()));
    ASSERT_EQ(fair.Pull(puller, 4), tasks[busiest] >= 2);
    if (tasks[busiest] >= 2) {
      EXPECT_EQ(fair.Take(puller, 4) / 4, busiest);
    }
  }
}

TEST(FairSchedulerTest, ACpuThatFallsIdlePullsWhatItsOwnCachesKnowFirst) {
  FairScheduler fair(Machine(2, 2), 9, kTunables);
  for (TaskIndex i = 0; i < 9; ++i) {
    if (i != 0) fair.SetMovable(i);
    fair.Enqueue(i, CpuId(i < 3 ? 1 : i < 6 ? 2 : 4), Reason::kStart, 0);
  }
  for (const int cpu : {1, 2, 4}) fair.Take(CpuId(cpu), 0);
  ASSERT_TRUE(fair.Pull(CpuId(0), 0));
  const TaskIndex first = fair.Take(CpuId(0), 0);
  EXPECT_TRUE(first == 1 || first == 2) << first;
  fair.Stop(CpuId(0), 10);
  // Of its neighbour's two one is left; then those of its node; then any; then none waits.
  ASSERT_TRUE(fair.Pull(CpuId(0), 10));
  EXPECT_LT(fair.Take(CpuId(0), 10), 3u);
  fair.Stop(CpuId(0), 20);
  std::set<TaskIndex> pulled;
  Cycles now = 20;
  while (fair.Pull(CpuId(0), now)) {
    pulled.insert(fair.Take(CpuId(0), now));
    fair.Stop(CpuId(0), now += 10);
    if (pulled.size() == 2) {
      EXPECT_LT(*pulled.rbegin(), 6u);
    }
  }
  EXPECT_EQ(pulled.size(), 4u);
}

TEST(FairSchedulerTest, WarmTasksAreLeftAloneAtFirst) {
  FairScheduler fair(Machine(1, 2), 3, kTunables);
  fair.SetMovable(1);
  for (TaskIndex i = 0; i < 2; ++i) fair.Enqueue(i, CpuId(0), Reason::kStart, 0);
  fair.Take(CpuId(0), 0);
  fair.Stop(CpuId(0), 100);
  fair.Enqueue(0, CpuId(0), Reason::kAgain, 100);
  ASSERT_EQ(fair.Take(CpuId(0), 100), 1u);
  fair.Stop(CpuId(0), 200);
  fair.Enqueue(1, CpuId(0), Reason::kAgain, 200);
  ASSERT_EQ(fair.Take(CpuId(0), 200), 0u);
  // Task 1 has only just run.
  EXPECT_FALSE(fair.Pull(CpuId(1), 300));
  EXPECT_TRUE(fair.Pull(CpuId(1), 400)) << "and yet better than to be idle for ever";
}

// Idle times of nothing were averaged in, until no CPU looked for tasks any more.
TEST(FairSchedulerTest, ACpuThatAlwaysFindsATaskGoesOnLooking) {
  constexpr TaskIndex kTasks = 200;
  FairScheduler fair(Machine(1, 2), kTasks, kTunables);
  for (TaskIndex i = 0; i < kTasks; ++i) {
    fair.SetMovable(i);
    fair.Enqueue(i, CpuId(0), Reason::kStart, 0);
  }
  fair.Take(CpuId(0), 0);
  for (Cycles now = 1; now < kTasks; ++now) {
    ASSERT_TRUE(fair.Pull(CpuId(1), now)) << now;
    fair.Take(CpuId(1), now);
    fair.Stop(CpuId(1), now);
  }
}

TEST(FairSchedulerTest, ABusyCpusTickSendsWhoWaitsToAnIdleOne) {
  FairScheduler fair(Machine(2, 2), 3, kTunables);
  for (TaskIndex i = 0; i < 3; ++i) {
    fair.SetMovable(i);
    fair.Enqueue(i, CpuId(0), Reason::kStart, 0);
  }
  fair.Take(CpuId(0), 0);
  fair.SetAvailable(CpuId(1), false);
  ASSERT_TRUE(fair.TickIsDue(CpuId(0), kTunables.tick_ns));
  EXPECT_EQ(fair.Tick(CpuId(0), kTunables.tick_ns), CpuId(2)) << "the nearest that is there";
  EXPECT_FALSE(fair.empty(CpuId(2)));
  EXPECT_EQ(fair.migrations(), 1u);
  EXPECT_FALSE(fair.TickIsDue(CpuId(0), kTunables.tick_ns + 1));
}

TEST(FairSchedulerTest, BusyCpusEvenOutTheirQueues) {
  constexpr TaskIndex kTasks = 24;
  FairScheduler fair(Machine(2, 2), kTasks, kTunables);
  std::vector<int> waiting(8);
  for (TaskIndex i = 0; i < kTasks; ++i) {
    fair.SetMovable(i);
    fair.Enqueue(i, CpuId(i < 8 ? static_cast<int>(i) : 5), Reason::kStart, 0);
    if (i < 8) fair.Take(CpuId(static_cast<int>(i)), 0);
  }
  // A second: each domain has had its interval, 128 ms for all eight CPUs, several times.
  for (Cycles now = kTunables.tick_ns; now < 1'000 * kMillisecond; now += kTunables.tick_ns) {
    for (int i = 0; i < 8; ++i) fair.Tick(CpuId(i), now + static_cast<Cycles>(i));
  }
  for (int i = 0; i < 8; ++i) {
    for (; !fair.empty(CpuId(i)); ++waiting[static_cast<size_t>(i)]) fair.Remove(CpuId(i));
  }
  const auto [least, most] = std::minmax_element(waiting.begin(), waiting.end());
  EXPECT_LE(*most - *least, 1);
  EXPECT_EQ(std::accumulate(waiting.begin(), waiting.end(), 0), 16);
}

// Any order of calls: every task is in one place, those that are bound stay, and nobody is sent
// to a CPU that is not there.
TEST(FairSchedulerTest, NoTaskIsLostOrDoubledWhateverHappens) {
  constexpr int kCpus = 8;
  constexpr TaskIndex kTasks = 30;
  FairScheduler fair(Machine(2, 2), kTasks, kTunables);
  std::vector<CpuId> home;
  std::vector<TaskIndex> running(kCpus, kNoTask);
  std::set<TaskIndex> asleep;
  Random random(11, 1);
  for (TaskIndex i = 0; i < kTasks; ++i) {
    home.push_back(CpuId(static_cast<int>(random.Below(kCpus - 1))));
    if (i % 3 != 0) fair.SetMovable(i);
    fair.Enqueue(i, home[i], Reason::kStart, 0);
  }
  fair.SetAvailable(CpuId(kCpus - 1), false);
  Cycles now = 1;
  for (int round = 0; round < 200'000; ++round) {
    now += random.Below(50'000);
    const CpuId cpu(static_cast<int>(random.Below(kCpus - 1)));
    TaskIndex& current = running[cpu.index()];
    if (current == kNoTask) {
      if (fair.empty(cpu)) fair.Pull(cpu, now);
      if (fair.empty(cpu)) continue;
      current = fair.Take(cpu, now);
      EXPECT_EQ(asleep.count(current), 0u);
      EXPECT_EQ(std::count(running.begin(), running.end(), current), 1);
      if (current % 3 == 0) {
        EXPECT_EQ(cpu, home[current]);
      }
      continue;
    }
    if (fair.TickIsDue(cpu, now)) {
      EXPECT_NE(fair.Tick(cpu, now), CpuId(kCpus - 1));
    }
    const TaskIndex task = current;
    if (fair.MustYield(cpu)) {
      fair.Stop(cpu, now);
      current = kNoTask;
      fair.Enqueue(task, cpu, Reason::kAgain, now);
    } else if (random.Below(3) == 0) {
      fair.Stop(cpu, now);
      current = kNoTask;
      asleep.insert(task);
    } else if (!asleep.empty()) {
      const TaskIndex woken = *asleep.begin();
      asleep.erase(woken);
      CpuId to = home[woken];
      if (woken % 3 != 0) {
        to = fair.ChooseCpu(woken, {.cpu = cpu, .task = task, .sync = random.Below(2) == 0}, now);
      }
      EXPECT_NE(to, CpuId(kCpus - 1));
      fair.Enqueue(woken, to, Reason::kWake, now);
    }
  }
  size_t there = asleep.size();
  for (int i = 0; i < kCpus; ++i) {
    there += running[static_cast<size_t>(i)] != kNoTask;
    for (; !fair.empty(CpuId(i)); ++there) fair.Remove(CpuId(i));
  }
  EXPECT_EQ(there, kTasks);
}

}  // namespace
}  // namespace slablab
