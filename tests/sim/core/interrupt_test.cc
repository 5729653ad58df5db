// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "sim/core/cpu.h"
#include "sim/core/fields.h"
#include "sim/core/scheduler.h"
#include "sim/core/spinlock.h"
#include "tests/sim/core/core_fixture.h"
#include "tests/sim/script.h"
#include "tests/sim/test_machine.h"

// Interrupts, calls to other CPUs, parking, hotplug; times worked by hand. Interrupt entry costs
// 300, exit 200; an inter-processor interrupt takes 1000; saving the interrupt flag costs 8,
// restoring it 16.

namespace slablab {
namespace {

TEST_F(OneCoreTest, AHardirqComesInAtTheFirstSyncPointAtOrAfterItsTime) {
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      cpu.Execute(100);
      co_await cpu.Sync();
      Note(cpu, "task");
    }
    EXPECT_EQ(cpu.task_clock(), 300u);
    EXPECT_EQ(cpu.site(), Site::kUse);
    EXPECT_TRUE(cpu.irqs_enabled());
  });
  script_.At(150, 0, Priority::kHardirq, [&](Cpu& cpu) -> Task<void> {
    Note(cpu, "irq");
    EXPECT_FALSE(cpu.irqs_enabled());
    EXPECT_TRUE(cpu.in_interrupt());
    EXPECT_EQ(cpu.site(), Site::kInterrupt);
    cpu.Execute(50);
    co_return;
  });
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"100 task", "500 irq", "750 task", "850 task"}));
  EXPECT_EQ(core_.ledger.cycles(Site::kInterrupt, Cause::kInterrupt), 500u);
  EXPECT_EQ(core_.ledger.cycles(Site::kInterrupt, Cause::kInstructions), 50u);
  EXPECT_EQ(core_.ledger.cycles(Site::kUse, Cause::kInstructions), 300u);
  EXPECT_EQ(cpu(0).irq_off().longest_deferral_cycles, 0u);  // They were on.
}

// Two hundred sync points, and an interrupt due at every time there is.
TEST(InterruptTest, ComesInAtEverySyncPointOfAnOperation) {
  std::set<int> came_in;
  for (Cycles due = 0; due <= 220; ++due) {
    Core core(TestMachine({}));
    Script script;
    int at = 0;
    script.At(0, 0, [&](Cpu& cpu) -> Task<void> {
      for (at = 1; at <= 20; ++at) {
        cpu.Execute(10);
        co_await cpu.Sync();
      }
    });
    script.At(due, 0, Priority::kHardirq, [&](Cpu&) -> Task<void> {
      EXPECT_EQ(at, due <= 200 ? std::max<int>(1, (static_cast<int>(due) + 9) / 10) : 21) << due;
      came_in.insert(at);
      co_return;
    });
    script.Run(core.scheduler);
  }
  EXPECT_EQ(came_in.size(), 21u);
}

TEST_F(OneCoreTest, InterruptsThatComeWhileOffWaitAndTheLongestDeferralIsKept) {
  auto handler = [&](Cpu& cpu) -> Task<void> {
    Note(cpu, "irq");
    co_return;
  };
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    const IrqFlags flags = cpu.IrqSave();  // 8
    const IrqFlags again = cpu.IrqSave();  // 16: already off
    EXPECT_EQ(flags, IrqFlags::kWereOn);
    EXPECT_EQ(again, IrqFlags::kWereOff);
    cpu.Execute(1000);
    co_await cpu.Sync();
    Note(cpu, "off");
    co_await cpu.IrqRestore(again);  // 1032, still off
    Note(cpu, "still off");
    co_await cpu.IrqRestore(flags);  // 1048
    Note(cpu, "on");
  });
  script_.At(100, 0, Priority::kHardirq, handler);
  script_.At(600, 0, Priority::kHardirq, handler);
  script_.Run(core_.scheduler);
  // The first is entered at 1048, the second at 1048 + 300 + 200.
  EXPECT_EQ(log_, (Log{"1016 off", "1032 still off", "1348 irq", "1848 irq", "2048 on"}));
  const IrqOffStats& irq_off = cpu(0).irq_off();
  EXPECT_EQ(irq_off.windows, 1u);
  EXPECT_EQ(irq_off.total_cycles, 1040u);
  EXPECT_EQ(irq_off.longest_cycles, 1040u);
  EXPECT_EQ(irq_off.longest_site, Site::kUse);
  EXPECT_EQ(irq_off.longest_deferral_cycles, 1048u - 100u);
}

