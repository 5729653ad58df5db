// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What CallSites says of operations that are done by hand, beside sums that are kept in maps: of
// more callers, tasks and CPUs than its cells have room for at a time.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "allocators/registry.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "workloads/call_sites.h"

namespace slablab {
namespace {

constexpr uint64_t kCallers = 300;
constexpr uint64_t kTasks = 40;
constexpr int kCaches = 3;
constexpr PathId kPaths = 4;  // the first two allocate

using GroupKey = std::tuple<uint32_t, int32_t, PathId>;  // caller, cache, path
using OwnerKey = std::tuple<uint32_t, int32_t>;          // caller, cache

struct Sums {
  uint64_t operations = 0;
  uint64_t remote = 0;
  Cycles cycles = 0;
  Cycles cycles_max = 0;
  Cycles told = 0;
  uint64_t bytes = 0;
  uint64_t in_interrupts = 0;
};
struct Held {
  uint64_t objects = 0;
  uint64_t requested = 0;
  uint64_t live = 0;
  uint64_t live_at_peak = 0;
  uint64_t remote_frees = 0;
  uint64_t other_cpu_frees = 0;
};
struct Live {
  PhysAddr object;
  OwnerKey owner;
  CpuId cpu;
  uint64_t bytes = 0;
};

class ByHand {
 public:
  ByHand()
      : machine_(ReferenceMachine({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 64})),
        allocator_(MakeAllocator("slub-6.1", machine_, {}).value()),
        random_(1) {
    machine_.scheduler().RunOn(CpuId(0), [this](Cpu& cpu) { return allocator_->Boot(cpu); });
    for (PathId path = 0; path < kPaths; ++path) {
      paths_.push_back({.name = "path",
                        .kind = path < 2 ? PathKind::kAllocation : PathKind::kFree,
                        .is_fast = path % 2 == 0});
    }
    sites_ = std::make_unique<CallSites>(machine_, allocator_.get(), paths_);
    sites_->Start();
  }

  void Do(int operations) {
    for (int i = 0; i < operations; ++i) {
      if (live_.empty() || random_.Chance(55, 100)) {
        Allocate();
      } else {
        Free();
      }
    }
    sites_->Finish();
  }
  void Compare();

 private:
  // A CPU on whom somebody has asked for something that costs it a few charges.
  Cpu& NextCpu() {
    Cpu& cpu = machine_.cpu(CpuId(static_cast<int32_t>(random_.Below(4))));
    cpu.set_caller(static_cast<uint32_t>(random_.Below(kCallers)));
    return cpu;
  }
  CallSites::Operation Operate(Cpu& cpu, PathId path, CacheId cache) {
    cpu.BeginTally();
    const Cycles begin = cpu.now();
    for (uint64_t left = random_.Below(6); left > 0; --left) {
      cpu.TouchAtomic({PhysAddr((1 << 20) + random_.Below(1000) * kLineSize), Structure::kNode});
    }
    cpu.EndTally();
    return {.task = static_cast<int32_t>(random_.Below(kTasks)),
            .priority = random_.Chance(1, 10) ? Priority::kSoftirq : Priority::kTask,
            .path = path,
            .cache = cache,
            .cycles = cpu.now() - begin + random_.Below(100)};
  }
  bool IsRemote(const Cpu& cpu, PhysAddr object) const {
    return machine_.NodeOf(object) != cpu.node();
  }
  void Note(const Cpu& cpu, const CallSites::Operation& operation, int32_t cache, bool is_remote,
            uint64_t bytes) {
    for (Sums* sums : {&groups_[{cpu.caller(), cache, operation.path}], &tasks_[operation.task],
                       &cpus_[cpu.id().value()]}) {
      ++sums->operations;
      sums->remote += is_remote;
      sums->cycles += operation.cycles;
      sums->cycles_max = std::max(sums->cycles_max, operation.cycles);
      sums->told += cpu.tally().total();
      sums->bytes += bytes;
      sums->in_interrupts += operation.priority != Priority::kTask;
    }
  }
  uint64_t SlotOf(const OwnerKey& owner) const {
    return allocator_->Layout(CacheId(std::get<1>(owner))).slab_size;
  }
  void Allocate();
  void Free();

