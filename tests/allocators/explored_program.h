// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_EXPLORED_PROGRAM_H_
#define SLABLAB_TESTS_ALLOCATORS_EXPLORED_PROGRAM_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "sim/core/arrival.h"
#include "sim/core/scheduler.h"

namespace slablab {

// Goes through all that can be decided, depth first: the same decisions as last time, but for the
// last that had another way. With a bound, through all orders in which a CPU that could go on has
// to give way no more than so many times.
class Decisions : public Explorer {
 public:
  static constexpr int kUnbounded = -1;
  explicit Decisions(int switches_max = kUnbounded) : switches_max_(switches_max) {}

  size_t Choose(const std::vector<CpuId>& runnable) override {
    const auto last = std::find(runnable.begin(), runnable.end(), last_);
    const auto stay = static_cast<size_t>(last - runnable.begin());
    const bool may_stay = last != runnable.end();
    if (may_stay && switches_ == switches_max_) return stay;
    const size_t chosen = Decide(runnable.size());
    if (may_stay && chosen != stay) ++switches_;
    last_ = runnable[chosen];
    return chosen;
  }
  bool InterruptNow(CpuId) override { return Decide(2) == 1; }

  // Prepares the next way through; false if all were gone.
  bool Next() {
    while (!taken_.empty() && taken_.back().way + 1 == taken_.back().ways) taken_.pop_back();
    if (taken_.empty()) return false;
    ++taken_.back().way;
    depth_ = 0;
    switches_ = 0;
    last_ = CpuId(-1);
    return true;
  }

 private:
  struct Decision {
    size_t way = 0;
    size_t ways = 0;
  };
  size_t Decide(size_t ways) {
    if (ways == 1) return 0;
    if (depth_ == taken_.size()) taken_.push_back({.way = 0, .ways = ways});
    // The same decisions lead to the same place, or not all ways are gone.
    CHECK_EQ(taken_[depth_].ways, ways);
    return taken_[depth_++].way;
  }
  const int switches_max_;
  std::vector<Decision> taken_;
  size_t depth_ = 0;
  int switches_ = 0;
  CpuId last_{-1};  // that went on
};

// Pieces of work that all arrive at once.
struct Piece {
  CpuId cpu;
  Priority priority = Priority::kTask;
  std::function<Task<void>(Cpu&)> run;
};

class PieceSource : public ArrivalSource {
 public:
  PieceSource(const std::vector<Piece>& pieces, Cycles time) : pieces_(pieces), time_(time) {}
  bool Next(Arrival* arrival) override {
    if (next_ == pieces_.size()) return false;
    *arrival = {.time = time_,
                .token = next_,
                .cpu = pieces_[next_].cpu,
                .priority = pieces_[next_].priority};
    ++next_;
    return true;
  }
  Task<void> Start(Cpu& cpu, uint64_t token) override { return pieces_[token].run(cpu); }
  bool MayInterrupt(const Cpu&, uint64_t) const override { return true; }

 private:
  const std::vector<Piece>& pieces_;
  const Cycles time_;
  size_t next_ = 0;
};

// Decides by chance.
class Chance : public Explorer {
 public:
  size_t Choose(const std::vector<CpuId>& runnable) override {
    return random_.Below(runnable.size());
  }
  bool InterruptNow(CpuId) override { return random_.Below(2) == 1; }

 private:
  Random random_{3};
};

// Which orders of a program are run.
struct OrderBounds {
  int switches_max = Decisions::kUnbounded;
  uint64_t orders_max = 2'000'000;
  // So many more, by chance, if there are more orders than that; 0: there are not.
  uint64_t samples = 0;
};

// Calls `run` for every order, until a test has failed; it is to hand the explorer on to RunPieces.
// Answers how many orders there were.
uint64_t RunInEveryOrder(const OrderBounds& bounds,
                         const std::function<void(uint64_t order, Explorer& explorer)>& run);
void RunPieces(Scheduler& scheduler, const std::vector<Piece>& pieces, Explorer& explorer);

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_EXPLORED_PROGRAM_H_
