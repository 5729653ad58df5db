// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_TRACE_SELECTION_H_
#define SLABLAB_CLI_TRACE_SELECTION_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "traces/slt/trace.h"

// The flags that say which part of a trace to read, and whether to salvage it.

ABSL_DECLARE_FLAG(std::string, time);
ABSL_DECLARE_FLAG(std::string, cpus);
ABSL_DECLARE_FLAG(std::string, events);
ABSL_DECLARE_FLAG(bool, salvage);

namespace slablab {

// "8.05" and "8.05s" are seconds, "8050000000ns" nanoseconds. Exact; InvalidArgument otherwise.
absl::StatusOr<Nanos> ParseTime(std::string_view text, std::string_view flag = "time");

// The two ends of "FROM,TO", from <= time < to; either may be left out.
struct TimeRange {
  Nanos from = 0;
  Nanos to = 0;
};
// Errors name `flag`.
absl::StatusOr<TimeRange> ParseTimeRange(std::string_view text, std::string_view flag = "time");

// "0-3,8": ascending and each once.
absl::StatusOr<std::vector<CpuId>> ParseCpuList(std::string_view text);

// What the four flags select. InvalidArgument names the flag.
absl::StatusOr<TraceReader::Options> SelectionFromFlags();

// Opens a trace; says on stderr what salvaging it lost.
absl::StatusOr<std::unique_ptr<TraceReader>> OpenTrace(const std::string& path,
                                                       const TraceReader::Options& options);

// The one argument of `command`, which takes one trace.
absl::StatusOr<std::string> OnlyTrace(std::string_view command,
                                      const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_TRACE_SELECTION_H_
