// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_RECORDED_REPLAYABLE_H_
#define SLABLAB_RUNS_RECORDED_REPLAYABLE_H_

#include <string>

#include "absl/status/status.h"
#include "reports/result.pb.h"
#include "traces/slt/trace.h"

namespace slablab {

// Whether the trace at `path` has any event of the kind that the allocator replays: of slab
// objects, or, for a percpu allocator, of percpu areas. Else InvalidArgument says what it has, and
// what to record.
absl::Status CheckReplayable(const std::string& path, const TraceHeader& trace,
                             const std::string& allocator);

// The same of a replay that is over: InvalidArgument if it did nothing at all, with the reasons.
absl::Status CheckReplayed(const std::string& path, const Totals& totals);

// `status`, an error of what is in the trace, with the trace's name in front.
absl::Status ErrorOfTrace(const std::string& path, const absl::Status& status);

}  // namespace slablab

#endif  // SLABLAB_RUNS_RECORDED_REPLAYABLE_H_
