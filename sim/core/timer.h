// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_TIMER_H_
#define SLABLAB_SIM_CORE_TIMER_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/check.h"
#include "base/types.h"
#include "sim/core/task.h"

namespace slablab {

class Cpu;

// Work of softirq priority on one CPU at one time: a part of the record that it is for
// (Scheduler::Arm). If that CPU is off line by then, the first one that is on line does it.
class Timer {
 public:
  // It is no longer armed and may be armed again.
  virtual Task<void> Expire(Cpu& cpu) = 0;
  bool armed() const { return armed_; }

 protected:
  Timer() = default;
  ~Timer() = default;

 private:
  friend class TimerQueue;
  uint64_t key_ = 0;
  uint64_t sequence_ = 0;
  bool armed_ = false;
};

// Armed timers, by key; those of one key in the order in which they were armed.
class TimerQueue {
 public:
  static constexpr uint64_t kNobody = std::numeric_limits<uint64_t>::max();

  uint64_t key() const { return heap_.empty() ? kNobody : heap_.front()->key_; }
  // REQUIRES: it is not armed.
  void Push(Timer& timer, uint64_t key) {
    CHECK(!timer.armed_);
    timer.key_ = key;
    timer.sequence_ = ++sequence_;
    timer.armed_ = true;
    heap_.push_back(&timer);
    std::push_heap(heap_.begin(), heap_.end(), IsLater);
  }
  // REQUIRES: there is one.
  Timer& Pop() {
    std::pop_heap(heap_.begin(), heap_.end(), IsLater);
    Timer& timer = *heap_.back();
    heap_.pop_back();
    timer.armed_ = false;
    return timer;
  }

  // REQUIRES: it is armed.
  void Remove(Timer& timer) {
    heap_.erase(std::find(heap_.begin(), heap_.end(), &timer));
    std::make_heap(heap_.begin(), heap_.end(), IsLater);
    timer.armed_ = false;
  }

 private:
  static bool IsLater(const Timer* a, const Timer* b) {
    return a->key_ != b->key_ ? a->key_ > b->key_ : a->sequence_ > b->sequence_;
  }
  std::vector<Timer*> heap_;
  uint64_t sequence_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_TIMER_H_
