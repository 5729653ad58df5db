// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/skip_tally.h"

namespace slablab {

namespace {

constexpr SkipTally::Names kNames = {
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

}  // namespace

SkipTally::SkipTally() : ReasonTally(kNames) {}

Skip SkipTally::OfNoObject(EventKind kind) {
  if (kind == EventKind::kLost) return Skip::kLost;
  if (kind == EventKind::kPageAlloc || kind == EventKind::kPageFree) return Skip::kPages;
  return Skip::kPercpu;
}

}  // namespace slablab
