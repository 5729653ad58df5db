// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/buddy_allocator.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "sim/machine.h"
#include "sim/machine_config.h"
#include "sim/random.h"

namespace slablab {
namespace {

Task<void> AllocInto(Machine& machine, Cpu& cpu, PageRequest request, PhysAddr* block) {
  *block = co_await machine.pages().Alloc(cpu, request);
  cpu.CheckQuiet();
}

Task<void> FreeBlock(Machine& machine, Cpu& cpu, PhysAddr block, int order) {
  co_await machine.pages().Free(cpu, block, order);
  cpu.CheckQuiet();
}

// Runs one operation after the other, each on the CPU named.
class Driver {
 public:
  explicit Driver(const MachineConfig& config) : machine(config), buddy(machine.buddy()) {}

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
  void DrainAll() {
    for (int cpu = 0; cpu < machine.config().cpu_count(); ++cpu) {
      machine.scheduler().RunOn(CpuId(cpu), [&](Cpu& on) { return buddy.DrainLocal(on); });
    }
  }
  std::vector<std::array<uint64_t, kPageOrders>> FreeBlocks() const {
    std::vector<std::array<uint64_t, kPageOrders>> blocks;
    for (const auto& zone : buddy.Stats().zones) blocks.push_back(zone.free_blocks);
    return blocks;
  }

  Machine machine;
  BuddyAllocator& buddy;
};

TEST(BuddyAllocatorTest, RandomUseNeverOverlapsAndMergesBackToTheBootState) {
  Driver driver(ReferenceMachine({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 64}));
  const auto at_boot = driver.FreeBlocks();
  driver.buddy.CheckInvariants();
  Random random(1);
  std::map<uint64_t, int> held;  // first frame -> order
  for (int step = 0; step < 20'000; ++step) {
    const int cpu = static_cast<int>(random.Below(4));
    if (random.Chance(held.size() < 2000 ? 6 : 3, 10)) {
      PageRequest request{.order = static_cast<int>(random.Below(kPageOrders)),
                          .node = NodeId(static_cast<int>(random.Below(3)) - 1)};
      if (random.Chance(4, 5)) request.order = static_cast<int>(random.Below(4));
      if (random.Chance(1, 3)) request.gfp = request.gfp | Gfp::kMovable;
      const PhysAddr block = driver.Alloc(request, cpu);
      if (block.is_null()) continue;
      const uint64_t frame = block.frame();
      EXPECT_EQ(frame % FramesOf(request.order), 0u);
      const auto next = held.lower_bound(frame);
      if (next != held.end()) {
        ASSERT_GE(next->first, frame + FramesOf(request.order));
      }
      if (next != held.begin()) {
        const auto before = std::prev(next);
        ASSERT_LE(before->first + FramesOf(before->second), frame);
      }
      held[frame] = request.order;
    } else if (!held.empty()) {
      const auto victim = std::next(held.begin(), static_cast<long>(random.Below(held.size())));
      driver.Free(PhysAddr::OfFrame(victim->first), victim->second, cpu);
      held.erase(victim);
    }
    if (step % 16 == 0) driver.buddy.CheckInvariants();
  }
  for (const auto& [frame, order] : held) driver.Free(PhysAddr::OfFrame(frame), order);
  driver.DrainAll();
  driver.buddy.CheckInvariants();
  EXPECT_EQ(driver.FreeBlocks(), at_boot);
}

}  // namespace
}  // namespace slablab
