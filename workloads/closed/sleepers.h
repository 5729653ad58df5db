// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CLOSED_SLEEPERS_H_
#define SLABLAB_WORKLOADS_CLOSED_SLEEPERS_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <vector>

#include "base/types.h"
#include "workloads/steps.h"

namespace slablab {

// The tasks that sleep, by the CPU whose timer is to wake them; on each the first to wake first,
// among equals the task of the lower number.
class Sleepers {
 public:
  static constexpr Cycles kNever = std::numeric_limits<Cycles>::max();
  struct Sleeper {
    Cycles time = 0;
    TaskIndex task = kNoTask;
    friend bool operator>(const Sleeper& a, const Sleeper& b) {
      return a.time != b.time ? a.time > b.time : a.task > b.task;
    }
  };

  explicit Sleepers(size_t cpus) : cpus_(cpus) {}

  void Add(CpuId cpu, Sleeper sleeper) {
    std::vector<Sleeper>& there = cpus_[cpu.index()];
    there.push_back(sleeper);
    std::push_heap(there.begin(), there.end(), std::greater<>());
  }
  // When the first wakes; kNever: nobody sleeps there.
  Cycles Next(CpuId cpu) const {
    const std::vector<Sleeper>& there = cpus_[cpu.index()];
    return there.empty() ? kNever : there.front().time;
  }
  bool IsDue(CpuId cpu, Cycles now) const { return Next(cpu) <= now; }
  // REQUIRES: somebody sleeps there.
  Sleeper TakeFirst(CpuId cpu) {
    std::vector<Sleeper>& there = cpus_[cpu.index()];
    std::pop_heap(there.begin(), there.end(), std::greater<>());
    const Sleeper first = there.back();
    there.pop_back();
    return first;
  }
  // Calls `move(sleeper)` for all of one CPU, which may add them to others; it has none any more.
  template <typename Move>
  void MoveAll(CpuId cpu, Move move) {
    for (const Sleeper& sleeper : cpus_[cpu.index()]) move(sleeper);
    cpus_[cpu.index()].clear();
  }

 private:
  std::vector<std::vector<Sleeper>> cpus_;  // min-heaps
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CLOSED_SLEEPERS_H_
