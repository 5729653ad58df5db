// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_EVENT_ORDER_H_
#define SLABLAB_TRACES_IMPORT_EVENT_ORDER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "traces/raw_event.h"
#include "traces/string_table.h"

// The order of a recording's events. A recorder writes them in order of time; other texts, such as
// `cat per_cpu/*/trace`, hold one CPU after the other.

namespace slablab {

// By so much the time of an event may lie before that of one that stands before it in a recording
// that is in order: the kernel lets CPUs share a clock only if they agree to less, and text gives
// whole microseconds. The order of the file is then the better witness, and the later event's time
// is raised to the earlier one's. What lies further back was not written in order.
inline constexpr Nanos kClockJitter = 1000;

// Holds the events of a recording and gives them in order of time; of equal times, in the order in
// which they came. An event that lies less than kClockJitter before one of its own CPU that came
// first stays behind that.
class SortedEvents : public RawEventSink {
 public:
  absl::Status Append(const RawEvent& event) override;

  // Sorts. To be called once, after the last Append.
  void Sort();
  // Passes all of them on, with the times they came with. REQUIRES: Sort was called.
  absl::Status Deliver(RawEventSink& sink) const;

  // Of those appended, how many came after one that is later by more than kClockJitter.
  uint64_t moved() const { return moved_; }

 private:
  struct Stored {
    RawEvent event;  // its strings are those of `strings_`, by the numbers below
    Nanos key = 0;   // to sort by
    uint32_t call_site = 0;
    uint32_t gfp = 0;
    uint32_t cache = 0;
    uint32_t comm = 0;
  };

  StringTable strings_;
  std::vector<Stored> events_;
  std::vector<Nanos> last_of_cpu_;
  Nanos latest_ = 0;
  uint64_t moved_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_EVENT_ORDER_H_
