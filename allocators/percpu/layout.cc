// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu/layout.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace slablab {
namespace {

constexpr uint64_t RoundUp(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// A CPU that is not there counts as on node 0.
NodeId NodeOf(const MachineConfig& machine, CpuId cpu) {
  return cpu.index() < machine.cpus.size() ? machine.cpus[cpu.index()].node : NodeId(0);
}

// Sizes the dynamic part so that the three parts fill their last page.
void SizeDynamicPart(const PercpuSetup& setup, PercpuLayout& layout) {
  const uint64_t fixed = setup.static_bytes + setup.reserved_bytes;
  const int64_t least = setup.dynamic_meaning == PercpuDynSize::kMinimum
                            ? std::max<int64_t>(setup.dynamic_bytes, kPercpuEarlyBytes)
                            : std::max<int64_t>(setup.dynamic_bytes, 0);
  const uint64_t sum = RoundUp(fixed + static_cast<uint64_t>(least), kPageSize);
  const bool none = setup.dynamic_meaning == PercpuDynSize::kSigned && setup.dynamic_bytes == 0;
  layout.dynamic_bytes = none ? 0 : sum - fixed;
}

// Whether an allocation can be cut into `units` units of whole pages.
bool Divides(uint64_t alloc_bytes, uint64_t units) {
  return alloc_bytes % units == 0 && alloc_bytes / units % kPageSize == 0;
}

// Of the ways to cut allocations into units: the most address space used, so long as no more than
// a third as many units stay unused as there are CPUs; among equals the largest units.
uint64_t ChooseUnitsPerAlloc(const PercpuLayout& layout, uint64_t most) {
  const auto cpus = static_cast<uint64_t>(layout.possible_cpus());
  uint64_t best = 0;
  uint64_t allocs_before = std::numeric_limits<uint64_t>::max();
  for (uint64_t units = most; units > 0; --units) {
    if (!Divides(layout.alloc_bytes, units)) continue;
    uint64_t allocs = 0;
    for (const PercpuGroup& group : layout.groups) {
      allocs += (group.cpus.size() + units - 1) / units;
    }
    const uint64_t unused = allocs * units - cpus;
    if (unused > cpus / 3) continue;
    if (allocs > allocs_before) break;
    allocs_before = allocs;
    best = units;
  }
  CHECK_GT(best, 0u);
  return best;
}

// pcpu_build_alloc_info().
PercpuLayout Build(const PercpuSetup& setup, const MachineConfig& machine) {
  PercpuLayout layout;
  layout.static_bytes = setup.static_bytes;
  layout.reserved_bytes = setup.reserved_bytes;
  layout.atom_bytes = setup.atom_bytes;
  SizeDynamicPart(setup, layout);
  const uint64_t unit_least =
      std::max(RoundUp(layout.first_bytes(), kPageSize), setup.unit_bytes_min);
  layout.alloc_bytes = RoundUp(unit_least, setup.atom_bytes);
  uint64_t most = layout.alloc_bytes / unit_least;
  while (!Divides(layout.alloc_bytes, most)) --most;

  // Groups in order of their first CPU.
  const int possible = machine.possible_cpus;
  std::vector<int32_t> group_of_node(static_cast<size_t>(machine.node_count()), -1);
  for (int i = 0; i < possible; ++i) {
    const CpuId cpu(i);
    layout.node_of_cpu.push_back(NodeOf(machine, cpu));
    int32_t& group = group_of_node[setup.by_distance ? layout.node_of_cpu.back().index() : 0];
    if (group < 0) {
      group = static_cast<int32_t>(layout.groups.size());
      layout.groups.emplace_back();
    }
    layout.groups[static_cast<size_t>(group)].cpus.push_back(cpu);
  }
  layout.unit_of_cpu.resize(static_cast<size_t>(possible));
  const uint64_t units = ChooseUnitsPerAlloc(layout, most);
  layout.unit_bytes = layout.alloc_bytes / units;
  int32_t unit = 0;
  for (PercpuGroup& group : layout.groups) {
    group.base_offset = static_cast<uint64_t>(unit) * layout.unit_bytes;
    for (size_t i = 0; i < group.cpus.size(); ++i) {
      layout.unit_of_cpu[group.cpus[i].index()] = unit + static_cast<int32_t>(i);
    }
    group.units = static_cast<int>(RoundUp(group.cpus.size(), units));
    unit += group.units;
  }
  return layout;
}

// Where the groups' memory lies: as far apart as the nodes' own.
void PlaceEmbedded(const MachineConfig& machine, PercpuLayout& layout) {
  if (layout.groups.size() < 2) return;
  const auto start_of = [&](const PercpuGroup& group) {
    const NodeId node = layout.node_of_cpu[group.cpus.front().index()];
    return RoundUp(machine.memory[node.index()].first_frame << kPageShift, layout.atom_bytes);
  };
  uint64_t lowest = std::numeric_limits<uint64_t>::max();
  for (const PercpuGroup& group : layout.groups) lowest = std::min(lowest, start_of(group));
  uint64_t free_from = 0;  // Nodes smaller than their units, or without memory, follow behind.
  std::vector<PercpuGroup*> by_start;
  for (PercpuGroup& group : layout.groups) by_start.push_back(&group);
  std::stable_sort(by_start.begin(), by_start.end(),
                   [&](PercpuGroup* a, PercpuGroup* b) { return start_of(*a) < start_of(*b); });
  for (PercpuGroup* group : by_start) {
    group->base_offset = std::max(start_of(*group) - lowest, free_from);
    free_from = group->base_offset + static_cast<uint64_t>(group->units) * layout.unit_bytes;
  }
}

}  // namespace

int PercpuLayout::units() const {
  int units = 0;
  for (const PercpuGroup& group : groups) units += group.units;
  return units;
}

uint64_t PercpuLayout::span_bytes() const {
  uint64_t end = 0;
  for (const PercpuGroup& group : groups) {
    end = std::max(end, group.base_offset + static_cast<uint64_t>(group.units) * unit_bytes);
  }
  return end;
}

PercpuLayout BuildPercpuLayout(const PercpuSetup& setup, const MachineConfig& machine) {
  CHECK_EQ(setup.atom_bytes % kPageSize, 0u);
  if (!setup.page_first_chunk) {
    PercpuLayout layout = Build(setup, machine);
    PlaceEmbedded(machine, layout);
    const bool too_far = layout.span_bytes() > setup.vmalloc_bytes / 4 * 3;
    if (!too_far || !setup.has_page_first_chunk) return layout;
  }
  PercpuSetup by_page = setup;
  by_page.dynamic_bytes =
      setup.dynamic_meaning == PercpuDynSize::kSigned ? -1 : 0;  // 2010 asked for what is left.
  by_page.atom_bytes = kPageSize;
  by_page.by_distance = false;
  PercpuLayout layout = Build(by_page, machine);
  layout.is_embedded = false;
  return layout;
}

}  // namespace slablab
