// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/cmd_report.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/result_output.h"
#include "reports/result_io.h"

namespace slablab {

int RunReport(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) {
    return Fail(absl::InvalidArgumentError(
        "report takes one result, as 'slablab run --format=proto' or --format=json writes it"));
  }
  if (absl::Status status = CheckResultFlags(); !status.ok()) return Fail(status);
  const absl::StatusOr<RunResult> result = ReadResult(arguments[0]);
  if (!result.ok()) return Fail(result.status());
  const absl::Status status = WriteResult(*result);
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace slablab
