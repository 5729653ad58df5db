// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "sim/core/machine_observer.h"
#include "sim/machine.h"
#include "tests/workloads/closed_world.h"
#include "workloads/closed/closed_loop.h"
#include "workloads/closed/scenario.h"

// What comes to a CPU whose task thinks: interrupts, tasks that wake, the CPU's end.

namespace slablab {
namespace {

constexpr Cycles kLong = 100'000'000;  // tens of milliseconds

// Comes at given times; notes when each began.
class Comings : public Disturbance {
 public:
  explicit Comings(std::vector<Next> comings) : comings_(std::move(comings)) {}
  std::optional<Next> Take() override {
    if (at_ == comings_.size()) return std::nullopt;
    return comings_[at_++];
  }
  Task<void> Run(ClosedLoop& loop, Cpu& cpu, uint64_t token) override {
    began_.push_back({.time = cpu.now() - loop.start(), .cpu = cpu.id(), .token = token});
    co_return;
  }
  const std::vector<Next>& began() const { return began_; }

 private:
  const std::vector<Next> comings_;
  size_t at_ = 0;
  std::vector<Next> began_;
};

struct CpuNotes : MachineObserver {
  void OnLockWait(const LockWait&) override {}
  void OnInterrupt(CpuId cpu, Interrupt, Cycles from, Cycles to) override {
    if (cpu == CpuId(0)) interrupted += to - from;
  }
  void OnOnline(CpuId, bool online, Cycles at) override { (online ? back : gone) = at; }
  Cycles interrupted = 0;  // CPU 0, in all
  Cycles gone = 0;
  Cycles back = 0;
};

TEST(ThinkTest, AnInterruptComesInAtItsOwnTimeAndTheThinkLastsItsFullLength) {
  for (const Cycles due : {1'001, 777'777, 54'321'098}) {
    World world;
    CpuNotes cpus;
    world.machine().scheduler().set_observer(&cpus);
    // Others have many sync points meanwhile.
    std::vector<Step> others;
    for (uint64_t i = 0; i < 1'000; ++i) others.insert(others.end(), {Allocate(2), Free(2)});
    Script script({{Think(kLong)}, others});
    Comings comings({{.time = due, .cpu = CpuId(0), .priority = Priority::kHardirq},
                     {.time = due + 7, .cpu = CpuId(1), .priority = Priority::kHardirq}});
    ASSERT_TRUE(world.Run(script, &comings).ok());
    ASSERT_EQ(comings.began().size(), 2u);
    const Cycles entry = world.machine().config().irq_entry_cycles;
    EXPECT_EQ(comings.began()[0].time, due + entry);
    const ClosedLoopResult& closed = world.loop().closed();
    EXPECT_EQ(closed.think_cycles, kLong);
    const Cycles began = ClosedLoopOptions().switch_ns *
                         static_cast<Cycles>(world.machine().config().clock_mhz) / 1000;
    EXPECT_EQ(closed.end - world.loop().start(), began + kLong + cpus.interrupted);
    EXPECT_GE(cpus.interrupted, entry + world.machine().config().irq_exit_cycles);
  }
}

// Work of task priority waits for no think, and does not keep interrupts away that come after it.
TEST(ThinkTest, WhatADisturbanceDoesAsATaskIsDoneAtItsTime) {
  World world;
  Script script({{Think(kLong)}});
  Comings comings({{.time = 5'000, .cpu = CpuId(0), .priority = Priority::kTask},
                   {.time = 9'000, .cpu = CpuId(0), .priority = Priority::kSoftirq, .token = 1}});
  ASSERT_TRUE(world.Run(script, &comings).ok());
  ASSERT_EQ(comings.began().size(), 2u);
  EXPECT_EQ(comings.began()[0].time, 5'000u);
  EXPECT_EQ(comings.began()[1].time, 9'000 + world.machine().config().irq_entry_cycles);
  EXPECT_EQ(world.loop().closed().think_cycles, kLong);
}

// One thinks; another wakes on its CPU, by itself or by a third's message, and is owed much more.
TEST(ThinkTest, WhoWakesPreemptsWhoThinks) {
  for (const bool by_message : {false, true}) {
    World world;
    const Cycles wakes = kLong / 2;
    const std::vector<Step> sleeper = by_message
                                          ? std::vector<Step>{Receive(0, 1), Free(1), Allocate(2)}
                                          : std::vector<Step>{Sleep(wakes), Allocate(2)};
    Script script(
        {sleeper, {Think(kLong), Allocate(3)}, {Sleep(wakes - 10'000), Allocate(4), Send(0, 4)}},
        {0, 0, 1});
    ASSERT_TRUE(world.Run(script).ok());
    Cycles woken = 0;
    Cycles thought = 0;
    for (const OperationEnd& operation : world.notes().all) {
      if (operation.is_free) continue;
      if (operation.task == 1) thought = operation.start - world.loop().start();
      if (operation.task == 0) woken = operation.start - world.loop().start();
    }
    EXPECT_NEAR(static_cast<double>(woken), static_cast<double>(wakes), 50'000) << by_message;
    EXPECT_GE(thought, kLong);
    EXPECT_LE(thought, kLong + 200'000);
    EXPECT_EQ(world.loop().closed().think_cycles, kLong);
    EXPECT_EQ(world.loop().closed().switches, 3u);
  }
}

TEST(ThinkTest, OneThatOutlastsTheClockIsAnError) {
  World world;
  Script script({{Think(uint64_t{1} << 52), Allocate(1)}, {Allocate(2)}});
  const absl::Status status = world.Run(script);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "it takes longer than the machine's clock can count");
}

// Two that only think share their CPU by the tick.
TEST(ThinkTest, TheTickEndsASliceInTheMiddleOfAThink) {
  World world;
  Script script({{Think(kLong)}, {Think(kLong)}}, {0, 0});
  ASSERT_TRUE(world.Run(script).ok());
  EXPECT_GE(world.loop().closed().switches, 2u);
  EXPECT_EQ(world.loop().closed().think_cycles, 2 * kLong);
}

TEST(ThinkTest, ACpuGoesOffLineInTheMiddleOfAThinkAndTheRestIsThoughtElsewhere) {
  World world;
  CpuNotes cpus;
  world.machine().scheduler().set_observer(&cpus);
  Script script({{Think(kLong), Allocate(1), Free(1)}}, {3});
  absl::StatusOr<ParsedScenario> parsed = ParseScenario(
      "events { at_us: 500 cpu_offline { cpu: 3 } }", "s.textproto", {.cpus = 4, .nodes = 2});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  Scenario scenario(*std::move(parsed), world.machine().config(), {});
  ASSERT_TRUE(world.Run(script, &scenario).ok());
  EXPECT_GT(cpus.gone, world.loop().start());
  EXPECT_LT(cpus.gone, world.loop().start() + kLong / 10);
  EXPECT_EQ(world.loop().closed().think_cycles, kLong);
  ASSERT_EQ(world.notes().all.size(), 2u);
  EXPECT_NE(world.notes().all[0].cpu, CpuId(3));
  EXPECT_GE(world.notes().all[0].start - world.loop().start(), kLong);
}

}  // namespace
}  // namespace slablab
