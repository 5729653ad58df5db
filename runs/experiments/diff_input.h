// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_DIFF_INPUT_H_
#define SLABLAB_RUNS_EXPERIMENTS_DIFF_INPUT_H_

#include <sys/types.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runs/experiments/operation_log.h"
#include "runs/simulation/simulation_options.h"

// What `slablab diff` takes: runs that it does anew, and logs of runs that were.

namespace slablab {

struct DiffInput {
  std::string path;
  bool is_log = false;
  SimulationOptions options;  // of a run
};

// `path` is a log of operations, a run as a textproto (runs/run_spec.proto), or a
// result: the run that it echoes. The trace of a result is `trace`, or if that is empty the file of
// its name beside the result or where we are; InvalidArgument if its events are others.
absl::StatusOr<DiffInput> ReadDiffInput(const std::string& path, const std::string& trace);

// The operations of an input, one after another: of a log as they stand in it, of a run as they
// end, done in a process of its own meanwhile.
class OperationStream {
 public:
  static absl::StatusOr<std::unique_ptr<OperationStream>> Open(const DiffInput& input);
  ~OperationStream();
  OperationStream(const OperationStream&) = delete;
  OperationStream& operator=(const OperationStream&) = delete;

  // Nothing at the end. Errors are those of the run, or name the log and the line.
  absl::StatusOr<std::optional<LoggedOperation>> Next();

 private:
  explicit OperationStream(std::string name) : name_(std::move(name)) {}

  const std::string name_;
  std::FILE* file_ = nullptr;
  pid_t child_ = -1;
  uint64_t line_ = 0;
  char* buffer_ = nullptr;
  size_t buffer_bytes_ = 0;
};

// Figures of a cache, as sysfs prints them.
struct CacheState {
  std::string cache;
  std::vector<std::pair<std::string, std::string>> figures;  // name and value
};
// Does the run anew up to its `operations`-th operation, from 1, and answers what the cache of that
// one is like then; nothing if the operation is of no cache.
absl::StatusOr<std::optional<CacheState>> StateAfter(const SimulationOptions& options,
                                                     uint64_t operations);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_DIFF_INPUT_H_
