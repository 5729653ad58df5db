// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_VALIDATE_H_
#define SLABLAB_TRACES_VALIDATE_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "traces/slt/trace.h"

// The invariants of a trace, as executable checks.
//
//  1. Time does not go back.
//  2. CPU, node, call site, gfp flags and cache are in the header's tables.
//  3. A new object has the next number (or one of those after it, where events were lost), and is
//  seen first in an allocation or in a free that is
//     marked as predating the trace.
//  4. An allocation is of a new object, at an address of its own; the bytes it was given are at
//     least those it asked for.
//  5. What is live does not overlap: objects by the bytes they were given (by address alone where
//     addresses are hashed), page blocks by their order, percpu areas by chunk.
//  6. A free names a live object, at its address, by the function that belongs to its kind (kfree
//     may free a cache's object); a free from a named cache is of an object of that cache.
//  7. A free that is marked as predating the trace is of an object that was never allocated in it,
//     at an address where nothing is live.
//  8. Only frees predate the trace, only inferred ones are by RCU; the header's counts and digest
//     are those of the events.
//
// Where events were lost, or left out because only some CPUs' were kept, the state of what is live
// is not known: breaches of 5 to 7 that a missing event explains are not reported but counted.

namespace slablab {

struct Violation {
  uint64_t event = 0;  // its number in the file, from 0
  std::string what;
};

class TraceValidator {
 public:
  // Keeps the first `violations_max` violations and counts the rest. `header` must outlive it.
  TraceValidator(const TraceHeader& header, size_t violations_max)
      : header_(header), violations_max_(violations_max), incomplete_(header.of_some_cpus) {}

  void Check(const Event& event);
  // After the last event.
  void CheckHeader();

  uint64_t events() const { return events_; }
  uint64_t violation_count() const { return violation_count_; }
  const std::vector<Violation>& violations() const { return violations_; }
  // Breaches that missing events explain.
  uint64_t explained_by_loss() const { return explained_by_loss_; }
  uint64_t live_count() const { return live_count_; }

 private:
  // Each has an address space of its own.
  enum class Space : uint8_t { kSlab, kPages, kPercpu };
  struct Place {
    Space space;
    uint32_t chunk;  // percpu
    uint64_t address;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Tenant {
    uint64_t size;
    TraceObject object;
  };
  struct ObjectState {
    bool live = false;
    bool allocated = false;
    EventKind kind = EventKind::kKmalloc;
    uint16_t cache = 0;
    uint64_t address = 0;
  };

  void Report(std::string what);
  // For what missing events may explain.
  void ReportUnlessIncomplete(std::string what);
  void CheckIndices(const Event& event);
  void CheckAllocation(const Event& event);
  void CheckFree(const Event& event);
  void CheckFreePredating(const Event& event);
  Place PlaceOf(const Event& event) const;
  uint64_t SizeOf(const Event& event) const;
  void MoveIn(const Event& event);
  // Forgets the object, wherever it was.
  void MoveOut(const Event& event);

  const TraceHeader& header_;
  const size_t violations_max_;
  std::vector<Violation> violations_;
  uint64_t violation_count_ = 0;
  uint64_t explained_by_loss_ = 0;

  uint64_t events_ = 0;
  Nanos time_first_ = 0;
  Nanos time_last_ = 0;
  std::array<uint64_t, kEventKinds> by_kind_ = {};
  uint64_t lost_ = 0;
  uint64_t lost_unnumbered_ = 0;
  bool incomplete_;
  uint64_t live_count_ = 0;
  EventsDigest digest_;
  absl::flat_hash_map<TraceObject, ObjectState> objects_;  // only looked up
  TraceObject object_last_ = kNoTraceObject;
  std::map<Place, Tenant> tenants_;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_VALIDATE_H_
