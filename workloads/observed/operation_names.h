// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_OBSERVED_OPERATION_NAMES_H_
#define SLABLAB_WORKLOADS_OBSERVED_OPERATION_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "traces/slt/trace.h"
#include "workloads/observer.h"
#include "workloads/steps.h"

namespace slablab {

// What an operation was done in: "task", "softirq", "hardirq".
std::string_view ContextName(Priority priority);

// Who did an operation, in words: what OperationEnd says in numbers. What it is made of outlives
// it.
class OperationNames {
 public:
  // Of a trace in recorded order.
  explicit OperationNames(const TraceHeader& trace) : trace_(&trace), callers_(trace.call_sites) {}
  // Of tasks in closed order; `callers` by the source's numbers, the first not known.
  OperationNames(const StepSource& steps, std::vector<std::string> callers)
      : steps_(&steps), callers_(std::move(callers)) {}

  // Empty: not known.
  std::string Caller(const OperationEnd& operation) const;
  // The name that the task has at that time, since the run began; empty: not known.
  std::string Task(int32_t task, Nanos time) const;

 private:
  const TraceHeader* trace_ = nullptr;
  const StepSource* steps_ = nullptr;
  std::vector<std::string> callers_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_OBSERVED_OPERATION_NAMES_H_
