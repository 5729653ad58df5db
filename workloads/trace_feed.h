// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_TRACE_FEED_H_
#define SLABLAB_WORKLOADS_TRACE_FEED_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "sim/core/arrival.h"
#include "traces/slt/trace.h"

// What replays in recorded order have in common: a trace's events, one after another.

namespace slablab {

// With what priority that ran which ran in a context.
inline constexpr std::array<Priority, 4> kPriorityOf = {Priority::kTask, Priority::kSoftirq,
                                                        Priority::kHardirq, Priority::kHardirq};
static_assert(static_cast<size_t>(Context::kNmi) + 1 == kPriorityOf.size());
constexpr Priority PriorityOf(Context context) { return kPriorityOf[static_cast<size_t>(context)]; }

// Reads a batch at a time. `reader` must outlive it.
class TraceFeed {
 public:
  explicit TraceFeed(TraceReader& reader) : reader_(reader), batch_(kBatchEvents) {}

  // Called now and then with the number of events so far, from outside simulated time.
  void set_progress(std::function<void(uint64_t)> progress) { progress_ = std::move(progress); }
  // True once to end early; asked now and then.
  void set_stop(std::function<bool()> stop) { stop_ = std::move(stop); }

  // Null: there is no more, or status() says why not.
  const Event* Next() {
    if (next_ == end_ && !Refill()) return nullptr;
    return &batch_[next_++];
  }
  const absl::Status& status() const { return status_; }

 private:
  static constexpr size_t kBatchEvents = 4096;

  bool Refill();

  TraceReader& reader_;
  std::vector<Event> batch_;
  size_t next_ = 0;
  size_t end_ = 0;
  uint64_t events_ = 0;  // of the batches before this one, and of this one
  absl::Status status_;
  std::function<void(uint64_t)> progress_;
  std::function<bool()> stop_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_TRACE_FEED_H_
