// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "sim/core/cpu.h"
#include "sim/core/machine_observer.h"
#include "sim/core/scheduler.h"
#include "tests/sim/core/core_fixture.h"
#include "tests/sim/script.h"
#include "tests/sim/test_machine.h"

// Time that passes interruptibly. Interrupt entry costs 300, exit 200, an inter-processor interrupt
// takes 1000.

namespace slablab {
namespace {

class PassTest : public OneCoreTest {
 protected:
  PassTest() : OneCoreTest(3) {}
  Script::Work Passes(Cycles cycles, Cycles expected_left = 0) {
    return [this, cycles, expected_left](Cpu& cpu) -> Task<void> {
      const Cycles left = co_await cpu.PassInterruptibly(cycles);
      EXPECT_EQ(left, expected_left);
      Note(cpu, "passed");
    };
  }
  Script::Work Handles(Cycles cycles) {
    return [this, cycles](Cpu& cpu) -> Task<void> {
      Note(cpu, "irq");
      cpu.Execute(cycles);
      co_return;
    };
  }
  // Work of many sync points.
  Script::Work Busy(int steps, Cycles step) {
    return [steps, step](Cpu& cpu) -> Task<void> {
      for (int i = 0; i < steps; ++i) {
        cpu.Execute(step);
        co_await cpu.Sync();
      }
    };
  }
};

TEST_F(PassTest, InterruptsComeInAtTheirTimesAndTheRestPassesAfterwards) {
  script_.At(0, 0, Passes(10'000));
  script_.At(10, 1, Busy(100, 100));
  script_.At(3'001, 0, Priority::kHardirq, Handles(50));
  script_.At(3'002, 0, Priority::kSoftirq, Handles(7));   // after the first, at 3551
  script_.At(10'557, 0, Priority::kHardirq, Handles(0));  // 499 before its end
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"3301 irq", "3851 irq", "10857 irq", "11557 passed"}));
  EXPECT_EQ(cpu(0).task_clock(), 10'000u);
  EXPECT_EQ(core_.ledger.cycles(Site::kUse, Cause::kInstructions), 100u * 100u);  // Not charged.
}

TEST_F(PassTest, ACallComesInWhenItIsDue) {
  struct Call : RemoteCall {
    Task<void> Run(Cpu& cpu) override {
      began = cpu.now();
      co_return;
    }
    Cycles began = 0;
  } call;
  script_.At(0, 1, Passes(10'000));
  script_.At(777, 0, [&](Cpu& cpu) -> Task<void> {
    co_await cpu.CallOn(CpuId(1), call);
    Note(cpu, "back");
  });
  script_.Run(core_.scheduler);
  EXPECT_EQ(call.began, 777u + 1000 + 300);
  EXPECT_EQ(log_, (Log{"2277 back", "10500 passed"}));
}

TEST_F(PassTest, WithInterruptsOffItPassesWhole) {
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    const IrqFlags flags = cpu.IrqSave();  // 8
    const Cycles left = co_await cpu.PassInterruptibly(5'000);
    EXPECT_EQ(left, 0u);
    Note(cpu, "passed");
    co_await cpu.IrqRestore(flags);  // 5024
  });
  script_.At(100, 0, Priority::kHardirq, Handles(50));
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"5008 passed", "5324 irq"}));
}

// What may not interrupt the work waits for its end, but does not keep ticks away.
TEST(PassingCpuTest, WhatMayNotInterruptWaitsForTheEndOfTheWork) {
  struct Refusing : Script {
    bool MayInterrupt(const Cpu&, uint64_t) const override { return false; }
  } script;
  MachineConfig config = TestMachine({});
  config.timer_hz = 100'000;  // each 10,000 cycles
  config.timer_tick_cycles = 100;
  Core core(config);
  Cycles passed = 0;
  Cycles came = 0;
  script.At(500, 0, [&](Cpu& cpu) -> Task<void> {
    co_await cpu.PassInterruptibly(25'000);
    passed = cpu.now();
  });
  script.At(2'000, 0, Priority::kHardirq, [&](Cpu& cpu) -> Task<void> {
    came = cpu.now();
    co_return;
  });
  script.Run(core.scheduler);
  EXPECT_EQ(passed, 500 + 25'000 + 2 * 600u);
  EXPECT_EQ(came, passed + 300);
}

TEST_F(PassTest, CanBeCutShort) {
  script_.At(0, 0, Passes(10'000, 10'000 - 4'321));
  script_.At(4'000, 1, [&](Cpu& other) -> Task<void> {
    core_.scheduler.CutPass(cpu(0), 4'400);
    core_.scheduler.CutPass(cpu(0), 4'321);
    core_.scheduler.CutPass(cpu(0), 4'900);  // Later than it will be.
    core_.scheduler.CutPass(cpu(1), 4'000);  // Does not pass time,
    core_.scheduler.CutPass(cpu(2), 4'000);  // nor does one that is idle.
    Note(other, "cuts");
    co_return;
  });
  script_.At(20'000, 0, Passes(10'000));  // The next is not concerned.
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"4000 cuts", "4321 passed", "30000 passed"}));
}

TEST_F(PassTest, CutShortInAnInterruptItEndsWithThat) {
  script_.At(0, 0, Passes(10'000, 9'000));
  script_.At(1'000, 0, Priority::kHardirq, [&](Cpu& cpu) -> Task<void> {
    core_.scheduler.CutPass(cpu, cpu.now());
    co_return;
  });
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"1500 passed"}));
}

TEST_F(PassTest, WorkOfItsOwnPriorityCutsItShort) {
  script_.At(0, 0, Passes(10'000, 8'000));
  script_.At(2'000, 0, Handles(50));
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"2000 passed", "2000 irq"}));
}

