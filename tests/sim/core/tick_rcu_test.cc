// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/tick_rcu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/random.h"
#include "sim/machine.h"
#include "tests/sim/script.h"

namespace slablab {
namespace {

MachineConfig Config(int cpus, int64_t hz) {
  MachineConfig config =
      ReferenceMachine({.cpus = cpus, .nodes = 1, .cpus_per_node = cpus, .mib_per_node = 64});
  config.timer_hz = hz;
  config.timer_tick_cycles = hz == 0 ? 0 : 500;
  return config;
}

constexpr Cycles kTick = 4'000'000;  // 250 Hz of 1000 MHz

struct Note final : RcuHead {
  explicit Note(int number) : number(number) {}
  Task<void> RunCallback(Cpu& cpu) override {
    EXPECT_TRUE(cpu.in_interrupt());
    EXPECT_TRUE(cpu.irqs_enabled());
    called_at = cpu.now();
    called_on = cpu.id().value();
    ++calls;
    co_await cpu.Sync();
    if (order != nullptr) order->push_back(number);
  }
  std::string_view function() const override { return "note"; }
  Place rcu_place() const override {
    return {.address = PhysAddr(0x100000 + 64 * static_cast<uint64_t>(number)),
            .structure = Structure::kObject};
  }
  Waiting waiting() const override { return {.objects = 2, .bytes = 100}; }

