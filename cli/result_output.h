// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_RESULT_OUTPUT_H_
#define SLABLAB_CLI_RESULT_OUTPUT_H_

#include <initializer_list>
#include <string_view>

#include "absl/status/status.h"
#include "cli/flags.h"
#include "reports/result.pb.h"

namespace slablab {

// The formats that a result can be written in, and the flags that say how; for the table of
// commands.
inline constexpr std::initializer_list<Format> kResultFormats = {
    Format::kText,     Format::kJson,        Format::kCsv,  Format::kTsv,
    Format::kSlabinfo, Format::kPercpuStats, Format::kProto};
inline constexpr std::string_view kResultFlags[] = {"format", "table", "limit", "output"};

// Whether the flags make sense together: for a command that runs long before it writes.
// InvalidArgument otherwise.
absl::Status CheckResultFlags();

// Writes `result` as --format says to --output: as text (--limit rows of each table, in colour on a
// terminal), as all tables in long form or the one of --table as it is, or as a file that
// `slablab report` reads again.
absl::Status WriteResult(const RunResult& result);

}  // namespace slablab

#endif  // SLABLAB_CLI_RESULT_OUTPUT_H_
