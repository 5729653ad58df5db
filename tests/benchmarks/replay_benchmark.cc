// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Whole replays of a bundled trace with the full cache model: reading, replaying, auditing. The
// figure is items_per_second, allocator operations done in a second. Run from the repository's
// root:
//
//   bazel run //tests/benchmarks:replay_benchmark

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "allocators/registry.h"
#include "benchmark/benchmark.h"
#include "fmt/format.h"
#include "sim/check.h"
#include "sim/machine.h"
#include "sim/machine_loader.h"
#include "traces/trace.h"
#include "workloads/replay.h"

namespace slablab {
namespace {

std::string SamplePath(std::string_view name) {
  const char* root = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  return (std::filesystem::path(root == nullptr ? "." : root) / "traces/samples" / name).string();
}

// Answers the number of operations. Only they are timed: neither boot nor the end of the machine.
uint64_t ReplayOnce(const MachineConfig& config, std::string_view trace, CpuPlacement placement,
                    benchmark::State& state) {
  const auto reader = TraceReader::Open(SamplePath(trace), {.addresses = false});
  CHECK(reader.ok());
  const auto machine = std::make_unique<Machine>(config);
  const auto allocator = MakeAllocator("slub", *machine, {});
  CHECK(allocator.ok());
  machine->scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return (*allocator)->Boot(cpu); });
  Replay replay(**reader, *machine, **allocator, {.placement = placement});
  CHECK(replay.Prepare().ok());
  state.ResumeTiming();
  machine->scheduler().Run(replay);
  state.PauseTiming();
  CHECK(replay.status().ok());
  return replay.result().allocations + replay.result().frees;
}

// `state.range(0)` CPUs, 16 to a last-level cache and 64 to a node.
void Replays(benchmark::State& state, std::string_view trace, CpuPlacement placement) {
  const int64_t cpus = state.range(0);
  const int64_t nodes = (cpus + 63) / 64;
  const int64_t domains = std::max<int64_t>(1, cpus / nodes / 16);
  const auto config = LoadMachine(
      fmt::format("numa:{} l3:{} core:{} pu:1", nodes, domains, cpus / nodes / domains));
  CHECK(config.ok());
  uint64_t operations = 0;
  for (auto _ : state) {
    state.PauseTiming();
    operations += ReplayOnce(*config, trace, placement, state);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(operations));
}

// Operations where they were recorded, on the first CPUs of the machine.
void Recorded(benchmark::State& state, std::string_view trace) {
  Replays(state, trace, CpuPlacement::kRecorded);
}
// The trace's tasks one after another on all CPUs: next to everything is shared.
void Spread(benchmark::State& state, std::string_view trace) {
  Replays(state, trace, CpuPlacement::kSpread);
}

BENCHMARK_CAPTURE(Recorded, hackbench, "linux-6.1-slub-c4n2-hackbench.slt")
    ->Arg(8)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Recorded, fs, "linux-6.1-slub-c4n2-fs.slt")
    ->Arg(8)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Recorded, net, "linux-6.1-slub-c4n2-net.slt")
    ->Arg(8)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Recorded, fork, "linux-6.1-slub-c4n2-fork.slt")
    ->Arg(8)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Spread, hackbench, "linux-6.1-slub-c4n2-hackbench.slt")
    ->Arg(8)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Spread, fs, "linux-6.1-slub-c4n2-fs.slt")
    ->Arg(8)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Spread, net, "linux-6.1-slub-c4n2-net.slt")
    ->Arg(8)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Spread, fork, "linux-6.1-slub-c4n2-fork.slt")
    ->Arg(8)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace slablab

BENCHMARK_MAIN();
