// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/run_diff.h"

#include <memory>
#include <utility>

#include "fmt/format.h"

namespace slablab {
namespace {

constexpr size_t kContext = 3;

struct Columns {
  std::vector<std::string> names;
  bool done = false;  // one of them says what was done, and not only when
};

Columns DifferingColumns(const std::optional<LoggedOperation>& a,
                         const std::optional<LoggedOperation>& b) {
  Columns columns;
  if (a.has_value() != b.has_value()) return {.names = {"event"}, .done = true};
  if (!a.has_value()) return columns;
  const auto compare = [&](bool same, std::string name, bool done) {
    if (same) return;
    columns.names.push_back(std::move(name));
    columns.done |= done;
  };
  compare(a->event == b->event, "event", true);
  compare(a->start == b->start, "start", false);
  compare(a->end == b->end, "end", false);
  compare(a->cycles == b->cycles, "cycles", false);
  compare(a->cpu == b->cpu, "cpu", true);
  compare(a->task == b->task, "task", true);
  compare(a->context == b->context, "context", true);
  compare(a->kind == b->kind, "kind", true);
  compare(a->path == b->path, "path", true);
  compare(a->cache == b->cache, "cache", true);
  compare(a->bytes == b->bytes, "bytes", true);
  compare(a->object == b->object, "object", true);
  return columns;
}

// What has been seen of one run.
class Side {
 public:
  explicit Side(const OperationSource& source) : source_(source) {}

  absl::Status Advance() {
    absl::StatusOr<std::optional<LoggedOperation>> next = source_();
    if (!next.ok()) return next.status();
    operation_ = *std::move(next);
    if (!operation_.has_value()) return absl::OkStatus();
    ++operations_;
    ++paths_[operation_->cache][operation_->path];
    return absl::OkStatus();
  }
  const std::optional<LoggedOperation>& operation() const { return operation_; }
  DiffSide Describe() const {
    DiffSide side{.operations = operations_, .operation = operation_, .paths = {}};
    if (!operation_.has_value()) return side;
    if (const auto of_cache = paths_.find(operation_->cache); of_cache != paths_.end()) {
      side.paths = of_cache->second;
    }
    return side;
  }

 private:
  const OperationSource& source_;
  std::optional<LoggedOperation> operation_;
  uint64_t operations_ = 0;
  std::map<std::string, std::map<std::string, uint64_t>> paths_;  // by cache and path
};

}  // namespace

absl::StatusOr<RunDiff> DiffRuns(const OperationSource& a, const OperationSource& b,
                                 DiffUntil until) {
  RunDiff diff;
  Side left(a);
  Side right(b);
  std::deque<LoggedOperation> before;
  for (;;) {
    for (Side* side : {&left, &right}) {
      if (absl::Status status = side->Advance(); !status.ok()) return status;
    }
    const Columns columns = DifferingColumns(left.operation(), right.operation());
    if (!columns.names.empty()) {
      const RunDifference difference{
          .columns = columns.names, .sides = {left.Describe(), right.Describe()}, .before = before};
      if (!diff.first.has_value()) diff.first = difference;
      if (columns.done) diff.done = difference;
      if (columns.done || until == DiffUntil::kFirst) return diff;
    }
    if (!left.operation().has_value()) return diff;
    ++diff.operations;
    before.push_back(*left.operation());
    if (before.size() > kContext) before.pop_front();
  }
}

absl::StatusOr<RunDiff> DiffInputs(const std::array<DiffInput, 2>& inputs, DiffUntil until) {
  std::array<std::unique_ptr<OperationStream>, 2> streams;
  for (size_t i = 0; i < inputs.size(); ++i) {
    absl::StatusOr<std::unique_ptr<OperationStream>> stream = OperationStream::Open(inputs[i]);
    if (!stream.ok()) return stream.status();
    streams[i] = *std::move(stream);
  }
  return DiffRuns([&] { return streams[0]->Next(); }, [&] { return streams[1]->Next(); }, until);
}

}  // namespace slablab
