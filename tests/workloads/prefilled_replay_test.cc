// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Sheaves that the maple tree has filled for one store: their filling and their return have no
// event, what is taken from them has.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "allocators/registry.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "tests/traces/random_trace.h"
#include "traces/slt/trace.h"
#include "workloads/replay/replay.h"

namespace slablab {
namespace {

enum Site : uint32_t { kPreallocate = 1, kSplit = 2 };

class PrefilledTest : public ::testing::Test {
 protected:
  PrefilledTest() {
    TraceHeader& header = trace_.header;
    header.cpu_count = 2;
    header.node_count = 1;
    header.node_of_cpu = {0, 0};
    header.gfp_flags = {"", "GFP_KERNEL", "GFP_NOWAIT"};
    header.call_sites = {"", "mas_preallocate+0x3c3", "mas_wr_split+0xc29"};
    header.caches = {{}, {.name = "maple_node", .object_size = 256}};
  }

  TraceObject Alloc(Site site, int cpu, int pid) {
    Event event;
    event.time = 1'000'000 + 1000 * trace_.events.size();
    event.object = ++objects_;
    event.address = objects_ * 4096;
    event.bytes_req = 256;
    event.bytes_alloc = 256;
    event.kind = EventKind::kCacheAlloc;
    event.cache = 1;
    event.cpu = static_cast<uint16_t>(cpu);
    event.pid = pid;
    event.call_site = site;
    event.gfp = site == kSplit ? 2 : 1;
    trace_.events.push_back(event);
    return objects_;
  }
  void Free(TraceObject object, int cpu, int pid) {
    Event event;
    event.time = 1'000'000 + 1000 * trace_.events.size();
    event.object = object;
    event.address = object * 4096;
    event.kind = EventKind::kCacheFree;
    event.cache = 1;
    event.cpu = static_cast<uint16_t>(cpu);
    event.pid = pid;
    trace_.events.push_back(event);
  }

  // The cache's counters after a replay.
  std::map<std::string, uint64_t> Counted(const std::string& allocator) {
    const auto reader =
        TraceReader::FromMemory("prefilled.slt", WriteToString(trace_, {}).value(), {}).value();
    Machine machine(
        ReferenceMachine({.cpus = 2, .nodes = 1, .cpus_per_node = 2, .mib_per_node = 64}));
    const std::unique_ptr<Allocator> model = MakeAllocator(allocator, machine, {}).value();
    machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return model->Boot(cpu); });
    Replay replay(*reader, machine, *model, {});
    EXPECT_TRUE(replay.Prepare().ok());
    machine.scheduler().Run(replay);
    EXPECT_TRUE(replay.status().ok()) << replay.status();
    model->CheckInvariants();
    EXPECT_EQ(replay.auditor().violations(), 0u) << replay.auditor().first_violation();
    EXPECT_EQ(replay.result().allocations, objects_);
    std::map<std::string, uint64_t> counted;
    for (const Figure& figure : model->Counters(model->FindCache("maple_node"))) {
      counted[figure.name] = figure.value;
    }
    return counted;
  }

  Trace trace_;
  TraceObject objects_ = 0;
};

TEST_F(PrefilledTest, WhatComesTogetherComesFromOneSheaf) {
  Alloc(kPreallocate, 0, 7);
  for (int i = 0; i < 3; ++i) Alloc(kSplit, 0, 7);
  Alloc(kPreallocate, 0, 7);
  for (int i = 0; i < 3; ++i) Alloc(kSplit, 0, 7);
  Alloc(kPreallocate, 1, 8);  // leaves the other CPU's alone
  Alloc(kSplit, 0, 7);
  Alloc(kPreallocate, 0, 7);
  std::map<std::string, uint64_t> counted = Counted("slub-7.3");
  EXPECT_EQ(counted["alloc_fastpath"] + counted["alloc_slowpath"], 4u);
  EXPECT_EQ(counted["sheaf_prefill_fast"] + counted["sheaf_prefill_slow"], 2u);
  EXPECT_EQ(counted["sheaf_return_fast"] + counted["sheaf_return_slow"], 2u);
}

TEST_F(PrefilledTest, AModelWithoutSheavesAllocatesAsEver) {
  for (int i = 0; i < 3; ++i) Alloc(kSplit, 0, 7);
  std::map<std::string, uint64_t> counted = Counted("slub-6.12");
  EXPECT_EQ(counted["alloc_fastpath"] + counted["alloc_slowpath"], 3u);
}

// Each that is filled is given back, but for those in use at the end; and what is taken from them
// is counted nowhere else.
TEST_F(PrefilledTest, WhateverComesSheavesAreGivenBack) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed, /*stream=*/0);
    trace_.events.clear();
    objects_ = 0;
    uint64_t ordinary = 0;
    std::vector<TraceObject> live;
    for (int i = 0; i < 400; ++i) {
      const int cpu = static_cast<int>(random.Below(2));
      if (!live.empty() && random.Below(3) == 0) {
        Free(live.back(), cpu, cpu);
        live.pop_back();
        continue;
      }
      const bool splits = random.Below(2) == 0;
      ordinary += !splits;
      live.push_back(Alloc(splits ? kSplit : kPreallocate, cpu, cpu));
    }
    std::map<std::string, uint64_t> counted = Counted("slub-7.3");
    EXPECT_EQ(counted["alloc_fastpath"] + counted["alloc_slowpath"], ordinary);
    const uint64_t filled = counted["sheaf_prefill_fast"] + counted["sheaf_prefill_slow"];
    const uint64_t returned = counted["sheaf_return_fast"] + counted["sheaf_return_slow"];
    EXPECT_GE(filled, returned);
    EXPECT_LE(filled, returned + 2);
  }
}

}  // namespace
}  // namespace slablab
