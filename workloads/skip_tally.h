// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_SKIP_TALLY_H_
#define SLABLAB_WORKLOADS_SKIP_TALLY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "traces/slt/trace.h"

// The events of a trace that an allocator is not asked for, and why.

namespace slablab {

struct SkippedEvents {
  std::string_view reason;
  uint64_t events = 0;
};

// Counts by `Reason`, an enum of kReasons that begins at 0.
template <typename Reason, size_t kReasons>
class ReasonTally {
 public:
  // What each is called.
  using Names = std::array<std::string_view, kReasons>;

  explicit ReasonTally(const Names& names) : names_(names) {}

  void Add(Reason reason) { ++counts_[static_cast<size_t>(reason)]; }
  // Those there are, in the order of Reason.
  std::vector<SkippedEvents> Skipped() const {
    std::vector<SkippedEvents> skipped;
    for (size_t i = 0; i < kReasons; ++i) {
      if (counts_[i] > 0) skipped.push_back({.reason = names_[i], .events = counts_[i]});
    }
    return skipped;
  }

 private:
  const Names& names_;
  std::array<uint64_t, kReasons> counts_{};
};

// Of slab allocators, in either order.
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

class SkipTally : public ReasonTally<Skip, static_cast<size_t>(Skip::kContradicts) + 1> {
 public:
  SkipTally();

  // What the events before say of an event's object.
  enum class Object : uint8_t {
    kUnseen,     // nothing: its allocation was not before them, or is not replayed either
    kAllocated,  // and not freed yet
    kEnded,
  };
  // Whether an allocator is asked for the event; counts it if not. Asked if it matters:
  // `object_of()`, what the event's object is, and `has_cache()`, whether it is of kmalloc or of a
  // cache that there is.
  template <typename ObjectOf, typename HasCache>
  bool Admits(const Event& event, ObjectOf object_of, HasCache has_cache) {
    Skip reason;
    if (AllocatesObject(event.kind)) {
      if (event.object == kNoTraceObject) {
        reason = Skip::kFailedThere;
      } else if (object_of() != Object::kUnseen) {
        reason = Skip::kContradicts;
      } else if (has_cache()) {
        return true;
      } else {
        reason = Skip::kUnknownCache;
      }
    } else if (FreesObject(event.kind)) {
      if (event.object == kNoTraceObject) {
        reason = Skip::kNullFree;
      } else if (event.predates_trace) {
        reason = Skip::kPredates;
      } else if (const Object object = object_of(); object == Object::kAllocated) {
        return true;
      } else {
        reason = object == Object::kUnseen ? Skip::kUnknownCache : Skip::kContradicts;
      }
    } else {
      reason = OfNoObject(event.kind);
    }
    Add(reason);
    return false;
  }

 private:
  static Skip OfNoObject(EventKind kind);
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_SKIP_TALLY_H_
