// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Whole replays of a bundled trace with the full cache model: reading, replaying, auditing. The
// figure is items_per_second, allocator operations done in a second; beside it, what is simulated
// for one of them: touches of lines, and those of them that no cache of the core's answers. Run
// from the repository's root:
//
//   bazel run //tests/benchmarks:replay_benchmark

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "allocators/registry.h"
#include "base/check.h"
#include "benchmark/benchmark.h"
#include "fmt/format.h"
#include "sim/cache/ledger.h"
#include "sim/machine.h"
#include "sim/machine/machine_loader.h"
#include "traces/slt/trace.h"
#include "workloads/caches.h"
#include "workloads/closed/closed_loop.h"
#include "workloads/closed/closed_trace.h"
#include "workloads/replay/replay.h"

namespace slablab {
namespace {

std::string SamplePath(std::string_view name) {
  const char* root = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  return (std::filesystem::path(root == nullptr ? "." : root) / "traces/samples" / name).string();
}

struct Booted {
  explicit Booted(const MachineConfig& config) : machine(std::make_unique<Machine>(config)) {
    auto made = MakeAllocator("slub-6.1", *machine, {});
    CHECK(made.ok());
    allocator = *std::move(made);
    machine->scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return allocator->Boot(cpu); });
  }
  std::unique_ptr<Machine> machine;
  std::unique_ptr<Allocator> allocator;
};

// Counts what is simulated, over all iterations.
class Work {
 public:
  void Add(Ledger& ledger, const RunAccount& result) {
    operations_ += result.allocations + result.frees;
    for (int site = 0; site < kMaxSites; ++site) {
      for (int structure = 0; structure < kStructures; ++structure) {
        const Ledger::Cell cell =
            ledger.cell(static_cast<Site>(site), static_cast<Structure>(structure));
        for (int outcome = 0; outcome < kOutcomes; ++outcome) {
          const uint64_t count = cell.count[static_cast<size_t>(outcome)];
          touches_ += count;
          if (static_cast<Outcome>(outcome) > Outcome::kL2) misses_ += count;
        }
      }
    }
  }
  void Report(benchmark::State& state) const {
    state.SetItemsProcessed(static_cast<int64_t>(operations_));
    const auto operations = static_cast<double>(operations_);
    state.counters["touches"] = static_cast<double>(touches_) / operations;
    state.counters["misses"] = static_cast<double>(misses_) / operations;
  }

 private:
  uint64_t operations_ = 0;
  uint64_t touches_ = 0;
  uint64_t misses_ = 0;
};

// Only the operations are timed: neither boot nor the end of the machine.
template <typename Source>
void RunTimed(Machine& machine, Source& source, benchmark::State& state, Work& work) {
  machine.ledger().Reset();
  state.ResumeTiming();
  machine.scheduler().Run(source);
  state.PauseTiming();
  CHECK(source.status().ok());
  work.Add(machine.ledger(), source.result());
}

// Replays `trace` so many times, one after another on one machine; the last of them is timed.
void ReplayOn(const Booted& booted, std::string_view trace, CpuPlacement placement, int times,
              benchmark::State& state, Work& work) {
  Machine& machine = *booted.machine;
  for (int left = times; left > 0; --left) {
    const auto reader = TraceReader::Open(SamplePath(trace), {.addresses = false});
    CHECK(reader.ok());
    Replay replay(**reader, machine, *booted.allocator, {.placement = placement});
    CHECK(replay.Prepare().ok());
    if (left == 1) {
      RunTimed(machine, replay, state, work);
    } else {
      machine.scheduler().Run(replay);
    }
  }
}

// The same in closed order, a copy of the trace for every `kCpusOfCopy` CPUs.
constexpr int64_t kCpusOfCopy = 8;
void CopiesOn(const Booted& booted, std::string_view trace, benchmark::State& state, Work& work) {
  const auto reader = TraceReader::Open(SamplePath(trace), {.addresses = false});
  CHECK(reader.ok());
  Machine& machine = *booted.machine;
  const MachineConfig& config = machine.config();
  const auto caches = FindOrCreateCaches((*reader)->header(), machine, *booted.allocator);
  CHECK(caches.ok());
  const auto steps = ClosedTrace::Create(
      **reader, config, *booted.allocator, *caches,
      {.placement = CpuPlacement::kSpread,
       .scale = static_cast<uint32_t>((config.cpu_count() + kCpusOfCopy - 1) / kCpusOfCopy)});
  CHECK(steps.ok());
  ClosedLoop loop(**steps, machine, *booted.allocator, {});
  RunTimed(machine, loop, state, work);
}

