// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/reproduce.h"
#include "cli/result_output.h"
#include "runs/experiments/saved_results.h"

namespace slablab {
namespace {

constexpr auto kFlags = Joined(kResultFlags, kSetFlags);

int RunReport(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    return Fail(absl::InvalidArgumentError(
        "report takes a result or several, as 'slablab run --format=proto' or --format=json "
        "writes them"));
  }
  absl::StatusOr<std::vector<LabelledResult>> set = ReadSavedResults(arguments);
  if (!set.ok()) return Fail(set.status());
  if (absl::Status status = ApplyBase(&*set); !status.ok()) return Fail(status);
  const std::vector<Words> commands = CommandsOfResults(*set);
  const absl::Status status =
      set->size() == 1 ? WriteResult((*set)[0].result, commands) : WriteSet(*set, commands);
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace

extern const Command kReportCommand = {
    .name = "report",
    .synopsis = "RESULT...",
    .summary =
        "Prints the report of a run whose result was kept with --format=proto or json; of "
        "several, the comparison.",
    .flags = kFlags,
    .formats = kResultFormats,
    .run = RunReport,
};

}  // namespace slablab
