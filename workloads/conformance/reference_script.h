// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_SCRIPT_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_SCRIPT_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "workloads/conformance/reference.h"
#include "workloads/conformance/reference_text.h"

namespace slablab {

// The operations and events of a reference run, line by line: puts them into the run, and follows
// what is alive, held and on line, so that what could not have happened is refused.
class ReferenceScript {
 public:
  // REQUIRES: the run's machine and format are known.
  explicit ReferenceScript(ReferenceRun* run);

  // Whether `word` begins an operation or event of the run's format.
  bool Knows(std::string_view word) const;
  // REQUIRES: Knows(word); `line` is what stands behind it.
  absl::Status Parse(std::string_view word, ReferenceLine line);
  absl::Status ParseCheck(ReferenceLine line);
  // Of the last line; tells the run how many objects and sheaves it has.
  absl::Status End(const ReferenceLine& line);

 private:
  enum class ObjectState : uint8_t { kUnborn, kLive, kWaiting, kFreed };  // kWaiting: of kvfree_rcu
  enum class SheafState : uint8_t { kUnborn, kHeld, kReturned };
  struct Word {
    std::string_view word;
    int format;  // the first that has it
    bool in_barrier;
    ReferenceOp::Kind kind;
    absl::Status (ReferenceScript::*parse)(ReferenceLine* line, ReferenceOp* op);
  };
  static const Word kWords[];
  const Word* Find(std::string_view word) const;

  // What stands behind each word. All but the CPU on which it runs is left for the second group.
  absl::Status Create(ReferenceLine* line, ReferenceOp* op);
  absl::Status Allocation(ReferenceLine* line, ReferenceOp* op);
  absl::Status BulkAllocation(ReferenceLine* line, ReferenceOp* op);
  absl::Status SheafAllocation(ReferenceLine* line, ReferenceOp* op);
  absl::Status Free(ReferenceLine* line, ReferenceOp* op);
  absl::Status BulkFree(ReferenceLine* line, ReferenceOp* op);
  absl::Status ListFree(ReferenceLine* line, ReferenceOp* op);
  absl::Status Sheaf(ReferenceLine* line, ReferenceOp* op);
  absl::Status Shrink(ReferenceLine* line, ReferenceOp* op);
  absl::Status Hotplug(ReferenceLine* line, ReferenceOp* op);
  absl::Status Dead(ReferenceLine* line, ReferenceOp* op);
  absl::Status GracePeriod(ReferenceLine* line, ReferenceOp* op);
  absl::Status Callback(ReferenceLine* line, ReferenceOp* op);
  absl::Status Barrier(ReferenceLine* line, ReferenceOp* op);

  // The CPU that the line goes on with, which must be on line.
  absl::Status TakeCpu(ReferenceLine* line, ReferenceOp* op);
  // An object's number, and its state, which changes from one to the other.
  absl::Status TakeObject(ReferenceLine* line, ObjectState from, ObjectState to, ReferenceOp* op);
  absl::Status Bear(const ReferenceLine& line, std::optional<uint64_t> object, ReferenceOp* op);
  absl::Status TakeObjects(ReferenceLine* line, ObjectState from, ObjectState to, ReferenceOp* op);
  // SLAB[@NODE]:OFFSET
  absl::Status TakePlace(ReferenceLine* line, ReferenceOp* op);
  absl::Status TakeSheaf(ReferenceLine* line, SheafState from, SheafState to, ReferenceOp* op);
  ObjectState& StateOf(uint64_t object);

  ReferenceRun& run_;
  std::vector<bool> online_;  // by CPU
  std::vector<ObjectState> objects_;
  std::vector<SheafState> sheaves_;
  uint64_t number_bound_ = 0;  // an object's or sheaf's number is not above
  bool created_ = false;
  bool in_barrier_ = false;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_SCRIPT_H_
