// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_WHY_WHY_H_
#define SLABLAB_RUNS_WHY_WHY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reports/why/why.pb.h"
#include "runs/simulation/simulation_options.h"

// What `slablab why` is: a replay of a recording as it was made, told by what it spends on, and a
// replay for each change that might make it cheaper.

namespace slablab {

struct WhyOptions {
  int workers = 1;
  std::function<bool()> stop = {};  // also asked by the replays' own processes
  std::function<void(size_t done, size_t total)> progress = {};
  std::string subject = {};  // what was recorded, in words; empty: the trace's name
  std::string further = {};  // changes to try besides, as `compare --vary` takes them
};

// So many parts of a recording are held against each other. Of nine, seven in the middle hold the
// true median with 96 %.
inline constexpr uint32_t kWhyParts = 9;

// Replays the trace of `base` through its model, "slub" being the recorded kernel's allocator
// (which may be SLAB), and with each change, each in a process of its own. InvalidArgument if it
// cannot be replayed as it is; Cancelled. REQUIRES: this process has one thread.
absl::StatusOr<WhyReport> Why(const SimulationOptions& base, const WhyOptions& options);

// How values changed from those of `before`, pair by pair. Nothing where there are not as many, or
// too few that were not 0 before to say anything.
std::optional<WhySpread> WhySpreadOf(const std::vector<uint64_t>& before,
                                     const std::vector<uint64_t>& after);

}  // namespace slablab

#endif  // SLABLAB_RUNS_WHY_WHY_H_
