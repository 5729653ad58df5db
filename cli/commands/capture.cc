// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/interrupt.h"
#include "base/left_behind.h"
#include "base/names.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/import_report.h"
#include "cli/output/print.h"
#include "fmt/format.h"
#include "traces/capture/capture.h"
#include "traces/import/import_trace.h"

ABSL_FLAG(std::string, recording, "",
          "FOLDER: keep the recording (trace.dat and its sidecars) in this folder, which is made.");
ABSL_FLAG(
    std::string, method, "auto",
    "METHOD: record (trace-cmd record, any length), extract (a ring buffer, saved at the end) "
    "or auto: record where the kernel lets it.");
ABSL_FLAG(uint64_t, buffer_kib, 0,
          "KIB: the ring buffer's size per CPU; 0 is 128 MiB, or less where memory is short.");
ABSL_FLAG(bool, pages, true, "Record the page allocator's events too.");

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {"output", "recording", "method", "buffer_kib", "pages"};

namespace fs = std::filesystem;

// The folder of the recording: the user's, or one that goes away again. Of a recording that failed
// nothing stays.
class RecordingFolder {
 public:
  static absl::StatusOr<std::unique_ptr<RecordingFolder>> Make(const std::string& wanted,
                                                               UndoRecord& record) {
    std::unique_ptr<RecordingFolder> folder(new RecordingFolder);
    std::error_code error;
    if (!wanted.empty()) {
      folder->path_ = wanted;
      folder->was_there_ = fs::exists(wanted, error);
      if (!folder->was_there_) fs::create_directories(wanted, error);
      if (error) return absl::UnavailableError(fmt::format("{}: {}", wanted, error.message()));
      if (!fs::is_empty(wanted, error) || error) {
        return absl::InvalidArgumentError(
            fmt::format("{}: not an empty folder: a recording would mix with it", wanted));
      }
      folder->is_wanted_ = true;
      folder->is_ours_ = true;
      return folder;
    }
    absl::StatusOr<std::string> path = MakeTemporaryFolder("capture", record);
    if (!path.ok()) return path.status();
    folder->path_ = *std::move(path);
    folder->is_ours_ = true;
    return folder;
  }
  ~RecordingFolder() {
    std::error_code error;
    if (!is_ours_) return;
    if (!was_there_) {
      fs::remove_all(path_, error);
      return;
    }
    for (const auto& entry : fs::directory_iterator(path_, error)) {
      fs::remove_all(entry.path(), error);
    }
  }
  RecordingFolder(const RecordingFolder&) = delete;
  RecordingFolder& operator=(const RecordingFolder&) = delete;

  const std::string& path() const { return path_; }
  // The recording is whole: if the user wants it, it stays.
  void Keep() { is_ours_ = !is_wanted_; }

 private:
  RecordingFolder() = default;
  std::string path_;
  bool is_wanted_ = false;
  bool was_there_ = false;
  bool is_ours_ = false;  // to empty, at least
};

absl::StatusOr<CaptureOptions::Method> MethodFromFlags() {
  const std::string method = absl::GetFlag(FLAGS_method);
  if (method == "auto") return CaptureOptions::Method::kAuto;
  if (method == "record") return CaptureOptions::Method::kRecord;
  if (method == "extract") return CaptureOptions::Method::kExtract;
  return BadFlag("method", method,
                 UnknownNameText("method", method, {"auto", "record", "extract"}));
}

absl::Status Capture(const std::vector<std::string>& command, const std::string& output) {
  const absl::StatusOr<CaptureOptions::Method> method = MethodFromFlags();
  if (!method.ok()) return method.status();
  // Before anything is recorded: the output can be written.
  absl::StatusOr<std::unique_ptr<TraceWriter>> writer = TraceWriter::Create(output, {});
  if (!writer.ok()) return writer.status();
  const absl::StatusOr<std::unique_ptr<UndoRecord>> record = UndoRecord::Begin();
  if (!record.ok()) return record.status();
  const absl::StatusOr<std::unique_ptr<RecordingFolder>> folder =
      RecordingFolder::Make(absl::GetFlag(FLAGS_recording), **record);
  if (!folder.ok()) return folder.status();
  CaptureOptions options;
  options.record = record->get();
  options.folder = (*folder)->path();
  options.command = command;
  options.method = *method;
  options.buffer_kib_per_cpu = absl::GetFlag(FLAGS_buffer_kib);
  options.with_pages = absl::GetFlag(FLAGS_pages);
  options.interrupts = InterruptRequests;
  if (command.empty()) Print(stderr, "slablab: recording; Ctrl-C ends it\n");
  const absl::StatusOr<CaptureResult> captured = CaptureRecording(options);
  if (!captured.ok()) return captured.status();
  (*folder)->Keep();
  // What ended the recording does not end the import; what comes from now on does.
  const int requests = InterruptRequests();
  const ImportOptions import = {
      .interrupted = [requests] { return InterruptRequests() > requests; }};
  const absl::StatusOr<Recording> recording = FindRecording(options.folder);
  if (!recording.ok()) return recording.status();
  TraceHeader& header = (*writer)->header();
  header.clock = "mono";  // trace-cmd extract would say local
  const absl::StatusOr<ImportSummary> summary = ImportTrace(*recording, import, **writer, header);
  if (!summary.ok()) return summary.status();
  const absl::Status status = (*writer)->Finish();
  if (!status.ok()) return status;
  Print(stdout, "{}", ImportReport((*writer)->header(), output, options.folder));
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
