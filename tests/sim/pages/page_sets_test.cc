// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/pages/page_sets.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <set>
#include <vector>

#include "sim/machine.h"
#include "sim/machine/machine_config.h"
#include "sim/pages/buddy_allocator.h"
#include "tests/sim/host_allocations.h"
#include "tests/sim/pages/faulty_page_allocator.h"
#include "tests/sim/pages/page_driver.h"

namespace slablab {
namespace {

ZoneStats CountersOf(const PageDriver& driver, size_t zone = 0) {
  return driver.buddy.Stats().zones[zone].counters;
}

TEST(PageSetsTest, AnEmptyListIsFilledByTheBatchAndServesWithoutTheZonesLock) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/512));
  const PageSets::Tuning pcp = driver.buddy.Stats().zones[0].pcp;
  ASSERT_EQ(pcp.batch, 31);
  Cpu& cpu = driver.machine.cpu(CpuId(0));
  std::vector<PhysAddr> pages;
  for (int i = 0; i < 31; ++i) {
    const uint64_t locks = cpu.counts().lock_acquisitions;
    pages.push_back(driver.Alloc({}));
    EXPECT_EQ(cpu.counts().lock_acquisitions - locks, i == 0 ? 2u : 1u) << i;
  }
  EXPECT_EQ(CountersOf(driver).pcp_refills, 1u);
  EXPECT_EQ(CountersOf(driver).pcp_hits, 30u);
  EXPECT_EQ(driver.buddy.Stats().zones[0].pcp_pages, 0u);
  driver.Alloc({});
  EXPECT_EQ(CountersOf(driver).pcp_refills, 2u);
  // Larger blocks by a smaller batch: 31 >> 2.
  driver.Alloc({.order = 2});
  EXPECT_EQ(CountersOf(driver).pcp_refilled_pages, 31u + 31u + 7u * 4);
  // Order 4 has no lists.
  driver.Alloc({.order = 4});
  EXPECT_EQ(CountersOf(driver).pcp_refills, 3u);
  driver.buddy.CheckInvariants();
}

// At `high`, a batch goes back; without an allocation in between twice as many each time, until
// only a batch would stay.
TEST(PageSetsTest, FreesInARowGiveBackEverMore) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/512));
  const PageSets::Tuning pcp = driver.buddy.Stats().zones[0].pcp;
  ASSERT_GT(pcp.high, 31 * 17);
  std::vector<PhysAddr> pages;
  for (int i = 0; i < 10'000; ++i) pages.push_back(driver.Alloc({}));
  std::vector<uint64_t> drained;
  for (const PhysAddr page : pages) {
    const uint64_t before = CountersOf(driver).pcp_drained_pages;
    driver.Free(page, 0);
    const PageAllocatorStats::ZoneFigures zone = driver.buddy.Stats().zones[0];
    EXPECT_LT(zone.pcp_pages, static_cast<uint64_t>(pcp.high));
    if (zone.counters.pcp_drained_pages > before) {
      drained.push_back(zone.counters.pcp_drained_pages - before);
    }
  }
  ASSERT_GE(drained.size(), 6u);
  EXPECT_EQ(std::vector<uint64_t>(drained.begin(), drained.begin() + 5),
            (std::vector<uint64_t>{31, 62, 124, 248, 496}));
  const auto most = static_cast<uint64_t>(pcp.high - pcp.batch);
  EXPECT_EQ(drained[5], std::min<uint64_t>(992, most));
  driver.buddy.CheckInvariants();
}

TEST(PageSetsTest, AnAllocationHalvesWhatGoesBackNext) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/512));
  std::vector<PhysAddr> pages;
  for (int i = 0; i < 4000; ++i) pages.push_back(driver.Alloc({}));
  const auto free_until_drained = [&] {
    const ZoneStats before = CountersOf(driver);
    while (CountersOf(driver).pcp_drains == before.pcp_drains) {
      driver.Free(pages.back(), 0);
      pages.pop_back();
    }
    return CountersOf(driver).pcp_drained_pages - before.pcp_drained_pages;
  };
  EXPECT_EQ(free_until_drained(), 31u);
  EXPECT_EQ(free_until_drained(), 62u);
  EXPECT_EQ(free_until_drained(), 124u);
  pages.push_back(driver.Alloc({}));  // From a factor of 8 to one of 2.
  EXPECT_EQ(free_until_drained(), 62u);
}

