// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/pages/buddy_allocator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/random.h"
#include "sim/machine.h"
#include "sim/machine/machine_config.h"
#include "tests/sim/pages/page_driver.h"

namespace slablab {
namespace {

// The naive model: which frames are free, one by one. What a buddy system that always merges must
// have on its lists follows from that alone.
class FrameSet {
 public:
  explicit FrameSet(const MachineConfig& config) {
    for (const NodeMemory& node : config.memory) {
      for (const ZoneSpan& span : node.zones) {
        for (uint64_t frame = span.first_frame; frame < span.first_frame + span.managed_frames();
             ++frame) {
          if (frame >= 256) free_.insert(frame);  // The first MiB is not anybody's.
        }
        zones_.push_back({span.first_frame, span.first_frame + span.frames});
      }
    }
  }
  bool Take(uint64_t frame, int order) {
    for (uint64_t i = 0; i < FramesOf(order); ++i) {
      if (free_.erase(frame + i) == 0) return false;
    }
    return true;
  }
  void Give(uint64_t frame, int order) {
    for (uint64_t i = 0; i < FramesOf(order); ++i) free_.insert(frame + i);
  }
  // By zone, the largest aligned blocks that are wholly free.
  std::vector<BlocksByOrder> Blocks() const {
    std::vector<BlocksByOrder> blocks;
    for (const auto& [begin, end] : zones_) {
      BlocksByOrder& zone = blocks.emplace_back(BlocksByOrder{});
      for (auto at = free_.lower_bound(begin); at != free_.end() && *at < end;) {
        int order = kMaxPageOrder;
        while (*at % FramesOf(order) != 0 || !AllFree(*at, order, end)) --order;
        ++zone[static_cast<size_t>(order)];
        at = free_.lower_bound(*at + FramesOf(order));
      }
    }
    return blocks;
  }
  uint64_t FreeIn(size_t zone) const {
    return static_cast<uint64_t>(std::distance(free_.lower_bound(zones_[zone].first),
                                               free_.lower_bound(zones_[zone].second)));
  }

