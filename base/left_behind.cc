// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/left_behind.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "fmt/format.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLock = "lock";
constexpr std::string_view kChange = "change";
constexpr std::string_view kMount = "mount";
constexpr std::string_view kDirectory = "directory";
constexpr std::string_view kFolder = "folder";
constexpr std::string_view kProcess = "process";
constexpr std::string_view kBoot = "boot";
constexpr std::string_view kOwner = "owner";
constexpr std::string_view kFolderPrefix = "slablab-";

std::string TextOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string BootId() {
  const std::string text = TextOf("/proc/sys/kernel/random/boot_id");
  return text.substr(0, text.find('\n'));
}

// When the process began, in the kernel's ticks since boot; empty: there is none.
std::string StartOf(pid_t pid) {
  const std::string stat = TextOf(fmt::format("/proc/{}/stat", pid));
  // The second field is the command's name in brackets, which may hold anything.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return "";
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(name_end + 1), ' ');
  constexpr size_t kStart = 20;  // Field 22 of proc(5); the third is number 1 here.
  // A zombie has ended; only its parent has not looked.
  return fields.size() > kStart && fields[1] != "Z" ? fields[kStart] : "";
}

// Whether nobody else can have written what is in it.
bool IsOurs(const std::string& folder) {
  struct stat status;
  return lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == geteuid() && (status.st_mode & 022) == 0;
}

struct Line {
  std::string verb;
  std::string what;
  std::string value;
};

std::vector<Line> LinesOf(int descriptor) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t count = read(descriptor, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  std::vector<Line> lines;
  // A line that its writer did not end is of a change that was not made.
  for (size_t end = 0; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
    const std::vector<std::string> parts = absl::StrSplit(text.substr(0, end), '\t');
    if (parts.size() == 3) lines.push_back({parts[0], parts[1], parts[2]});
  }
  return lines;
}

// The process of a line that names one, if it still runs; else 0.
pid_t Running(const Line& line) {
  pid_t pid = 0;
  const char* const end = line.what.data() + line.what.size();
  if (std::from_chars(line.what.data(), end, pid).ptr != end || pid <= 1) return 0;
  return !line.value.empty() && StartOf(pid) == line.value ? pid : 0;
}

void EndProcess(const Line& line) {
  const pid_t pid = Running(line);
  if (pid == 0) return;
  kill(pid, SIGINT);
  // It may have things of its own to put back, which ours come after.
  constexpr int kPolls = 250;
  for (int poll = 0; poll < kPolls && StartOf(pid) == line.value; ++poll) usleep(20'000);
}

// What is just being ended may still hold a folder for a moment, or put a file into it.
bool TrySeveralTimes(const std::function<bool()>& act) {
  constexpr int kAttempts = 50;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (act()) return true;
    usleep(20'000);
  }
  return false;
}

bool RemoveFolder(const fs::path& path) {
  std::error_code error;
  if (!path.filename().string().starts_with(kFolderPrefix) || !fs::exists(path, error)) {
    return false;
  }
  return TrySeveralTimes([&] {
    fs::remove_all(path, error);
    return !fs::exists(path, error);
  });
}

bool RemoveDirectory(const std::string& path) {
  bool is_removed = false;
  TrySeveralTimes([&] {
    is_removed = rmdir(path.c_str()) == 0;
    return is_removed || errno != EBUSY;
  });
  return is_removed;
}

// Answers what it undid; empty: there was nothing to be done.
std::string Undo(const Line& line, bool same_boot) {
  if (line.verb == kFolder) return RemoveFolder(line.what) ? "removed " + line.what : "";
  if (!same_boot) return "";
  if (line.verb == kDirectory) return RemoveDirectory(line.what) ? "removed " + line.what : "";
  if (line.verb == kMount) {
    return umount2(line.what.c_str(), MNT_DETACH) == 0 ? "unmounted " + line.what : "";
  }
  if (line.verb == kProcess) EndProcess(line);
  if (line.verb != kChange) return "";
  const int descriptor = open(line.what.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return "";
  const bool written = write(descriptor, line.value.data(), line.value.size()) >= 0;
  close(descriptor);
  return written ? "put back " + line.what : "";
}

// The record is ours and nobody's else. False if another process must end first.
bool CarryOut(const std::vector<Line>& lines, std::vector<std::string>* undone) {
  std::vector<int> locks;
  const absl::Cleanup unlock = [&] {
    for (const int lock : locks) close(lock);
  };
  bool same_boot = false;
  for (const Line& line : lines) {
    if (line.verb == kBoot) same_boot = line.what == BootId();
    if (line.verb != kLock || !same_boot) continue;
    const int lock = open(line.what.c_str(), O_RDONLY | O_CLOEXEC);
    if (lock < 0) continue;
    locks.push_back(lock);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) return false;
  }
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    std::string words = Undo(*line, same_boot);
    if (!words.empty()) undone->push_back(std::move(words));
  }
  return true;
}

