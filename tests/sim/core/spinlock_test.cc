// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/spinlock.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/random.h"
#include "sim/core/fields.h"
#include "tests/sim/script.h"
#include "tests/sim/test_machine.h"

namespace slablab {
namespace {

constexpr Place kLockPlace = {PhysAddr(kPageSize), Structure::kLock};
constexpr Place kDataPlace = {PhysAddr(kPageSize + kLineSize), Structure::kNode};

// Three CPUs in one domain, no L2 and no LLC. A write costs 4 in a CPU's own L1, 60 from another's,
// 130 from memory; an atomic 20 more; saving the interrupt flag 8, restoring it 16.
class SpinLockTest : public testing::Test {
 protected:
  SpinLockTest()
      : core_(TestMachine({.cores = 3, .cores_per_domain = 3})),
        class_(*core_.scheduler.AddLockClass("list_lock", 1)),
        lock_(&class_, kLockPlace) {}

  Core core_;
  LockClass& class_;
  SpinLock lock_;
  Script script_;
};

TEST_F(SpinLockTest, AloneItCostsItsLine) {
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    cpu.CountTouches();
    const IrqFlags flags = cpu.IrqSave();  // 8
    {
      SpinGuard guard = co_await lock_.Acquire(cpu);  // 8 + 130 + 20 = 158
      EXPECT_EQ(cpu.now(), 158u);
      EXPECT_TRUE(lock_.HeldBy(cpu));
      cpu.Execute(42);  // 200
    }                   // 204
    EXPECT_FALSE(lock_.held());
    EXPECT_EQ(cpu.now(), 204u);
    co_await cpu.IrqRestore(flags);
    EXPECT_EQ(cpu.counts().lock_acquisitions, 1u);
    EXPECT_EQ(cpu.counts().atomics, 1u);
    EXPECT_EQ(cpu.counts().stores, 1u);
    EXPECT_EQ(cpu.counts().irq_toggles, 2u);
  });
  script_.Run(core_.scheduler);
  EXPECT_EQ(class_.acquisitions, 1u);
  EXPECT_EQ(class_.acquisition_bounces, 0u);
  EXPECT_EQ(class_.contentions, 0u);
  EXPECT_EQ(class_.wait_total_cycles, 0u);
  EXPECT_EQ(class_.hold_min_cycles, 46u);
  EXPECT_EQ(class_.hold_max_cycles, 46u);
  EXPECT_EQ(class_.hold_total_cycles, 46u);
}

// CPU   0         50   58      100  108        658          1158  1218        1298 ...
//  0    save,take.............................sync..........release
//  1                           save tail.......................................wait...
//  2              save tail........................................take.......
TEST_F(SpinLockTest, WaitersAreServedInTheOrderTheyCameAndFiguresAreThoseOfLockStat) {
  std::vector<int> order;
  auto take_it = [&](Cpu& cpu, bool syncs) -> Task<void> {
    const IrqFlags flags = cpu.IrqSave();
    {
      SpinGuard guard = co_await lock_.Acquire(cpu);
      order.push_back(cpu.id().value());
      cpu.Execute(500);
      if (syncs) co_await cpu.Sync();
      cpu.Execute(500);
    }
    co_await cpu.IrqRestore(flags);
  };
  script_.At(0, 0, [&](Cpu& cpu) { return take_it(cpu, true); });
  script_.At(50, 2, [&](Cpu& cpu) { return take_it(cpu, true); });
  script_.At(100, 1, [&](Cpu& cpu) { return take_it(cpu, true); });
  script_.Run(core_.scheduler);
  EXPECT_EQ(order, (std::vector{0, 2, 1}));

  // CPU 0: taken at 8 + 130 + 20 = 158. CPU 2 wants it at 58 and CPU 1 at 108; each queues with one
  // atomic (60 + 20). CPU 0 releases at 158 + 1000 + 60 (the line is CPU 1's): held for 1060.
  // CPU 2 has waited 1218 - 58 = 1160; taken at 1218 + 60 + 20 = 1298, released at 1298 + 1000 + 4:
  // 1004. CPU 1 has waited 2302 - 108 = 2194; taken at 2302 + 80, held for 1004.
  EXPECT_EQ(class_.acquisitions, 3u);
  EXPECT_EQ(class_.acquisition_bounces, 2u);
  EXPECT_EQ(class_.contentions, 2u);
  EXPECT_EQ(class_.contention_bounces, 2u);
  EXPECT_EQ(class_.wait_min_cycles, 1160u);
  EXPECT_EQ(class_.wait_max_cycles, 2194u);
  EXPECT_EQ(class_.wait_total_cycles, 1160u + 2194u);
  EXPECT_EQ(class_.hold_min_cycles, 1004u);
  EXPECT_EQ(class_.hold_max_cycles, 1060u);
  EXPECT_EQ(class_.hold_total_cycles, 1060u + 1004u + 1004u);
  EXPECT_EQ(core_.scheduler.cpu(CpuId(0)).now(), 1218u + 16u);
  EXPECT_EQ(core_.scheduler.cpu(CpuId(2)).now(), 2302u + 16u);
  EXPECT_EQ(core_.scheduler.cpu(CpuId(1)).now(), 2302u + 80u + 1004u + 16u);
  // What was not an atomic's cost was waiting: 1218 - 138 and 2302 - 188.
  EXPECT_EQ(core_.ledger.cycles(Site::kUse, Cause::kLockWait), 1080u + 2114u);

  core_.scheduler.ResetLockStats();
  EXPECT_EQ(class_.acquisitions, 0u);
  EXPECT_EQ(class_.name, "list_lock");
  EXPECT_EQ(class_.rank, 1);
}

