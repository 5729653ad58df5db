// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// "There is no performance difference" (the message of the patch that had SLAB's per-CPU arrays
// come from the percpu allocator), on every bundled trace; and what difference there is, is where
// the patch made one.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "allocators/registry.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "sim/machine/machine_loader.h"
#include "traces/slt/trace.h"
#include "workloads/rcu_frees.h"
#include "workloads/replay/replay.h"

namespace slablab {
namespace {

// The beginning of a trace is enough, and keeps slow builds quick.
constexpr uint64_t kEventsMax = 60'000;

// Per thousand operations.
struct Cost {
  int64_t cycles = 0;             // of all operations, start to end
  int64_t descriptor_cycles = 0;  // of these, touching caches' descriptors
  int64_t hits = 0;               // took or gave an object of the CPU's own array
};

Cost CostOf(const std::string& trace, std::string_view allocator) {
  const auto reader = TraceReader::Open(trace, {.addresses = false});
  Machine machine(LoadMachine("xeon-8380").value());
  const std::unique_ptr<Allocator> model = MakeAllocator(allocator, machine, {}).value();
  machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return model->Boot(cpu); });
  Replay replay(**reader, machine, *model, {.events_max = kEventsMax});
  EXPECT_TRUE(replay.Prepare().ok());
  machine.ledger().Reset();
  machine.scheduler().Run(replay);
  EXPECT_TRUE(replay.status().ok());
  model->CheckInvariants();
  Cost cost;
  for (int site = kFirstModelSite; site < kMaxSites; ++site) {
    const Ledger::Cell cell =
        machine.ledger().cell(static_cast<Site>(site), Structure::kCacheDescriptor);
    for (const uint64_t cycles : cell.cycles)
      cost.descriptor_cycles += static_cast<int64_t>(cycles);
  }
  const RunAccount& result = replay.result();
  for (size_t path = 0; path < result.paths.size(); ++path) {
    const std::string_view name = PathOf(*model, static_cast<PathId>(path)).name;
    const Histogram& cycles = result.paths[path].cycles;
    cost.cycles += static_cast<int64_t>(cycles.total());
    if (name == "alloc fast hit" || name == "free fast hit") {
      cost.hits += static_cast<int64_t>(cycles.count());
    }
  }
  const auto operations = static_cast<int64_t>(result.allocations + result.frees);
  for (int64_t* figure : {&cost.cycles, &cost.descriptor_cycles, &cost.hits}) {
    *figure = *figure * 1000 / operations;
  }
  return cost;
}

TEST(SlabErasTest, ThePatchMadeNoDifferenceButWhereArraysAreFound) {
  std::vector<std::string> traces;
  for (const auto& entry : std::filesystem::directory_iterator("traces/samples")) {
    const std::string name = entry.path().filename();
    const bool of_slabs = name.find("percpu") == std::string::npos;
    if (entry.path().extension() == ".slt" && of_slabs) traces.push_back(entry.path());
  }
  EXPECT_GE(traces.size(), 5u);
  for (const std::string& trace : traces) {
    SCOPED_TRACE(trace);
    const Cost before = CostOf(trace, "slab-2014");
    const Cost after = CostOf(trace, "slab-2014-percpu");
    EXPECT_LT(std::abs(after.cycles - before.cycles), before.cycles / 50);
    EXPECT_LE(std::abs(after.hits - before.hits), 1);
    // The cache's descriptor no longer has a pointer for every CPU, and none to find the nodes by.
    EXPECT_LT(after.descriptor_cycles, before.descriptor_cycles);
    const int64_t elsewhere_before = before.cycles - before.descriptor_cycles;
    const int64_t elsewhere_after = after.cycles - after.descriptor_cycles;
    EXPECT_LT(std::abs(elsewhere_after - elsewhere_before), elsewhere_before / 100);
    // Eight years later it is still much the same allocator.
    const Cost later = CostOf(trace, "slab");
    EXPECT_LT(std::abs(later.cycles - before.cycles), before.cycles / 10);
  }
}

}  // namespace
}  // namespace slablab
