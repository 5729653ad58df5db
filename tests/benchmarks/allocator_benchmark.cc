// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/registry.h"
#include "base/check.h"
#include "base/random.h"
#include "sim/machine.h"

// What the models' operations cost the host, with the whole cache model, on CPUs that all work at
// the same time. Items are allocations and frees. The argument is the number of CPUs, 32 a node.
// Each CPU has done some before they are timed: its first ones fill its caches, and how many that
// takes is the model's.
//
//   bazel run //tests/benchmarks:allocator_benchmark

namespace slablab {
namespace {

// A model, and whether its cache asks for sheaves: of 28 objects, as nearly all have of themselves
// from Linux 7.0 on.
struct Subject {
  std::string_view model;
  bool asks = false;
};

// Ready for a pattern: a booted machine with one cache of 256-byte objects.
class Bench {
 public:
  Bench(const Subject& subject, int64_t cpus)
      : machine_(ReferenceMachine({.cpus = static_cast<int>(cpus),
                                   .nodes = static_cast<int>((cpus + 31) / 32),
                                   .cpus_per_node = 32,
                                   .mib_per_node = 256})),
        allocator_(MakeAllocator(subject.model, machine_, {}).value()) {
    const CacheSpec spec{
        .name = "bench", .object_size = 256, .sheaf_capacity = subject.asks ? 28u : 0u};
    machine_.scheduler().RunOn(CpuId(0), [this, &spec](Cpu& cpu) -> Task<void> {
      co_await allocator_->Boot(cpu);
      const absl::StatusOr<CacheId> created = co_await allocator_->CreateCache(cpu, spec);
      cache_ = *created;
    });
  }

  Allocator& allocator() { return *allocator_; }
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
  std::unique_ptr<Allocator> allocator_;
  CacheId cache_;
};

void OneOrMore(benchmark::internal::Benchmark* bench) {
  bench->Arg(1)->Arg(8)->Arg(1024)->Unit(benchmark::kMillisecond);
}
void TwoOrMore(benchmark::internal::Benchmark* bench) {
  bench->Arg(2)->Arg(8)->Arg(1024)->Unit(benchmark::kMillisecond);
}

constexpr int64_t kOpsPerRound = 1 << 16;  // over all CPUs
constexpr int64_t kWarmOps = 512;          // of each

// `bench` runs `program`, of one round, again and again.
template <typename Program>
void RunRounds(benchmark::State& state, Bench& bench, Program& program) {
  const int64_t ops = kOpsPerRound / bench.cpus();
  for (int64_t done = 0; done < kWarmOps; done += ops) bench.RunEverywhere(program);
  for (auto unused : state) bench.RunEverywhere(program);
  state.SetItemsProcessed(state.iterations() * ops * bench.cpus());
}

// Allocates and frees the same object again.
void Pairs(benchmark::State& state, const Subject& subject) {
  Bench bench(subject, state.range(0));
  const int64_t pairs = kOpsPerRound / 2 / bench.cpus();
  const auto program = [&](Cpu& cpu) -> Task<void> {
    for (int64_t i = 0; i < pairs; ++i) {
      const Placement placement =
          co_await bench.allocator().Alloc(cpu, bench.cache(), kGfpKernel, kAnyNode);
      co_await bench.allocator().Free(cpu, bench.cache(), placement.object);
    }
  };
  RunRounds(state, bench, program);
}

// Each CPU keeps up to 100 objects, allocating and freeing at random.
void Churn(benchmark::State& state, const Subject& subject) {
  Bench bench(subject, state.range(0));
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
            co_await bench.allocator().Alloc(cpu, bench.cache(), kGfpKernel, kAnyNode);
        mine.push_back(placement.object);
      } else {
        std::swap(mine[dice.Below(mine.size())], mine.back());
        const PhysAddr object = mine.back();
        mine.pop_back();
        co_await bench.allocator().Free(cpu, bench.cache(), object);
      }
    }
  };
  RunRounds(state, bench, program);
}

// Objects go to the next CPU and are freed there.
void HandOver(benchmark::State& state, const Subject& subject) {
  Bench bench(subject, state.range(0));
  const int64_t pairs = kOpsPerRound / 2 / bench.cpus();
  std::vector<std::vector<PhysAddr>> mail(static_cast<size_t>(bench.cpus()));
  const auto program = [&](Cpu& cpu) -> Task<void> {
    std::vector<PhysAddr>& mine = mail[cpu.id().index()];
    std::vector<PhysAddr>& next = mail[(cpu.id().index() + 1) % mail.size()];
    for (int64_t i = 0; i < pairs; ++i) {
      const Placement placement =
          co_await bench.allocator().Alloc(cpu, bench.cache(), kGfpKernel, kAnyNode);
      next.push_back(placement.object);
      if (mine.empty()) continue;
      const PhysAddr object = mine.back();
      mine.pop_back();
      co_await bench.allocator().Free(cpu, bench.cache(), object);
    }
  };
  RunRounds(state, bench, program);
}

void Register(const Subject& subject) {
  const auto add = [&subject](const char* pattern, auto run) {
    const std::string name =
        std::string(pattern) + "/" + std::string(subject.model) + (subject.asks ? "+sheaves" : "");
    return benchmark::RegisterBenchmark(
        name.c_str(), [run, subject](benchmark::State& state) { run(state, subject); });
  };
  add("Pairs", Pairs)->Apply(OneOrMore);
  add("Churn", Churn)->Apply(OneOrMore);
  add("HandOver", HandOver)->Apply(TwoOrMore);
}

// Every pattern on every model of the registry: "Churn/slub-7.3/8"; and on the one whose caches
// have sheaves only if they ask for them, "Churn/slub-6.18+sheaves/8".
void RegisterAll() {
  for (const AllocatorInfo& info : ListAllocators()) Register({.model = info.name});
  Register({.model = "slub-6.18", .asks = true});
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  slablab::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
