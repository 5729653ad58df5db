// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu_areas.h"

#include <optional>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "sim/machine.h"

namespace slablab {
namespace {

class PercpuAreasTest : public ::testing::Test {
 protected:
  PercpuAreasTest()
      : machine_(ReferenceMachine({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 64})),
        areas_(MakeFirstFitPercpuAreas(machine_)) {}

  PercpuArea Alloc(uint32_t bytes, uint32_t align = 8) {
    PercpuArea area;
    machine_.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
      area = co_await areas_->Alloc(cpu, {.bytes = bytes, .align = align});
    });
    return area;
  }
  void Free(PercpuArea area) {
    machine_.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return areas_->Free(cpu, area); });
  }

  Machine machine_;
  std::unique_ptr<PercpuAreas> areas_;
};

TEST_F(PercpuAreasTest, CopiesAreOnTheirCpusNodesAndApart) {
  const PercpuArea area = Alloc(136, 16);
  std::set<uint64_t> lines;
  for (int cpu = 0; cpu < 4; ++cpu) {
    for (uint32_t at = 0; at < 136; at += 8) {
      const PhysAddr address = areas_->AddressOn(area, CpuId(cpu), at);
      EXPECT_EQ(machine_.NodeOf(address), NodeId(cpu / 2));
      EXPECT_TRUE(lines.insert(address.value()).second);
    }
    EXPECT_EQ(areas_->AddressOn(area, CpuId(cpu), 0).value() % 16, 0u);
  }
}

// |aaaa|bbbb|cccc|  ->  |aaaa|....|cccc|  ->  |aaaa|dd..|cccc|
TEST_F(PercpuAreasTest, TheFirstGapThatFitsIsTaken) {
  const PercpuArea a = Alloc(64);
  const PercpuArea b = Alloc(64);
  const PercpuArea c = Alloc(64);
  Free(b);
  EXPECT_EQ(Alloc(32).offset, b.offset);
  EXPECT_EQ(Alloc(64).offset, c.offset + 64);
  Free(a);
  EXPECT_EQ(Alloc(4, 64).offset, 0u);
}

// Gaps on both sides join.
TEST_F(PercpuAreasTest, NeighboursMerge) {
  std::vector<PercpuArea> areas;
  for (int i = 0; i < 7; ++i) areas.push_back(Alloc(4096));  // All of the first chunk: 28 KiB.
  EXPECT_EQ(areas.back().chunk, 0);
  Free(areas[1]);
  Free(areas[3]);
  Free(areas[2]);
  EXPECT_EQ(Alloc(3 * 4096).offset, areas[1].offset);
}

TEST_F(PercpuAreasTest, FurtherChunksTakePagesAsTheyAreNeeded) {
  const uint64_t first = areas_->bytes_held();
  EXPECT_EQ(first, 4u * (28 << 10));
  Alloc(28 << 10);
  EXPECT_EQ(areas_->bytes_held(), first);
  const PercpuArea second = Alloc(100);
  EXPECT_EQ(second.chunk, 1);
  EXPECT_EQ(areas_->bytes_held(), first + 4 * kPageSize);
  const PercpuArea third = Alloc(8192);  // From offset 100: two more pages.
  EXPECT_EQ(areas_->bytes_held(), first + 4 * 3 * kPageSize);
  // Not contiguous over the end of a page, but every byte is somewhere.
  EXPECT_EQ(areas_->AddressOn(third, CpuId(3), 4000).value() % kPageSize,
            (104u + 4000) % kPageSize);
  Free(second);
  Free(third);
  EXPECT_EQ(areas_->bytes_held(), first);
}

}  // namespace
}  // namespace slablab
