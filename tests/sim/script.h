// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_SIM_SCRIPT_H_
#define SLABLAB_TESTS_SIM_SCRIPT_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "base/types.h"
#include "sim/core/arrival.h"
#include "sim/core/cpu.h"
#include "sim/core/scheduler.h"
#include "sim/core/task.h"

namespace slablab {

// Work written down in a test. Each piece is a coroutine lambda, which the script keeps alive.
class Script : public ArrivalSource {
 public:
  using Work = std::function<Task<void>(Cpu&)>;

  void At(Cycles time, int cpu, Work work) { At(time, cpu, Priority::kTask, std::move(work)); }
  void At(Cycles time, int cpu, Priority priority, Work work) {
    arrivals_.push_back(
        {.time = time, .token = works_.size(), .cpu = CpuId(cpu), .priority = priority});
    works_.push_back(std::move(work));
  }
  // Runs what was written so far, in time order.
  void Run(Scheduler& scheduler) {
    std::stable_sort(arrivals_.begin(), arrivals_.end(),
                     [](const Arrival& a, const Arrival& b) { return a.time < b.time; });
    next_ = 0;
    scheduler.Run(*this);
  }

  bool Next(Arrival* arrival) override {
    if (next_ == arrivals_.size()) return false;
    *arrival = arrivals_[next_++];
    return true;
  }
  Task<void> Start(Cpu& cpu, uint64_t token) override { return works_[token](cpu); }
  bool MayInterrupt(const Cpu&, uint64_t) const override { return true; }
  // How many arrivals have been asked for.
  size_t fetched() const { return next_; }

 private:
  std::vector<Arrival> arrivals_;
  std::vector<Work> works_;
  size_t next_ = 0;
};

// Tries every way that a run can go: construct, then run afresh under `explorer` while Next()
// answers true. Each run follows the choices of the one before, but for the last that has an
// alternative left.
class EveryInterleaving : public Explorer {
 public:
  size_t Choose(const std::vector<CpuId>& runnable) override { return Decide(runnable.size()); }
  bool InterruptNow(CpuId) override { return Decide(2) == 1; }

  // Prepares the next run. Answers false when all have been made.
  bool Next() {
    if (runs_++ == 0) return true;
    CHECK_EQ(at_, decisions_.size());  // The same choices led the same way.
    while (!decisions_.empty() && decisions_.back().taken + 1 == decisions_.back().options) {
      decisions_.pop_back();
    }
    if (decisions_.empty()) return false;
    ++decisions_.back().taken;
    at_ = 0;
    return true;
  }

 private:
  struct Decision {
    size_t taken;
    size_t options;
  };
  size_t Decide(size_t options) {
    if (options == 1) return 0;
    if (at_ == decisions_.size()) decisions_.push_back({0, options});
    CHECK_EQ(decisions_[at_].options, options);
    return decisions_[at_++].taken;
  }
  std::vector<Decision> decisions_;
  size_t at_ = 0;
  int runs_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_SIM_SCRIPT_H_