// The zone is given what was freed first; what was freed last is used next.
TEST(PageSetsTest, WhatWasFreedLastStays) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/512));
  std::vector<PhysAddr> pages;
  for (int i = 0; i < 1000; ++i) pages.push_back(driver.Alloc({}));
  size_t freed = 0;
  while (CountersOf(driver).pcp_drains == 0) driver.Free(pages[freed++], 0);
  // A batch is back in the zone: what the last refill left over, and then the first of these.
  const size_t returned = 31 - (1023 - 1000);
  const Zone& zone = driver.buddy.zone(0);
  for (size_t i = 0; i < freed; ++i) {
    const PageFrames::Block* const block = zone.frames().BlockAt(zone.IndexOf(pages[i]));
    const bool listed = block != nullptr && block->use == PageFrames::Use::kListed;
    EXPECT_EQ(listed, i >= returned) << i;
  }
  EXPECT_EQ(driver.Alloc({}), pages[freed - 1]);
}

// A block whose merged neighbour would find its own buddy free goes to the list's tail: it is
// likelier to merge than to be used.
TEST(PageSetsTest, ABlockThatMayMergeIsTakenLast) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/64));
  std::vector<PhysAddr> blocks;
  for (int i = 0; i < 32; ++i) blocks.push_back(driver.Alloc({.order = 5}));
  // In pairs of buddies, and pairs of pairs, from an aligned start on.
  ASSERT_EQ(blocks[0].frame() % FramesOf(kMaxPageOrder), 0u);
  for (size_t i = 1; i < 32; ++i) ASSERT_EQ(blocks[i] - blocks[i - 1], FramesOf(5) * kPageSize);
  driver.Free(blocks[12], 5);  // Its pair's neighbour is in use: to the head.
  driver.Free(blocks[6], 5);
  driver.Free(blocks[7], 5);  // Now 6 and 7 are one block of order 6.
  driver.Free(blocks[4], 5);  // The neighbour of the pair 4, 5 is free: to the tail.
  driver.Free(blocks[8], 5);  // To the head.
  EXPECT_EQ(driver.Alloc({.order = 5}), blocks[8]);
  EXPECT_EQ(driver.Alloc({.order = 5}), blocks[12]);
  EXPECT_EQ(driver.Alloc({.order = 5}), blocks[4]);
  EXPECT_EQ(driver.Alloc({.order = 5}), blocks[6]);
}

TEST(PageSetsTest, LargerBlocksFreedInARowAreNotKept) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/512));
  const auto high = static_cast<size_t>(driver.buddy.Stats().zones[0].pcp.high);
  std::vector<PhysAddr> pages;
  for (size_t i = 0; i < 2 * high; ++i) pages.push_back(driver.Alloc({}));
  const PhysAddr pair = driver.Alloc({.order = 1});
  for (size_t i = 0; CountersOf(driver).pcp_drains == 0; ++i) driver.Free(pages[i], 0);
  EXPECT_GT(driver.buddy.Stats().zones[0].pcp_pages, 0u);
  driver.Free(pair, 1);
  EXPECT_EQ(driver.buddy.Stats().zones[0].pcp_pages, 0u);
}