// A pass and as many single cycles, each with a sync point, are the same to everybody. Three CPUs
// with ticks; tasks and interrupts at random times, which pass time, touch lines that all share and
// call each other.
class RandomPasses {
 public:
  RandomPasses(uint64_t seed, bool whole) : random_(seed), whole_(whole) {
    MachineConfig config = TestMachine({.cores = 3, .cores_per_domain = 3});
    config.timer_hz = 300'000;
    config.timer_tick_cycles = 40;
    config.ipi_cycles = 100;
    config.irq_entry_cycles = 30;
    config.irq_exit_cycles = 20;
    core_ = std::make_unique<Core>(config);
    core_->scheduler.set_observer(&ticks_);
    for (int i = 0; i < 60; ++i) {
      const auto priority = static_cast<Priority>(random_.Below(3));
      script_.At(random_.Below(20'000), static_cast<int>(random_.Below(3)), priority,
                 Work(i, priority));
    }
    script_.Run(core_->scheduler);
  }
  const Log& log() const { return log_; }

 private:
  struct Ticks : MachineObserver {
    explicit Ticks(Log* to) : log(to) {}
    void OnLockWait(const LockWait&) override {}
    void OnOnline(CpuId, bool, Cycles) override {}
    void OnInterrupt(CpuId cpu, Interrupt interrupt, Cycles from, Cycles to) override {
      log->push_back(std::to_string(cpu.value()) + " " +
                     std::to_string(static_cast<int>(interrupt)) + " " + std::to_string(from) +
                     " " + std::to_string(to));
    }
    Log* log;
  };
  struct Call : RemoteCall {
    Task<void> Run(Cpu& cpu) override {
      cpu.Touch(DataPlace(0), Access::kWrite);
      co_return;
    }
  };
  Script::Work Work(int number, Priority priority) {
    std::vector<Cycles> passes;
    for (uint64_t left = 1 + random_.Below(3); left > 0; --left) {
      passes.push_back(random_.Below(priority == Priority::kTask ? 3'000 : 200));
    }
    const CpuId other(static_cast<int32_t>(random_.Below(3)));
    return [this, number, priority, passes, other](Cpu& cpu) -> Task<void> {
      for (const Cycles cycles : passes) {
        co_await cpu.Sync();
        if (whole_) {
          Cycles left = cycles;
          while (left > 0) left = co_await cpu.PassInterruptibly(left);
        } else {
          for (Cycles i = 0; i < cycles; ++i) {
            cpu.Pass(1);
            co_await cpu.Sync();
          }
        }
        cpu.Touch(DataPlace(1), Access::kWrite);
        log_.push_back(std::to_string(cpu.id().value()) + " work " + std::to_string(number) + " " +
                       std::to_string(cpu.now()));
      }
      if (priority != Priority::kTask) co_return;
      Call call;
      co_await cpu.CallOn(other, call);
    };
  }

  Random random_;
  const bool whole_;
  Log log_;
  Ticks ticks_{&log_};
  std::unique_ptr<Core> core_;
  Script script_;
};

TEST(PassingCpuTest, IsTheSameAsManySingleCyclesToEverybody) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const Log whole = RandomPasses(seed, true).log();
    EXPECT_GT(whole.size(), 100u);
    ASSERT_EQ(whole, RandomPasses(seed, false).log()) << "seed " << seed;
  }
}

// Where an explorer says who runs, an interrupt may come before a pass, at its end or after it.
TEST(PassingCpuTest, IsASyncPointToTheExplorer) {
  EveryInterleaving every;
  std::set<std::string> seen;
  while (every.Next()) {
    Core core(TestMachine({.cores = 2}));
    core.scheduler.set_explorer(&every);
    Script script;
    std::string order;
    script.At(0, 0, [&](Cpu& cpu) -> Task<void> {
      order += "a";
      const Cycles left = co_await cpu.PassInterruptibly(1'000);
      EXPECT_EQ(left, 0u);
      order += "b";
    });
    script.At(0, 1, [&](Cpu& cpu) -> Task<void> {
      order += "c";
      co_await cpu.PassInterruptibly(1'000);
      order += "d";
    });
    script.Run(core.scheduler);
    seen.insert(order);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"abcd", "acbd", "acdb", "cabd", "cadb", "cdab"}));
}

}  // namespace
}  // namespace slablab
