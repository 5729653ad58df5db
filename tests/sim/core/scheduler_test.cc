// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "sim/core/fields.h"
#include "sim/core/spinlock.h"
#include "tests/sim/cache/coherence_reference.h"
#include "tests/sim/core/core_fixture.h"
#include "tests/sim/script.h"
#include "tests/sim/test_machine.h"

namespace slablab {
namespace {

// One instruction of a random program.
struct Instruction {
  enum class Kind { kExecute, kTouchOwn, kAddShared };
  Kind kind;
  uint64_t operand;  // cycles, line or shared word
};
struct Piece {
  Cycles time;
  int cpu;
  std::vector<Instruction> code;
};
// What an addition to a shared word saw: when it was done, and the sum.
struct Seen {
  Cycles now;
  int cpu;
  uint64_t sum;
  friend bool operator==(const Seen&, const Seen&) = default;
};

constexpr int kSharedWords = 3;
constexpr uint64_t kOwnLines = 5;
uint64_t OwnLine(int cpu, uint64_t line) {
  return kSharedWords + static_cast<uint64_t>(cpu) * kOwnLines + line;
}

std::vector<Piece> RandomPieces(uint64_t seed, int cpus) {
  Random random(seed);
  std::vector<Piece> pieces;
  for (int i = 0; i < 150; ++i) {
    Piece piece = {.time = random.Below(20'000),
                   .cpu = static_cast<int>(random.Below(static_cast<uint64_t>(cpus))),
                   .code = {}};
    for (uint64_t left = random.Below(12); left > 0; --left) {
      const auto kind = static_cast<Instruction::Kind>(random.Below(3));
      const uint64_t bound = kind == Instruction::Kind::kExecute    ? 200
                             : kind == Instruction::Kind::kTouchOwn ? kOwnLines
                                                                    : kSharedWords;
      piece.code.push_back({kind, random.Below(bound)});
    }
    pieces.push_back(std::move(piece));
  }
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const Piece& a, const Piece& b) { return a.time < b.time; });
  return pieces;
}

// The reference: no coroutines, no heap, no running ahead. Looks for the CPU that is least by
// (time, number), has it do one instruction, and again.
class NaiveScheduler {
 public:
  NaiveScheduler(const MachineConfig& config, const std::vector<Piece>& pieces)
      : config_(config), memory_(config), cpus_(config.cpus.size()) {
    for (const Piece& piece : pieces) cpus_[static_cast<size_t>(piece.cpu)].work.push_back(piece);
    while (Step()) {
    }
  }
  const std::vector<Seen>& seen() const { return seen_; }
  Cycles now(size_t cpu) const { return cpus_[cpu].now; }

 private:
  struct State {
    Cycles now = 0;
    std::deque<Piece> work;
    size_t at = 0;  // in the first piece
  };
  bool Step() {
    State* first = nullptr;
    Cycles least = 0;
    for (State& cpu : cpus_) {
      while (!cpu.work.empty() && cpu.at == cpu.work.front().code.size()) {
        // Nothing to do is done when it comes: it only moves the clock.
        cpu.now = std::max(cpu.now, cpu.work.front().time);
        cpu.work.pop_front();
        cpu.at = 0;
      }
      if (cpu.work.empty()) continue;
      const Cycles next = std::max(cpu.now, cpu.work.front().time);
      if (first == nullptr || next < least) {
        first = &cpu;
        least = next;
      }
    }
    if (first == nullptr) return false;
    first->now = least;
    const int number = static_cast<int>(first - cpus_.data());
    Do(*first, number, first->work.front().code[first->at]);
    ++first->at;
    return true;
  }
  void Do(State& cpu, int number, const Instruction& instruction) {
    const uint64_t base = kLinesPerPage;
    const size_t core = static_cast<size_t>(number);
    switch (instruction.kind) {
      case Instruction::Kind::kExecute:
        cpu.now += instruction.operand;
        return;
      case Instruction::Kind::kTouchOwn:
        cpu.now +=
            memory_.Touch(core, base + OwnLine(number, instruction.operand), Access::kWrite).cycles;
        return;
      case Instruction::Kind::kAddShared:
        cpu.now += memory_.Touch(core, base + instruction.operand, Access::kWrite).cycles +
                   config_.atomic_cycles;
        words_[instruction.operand] += static_cast<uint64_t>(number) + 1;
        seen_.push_back({cpu.now, number, words_[instruction.operand]});
        cpu.now += words_[instruction.operand] % 50;  // What was seen decides how it goes on.
        return;
    }
  }
  const MachineConfig& config_;
  SnoopingReference memory_;
  std::vector<State> cpus_;
  uint64_t words_[kSharedWords] = {};
  std::vector<Seen> seen_;
};

TEST(SchedulerTest, ActionsHappenAsIfEveryAccessWereSteppedInTimeOrder) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const int cpus = 1 + static_cast<int>(seed % 9);
    Core core(TestMachine({.cores = cpus, .cores_per_domain = 2, .domains_per_node = 2}));
    const std::vector<Piece> pieces = RandomPieces(seed, cpus);
    const NaiveScheduler naive(core.config, pieces);

