// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cstdint>

#include "sim/core/scheduler.h"
#include "sim/core/spinlock.h"
#include "sim/core/watched_source.h"
#include "tests/sim/core/core_fixture.h"
#include "tests/sim/script.h"

// What happens to CPUs from whose work nothing comes.

namespace slablab {
namespace {

// Counts what its work says it has done.
class Counted : public WatchedSource {
 public:
  explicit Counted(Script& script) : script_(script) {}
  bool Next(Arrival* arrival) override { return script_.Next(arrival); }
  Task<void> Start(Cpu& cpu, uint64_t token) override { return script_.Start(cpu, token); }
  bool MayInterrupt(const Cpu&, uint64_t) const override { return true; }
  uint64_t Progress() const override { return done; }
  bool OnStall() override {
    ++stalls;
    return ends;
  }
  uint64_t done = 0;
  int stalls = 0;
  bool ends = false;

 private:
  Script& script_;
};

class WatchdogTest : public OneCoreTest {
 protected:
  WatchdogTest() : OneCoreTest(2) {}
  Counted counted_{script_};
};
using WatchdogDeathTest = WatchdogTest;

TEST_F(WatchdogDeathTest, EndsTwoThatMakeWayForEachOther) {
  for (int i = 0; i < 2; ++i) {
    script_.At(0, i, [](Cpu& cpu) -> Task<void> {
      for (;;) {
        cpu.Pass(1);
        co_await cpu.Sync();
      }
    });
  }
  EXPECT_EXIT(core_.scheduler.Run(counted_), testing::ExitedWithCode(3),
              "CPU 0 is at work; CPU 1 is at work");
}

TEST_F(WatchdogDeathTest, SaysWhoHoldsTheLockThatOthersWaitFor) {
  SpinLock lock(core_.scheduler.AddLockClass("list_lock", 1), DataPlace(3));
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    cpu.IrqSave();
    const SpinGuard guard = co_await lock.Acquire(cpu);
    co_await cpu.Park();
  });
  script_.At(50'000, 1, [&](Cpu& cpu) -> Task<void> {
    cpu.IrqSave();
    const SpinGuard guard = co_await lock.Acquire(cpu);
  });
  EXPECT_EXIT(script_.Run(core_.scheduler), testing::ExitedWithCode(3),
              "CPU 0 waits to be woken, interrupts off; "
              "CPU 1 waits for a lock list_lock, which CPU 0 holds, interrupts off");
}

TEST_F(WatchdogTest, LeavesTheEndToASourceThatEndsByItself) {
  counted_.ends = true;
  for (int i = 0; i < 2; ++i) {
    script_.At(0, i, [&](Cpu& cpu) -> Task<void> {
      while (counted_.stalls == 0) {
        cpu.Pass(1);
        co_await cpu.Sync();
      }
    });
  }
  core_.scheduler.Run(counted_);
  EXPECT_EQ(counted_.stalls, 1);
}

// Nothing is done for long, and then something is: both a few times over.
TEST_F(WatchdogTest, LetsWhatTakesItsTime) {
  for (int i = 0; i < 2; ++i) {
    script_.At(0, i, [&, i](Cpu& cpu) -> Task<void> {
      for (uint64_t n = 0; n < kStallSteps * 3 / 4; ++n) {
        cpu.Pass(1);
        co_await cpu.Sync();
        counted_.done += i == 0 && n % (kStallSteps / 4) == 0;
      }
    });
  }
  core_.scheduler.Run(counted_);
  EXPECT_EQ(counted_.stalls, 0);
}

}  // namespace
}  // namespace slablab
