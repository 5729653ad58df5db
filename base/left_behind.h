// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_LEFT_BEHIND_H_
#define SLABLAB_BASE_LEFT_BEHIND_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Changes to the system that outlive a process which is killed: switches of the kernel, mounts,
// folders.
// Who makes them writes down first how each is undone; the record goes when the process undoes them
// itself. A record whose process is dead is carried out by the next start of slablab.
//
// A record is a file in a folder of this user's alone, which its process holds locked as long as it
// lives: so no process number is mistaken for another's. Switches are put back only in the boot
// that they were changed in.

namespace slablab {

// Where records are, the first that can be used first: /run/slablab for root, /tmp/slablab-UID.
std::vector<std::string> RecordFolders();

class UndoRecord {
 public:
  // Unavailable if no folder can be used.
  static absl::StatusOr<std::unique_ptr<UndoRecord>> Begin(
      const std::vector<std::string>& folders = RecordFolders());
  ~UndoRecord();
  UndoRecord(const UndoRecord&) = delete;
  UndoRecord& operator=(const UndoRecord&) = delete;

  // Each is to be called before the change is made, and undone in reverse order. Errors are of
  // writing the record; paths and values have no line breaks.
  absl::Status WillLock(
      const std::string& path);  // others may only undo while they hold it (flock)
  absl::Status WillChange(const std::string& path, std::string_view value_before);
  absl::Status WillMount(const std::string& path);          // a file system, on a folder
  absl::Status WillMakeDirectory(const std::string& path);  // that rmdir() undoes, as in tracefs
  absl::Status WillFillFolder(const std::string& path);     // a temporary one, named slablab-*
  absl::Status HasStarted(pid_t child);                     // that SIGINT asks to end

 private:
  UndoRecord(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  absl::Status Add(std::string_view verb, std::string_view what, std::string_view value = "");

  const std::string path_;
  const int descriptor_;
};

// Carries out the records of the dead. Answers what was undone, a phrase each. Costs two calls of
// the system where there is nothing to be done.
std::vector<std::string> UndoLeftBehind(const std::vector<std::string>& folders = RecordFolders());

// A new folder under TMPDIR, "slablab-WHAT-" and something random, that `record` may remove. It is
// the caller's to remove before.
absl::StatusOr<std::string> MakeTemporaryFolder(std::string_view what, UndoRecord& record);

}  // namespace slablab

#endif  // SLABLAB_BASE_LEFT_BEHIND_H_