// With `cpus` CPUs, 16 to a last-level cache and 64 to a node.
MachineConfig MachineOf(int64_t cpus) {
  const int64_t nodes = (cpus + 63) / 64;
  const int64_t domains = std::max<int64_t>(1, cpus / nodes / 16);
  const auto config = LoadMachine(
      fmt::format("numa:{} l3:{} core:{} pu:1", nodes, domains, cpus / nodes / domains));
  CHECK(config.ok());
  return *config;
}

// `run` replays, on a machine of `state.range(0)` CPUs.
template <typename Run>
void Repeat(benchmark::State& state, Run run) {
  const MachineConfig config = MachineOf(state.range(0));
  Work work;
  for (auto _ : state) {
    state.PauseTiming();
    {
      const Booted booted(config);
      run(booted, work);
    }
    state.ResumeTiming();
  }
  work.Report(state);
}

// Operations where they were recorded, on the first CPUs of the machine.
void Recorded(benchmark::State& state, std::string_view trace) {
  Repeat(state, [&](const Booted& booted, Work& work) {
    ReplayOn(booted, trace, CpuPlacement::kRecorded, 1, state, work);
  });
}
// The trace's tasks one after another on all CPUs: next to everything is shared. It has been
// replayed before, so that each CPU has its slabs and its pages.
constexpr int kWarm = 4;
void Spread(benchmark::State& state, std::string_view trace) {
  Repeat(state, [&](const Booted& booted, Work& work) {
    ReplayOn(booted, trace, CpuPlacement::kSpread, kWarm, state, work);
  });
}
// The same for the first time. Of a thousand CPUs each has few operations, so that most of what is
// simulated is its first touches and refills.
void SpreadFirst(benchmark::State& state, std::string_view trace) {
  Repeat(state, [&](const Booted& booted, Work& work) {
    ReplayOn(booted, trace, CpuPlacement::kSpread, 1, state, work);
  });
}
// As many operations for each CPU, however many they are, and all that they touch as many times.
void Copies(benchmark::State& state, std::string_view trace) {
  Repeat(state, [&](const Booted& booted, Work& work) { CopiesOn(booted, trace, state, work); });
}

void Sizes(benchmark::internal::Benchmark* replay) {
  replay->Arg(8)->Arg(1024)->Unit(benchmark::kMillisecond);
}

constexpr char kHackbench[] = "linux-6.1-slub-c4n2-hackbench.slt";
constexpr char kFs[] = "linux-6.1-slub-c4n2-fs.slt";
constexpr char kNet[] = "linux-6.1-slub-c4n2-net.slt";
constexpr char kFork[] = "linux-6.1-slub-c4n2-fork.slt";

BENCHMARK_CAPTURE(Recorded, hackbench, kHackbench)->Apply(Sizes);
BENCHMARK_CAPTURE(Recorded, fs, kFs)->Apply(Sizes);
BENCHMARK_CAPTURE(Recorded, net, kNet)->Apply(Sizes);
BENCHMARK_CAPTURE(Recorded, fork, kFork)->Apply(Sizes);
BENCHMARK_CAPTURE(Spread, hackbench, kHackbench)->Apply(Sizes);
BENCHMARK_CAPTURE(Spread, fs, kFs)->Apply(Sizes);
BENCHMARK_CAPTURE(Spread, net, kNet)->Apply(Sizes);
BENCHMARK_CAPTURE(Spread, fork, kFork)->Apply(Sizes);
BENCHMARK_CAPTURE(SpreadFirst, hackbench, kHackbench)->Apply(Sizes);
BENCHMARK_CAPTURE(SpreadFirst, fs, kFs)->Apply(Sizes);
BENCHMARK_CAPTURE(SpreadFirst, net, kNet)->Apply(Sizes);
BENCHMARK_CAPTURE(SpreadFirst, fork, kFork)->Apply(Sizes);
BENCHMARK_CAPTURE(Copies, fs, kFs)->Apply(Sizes);
BENCHMARK_CAPTURE(Copies, net, kNet)->Apply(Sizes);
BENCHMARK_CAPTURE(Copies, fork, kFork)->Apply(Sizes);

}  // namespace
}  // namespace slablab

BENCHMARK_MAIN();
