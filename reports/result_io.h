// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_RESULT_IO_H_
#define SLABLAB_REPORTS_RESULT_IO_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "reports/result.pb.h"

// Results as bytes: a RunResult as protobuf, binary or JSON. Equal results are equal bytes in
// either form. Both hold a checksum, and what is read is held to it. A JSON text from which a
// person has taken the checksum's line is read as it is; a binary result without one has lost its
// end. What a result of before PathStats.is_fast does not say of its paths and figures is filled in
// by their names as it is read (unsaid_meanings.h); it was sealed without that.

namespace slablab {

// Binary protobuf, fields in order of number but for the checksum, which is the last.
std::string Serialize(const RunResult& result);

// Protobuf's own JSON, indented, field names as in result.proto, every number present also when it
// is zero. 64-bit integers are strings, as that format has it.
std::string ToJson(const RunResult& result);

// Reads either form and finds out which: what begins with '{' is JSON. `name` is for messages.
// InvalidArgument, naming `name` and line or offset, for anything that is not a whole result.
absl::StatusOr<RunResult> ParseResult(std::string_view bytes, std::string_view name);

// Puts the checksum behind `bytes`, a message in binary form without one.
std::string Sealed(std::string bytes);

// The same of several runs.
std::string Serialize(const RunResults& results);
std::string ToJson(const RunResults& results);

// Reads a file of one run or of several, in either form; "-" is standard input. A run that stands
// alone in its file has no label. Errors as above.
absl::StatusOr<RunResults> ReadResults(const std::string& path);
absl::StatusOr<RunResults> ParseResults(std::string_view bytes, std::string_view name);

// One run from a file; "-" is standard input. NotFound or Unavailable if it cannot be read.
absl::StatusOr<RunResult> ReadResult(const std::string& path);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_RESULT_IO_H_
