// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_SIM_PAGES_PAGE_DRIVER_H_
#define SLABLAB_TESTS_SIM_PAGES_PAGE_DRIVER_H_

#include <vector>

#include "sim/machine.h"
#include "sim/machine/machine_config.h"
#include "sim/pages/buddy_allocator.h"

namespace slablab {

using BlocksByOrder = std::array<uint64_t, kPageOrders>;

// Nodes of one zone (DMA32) and one CPU each.
inline MachineConfig SmallMachine(int nodes, uint64_t mib) {
  MachineConfig config =
      ReferenceMachine({.cpus = nodes, .nodes = nodes, .cpus_per_node = 1, .mib_per_node = mib});
  const NodeSize size{.bytes = mib << 20, .reserved_bytes = mib << 17};
  config.memory =
      PlaceMemory(std::vector<NodeSize>(static_cast<size_t>(nodes), size), {.dma_end_bytes = 0});
  return config;
}

// Three nodes of 64 MiB and two CPUs each; node 0 has a DMA zone of 4 MiB, DMA32 of 28 MiB, and
// the rest NORMAL, as all of the other nodes' memory is.
inline MachineConfig MachineWithAllZones() {
  MachineConfig config =
      ReferenceMachine({.cpus = 6, .nodes = 3, .cpus_per_node = 2, .mib_per_node = 64});
  config.memory =
      PlaceMemory(std::vector<NodeSize>(3, {.bytes = 64 << 20, .reserved_bytes = 4 << 20}),
                  {.dma_end_bytes = 4 << 20, .dma32_end_bytes = 32 << 20});
  return config;
}

// Runs one operation on the page allocator after the other, each on the CPU named.
class PageDriver {
 public:
  explicit PageDriver(const MachineConfig& config) : machine(config), buddy(machine.buddy()) {}

  PhysAddr Alloc(const PageRequest& request, int cpu = 0) {
    PhysAddr block;
    machine.scheduler().RunOn(CpuId(cpu),
                              [&](Cpu& on) { return AllocInto(machine, on, request, &block); });
    return block;
  }
  void Free(PhysAddr block, int order, int cpu = 0) {
    machine.scheduler().RunOn(CpuId(cpu),
                              [&](Cpu& on) { return FreeBlock(machine, on, block, order); });
  }
  // Until it fails.
  std::vector<PhysAddr> AllocAll(const PageRequest& request, int cpu = 0) {
    std::vector<PhysAddr> blocks;
    for (;;) {
      const PhysAddr block = Alloc(request, cpu);
      if (block.is_null()) return blocks;
      blocks.push_back(block);
    }
  }
  void DrainAll() {
    for (int cpu = 0; cpu < machine.config().cpu_count(); ++cpu) {
      machine.scheduler().RunOn(CpuId(cpu), [&](Cpu& on) { return buddy.DrainLocal(on); });
    }
  }
  std::vector<BlocksByOrder> FreeBlocks() const {
    std::vector<BlocksByOrder> blocks;
    for (const auto& zone : buddy.Stats().zones) blocks.push_back(zone.free_blocks);
    return blocks;
  }
  const Zone& ZoneOf(PhysAddr address) const {
    size_t i = 0;
    while (!buddy.zone(i).Contains(address.frame())) ++i;
    return buddy.zone(i);
  }

  static Task<void> AllocInto(Machine& machine, Cpu& cpu, PageRequest request, PhysAddr* block) {
    *block = co_await machine.pages().Alloc(cpu, request);
    cpu.CheckQuiet();
  }
  static Task<void> FreeBlock(Machine& machine, Cpu& cpu, PhysAddr block, int order) {
    co_await machine.pages().Free(cpu, block, order);
    cpu.CheckQuiet();
  }

  Machine machine;
  BuddyAllocator& buddy;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_SIM_PAGES_PAGE_DRIVER_H_
