// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CLOSED_AGENDA_H_
#define SLABLAB_WORKLOADS_CLOSED_AGENDA_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/check.h"
#include "base/types.h"
#include "sim/core/arrival.h"
#include "sim/core/scheduler.h"

namespace slablab {

// What is to come to CPUs and when; among equal times, in the order in which it was entered. One
// that was given away can be put back, until the next is.
class Agenda {
 public:
  enum class Kind : uint8_t {
    kWake,         // the CPU is to look at its run queue and its sleepers
    kInterrupt,    // of a task of steps
    kLateFree,     // of what an interrupt could not free, being not there yet
    kDisturbance,  // of a scenario
    kRcuBarrier,   // a thread may go on behind a barrier of RCU
  };
  struct Item {
    Cycles time = 0;
    uint64_t sequence = 0;  // Add() gives it
    uint64_t about = 0;     // the kind's own: a task, a place, a thread, a disturbance's token
    CpuId cpu = {};
    Kind kind = Kind::kWake;
    Priority priority = Priority::kTask;
    friend bool operator>(const Item& a, const Item& b) {
      return a.time != b.time ? a.time > b.time : a.sequence > b.sequence;
    }
  };
  // Nothing that would be later is begun.
  static constexpr Cycles kLatest = Scheduler::kTimeEnd / 8 * 7;

  // Answers false if it is too late to be entered.
  bool Add(Item item) {
    item.sequence = ++sequence_;
    if (item.time >= kLatest) return false;
    Push(item);
    return true;
  }
  bool empty() const { return items_.empty(); }
  // The first. REQUIRES: not empty.
  const Item& Take() {
    CHECK(!items_.empty());
    std::pop_heap(items_.begin(), items_.end(), std::greater<>());
    taken_ = items_.back();
    items_.pop_back();
    return taken_;
  }
  // What was taken last.
  const Item& taken() const { return taken_; }
  void PutBack() { Push(taken_); }
  // What was taken last is on its way only as long as there is more.
  bool WakeIsOnItsWay(CpuId cpu) const {
    const auto is_it = [cpu](const Item& item) {
      return item.kind == Kind::kWake && item.cpu == cpu;
    };
    return !items_.empty() && (is_it(taken_) || std::any_of(items_.begin(), items_.end(), is_it));
  }

  // An item's kind and what it is about, as an arrival's token.
  static uint64_t TokenOf(const Item& item) {
    return item.about | static_cast<uint64_t>(item.kind) << kKindShift;
  }
  static Kind KindOf(uint64_t token) { return static_cast<Kind>(token >> kKindShift); }
  static uint64_t AboutOf(uint64_t token) { return token & ((uint64_t{1} << kKindShift) - 1); }

 private:
  static constexpr int kKindShift = 60;
  void Push(const Item& item) {
    items_.push_back(item);
    std::push_heap(items_.begin(), items_.end(), std::greater<>());
  }

  std::vector<Item> items_;  // a min-heap
  Item taken_;
  uint64_t sequence_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CLOSED_AGENDA_H_
