// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "base/interrupt.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/output/progress.h"
#include "cli/reproduce.h"
#include "cli/result_output.h"
#include "cli/simulation_flags.h"
#include "runs/experiments/operation_log.h"
#include "runs/experiments/printable.h"
#include "runs/experiments/stored_run.h"
#include "runs/simulation/simulation.h"

ABSL_FLAG(std::string, operations, "",
          "FILE: write every operation there too, a line each, with tabs between; `slablab diff` "
          "compares such files, also of two builds of slablab.");

ABSL_FLAG(std::string, again, "",
          "RESULT: the run that a result is of, once more: kept with --format=proto or json. Other "
          "flags change it; --trace says where its trace is, if not beside it.");

namespace slablab {

namespace {

constexpr std::string_view kOwnFlags[] = {"again", "operations"};
constexpr auto kFlags = Joined(kEverySwitch, kOwnFlags, kResultFlags);

// Writes operations to a file as they end.
class OperationFile {
 public:
  static absl::StatusOr<std::unique_ptr<OperationFile>> Open(const std::string& path) {
    absl::StatusOr<std::unique_ptr<WholeFile>> file = WholeFile::Open(path);
    if (!file.ok()) return file.status();
    return std::unique_ptr<OperationFile>(new OperationFile(*std::move(file)));
  }
  OperationObserver* observer() { return &logger_; }
  absl::Status Commit() { return status_.ok() ? file_->Commit() : status_; }

 private:
  explicit OperationFile(std::unique_ptr<WholeFile> file)
      : file_(std::move(file)),
        status_(file_->Write(LogHeader())),
        logger_([this](const LoggedOperation& operation) {
          if (status_.ok()) status_ = file_->Write(LogLine(operation));
        }) {}

  std::unique_ptr<WholeFile> file_;
  absl::Status status_;
  OperationLogger logger_;
};

absl::StatusOr<RunResult> SimulateWithProgress(const SimulationOptions& options,
                                               OperationObserver* observer) {
  const InterruptScope interrupts;
  absl::StatusOr<RunResult> result = Simulate(
      options,
      {.progress = SimulationProgress("replay"), .stop = InterruptRequested, .observer = observer});
  if (result.ok()) MakePrintable(&*result);
  return result;
}

int SimulateAndWrite(const SimulationOptions& options, const Words& command) {
  if (absl::Status status = CheckResultFlags(); !status.ok()) return Fail(status);
  std::unique_ptr<OperationFile> operations;
  if (const std::string path = absl::GetFlag(FLAGS_operations); !path.empty()) {
    absl::StatusOr<std::unique_ptr<OperationFile>> opened = OperationFile::Open(path);
    if (!opened.ok()) return Fail(opened.status());
    operations = *std::move(opened);
  }
  const absl::StatusOr<RunResult> result =
      SimulateWithProgress(options, operations == nullptr ? nullptr : operations->observer());
  if (absl::IsCancelled(result.status())) return kExitInterrupted;
  if (!result.ok()) return Fail(result.status());
  if (operations != nullptr) {
    if (absl::Status status = operations->Commit(); !status.ok()) return Fail(status);
  }
  if (absl::Status status = WriteResult(*result, {command}); !status.ok()) return Fail(status);
  return kExitOk;
}

absl::StatusOr<SimulationOptions> OptionsToRun(const std::vector<std::string>& arguments) {
  const std::string stored = absl::GetFlag(FLAGS_again);
  if (stored.empty()) return SimulationOptionsFromFlags("run", arguments);
  if (!arguments.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--again=", stored, " says what to run: '", arguments[0], "' is too much"));
  }
  const absl::StatusOr<RunSpec> otherwise = RunOfFlags();
  if (!otherwise.ok()) return otherwise.status();
  return StoredRun(stored, *otherwise);
}

int RunRun(const std::vector<std::string>& arguments) {
  const absl::StatusOr<SimulationOptions> options = OptionsToRun(arguments);
  if (!options.ok()) return Fail(options.status());
  return SimulateAndWrite(*options, CommandAsGiven("run", arguments));
}

}  // namespace

extern const Command kRunCommand = {
    .name = "run",
    .synopsis = "TRACE | --workload=WORKLOAD",
    .summary =
        "Runs a trace or a synthetic workload through an allocator on a machine and reports where "
        "the cycles, misses, lock waits and bytes went.",
    .flags = kFlags,
    .formats = kResultFormats,
    .run = RunRun,
};

}  // namespace slablab
