// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_ARRIVAL_H_
#define SLABLAB_SIM_CORE_ARRIVAL_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/types.h"
#include "sim/core/task.h"

// What comes to a CPU from outside: work at given times, and calls from other CPUs.

namespace slablab {

class Cpu;

// What may interrupt what: a higher one comes in at any sync point of a lower one, unless
// interrupts are off.
enum class Priority : uint8_t { kTask, kSoftirq, kHardirq };

struct Arrival {
  Cycles time = 0;
  uint64_t token = 0;  // the source's name for it
  CpuId cpu;
  Priority priority = Priority::kTask;
  bool is_timer = false;  // no source's: the token is a Timer's address
};

// Where work comes from: a trace, a generator.
class ArrivalSource {
 public:
  virtual ~ArrivalSource() = default;
  // The next arrival in time order (among equal times, in the order given), or false at the end.
  virtual bool Next(Arrival* arrival) = 0;
  // Takes back what Next brought last, to bring it again in its turn (Scheduler::Announce). Asked
  // only of sources that announce.
  virtual void PutBack(const Arrival& /*arrival*/) { CHECK(false); }
  // Begins the work on its CPU, at or after its time. Work on one CPU begins in arrival order,
  // except that what has a higher priority may come in the middle of what has a lower one.
  virtual Task<void> Start(Cpu& cpu, uint64_t token) = 0;
  // Whether it may come in the middle of what the CPU is doing; if not, it waits for that to end.
  // Asked only of what has the higher priority.
  virtual bool MayInterrupt(const Cpu& cpu, uint64_t token) const = 0;
};

// A piece of work that one CPU has another do. Lives in the caller's frame until it is done.
class RemoteCall {
 public:
  virtual ~RemoteCall() = default;
  virtual Task<void> Run(Cpu& cpu) = 0;

 private:
  friend class Cpu;
  friend class RemoteCallList;
  friend class Scheduler;
  Cpu* caller_ = nullptr;
  Cpu* target_ = nullptr;
  Cycles due_ = 0;
  bool done_ = false;
  RemoteCall* next_ = nullptr;
};

// Calls, first in, first out.
class RemoteCallList {
 public:
  RemoteCall* front() const { return first_; }
  void Push(RemoteCall& call) {
    call.next_ = nullptr;
    (first_ == nullptr ? first_ : last_->next_) = &call;
    last_ = &call;
  }
  RemoteCall* Pop() {
    CHECK(first_ != nullptr);
    return std::exchange(first_, first_->next_);
  }

 private:
  RemoteCall* first_ = nullptr;
  RemoteCall* last_ = nullptr;  // of any meaning only while first_ is not null
};

// First in, first out; grows when full and never shrinks.
class ArrivalQueue {
 public:
  bool empty() const { return begin_ == end_; }
  size_t size() const { return static_cast<size_t>(end_ - begin_); }
  const Arrival& front() const { return ring_[begin_ & mask_]; }
  void Push(const Arrival& arrival) {
    if (size() == ring_.size()) Grow();
    ring_[end_++ & mask_] = arrival;
  }
  // Before what is of task priority: work that waits for a task's end keeps no timer from that
  // task, which may be waiting for it.
  void PushBeforeTasks(const Arrival& arrival) {
    uint64_t at = begin_;
    while (at != end_ && ring_[at & mask_].priority != Priority::kTask) ++at;
    const uint64_t before = at - begin_;
    Push(arrival);
    for (uint64_t i = end_ - 1; i != begin_ + before; --i) {
      std::swap(ring_[i & mask_], ring_[(i - 1) & mask_]);
    }
  }
  Arrival Pop() {
    CHECK(!empty());
    return ring_[begin_++ & mask_];
  }

 private:
  void Grow();
  std::vector<Arrival> ring_;
  uint64_t mask_ = 0;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_ARRIVAL_H_
