// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu/percpu.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "allocators/percpu/projection.h"
#include "allocators/percpu/registry.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "tests/sim/pages/faulty_page_allocator.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;

class PercpuTest : public ::testing::Test {
 protected:
  struct Setup {
    std::string name = "percpu";
    int cpus = 4;
    int nodes = 2;
    std::optional<PercpuSetup> percpu = {};
    bool balance_at_once = false;
  };
  void Start(const Setup& setup) {
    machine_ =
        std::make_unique<Machine>(ReferenceMachine({.cpus = setup.cpus,
                                                    .nodes = setup.nodes,
                                                    .cpus_per_node = setup.cpus / setup.nodes,
                                                    .mib_per_node = 64}));
    areas_ = MakePercpuAreas(*machine_, {.name = setup.name,
                                         .setup = setup.percpu,
                                         .balance_at_once = setup.balance_at_once})
                 .value();
  }
  PercpuArea Alloc(PercpuRequest request) {
    PercpuArea area;
    machine_->scheduler().RunOn(
        CpuId(0), [&](Cpu& cpu) -> Task<void> { area = co_await areas_->Alloc(cpu, request); });
    return area;
  }
  PercpuArea Alloc(uint32_t bytes, uint32_t align = 8) {
    return Alloc({.bytes = bytes, .align = align});
  }
  PercpuArea AllocAtomic(uint32_t bytes) {
    return Alloc({.bytes = bytes, .align = 8, .gfp = kGfpAtomic});
  }
  void Free(PercpuArea area) {
    machine_->scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return areas_->Free(cpu, area); });
  }
  void Balance() {
    machine_->scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return areas_->Balance(cpu); });
  }
  // Takes all of the first chunk's dynamic part, so that a further chunk must be made.
  void FillFirstChunk() {
    while (true) {
      const PercpuArea area = Alloc(4, 4);
      if (area.chunk == 0) continue;
      Free(area);
      return;
    }
  }

  std::unique_ptr<Machine> machine_;
  std::unique_ptr<PercpuAreas> areas_;
};

TEST_F(PercpuTest, CopiesAreOnTheirCpusNodesAndApart) {
  Start({});
  FillFirstChunk();
  for (const PercpuArea area : {Alloc(136, 16), Alloc(8192)}) {
    std::set<uint64_t> words;
    for (int cpu = 0; cpu < 4; ++cpu) {
      for (uint32_t at = 0; at < area.bytes; at += 8) {
        const PhysAddr address = areas_->AddressOn(area, CpuId(cpu), at);
        EXPECT_EQ(machine_->NodeOf(address), NodeId(cpu / 2));
        EXPECT_TRUE(words.insert(address.value()).second);
      }
    }
  }
  EXPECT_EQ(areas_->AddressOn(Alloc(136, 64), CpuId(3), 0).value() % 64, 0u);
  areas_->CheckInvariants();
}

TEST_F(PercpuTest, WhatTheKernelCallsIllegalIsRefused) {
  Start({});
  EXPECT_TRUE(Alloc(0).is_null());
  EXPECT_TRUE(Alloc((32 << 10) + 1).is_null());
  EXPECT_TRUE(Alloc(8, 8192).is_null());
  EXPECT_TRUE(Alloc(8, 24).is_null());
  EXPECT_EQ(areas_->Figures().nr_alloc, 0u);
  EXPECT_EQ(Alloc(1, 0).bytes, 4u);
  EXPECT_FALSE(Alloc(32 << 10, 4096).is_null());
}

// The reserved part is 8 KiB, on no list, and serves reserved requests only.
TEST_F(PercpuTest, TheReservedPartServesReservedRequestsAlone) {
  Start({});
  const PercpuArea module = Alloc({.bytes = 6000, .align = 64, .reserved = true});
  EXPECT_EQ(areas_->Figures().chunks[0].kind, PercpuChunkFigures::Kind::kReserved);
  EXPECT_EQ(module.chunk, areas_->Figures().chunks[0].chunk);
  EXPECT_TRUE(Alloc({.bytes = 6000, .align = 64, .reserved = true}).is_null());
  EXPECT_NE(Alloc(6000).chunk, module.chunk);
  Free(module);
  EXPECT_FALSE(Alloc({.bytes = 6000, .align = 64, .reserved = true}).is_null());
  // Without one, reserved requests are like any other.
  Start({.percpu = PercpuSetup{.reserved_bytes = 0}});
  EXPECT_EQ(Alloc({.bytes = 6000, .align = 64, .reserved = true}).chunk, 0);
  areas_->CheckInvariants();
}

