// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_CAPTURE_TRACEFS_H_
#define SLABLAB_TRACES_CAPTURE_TRACEFS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/left_behind.h"

// The kernel's tracing file system: where it is, settings that are put back, and an instance of our
// own. All errors name the file.

namespace slablab {

// Writes to a file that exists, in one write, as tracefs wants it.
absl::Status WriteSetting(const std::string& path, std::string_view value);
absl::StatusOr<std::string> ReadSetting(const std::string& path);

// Where tracefs is mounted, with a slash behind it. Mounts it for as long as this object lives if
// it is mounted nowhere.
class Tracefs {
 public:
  static absl::StatusOr<std::unique_ptr<Tracefs>> Find(UndoRecord& record);
  ~Tracefs();
  Tracefs(const Tracefs&) = delete;
  Tracefs& operator=(const Tracefs&) = delete;

  const std::string& root() const { return root_; }

 private:
  explicit Tracefs(std::string root) : root_(std::move(root)) {}
  std::string root_;
  bool mounted_here_ = false;
};

// The machine's tracing, for one recording at a time: trace-cmd turns the main buffer off and on
// for any recording, so that two at once would put back each other's settings. The lock is the
// kernel's own (flock of the folder of instances), so nothing is left of it however we end.
class TracingLock {
 public:
  // FailedPrecondition if another process holds it.
  static absl::StatusOr<std::unique_ptr<TracingLock>> Take(const std::string& root);
  ~TracingLock();
  TracingLock(const TracingLock&) = delete;
  TracingLock& operator=(const TracingLock&) = delete;

 private:
  explicit TracingLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

// Remembers settings of tracefs, here and in `record`, and puts those that have changed back when
// it goes.
class SavedSettings {
 public:
  // Settings that cannot be read are left alone.
  static absl::StatusOr<std::unique_ptr<SavedSettings>> Save(const std::string& root,
                                                             const std::vector<std::string>& names,
                                                             UndoRecord& record);
  ~SavedSettings();
  SavedSettings(const SavedSettings&) = delete;
  SavedSettings& operator=(const SavedSettings&) = delete;

 private:
  SavedSettings() = default;
  std::vector<std::pair<std::string, std::string>> values_;  // path, what to write
};

// A ring buffer of our own, with its own clock, size and events. It goes when this object does.
class TraceInstance {
 public:
  static absl::StatusOr<std::unique_ptr<TraceInstance>> Create(const std::string& root,
                                                               UndoRecord& record);
  ~TraceInstance();
  TraceInstance(const TraceInstance&) = delete;
  TraceInstance& operator=(const TraceInstance&) = delete;

  const std::string& name() const { return name_; }
  const std::string& folder() const { return folder_; }  // with a slash behind it
  // Events that its buffers say were overwritten or dropped.
  absl::StatusOr<std::map<int32_t, uint64_t>> LostEvents() const;

 private:
  TraceInstance(std::string name, std::string folder)
      : name_(std::move(name)), folder_(std::move(folder)) {}
  const std::string name_;
  const std::string folder_;
};

// The setting as it would be written back: "[local] global mono" -> "local", "7 (expanded: 1408)"
// -> "1408".
std::string ChosenValue(std::string_view shown);

}  // namespace slablab

#endif  // SLABLAB_TRACES_CAPTURE_TRACEFS_H_
