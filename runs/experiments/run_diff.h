// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_RUN_DIFF_H_
#define SLABLAB_RUNS_EXPERIMENTS_RUN_DIFF_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runs/experiments/diff_input.h"
#include "runs/experiments/operation_log.h"

// Where two runs part: their operations, read side by side, one after another.

namespace slablab {

// The next operation of a run; nothing at its end.
using OperationSource = std::function<absl::StatusOr<std::optional<LoggedOperation>>()>;

// What a side did until it parted from the other.
struct DiffSide {
  uint64_t operations = 0;                   // so many, the one at which they part included
  std::optional<LoggedOperation> operation;  // nothing: this side had ended
  std::map<std::string, uint64_t> paths;     // of the operation's cache: operations by path
};

struct RunDifference {
  // The names of the columns that differ, in the log's order; "end" alone is a difference of time.
  std::vector<std::string> columns;
  std::array<DiffSide, 2> sides;
  std::deque<LoggedOperation> before;  // the last that both did alike, oldest first
};

struct RunDiff {
  uint64_t operations = 0;  // compared, without the one that ended it
  // The first in anything, and the first in what was done: which operation, on which CPU, by which
  // path, with which object. The second is nowhere before the first, and is nothing if only times
  // differ.
  std::optional<RunDifference> first;
  std::optional<RunDifference> done;
};

// What ends it: the first difference of all, or the first in what was done.
enum class DiffUntil { kFirst, kDone };
// Reads both until then, or to their ends. Errors are the sources'.
absl::StatusOr<RunDiff> DiffRuns(const OperationSource& a, const OperationSource& b,
                                 DiffUntil until = DiffUntil::kDone);
// The same of inputs, the runs among them done side by side.
absl::StatusOr<RunDiff> DiffInputs(const std::array<DiffInput, 2>& inputs,
                                   DiffUntil until = DiffUntil::kDone);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_RUN_DIFF_H_
