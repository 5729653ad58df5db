// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/capture/tracefs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/gz_input.h"
#include "fmt/format.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInstancePrefix = "slablab-";

absl::Status SystemError(const std::string& path) {
  const int error = errno;
  const std::string message = fmt::format("{}: {}", path, std::strerror(error));
  if (error == EPERM || error == EACCES) return absl::PermissionDeniedError(message);
  if (error == ENOENT) return absl::FailedPreconditionError(message);
  return absl::UnavailableError(message);
}

// Instances of runs that were killed hard.
void RemoveStaleInstances(const std::string& root) {
  std::error_code error;
  for (fs::directory_iterator it(root + "instances", error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    int pid = 0;
    if (name.rfind(kInstancePrefix, 0) != 0) continue;
    if (!absl::SimpleAtoi(name.substr(kInstancePrefix.size()), &pid)) continue;
    if (kill(pid, 0) != 0 && errno == ESRCH) rmdir(it->path().c_str());
  }
}

}  // namespace

absl::Status WriteSetting(const std::string& path, std::string_view value) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return SystemError(path);
  absl::Status status;
  if (write(descriptor, value.data(), value.size()) < 0) status = SystemError(path);
  close(descriptor);
  return status;
}

absl::StatusOr<std::string> ReadSetting(const std::string& path) {
  return ReadWholeFile(path, 1 << 20);
}

absl::StatusOr<std::unique_ptr<Tracefs>> Tracefs::Find(UndoRecord& record) {
  std::error_code error;
  for (const char* root : {"/sys/kernel/tracing/", "/sys/kernel/debug/tracing/"}) {
    if (fs::exists(std::string(root) + "instances", error)) {
      return std::unique_ptr<Tracefs>(new Tracefs(root));
    }
  }
  const std::string root = "/sys/kernel/tracing/";
  if (!fs::is_directory(root, error)) {
    return absl::FailedPreconditionError(
        "this kernel has no tracing: there is no /sys/kernel/tracing (CONFIG_TRACING)");
  }
  if (absl::Status status = record.WillMount(root); !status.ok()) return status;
  if (mount("tracefs", root.c_str(), "tracefs", 0, nullptr) != 0) {
    return absl::FailedPreconditionError(fmt::format(
        "tracefs is not mounted and cannot be mounted on {}: {}", root, std::strerror(errno)));
  }
  std::unique_ptr<Tracefs> tracefs(new Tracefs(root));
  tracefs->mounted_here_ = true;
  return tracefs;
}

Tracefs::~Tracefs() {
  if (mounted_here_) umount2(root_.c_str(), MNT_DETACH);
}

std::string ChosenValue(std::string_view shown) {
  const size_t open = shown.find('[');
  if (open != std::string_view::npos) {
    return std::string(shown.substr(open + 1, shown.find(']', open) - open - 1));
  }
  constexpr std::string_view kExpanded = "(expanded: ";
  const size_t expanded = shown.find(kExpanded);
  if (expanded != std::string_view::npos) {
    const size_t first = expanded + kExpanded.size();
    return std::string(shown.substr(first, shown.find(')', first) - first));
  }
  return std::string(absl::StripAsciiWhitespace(absl::string_view(shown.data(), shown.size())));
}

absl::StatusOr<std::unique_ptr<TracingLock>> TracingLock::Take(const std::string& root) {
  const std::string folder = root + "instances";
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return SystemError(folder);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const absl::Status status =
        errno == EWOULDBLOCK
            ? absl::FailedPreconditionError(
                  "another recording is under way on this machine: try again when it has ended")
            : SystemError(folder);
    close(descriptor);
    return status;
  }
  return std::unique_ptr<TracingLock>(new TracingLock(descriptor));
}

TracingLock::~TracingLock() { close(descriptor_); }

absl::StatusOr<std::unique_ptr<SavedSettings>> SavedSettings::Save(
    const std::string& root, const std::vector<std::string>& names, UndoRecord& record) {
  std::unique_ptr<SavedSettings> saved(new SavedSettings);
  for (const std::string& name : names) {
    const absl::StatusOr<std::string> shown = ReadSetting(root + name);
    if (!shown.ok()) continue;
    const std::string value = ChosenValue(*shown);
    if (absl::Status status = record.WillChange(root + name, value); !status.ok()) return status;
    saved->values_.emplace_back(root + name, value);
  }
  return saved;
}

SavedSettings::~SavedSettings() {
  for (const auto& [path, value] : values_) {
    const absl::StatusOr<std::string> now = ReadSetting(path);
    if (now.ok() && ChosenValue(*now) == value) continue;
    // There is nobody left to tell; the other settings are still worth the attempt.
    WriteSetting(path, value).IgnoreError();
  }
}

absl::StatusOr<std::unique_ptr<TraceInstance>> TraceInstance::Create(const std::string& root,
                                                                     UndoRecord& record) {
  RemoveStaleInstances(root);
  const std::string name = fmt::format("{}{}", kInstancePrefix, getpid());
  const std::string folder = fmt::format("{}instances/{}/", root, name);
  if (absl::Status status = record.WillMakeDirectory(folder); !status.ok()) return status;
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return SystemError(folder);
  return std::unique_ptr<TraceInstance>(new TraceInstance(name, folder));
}

TraceInstance::~TraceInstance() {
  // trace-cmd extract removes it too. A reader that is just leaving may hold it for a moment.
  for (int attempt = 0; attempt < 50; ++attempt) {
    if (rmdir(folder_.c_str()) == 0 || errno != EBUSY) return;
    usleep(20'000);
  }
}

absl::StatusOr<std::map<int32_t, uint64_t>> TraceInstance::LostEvents() const {
  std::map<int32_t, uint64_t> lost;
  std::error_code error;
  for (fs::directory_iterator it(folder_ + "per_cpu", error), end; !error && it != end;
       it.increment(error)) {
    const absl::StatusOr<std::string> stats = ReadSetting((it->path() / "stats").string());
    if (!stats.ok()) return stats.status();
    int32_t cpu = 0;
    const std::string folder = it->path().filename();
    if (!absl::SimpleAtoi(folder.substr(std::min<size_t>(folder.size(), 3)), &cpu)) continue;
    for (const absl::string_view line : absl::StrSplit(*stats, '\n')) {
      const std::pair<absl::string_view, absl::string_view> parts =
          absl::StrSplit(line, absl::MaxSplits(':', 1));
      if (parts.first != "overrun" && parts.first != "commit overrun" &&
          parts.first != "dropped events") {
        continue;
      }
      uint64_t count = 0;
      if (absl::SimpleAtoi(parts.second, &count) && count > 0) lost[cpu] += count;
    }
  }
  if (error) return absl::UnavailableError(folder_ + "per_cpu: " + error.message());
  return lost;
}

}  // namespace slablab