TEST_F(OneCoreTest, HardirqsInterruptSoftirqsAndNeitherItsOwnKind) {
  auto work = [&](std::string name, int steps) {
    return [this, name, steps](Cpu& cpu) -> Task<void> {
      Note(cpu, name + " begins");
      for (int i = 0; i < steps; ++i) {
        cpu.Execute(100);
        co_await cpu.Sync();
      }
      Note(cpu, name + " ends");
    };
  };
  script_.At(0, 0, work("task", 5));
  script_.At(150, 0, Priority::kSoftirq, work("soft", 5));
  script_.At(600, 0, Priority::kHardirq, work("hard", 2));
  script_.At(650, 0, Priority::kHardirq, work("hard2", 1));
  script_.At(660, 0, Priority::kSoftirq, work("soft2", 1));
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"0 task begins",
                       "500 soft begins",    // at 200
                       "900 hard begins",    // at 600, the softirq's first sync point
                       "1100 hard ends",     // 1300
                       "1600 hard2 begins",  // back in the softirq, and out again
                       "1700 hard2 ends",    // 1900
                       "2300 soft ends",     // four more steps; 2500
                       "2800 soft2 begins", "2900 soft2 ends",  // 3100
                       "3400 task ends"}));
  EXPECT_EQ(cpu(0).task_clock(), 500u);
}

// An operation in a softirq does not take longer because a hardirq came in between.
TEST_F(OneCoreTest, WhatInterruptsAnInterruptIsNotInItsTime) {
  const auto work = [](int steps, Cycles* took) {
    return [steps, took](Cpu& cpu) -> Task<void> {
      const Cycles begin = cpu.task_clock();
      for (int i = 0; i < steps; ++i) {
        cpu.Execute(100);
        co_await cpu.Sync();
      }
      *took = cpu.task_clock() - begin;
    };
  };
  Cycles task = 0;
  Cycles softirq = 0;
  Cycles hardirq = 0;
  script_.At(0, 0, work(5, &task));
  script_.At(150, 0, Priority::kSoftirq, work(5, &softirq));
  script_.At(600, 0, Priority::kHardirq, work(2, &hardirq));
  script_.Run(core_.scheduler);
  EXPECT_EQ(task, 500u);
  EXPECT_EQ(softirq, 500u);
  EXPECT_EQ(hardirq, 200u);
}

TEST_F(OneCoreTest, AnInterruptOfAnIdleCpuRunsAtItsTime) {
  script_.At(100, 0, Priority::kHardirq, [&](Cpu& cpu) -> Task<void> {
    EXPECT_FALSE(cpu.irqs_enabled());
    Note(cpu, "irq");
    co_return;
  });
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"400 irq"}));
  EXPECT_EQ(cpu(0).now(), 600u);
  EXPECT_TRUE(cpu(0).irqs_enabled());
}