// CPU 0 runs ahead through its critical section before CPU 1, which comes at 108, is looked at.
TEST_F(SpinLockTest, AReleaseInTheFutureIsWaitedForAndThoseBehindQueue) {
  std::vector<Cycles> taken(3);
  auto take_it = [&](Cpu& cpu) -> Task<void> {
    const IrqFlags flags = cpu.IrqSave();
    {
      SpinGuard guard = co_await lock_.Acquire(cpu);
      taken[cpu.id().index()] = cpu.now();
      cpu.Execute(1000);
    }
    co_await cpu.IrqRestore(flags);
  };
  for (int cpu = 0; cpu < 3; ++cpu) script_.At(100 * static_cast<Cycles>(cpu), cpu, take_it);
  script_.Run(core_.scheduler);
  EXPECT_EQ(taken[0], 158u);
  // Released at 158 + 1000 + 4. CPU 1 wanted it from 108, queued until 188, took it with its own
  // line: 4 + 20.
  EXPECT_EQ(taken[1], 1162u + 24u);
  // CPU 1 releases at 2190. CPU 2 wanted it from 208.
  EXPECT_EQ(taken[2], 2190u + 24u);
  EXPECT_EQ(class_.contentions, 2u);
  EXPECT_EQ(class_.contention_bounces, 2u);
  EXPECT_EQ(class_.wait_min_cycles, 1162u - 108u);
  EXPECT_EQ(class_.wait_max_cycles, 2190u - 208u);
  EXPECT_EQ(class_.hold_total_cycles, 3u * 1004u);
}

TEST_F(SpinLockTest, TryAcquireDoesNotWait) {
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    SpinGuard guard = co_await lock_.TryAcquire(cpu);
    EXPECT_TRUE(static_cast<bool>(guard));
    cpu.Execute(500);
    co_await cpu.Sync();
    cpu.Execute(500);
  });
  script_.At(100, 1, [&](Cpu& cpu) -> Task<void> {
    SpinGuard guard = co_await lock_.TryAcquire(cpu);
    EXPECT_FALSE(static_cast<bool>(guard));
    EXPECT_EQ(cpu.now(), 100u + 60u);  // It read the word.
  });
  // Released by a CPU that ran ahead of this one: not yet free.
  script_.At(700, 1, [&](Cpu& cpu) -> Task<void> {
    SpinGuard guard = co_await lock_.TryAcquire(cpu);
    EXPECT_FALSE(static_cast<bool>(guard));
  });
  script_.At(5000, 2, [&](Cpu& cpu) -> Task<void> {
    SpinGuard guard = co_await lock_.TryAcquire(cpu);
    EXPECT_TRUE(static_cast<bool>(guard));
    guard.Unlock();
    EXPECT_FALSE(static_cast<bool>(guard));
    EXPECT_FALSE(lock_.held());
  });
  script_.Run(core_.scheduler);
  EXPECT_EQ(class_.acquisitions, 2u);
  EXPECT_EQ(class_.contentions, 0u);
}

