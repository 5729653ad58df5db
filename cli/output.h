// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_OUTPUT_H_
#define SLABLAB_CLI_OUTPUT_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/interrupt.h"

namespace slablab {

// An output that appears whole or not at all: bytes go to a temporary file beside `path`, which
// Commit() renames to `path`. Until then a file of that name stays what it was, and a signal or an
// early return leaves no trace.
//
// Standard output ("" or "-"), pipes, terminals and devices cannot be replaced: bytes go to them
// as they come. A link is followed: the file it leads to is replaced. An existing file keeps its
// permissions.
//
// Call order: Open, Write any number of times, Commit once. Errors name the path and the cause;
// after one, only destruction is allowed.
class AtomicFile {
 public:
  static absl::StatusOr<std::unique_ptr<AtomicFile>> Open(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Buffers or writes `bytes`.
  absl::Status Write(std::string_view bytes);
  absl::Status Commit();

 private:
  AtomicFile() = default;
  absl::Status OpenTemporary(int mode);
  absl::Status Flush();
  absl::Status Error(std::string_view what) const;

  std::string name_;       // for messages
  std::string target_;     // what Commit replaces; links resolved
  std::string temporary_;  // empty when writing directly
  int descriptor_ = -1;
  bool close_descriptor_ = true;
  std::string buffer_;
  std::unique_ptr<TemporaryFileMark> mark_;
};

// Writes `bytes` to `path` in one go, as above.
absl::Status WriteOutput(const std::string& path, std::string_view bytes);

}  // namespace slablab

#endif  // SLABLAB_CLI_OUTPUT_H_
