// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SLICE_H_
#define SLABLAB_TRACES_SLICE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "traces/slt/trace.h"

// Cuts a trace out of a trace.

namespace slablab {

// What a slice took with it and what it cut off.
struct SliceSummary {
  uint64_t events = 0;
  // Objects that were live in the whole trace when the slice begins, on any CPU; those that
  // predate the whole trace are not known and not counted.
  uint64_t live_at_start = 0;
  // Frees in the slice of objects that were allocated outside of it.
  uint64_t frees_predating = 0;
  // Objects allocated in the slice and not freed in it.
  uint64_t live_at_end = 0;
};

// Gives the objects of a selection of events the numbers they would have had in a trace of their
// own, and marks frees of objects allocated outside of the selection as predating it.
class Renumberer {
 public:
  // Appends what becomes of `event` to `sink`.
  absl::Status Append(const Event& event, EventSink& sink);

  const SliceSummary& summary() const { return summary_; }

 private:
  absl::flat_hash_map<TraceObject, TraceObject> numbers_;  // only looked up
  SliceSummary summary_;
};

struct SliceOptions {
  TraceWriter::Options writing = {};
  std::function<bool()> interrupted = [] { return false; };  // asked now and then
};

// Writes the events of the trace at `path` that `selection` selects as a trace at `output`, with
// the header, tables and sidecars of the whole. What was cut is stated among the header's
// assumptions. InvalidArgument if the selection is of no event, Cancelled if interrupted.
absl::StatusOr<SliceSummary> SliceTrace(const std::string& path,
                                        const TraceReader::Options& selection,
                                        const std::string& output, const SliceOptions& options);

}  // namespace slablab

#endif  // SLABLAB_TRACES_SLICE_H_