// What an interrupt takes is not ordered against what it interrupted, which may hold a lock of any
// rank; it must have released it all at its end.
TEST_F(SpinLockTest, AnInterruptsLocksAreOrderedOnTheirOwn) {
  LockClass* const outer_class = core_.scheduler.AddLockClass("outer", 0);
  SpinLock outer(outer_class, kDataPlace);
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    const SpinGuard guard = co_await lock_.TryAcquire(cpu);  // With interrupts on.
    cpu.Execute(500);
    co_await cpu.Sync();
    EXPECT_EQ(outer_class->acquisitions, 1u);
    EXPECT_TRUE(lock_.HeldBy(cpu));
  });
  script_.At(300, 0, Priority::kHardirq, [&](Cpu& cpu) -> Task<void> {
    EXPECT_TRUE(lock_.HeldBy(cpu));
    { const SpinGuard guard = co_await outer.Acquire(cpu); }
    cpu.CheckQuiet();
  });
  script_.Run(core_.scheduler);
  EXPECT_EQ(class_.acquisitions, 1u);
  EXPECT_FALSE(lock_.held());
}

// Random holders of three nested locks with and without sync points inside: never two at once,
// first come first served, and the figures add up.
TEST_F(SpinLockTest, RandomUseKeepsExclusionOrderAndSums) {
  Core core(TestMachine({.cores = 16, .cores_per_domain = 4, .domains_per_node = 2}));
  std::vector<LockClass*> classes;
  std::vector<SpinLock> locks;
  for (int i = 0; i < 3; ++i) {
    classes.push_back(core.scheduler.AddLockClass("lock", i));
    locks.emplace_back(classes.back(), kLockPlace + static_cast<uint64_t>(i) * kLineSize);
  }
  struct Use {
    Cycles wanted;
    Cycles taken;
    Cycles released;
    CpuId cpu;
  };
  std::vector<std::vector<Use>> uses(3);
  Random random(5);
  auto work = [&](Cpu& cpu, uint64_t seed) -> Task<void> {
    Random own(seed);
    const IrqFlags flags = cpu.IrqSave();
    std::vector<std::pair<size_t, SpinGuard>> held;
    for (size_t i = own.Below(3); i < 3; i += 1 + own.Below(2)) {
      Use use = {.wanted = cpu.now(), .taken = 0, .released = 0, .cpu = cpu.id()};
      SpinGuard guard = co_await locks[i].Acquire(cpu);
      use.taken = cpu.now();
      uses[i].push_back(use);
      held.emplace_back(i, std::move(guard));
      cpu.Execute(own.Below(300));
      if (own.Chance(1, 2)) co_await cpu.Sync();
    }
    while (!held.empty()) {
      const size_t i = held.back().first;
      held.back().second.Unlock();
      held.pop_back();
      uses[i].back().released = cpu.now();
      EXPECT_EQ(uses[i].back().cpu, cpu.id());
    }
    co_await cpu.IrqRestore(flags);
  };
  for (uint64_t i = 0; i < 3000; ++i) {
    script_.At(random.Below(300'000), static_cast<int>(random.Below(16)),
               [&, i](Cpu& cpu) { return work(cpu, i); });
  }
  script_.Run(core.scheduler);
  for (size_t i = 0; i < 3; ++i) {
    Cycles held = 0;
    for (size_t k = 0; k < uses[i].size(); ++k) {
      const Use& use = uses[i][k];
      held += use.released - use.taken;
      if (k == 0) continue;
      const Use& before = uses[i][k - 1];
      EXPECT_GE(use.taken, before.released);
      EXPECT_LE(before.wanted, use.wanted);
    }
    EXPECT_EQ(classes[i]->acquisitions, uses[i].size());
    EXPECT_EQ(classes[i]->hold_total_cycles, held);
    EXPECT_GT(classes[i]->contentions, 100u);
    EXPECT_LE(classes[i]->contention_bounces, classes[i]->contentions);
    EXPECT_LE(classes[i]->wait_max_cycles, classes[i]->wait_total_cycles);
  }
}

class SpinLockDeathTest : public SpinLockTest {
 protected:
  // Runs `work` on CPU 0 and expects it to abort.
  void ExpectAbort(Script::Work work, const char* message) {
    script_.At(0, 0, std::move(work));
    EXPECT_EXIT(script_.Run(core_.scheduler), testing::ExitedWithCode(3), message);
  }
};

TEST_F(SpinLockDeathTest, AbortsOnALowerRankUnderAHigher) {
  SpinLock outer(core_.scheduler.AddLockClass("outer", 0), kDataPlace);
  ExpectAbort(
      [&](Cpu& cpu) -> Task<void> {
        cpu.IrqSave();
        SpinGuard first = co_await lock_.Acquire(cpu);
        SpinGuard second = co_await outer.Acquire(cpu);
      },
      "rank");
}

TEST_F(SpinLockDeathTest, AbortsOnTwoLocksOfOneClass) {
  SpinLock twin(&class_, kDataPlace);
  ExpectAbort(
      [&](Cpu& cpu) -> Task<void> {
        cpu.IrqSave();
        SpinGuard first = co_await lock_.Acquire(cpu);
        SpinGuard second = co_await twin.Acquire(cpu);
      },
      "rank");
}

TEST_F(SpinLockDeathTest, AbortsOnTakingALockTwice) {
  ExpectAbort(
      [&](Cpu& cpu) -> Task<void> {
        cpu.IrqSave();
        SpinGuard first = co_await lock_.Acquire(cpu);
        SpinGuard second = co_await lock_.Acquire(cpu);
      },
      "HeldBy");
}

TEST_F(SpinLockDeathTest, AbortsWithInterruptsOn) {
  ExpectAbort([&](Cpu& cpu) -> Task<void> { SpinGuard guard = co_await lock_.Acquire(cpu); },
              "irqs_enabled");
}

TEST_F(SpinLockDeathTest, AbortsOnGuardedFieldWithoutItsLock) {
  Guarded<int> field(&lock_, kDataPlace, 7);
  ExpectAbort(
      [&](Cpu& cpu) -> Task<void> {
        EXPECT_EQ(cpu.Load(field), 7);
        co_return;
      },
      "HeldBy");
}

TEST_F(SpinLockDeathTest, AbortsOnWorkThatEndsWithALock) {
  std::optional<SpinGuard> kept;
  ExpectAbort(
      [&](Cpu& cpu) -> Task<void> {
        const IrqFlags flags = cpu.IrqSave();
        SpinGuard guard = co_await lock_.Acquire(cpu);
        kept = std::move(guard);
        co_await cpu.IrqRestore(flags);
      },
      "locks_held");
}

TEST_F(SpinLockDeathTest, AbortsOnReleaseOutOfOrder) {
  SpinLock inner(core_.scheduler.AddLockClass("inner", 2), kDataPlace);
  ExpectAbort(
      [&](Cpu& cpu) -> Task<void> {
        cpu.IrqSave();
        SpinGuard first = co_await lock_.Acquire(cpu);
        SpinGuard second = co_await inner.Acquire(cpu);
        first.Unlock();
      },
      "CHECK");
}

TEST_F(SpinLockTest, GuardedFieldIsOpenToTheHolder) {
  Guarded<int> field(&lock_, kDataPlace, 7);
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    const IrqFlags flags = cpu.IrqSave();
    {
      SpinGuard guard = co_await lock_.Acquire(cpu);
      cpu.Store(field, cpu.Load(field) + 1);
    }
    co_await cpu.IrqRestore(flags);
  });
  script_.Run(core_.scheduler);
  EXPECT_EQ(field.Peek(), 8);
}

}  // namespace
}  // namespace slablab