TEST(InterruptTest, TheTimerTicksOnlyWhileTheCpuIsBusy) {
  MachineConfig config = TestMachine({});
  config.timer_hz = 100'000;  // each 10,000 cycles
  config.timer_tick_cycles = 100;
  constexpr Cycles kTick = 300 + 100 + 200;
  Core core(config);
  Script script;
  Cpu& cpu = core.scheduler.cpu(CpuId(0));
  auto busy = [](int steps) {
    return [steps](Cpu& on) -> Task<void> {
      for (int i = 0; i < steps; ++i) {
        on.Execute(100);
        co_await on.Sync();
      }
    };
  };
  script.At(500, 0, busy(250));  // ticks at 10,000 and 20,000; ends at 26,700
  script.Run(core.scheduler);
  EXPECT_EQ(cpu.now(), 500 + 25'000 + 2 * kTick);
  EXPECT_EQ(cpu.task_clock(), 500u + 25'000u);

  Script later;  // Idle over five ticks.
  later.At(79'950, 0, busy(0));
  later.Run(core.scheduler);
  EXPECT_EQ(cpu.now(), 79'950u);

  Script blind;  // A tick between the last sync point and the end.
  blind.At(89'950, 0, [](Cpu& on) -> Task<void> {
    on.Execute(100);
    co_return;
  });
  blind.Run(core.scheduler);
  EXPECT_EQ(cpu.now(), 90'050 + kTick);

  Script off;  // Three periods with interrupts off are one tick, deferred.
  off.At(100'000, 0, [&](Cpu& on) -> Task<void> {
    const IrqFlags flags = on.IrqSave();
    on.Execute(35'000);
    co_await on.IrqRestore(flags);
    EXPECT_EQ(on.now(), 135'024 + kTick);
  });
  off.Run(core.scheduler);
  EXPECT_EQ(cpu.irq_off().longest_deferral_cycles, 135'024u - 110'000u);
  EXPECT_EQ(core.ledger.cycles(Site::kInterrupt, Cause::kInterrupt), 4 * kTick);
}

struct NotedCall : RemoteCall {
  NotedCall(Log* to, Cycles cycles) : log(to), work(cycles) {}
  Task<void> Run(Cpu& cpu) override {
    EXPECT_FALSE(cpu.irqs_enabled());
    log->push_back(std::to_string(cpu.now()) + " call on " + std::to_string(cpu.id().value()));
    cpu.Execute(work);
    co_await cpu.Sync();
  }
  Log* log;
  Cycles work;
};

class FourCoreTest : public OneCoreTest {
 protected:
  FourCoreTest() : OneCoreTest(4) {}
  // Work that calls `target` at once.
  Script::Work Caller(int target, Cycles work) {
    return [this, target, work](Cpu& cpu) -> Task<void> {
      NotedCall call(&log_, work);
      co_await cpu.CallOn(CpuId(target), call);
      Note(cpu, "back on " + std::to_string(cpu.id().value()));
      EXPECT_TRUE(cpu.irqs_enabled());
    };
  }
  Script::Work Busy(int steps, Cycles step) {
    return [this, steps, step](Cpu& cpu) -> Task<void> {
      for (int i = 0; i < steps; ++i) {
        cpu.Execute(step);
        co_await cpu.Sync();
      }
      Note(cpu, "busy ends");
    };
  }
};

TEST_F(FourCoreTest, CallOnAnIdleCpu) {
  script_.At(100, 0, Caller(1, 50));
  script_.Run(core_.scheduler);
  // Due at 1100, entered at 1400, left at 1450 + 200.
  EXPECT_EQ(log_, (Log{"1400 call on 1", "1650 back on 0"}));
}

TEST_F(FourCoreTest, ACallOnItsWayDoesNotHoldUpWhatComesBefore) {
  script_.At(100, 0, Caller(1, 50));
  script_.At(200, 1, Busy(3, 100));
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"500 busy ends", "1400 call on 1", "1650 back on 0"}));
}

TEST_F(FourCoreTest, CallOnABusyCpuComesInAtASyncPoint) {
  script_.At(0, 1, Busy(4, 600));
  script_.At(100, 0, Caller(1, 50));
  script_.Run(core_.scheduler);
  // Due at 1100, in at 1200.
  EXPECT_EQ(log_, (Log{"1500 call on 1", "1750 back on 0", "2950 busy ends"}));
  EXPECT_EQ(cpu(1).task_clock(), 2400u);
}

TEST_F(FourCoreTest, CallOnACpuWithInterruptsOffWaits) {
  script_.At(0, 1, [&](Cpu& cpu) -> Task<void> {
    const IrqFlags flags = cpu.IrqSave();
    cpu.Execute(1192);
    co_await cpu.Sync();  // 1200
    cpu.Execute(3784);
    co_await cpu.IrqRestore(flags);  // 5000
  });
  script_.At(100, 0, Caller(1, 50));
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"5300 call on 1", "5550 back on 0"}));
  EXPECT_EQ(cpu(1).irq_off().longest_deferral_cycles, 3900u);
}

