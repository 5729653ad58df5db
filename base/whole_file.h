// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_WHOLE_FILE_H_
#define SLABLAB_BASE_WHOLE_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/interrupt.h"

namespace slablab {

// An output that appears whole or not at all. Bytes go to a file without a name in the folder of
// `path`, which Commit() gives that name. Until then a file of that name stays what it was, and
// whatever ends the program, SIGKILL too, leaves no trace.
//
// Where the file system has no files without names (NFS, FAT), the file is temporarily
// "PATH.tmp-XXXXXX"; a signal or an early return removes it, and what SIGKILL leaves, the next
// writer of `path` removes.
//
// Standard output ("" or "-", /dev/stdout, /dev/fd/N), pipes, terminals and devices cannot be
// replaced: bytes go to them as they come. A link is followed: the file it leads to is replaced. An
// existing file keeps its permissions, and where that is allowed its owner.
//
// Call order: Open, Write any number of times, Commit once. Errors name the path and the cause;
// after one, only destruction is allowed.
class WholeFile {
 public:
  enum class Temporary { kNameless, kNamed };  // kNamed: as if there were no files without names

  static absl::StatusOr<std::unique_ptr<WholeFile>> Open(
      const std::string& path, Temporary temporary = Temporary::kNameless);
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  // Buffers or writes `bytes`.
  absl::Status Write(std::string_view bytes);
  absl::Status Commit();
  uint64_t bytes_written() const { return bytes_written_; }

  // Whether an output to `path` would replace a file, or make one, rather than be written into what
  // is there; and the name that it would get.
  static bool IsReplaced(const std::string& path);
  static std::string TargetOf(const std::string& path);

 private:
  explicit WholeFile(std::string name) : name_(std::move(name)) {}
  absl::Status OpenDirectly(const std::string& path);
  absl::Status OpenTemporary(Temporary temporary);
  absl::Status OpenNamed();
  absl::Status Flush();
  absl::Status GiveName();
  absl::Status Error(std::string_view what) const;

  std::string name_;       // for messages
  std::string target_;     // what Commit replaces; empty when writing directly
  std::string temporary_;  // empty while the file has no name
  int descriptor_ = -1;
  bool close_descriptor_ = true;
  uint64_t bytes_written_ = 0;
  std::string buffer_;
  std::unique_ptr<TemporaryFileMark> mark_;
};

// Writes `bytes` to `path` in one go, as above.
absl::Status WriteOutput(const std::string& path, std::string_view bytes);

}  // namespace slablab

#endif  // SLABLAB_BASE_WHOLE_FILE_H_
