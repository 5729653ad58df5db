// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_CAPTURE_CAPTURE_TRACE_H_
#define SLABLAB_TRACES_CAPTURE_CAPTURE_TRACE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/left_behind.h"
#include "traces/capture/capture.h"
#include "traces/slt/trace.h"

namespace slablab {

// The folder of a recording: the user's, or one that goes away again. Of a recording that failed
// nothing stays.
class RecordingFolder {
 public:
  // `wanted` is the user's, which is made or empty; "": a temporary one, that `record` may remove.
  static absl::StatusOr<std::unique_ptr<RecordingFolder>> Make(const std::string& wanted,
                                                               UndoRecord& record);
  ~RecordingFolder();
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

// CaptureRecording() into `folder`, and its events into `writer`, which is then finished. What asks
// the recording to end does not end the import; what asks from then on does: Cancelled. Errors are
// those of either.
absl::StatusOr<CaptureResult> CaptureTrace(CaptureOptions options, RecordingFolder& folder,
                                           TraceWriter& writer);

}  // namespace slablab

#endif  // SLABLAB_TRACES_CAPTURE_CAPTURE_TRACE_H_