  Machine machine_;
  std::unique_ptr<Allocator> allocator_;
  std::vector<PathInfo> paths_;
  Random random_;
  std::unique_ptr<CallSites> sites_;
  std::vector<Live> live_;
  uint64_t next_ = 0;
  uint64_t live_bytes_ = 0;
  uint64_t live_bytes_most_ = 0;
  std::map<GroupKey, Sums> groups_;
  std::map<int32_t, Sums> tasks_;
  std::map<int32_t, Sums> cpus_;
  std::map<OwnerKey, Held> held_;
};

void ByHand::Allocate() {
  Cpu& cpu = NextCpu();
  const auto cache = static_cast<int32_t>(random_.Below(kCaches));
  const bool failed = random_.Chance(1, 50);
  const uint64_t bytes = 1 + random_.Below(100);
  // Places are used again, but not while they are in use.
  const uint64_t node_bytes = uint64_t{64} << 20;
  const uint64_t at = (uint64_t{2} << 20) + next_++ % 20'000 * 64;
  const PhysAddr object(failed ? 0 : random_.Chance(1, 4) ? node_bytes + at : at);
  for (const Live& live : live_) {
    if (live.object == object) return;
  }
  const CallSites::Operation operation =
      Operate(cpu, static_cast<PathId>(random_.Below(2)), CacheId(cache));
  const bool is_remote = !failed && IsRemote(cpu, object);
  Note(cpu, operation, cache, is_remote, bytes);
  const OwnerKey owner(cpu.caller(), cache);
  Held& held = held_[owner];
  if (!failed) {
    ++held.objects;
    held.requested += bytes;
    ++held.live;
    live_bytes_ += SlotOf(owner);
    live_.push_back({.object = object, .owner = owner, .cpu = cpu.id(), .bytes = bytes});
    if (live_bytes_ > live_bytes_most_) {
      live_bytes_most_ = live_bytes_;
      for (auto& [key, each] : held_) each.live_at_peak = each.live;
    }
  }
  sites_->EndAllocation(cpu, operation, object, bytes);
}

void ByHand::Free() {
  Cpu& cpu = NextCpu();
  std::swap(live_[random_.Below(live_.size())], live_.back());
  const Live live = live_.back();
  live_.pop_back();
  const bool is_remote = IsRemote(cpu, live.object);
  const uint32_t freed = sites_->BeginFree(cpu, live.object, live.bytes, is_remote);
  const CallSites::Operation operation =
      Operate(cpu, static_cast<PathId>(2 + random_.Below(2)), kNoCache);
  const int32_t cache = std::get<1>(live.owner);
  Note(cpu, operation, cache, is_remote, 0);
  Held& held = held_[live.owner];
  --held.live;
  live_bytes_ -= SlotOf(live.owner);
  held.remote_frees += is_remote;
  held.other_cpu_frees += live.cpu != cpu.id();
  sites_->EndFree(cpu, operation, freed);
}

void ByHand::Compare() {
  ASSERT_EQ(sites_->groups().size(), groups_.size());
  for (const CallSites::Group& group : sites_->groups()) {
    const Sums& sums = groups_.at({group.caller, group.cache.value(), group.path});
    EXPECT_EQ(group.operations, sums.operations);
    EXPECT_EQ(group.remote_operations, sums.remote);
    EXPECT_EQ(group.cycles, sums.cycles);
    EXPECT_EQ(group.cycles_max, sums.cycles_max);
    EXPECT_EQ(group.code_cycles, sums.cycles - sums.told);
  }
  const auto compare = [](const CallSites::Shares& shares, const Sums& sums) {
    EXPECT_EQ(shares.operations, sums.operations);
    EXPECT_EQ(shares.remote_operations, sums.remote);
    EXPECT_EQ(shares.cycles, sums.cycles);
    EXPECT_EQ(shares.bytes, sums.bytes);
    EXPECT_EQ(shares.in_interrupts, sums.in_interrupts);
  };
  ASSERT_EQ(sites_->tasks().size(), tasks_.size());
  for (const CallSites::Task& task : sites_->tasks()) compare(task.shares, tasks_.at(task.task));
  for (size_t i = 0; i < sites_->cpus().size(); ++i) {
    compare(sites_->cpus()[i], cpus_.at(static_cast<int32_t>(i)));
  }
  uint64_t objects = 0;
  for (const CallSites::Memory& memory : sites_->memory()) {
    const Held& held = held_[{memory.caller, memory.cache.value()}];
    EXPECT_EQ(memory.objects, held.objects);
    EXPECT_EQ(memory.requested_bytes, held.requested);
    EXPECT_EQ(memory.live_objects, held.live);
    EXPECT_EQ(memory.peak_objects, held.live_at_peak);
    EXPECT_EQ(memory.remote_frees, held.remote_frees);
    EXPECT_EQ(memory.other_cpu_frees, held.other_cpu_frees);
    EXPECT_EQ(memory.bytes, memory.objects * memory.slot_bytes);
    EXPECT_EQ(memory.peak_bytes, memory.peak_objects * memory.slot_bytes);
    objects += memory.objects;
  }
  uint64_t expected = 0;
  for (const auto& [key, held] : held_) expected += held.objects;
  EXPECT_EQ(objects, expected);
  EXPECT_EQ(sites_->live().size(), live_.size());
}

TEST(CallSiteCellsTest, SumsDoNotDependOnTheTable) {
  ByHand by_hand;
  by_hand.Do(60'000);
  by_hand.Compare();
}

}  // namespace
}  // namespace slablab
