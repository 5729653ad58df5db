// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu/layout.h"

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace slablab {
namespace {

MachineConfig Nodes(const std::vector<int>& cpus_of_node) {
  int cpus = 0;
  for (const int count : cpus_of_node) cpus += count;
  MachineConfig config = ReferenceMachine({.cpus = cpus, .cpus_per_node = cpus});
  config.memory.resize(cpus_of_node.size(), config.memory[0]);
  size_t cpu = 0;
  for (size_t node = 0; node < cpus_of_node.size(); ++node) {
    config.memory[node].first_frame = node * config.memory[0].frames;
    for (int i = 0; i < cpus_of_node[node]; ++i) {
      config.cpus[cpu++].node = NodeId(static_cast<int32_t>(node));
    }
  }
  return config;
}

PercpuLayout LayoutOf(const std::vector<int>& cpus_of_node, const PercpuSetup& setup = {}) {
  return BuildPercpuLayout(setup, Nodes(cpus_of_node));
}

// Every CPU has a unit, no two the same one, and a group's units are whole allocations.
TEST(PercpuLayoutTest, GroupsHoldTheirNodesCpus) {
  for (const std::vector<int>& nodes : std::vector<std::vector<int>>{
           {1}, {2}, {7}, {64}, {1, 1}, {3, 3}, {6, 6}, {5, 1}, {1, 63}, {9, 2, 4, 1}}) {
    const PercpuLayout layout = LayoutOf(nodes);
    ASSERT_EQ(layout.groups.size(), nodes.size());
    std::set<int> units;
    for (const int32_t unit : layout.unit_of_cpu) EXPECT_TRUE(units.insert(unit).second);
    EXPECT_LT(*units.rbegin(), layout.units());
    int wasted = layout.units();
    for (size_t group = 0; group < nodes.size(); ++group) {
      EXPECT_EQ(layout.groups[group].cpus.size(), static_cast<size_t>(nodes[group]));
      EXPECT_EQ(layout.groups[group].units % layout.units_per_alloc(), 0);
      wasted -= nodes[group];
    }
    EXPECT_LE(wasted, layout.possible_cpus() / 3);
    EXPECT_GE(layout.unit_bytes, layout.first_bytes());
    EXPECT_EQ(layout.unit_bytes % kPageSize, 0u);
    EXPECT_EQ(layout.alloc_bytes % layout.unit_bytes, 0u);
  }
}

// A 2 MiB allocation holds at most eight units of 200 KiB: 2 MiB in ten are no whole pages.
TEST(PercpuLayoutTest, NoMoreThanAThirdOfTheUnitsIsWasted) {
  EXPECT_EQ(LayoutOf({64}).unit_bytes, 256u << 10);
  EXPECT_EQ(LayoutOf({32, 32}).unit_bytes, 256u << 10);
  EXPECT_EQ(LayoutOf({4}).unit_bytes, 512u << 10);
  EXPECT_EQ(LayoutOf({6, 6}).unit_bytes, 256u << 10);   // 4 of 12 wasted: just a third.
  EXPECT_EQ(LayoutOf({3, 3}).unit_bytes, 512u << 10);   // 2 of 6 in fours; eights would waste 10.
  EXPECT_EQ(LayoutOf({5, 5}).unit_bytes, 1024u << 10);  // Eights and fours waste 6 of 10.
  EXPECT_EQ(LayoutOf({1, 1, 1}).unit_bytes, 2048u << 10);
}

TEST(PercpuLayoutTest, TheDynamicPartFillsItsLastPage) {
  const PercpuLayout layout = LayoutOf({2});
  EXPECT_EQ(layout.dynamic_bytes, 29848u);
  EXPECT_EQ(layout.first_bytes() % kPageSize, 0u);
  // Never less than what is needed before there is a slab allocator.
  EXPECT_GE(LayoutOf({2}, {.dynamic_bytes = 0}).dynamic_bytes, kPercpuEarlyBytes);
}

// 2.6.35: -1 is whatever is left of the page, 0 nothing at all, more a minimum.
TEST(PercpuLayoutTest, TheSignedDynamicSizeHasThreeMeanings) {
  const auto dynamic = [](int64_t bytes) {
    return LayoutOf({2}, {.static_bytes = 10000,
                          .reserved_bytes = 0,
                          .dynamic_bytes = bytes,
                          .dynamic_meaning = PercpuDynSize::kSigned})
        .dynamic_bytes;
  };
  EXPECT_EQ(dynamic(-1), 3 * kPageSize - 10000);
  EXPECT_EQ(dynamic(0), 0u);
  EXPECT_EQ(dynamic(1), 3 * kPageSize - 10000);
  EXPECT_EQ(dynamic(20 << 10), 8 * kPageSize - 10000);
}

// Nodes too far apart for the address space: page by page, all CPUs in one group.
TEST(PercpuLayoutTest, NodesTooFarApartAreMappedByPage) {
  const PercpuSetup setup = {.atom_bytes = kPageSize, .vmalloc_bytes = uint64_t{128} << 20};
  const PercpuLayout layout = LayoutOf({2, 2}, setup);
  EXPECT_FALSE(layout.is_embedded);
  ASSERT_EQ(layout.groups.size(), 1u);
  EXPECT_EQ(layout.groups[0].units, 4);
  EXPECT_TRUE(LayoutOf({4}, setup).is_embedded);
  PercpuSetup alone = setup;
  alone.has_page_first_chunk = false;
  EXPECT_TRUE(LayoutOf({2, 2}, alone).is_embedded);
}

}  // namespace
}  // namespace slablab