 private:
  bool AllFree(uint64_t frame, int order, uint64_t end) const {
    if (frame + FramesOf(order) > end) return false;
    auto at = free_.find(frame);
    for (uint64_t i = 0; i < FramesOf(order); ++i, ++at) {
      if (at == free_.end() || *at != frame + i) return false;
    }
    return true;
  }
  std::set<uint64_t> free_;
  std::vector<std::pair<uint64_t, uint64_t>> zones_;
};

TEST(BuddyAllocatorTest, BootStateIsTheLargestAlignedBlocks) {
  const MachineConfig config = MachineWithAllZones();
  PageDriver driver(config);
  driver.buddy.CheckInvariants();
  EXPECT_EQ(driver.FreeBlocks(), FrameSet(config).Blocks());
  // 4 MiB of DMA less the first MiB: 1 MiB and 2 MiB.
  EXPECT_EQ(driver.FreeBlocks()[0], (BlocksByOrder{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0}));
}

// Any use of any order on any node by any CPU, and with the CPUs' lists emptied, the free lists are
// what the naive model says; at the end, what they were at boot.
TEST(BuddyAllocatorTest, RandomUseKeepsToTheNaiveModel) {
  const MachineConfig config = MachineWithAllZones();
  PageDriver driver(config);
  FrameSet model(config);
  const auto at_boot = driver.FreeBlocks();
  Random random(1);
  std::map<uint64_t, int> held;  // first frame -> order
  uint64_t failures = 0;
  for (int step = 0; step < 12'000; ++step) {
    const int cpu = static_cast<int>(random.Below(6));
    // Fill up, then empty, twice.
    const uint64_t bias = step / 3000 % 2 == 0 ? 8 : 3;
    if (random.Chance(bias, 10)) {
      PageRequest request{.order = static_cast<int>(random.Below(random.Chance(1, 3) ? 11 : 5)),
                          .node = NodeId(static_cast<int>(random.Below(4)) - 1)};
      if (random.Chance(1, 3)) request.gfp = request.gfp | Gfp::kMovable;
      if (random.Chance(1, 8) && request.order == 0) request.gfp = kGfpAtomic;
      if (random.Chance(1, 8)) request.gfp = request.gfp | Gfp::kDma32;
      const PhysAddr block = driver.Alloc(request, cpu);
      if (block.is_null()) {
        ++failures;
        continue;
      }
      ASSERT_EQ(block.frame() % FramesOf(request.order), 0u);
      ASSERT_TRUE(model.Take(block.frame(), request.order));
      held[block.frame()] = request.order;
    } else if (!held.empty()) {
      const auto victim = std::next(held.begin(), static_cast<long>(random.Below(held.size())));
      driver.Free(PhysAddr::OfFrame(victim->first), victim->second, cpu);
      model.Give(victim->first, victim->second);
      held.erase(victim);
    }
    driver.buddy.CheckInvariants();
    if (step % 1000 == 999) {
      driver.DrainAll();
      ASSERT_EQ(driver.FreeBlocks(), model.Blocks());
    }
  }
  EXPECT_GT(failures, 0u);
  for (const auto& [frame, order] : held) driver.Free(PhysAddr::OfFrame(frame), order);
  driver.DrainAll();
  driver.buddy.CheckInvariants();
  EXPECT_EQ(driver.FreeBlocks(), at_boot);
}

// Orders that no CPU keeps lists of: which node serves, and whether any does, follows from the
// watermarks and the naive model.
TEST(BuddyAllocatorTest, LargeOrdersSucceedExactlyWhenTheModelHasRoom) {
  const MachineConfig config = SmallMachine(/*nodes=*/2, /*mib=*/32);
  PageDriver driver(config);
  FrameSet model(config);
  Random random(2);
  std::vector<std::pair<PhysAddr, int>> held;
  const auto has_room = [&](size_t node, int order, int64_t mark) {
    const BlocksByOrder blocks = model.Blocks()[node];
    const bool any =
        std::any_of(blocks.begin() + order, blocks.end(), [](uint64_t n) { return n; });
    return any && static_cast<int64_t>(model.FreeIn(node) - (FramesOf(order) - 1)) > mark;
  };
  int failures = 0;
  for (int step = 0; step < 3000; ++step) {
    if (random.Chance(step / 500 % 2 == 0 ? 7 : 3, 10)) {
      const int order = 4 + static_cast<int>(random.Below(7));
      const size_t home = random.Below(2);
      const PhysAddr block = driver.Alloc({.order = order, .node = NodeId(static_cast<int>(home))});
      const size_t other = 1 - home;
      const auto marks = [&](size_t node) { return driver.buddy.zone(node).watermarks(); };
      int expected = -1;
      if (has_room(home, order, marks(home).low)) {
        expected = static_cast<int>(home);
      } else if (has_room(other, order, marks(other).low)) {
        expected = static_cast<int>(other);
      } else if (has_room(home, order, marks(home).min)) {
        expected = static_cast<int>(home);
      } else if (has_room(other, order, marks(other).min)) {
        expected = static_cast<int>(other);
      }
      ASSERT_EQ(block.is_null() ? -1 : driver.machine.NodeOf(block).value(), expected) << step;
      failures += block.is_null();
      if (block.is_null()) continue;
      ASSERT_TRUE(model.Take(block.frame(), order));
      held.emplace_back(block, order);
    } else if (!held.empty()) {
      std::swap(held[random.Below(held.size())], held.back());
      driver.Free(held.back().first, held.back().second);
      model.Give(held.back().first.frame(), held.back().second);
      held.pop_back();
    }
    ASSERT_EQ(driver.FreeBlocks(), model.Blocks());
  }
  EXPECT_GT(failures, 10);
}

// A zone's free memory is taken from its low end on, and one batch is ascending (boot frees
// ascending, each block to the tail of its list; a split keeps the lower half).
TEST(BuddyAllocatorTest, EarlyAllocationsAscendFromTheLowestBlock) {
  PageDriver driver(MachineWithAllZones());
  const uint64_t lowest = (32 << 20) / kPageSize;  // of NORMAL
  for (uint64_t i = 0; i < 100; ++i) EXPECT_EQ(driver.Alloc({}).frame(), lowest + i);
  // The most recently freed page is the first to be used again.
  const PhysAddr block = PhysAddr::OfFrame(lowest + 50);
  driver.Free(block, 0);
  EXPECT_EQ(driver.Alloc({}), block);
}

// Watermarks, batch, high and statistics threshold of a recorded Linux 6.1.192 guest of two 512 MiB
// nodes and four CPUs, as /proc/zoneinfo printed them. What it managed when it computed them
// (before the initial ramdisk was freed) follows from the two min watermarks, within a few pages.
TEST(BuddyAllocatorTest, TuningIsWhatZoneinfoPrints) {
  MachineConfig config =
      ReferenceMachine({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 512});
  const uint64_t bytes = 512 << 20;
  const uint64_t first_mib = 1 << 20;
  config.memory =
      PlaceMemory({{.bytes = bytes, .reserved_bytes = bytes - first_mib - 122'880 * kPageSize},
                   {.bytes = bytes, .reserved_bytes = bytes - 125'124 * kPageSize}},
                  {.dma_end_bytes = 0});
  const PageAllocatorStats stats = PageDriver(config).buddy.Stats();
  ASSERT_EQ(stats.zones.size(), 2u);
  EXPECT_EQ(stats.zones[0].kind, ZoneKind::kDma32);
  EXPECT_EQ(stats.zones[0].watermarks, (Zone::Watermarks{.min = 493, .low = 616, .high = 739}));
  EXPECT_EQ(stats.zones[1].watermarks, (Zone::Watermarks{.min = 502, .low = 627, .high = 752}));
  EXPECT_EQ(stats.zones[0].pcp.high, 308);
  EXPECT_EQ(stats.zones[1].pcp.high, 313);
  for (const auto& zone : stats.zones) {
    EXPECT_EQ(zone.pcp.batch, 31);
    EXPECT_EQ(zone.pcp.stat_threshold, 18);
  }
}

TEST(BuddyAllocatorTest, ZonesFromHighToLowThenNodesInFallbackOrder) {
  using Served = std::pair<int, ZoneKind>;
  for (int home = 0; home < 3; ++home) {
    PageDriver driver(MachineWithAllZones());
    std::vector<Served> order;  // as each first served
    for (const PhysAddr block : driver.AllocAll({.node = NodeId(home)})) {
      const Zone& zone = driver.ZoneOf(block);
      const Served served(zone.node().value(), zone.kind());
      if (std::find(order.begin(), order.end(), served) == order.end()) order.push_back(served);
    }
    std::vector<Served> expected;
    for (int step = 0; step < 3; ++step) {
      const int node = (home + step) % 3;
      expected.emplace_back(node, ZoneKind::kNormal);
      if (node != 0) continue;
      expected.emplace_back(0, ZoneKind::kDma32);
      expected.emplace_back(0, ZoneKind::kDma);
    }
    EXPECT_EQ(order, expected) << home;
    const PageAllocatorStats stats = driver.buddy.Stats();
    EXPECT_EQ(stats.failures[0], 1u);
    for (const auto& zone : stats.zones) {
      EXPECT_EQ(zone.counters.for_other_node > 0, zone.node.value() != home);
      EXPECT_EQ(zone.counters.for_other_zone > 0,
                zone.node.value() == home && zone.kind != ZoneKind::kNormal);
    }
    driver.buddy.CheckInvariants();
  }
}

TEST(BuddyAllocatorTest, ThisNodeOnlyAndLowZonesOnly) {
  PageDriver driver(MachineWithAllZones());
  const std::vector<PhysAddr> here =
      driver.AllocAll({.node = NodeId(1), .gfp = kGfpKernel | Gfp::kThisNode});
  EXPECT_GT(here.size(), 14'000u);
  for (const PhysAddr block : here) EXPECT_EQ(driver.machine.NodeOf(block), NodeId(1));
  // Node 2 has no DMA32: whoever asks for it there is served by node 0, or not at all.
  EXPECT_TRUE(driver.Alloc({.node = NodeId(2), .gfp = kGfpKernel | Gfp::kDma32 | Gfp::kThisNode})
                  .is_null());
  const PhysAddr low = driver.Alloc({.node = NodeId(2), .gfp = kGfpKernel | Gfp::kDma32});
  EXPECT_EQ(driver.ZoneOf(low).kind(), ZoneKind::kDma32);
  const PhysAddr lowest = driver.Alloc({.gfp = kGfpKernel | Gfp::kDma});
  EXPECT_EQ(driver.ZoneOf(lowest).kind(), ZoneKind::kDma);
  EXPECT_GE(lowest.value(), uint64_t{1} << 20);
}

TEST(BuddyAllocatorTest, AMemorylessNodesCpusAreServedByTheNextNode) {
  MachineConfig config = SmallMachine(/*nodes=*/3, /*mib=*/32);
  const NodeSize size{.bytes = 32 << 20, .reserved_bytes = 4 << 20};
  config.memory = PlaceMemory({size, NodeSize{}, size}, {.dma_end_bytes = 0});
  PageDriver driver(config);
  const PhysAddr page = driver.Alloc({}, 1);
  EXPECT_EQ(driver.machine.NodeOf(page), NodeId(2));
  EXPECT_TRUE(driver.Alloc({.gfp = kGfpKernel | Gfp::kThisNode}, 1).is_null());
  driver.Free(page, 0, 1);
  EXPECT_EQ(driver.buddy.Stats().zones[1].counters.for_other_node, 0u);  // Its local memory.
  driver.buddy.CheckInvariants();
}

// What could have come from a higher zone leaves the reserve in the lower one alone.
TEST(BuddyAllocatorTest, LowZonesKeepAReserveFromRequestsForHigherOnes) {
  PageDriver driver(MachineWithAllZones());
  const Zone& dma32 = driver.buddy.zone(1);
  const auto normal_managed = static_cast<int64_t>(driver.buddy.zone(2).managed());
  EXPECT_EQ(dma32.lowmem_reserve(ZoneKind::kNormal), normal_managed / 256);
  EXPECT_EQ(dma32.lowmem_reserve(ZoneKind::kDma32), 0);
  driver.AllocAll({.gfp = kGfpKernel | Gfp::kThisNode});
  const size_t more = driver.AllocAll({.gfp = kGfpKernel | Gfp::kThisNode | Gfp::kDma32}).size();
  // The reserves of DMA32 and of DMA, up to a batch for each.
  const auto reserves = static_cast<size_t>(normal_managed / 256 +
                                            driver.buddy.zone(0).lowmem_reserve(ZoneKind::kNormal) -
                                            driver.buddy.zone(0).lowmem_reserve(ZoneKind::kDma32));
  EXPECT_GT(more, reserves - 10);
  EXPECT_LT(more, reserves + 10);
}

// min for who can wait, half of it for __GFP_HIGH, three eighths for GFP_ATOMIC, all for
// __GFP_NOFAIL. (A zone may go below by the batch that follows the check.)
TEST(BuddyAllocatorTest, ReservesAreForThoseWhoMayUseThem) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/64));
  const Zone& zone = driver.buddy.zone(0);
  const int64_t min = zone.watermarks().min;
  const int64_t slack = driver.buddy.Stats().zones[0].pcp.batch + 2;
  const auto expect_down_to = [&](Gfp gfp, int64_t mark) {
    driver.AllocAll({.gfp = gfp});
    EXPECT_LE(zone.free_pages().Peek(), mark);
    EXPECT_GE(zone.free_pages().Peek(), mark - slack);
  };
  expect_down_to(kGfpKernel, min);
  const size_t listed = driver.buddy.Stats().zones[0].pcp_pages;
  EXPECT_TRUE(driver.Alloc({.gfp = kGfpNoWait}).is_null());
  EXPECT_TRUE(driver.Alloc({.gfp = kGfpKernel | Gfp::kNoWarn}).is_null());
  // Even what the CPU has on its lists is not given out below the watermark.
  EXPECT_EQ(driver.buddy.Stats().zones[0].pcp_pages, listed);
  expect_down_to(kGfpKernel | Gfp::kHigh, min - min / 2);
  const int64_t half = min - min / 2;
  expect_down_to(kGfpAtomic, half - half / 4);
  driver.AllocAll({.gfp = kGfpKernel | Gfp::kNoFail});
  driver.buddy.CheckInvariants();
  const PageAllocatorStats stats = driver.buddy.Stats();
  EXPECT_EQ(stats.zones[0].free_pages + stats.zones[0].pcp_pages, 0u);
  EXPECT_EQ(stats.failures[0], 6u);
  EXPECT_EQ(stats.failures_not_warned, 1u);
}

TEST(BuddyAllocatorTest, FragmentedMemoryServesSinglePagesOnly) {
  PageDriver driver(SmallMachine(/*nodes=*/1, /*mib=*/32));
  std::vector<PhysAddr> pages = driver.AllocAll({.gfp = kGfpKernel | Gfp::kNoFail});
  for (const PhysAddr page : pages) {
    if (page.frame() % 2 == 0) driver.Free(page, 0);
  }
  driver.DrainAll();
  driver.buddy.CheckInvariants();
  // Half of the memory is free, far above any watermark.
  EXPECT_EQ(driver.FreeBlocks()[0][0], pages.size() / 2);
  for (int order = 1; order <= kMaxPageOrder; ++order) {
    EXPECT_TRUE(driver.Alloc({.order = order, .gfp = kGfpAtomic}).is_null()) << order;
  }
  EXPECT_FALSE(driver.Alloc({}).is_null());
}

}  // namespace
}  // namespace slablab
