// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <set>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/random.h"
#include "sim/core/arrival.h"
#include "sim/machine.h"
#include "sim/machine/machine_config.h"
#include "sim/pages/buddy_allocator.h"
#include "tests/sim/pages/page_driver.h"
#include "tests/sim/script.h"

namespace slablab {
namespace {

// Runs `rounds` of allocations and frees on every CPU at once; cpu 0 may be interrupted by more.
class Storm : public ArrivalSource {
 public:
  struct Options {
    int cpus = 2;
    int rounds = 200;
    int order_max = 5;
    bool interrupt = false;
  };
  Storm(Machine& machine, const Options& options) : machine_(machine), options_(options) {}

  bool Next(Arrival* arrival) override {
    if (next_ < options_.cpus) {
      *arrival = {.cpu = CpuId(next_), .priority = Priority::kTask};
    } else if (next_ == options_.cpus && options_.interrupt) {
      *arrival = {.cpu = CpuId(0), .priority = Priority::kHardirq};
    } else {
      return false;
    }
    arrival->token = static_cast<uint64_t>(next_++);
    return true;
  }
  Task<void> Start(Cpu& cpu, uint64_t token) override {
    Random random(7, token);
    std::vector<std::pair<PhysAddr, int>> held;
    for (int i = 0; i < options_.rounds; ++i) {
      const int order =
          static_cast<int>(random.Below(static_cast<uint64_t>(options_.order_max + 1)));
      const PhysAddr block = co_await machine_.pages().Alloc(cpu, {.order = order});
      cpu.CheckQuiet();
      CHECK(!block.is_null());
      digest.Add(block.value());
      for (uint64_t frame = 0; frame < FramesOf(order); ++frame) {
        CHECK(in_use_.insert(block.frame() + frame).second);
      }
      held.emplace_back(block, order);
      if (random.Chance(1, 2)) continue;
      const auto [freed, freed_order] = held.back();
      held.pop_back();
      for (uint64_t frame = 0; frame < FramesOf(freed_order); ++frame) {
        in_use_.erase(freed.frame() + frame);
      }
      co_await machine_.pages().Free(cpu, freed, freed_order);
      cpu.CheckQuiet();
    }
  }
  bool MayInterrupt(const Cpu&, uint64_t) const override { return true; }

  Digest digest;

 private:
  Machine& machine_;
  const Options options_;
  int next_ = 0;
  std::set<uint64_t> in_use_;
};

TEST(PageRaceTest, CpusThatRaceForAZoneKeepItWholeAndRunTheSameEveryTime) {
  uint64_t digests[2];
  for (uint64_t& digest : digests) {
    MachineConfig config =
        ReferenceMachine({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 256});
    Machine machine(config);
    Storm storm(machine, {.cpus = 4, .rounds = 500});
    machine.scheduler().Run(storm);
    machine.buddy().CheckInvariants();
    for (const LockClass& lock : machine.scheduler().lock_classes()) {
      if (lock.name == "&zone->lock") {
        EXPECT_GT(lock.contentions, 0u);
        EXPECT_GT(lock.wait_total_cycles, 0u);
      } else if (lock.name == "&pcp->lock") {
        EXPECT_EQ(lock.contentions, 0u);
        EXPECT_GT(lock.acquisitions, 0u);
      }
    }
    storm.digest.Add(machine.scheduler().now());
    for (const auto& zone : machine.buddy().Stats().zones) {
      for (const uint64_t blocks : zone.free_blocks) storm.digest.Add(blocks);
      storm.digest.Add(zone.counters.splits);
      storm.digest.Add(zone.counters.merges);
    }
    digest = storm.digest.value();
  }
  EXPECT_EQ(digests[0], digests[1]);
}

// An interrupt at every sync point of some allocations and frees: one that finds the CPU's lists
// locked does without them.
TEST(PageRaceTest, AnInterruptMayComeAnywhere) {
  uint64_t busy = 0;
  int runs = 0;
  EveryInterleaving explorer;
  while (explorer.Next()) {
    Machine machine(SmallMachine(/*nodes=*/1, /*mib=*/32));
    machine.scheduler().set_explorer(&explorer);
    Storm storm(machine, {.cpus = 1, .rounds = 12, .order_max = 4, .interrupt = true});
    machine.scheduler().Run(storm);
    machine.buddy().CheckInvariants();
    busy += machine.buddy().Stats().zones[0].counters.pcp_busy;
    ++runs;
  }
  EXPECT_GT(busy, 0u);
  EXPECT_GT(runs, 20);
}

// Two CPUs' operations on one zone in every order of their sync points.
TEST(PageRaceTest, EveryInterleavingOfTwoCpusKeepsTheZoneWhole) {
  int runs = 0;
  EveryInterleaving explorer;
  MachineConfig config =
      ReferenceMachine({.cpus = 2, .nodes = 1, .cpus_per_node = 2, .mib_per_node = 32});
  while (explorer.Next()) {
    Machine machine(config);
    PhysAddr freed;
    machine.scheduler().RunOn(CpuId(1), [&](Cpu& cpu) {
      return PageDriver::AllocInto(machine, cpu, {.order = 4}, &freed);
    });
    machine.scheduler().set_explorer(&explorer);
    PhysAddr page;
    PhysAddr block;
    Script script;
    script.At(0, 0,
              [&](Cpu& cpu) { return PageDriver::AllocInto(machine, cpu, {.order = 0}, &page); });
    script.At(0, 1, [&](Cpu& cpu) -> Task<void> {
      co_await PageDriver::FreeBlock(machine, cpu, freed, 4);
      co_await PageDriver::AllocInto(machine, cpu, {.order = 4}, &block);
    });
    script.Run(machine.scheduler());
    machine.buddy().CheckInvariants();
    ASSERT_FALSE(page.is_null());
    ASSERT_FALSE(block.is_null());
    ASSERT_NE(page.frame() >> 4, block.frame() >> 4);
    ++runs;
  }
  EXPECT_GT(runs, 100);
}

}  // namespace
}  // namespace slablab