    std::vector<Racy<uint64_t>> words;
    for (uint64_t i = 0; i < kSharedWords; ++i) words.emplace_back(DataPlace(i));
    std::vector<Seen> seen;
    auto run = [&](Cpu& cpu, const Piece& piece) -> Task<void> {
      for (const Instruction& instruction : piece.code) {
        const uint64_t operand = instruction.operand;
        switch (instruction.kind) {
          case Instruction::Kind::kExecute:
            cpu.Execute(operand);
            break;
          case Instruction::Kind::kTouchOwn:
            cpu.Touch(DataPlace(OwnLine(piece.cpu, operand)), Access::kWrite);
            break;
          case Instruction::Kind::kAddShared: {
            const uint64_t addend = static_cast<uint64_t>(piece.cpu) + 1;
            const uint64_t sum = co_await cpu.AddReturn(words[operand], addend);
            seen.push_back({cpu.now(), piece.cpu, sum});
            cpu.Execute(sum % 50);
            break;
          }
        }
      }
    };
    Script script;
    for (const Piece& piece : pieces) {
      script.At(piece.time, piece.cpu, [&](Cpu& cpu) { return run(cpu, piece); });
    }
    script.Run(core.scheduler);
    ASSERT_EQ(seen.size(), naive.seen().size());
    for (size_t i = 0; i < seen.size(); ++i)
      ASSERT_EQ(seen[i], naive.seen()[i]) << seed << " " << i;
    for (int cpu = 0; cpu < cpus; ++cpu) {
      ASSERT_EQ(core.scheduler.cpu(CpuId(cpu)).now(), naive.now(static_cast<size_t>(cpu))) << seed;
    }
  }
}

// Random work of every kind on many CPUs: tasks, softirqs, hardirqs, calls to other CPUs, locks,
// ticks. Answers a description of all that can be seen of the run.
class Mixture {
 public:
  Mixture(uint64_t seed, int cpus)
      : core_(Config(cpus)),
        lock_(core_.scheduler.AddLockClass("lock", 0), DataPlace(0)),
        word_(DataPlace(1)),
        random_(seed) {
    for (int i = 0; i < 400; ++i) {
      const auto priority = static_cast<Priority>(random_.Below(3));
      const uint64_t number = random_.Next();
      script_.At(random_.Below(200'000),
                 static_cast<int>(random_.Below(static_cast<uint64_t>(cpus))), priority,
                 [this, number](Cpu& cpu) { return Work(cpu, number); });
    }
    script_.Run(core_.scheduler);
  }

  // Times of actions at sync points, in the order in which they happened.
  const std::vector<std::pair<Cycles, int>>& actions() const { return actions_; }
  std::string Describe() const {
    std::string text;
    for (const auto& [time, cpu] : actions_) {
      text += std::to_string(time) + "@" + std::to_string(cpu) + " ";
    }
    for (int i = 0; i < core_.scheduler.cpu_count(); ++i) {
      const Cpu& cpu = core_.scheduler.cpu(CpuId(i));
      const IrqOffStats& irq_off = cpu.irq_off();
      for (uint64_t figure : {cpu.now(), cpu.task_clock(), irq_off.windows, irq_off.total_cycles,
                              irq_off.longest_cycles, irq_off.longest_deferral_cycles}) {
        text += std::to_string(figure) + " ";
      }
    }
    for (int site = 0; site < kFirstModelSite; ++site) {
      for (int cause = 0; cause < kCauses; ++cause) {
        text += std::to_string(
                    core_.ledger.cycles(static_cast<Site>(site), static_cast<Cause>(cause))) +
                " ";
      }
    }
    const LockClass& lock_class = core_.scheduler.lock_classes().front();
    for (uint64_t figure : {lock_class.contentions, lock_class.acquisitions,
                            lock_class.wait_total_cycles, lock_class.hold_total_cycles}) {
      text += std::to_string(figure) + " ";
    }
    return text + std::to_string(core_.memory.writebacks());
  }

 private:
  static MachineConfig Config(int cpus) {
    MachineConfig config = TestMachine({.cores = cpus,
                                        .cores_per_domain = 2,
                                        .domains_per_node = 2,
                                        .l1 = Geometry(4, 2),
                                        .l2 = Geometry(8, 2),
                                        .llc = Geometry(16, 4)});
    config.timer_hz = 100'000;  // each 10,000 cycles
    config.timer_tick_cycles = 50;
    return config;
  }
  struct Remote : RemoteCall {
    explicit Remote(Mixture* owner) : mixture(owner) {}
    Task<void> Run(Cpu& cpu) override {
      co_await mixture->Act(cpu);
      cpu.Execute(70);
      co_await mixture->Act(cpu);
    }
    Mixture* mixture;
  };

  Task<void> Act(Cpu& cpu) {
    co_await cpu.Sync();
    actions_.push_back({cpu.now(), cpu.id().value()});
    co_await cpu.AddReturn(word_, 1);
  }
  Task<void> Locked(Cpu& cpu, Random& random) {
    const IrqFlags flags = cpu.IrqSave();
    {
      SpinGuard guard = co_await lock_.Acquire(cpu);
      cpu.Execute(random.Below(300));
      if (random.Chance(1, 2)) co_await Act(cpu);
    }
    co_await cpu.IrqRestore(flags);
  }
  Task<void> Work(Cpu& cpu, uint64_t number) {
    Random random(number);
    for (uint64_t left = random.Below(8); left > 0; --left) {
      cpu.Touch(DataPlace(2 + random.Below(60)), Access::kRead);
      cpu.Execute(random.Below(500));
      const uint64_t kind = random.Below(10);
      if (kind < 3) {
        co_await Locked(cpu, random);
      } else if (kind == 3 && cpu.irqs_enabled()) {
        const auto count = static_cast<uint64_t>(core_.scheduler.cpu_count());
        Remote call(this);
        co_await cpu.CallOn(CpuId(static_cast<int>(random.Below(count))), call);
      } else {
        co_await Act(cpu);
      }
    }
  }

  Core core_;
  SpinLock lock_;
  Racy<uint64_t> word_;
  Random random_;
  Script script_;
  std::vector<std::pair<Cycles, int>> actions_;
};

TEST(SchedulerTest, ActionsAreInOrderOfTimeAndCpuWhateverElseGoesOn) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Mixture mixture(seed, 1 + static_cast<int>(seed % 12));
    ASSERT_GT(mixture.actions().size(), 300u);
    // Strictly, but for one CPU acting twice without its clock moving.
    EXPECT_TRUE(std::is_sorted(mixture.actions().begin(), mixture.actions().end())) << seed;
  }
}

