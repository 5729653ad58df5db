// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_MUTEX_H_
#define SLABLAB_ALLOCATORS_PERCPU_MUTEX_H_

#include <vector>

#include "base/check.h"
#include "sim/core/cpu.h"
#include "sim/core/fields.h"
#include "sim/core/scheduler.h"
#include "sim/core/task.h"

namespace slablab {

// pcpu_alloc_mutex: who has to wait for it sleeps. First come, first served. A CPU does one task at
// a time here, so one that waits does nothing but interrupts meanwhile.
class PercpuMutex {
 public:
  explicit PercpuMutex(Place word) : word_(word) {}

  // REQUIRES: task context, interrupts on.
  Task<void> Acquire(Cpu& cpu) {
    CHECK(cpu.irqs_enabled() && !cpu.in_interrupt());
    co_await cpu.Sync();
    cpu.TouchAtomic(word_);
    if (owner_ == nullptr) {
      owner_ = &cpu;
      co_return;
    }
    CHECK(owner_ != &cpu);
    waiters_.push_back(&cpu);
    const Cycles since = cpu.task_clock();
    while (owner_ != &cpu) co_await cpu.Park();
    cpu.ChargeWaitSince(since);
  }
  Task<void> Release(Cpu& cpu) {
    CHECK(owner_ == &cpu);
    co_await cpu.Sync();
    cpu.TouchAtomic(word_);
    owner_ = nullptr;
    if (waiters_.empty()) co_return;
    owner_ = waiters_.front();
    waiters_.erase(waiters_.begin());
    cpu.scheduler().Unpark(*owner_, cpu.now());
  }
  bool HeldBy(const Cpu& cpu) const { return owner_ == &cpu; }
  bool held() const { return owner_ != nullptr; }

 private:
  const Place word_;
  Cpu* owner_ = nullptr;
  std::vector<Cpu*> waiters_;  // in order of arrival
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_MUTEX_H_
