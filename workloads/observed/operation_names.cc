// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/observed/operation_names.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace slablab {

std::string_view ContextName(Priority priority) {
  switch (priority) {
    case Priority::kTask:
      return "task";
    case Priority::kSoftirq:
      return "softirq";
    case Priority::kHardirq:
      return "hardirq";
  }
  CHECK(false);
}

std::string OperationNames::Caller(const OperationEnd& operation) const {
  return operation.call_site < callers_.size() ? callers_[operation.call_site] : std::string();
}

std::string OperationNames::Task(int32_t task, Nanos time) const {
  if (steps_ != nullptr) {
    return task < 0 ? std::string() : steps_->TaskName(static_cast<TaskIndex>(task));
  }
  const std::pair<int32_t, Nanos> at(task, trace_->time_first + time);
  const auto behind = std::upper_bound(
      trace_->tasks.begin(), trace_->tasks.end(), at, [](const auto& key, const TraceTask& named) {
        return key < std::pair<int32_t, Nanos>(named.pid, named.since);
      });
  if (behind != trace_->tasks.begin() && std::prev(behind)->pid == task) {
    return std::prev(behind)->comm;
  }
  // It was seen before its name was.
  return behind != trace_->tasks.end() && behind->pid == task ? behind->comm : std::string();
}

}  // namespace slablab
