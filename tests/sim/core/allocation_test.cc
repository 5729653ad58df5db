// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cstdint>

#include "base/random.h"
#include "sim/core/fields.h"
#include "sim/core/spinlock.h"
#include "tests/sim/host_allocations.h"
#include "tests/sim/test_machine.h"

namespace slablab {
namespace {

// An endless mixture of operations: locks, calls to other CPUs, interrupts, shared words, lines
// that wander between caches of a machine wide enough for pooled directory sets.
class Traffic : public ArrivalSource {
 public:
  static constexpr int kCpus = 96;
  static constexpr uint64_t kWarmUp = 60'000;
  static constexpr uint64_t kArrivals = 160'000;

  explicit Traffic(Core& core)
      : lock_(core.scheduler.AddLockClass("lock", 0), PlaceOf(0)), word_(PlaceOf(1)), random_(1) {}

  bool Next(Arrival* arrival) override {
    if (sent_ == kWarmUp) before_ = HostAllocations();
    if (sent_ == kArrivals) after_ = HostAllocations();
    if (sent_ == kArrivals) return false;
    // The warm-up crowds the machine, so that every peak lies in it, and is given time to end.
    if (sent_ == kWarmUp) time_ += 1'000'000'000;
    time_ += random_.Below(sent_ < kWarmUp ? 60 + sent_ % 300 : 500);
    *arrival = {.time = time_,
                .token = sent_++,
                .cpu = CpuId(static_cast<int>(random_.Below(kCpus))),
                .priority = random_.Chance(1, 10) ? Priority::kHardirq : Priority::kTask};
    return true;
  }
  Task<void> Start(Cpu& cpu, uint64_t token) override { return Operation(cpu, token); }
  bool MayInterrupt(const Cpu&, uint64_t) const override { return true; }
  uint64_t allocated() const { return after_ - before_; }

 private:
  static Place PlaceOf(uint64_t line) {
    return {PhysAddr(kPageSize + line * kLineSize), Structure::kObject};
  }
  struct Remote : RemoteCall {
    Task<void> Run(Cpu& cpu) override {
      cpu.Execute(20);
      co_await cpu.Sync();
    }
  };
  Task<uint64_t> Locked(Cpu& cpu, uint64_t token) {
    const IrqFlags flags = cpu.IrqSave();
    {
      SpinGuard guard = co_await lock_.Acquire(cpu);
      cpu.TouchRange(PlaceOf(2 + token % 1000), 300, Access::kWrite);
      if (token % 3 == 0) co_await cpu.Sync();
    }
    co_await cpu.IrqRestore(flags);
    const uint64_t sum = co_await cpu.AddReturn(word_, 1);
    co_return sum;
  }
  Task<void> Operation(Cpu& cpu, uint64_t token) {
    cpu.TouchRange(PlaceOf(token % 2000), 500, token % 5 == 0 ? Access::kWrite : Access::kRead);
    if (token % 50 == 0 && cpu.irqs_enabled()) {
      Remote call;
      co_await cpu.CallOn(CpuId(static_cast<int>(token % kCpus)), call);
    }
    if (token % 20 == 0) co_await Locked(cpu, token);
  }

  SpinLock lock_;
  Racy<uint64_t> word_;
  Random random_;
  Cycles time_ = 0;
  uint64_t sent_ = 0;
  uint64_t before_ = 0;
  uint64_t after_ = 0;
};

TEST(AllocationTest, NothingIsAllocatedPerEventAfterWarmUp) {
  MachineConfig config = TestMachine({.cores = Traffic::kCpus,
                                      .cores_per_domain = 8,
                                      .domains_per_node = 2,
                                      .l1 = Geometry(16, 4),
                                      .l2 = Geometry(64, 4),
                                      .llc = Geometry(128, 8)});
  config.timer_hz = 10'000;
  Core core(config);
  Traffic traffic(core);
  core.scheduler.Run(traffic);
  EXPECT_EQ(traffic.allocated(), 0u);
  EXPECT_GT(core.scheduler.lock_classes().front().contentions, 100u);
}

}  // namespace
}  // namespace slablab