TEST(SchedulerTest, TheSameRunTwiceIsTheSameToTheByte) {
  std::set<std::string> different;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const std::string once = Mixture(seed, 8).Describe();
    EXPECT_EQ(once, Mixture(seed, 8).Describe());
    different.insert(once);
  }
  EXPECT_EQ(different.size(), 8u);
}

TEST(SchedulerTest, ALargestMachineRuns) {
  Core core(TestMachine({.cores = kMaxCpus, .cores_per_domain = 16, .domains_per_node = 4}));
  ASSERT_EQ(core.config.node_count(), kMaxNodes);
  SpinLock lock(core.scheduler.AddLockClass("lock", 0), DataPlace(0));
  std::vector<int> order;
  Script script;
  for (int cpu = 0; cpu < kMaxCpus; ++cpu) {
    script.At(0, cpu, [&](Cpu& on) -> Task<void> {
      const IrqFlags flags = on.IrqSave();
      {
        SpinGuard guard = co_await lock.Acquire(on);
        order.push_back(on.id().value());
        on.Execute(10);
      }
      co_await on.IrqRestore(flags);
    });
  }
  script.Run(core.scheduler);
  ASSERT_EQ(order.size(), static_cast<size_t>(kMaxCpus));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(core.scheduler.lock_classes().front().contentions, kMaxCpus - 1u);
}

TEST_F(OneCoreTest, WorkOnOneCpuBeginsInArrivalOrderAtItsTimeOrWhenTheCpuIsReady) {
  auto work = [&](std::string name, Cycles cycles) {
    return [this, name, cycles](Cpu& cpu) -> Task<void> {
      Note(cpu, name);
      cpu.Execute(cycles);
      co_await cpu.Sync();
    };
  };
  script_.At(100, 0, work("a", 50));
  script_.At(100, 0, work("b", 50));
  script_.At(120, 0, work("c", 10));
  script_.At(500, 0, work("d", 10));
  script_.Run(core_.scheduler);
  EXPECT_EQ(log_, (Log{"100 a", "150 b", "200 c", "500 d"}));
  EXPECT_EQ(cpu(0).now(), 510u);
}

