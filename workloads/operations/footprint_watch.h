// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_OPERATIONS_FOOTPRINT_WATCH_H_
#define SLABLAB_WORKLOADS_OPERATIONS_FOOTPRINT_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "allocators/allocator.h"
#include "base/types.h"
#include "sim/core/scheduler.h"
#include "workloads/operations/account.h"
#include "workloads/rcu_frees.h"

namespace slablab {

// What locks have been waited for until now, those that were at all.
std::vector<LockWaits> LockWaitsOf(const Scheduler& scheduler);

// The footprint of a run over time, and its peak; with each sample, what locks were waited for.
// Times are its driver's, from the start on.
class FootprintWatch {
 public:
  struct Options {
    uint64_t interval = 1;   // between samples, in the driver's unit of time
    uint64_t clock_mhz = 0;  // of that unit; 0: nanoseconds
    // Where it is not known how long the run will take: whenever there are so many samples, every
    // other goes, and the next are twice as far apart. 0: they all stay. Even.
    size_t samples_max = 0;
  };
  // All must outlive it; samples and peak go to `result`.
  FootprintWatch(const Scheduler& scheduler, const Allocator& allocator, const RcuFrees& rcu_frees,
                 RunAccount& result, const Options& options);

  // What is held has changed, perhaps.
  void NotePeak(uint64_t time) {
    if (footprint_.slab_bytes <= result_.footprint_peak.footprint.slab_bytes) return;
    result_.footprint_peak = At(time);
  }
  bool IsDue(uint64_t time) const { return time >= next_; }
  void Sample(uint64_t time);

 private:
  FootprintAt At(uint64_t time) const;

  const Scheduler& scheduler_;
  const Allocator& allocator_;
  const RcuFrees& rcu_frees_;
  RunAccount& result_;
  const Footprint& footprint_;  // the allocator's, of everything
  const uint64_t clock_mhz_;
  const size_t samples_max_;
  uint64_t interval_;
  uint64_t next_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_OPERATIONS_FOOTPRINT_WATCH_H_
