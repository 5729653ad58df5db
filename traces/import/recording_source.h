// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_RECORDING_SOURCE_H_
#define SLABLAB_TRACES_IMPORT_RECORDING_SOURCE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "traces/import/spool.h"

namespace slablab {

// Whether `path` is a file that can be read again from its start: no pipe, terminal or device, and
// none of those in /proc or tracefs that are made as they are read.
bool IsFileOnDisk(const std::string& path);

// A recording as a file that can be read from its start any number of times. What is not one is
// made one first: a pipe, terminal or tracefs' own file is copied; what xz, zstd, bzip2 or lz4
// compressed is unpacked by these programs; of a perf.data, perf script makes text. gzipped text
// stays, for its reader unpacks it; a gzipped trace.dat is unpacked.
class RecordingSource {
 public:
  // "-" is standard input. Errors name the file, and what would help.
  static absl::StatusOr<std::unique_ptr<RecordingSource>> Open(
      const std::string& path, const std::function<bool()>& interrupted);

  const std::string& path() const { return path_; }  // to read from
  const std::string& name() const { return name_; }  // for messages

 private:
  explicit RecordingSource(std::string path);

  absl::Status MakeFile(const std::function<bool()>& interrupted);
  absl::Status Unpack(bool* was_packed);
  absl::Status UnpackBy(const std::vector<std::string>& words, Spool::Success success,
                        const std::string& remedy);
  absl::Status Gunzip();

  std::string path_;
  std::string name_;
  std::unique_ptr<Spool> spool_;  // null: the file itself is read
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_RECORDING_SOURCE_H_
