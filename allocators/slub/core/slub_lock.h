// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_SLUB_LOCK_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_SLUB_LOCK_H_

#include <vector>

#include "base/check.h"
#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/scheduler.h"
#include "sim/core/task.h"

namespace slablab {

// slub_lock, a read-write semaphore: whoever makes, destroys or resizes caches has it for himself;
// whoever visits them all shares it. Writers sleep until it is free, first come, first served;
// readers only try, since those here may have come from a writer's own allocation.
class SlubLock {
 public:
  void PlaceAt(Place word) { word_ = word; }

  // REQUIRES: task context, interrupts on.
  Task<void> Write(Cpu& cpu) {
    CHECK(cpu.irqs_enabled() && !cpu.in_interrupt());
    co_await cpu.Sync();
    cpu.TouchAtomic(word_);
    if (writer_ == nullptr && readers_ == 0) {
      writer_ = &cpu;
      co_return;
    }
    CHECK(writer_ != &cpu);
    waiters_.push_back(&cpu);
    const Cycles since = cpu.task_clock();
    while (writer_ != &cpu) co_await cpu.Park();
    cpu.ChargeWaitSince(since);
  }
  Task<void> EndWrite(Cpu& cpu) {
    CHECK(writer_ == &cpu);
    co_await cpu.Sync();
    cpu.TouchAtomic(word_);
    writer_ = nullptr;
    HandOver(cpu);
  }
  // `alone`: not if others read, either.
  Task<bool> TryRead(Cpu& cpu, bool alone) {
    co_await cpu.Sync();
    cpu.TouchAtomic(word_);
    if (writer_ != nullptr || !waiters_.empty() || (alone && readers_ > 0)) co_return false;
    ++readers_;
    co_return true;
  }
  Task<void> EndRead(Cpu& cpu) {
    CHECK_GT(readers_, 0);
    co_await cpu.Sync();
    cpu.TouchAtomic(word_);
    --readers_;
    HandOver(cpu);
  }

 private:
  void HandOver(Cpu& cpu) {
    if (readers_ > 0 || waiters_.empty()) return;
    writer_ = waiters_.front();
    waiters_.erase(waiters_.begin());
    cpu.scheduler().Unpark(*writer_, cpu.now());
  }

  Place word_;
  Cpu* writer_ = nullptr;
  int readers_ = 0;
  std::vector<Cpu*> waiters_;  // in order of arrival
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_SLUB_LOCK_H_
