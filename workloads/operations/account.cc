// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/operations/account.h"

#include <algorithm>
#include <initializer_list>

namespace slablab {

namespace {

Histogram SumOf(const std::vector<PathTimes>& paths, std::initializer_list<PathKind> kinds) {
  Histogram sum;
  for (const PathTimes& path : paths) {
    if (std::find(kinds.begin(), kinds.end(), path.kind) != kinds.end()) sum.Add(path.cycles);
  }
  return sum;
}

}  // namespace

std::vector<PathTimes> TimesOf(absl::Span<const PathInfo> paths) {
  std::vector<PathTimes> times(paths.size());
  for (size_t i = 0; i < paths.size(); ++i) times[i].kind = paths[i].kind;
  return times;
}

std::vector<PathTimes> TimesWithRcu(const Allocator& allocator) {
  std::vector<PathTimes> times = TimesOf(allocator.paths());
  const std::vector<PathTimes> by_rcu = TimesOf(kRcuPaths);
  times.insert(times.end(), by_rcu.begin(), by_rcu.end());
  return times;
}

Histogram OperationAccount::AllocationCycles() const {
  return SumOf(paths, {PathKind::kAllocation});
}
Histogram OperationAccount::FreeCycles() const {
  return SumOf(paths, {PathKind::kFree, PathKind::kFreeByRcu});
}

}  // namespace slablab
