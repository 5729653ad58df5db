// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/operations/footprint_watch.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace slablab {

std::vector<LockWaits> LockWaitsOf(const Scheduler& scheduler) {
  std::vector<LockWaits> waits;
  for (const LockClass& lock : scheduler.lock_classes()) {
    if (lock.contentions == 0) continue;
    waits.push_back(
        {.lock = lock.name, .contentions = lock.contentions, .cycles = lock.wait_total_cycles});
  }
  return waits;
}

FootprintWatch::FootprintWatch(const Scheduler& scheduler, const Allocator& allocator,
                               const RcuFrees& rcu_frees, RunAccount& result,
                               const Options& options)
    : scheduler_(scheduler),
      allocator_(allocator),
      rcu_frees_(rcu_frees),
      result_(result),
      footprint_(allocator.TotalFootprint()),
      clock_mhz_(options.clock_mhz),
      samples_max_(options.samples_max),
      interval_(std::max<uint64_t>(1, options.interval)) {
  CHECK_EQ(samples_max_ % 2, 0u);
}

void FootprintWatch::Sample(uint64_t time) {
  std::vector<FootprintAt>& samples = result_.footprint;
  samples.push_back(At(time));
  samples.back().layers = result_.layers.Sample(allocator_);
  samples.back().waits = LockWaitsOf(scheduler_);
  if (samples_max_ != 0 && samples.size() == samples_max_) {
    for (size_t i = 0; i < samples.size() / 2; ++i) samples[i] = samples[2 * i];
    samples.resize(samples.size() / 2);
    interval_ *= 2;
  }
  next_ = (time / interval_ + 1) * interval_;
}

FootprintAt FootprintWatch::At(uint64_t time) const {
  return {.time = static_cast<Nanos>(clock_mhz_ == 0 ? time : time * 1000 / clock_mhz_),
          .footprint = footprint_,
          .requested_bytes = result_.requested_bytes,
          .rcu = rcu_frees_.waiting()};
}

}  // namespace slablab
