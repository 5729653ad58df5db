// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "allocators/slub.h"
#include "sim/machine.h"
#include "sim/random.h"

// What SLUB's operations cost the host, with the whole cache model, on CPUs that all work at the
// same time. Items are allocations and frees. The argument is the number of CPUs, 32 a node.
//
//   bazel run //tests/benchmarks:slub_benchmark

namespace slablab {
namespace {

// Ready for a pattern: a booted machine with one cache of 256-byte objects.
class Bench {
 public:
  explicit Bench(int64_t cpus)
      : machine_(ReferenceMachine({.cpus = static_cast<int>(cpus),
                                   .nodes = static_cast<int>((cpus + 31) / 32),
                                   .cpus_per_node = 32,
                                   .mib_per_node = 256})),
        slub_(machine_, {}) {
    const CacheSpec spec{.name = "bench", .object_size = 256};
    machine_.scheduler().RunOn(CpuId(0), [this, &spec](Cpu& cpu) -> Task<void> {
      co_await slub_.Boot(cpu);
      const absl::StatusOr<CacheId> created = co_await slub_.CreateCache(cpu, spec);
      cache_ = *created;
    });
  }

  Slub& slub() { return slub_; }
  CacheId cache() const { return cache_; }
  int cpus() const { return machine_.config().cpu_count(); }

  // Runs `program` once on every CPU, all at once.
  template <typename Program>
  void RunEverywhere(Program& program) {
    class Source : public ArrivalSource {
     public:
      Source(Program& program, int cpus, Cycles time)
          : program_(program), cpus_(cpus), time_(time) {}
      bool Next(Arrival* arrival) override {
        if (next_ == cpus_) return false;
        *arrival = {.time = time_, .token = 0, .cpu = CpuId(next_++), .priority = Priority::kTask};
        return true;
      }
      Task<void> Start(Cpu& cpu, uint64_t) override { return program_(cpu); }
      bool MayInterrupt(const Cpu&, uint64_t) const override { return false; }

     private:
      Program& program_;
      const int cpus_;
      const Cycles time_;
      int next_ = 0;
    };
    Source source(program, cpus(), machine_.scheduler().now());
    machine_.scheduler().Run(source);
  }

 private:
  Machine machine_;
  Slub slub_;
  CacheId cache_;
};

constexpr int64_t kOpsPerRound = 1 << 16;  // over all CPUs

// Allocates and frees the same object again.
void BM_Pairs(benchmark::State& state) {
  Bench bench(state.range(0));
  const int64_t pairs = kOpsPerRound / 2 / bench.cpus();
  const auto program = [&](Cpu& cpu) -> Task<void> {
    for (int64_t i = 0; i < pairs; ++i) {
      const Placement placement =
          co_await bench.slub().Alloc(cpu, bench.cache(), kGfpKernel, kAnyNode);
      co_await bench.slub().Free(cpu, bench.cache(), placement.object);
    }
  };
  for (auto unused : state) bench.RunEverywhere(program);
  state.SetItemsProcessed(state.iterations() * pairs * 2 * bench.cpus());
}
BENCHMARK(BM_Pairs)->Arg(1)->Arg(8)->Arg(1024)->Unit(benchmark::kMillisecond);

// Each CPU keeps up to 100 objects, allocating and freeing at random.
void BM_Churn(benchmark::State& state) {
  Bench bench(state.range(0));
  const int64_t ops = kOpsPerRound / bench.cpus();
  std::vector<std::vector<PhysAddr>> kept(static_cast<size_t>(bench.cpus()));
  std::vector<Random> random;
  for (int i = 0; i < bench.cpus(); ++i) random.emplace_back(1, static_cast<uint64_t>(i));
  const auto program = [&](Cpu& cpu) -> Task<void> {
    std::vector<PhysAddr>& mine = kept[cpu.id().index()];
    Random& dice = random[cpu.id().index()];
    for (int64_t i = 0; i < ops; ++i) {
      if (dice.Below(100) >= mine.size()) {
        const Placement placement =
            co_await bench.slub().Alloc(cpu, bench.cache(), kGfpKernel, kAnyNode);
        mine.push_back(placement.object);
      } else {
        std::swap(mine[dice.Below(mine.size())], mine.back());
        const PhysAddr object = mine.back();
        mine.pop_back();
        co_await bench.slub().Free(cpu, bench.cache(), object);
      }
    }
  };
  for (auto unused : state) bench.RunEverywhere(program);
  state.SetItemsProcessed(state.iterations() * ops * bench.cpus());
}
BENCHMARK(BM_Churn)->Arg(1)->Arg(8)->Arg(1024)->Unit(benchmark::kMillisecond);

// Objects go to the next CPU and are freed there.
void BM_HandOver(benchmark::State& state) {
  Bench bench(state.range(0));
  const int64_t pairs = kOpsPerRound / 2 / bench.cpus();
  std::vector<std::vector<PhysAddr>> mail(static_cast<size_t>(bench.cpus()));
  const auto program = [&](Cpu& cpu) -> Task<void> {
    std::vector<PhysAddr>& mine = mail[cpu.id().index()];
    std::vector<PhysAddr>& next = mail[(cpu.id().index() + 1) % mail.size()];
    for (int64_t i = 0; i < pairs; ++i) {
      const Placement placement =
          co_await bench.slub().Alloc(cpu, bench.cache(), kGfpKernel, kAnyNode);
      next.push_back(placement.object);
      if (mine.empty()) continue;
      const PhysAddr object = mine.back();
      mine.pop_back();
      co_await bench.slub().Free(cpu, bench.cache(), object);
    }
  };
  for (auto unused : state) bench.RunEverywhere(program);
  state.SetItemsProcessed(state.iterations() * pairs * 2 * bench.cpus());
}
BENCHMARK(BM_HandOver)->Arg(2)->Arg(8)->Arg(1024)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace slablab

BENCHMARK_MAIN();