TEST(PageSetsTest, MigrateTypesKeepToTheirOwnPageblocks) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/64));
  const Gfp types[] = {kGfpKernel, kGfpKernel | Gfp::kReclaimable, kGfpKernel | Gfp::kMovable};
  std::set<uint64_t> pageblocks[3];
  for (int i = 0; i < 6000; ++i) {
    const PhysAddr page = driver.Alloc({.gfp = types[i % 3]});
    pageblocks[i % 3].insert(page.frame() >> kPageblockOrder);
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_LE(pageblocks[i].size(), 5u);
    for (const uint64_t pageblock : pageblocks[i]) {
      EXPECT_EQ(pageblocks[(i + 1) % 3].count(pageblock), 0u);
    }
  }
  EXPECT_GT(CountersOf(driver).type_fallbacks, 0u);
}

// An unmovable request in a zone all in use by movable pages takes what is free of a pageblock: the
// pageblock becomes unmovable if that is half of it or more.
TEST(PageSetsTest, APageblockChangesTypeIfHalfOfItCanBeHad) {
  for (const uint64_t free_pages : {100u, 300u}) {
    PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/32));
    const Gfp gfp = kGfpKernel | Gfp::kNoFail;
    const std::vector<PhysAddr> pages = driver.AllocAll({.gfp = gfp | Gfp::kMovable});
    const uint64_t begin = 4 * kPageblockFrames;
    for (const PhysAddr page : pages) {
      if (page.frame() >= begin && page.frame() < begin + free_pages) driver.Free(page, 0);
    }
    driver.DrainAll();
    const PhysAddr page = driver.Alloc({.gfp = gfp});
    EXPECT_EQ(page.frame() >> kPageblockOrder, 4u);
    const Zone& zone = driver.buddy.zone(0);
    EXPECT_EQ(zone.pageblock_type(zone.IndexOf(page)),
              free_pages > 256 ? MigrateType::kUnmovable : MigrateType::kMovable);
    driver.buddy.CheckInvariants();
    // A page is freed for the use of its pageblock, whatever it was allocated for.
    driver.Free(page, 0);
    const Gfp other = free_pages > 256 ? gfp : gfp | Gfp::kMovable;
    EXPECT_EQ(driver.Alloc({.gfp = other}), page);
  }
}

// Where there is DMA32 to go to, it is preferred to mixing types within NORMAL's pageblocks.
TEST(PageSetsTest, TypesAreKeptApartByGoingToALowerZone) {
  for (int node = 0; node < 2; ++node) {
    PageDriver driver(MachineWithAllZones());
    const Gfp movable = kGfpKernel | Gfp::kMovable | Gfp::kThisNode;
    const Zone& normal = driver.buddy.zone(node == 0 ? 2 : 3);
    ASSERT_EQ(normal.kind(), ZoneKind::kNormal);
    for (uint64_t i = 1; i < normal.managed() >> kMaxPageOrder; ++i) {
      driver.Alloc({.order = kMaxPageOrder, .node = NodeId(node), .gfp = movable});
    }
    driver.Alloc({.order = 9, .node = NodeId(node), .gfp = movable});
    driver.Alloc({.order = 8, .node = NodeId(node), .gfp = movable});
    // What is left is half a pageblock.
    ASSERT_EQ(normal.ListedFreePages(), 256u);
    ASSERT_LT(normal.watermarks().low, 200);
    const PhysAddr page = driver.Alloc({.node = NodeId(node)});
    EXPECT_EQ(driver.ZoneOf(page).kind(), node == 0 ? ZoneKind::kDma32 : ZoneKind::kNormal);
    EXPECT_EQ(driver.ZoneOf(page).node(), NodeId(node));
  }
}

