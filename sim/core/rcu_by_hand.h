// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_RCU_BY_HAND_H_
#define SLABLAB_SIM_CORE_RCU_BY_HAND_H_

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "sim/core/cpu.h"
#include "sim/core/rcu.h"

namespace slablab {

// Grace periods that end when the one who drives the machine says so: callbacks wait in the queue
// of the CPU that handed them over, and are called where and in the order that they are taken. What
// is never taken is never called.
class RcuByHand final : public Rcu {
 public:
  explicit RcuByHand(int cpus) : queues_(static_cast<size_t>(cpus)) {}

  Task<void> Call(Cpu& cpu, RcuHead& head) override {
    cpu.Touch(head.rcu_place(), Access::kWrite);
    queues_[cpu.id().index()].Push(head);
    return {};
  }
  // Calls all that wait, CPU by CPU, on the caller's.
  Task<void> Barrier(Cpu& cpu) override {
    EndGracePeriod();
    for (RcuQueue& queue : queues_) {
      while (!queue.empty()) co_await queue.Pop().RunCallback(cpu);
    }
  }

  Task<bool> ContinueBarrier(Cpu& cpu, BarrierWaiter& /*waiter*/) override {
    co_await Barrier(cpu);
    co_return true;
  }

  uint64_t Snapshot() const override { return ended_ + 1; }
  bool HasEnded(uint64_t snapshot) const override { return ended_ >= snapshot; }

  // For those who took a snapshot before.
  void EndGracePeriod() { ++ended_; }
  const RcuQueue& WaitingOf(CpuId cpu) const { return queues_[cpu.index()]; }
  // The oldest of `cpu`'s that is `wanted`, taken out; null: there is none.
  RcuHead* Take(CpuId cpu, const std::function<bool(const RcuHead&)>& wanted) {
    RcuQueue kept;
    RcuHead* taken = nullptr;
    for (RcuQueue& queue = queues_[cpu.index()]; !queue.empty();) {
      RcuHead& head = queue.Pop();
      if (taken == nullptr && wanted(head)) {
        taken = &head;
      } else {
        kept.Push(head);
      }
    }
    queues_[cpu.index()] = kept;
    return taken;
  }

 private:
  std::vector<RcuQueue> queues_;  // by CPU
  uint64_t ended_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_RCU_BY_HAND_H_
