// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_OPERATION_LOG_H_
#define SLABLAB_RUNS_EXPERIMENTS_OPERATION_LOG_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "workloads/observer.h"

// Every operation of a run as text: what `slablab run --operations` writes and `slablab diff`
// compares, also of runs that different builds of this program made. After comments ('#') and a
// line of the columns' names, a line an operation, in the order in which they end, with tabs
// between:
//
//   event start end cycles cpu task context kind path cache bytes object
//
// Times are cycles since the run began; object is hexadecimal, 0 if the allocation failed.

namespace slablab {

struct LoggedOperation {
  uint64_t event = 0;
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t cycles = 0;
  int32_t cpu = 0;
  int32_t task = 0;
  std::string context;  // "task", "softirq", "hardirq"
  std::string kind;     // "alloc", "free"
  std::string path;
  std::string cache;  // "-": none's, or not known
  uint64_t bytes = 0;
  uint64_t object = 0;

  friend bool operator==(const LoggedOperation&, const LoggedOperation&) = default;
};

std::string LogHeader();
std::string LogLine(const LoggedOperation& operation);
// InvalidArgument saying what is wrong with the line, without its place.
absl::StatusOr<LoggedOperation> ParseLogLine(std::string_view line);

// Hands each operation of a run to `sink`.
class OperationLogger : public OperationObserver {
 public:
  using Sink = std::function<void(const LoggedOperation&)>;
  explicit OperationLogger(Sink sink) : sink_(std::move(sink)) {}

  void OnBegin(const Machine& machine, const Allocator& allocator) override;
  void OnOperation(const OperationEnd& operation) override;

  // The cache that the operation handed over last was of; kNoCache: not known.
  CacheId last_cache() const { return last_cache_; }
  const Allocator& allocator() const { return *allocator_; }

 private:
  CacheId CacheOf(const OperationEnd& operation);

  Sink sink_;
  const Allocator* allocator_ = nullptr;
  Cycles begin_ = 0;
  // Of objects that kmalloc gave: kfree does not say, and then the slab may be gone.
  absl::flat_hash_map<uint64_t, CacheId> cache_of_;
  CacheId last_cache_ = kNoCache;
};

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_OPERATION_LOG_H_