TEST(PageSetsTest, AtomicRequestsUnderPressureKeepAPageblock) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/64));
  const Zone& zone = driver.buddy.zone(0);
  const std::vector<PhysAddr> pages = driver.AllocAll({});
  ASSERT_EQ(zone.high_atomic_reserved(), 0);
  const PhysAddr block = driver.Alloc({.order = 2, .gfp = kGfpAtomic});
  ASSERT_FALSE(block.is_null());
  EXPECT_EQ(zone.high_atomic_reserved(), 512);
  EXPECT_EQ(zone.pageblock_type(zone.IndexOf(block)), MigrateType::kHighAtomic);
  driver.buddy.CheckInvariants();
  // Its pages are not lent to others: with just enough freed to be above the low watermark again,
  // if those pages counted, who has no claim to them gets none.
  driver.Free(block, 2);
  driver.DrainAll();
  const auto low = static_cast<uint64_t>(zone.watermarks().low);
  for (size_t i = 0; driver.buddy.Stats().zones[0].free_pages <= low + 100; ++i) {
    driver.Free(pages[i], 0);
    driver.DrainAll();
  }
  EXPECT_TRUE(driver.Alloc({}).is_null());
  EXPECT_EQ(driver.Alloc({.order = 2, .gfp = kGfpAtomic}).frame() >> kPageblockOrder,
            block.frame() >> kPageblockOrder);
  driver.buddy.CheckInvariants();
}

// When nothing else is left, who cannot wait may have a single page of it.
TEST(PageSetsTest, AtomicRequestsMayUseTheLastOfTheKeptPageblock) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/64));
  driver.AllocAll({});
  const PhysAddr block = driver.Alloc({.order = 2, .gfp = kGfpAtomic});
  ASSERT_FALSE(block.is_null());
  driver.AllocAll({.gfp = kGfpKernel | Gfp::kNoFail});
  ASSERT_GT(driver.buddy.Stats().zones[0].free_pages, 100u);
  const PhysAddr page = driver.Alloc({.gfp = kGfpAtomic});
  ASSERT_FALSE(page.is_null());
  EXPECT_EQ(page.frame() >> kPageblockOrder, block.frame() >> kPageblockOrder);
  EXPECT_TRUE(driver.Alloc({}).is_null());
}

TEST(PageSetsTest, ADeadCpuLeavesNothingBehind) {
  MachineConfig config =
      ReferenceMachine({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 512});
  PageDriver driver(config);
  const auto zone = [&](size_t i) { return driver.buddy.Stats().zones[i]; };
  const int32_t high = zone(2).pcp.high;  // Node 1's; two CPUs share it.
  for (int node = 0; node < 2; ++node) driver.Alloc({.node = NodeId(node)}, 3);
  driver.Alloc({.node = NodeId(1)}, 2);
  EXPECT_EQ(zone(2).pcp_pages, 60u);
  // Too few pages for the zone's own count to know of.
  driver.Alloc({.order = 4, .node = NodeId(0)}, 3);
  const Zone& counted = driver.buddy.zone(1);
  EXPECT_EQ(counted.free_pages().Peek(), static_cast<int64_t>(counted.ListedFreePages()) + 16);

  Scheduler& scheduler = driver.machine.scheduler();
  scheduler.SetOnline(CpuId(3), false);
  scheduler.RunOn(CpuId(0), [&](Cpu& on) { return driver.buddy.DrainCpu(on, CpuId(3)); });
  EXPECT_EQ(zone(2).pcp_pages, 30u);
  EXPECT_EQ(zone(1).pcp_pages, 0u);
  // All but what the draining CPU gave back since the threshold was last passed, at 19 of 30.
  EXPECT_EQ(counted.free_pages().Peek() + 11, static_cast<int64_t>(counted.ListedFreePages()));
  EXPECT_NEAR(zone(2).pcp.high, 2 * high, 1);
  driver.buddy.CheckInvariants();

  // Linux 6.1 counts the CPU that comes for every node; so node 0's zones are as if it had three.
  scheduler.SetOnline(CpuId(3), true);
  scheduler.RunOn(CpuId(0), [&](Cpu& on) { return driver.buddy.AdmitCpu(on, CpuId(3)); });
  EXPECT_EQ(zone(2).pcp.high, high);
  EXPECT_EQ(zone(1).pcp.high, zone(1).watermarks.low / 3);
  driver.Alloc({.node = NodeId(1)}, 3);
  driver.buddy.CheckInvariants();
}

