// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_ATTRIBUTION_ATTRIBUTION_RESULT_H_
#define SLABLAB_RUNS_ATTRIBUTION_ATTRIBUTION_RESULT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "allocators/allocator.h"
#include "reports/result.pb.h"
#include "sim/machine.h"
#include "traces/slt/trace.h"
#include "workloads/call_sites.h"

namespace slablab {

struct TaskTold {
  int32_t pid = 0;
  std::string comm = {};  // empty: not known
};
// By the last name that it had.
TaskTold TaskOfTrace(absl::Span<const TraceTask> tasks, int32_t pid);

// What a run's call sites are called, and what it was done on.
struct AttributionNames {
  std::string caller_kind;           // "call site", "step"
  std::vector<std::string> callers;  // by number; 0 is the unknown
  absl::Span<const PathInfo> paths;
  std::function<TaskTold(int32_t)> task;  // by what operations say
};

// Fills RunResult.attribution from what is left when a run has ended. `allocator`: null for a
// percpu allocator. `waiting`: objects that kvfree_rcu has not given back to it.
void GatherAttribution(Machine& machine, const Allocator* allocator, const CallSites& sites,
                       const AttributionNames& names, absl::Span<const PhysAddr> waiting,
                       RunResult& result);

// Those of the model and, behind them, of kvfree_rcu().
std::vector<PathInfo> PathsWithRcu(const Allocator& allocator);

}  // namespace slablab

#endif  // SLABLAB_RUNS_ATTRIBUTION_ATTRIBUTION_RESULT_H_
