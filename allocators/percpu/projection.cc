// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu/projection.h"

#include <bit>

#include "allocators/percpu/layout.h"
#include "sim/machine/machine_config.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

constexpr uint64_t kSparePages = 4;  // PCPU_EMPTY_POP_PAGES_HIGH
constexpr uint64_t kNodeBytes = uint64_t{64} << 30;

uint64_t DivideUp(uint64_t value, uint64_t by) { return (value + by - 1) / by; }

// As much of a machine as a layout depends on.
MachineConfig Shape(int cpus, int nodes) {
  MachineConfig machine;
  machine.possible_cpus = cpus;
  for (int cpu = 0; cpu < cpus; ++cpu) {
    machine.cpus.emplace_back().node = NodeId(cpu * nodes / cpus);
  }
  for (int node = 0; node < nodes; ++node) {
    machine.memory.push_back(
        {.first_frame = static_cast<uint64_t>(node) * (kNodeBytes >> kPageShift),
         .frames = kNodeBytes >> kPageShift,
         .zones = {}});
  }
  return machine;
}

PercpuProjected Project(const PercpuDemand& demand, int cpus, int nodes) {
  const auto copies = static_cast<uint64_t>(cpus);
  PercpuProjected projected{.cpus = cpus, .nodes = nodes, .area_bytes = demand.area_bytes * copies};
  const MachineConfig machine = Shape(cpus, nodes);
  const auto behind_first = [&](const PercpuLayout& layout) {
    return demand.extent_bytes <= layout.dynamic_bytes ? 0
                                                       : demand.extent_bytes - layout.dynamic_bytes;
  };
  const PercpuLayout vm = BuildPercpuLayout({}, machine);
  projected.vm_held_bytes = vm.first_bytes() * copies;
  if (const uint64_t rest = behind_first(vm); rest > 0) {
    const uint64_t pages = DivideUp(rest, kPageSize) + kSparePages;
    projected.vm_held_bytes += pages * kPageSize * copies;
    projected.vm_address_bytes = DivideUp(pages * kPageSize, vm.unit_bytes) * vm.unit_bytes *
                                 static_cast<uint64_t>(vm.units());
  }
  PercpuSetup setup32;
  setup32.dynamic_bytes = kPercpuDynamicBytes32;
  setup32.atom_bytes = kPageSize;
  setup32.vmalloc_bytes = kPercpuVmallocBytes32;
  const PercpuLayout vm32 = BuildPercpuLayout(setup32, machine);
  // A first chunk that is mapped page by page lies there too.
  const uint64_t chunks32 =
      DivideUp(behind_first(vm32), vm32.unit_bytes) + (vm32.is_embedded ? 0 : 1);
  projected.vm32_address_bytes = chunks32 * vm32.unit_bytes * static_cast<uint64_t>(vm32.units());
  projected.vm32_exhausted = projected.vm32_address_bytes > kPercpuVmallocBytes32;
  if (nodes > 1) return projected;
  PercpuSetup by_page;
  by_page.atom_bytes = kPageSize;
  const PercpuLayout km = BuildPercpuLayout(by_page, machine);
  projected.km_held_bytes = km.first_bytes() * copies;
  if (const uint64_t rest = behind_first(km); rest > 0) {
    const uint64_t chunks = DivideUp(rest, km.unit_bytes);
    const uint64_t used = km.unit_bytes * static_cast<uint64_t>(km.units());
    const uint64_t block = std::bit_ceil(used);
    projected.km_held_bytes += chunks * block;
    projected.km_wasted_bytes = chunks * (block - used);
    projected.km_too_large = block > kPageSize << kMaxPageOrder;
  }
  return projected;
}

}  // namespace

std::vector<PercpuProjected> ProjectPercpu(const PercpuDemand& demand) {
  std::vector<PercpuProjected> rows;
  for (int cpus = 1; cpus <= 4096; cpus *= 4) {
    rows.push_back(Project(demand, cpus, 1));
    if (cpus >= 4) rows.push_back(Project(demand, cpus, 4));
  }
  return rows;
}

}  // namespace slablab
