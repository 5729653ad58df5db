// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_RESULT_OUTPUT_H_
#define SLABLAB_CLI_RESULT_OUTPUT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/status.h"
#include "cli/flags.h"
#include "cli/reproduce.h"
#include "reports/comparison/comparison.h"
#include "reports/result.pb.h"

ABSL_DECLARE_FLAG(std::string, base);

namespace slablab {

// The formats that a result can be written in, and the flags that say how; for a Command.
inline constexpr Format kResultFormats[] = {
    Format::kText,     Format::kMail,        Format::kJson,  Format::kJsonLines,
    Format::kCsv,      Format::kTsv,         Format::kProto, Format::kSqlite,
    Format::kSlabinfo, Format::kPercpuStats, Format::kHtml};
// And those of a set of results.
inline constexpr Format kSetFormats[] = {
    Format::kText, Format::kMail,  Format::kJson,   Format::kJsonLines, Format::kCsv,
    Format::kTsv,  Format::kProto, Format::kSqlite, Format::kHtml};
inline constexpr std::string_view kResultFlags[] = {"format", "table",    "limit",  "queues",
                                                    "output", "kallsyms", "vmlinux"};
// And what only several have: --base.
inline constexpr std::string_view kSetFlags[] = {"base"};

// Whether the flags make sense together: for a command that runs long before it writes.
// InvalidArgument otherwise.
absl::Status CheckResultFlags();

// Whether --output can take `format`: what is made of bytes is not for a terminal. InvalidArgument
// otherwise.
absl::Status CheckDestination(Format format);

// Writes `result` as --format says to --output: as text (--limit rows of each table, in colour on a
// terminal), as all tables in long form or the one of --table as it is, or as a file that
// `slablab report` reads again. As a mail it ends with `commands`, by which others have the same.
absl::Status WriteResult(const RunResult& result, const std::vector<Words>& commands);

// The same of several results: words, metrics side by side and A/B tables; as a file that
// `slablab report` and `slablab compare` read again; or as one HTML page.
absl::Status CheckSetFlags();
absl::Status WriteSet(ResultSet set, const std::vector<Words>& commands);

// Puts the run that --base names first, for every format alike; where there is none, nothing.
// InvalidArgument names the labels that there are.
absl::Status ApplyBase(std::vector<LabelledResult>* set);
// Whether `labels` have what --base names, before they are run.
absl::Status CheckBase(const std::vector<std::string>& labels);

// The page of --format=html, wherever --output and --format send the rest.
absl::Status WriteHtml(ResultSet set, const std::string& path);

}  // namespace slablab

#endif  // SLABLAB_CLI_RESULT_OUTPUT_H_