TEST_F(FourCoreTest, CallOnItselfRunsAtOnceWithInterruptsOff) {
  script_.At(100, 2, Caller(2, 50));
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"108 call on 2", "174 back on 2"}));
}

TEST_F(FourCoreTest, TwoCpusCanCallEachOther) {
  script_.At(100, 0, Caller(1, 50));
  script_.At(100, 1, Caller(0, 50));
  script_.Run(core_.scheduler);
  // Each waits, is interrupted by the other's call, and goes on when its own is done.
  EXPECT_EQ(log_, (Log{"1400 call on 0", "1400 call on 1", "1650 back on 0", "1650 back on 1"}));
}

TEST_F(FourCoreTest, ManyCallsOnOneCpuAreTakenInTheirOrder) {
  script_.At(100, 3, Caller(1, 50));
  script_.At(110, 0, Caller(1, 50));
  script_.At(120, 2, Caller(1, 50));
  script_.Run(core_.scheduler);
  // The second begins at 1650, where CPU 1 comes before CPU 3.
  EXPECT_EQ(log_, (Log{"1400 call on 1", "1950 call on 1", "1650 back on 3", "2200 back on 0",
                       "2500 call on 1", "2750 back on 2"}));
}

// CPU 0 waits for its call on CPU 1; a handler that interrupts the wait is in a lock's queue when
// the call ends. The call's end must not take it out of that queue.
TEST_F(FourCoreTest, TheEndOfACallDoesNotDisturbAHandlerThatWaitsForALock) {
  SpinLock lock(core_.scheduler.AddLockClass("lock", 0), DataPlace(0));
  auto hold = [&](Cycles cycles) {
    return [this, cycles, &lock](Cpu& cpu) -> Task<void> {
      const IrqFlags flags = cpu.IrqSave();
      {
        SpinGuard guard = co_await lock.Acquire(cpu);
        Note(cpu, "locked by " + std::to_string(cpu.id().value()));
        cpu.Execute(cycles / 2);
        co_await cpu.Sync();
        cpu.Execute(cycles / 2);
      }
      co_await cpu.IrqRestore(flags);
    };
  };
  script_.At(0, 2, hold(10'000));
  script_.At(100, 0, Caller(1, 1000));  // ends at 2600
  script_.At(1500, 0, Priority::kHardirq, hold(100));
  script_.At(3000, 3, hold(100));
  script_.Run(core_.scheduler);
  // CPU 2 releases at 158 + 10,000 + 60; CPU 0 takes it for 60 + 20 and keeps it for 104, while
  // CPU 3 has waited from 3008 on. The call was over at 2600, and nothing happened then.
  EXPECT_EQ(log_, (Log{"158 locked by 2", "1400 call on 1", "10298 locked by 0",
                       "10482 locked by 3", "10618 back on 0"}));
  EXPECT_EQ(core_.scheduler.lock_classes().front().contentions, 2u);
  EXPECT_EQ(core_.scheduler.lock_classes().front().acquisitions, 3u);
}

TEST_F(FourCoreTest, AParkedCpuGoesOnWhenItIsUnparked) {
  bool ready = false;
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    while (!ready) co_await cpu.Park();
    Note(cpu, "unparked");
  });
  script_.At(300, 0, Priority::kHardirq, [&](Cpu& cpu) -> Task<void> {  // wakes it in vain
    Note(cpu, "irq");
    co_return;
  });
  script_.At(2000, 1, [&](Cpu& waker) -> Task<void> {
    co_await waker.Sync();
    ready = true;
    core_.scheduler.Unpark(cpu(0), waker.now());
    core_.scheduler.Unpark(cpu(0), waker.now());  // No effect the second time.
    core_.scheduler.Unpark(cpu(2), waker.now());  // Nor on a CPU that is not parked.
  });
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"600 irq", "2000 unparked"}));
  EXPECT_EQ(cpu(2).now(), 0u);
}

