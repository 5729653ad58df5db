// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/capture/capture_trace.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "fmt/format.h"
#include "traces/import/import_trace.h"

namespace slablab {

namespace fs = std::filesystem;

absl::StatusOr<std::unique_ptr<RecordingFolder>> RecordingFolder::Make(const std::string& wanted,
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

RecordingFolder::~RecordingFolder() {
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

absl::StatusOr<CaptureResult> CaptureTrace(CaptureOptions options, RecordingFolder& folder,
                                           TraceWriter& writer) {
  options.folder = folder.path();
  absl::StatusOr<CaptureResult> captured = CaptureRecording(options);
  if (!captured.ok()) return captured;
  folder.Keep();
  const int requests = options.interrupts();
  const ImportOptions import = {
      .interrupted = [&options, requests] { return options.interrupts() > requests; }};
  const absl::StatusOr<Recording> recording = FindRecording(options.folder);
  if (!recording.ok()) return recording.status();
  TraceHeader& header = writer.header();
  header.clock = "mono";  // trace-cmd extract would say local
  const absl::StatusOr<ImportSummary> summary = ImportTrace(*recording, import, writer, header);
  if (!summary.ok()) return summary.status();
  if (absl::Status status = writer.Finish(); !status.ok()) return status;
  return captured;
}

}  // namespace slablab
