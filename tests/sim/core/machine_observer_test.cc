// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What an observer of the machine is told: every wait, interrupt and change of state, with the
// times that the machine's own figures have.

#include "sim/core/machine_observer.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/core/spinlock.h"
#include "tests/sim/script.h"
#include "tests/sim/test_machine.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

struct Seen : public MachineObserver {
  struct Wait {
    int cpu;
    std::string lock;
    Cycles cycles;
    LockHolder holder;
  };
  void OnLockWait(const LockWait& wait) override {
    EXPECT_LT(wait.from, wait.to);
    waits.push_back({wait.cpu.value(), wait.lock_class, wait.to - wait.from, wait.holder});
  }
  void OnInterrupt(CpuId cpu, Interrupt interrupt, Cycles from, Cycles to) override {
    EXPECT_LE(from, to);
    interrupts.push_back(interrupt);
    interrupted_cpus.push_back(cpu.value());
  }
  void OnOnline(CpuId cpu, bool online, Cycles) override {
    changes.push_back(cpu.value() * 10 + (online ? 1 : 0));
  }

  std::vector<Wait> waits;
  std::vector<Interrupt> interrupts;
  std::vector<int> interrupted_cpus;
  std::vector<int> changes;
};

TEST(MachineObserverTest, SeesWaitsInterruptsAndHotplug) {
  Core core(TestMachine({.cores = 2, .cores_per_domain = 2}));
  LockClass& lock_class = *core.scheduler.AddLockClass("list_lock", 1);
  SpinLock lock(&lock_class, {PhysAddr(kPageSize), Structure::kLock});
  Seen seen;
  core.scheduler.set_observer(&seen);
  const auto hold = [&](Cpu& cpu) -> Task<void> {
    const SiteScope site(cpu, cpu.id() == CpuId(0) ? Site::kPageAllocator : Site::kUse);
    const IrqFlags flags = cpu.IrqSave();
    {
      SpinGuard guard = co_await lock.Acquire(cpu);
      cpu.Execute(500);
      co_await cpu.Sync();
      cpu.Execute(500);
    }
    co_await cpu.IrqRestore(flags);
  };
  Script script;
  script.At(0, 0, hold);
  script.At(50, 1, hold);  // Waits for the other.
  script.At(5000, 0, Priority::kSoftirq, [](Cpu&) -> Task<void> { co_return; });
  script.At(6000, 1, Priority::kHardirq, [](Cpu&) -> Task<void> { co_return; });
  script.Run(core.scheduler);
  core.scheduler.SetOnline(CpuId(1), false);
  core.scheduler.SetOnline(CpuId(1), true);

  ASSERT_THAT(seen.waits, SizeIs(1));
  EXPECT_EQ(seen.waits[0].cpu, 1);
  EXPECT_EQ(seen.waits[0].lock, "list_lock");
  EXPECT_EQ(seen.waits[0].cycles, lock_class.wait_total_cycles);
  EXPECT_EQ(seen.waits[0].holder.cpu, CpuId(0));
  EXPECT_EQ(seen.waits[0].holder.site, Site::kPageAllocator);
  EXPECT_THAT(seen.interrupts, ElementsAre(MachineObserver::Interrupt::kSoftirq,
                                           MachineObserver::Interrupt::kHardirq));
  EXPECT_THAT(seen.interrupted_cpus, ElementsAre(0, 1));
  EXPECT_THAT(seen.changes, ElementsAre(10, 11));

  core.scheduler.set_observer(nullptr);
  core.scheduler.SetOnline(CpuId(1), false);
  EXPECT_THAT(seen.changes, SizeIs(2));
}

}  // namespace
}  // namespace slablab
