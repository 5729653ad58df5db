// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/interrupt.h"
#include "base/left_behind.h"
#include "cli/capture_flags.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/import_report.h"
#include "cli/output/print.h"
#include "traces/capture/capture_trace.h"

namespace slablab {
namespace {

constexpr std::string_view kOwnFlags[] = {"output"};
constexpr auto kFlags = Joined(kOwnFlags, kCaptureFlags);

absl::Status Capture(const std::vector<std::string>& command, const std::string& output) {
  absl::StatusOr<CaptureOptions> options = CaptureOptionsFromFlags(command);
  if (!options.ok()) return options.status();
  // Before anything is recorded: the output can be written.
  absl::StatusOr<std::unique_ptr<TraceWriter>> writer = TraceWriter::Create(output, {});
  if (!writer.ok()) return writer.status();
  const absl::StatusOr<std::unique_ptr<UndoRecord>> record = UndoRecord::Begin();
  if (!record.ok()) return record.status();
  const absl::StatusOr<std::unique_ptr<RecordingFolder>> folder =
      RecordingFolder::Make(absl::GetFlag(FLAGS_recording), **record);
  if (!folder.ok()) return folder.status();
  options->record = record->get();
  if (command.empty()) Print(stderr, "slablab: recording; Ctrl-C ends it\n");
  const absl::StatusOr<CaptureResult> captured = CaptureTrace(*options, **folder, **writer);
  if (!captured.ok()) return captured.status();
  Print(stdout, "{}", ImportReport((*writer)->header(), output, (*folder)->path()));
  for (const std::string& warning : captured->warnings) {
    Warn(warning);
  }
  return absl::OkStatus();
}

int RunCapture(const std::vector<std::string>& arguments) {
  const std::string output = absl::GetFlag(FLAGS_output);
  if (output.empty() || output == "-") {
    return Fail(absl::InvalidArgumentError("capture writes a file: say which with -o TRACE.slt"));
  }
  // One request ends the recording, one kills a command that goes on, one ends the import.
  const InterruptScope scope(/*requests_max=*/3);
  const absl::Status status = Capture(arguments, output);
  if (absl::IsCancelled(status)) return kExitInterrupted;
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace

extern const Command kCaptureCommand = {
    .name = "capture",
    .synopsis = "[-- COMMAND...]",
    .summary =
        "Records this machine's allocators while a command runs, or until Ctrl-C; needs root.",
    .flags = kFlags,
    .run = RunCapture,
};

}  // namespace slablab