  int number;
  int calls = 0;
  Cycles called_at = 0;
  int called_on = -1;
  std::vector<int>* order = nullptr;
};

// Keeps a CPU in the kernel from `from` on for so long.
void Busy(Script& script, Cycles from, int cpu, Cycles cycles) {
  script.At(from, cpu, [cycles](Cpu& c) -> Task<void> {
    for (Cycles left = cycles; left > 0; left -= std::min<Cycles>(left, 1000)) {
      c.Execute(std::min<Cycles>(left, 1000));
      co_await c.Sync();
    }
  });
}

TEST(TickRcuTest, NothingIsThereBeforeTheFirstCallback) {
  Machine machine(Config(2, 250));
  const uint64_t left = machine.boot_memory().BytesLeft(NodeId(0));
  EXPECT_EQ(machine.own_rcu().callbacks(), 0u);
  EXPECT_EQ(machine.boot_memory().BytesLeft(NodeId(0)), left);
  Script script;
  Busy(script, 10, 0, 10 * kTick);
  script.Run(machine.scheduler());
  EXPECT_EQ(machine.own_rcu().grace_periods(), 0u);
}

TEST(TickRcuTest, AnIdleMachinesGracePeriodIsAFewTicks) {
  for (const int64_t hz : {int64_t{0}, int64_t{250}, int64_t{1000}}) {
    Machine machine(Config(4, hz));
    const Cycles tick = hz == 1000 ? 1'000'000 : kTick;
    Note note(0);
    Script script;
    script.At(100, 1, [&](Cpu& cpu) { return machine.rcu().Call(cpu, note); });
    Busy(script, 20 * tick, 0, 100);  // There is something to go on for.
    script.Run(machine.scheduler());
    EXPECT_EQ(note.calls, 1);
    EXPECT_EQ(note.called_on, 1);
    // At the first tick it is asked for; then jiffies_till_first_fqs; then the next tick calls.
    const Cycles looks = hz == 1000 ? 3 : 1;
    EXPECT_GE(note.called_at, (1 + looks) * tick);
    EXPECT_LE(note.called_at, (3 + looks) * tick);
    EXPECT_EQ(machine.own_rcu().callbacks(), 0u);
    EXPECT_EQ(machine.own_rcu().waiting_objects(), 0u);
    EXPECT_EQ(machine.own_rcu().waiting_bytes(), 0u);
  }
}

TEST(TickRcuTest, ACpuInTheKernelHoldsUpTheGracePeriod) {
  Machine machine(Config(2, 250));
  Note note(0);
  Script script;
  Busy(script, 10, 1, 30 * kTick);
  script.At(100, 0, [&](Cpu& cpu) { return machine.rcu().Call(cpu, note); });
  Busy(script, 50 * kTick, 0, 100);
  script.Run(machine.scheduler());
  EXPECT_EQ(note.calls, 1);
  EXPECT_GT(note.called_at, 30 * kTick);
}

TEST(TickRcuTest, UserModeIsQuiescent) {
  Machine machine(Config(2, 250));
  Note note(0);
  Script script;
  script.At(10, 1, [](Cpu& cpu) -> Task<void> { co_await cpu.PassInterruptibly(30 * kTick); });
  script.At(100, 0, [&](Cpu& cpu) { return machine.rcu().Call(cpu, note); });
  script.Run(machine.scheduler());
  EXPECT_EQ(note.calls, 1);
  EXPECT_LT(note.called_at, 10 * kTick);
}

// Whatever the CPUs do: each callback is called once, on its CPU, in order, and no work that was
// under way when it was handed over is under way still.
TEST(TickRcuTest, NoCallbackRunsUnderAnOldReader) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const int cpus = 1 + static_cast<int>(seed % 5);
    Machine machine(Config(cpus, seed % 2 == 0 ? 250 : 0));
    Random random(seed);
    struct Reader {
      Cycles begin = 0;
      Cycles end = 0;
    };
    std::deque<Reader> readers;
    std::deque<Note> notes;
    std::vector<std::vector<int>> orders(static_cast<size_t>(cpus));
    std::vector<Cycles> handed_over;
    Script script;
    for (int i = 0; i < 60; ++i) {
      const Cycles at = random.Below(40 * kTick);
      const int on = static_cast<int>(random.Below(static_cast<uint64_t>(cpus)));
      Reader& reader = readers.emplace_back();
      const Cycles length = random.Below(3 * kTick);
      const bool calls = random.Below(3) > 0;
      Note* const note = calls ? &notes.emplace_back(static_cast<int>(notes.size())) : nullptr;
      if (calls) {
        note->order = &orders[static_cast<size_t>(on)];
        handed_over.push_back(0);
      }
      script.At(at, on, [&, note, length](Cpu& cpu) -> Task<void> {
        reader.begin = cpu.now();
        for (Cycles left = length; left > 0; left -= std::min<Cycles>(left, 100'000)) {
          cpu.Execute(std::min<Cycles>(left, 100'000));
          co_await cpu.Sync();
        }
        if (note != nullptr) {
          handed_over[static_cast<size_t>(note->number)] = cpu.now();
          co_await machine.rcu().Call(cpu, *note);
        }
        reader.end = cpu.now();
      });
    }
    Busy(script, 400 * kTick, 0, 100);
    script.Run(machine.scheduler());
    EXPECT_EQ(machine.own_rcu().callbacks(), 0u) << seed;
    for (const Note& note : notes) {
      ASSERT_EQ(note.calls, 1) << seed;
      const Cycles given = handed_over[static_cast<size_t>(note.number)];
      for (const Reader& reader : readers) {
        EXPECT_FALSE(reader.begin <= given && given < reader.end && note.called_at < reader.end)
            << seed << " " << note.number;
      }
    }
    for (const std::vector<int>& order : orders) {
      std::vector<int> by_time = order;
      std::sort(by_time.begin(), by_time.end(), [&](int a, int b) {
        return handed_over[static_cast<size_t>(a)] < handed_over[static_cast<size_t>(b)];
      });
      EXPECT_EQ(order, by_time) << seed;
    }
  }
}

TEST(TickRcuTest, ManyCallbacksAreCalledInBatches) {
  Machine machine(Config(1, 250));
  std::deque<Note> notes;
  for (int i = 0; i < 100; ++i) notes.emplace_back(i);
  Script script;
  script.At(10, 0, [&](Cpu& cpu) -> Task<void> {
    for (Note& note : notes) co_await machine.rcu().Call(cpu, note);
  });
  Busy(script, 20 * kTick, 0, 100);
  script.Run(machine.scheduler());
  // Ten at once, then an interrupt is left and entered.
  int gaps = 0;
  for (size_t i = 1; i < notes.size(); ++i) {
    EXPECT_EQ(notes[i].calls, 1);
    if (notes[i].called_at - notes[i - 1].called_at >= 500) ++gaps;
  }
  EXPECT_EQ(gaps, 9);
}

TEST(TickRcuTest, ABarrierWaitsForWhatWasBeforeIt) {
  Machine machine(Config(4, 250));
  std::deque<Note> notes;
  for (int i = 0; i < 8; ++i) notes.emplace_back(i);
  int done = 0;
  Script script;
  for (int i = 0; i < 8; ++i) {
    script.At(10 + static_cast<Cycles>(i) * kTick / 3, i % 4,
              [&, i](Cpu& cpu) { return machine.rcu().Call(cpu, notes[static_cast<size_t>(i)]); });
  }
  for (const int caller : {0, 2}) {  // Two at once.
    script.At(4 * kTick, caller, [&](Cpu& cpu) -> Task<void> {
      co_await machine.rcu().Barrier(cpu);
      for (const Note& note : notes) EXPECT_EQ(note.calls, 1);
      ++done;
    });
  }
  script.Run(machine.scheduler());
  EXPECT_EQ(done, 2);
  // With nothing to wait for it does not wait.
  const Cycles before = machine.scheduler().now();
  machine.scheduler().RunOn(CpuId(1), [&](Cpu& cpu) { return machine.rcu().Barrier(cpu); });
  EXPECT_LT(machine.scheduler().now(), before + 1000);
}

// Who walks behind a barrier keeps no CPU, is told when it is over, and holds up nobody who wants
// one of his own before he has asked.
TEST(TickRcuTest, ABarrierInStepsHoldsUpNobody) {
  class Walker final : public Rcu::BarrierWaiter {
   public:
    void MayGoOn(Cpu& by) override { told_at = by.now(); }
    Cycles told_at = 0;
  };
  Machine machine(Config(2, 250));
  Rcu& rcu = machine.rcu();
  Note note(0);
  Walker walker;
  Script script;
  const auto ask = [&](Cpu& cpu, bool expected) -> Task<void> {
    co_await cpu.Sync();
    const bool over = co_await rcu.ContinueBarrier(cpu, walker);
    EXPECT_EQ(over, expected);
  };
  script.At(10, 0, [&](Cpu& cpu) -> Task<void> {
    co_await rcu.Call(cpu, note);
    co_await ask(cpu, false);
    EXPECT_LT(cpu.now(), Cycles{5000});  // It has not waited.
  });
  script.At(20'000, 1, [&](Cpu& cpu) { return ask(cpu, false); });  // Elsewhere, too early.
  Cycles other_over = 0;
  script.At(30'000, 1, [&](Cpu& cpu) -> Task<void> {
    co_await rcu.Barrier(cpu);
    other_over = cpu.now();
  });
  script.At(40 * kTick, 0, [&](Cpu& cpu) { return ask(cpu, true); });
  script.At(41 * kTick, 0, [&](Cpu& cpu) { return ask(cpu, true); });  // Another, of nothing.
  script.Run(machine.scheduler());
  EXPECT_EQ(note.calls, 1);
  EXPECT_GE(walker.told_at, note.called_at);
  EXPECT_LT(walker.told_at, 10 * kTick);
  EXPECT_GE(other_over, walker.told_at);
  EXPECT_LT(other_over, 20 * kTick);
}

// The way that set-up and reference runs go.
TEST(TickRcuTest, ABarrierEndsWithNothingElseToDo) {
  Machine machine(Config(3, 0));
  Note note(0);
  machine.scheduler().RunOn(CpuId(1), [&](Cpu& cpu) { return machine.rcu().Call(cpu, note); });
  EXPECT_EQ(note.calls, 0);
  machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return machine.rcu().Barrier(cpu); });
  EXPECT_EQ(note.calls, 1);
  EXPECT_EQ(note.called_on, 1);
}

TEST(TickRcuTest, AnOfflineCpusCallbacksAreTakenOver) {
  Machine machine(Config(3, 250));
  Note note(0);
  machine.scheduler().RunOn(CpuId(2), [&](Cpu& cpu) { return machine.rcu().Call(cpu, note); });
  machine.scheduler().SetOnline(CpuId(2), false);
  machine.scheduler().RunOn(CpuId(1), [&](Cpu& cpu) { return machine.rcu().Barrier(cpu); });
  EXPECT_EQ(note.calls, 1);
  EXPECT_EQ(note.called_on, 0);
}

TEST(TickRcuTest, ASnapshotsGracePeriodEndsWithTheNextThatBegins) {
  Machine machine(Config(2, 250));
  Rcu& rcu = machine.rcu();
  const uint64_t snapshot = rcu.Snapshot();
  EXPECT_FALSE(rcu.HasEnded(snapshot));
  Note note(0);
  machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
    co_await rcu.Call(cpu, note);
    EXPECT_FALSE(rcu.HasEnded(snapshot));
    co_await rcu.Barrier(cpu);
  });
  EXPECT_TRUE(rcu.HasEnded(snapshot));
  EXPECT_FALSE(rcu.HasEnded(rcu.Snapshot()));
}

}  // namespace
}  // namespace slablab
