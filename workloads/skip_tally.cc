// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/skip_tally.h"

namespace slablab {

std::vector<SkippedEvents> SkipTally::Skipped() const {
  static constexpr std::string_view kNames[kReasons] = {
      "page event (the model asks for its own pages)",
      "percpu event (this allocator gives no percpu areas)",
      "free of NULL",
      "free of an object older than the trace",
      "free of an object whose allocation failed here",
      "of a cache whose name or size the trace does not tell",
      "mark of events lost in recording",
      "allocation that failed when it was recorded",
      "allocation of an object that is live, or second free of one: the trace contradicts itself",
  };
  std::vector<SkippedEvents> skipped;
  for (size_t i = 0; i < kReasons; ++i) {
    if (counts_[i] > 0) skipped.push_back({.reason = kNames[i], .events = counts_[i]});
  }
  return skipped;
}

Skip SkipOfNoObject(EventKind kind) {
  if (kind == EventKind::kLost) return Skip::kLost;
  if (kind == EventKind::kPageAlloc || kind == EventKind::kPageFree) return Skip::kPages;
  return Skip::kPercpu;
}

}  // namespace slablab
