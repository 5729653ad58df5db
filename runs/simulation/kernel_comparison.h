// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_KERNEL_COMPARISON_H_
#define SLABLAB_RUNS_SIMULATION_KERNEL_COMPARISON_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "allocators/allocator.h"
#include "reports/result.pb.h"
#include "traces/sidecar/recorded_sidecars.h"
#include "workloads/operations/account.h"

namespace slablab {

// Every counter of every cache at one moment.
class CounterSnapshot {
 public:
  explicit CounterSnapshot(const Allocator& allocator);
  // The counter's growth since, in `now`; zero for a cache or counter that was not there.
  int64_t Growth(const CounterSnapshot& now, CacheId cache, const std::string& counter) const;

 private:
  std::vector<std::map<std::string, uint64_t>> caches_;
};

// Puts the kernel's counters' change over the recording, which its sidecars tell, beside the
// model's change over the replay. Leaves `result.kernel` unset where the recording has no SLUB
// statistics. InvalidArgument if a sidecar cannot be read.
absl::Status CompareWithKernel(const RecordedSidecars& sidecars, const Allocator& allocator,
                               const RunAccount& replay, const CounterSnapshot& before,
                               RunResult& result);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_KERNEL_COMPARISON_H_
