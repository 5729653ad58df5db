// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_SYNTHETIC_TRACE_RECORDER_H_
#define SLABLAB_WORKLOADS_SYNTHETIC_TRACE_RECORDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "traces/slt/trace.h"
#include "workloads/observer.h"
#include "workloads/synthetic/program.h"

namespace slablab {

// Records a run of a synthetic workload as tracepoints would have: an allocation when it is done, a
// free when it begins. Keeps all of it until WriteTo.
class TraceRecorder : public OperationObserver {
 public:
  void OnBegin(const Machine& machine, const Allocator& allocator) override;
  void OnOperation(const OperationEnd& operation) override;

  // Writes a trace. `program` names the steps; `task_names` the tasks, whose pids are 1, 2, 3 …
  absl::Status WriteTo(const Program& program, const std::vector<std::string>& task_names,
                       TraceWriter& writer);

 private:
  struct Record {
    Cycles time = 0;
    OperationEnd operation;
  };
  void FillHeader(const Program& program, const std::vector<std::string>& task_names,
                  TraceHeader& header) const;

  const Machine* machine_ = nullptr;
  const Allocator* allocator_ = nullptr;
  std::vector<Record> records_;
  std::vector<CacheId> cache_of_;  // of each record that allocates: where the object is
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_SYNTHETIC_TRACE_RECORDER_H_