using FourCoreDeathTest = FourCoreTest;

TEST_F(FourCoreDeathTest, AbortsWhenACpuStaysParkedForEver) {
  script_.At(0, 0, [](Cpu& cpu) -> Task<void> { co_await cpu.Park(); });
  EXPECT_EXIT(script_.Run(core_.scheduler), testing::ExitedWithCode(3),
              "CPUs wait for each other for ever: CPU 0 waits to be woken");
}

TEST_F(FourCoreTest, ACallOfAnOfflineCpuIsNotMade) {
  core_.scheduler.SetOnline(CpuId(1), false);
  script_.At(0, 0, Caller(1, 50));
  script_.Run(core_.scheduler);
  EXPECT_EQ(cpu(1).now(), 0u);
}

TEST_F(FourCoreDeathTest, AbortsOnWorkForAnOfflineCpu) {
  core_.scheduler.SetOnline(CpuId(1), false);
  script_.At(0, 1, Busy(1, 1));
  EXPECT_EXIT(script_.Run(core_.scheduler), testing::ExitedWithCode(3), "online");
}

TEST_F(FourCoreDeathTest, AbortsOnWorkThatLeavesInterruptsOff) {
  script_.At(0, 0, [](Cpu& cpu) -> Task<void> {
    cpu.IrqSave();
    co_return;
  });
  EXPECT_EXIT(script_.Run(core_.scheduler), testing::ExitedWithCode(3), "irqs_enabled");
}

TEST_F(FourCoreDeathTest, AbortsOnAnotherCpusField) {
  PerCpu<int> field(CpuId(1), DataPlace(0), 5);
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    EXPECT_EQ(cpu.Load(field), 5);
    co_return;
  });
  EXPECT_EXIT(script_.Run(core_.scheduler), testing::ExitedWithCode(3), "online");
}

TEST_F(FourCoreTest, AnOfflineCpusFieldsAreOpenToOthersAndItsOwnWhenItIsBack) {
  PerCpu<int> field(CpuId(1), DataPlace(0), 5);
  core_.scheduler.SetOnline(CpuId(1), false);
  EXPECT_FALSE(cpu(1).online());
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    cpu.Store(field, cpu.Load(field) + 1);
    co_return;
  });
  script_.Run(core_.scheduler);
  core_.scheduler.SetOnline(CpuId(1), true);
  EXPECT_TRUE(cpu(1).online());
  Script own;
  own.At(1000, 1, [&](Cpu& cpu) -> Task<void> {
    cpu.CountTouches();
    const bool exchanged = co_await cpu.ThisCpuCmpxchg(field, 6, 7);
    EXPECT_TRUE(exchanged);
    const bool again = co_await cpu.ThisCpuCmpxchg(field, 6, 8);
    EXPECT_FALSE(again);
    EXPECT_EQ(cpu.Load(field), 7);
    EXPECT_EQ(cpu.counts().local_cmpxchgs, 2u);
    EXPECT_EQ(cpu.counts().loads, 1u);
    EXPECT_EQ(cpu.counts().stores, 0u);
  });
  own.Run(core_.scheduler);
}

}  // namespace
}  // namespace slablab