Task<void> AllocAndFreeEveryOrder(Machine& machine, Cpu& cpu, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    std::array<PhysAddr, kPageOrders> blocks;
    for (int order = 0; order <= kMaxPageOrder; ++order) {
      blocks[static_cast<size_t>(order)] =
          co_await machine.pages().Alloc(cpu, {.order = order, .gfp = kGfpKernel});
    }
    for (int order = 0; order <= kMaxPageOrder; ++order) {
      co_await machine.pages().Free(cpu, blocks[static_cast<size_t>(order)], order);
    }
  }
}

TEST(PageSetsTest, NothingIsAllocatedOnTheHostAfterWarmUp) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/64));
  uint64_t needed[2];
  for (uint64_t& allocations : needed) {
    const int rounds = &allocations == needed ? 1 : 1000;
    const uint64_t before = HostAllocations();
    driver.machine.scheduler().RunOn(
        CpuId(0), [&](Cpu& on) { return AllocAndFreeEveryOrder(driver.machine, on, rounds); });
    allocations = HostAllocations() - before;
  }
  EXPECT_GT(needed[0], 0u);
  EXPECT_LE(needed[1], 1u);  // What starts the work.
}

TEST(PageSetsTest, TheLargestMachineIsReadyAtOnce) {
  MachineConfig config =
      ReferenceMachine({.cpus = 4096, .nodes = 64, .cpus_per_node = 64, .mib_per_node = 65'536});
  const std::clock_t begin = std::clock();
  PageDriver driver(config);
  const PhysAddr page = driver.Alloc({}, 4095);
  EXPECT_LT((std::clock() - begin) / CLOCKS_PER_SEC, 1);
  EXPECT_EQ(driver.machine.NodeOf(page), NodeId(63));
}

TEST(PageSetsTest, FaultsAreInjectedWhereAsked) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/64));
  FaultyPageAllocator faulty(driver.machine.pages(), {.fail_call = 3, .order_max = 2});
  driver.machine.set_pages(&faulty);
  for (int call = 1; call <= 5; ++call) EXPECT_EQ(driver.Alloc({}).is_null(), call == 3);
  EXPECT_TRUE(driver.Alloc({.order = 3}).is_null());
  const PhysAddr block = driver.Alloc({.order = 2});
  ASSERT_FALSE(block.is_null());
  driver.Free(block, 2);
  faulty.set_faults({.fail_from_call = 9});
  EXPECT_FALSE(driver.Alloc({}).is_null());
  EXPECT_TRUE(driver.Alloc({}).is_null());
  EXPECT_TRUE(driver.Alloc({}).is_null());
  EXPECT_EQ(faulty.calls(), 10u);
  EXPECT_EQ(faulty.failed(), 4u);
  EXPECT_EQ(faulty.frees(), 1u);
  driver.buddy.CheckInvariants();
}

// Every cycle of an allocation and a free is charged to the page allocator.
TEST(PageSetsTest, TheLedgerHasEveryCycleUnderThePageAllocator) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/64));
  const PhysAddr page = driver.Alloc({.gfp = kGfpKernel | Gfp::kZero});
  driver.Free(page, 0);
  const Ledger& ledger = driver.machine.ledger();
  uint64_t cycles = 0;
  for (int structure = 0; structure < kStructures; ++structure) {
    const Ledger::Cell& cell = ledger.cell(Site::kPageAllocator, static_cast<Structure>(structure));
    for (const uint64_t charged : cell.cycles) cycles += charged;
  }
  for (int cause = 0; cause < kCauses; ++cause) {
    cycles += ledger.cycles(Site::kPageAllocator, static_cast<Cause>(cause));
  }
  EXPECT_EQ(cycles, driver.machine.cpu(CpuId(0)).now());
  uint64_t zeroed_lines = 0;
  for (const uint64_t count : ledger.cell(Site::kPageAllocator, Structure::kObject).count) {
    zeroed_lines += count;
  }
  EXPECT_EQ(zeroed_lines, static_cast<uint64_t>(kLinesPerPage));
}

}  // namespace
}  // namespace slablab
