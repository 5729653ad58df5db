// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <benchmark/benchmark.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "sim/cache/memory.h"
#include "sim/core/fields.h"
#include "sim/core/scheduler.h"
#include "sim/core/spinlock.h"
#include "tests/sim/test_machine.h"

// What the core of the simulation costs its host: items are touches, calls, sync points, lock
// handovers or whole operations. The argument is the number of CPUs, each a core of its own.
//
//   bazel run //tests/benchmarks:sim_benchmark -- --benchmark_filter=Operation

namespace slablab {
namespace {

MachineConfig Server(int64_t cpus) {
  MachineConfig config = TestMachine({.cores = static_cast<int>(cpus),
                                      .cores_per_domain = 8,
                                      .domains_per_node = 2,
                                      .l1 = {.size_bytes = 32 << 10, .ways = 8},
                                      .l2 = {.size_bytes = 512 << 10, .ways = 8},
                                      .llc = {.size_bytes = 16 << 20, .ways = 16},
                                      .frames_per_node = 1 << 16});
  config.range_overlap = 4;
  return config;
}

Place At(uint64_t line, Structure structure = Structure::kObject) {
  return {PhysAddr((kLinesPerPage + line) * kLineSize), structure};
}

// Lines that one CPU works on, far from every other CPU's.
constexpr uint64_t kLinesPerCpu = 1024;
uint64_t FirstLineOf(uint64_t cpu) { return 4096 + cpu * kLinesPerCpu; }

// CPUs take turns, as they do in a replay; each goes round `lines` lines of its own.
void TouchOwnLines(benchmark::State& state, uint64_t lines, uint64_t stride, Access access) {
  const MachineConfig config = Server(state.range(0));
  Memory memory(config);
  const uint64_t cpus = static_cast<uint64_t>(state.range(0));
  uint64_t cpu = 0;
  uint64_t round = 0;
  uint64_t cycles = 0;
  for (auto unused : state) {
    const uint64_t line = FirstLineOf(cpu) + round % lines * stride;
    cycles += memory.Touch(CoreId(static_cast<int>(cpu)), At(line).address, access).cycles;
    if (++cpu == cpus) {
      cpu = 0;
      ++round;
    }
  }
  benchmark::DoNotOptimize(cycles);
  state.SetItemsProcessed(state.iterations());
}
void BM_TouchMostRecent(benchmark::State& state) { TouchOwnLines(state, 1, 0, Access::kWrite); }
void BM_TouchL1Hit(benchmark::State& state) { TouchOwnLines(state, 4, 64, Access::kWrite); }
void BM_TouchL2Hit(benchmark::State& state) { TouchOwnLines(state, 16, 64, Access::kRead); }
BENCHMARK(BM_TouchMostRecent)->Arg(8)->Arg(1024);
BENCHMARK(BM_TouchL1Hit)->Arg(8)->Arg(1024);
BENCHMARK(BM_TouchL2Hit)->Arg(8)->Arg(1024);

// One line that every CPU writes in turn.
void BM_TouchTransfer(benchmark::State& state) {
  const MachineConfig config = Server(state.range(0));
  Memory memory(config);
  int cpu = 0;
  uint64_t cycles = 0;
  for (auto unused : state) {
    cycles += memory.Touch(CoreId(cpu), At(0).address, Access::kWrite).cycles;
    if (++cpu == config.core_count) cpu = 0;
  }
  benchmark::DoNotOptimize(cycles);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_TouchTransfer)->Arg(8)->Arg(1024);

// A stream of lines larger than any cache.
void BM_TouchMemory(benchmark::State& state) {
  const MachineConfig config = Server(state.range(0));
  Memory memory(config);
  const uint64_t lines = (config.memory[0].frames - 2) * kLinesPerPage;
  uint64_t line = 0;
  uint64_t cycles = 0;
  for (auto unused : state) {
    cycles += memory.Touch(CoreId(0), At(line).address, Access::kWrite).cycles;
    if (++line == lines) line = 0;
  }
  benchmark::DoNotOptimize(cycles);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_TouchMemory)->Arg(8)->Arg(1024);

[[gnu::noinline]] Task<uint64_t> Callee(Cpu& cpu, uint64_t value) {
  cpu.Execute(1);
  co_return value + 1;
}

// A call that does not suspend.
void BM_CoroutineCall(benchmark::State& state) {
  Core core(Server(8));
  core.scheduler.RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
    uint64_t value = 0;
    for (auto unused : state) value = co_await Callee(cpu, value);
    benchmark::DoNotOptimize(value);
  });
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_CoroutineCall);

// A sync point that nobody is before.
void BM_SyncPointAlone(benchmark::State& state) {
  Core core(Server(8));
  core.scheduler.RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
    for (auto unused : state) {
      cpu.Execute(1);
      co_await cpu.Sync();
    }
  });
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SyncPointAlone);

// Every CPU does `step` until CPU 0 ends the measurement.
class EveryCpu : public ArrivalSource {
 public:
  using Step = std::function<Task<void>(Cpu&)>;
  EveryCpu(benchmark::State& state, Step step) : state_(state), step_(std::move(step)) {}
  bool Next(Arrival* arrival) override {
    if (next_ == state_.range(0)) return false;
    *arrival = {.time = 0, .token = 0, .cpu = CpuId(static_cast<int>(next_++))};
    return true;
  }
  Task<void> Start(Cpu& cpu, uint64_t) override {
    if (cpu.id() == CpuId(0)) return First(cpu);
    return Other(cpu);
  }
  bool MayInterrupt(const Cpu&, uint64_t) const override { return true; }

