// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/interrupt.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/import_report.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "fmt/format.h"
#include "reports/numbers.h"
#include "traces/import/import_trace.h"
#include "traces/sidecar/kernel_names.h"

ABSL_FLAG(std::string, from, "",
          "FORMAT: the recording's format: trace.dat, trace-cmd (its report's text), tracefs or "
          "perf (perf script's text). Detected if not given.");
ABSL_FLAG(std::string, sidecars, "",
          "FOLDER: where slabinfo, sys-kernel-slab and the like of the recording are, if it is not "
          "the recording's own folder; none: leave aside what is there.");
ABSL_FLAG(std::string, kernel, "",
          "RELEASE: the recorded kernel's release, where the recording does not say (6.1.192).");
ABSL_FLAG(std::string, clock, "",
          "NAME: the trace clock, where the recording does not say or says wrongly (trace-cmd "
          "extract always says local).");
ABSL_FLAG(bool, lenient, false,
          "Leave out lines of text that are not understood, and count them, instead of stopping at "
          "the first.");
ABSL_FLAG(bool, drop_null_frees, false, "Leave out kfree(NULL), which frees nothing.");
ABSL_FLAG(bool, keep_allocator_internal, false,
          "Keep the recorded allocator's own allocations, which are left out for a simulated one "
          "has its own.");

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {
    "output", "from",    "sidecars",        "kernel",
    "clock",  "lenient", "drop_null_frees", "keep_allocator_internal"};

absl::StatusOr<ImportOptions> OptionsFromFlags() {
  ImportOptions options;
  const std::string from = absl::GetFlag(FLAGS_from);
  if (!from.empty()) {
    const absl::StatusOr<RecordingFormat> format = ParseRecordingFormat(from);
    if (!format.ok()) return format.status();
    options.read.format = *format;
  }
  options.read.lenient = absl::GetFlag(FLAGS_lenient);
  options.keep_null_frees = !absl::GetFlag(FLAGS_drop_null_frees);
  options.keep_allocator_internal = absl::GetFlag(FLAGS_keep_allocator_internal);
  options.interrupted = InterruptRequested;
  return options;
}

// What --sidecars says to take none.
constexpr char kNoSidecars[] = "none";

absl::StatusOr<Recording> RecordingFromFlags(const std::string& path) {
  const std::string folder = absl::GetFlag(FLAGS_sidecars);
  absl::StatusOr<Recording> recording = FindRecording(path, {.sidecars = folder.empty()});
  if (folder.empty() && absl::IsInvalidArgument(recording.status())) {
    return absl::InvalidArgumentError(absl::StrCat(
        recording.status().message(), "; --sidecars=none leaves aside what stands there"));
  }
  if (!recording.ok() || folder.empty() || folder == kNoSidecars) return recording;
  absl::StatusOr<SidecarSet> sidecars = CollectSidecars(folder);
  if (!sidecars.ok()) return sidecars.status();
  if (sidecars->files.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: holds no sidecar (slabinfo.before, sys-kernel-slab.before, nodes …)", folder));
  }
  recording->sidecars = *std::move(sidecars);
  recording->sidecars_from = folder;
  return recording;
}

absl::Status Import(const std::string& input, const std::string& output, TraceHeader* header,
                    std::string* sidecars_from) {
  absl::StatusOr<ImportOptions> options = OptionsFromFlags();
  if (!options.ok()) return options.status();
  const std::string kernel = absl::GetFlag(FLAGS_kernel);
  if (!kernel.empty() && !IsKernelRelease(kernel)) {
    return BadFlag("kernel", kernel, "expected a release, as uname -r prints it: 6.1.192");
  }
  const std::string clock = absl::GetFlag(FLAGS_clock);
  if (absl::Status known = clock.empty() ? absl::OkStatus() : CheckTraceClock(clock); !known.ok()) {
    return BadFlag("clock", clock, std::string(known.message()));
  }
  const absl::StatusOr<Recording> recording = RecordingFromFlags(input);
  if (!recording.ok()) return recording.status();
  *sidecars_from = recording->sidecars_from;
  absl::StatusOr<std::unique_ptr<TraceWriter>> writer = TraceWriter::Create(output, {});
  if (!writer.ok()) return writer.status();
  options->to_replay = true;
  options->progress = ImportProgress(input);
  (*writer)->header().kernel_release = kernel;
  (*writer)->header().clock = clock;
  const absl::StatusOr<ImportSummary> summary =
      ImportTrace(*recording, *options, **writer, (*writer)->header());
  if (!summary.ok()) return summary.status();
  const absl::Status status = (*writer)->Finish();
  *header = (*writer)->header();
  return status;
}

int RunImport(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) {
    return Fail(absl::InvalidArgumentError(
        "import takes one recording: a file, - for standard input, or a folder with "
        "trace.dat and its sidecars"));
  }
  const std::string output = absl::GetFlag(FLAGS_output);
  if (output.empty() || output == "-") {
    return Fail(absl::InvalidArgumentError("import writes a file: say which with -o TRACE.slt"));
  }
  const InterruptScope scope;
  TraceHeader header;
  std::string sidecars_from;
  const absl::Status status = Import(arguments[0], output, &header, &sidecars_from);
  if (absl::IsCancelled(status)) return kExitInterrupted;
  if (!status.ok()) return Fail(status);
  Print(stdout, "{}", ImportReport(header, output, sidecars_from));
  if (header.lost_any()) Warn(LossSentence(header.lost_events, header.lost_unknown));
  return kExitOk;
}

}  // namespace

extern const Command kImportCommand = {
    .name = "import",
    .synopsis = "RECORDING",
    .summary =
        "Makes a trace of a recording: of a folder with trace.dat and its sidecars, of a "
        "trace.dat or perf.data, or of text of trace-cmd report, tracefs or perf script; - is "
        "standard input.",
    .flags = kFlags,
    .run = RunImport,
};

}  // namespace slablab
