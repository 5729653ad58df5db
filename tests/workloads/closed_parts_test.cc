// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/machine/machine_config.h"
#include "workloads/closed/agenda.h"
#include "workloads/closed/cpu_roster.h"
#include "workloads/closed/disturbance.h"
#include "workloads/closed/object_places.h"
#include "workloads/closed/sleepers.h"

// The parts of the closed loop, each by itself. Queues and barriers: meeting_points_test.cc; run
// queues: fair_scheduler_test.cc.

namespace slablab {
namespace {

using ::testing::ElementsAre;

// --- Agenda. ---

TEST(AgendaTest, GivesInTimeOrderAndAmongEqualsAsEntered) {
  Random random(1);
  Agenda agenda;
  std::vector<std::tuple<Cycles, uint64_t>> expected;
  for (uint64_t i = 0; i < 500; ++i) {
    const Cycles time = random.Below(40);
    ASSERT_TRUE(agenda.Add({.time = time, .about = i}));
    expected.emplace_back(time, i);
  }
  std::sort(expected.begin(), expected.end());
  for (const auto& [time, about] : expected) {
    if (random.Below(3) == 0) {  // One that is put back is the first again.
      agenda.Take();
      agenda.PutBack();
    }
    const Agenda::Item& item = agenda.Take();
    ASSERT_EQ(item.time, time);
    ASSERT_EQ(item.about, about);
  }
  EXPECT_TRUE(agenda.empty());
}

TEST(AgendaTest, WhatIsTooLateIsNotEntered) {
  Agenda agenda;
  EXPECT_FALSE(agenda.Add({.time = Agenda::kLatest}));
  EXPECT_TRUE(agenda.empty());
  EXPECT_TRUE(agenda.Add({.time = Agenda::kLatest - 1}));
}

TEST(AgendaTest, ATokenSaysKindAndSubject) {
  for (const auto kind : {Agenda::Kind::kWake, Agenda::Kind::kInterrupt, Agenda::Kind::kLateFree,
                          Agenda::Kind::kDisturbance, Agenda::Kind::kRcuBarrier}) {
    for (const uint64_t about : {uint64_t{0}, uint64_t{7}, (uint64_t{1} << 60) - 1}) {
      const uint64_t token = Agenda::TokenOf({.about = about, .kind = kind});
      EXPECT_EQ(Agenda::KindOf(token), kind);
      EXPECT_EQ(Agenda::AboutOf(token), about);
    }
  }
}

TEST(AgendaTest, AWakeThatWasTakenIsOnItsWayWhileThereIsMore) {
  Agenda agenda;
  agenda.Add({.time = 1, .cpu = CpuId(3), .kind = Agenda::Kind::kWake});
  EXPECT_TRUE(agenda.WakeIsOnItsWay(CpuId(3)));
  EXPECT_FALSE(agenda.WakeIsOnItsWay(CpuId(2)));
  agenda.Add({.time = 2, .cpu = CpuId(2), .kind = Agenda::Kind::kInterrupt});
  agenda.Take();
  EXPECT_TRUE(agenda.WakeIsOnItsWay(CpuId(3)));
  EXPECT_FALSE(agenda.WakeIsOnItsWay(CpuId(2)));  // An interrupt is no wake.
  agenda.Take();
  EXPECT_FALSE(agenda.WakeIsOnItsWay(CpuId(3)));
}

// --- CPU roster. ---

// Two nodes of three CPUs, interleaved: 0 2 4 and 1 3 5.
MachineConfig SixCpus() {
  MachineConfig config;
  for (int i = 0; i < 6; ++i) {
    config.cpus.push_back({.core = CoreId(i), .domain = {}, .node = NodeId(i % 2)});
  }
  return config;
}

TEST(CpuRosterTest, TheNextOfTheNodeStandsInAndElseTheNextOfAny) {
  const MachineConfig config = SixCpus();
  CpuRoster roster(config);
  for (int i = 0; i < 6; ++i) roster.Come(CpuId(i));
  EXPECT_EQ(roster.Standing(CpuId(2)), CpuId(2));
  ASSERT_TRUE(roster.Leave(CpuId(2)));
  EXPECT_EQ(roster.Standing(CpuId(2)), CpuId(4));
  ASSERT_TRUE(roster.Leave(CpuId(4)));
  EXPECT_EQ(roster.Standing(CpuId(2)), CpuId(0));  // Around the end.
  ASSERT_TRUE(roster.Leave(CpuId(0)));
  EXPECT_EQ(roster.Standing(CpuId(2)), CpuId(3));
  EXPECT_EQ(roster.Standing(CpuId(4)), CpuId(5));
}

TEST(CpuRosterTest, ACpuLeavesInThreeSteps) {
  const MachineConfig config = SixCpus();
  CpuRoster roster(config);
  EXPECT_TRUE(roster.is_gone(CpuId(0)));
  for (int i = 0; i < 6; ++i) roster.Come(CpuId(i));
  const auto states = [&] {
    return std::vector<bool>{roster.leaves(CpuId(1)), roster.has_handed_over(CpuId(1)),
                             roster.is_gone(CpuId(1))};
  };
  EXPECT_THAT(states(), ElementsAre(false, false, false));
  EXPECT_TRUE(roster.Leave(CpuId(1)));
  EXPECT_FALSE(roster.Leave(CpuId(1)));
  EXPECT_THAT(states(), ElementsAre(true, false, false));
  roster.HandOver(CpuId(1));
  EXPECT_THAT(states(), ElementsAre(true, true, false));
  roster.Go(CpuId(1));
  roster.HandOver(CpuId(1));  // What it had handed over already.
  EXPECT_THAT(states(), ElementsAre(true, true, true));
  roster.Come(CpuId(1));
  EXPECT_THAT(states(), ElementsAre(false, false, false));
}

TEST(CpuRosterTest, TheLastStays) {
  const MachineConfig config = SixCpus();
  CpuRoster roster(config);
  for (int i = 0; i < 6; ++i) roster.Come(CpuId(i));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(roster.Leave(CpuId(i)));
  EXPECT_FALSE(roster.Leave(CpuId(5)));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(roster.Standing(CpuId(i)), CpuId(5));
}

// --- Sleepers. ---

TEST(SleepersTest, WakeByTimeAndAmongEqualsByTask) {
  Sleepers sleepers(2);
  EXPECT_EQ(sleepers.Next(CpuId(0)), Sleepers::kNever);
  sleepers.Add(CpuId(0), {.time = 9, .task = 1});
  sleepers.Add(CpuId(0), {.time = 5, .task = 3});
  sleepers.Add(CpuId(0), {.time = 5, .task = 2});
  sleepers.Add(CpuId(1), {.time = 1, .task = 4});
  EXPECT_EQ(sleepers.Next(CpuId(0)), 5u);
  EXPECT_FALSE(sleepers.IsDue(CpuId(0), 4));
  EXPECT_TRUE(sleepers.IsDue(CpuId(0), 5));
  EXPECT_EQ(sleepers.TakeFirst(CpuId(0)).task, 2u);
  EXPECT_EQ(sleepers.TakeFirst(CpuId(0)).task, 3u);
  EXPECT_EQ(sleepers.TakeFirst(CpuId(0)).task, 1u);
  EXPECT_EQ(sleepers.Next(CpuId(1)), 1u);
}

TEST(SleepersTest, AllMoveToOthers) {
  Sleepers sleepers(2);
  for (TaskIndex task = 0; task < 5; ++task) {
    sleepers.Add(CpuId(0), {.time = 10 - task, .task = task});
  }
  sleepers.MoveAll(CpuId(0), [&](const auto& each) { sleepers.Add(CpuId(1), each); });
  EXPECT_EQ(sleepers.Next(CpuId(0)), Sleepers::kNever);
  for (TaskIndex left = 5; left-- > 0;) EXPECT_EQ(sleepers.TakeFirst(CpuId(1)).task, left);
}

// --- Object places. ---

TEST(ObjectPlacesTest, ATaskThatWaitsIsToldOnce) {
  ObjectPlaces places(4);
  places.Await(2, 7);
  EXPECT_TRUE(places.empty(2));
  const ObjectPlaces::Waiter waiter =
      places.Publish(2, {.object = PhysAddr(4096)}, CacheId(5), 100);
  EXPECT_EQ(waiter.task, 7u);
  EXPECT_FALSE(waiter.frees_late);
  EXPECT_TRUE(places.is_live(2));
  const ObjectPlaces::Kept kept = places.Take(2);
  EXPECT_EQ(kept.address, PhysAddr(4096));
  EXPECT_EQ(kept.cache(), CacheId(5));
  EXPECT_EQ(kept.bytes, 100u);
  EXPECT_TRUE(places.empty(2));
  EXPECT_EQ(places.Publish(2, {.object = PhysAddr(64)}, kNoCache, 1).task, kNoTask);
  EXPECT_EQ(places.at(2).cache(), kNoCache);
}

TEST(ObjectPlacesTest, AnInterruptsFreeIsKeptUntilItIsMade) {
  ObjectPlaces places(1);
  places.FreeLate(0, 3, {.kind = Step::Kind::kFree, .kfree = true, .by_rcu = true});
  const ObjectPlaces::Waiter waiter = places.Publish(0, {.object = PhysAddr(64)}, kNoCache, 8);
  EXPECT_EQ(waiter.task, 3u);
  EXPECT_TRUE(waiter.frees_late);
  EXPECT_EQ(places.LateInterrupt(0), 3u);
  const Step step = places.LateFree(0);
  EXPECT_EQ(step.kind, Step::Kind::kFree);
  EXPECT_TRUE(step.kfree);
  EXPECT_TRUE(step.by_rcu);
  places.Take(0);
  places.Await(0, 1);  // Nobody waits any more.
}

TEST(ObjectPlacesTest, WhatCouldNotBeAllocatedIsThereAsNothing) {
  ObjectPlaces places(1);
  places.Publish(0, {}, kNoCache, 8);
  EXPECT_FALSE(places.empty(0));
  EXPECT_FALSE(places.is_live(0));
}

// --- Disturbances. ---

TEST(DisturbanceTallyTest, AtTheEndOneMoreComesThatWasOnItsWay) {
  DisturbanceTally tally;
  EXPECT_TRUE(tally.MayCome(1, /*tasks_are_over=*/false));
  EXPECT_FALSE(tally.MayCome(2, /*tasks_are_over=*/true));
  tally.PutBack(1);
  EXPECT_TRUE(tally.MayCome(2, /*tasks_are_over=*/true));
  tally.Begin(0, /*tasks_are_over=*/true, 0);
  EXPECT_FALSE(tally.MayCome(3, /*tasks_are_over=*/true));
}

TEST(DisturbanceTallyTest, ManyWithoutAStepLeaveNoTime) {
  DisturbanceTally tally;
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_FALSE(tally.LeaveNoTime(5));
    tally.Begin(9, false, 5);
  }
  EXPECT_TRUE(tally.LeaveNoTime(5));
  EXPECT_FALSE(tally.LeaveNoTime(6));
  EXPECT_EQ(tally.last(), 9u);
  tally.Begin(9, false, 6);
  EXPECT_EQ(tally.count(), 1u);
}

TEST(StarvedCpusTest, CountsWhatIsDoneWhereNoTaskGetsOn) {
  StarvedCpus starved(3);
  const CpuId good(0);
  const CpuId bad(1);
  starved.OnOperation(bad);  // of nothing that disturbs
  for (uint64_t i = 0; i + 2 < StarvedCpus::kOperationsMax; ++i) {
    if (i % 64 == 0) starved.OnDisturbance(bad, 7);
    if (i % 64 != 0) starved.OnOperation(bad);
  }
  EXPECT_FALSE(starved.TooLong());
  starved.OnDisturbance(good, 8);
  starved.OnProgress(good);
  EXPECT_FALSE(starved.TooLong());
  starved.OnDisturbance(good, 8);
  starved.OnOperation(good);
  EXPECT_TRUE(starved.TooLong()) << "of all together";
  EXPECT_EQ(starved.Worst(), bad);
  EXPECT_EQ(starved.disturbances(bad), StarvedCpus::kOperationsMax / 64);
  EXPECT_EQ(starved.last(bad), 7u);
  starved.OnProgress(bad);
  EXPECT_FALSE(starved.TooLong());
}

}  // namespace
}  // namespace slablab
