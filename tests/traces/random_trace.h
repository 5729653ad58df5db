// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_TRACES_RANDOM_TRACE_H_
#define SLABLAB_TESTS_TRACES_RANDOM_TRACE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "traces/slt/trace.h"

namespace slablab {

struct Trace {
  TraceHeader header;
  std::vector<Event> events;
};

struct RandomTraceOptions {
  uint64_t seed = 1;
  int events = 1000;
  int cpus = 4;
  // Every field takes any value the contract of TraceWriter::Append allows, instead of what a
  // kernel would record.
  bool wild = false;
};

// A trace that a kernel could have recorded: objects are freed once, addresses are reused only when
// free, every kind of event occurs.
Trace RandomTrace(const RandomTraceOptions& options);

// Through a file in a folder of its own.
absl::StatusOr<std::string> WriteToString(const Trace& trace, const TraceWriter::Options& options);
absl::StatusOr<Trace> ReadFromString(const std::string& bytes,
                                     const TraceReader::Options& options = {});

}  // namespace slablab

#endif  // SLABLAB_TESTS_TRACES_RANDOM_TRACE_H_