// Takes the lock of a record whose process is dead. What that process had forked, and what is about
// to end with it, may still hold it for a moment.
bool TakeOver(int descriptor) {
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return true;
  for (const Line& line : LinesOf(descriptor)) {
    if (line.verb != kOwner) continue;
    if (Running(line) != 0) return false;
    return TrySeveralTimes([&] { return flock(descriptor, LOCK_EX | LOCK_NB) == 0; });
  }
  return false;
}

}  // namespace

std::vector<std::string> RecordFolders() {
  std::vector<std::string> folders;
  if (geteuid() == 0) folders.emplace_back("/run/slablab");
  folders.push_back(fmt::format("/tmp/slablab-{}", geteuid()));
  return folders;
}

absl::StatusOr<std::unique_ptr<UndoRecord>> UndoRecord::Begin(
    const std::vector<std::string>& folders) {
  std::string why = "no folder";
  // Who ends removes an empty folder, perhaps the one just made: then again.
  constexpr int kAttempts = 3;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    for (const std::string& folder : folders) {
      if ((mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) && !IsOurs(folder)) {
        why = fmt::format("{}: not a folder of this user's alone", folder);
        continue;
      }
      std::string path = folder + "/XXXXXX";
      const int descriptor = mkostemp(path.data(), O_CLOEXEC);
      if (descriptor < 0) {
        why = fmt::format("{}: {}", folder, std::strerror(errno));
        continue;
      }
      while (flock(descriptor, LOCK_EX) != 0 && errno == EINTR) {
      }
      std::unique_ptr<UndoRecord> record(new UndoRecord(path, descriptor));
      absl::Status status = record->Add(kBoot, BootId());
      if (status.ok()) {
        status = record->Add(kOwner, fmt::format("{}", getpid()), StartOf(getpid()));
      }
      if (!status.ok()) return status;
      return record;
    }
  }
  return absl::UnavailableError(
      fmt::format("cannot keep a record of what is to be undone: {}", why));
}

UndoRecord::~UndoRecord() {
  unlink(path_.c_str());
  close(descriptor_);
  rmdir(path_.substr(0, path_.rfind('/')).c_str());  // Unless another is in it.
}

absl::Status UndoRecord::Add(std::string_view verb, std::string_view what, std::string_view value) {
  for (const std::string_view text : {what, value}) {
    CHECK(text.find_first_of("\t\n") == std::string_view::npos);
  }
  const std::string line = fmt::format("{}\t{}\t{}\n", verb, what, value);
  if (write(descriptor_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(fmt::format("{}: {}", path_, std::strerror(errno)));
}

absl::Status UndoRecord::WillLock(const std::string& path) { return Add(kLock, path); }
absl::Status UndoRecord::WillChange(const std::string& path, std::string_view value_before) {
  return Add(kChange, path, value_before);
}
absl::Status UndoRecord::WillMount(const std::string& path) { return Add(kMount, path); }
absl::Status UndoRecord::WillMakeDirectory(const std::string& path) {
  return Add(kDirectory, path);
}
absl::Status UndoRecord::WillFillFolder(const std::string& path) {
  CHECK(fs::path(path).filename().string().starts_with(kFolderPrefix));
  return Add(kFolder, path);
}
absl::Status UndoRecord::HasStarted(pid_t child) {
  return Add(kProcess, fmt::format("{}", child), StartOf(child));
}

std::vector<std::string> UndoLeftBehind(const std::vector<std::string>& folders) {
  std::vector<std::string> undone;
  for (const std::string& folder : folders) {
    if (!IsOurs(folder)) continue;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
      const std::string path = entry.path().string();
      const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
      if (descriptor < 0) continue;
      // Who has just made it and has not locked it yet waits for us; it is empty then.
      struct stat status;
      const bool is_left = TakeOver(descriptor) && fstat(descriptor, &status) == 0 &&
                           status.st_size > 0 && lseek(descriptor, 0, SEEK_SET) == 0;
      if (is_left && CarryOut(LinesOf(descriptor), &undone)) unlink(path.c_str());
      close(descriptor);
    }
    rmdir(folder.c_str());
  }
  return undone;
}

absl::StatusOr<std::string> MakeTemporaryFolder(std::string_view what, UndoRecord& record) {
  std::error_code error;
  fs::path base = fs::temp_directory_path(error);
  if (error) base = "/tmp";
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random)) continue;
    const std::string path =
        (base / fmt::format("{}{}-{:08x}", kFolderPrefix, what, random)).string();
    if (fs::exists(path, error)) continue;
    if (absl::Status status = record.WillFillFolder(path); !status.ok()) return status;
    if (mkdir(path.c_str(), 0700) == 0) return path;
    if (errno != EEXIST) {
      return absl::UnavailableError(fmt::format("{}: {}", path, std::strerror(errno)));
    }
  }
  return absl::UnavailableError(fmt::format("cannot make a folder in {}", base.string()));
}

}  // namespace slablab
