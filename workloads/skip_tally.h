// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_SKIP_TALLY_H_
#define SLABLAB_WORKLOADS_SKIP_TALLY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "traces/trace.h"

// The events of a trace that a slab allocator is not asked for, in either order, and why.

namespace slablab {

struct SkippedEvents {
  std::string_view reason;
  uint64_t events = 0;
};

enum class Skip : uint8_t {
  kPages,
  kPercpu,
  kNullFree,
  kPredates,
  kFailedHere,
  kUnknownCache,
  kLost,
  kFailedThere,
  kContradicts,
};

class SkipTally {
 public:
  void Add(Skip reason) { ++counts_[static_cast<size_t>(reason)]; }
  // Those there are, in the order of Skip.
  std::vector<SkippedEvents> Skipped() const;

 private:
  static constexpr size_t kReasons = static_cast<size_t>(Skip::kContradicts) + 1;

  std::array<uint64_t, kReasons> counts_{};
};

// Why an event that neither allocates nor frees an object is skipped.
Skip SkipOfNoObject(EventKind kind);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_SKIP_TALLY_H_
