// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_SPINLOCK_H_
#define SLABLAB_SIM_CORE_SPINLOCK_H_

#include <coroutine>
#include <cstdint>
#include <string>
#include <utility>

#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/fields.h"

namespace slablab {

// What all locks of one kind have in common: the figures that /proc/lock_stat prints for a class
// (Documentation/locking/lockstat.rst), times in cycles.
struct LockClass {
  std::string name;
  // Lock order: a CPU may take a lock only of a higher rank than every one it holds. What an
  // interrupt takes is ordered on its own, as lockdep does it: a lock held with interrupts on is
  // only ever tried for in an interrupt.
  int rank = 0;

  uint64_t contention_bounces = 0;  // contentions where another CPU took it last
  uint64_t contentions = 0;
  Cycles wait_min_cycles = 0;
  Cycles wait_max_cycles = 0;
  Cycles wait_total_cycles = 0;
  uint64_t acquisition_bounces = 0;  // acquisitions where another CPU took it last
  uint64_t acquisitions = 0;
  Cycles hold_min_cycles = 0;
  Cycles hold_max_cycles = 0;
  Cycles hold_total_cycles = 0;
};

class SpinGuard;

// A queued spinlock (kernel/locking/qspinlock.c): first come, first served, and a waiter spins on
// a line of its own, so that the lock's line moves twice for a contended handover. The word lies
// on a real line, and taking it costs what that line costs.
//
//   IrqFlags flags = cpu.IrqSave();
//   {
//     SpinGuard guard = co_await lock.Acquire(cpu);
//     …
//   }                                   // released here; Unlock never suspends
//   co_await cpu.IrqRestore(flags);
class SpinLock {
 public:
  SpinLock() = default;
  SpinLock(LockClass* lock_class, Place place) : class_(lock_class), place_(place) {}

  class AcquirePoint;
  // REQUIRES: interrupts are off on this CPU (every lock of the allocators is taken in interrupts
  // too), and the lock order is kept.
  AcquirePoint Acquire(Cpu& cpu);
  // Takes the lock if it is free now; the awaited answer is an empty guard otherwise. Who does not
  // wait cannot deadlock: in any order.
  auto TryAcquire(Cpu& cpu);

  bool HeldBy(const Cpu& cpu) const { return holder_ == &cpu; }
  bool held() const { return holder_ != nullptr; }
  Place place() const { return place_; }

 private:
  friend class Scheduler;
  friend class SpinGuard;

  // The CPU has come to the front of global time wanting this lock: takes it and answers true, or
  // queues and parks it.
  bool Grant(Cpu& cpu);
  void Take(Cpu& cpu, bool ordered = true);
  void Release(Cpu& cpu);
  // Who has it, or had it last.
  LockHolder LastHolder() const {
    return {.cpu = last_taker_ == nullptr ? CpuId(-1) : last_taker_->id(), .site = taken_in_};
  }

  LockClass* class_ = nullptr;
  Place place_;
  Cpu* holder_ = nullptr;
  Cpu* last_taker_ = nullptr;  // lockdep's lockdep_map.cpu
  Site taken_in_ = Site::kUse;
  // When it was last released. A CPU that runs ahead releases in the others' future.
  Cycles free_at_ = 0;
  Cycles taken_at_ = 0;
  Cpu* first_waiter_ = nullptr;
  Cpu* last_waiter_ = nullptr;
};

// Holds a lock while in scope.
class [[nodiscard]] SpinGuard {
 public:
  SpinGuard() = default;
  SpinGuard(SpinLock* lock, Cpu* cpu) : lock_(lock), cpu_(cpu) {}
  SpinGuard(SpinGuard&& other) noexcept
      : lock_(std::exchange(other.lock_, nullptr)), cpu_(other.cpu_) {}
  SpinGuard& operator=(SpinGuard&& other) noexcept {
    Unlock();
    lock_ = std::exchange(other.lock_, nullptr);
    cpu_ = other.cpu_;
    return *this;
  }
  ~SpinGuard() { Unlock(); }
  explicit operator bool() const { return lock_ != nullptr; }
  void Unlock() {
    if (lock_ != nullptr) std::exchange(lock_, nullptr)->Release(*cpu_);
  }

 private:
  SpinLock* lock_ = nullptr;
  Cpu* cpu_ = nullptr;
};

// Suspends until the CPU is first in global time order, then until the lock is its own.
class SpinLock::AcquirePoint {
 public:
  AcquirePoint(SpinLock& lock, Cpu& cpu) : lock_(lock), cpu_(cpu) {}
  bool await_ready() noexcept;
  void await_suspend(std::coroutine_handle<> point) noexcept;
  SpinGuard await_resume() noexcept { return SpinGuard(&lock_, &cpu_); }

 private:
  SpinLock& lock_;
  Cpu& cpu_;
};

inline SpinLock::AcquirePoint SpinLock::Acquire(Cpu& cpu) { return AcquirePoint(*this, cpu); }

inline auto SpinLock::TryAcquire(Cpu& cpu) {
  return SyncAction(cpu, [this](Cpu& taker) {
    if (held() || free_at_ > taker.now()) {
      taker.Touch(place_, Access::kRead);
      return SpinGuard();
    }
    Take(taker, /*ordered=*/false);
    return SpinGuard(this, &taker);
  });
}

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_SPINLOCK_H_