TEST_F(PercpuTest, PagesComeWhenAnAreaNeedsThemAndGoWithTheChunk) {
  Start({});
  FillFirstChunk();
  const uint64_t page_of_all = 4 * kPageSize;
  EXPECT_EQ(areas_->usage().populated_bytes, page_of_all);
  const PercpuArea wide = Alloc(9000);
  EXPECT_EQ(areas_->usage().populated_bytes, 3 * page_of_all);
  EXPECT_TRUE(areas_->IsPopulated(wide.chunk, 2));
  EXPECT_FALSE(areas_->IsPopulated(wide.chunk, 3));
  Free(wide);
  EXPECT_EQ(areas_->usage().populated_bytes, 3 * page_of_all);
}

// Atomic requests live on the pages that balance work keeps at hand: four, and four more after a
// failure.
TEST_F(PercpuTest, ThoseWhoCannotWaitHaveOnlySparePages) {
  Start({});
  FillFirstChunk();
  EXPECT_TRUE(AllocAtomic(8192).is_null());
  EXPECT_TRUE(areas_->balance_due());
  Balance();
  EXPECT_FALSE(areas_->balance_due());
  EXPECT_FALSE(AllocAtomic(16384).is_null());
  EXPECT_TRUE(AllocAtomic(16384).is_null());
  Balance();
  EXPECT_FALSE(AllocAtomic(16384).is_null());
  areas_->CheckInvariants();
}

// Of several wholly free chunks one is kept; a second that the first time was needed for its spare
// pages goes the next time.
TEST_F(PercpuTest, SurplusFreeChunksAreDestroyed) {
  Start({});
  FillFirstChunk();
  const uint64_t unit = areas_->layout().unit_bytes;
  std::vector<PercpuArea> areas;
  for (uint64_t taken = 0; taken < 3 * unit; taken += 32 << 10) areas.push_back(Alloc(32 << 10));
  EXPECT_EQ(areas_->Figures().nr_chunks, 4u);
  for (const PercpuArea area : areas) Free(area);
  EXPECT_TRUE(areas_->balance_due());
  Balance();
  EXPECT_LE(areas_->Figures().nr_chunks, 3u);
  Balance();
  areas_->CheckInvariants();
  EXPECT_EQ(areas_->Figures().nr_chunks, 2u);
  EXPECT_EQ(areas_->Figures().nr_max_chunks, 4u);
  EXPECT_EQ(areas_->usage().address_bytes, 4 * unit);
}

// A chunk with a quarter of its pages empty, where enough others are spare, loses them from the
// end, and is used again only when no other chunk will do.
TEST_F(PercpuTest, AChunkWithManyEmptyPagesIsDepopulatedAndSidelined) {
  Start({});
  FillFirstChunk();
  const uint64_t unit = areas_->layout().unit_bytes;
  std::vector<PercpuArea> areas;
  for (uint64_t taken = 0; taken < 2 * unit; taken += 32 << 10) areas.push_back(Alloc(32 << 10));
  const int32_t first = areas.front().chunk;
  ASSERT_NE(areas.back().chunk, first);
  // All but the first of each chunk.
  for (size_t i = 1; i < areas.size(); ++i) {
    if (areas[i].offset != 0) Free(areas[i]);
  }
  ASSERT_TRUE(areas_->balance_due());
  Balance();
  areas_->CheckInvariants();
  std::vector<PercpuChunkFigures::Kind> kinds;
  for (const PercpuChunkFigures& chunk : areas_->Figures().chunks) kinds.push_back(chunk.kind);
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), PercpuChunkFigures::Kind::kSidelined), 1);
}

TEST_F(PercpuTest, BalanceRunsAtOnceWhereItMay) {
  Start({.balance_at_once = true});
  FillFirstChunk();
  EXPECT_FALSE(areas_->balance_due());
  EXPECT_GE(areas_->Figures().empty_pop_pages, 2);
}

TEST_F(PercpuTest, LimitedAddressSpaceRunsOut) {
  // 32 bits: 128 MiB, of which a chunk for four CPUs takes 4 x 200 KiB.
  Start({.nodes = 1,
         .percpu = PercpuSetup{.dynamic_bytes = kPercpuDynamicBytes32,
                               .atom_bytes = kPageSize,
                               .vmalloc_bytes = uint64_t{4} << 20}});
  FillFirstChunk();
  int given = 0;
  while (!Alloc(32 << 10).is_null()) ++given;
  EXPECT_GT(given, 20);
  EXPECT_EQ(areas_->usage().address_failures, 1u);
  EXPECT_LE(areas_->usage().address_bytes, uint64_t{4} << 20);
  EXPECT_EQ(areas_->usage().page_failures, 0u);
  areas_->CheckInvariants();
}

