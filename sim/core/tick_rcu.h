// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_TICK_RCU_H_
#define SLABLAB_SIM_CORE_TICK_RCU_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sim/core/boot_memory.h"
#include "sim/core/cpu.h"
#include "sim/core/rcu.h"
#include "sim/core/scheduler.h"
#include "sim/core/timer.h"

namespace slablab {

// A machine's RCU (kernel/rcu/tree.c, without preemption in the kernel), in the steps of its ticks:
//   - A CPU with callbacks ticks. At a tick it says which grace period they need, has one begin if
//     none runs, and calls those whose grace period has ended: 10 of them at once, or a 128th if
//     that is more, the rest as soon as what else is due has had its turn.
//   - A grace period ends at the first tick by which every CPU that is on line has been quiescent
//     since it began: in user mode or idle, which are one here, or asleep, at a tick; or has gone
//     from one task to another. They are looked at from jiffies_till_first_fqs ticks on, as the
//     grace period's thread looks. Once it is a tenth of a second old, any return to user mode
//     will do: a CPU that is late has to reschedule there (jiffies_till_sched_qs).
//   - What an off line CPU had is taken over by the one that its tick falls to.
// A tick is the machine's, or 250 a second if it has none. Not charged: the tree of nodes, the
// thread's looks at other CPUs. Charged are a CPU's own struct rcu_data and the callbacks' heads.
//
// Nothing is laid out or armed before the first callback.
class TickRcu final : public Rcu {
 public:
  TickRcu(Scheduler& scheduler, BootMemory& memory);
  ~TickRcu() override;

  Task<void> Call(Cpu& cpu, RcuHead& head) override;
  Task<void> Barrier(Cpu& cpu) override;
  Task<bool> ContinueBarrier(Cpu& cpu, BarrierWaiter& waiter) override {
    return Task<bool>(GoOnWithBarrier(cpu, waiter));
  }
  uint64_t Snapshot() const override { return begun_ + 1; }
  bool HasEnded(uint64_t snapshot) const override { return ended_ >= snapshot; }
  void NoteSwitch(const Cpu& cpu) override {
    if (running()) unreported_[cpu.id().index()] = false;
  }
  void NoteUserMode(const Cpu& cpu) override {
    if (running() && ticks_ > late_) unreported_[cpu.id().index()] = false;
  }

  uint64_t grace_periods() const { return ended_; }
  // What waits now, over all CPUs.
  uint64_t callbacks() const { return callbacks_; }
  uint64_t waiting_objects() const { return waiting_objects_; }
  uint64_t waiting_bytes() const { return waiting_bytes_; }

 private:
  class CpuRcu;
  class GracePeriodTimer;
  class BarrierHead;
  class ParkedCpu;

  bool running() const { return begun_ > ended_; }
  Cycles NextTick(Cycles now) const { return (now / tick_ + 1) * tick_; }
  bool GoOnWithBarrier(Cpu& cpu, BarrierWaiter& waiter);
  void EndBarrier(Cpu& cpu);
  void Begin(Cpu& cpu);
  // At a tick of a running grace period: whether it is over.
  bool LookAround(const Cpu& cpu);
  void NoteCalled(const RcuHead& head, bool is_new);

  Scheduler& scheduler_;
  BootMemory& memory_;
  const Cycles tick_;
  const int first_look_;  // in ticks from the beginning of a grace period
  const int late_;        // likewise
  std::vector<std::unique_ptr<CpuRcu>> cpus_;
  std::unique_ptr<GracePeriodTimer> thread_;
  uint64_t begun_ = 0;  // grace periods
  uint64_t ended_ = 0;
  int ticks_ = 0;                 // since the running one began
  std::vector<bool> unreported_;  // by CPU: not quiescent yet since it began
  uint64_t callbacks_ = 0;
  uint64_t waiting_objects_ = 0;
  uint64_t waiting_bytes_ = 0;
  // The barrier under way.
  BarrierWaiter* barrier_owner_ = nullptr;
  int barrier_pending_ = 0;                   // CPUs whose callbacks it waits for
  std::vector<BarrierWaiter*> barrier_next_;  // that wait to begin one
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_TICK_RCU_H_
