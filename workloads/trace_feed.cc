// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/trace_feed.h"

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace slablab {

bool TraceFeed::Refill() {
  if (stop_ && stop_()) {
    status_ = absl::CancelledError("interrupted");
    return false;
  }
  const absl::StatusOr<size_t> count = reader_.Read(absl::MakeSpan(batch_));
  if (!count.ok()) {
    status_ = count.status();
    return false;
  }
  if (progress_) progress_(events_);
  next_ = 0;
  end_ = *count;
  events_ += end_;
  return end_ > 0;
}

}  // namespace slablab