TEST_F(PercpuTest, KmTakesAPowerOfTwoPagesAtOnce) {
  Start({.name = "percpu-km", .cpus = 2, .nodes = 1});
  FillFirstChunk();
  // Two units of 50 pages are 100 pages in a block of 128.
  EXPECT_EQ(areas_->layout().unit_bytes, 50 * kPageSize);
  EXPECT_EQ(areas_->usage().populated_bytes, 100 * kPageSize);
  EXPECT_EQ(areas_->usage().rounding_bytes, 28 * kPageSize);
  EXPECT_EQ(PercpuKmWastedPages(areas_->layout()), 28u);
  EXPECT_FALSE(AllocAtomic(32 << 10).is_null());
  areas_->CheckInvariants();
}

TEST_F(PercpuTest, KmCannotServeSeveralNodes) {
  Machine machine(
      ReferenceMachine({.cpus = 2, .nodes = 2, .cpus_per_node = 1, .mib_per_node = 64}));
  const auto made = MakePercpuAreas(machine, {.name = "percpu-km"});
  EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("more than one group"));
  EXPECT_THAT(std::string(MakePercpuAreas(machine, {.name = "pcpu"}).status().message()),
              HasSubstr("valid are: percpu, percpu-km"));
}

// What the arithmetic says of other machines is what they come to when they are simulated; but for
// the pages that are held ahead.
TEST_F(PercpuTest, ProjectionsAgreeWithSimulation) {
  constexpr int kAreas = 60;
  constexpr uint32_t kBytes = 976;
  const std::vector<PercpuProjected> rows =
      ProjectPercpu({.area_bytes = kAreas * kBytes, .extent_bytes = kAreas * kBytes});
  int compared = 0;
  for (const PercpuProjected& row : rows) {
    if (row.cpus > 16) continue;
    for (const std::string name : {"percpu", "percpu-km"}) {
      if (name == "percpu-km" && row.km_held_bytes == 0) continue;
      Start({.name = name, .cpus = row.cpus, .nodes = row.nodes});
      for (int i = 0; i < kAreas; ++i) ASSERT_FALSE(Alloc(kBytes).is_null());
      Balance();
      const PercpuUsage& usage = areas_->usage();
      EXPECT_EQ(usage.area_bytes, row.area_bytes);
      const uint64_t held = usage.held_bytes() - usage.metadata_bytes;
      if (name == "percpu-km") {
        EXPECT_EQ(held, row.km_held_bytes) << row.cpus;
        EXPECT_EQ(usage.rounding_bytes, row.km_wasted_bytes) << row.cpus;
      } else {
        const uint64_t page = kPageSize * static_cast<uint64_t>(row.cpus);
        EXPECT_LE(held, row.vm_held_bytes + page) << row.cpus;
        EXPECT_GE(held + 3 * page, row.vm_held_bytes) << row.cpus;
        EXPECT_EQ(usage.address_bytes, row.vm_address_bytes) << row.cpus << " " << row.nodes;
      }
      ++compared;
    }
  }
  EXPECT_EQ(compared, 8);
}

// On 32 bits SLAB's arrays are not to be had from some number of CPUs on.
TEST_F(PercpuTest, ProjectionsSayWhen32BitsAreExhausted) {
  const std::vector<PercpuProjected> rows =
      ProjectPercpu({.area_bytes = 45000, .extent_bytes = 45000});
  for (const PercpuProjected& row : rows) {
    EXPECT_EQ(row.vm32_exhausted, row.cpus > 256) << row.cpus;
  }
}

// The Nth page that is asked for cannot be had: nothing is lost, and the next time it goes well.
TEST_F(PercpuTest, AnyPageMayFail) {
  for (const std::string name : {"percpu", "percpu-km", "percpu-2010", "percpu-2010-km"}) {
    for (uint64_t nth = 1;; ++nth) {
      Start({.name = name, .cpus = 2, .nodes = 1});
      FaultyPageAllocator faulty(machine_->pages(), {.fail_call = nth});
      machine_->set_pages(&faulty);
      std::vector<PercpuArea> areas;
      for (int i = 0; i < 6; ++i) {
        areas.push_back(Alloc(20000));
        AllocAtomic(12288);
        Balance();
        areas_->CheckInvariants();
      }
      int lost = 0;
      for (const PercpuArea area : areas) lost += area.is_null() ? 1 : 0;
      EXPECT_LE(lost, 1);
      for (const PercpuArea area : areas) {
        if (!area.is_null()) Free(area);
      }
      Balance();
      areas_->CheckInvariants();
      if (faulty.failed() == 0) break;
      ASSERT_LT(nth, 1000u);
    }
  }
}

}  // namespace
}  // namespace slablab
