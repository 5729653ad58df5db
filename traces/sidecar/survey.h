// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SIDECAR_SURVEY_H_
#define SLABLAB_TRACES_SIDECAR_SURVEY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "traces/slt/trace.h"

namespace slablab {

// What must be known of a trace's events before they are replayed, and no header has.
struct TraceSurvey {
  std::vector<int32_t> asked_nodes;  // ascending: of kmalloc_node() and the like
  // How many kmalloc()s asked for so many bytes (first) and were given so many (second).
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> kmallocs;
};

struct SurveyOptions {
  uint64_t kmalloc_events_max = 0;  // counts kmallocs among the first so many events; 0: all
  bool asked_nodes = true;          // whether to look for them, in all events
  std::function<bool()> stop;       // true once to end early: the answer is Cancelled
};

// Counts the trace's blocks. What the reader would deliver next is what it was.
// REQUIRES: the reader does not salvage.
absl::StatusOr<TraceSurvey> SurveyTrace(TraceReader& reader, const SurveyOptions& options);

}  // namespace slablab

#endif  // SLABLAB_TRACES_SIDECAR_SURVEY_H_