 private:
  Task<void> First(Cpu& cpu) {
    for (auto unused : state_) co_await step_(cpu);
    ended_ = true;
  }
  Task<void> Other(Cpu& cpu) {
    while (!ended_) co_await step_(cpu);
  }
  benchmark::State& state_;
  Step step_;
  int64_t next_ = 0;
  bool ended_ = false;
};

// A sync point at which another CPU is first: out through the scheduler and in again.
void BM_SyncPointSwitch(benchmark::State& state) {
  Core core(Server(state.range(0)));
  EveryCpu source(state, [](Cpu& cpu) -> Task<void> {
    cpu.Execute(100);
    co_await cpu.Sync();
  });
  core.scheduler.Run(source);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_SyncPointSwitch)->Arg(8)->Arg(1024);

// One lock that every CPU wants all the time.
void BM_LockHandover(benchmark::State& state) {
  Core core(Server(state.range(0)));
  SpinLock lock(core.scheduler.AddLockClass("lock", 0), At(0, Structure::kLock));
  EveryCpu source(state, [&](Cpu& cpu) -> Task<void> {
    const IrqFlags flags = cpu.IrqSave();
    {
      SpinGuard guard = co_await lock.Acquire(cpu);
      cpu.Execute(10);
    }
    co_await cpu.IrqRestore(flags);
  });
  core.scheduler.Run(source);
  state.SetItemsProcessed(static_cast<int64_t>(core.scheduler.lock_classes().front().acquisitions));
}
BENCHMARK(BM_LockHandover)->Arg(8)->Arg(1024);

// What an allocator's fast path is to the host: an arrival, two calls one within the other, about
// ten touches nearly all of the CPU's own and in its L1, one sync point, and the use of an object
// of six lines.
class Operations : public ArrivalSource {
 public:
  static constexpr uint64_t kBatch = 100'000;

  explicit Operations(Core& core)
      : cpus_(static_cast<uint64_t>(core.scheduler.cpu_count())), shared_(At(0)) {
    for (uint64_t cpu = 0; cpu < cpus_; ++cpu) {
      const CpuId id(static_cast<int>(cpu));
      const uint64_t line = FirstLineOf(cpu);
      per_cpu_.push_back({PerCpu<uint64_t>(id, At(line, Structure::kPerCpuArea)),
                          PerCpu<uint64_t>(id, At(line, Structure::kPerCpuArea) + 8)});
    }
  }
  bool Next(Arrival* arrival) override {
    if (left_ == 0) return false;
    --left_;
    // Every CPU in turn, in no regular order.
    cpu_ = (cpu_ + 1 + (sent_ * 7919 & 3)) % cpus_;
    time_256ths_ += 256 * 1200 / cpus_;  // CPUs are busy about half of the time.
    *arrival = {.time = time_256ths_ >> 8, .token = sent_++, .cpu = CpuId(static_cast<int>(cpu_))};
    return true;
  }
  Task<void> Start(Cpu& cpu, uint64_t token) override { return Use(cpu, token); }
  bool MayInterrupt(const Cpu&, uint64_t) const override { return true; }
  void Refill() { left_ = kBatch; }

 private:
  struct CacheCpu {
    PerCpu<uint64_t> freelist;
    PerCpu<uint64_t> tid;
  };

  Task<uint64_t> Alloc(Cpu& cpu, uint64_t token) {
    CacheCpu& own = per_cpu_[cpu.id().index()];
    const uint64_t tid = cpu.Load(own.tid);
    cpu.Load(shared_);
    const uint64_t object = cpu.Load(own.freelist);
    cpu.Touch(At(FirstLineOf(cpu.id().index()) + 8 + token % 64, Structure::kFreePointer),
              Access::kRead);
    cpu.Execute(20);
    const bool taken = co_await cpu.ThisCpuCmpxchg(own.freelist, object, object + 1);
    if (taken) cpu.Store(own.tid, tid + 1);
    co_return FirstLineOf(cpu.id().index()) + 8 + token % 64;
  }
  Task<void> Use(Cpu& cpu, uint64_t token) {
    const uint64_t line = co_await Alloc(cpu, token);
    cpu.TouchRange(At(line), 6 * kLineSize, Access::kWrite);
  }

  uint64_t cpus_;
  Settled<uint64_t> shared_;
  std::deque<CacheCpu> per_cpu_;
  uint64_t cpu_ = 0;
  uint64_t time_256ths_ = 0;
  uint64_t sent_ = 0;
  uint64_t left_ = 0;
};

void BM_Operation(benchmark::State& state) {
  Core core(Server(state.range(0)));
  Operations operations(core);
  operations.Refill();
  core.scheduler.Run(operations);  // warm-up
  for (auto unused : state) {
    operations.Refill();
    core.scheduler.Run(operations);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(Operations::kBatch));
}
BENCHMARK(BM_Operation)->Arg(1)->Arg(8)->Arg(64)->Arg(1024)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace slablab

BENCHMARK_MAIN();
