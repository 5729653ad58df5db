// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/spinlock.h"

#include <algorithm>

#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {

bool SpinLock::AcquirePoint::await_ready() noexcept {
  CHECK(!cpu_.irqs_enabled());
  CHECK(!lock_.HeldBy(cpu_));
  if (!cpu_.MayProceed() || lock_.held() || lock_.free_at_ > cpu_.now()) return false;
  lock_.Take(cpu_);
  return true;
}

void SpinLock::AcquirePoint::await_suspend(std::coroutine_handle<> point) noexcept {
  cpu_.lock_wanted_ = &lock_;
  cpu_.lock_wanted_since_ = cpu_.now();
  // The scheduler calls Grant when this CPU is the first in time, perhaps at once.
  cpu_.Suspend(point, Cpu::State::kQueued);
}

bool SpinLock::Grant(Cpu& cpu) {
  if (!held() && free_at_ <= cpu.now()) {
    Take(cpu);
    cpu.lock_wanted_ = nullptr;
    return true;
  }
  ++class_->contentions;
  if (last_taker_ != &cpu) ++class_->contention_bounces;
  cpu.waits_for_ = LastHolder();
  if (cpu.tally_ != nullptr) cpu.tally_->BeginLockWait(*class_, cpu.waits_for_);
  cpu.TouchAtomic(place_);  // Queues behind the tail: the line leaves the holder's cache.
  if (held()) {
    cpu.next_waiter_ = nullptr;
    (first_waiter_ == nullptr ? first_waiter_ : last_waiter_->next_waiter_) = &cpu;
    last_waiter_ = &cpu;
    cpu.state_ = Cpu::State::kParked;
    return false;
  }
  // Released, but only in this CPU's future.
  cpu.WaitUntil(free_at_);
  Take(cpu);
  cpu.lock_wanted_ = nullptr;
  return true;
}

void SpinLock::Take(Cpu& cpu, bool ordered) {
  CHECK_LT(cpu.locks_held_, Cpu::kLocksHeldMax);
  if (ordered) {
    for (int i = cpu.LocksBefore(); i < cpu.locks_held_; ++i) {
      CHECK_LT(cpu.locks_[i]->class_->rank, class_->rank);
    }
  }
  if (cpu.lock_wanted_ == this) {
    const Cycles waited = cpu.now() - cpu.lock_wanted_since_;
    if (waited > 0) {
      class_->wait_total_cycles += waited;
      class_->wait_max_cycles = std::max(class_->wait_max_cycles, waited);
      class_->wait_min_cycles =
          class_->wait_min_cycles == 0 ? waited : std::min(class_->wait_min_cycles, waited);
      if (MachineObserver* observer = cpu.scheduler_.observer_; observer != nullptr) {
        observer->OnLockWait({.cpu = cpu.id(),
                              .lock_class = class_->name,
                              .holder = cpu.waits_for_,
                              .from = cpu.lock_wanted_since_,
                              .to = cpu.now()});
      }
    }
  }
  holder_ = &cpu;
  cpu.locks_[cpu.locks_held_++] = this;
  ++cpu.counts_.lock_acquisitions;
  ++class_->acquisitions;
  if (last_taker_ != nullptr && last_taker_ != &cpu) ++class_->acquisition_bounces;
  last_taker_ = &cpu;
  taken_in_ = cpu.site();
  cpu.TouchAtomic(place_);
  taken_at_ = cpu.now();
}

void SpinLock::Release(Cpu& cpu) {
  CHECK(HeldBy(cpu));
  cpu.Touch(place_, Access::kWrite);
  // Nearly always the one taken last.
  int at = --cpu.locks_held_;
  for (SpinLock* above = cpu.locks_[at]; above != this; std::swap(above, cpu.locks_[at])) {
    CHECK_GT(at, cpu.LocksBefore());
    --at;
  }
  const Cycles hold = cpu.now() - taken_at_;
  class_->hold_total_cycles += hold;
  class_->hold_max_cycles = std::max(class_->hold_max_cycles, hold);
  class_->hold_min_cycles =
      class_->hold_min_cycles == 0 ? hold : std::min(class_->hold_min_cycles, hold);
  holder_ = nullptr;
  free_at_ = cpu.now();
  if (first_waiter_ == nullptr) return;
  Cpu& next = *first_waiter_;
  first_waiter_ = next.next_waiter_;
  if (first_waiter_ == nullptr) last_waiter_ = nullptr;
  next.WaitUntil(free_at_);
  Take(next);
  next.lock_wanted_ = nullptr;
  cpu.scheduler_.MakeRunnable(next);
}

LockClass* Scheduler::AddLockClass(std::string name, int rank) {
  lock_classes_.push_back({.name = std::move(name), .rank = rank});
  return &lock_classes_.back();
}

void Scheduler::ResetLockStats() {
  for (LockClass& lock_class : lock_classes_) {
    lock_class = {.name = std::move(lock_class.name), .rank = lock_class.rank};
  }
}

}  // namespace slablab