TEST_F(OneCoreTest, StopEarlyFinishesWhatHasBegunAndAsksForNoMore) {
  for (Cycles i = 0; i < 10; ++i) {
    script_.At(i * 100, 0, [&, i](Cpu& cpu) -> Task<void> {
      if (i == 3) core_.scheduler.StopEarly();
      cpu.Execute(10);
      co_await cpu.Sync();
      Note(cpu, "done");
    });
  }
  script_.Run(core_.scheduler);
  // The next arrival had been asked for when the fourth began.
  EXPECT_EQ(log_, (Log{"10 done", "110 done", "210 done", "310 done", "410 done"}));
  EXPECT_EQ(script_.fetched(), 5u);
}

TEST_F(OneCoreTest, RunOnRunsToTheEndNow) {
  core_.scheduler.RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
    cpu.Execute(100);
    co_await cpu.Sync();
    cpu.Execute(100);
    co_await cpu.Sync();
    Note(cpu, "end");
  });
  EXPECT_EQ(log_, (Log{"200 end"}));
  EXPECT_EQ(core_.scheduler.now(), 200u);
}

TEST(ExplorerTest, TriesEveryInterleavingOfTwoProgramsOfThreeSteps) {
  EveryInterleaving explorer;
  std::set<std::string> orders;
  int runs = 0;
  while (explorer.Next()) {
    Core core(TestMachine({.cores = 2}));
    core.scheduler.set_explorer(&explorer);
    Script script;
    std::string order;
    for (int cpu = 0; cpu < 2; ++cpu) {
      script.At(0, cpu, [&, name = static_cast<char>('a' + cpu)](Cpu& on) -> Task<void> {
        order += name;
        co_await on.Sync();
        order += name;
        co_await on.Sync();
        order += name;
      });
    }
    script.Run(core.scheduler);
    orders.insert(order);
    ++runs;
  }
  EXPECT_EQ(runs, 20);  // 6! / (3! 3!)
  EXPECT_EQ(orders.size(), 20u);
}

TEST(ExplorerTest, TriesEveryInterleavingOfThreeProgramsAndTimesDoNotMatter) {
  EveryInterleaving explorer;
  std::set<std::string> orders;
  while (explorer.Next()) {
    Core core(TestMachine({.cores = 3}));
    core.scheduler.set_explorer(&explorer);
    Script script;
    std::string order;
    for (int cpu = 0; cpu < 3; ++cpu) {
      script.At(static_cast<Cycles>(cpu) * 1000, cpu, [&, cpu](Cpu& on) -> Task<void> {
        order += static_cast<char>('a' + cpu);
        on.Execute(static_cast<Cycles>(cpu) * 100);
        co_await on.Sync();
        order += static_cast<char>('a' + cpu);
      });
    }
    script.Run(core.scheduler);
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 90u);  // 6! / (2! 2! 2!)
}

TEST(ExplorerTest, TriesAnInterruptAtEverySyncPoint) {
  EveryInterleaving explorer;
  std::set<std::string> orders;
  while (explorer.Next()) {
    Core core(TestMachine({}));
    core.scheduler.set_explorer(&explorer);
    Script script;
    std::string order;
    script.At(0, 0, [&](Cpu& cpu) -> Task<void> {
      order += '1';
      co_await cpu.Sync();
      order += '2';
      const IrqFlags flags = cpu.IrqSave();
      co_await cpu.Sync();
      order += '3';
      co_await cpu.IrqRestore(flags);
      order += '4';
    });
    script.At(0, 0, Priority::kHardirq, [&](Cpu&) -> Task<void> {
      order += 'i';
      co_return;
    });
    script.Run(core.scheduler);
    orders.insert(order);
  }
  // Before it can run it has to come; not while interrupts are off; or after all.
  EXPECT_EQ(orders, (std::set<std::string>{"1i234", "123i4", "1234i"}));
}

TEST(ExplorerTest, TriesBothWinnersOfALock) {
  EveryInterleaving explorer;
  std::set<std::string> orders;
  while (explorer.Next()) {
    Core core(TestMachine({.cores = 2}));
    core.scheduler.set_explorer(&explorer);
    SpinLock lock(core.scheduler.AddLockClass("lock", 0), DataPlace(0));
    Script script;
    std::string order;
    for (int cpu = 0; cpu < 2; ++cpu) {
      script.At(0, cpu, [&, cpu](Cpu& on) -> Task<void> {
        const IrqFlags flags = on.IrqSave();
        {
          SpinGuard guard = co_await lock.Acquire(on);
          order += static_cast<char>('a' + cpu);
          co_await on.Sync();
          order += static_cast<char>('a' + cpu);
        }
        co_await on.IrqRestore(flags);
      });
    }
    script.Run(core.scheduler);
    orders.insert(order);
  }
  EXPECT_EQ(orders, (std::set<std::string>{"aabb", "bbaa"}));
}

}  // namespace
}  // namespace slablab
