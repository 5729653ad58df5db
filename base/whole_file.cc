// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/whole_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/claimed_output.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 16;
constexpr std::string_view kTemporaryEnding = ".tmp-";

// The open file that a path such as /dev/stdout or /proc/self/fd/3 stands for. To open it by that
// path would be to begin it anew, and to rename over it would be to replace what a shell opened for
// us, perhaps to append to.
std::optional<int> DescriptorOf(std::string_view path) {
  if (path == "/dev/stdin") return STDIN_FILENO;
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    int number = -1;
    const char* const end = path.data() + path.size();
    const auto [stopped, error] = std::from_chars(path.data() + folder.size(), end, number);
    if (error == std::errc() && stopped == end && number >= 0) return number;
  }
  return std::nullopt;
}

// Where `path` leads: itself, or the end of its links. A link to a file that is not there yet
// leads to that file; one to an open file ends there.
std::string Resolve(const std::string& path) {
  std::string resolved = path;
  constexpr int kLinksMax = 40;  // Linux: MAXSYMLINKS, include/linux/namei.h.
  for (int links = 0; links < kLinksMax && !DescriptorOf(resolved).has_value(); ++links) {
    char target[PATH_MAX];
    const ssize_t length = readlink(resolved.c_str(), target, sizeof(target));
    if (length < 0) break;
    const std::string_view text(target, static_cast<size_t>(length));
    const size_t slash = resolved.rfind('/');
    const bool relative = text.empty() || text[0] != '/';
    const std::string folder =
        relative && slash != std::string::npos ? resolved.substr(0, slash + 1) : "";
    resolved = folder + std::string(text);
  }
  return resolved;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return path.substr(0, std::max<size_t>(slash, 1));
}

// Removes what writers of `path` that were killed have left: a living one holds its file's lock.
void RemoveLeftBehind(const std::string& path) {
  const std::string folder = FolderOf(path);
  const size_t slash = path.rfind('/');
  const std::string prefix =
      (slash == std::string::npos ? path : path.substr(slash + 1)) + std::string(kTemporaryEnding);
  DIR* const entries = opendir(folder.c_str());
  if (entries == nullptr) return;
  while (const dirent* entry = readdir(entries)) {
    if (!std::string_view(entry->d_name).starts_with(prefix)) continue;
    const std::string left = folder + "/" + entry->d_name;
    const int descriptor = open(left.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (descriptor < 0) continue;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) unlink(left.c_str());
    close(descriptor);
  }
  closedir(entries);
}

// Signals wait while one lives.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// What the child of NameAndRename does. It shares its parent's memory, and does nothing but calls
// of the system.
struct Naming {
  const char* link;  // /proc/self/fd/N
  const char* temporary;
  const char* target;
  int error = 0;
};
int NameInChild(void* argument) {
  Naming& naming = *static_cast<Naming*>(argument);
  // A signal to the whole group of the parent, or from its terminal, is none to us.
  setsid();
  if (linkat(AT_FDCWD, naming.link, AT_FDCWD, naming.temporary, AT_SYMLINK_FOLLOW) != 0 ||
      rename(naming.temporary, naming.target) != 0) {
    naming.error = errno;
    unlink(naming.temporary);
  }
  return 0;
}

// Gives the open file `descriptor` a name that is taken: the kernel cannot do so at once, but only
// by way of a second name, which must not stay if we are killed between the two steps. So a process
// of its own takes them, and ends them whatever happens to us. Answers 0 or an errno.
int NameAndRename(int descriptor, const std::string& target) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return errno;
  const std::string link = fmt::format("/proc/self/fd/{}", descriptor);
  // Nobody else's: the number is this file's alone.
  const std::string temporary =
      fmt::format("{}/.slablab{}{}", FolderOf(target), kTemporaryEnding, status.st_ino);
  Naming naming = {.link = link.c_str(), .temporary = temporary.c_str(), .target = target.c_str()};
  alignas(16) static std::array<char, 1 << 14> stack;
  const SignalsBlocked blocked;  // Their handlers would act on what both of us share.
  const pid_t child =
      clone(NameInChild, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK, &naming);
  if (child < 0) return errno;
  while (waitpid(child, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  return naming.error;
}

}  // namespace

bool WholeFile::IsReplaced(const std::string& path) {
  if (DescriptorOf(Resolve(path)).has_value()) return false;
  struct stat status;
  return stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode);
}

std::string WholeFile::TargetOf(const std::string& path) { return Resolve(path); }

absl::StatusOr<std::unique_ptr<WholeFile>> WholeFile::Open(const std::string& path,
                                                           Temporary temporary) {
  const bool is_stdout = path.empty() || path == "-";
  std::unique_ptr<WholeFile> file(new WholeFile(is_stdout ? "standard output" : path));
  if (is_stdout || !IsReplaced(path)) {
    if (absl::Status opened = file->OpenDirectly(path); !opened.ok()) return opened;
    return file;
  }
  if (absl::Status output = CheckOutput(path); !output.ok()) return output;
  struct stat status;
  const bool exists = stat(path.c_str(), &status) == 0;
  // A name that is too long would show only at the end.
  if (!exists && errno != ENOENT) return file->Error("cannot write");
  if (exists && access(path.c_str(), W_OK) != 0) return file->Error("cannot write");
  file->target_ = TargetOf(path);
  if (absl::Status opened = file->OpenTemporary(temporary); !opened.ok()) return opened;
  if (!exists) return file;
  // Only root may give a file away; who may not leaves what is his, and without special rights.
  const bool same_owner = fchown(file->descriptor_, status.st_uid, status.st_gid) == 0;
  const mode_t mode = status.st_mode & (same_owner ? 07777 : 0777);
  if (fchmod(file->descriptor_, mode) != 0) return file->Error("cannot write");
  return file;
}

absl::Status WholeFile::OpenDirectly(const std::string& path) {
  // Whatever was printed before comes first.
  std::fflush(stdout);
  const std::optional<int> open_already =
      path.empty() || path == "-" ? STDOUT_FILENO : DescriptorOf(Resolve(path));
  if (open_already.has_value()) {
    descriptor_ = *open_already;
    close_descriptor_ = false;
    const int flags = fcntl(descriptor_, F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY) errno = EBADF;
    return flags < 0 || (flags & O_ACCMODE) == O_RDONLY ? Error("cannot write") : absl::OkStatus();
  }
  descriptor_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  return descriptor_ < 0 ? Error("cannot write") : absl::OkStatus();
}

absl::Status WholeFile::OpenTemporary(Temporary temporary) {
  if (target_.size() + kTemporaryEnding.size() + 10 >= PATH_MAX) {
    errno = ENAMETOOLONG;
    return Error("cannot write");
  }
  // Without /proc it could not get its name.
  if (temporary == Temporary::kNameless && access("/proc/self/fd", X_OK) == 0) {
    descriptor_ = open(FolderOf(target_).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) return absl::OkStatus();
  }
  return OpenNamed();
}

absl::Status WholeFile::OpenNamed() {
  RemoveLeftBehind(target_);
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::string name =
        fmt::format("{}{}{}", target_, kTemporaryEnding, getpid() * kAttempts + attempt);
    const SignalsBlocked blocked;
    descriptor_ = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno == EEXIST) continue;
    if (descriptor_ < 0) break;
    flock(descriptor_, LOCK_EX | LOCK_NB);
    struct stat status;
    // Another writer may have taken it for left behind before it was locked.
    if (fstat(descriptor_, &status) == 0 && status.st_nlink == 0) {
      close(std::exchange(descriptor_, -1));
      continue;
    }
    temporary_ = name;
    mark_ = std::make_unique<TemporaryFileMark>(temporary_);
    return absl::OkStatus();
  }
  return Error("cannot create");
}

WholeFile::~WholeFile() {
  if (descriptor_ >= 0 && close_descriptor_) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status WholeFile::Error(std::string_view what) const {
  return absl::UnavailableError(fmt::format("{} {}: {}", what, name_, std::strerror(errno)));
}

absl::Status WholeFile::Write(std::string_view bytes) {
  CHECK_GE(descriptor_, 0);
  bytes_written_ += bytes.size();
  buffer_ += bytes;
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status WholeFile::Flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error("cannot write");
    rest.remove_prefix(static_cast<size_t>(written));
  }
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status WholeFile::GiveName() {
  if (!temporary_.empty()) {
    if (std::rename(temporary_.c_str(), target_.c_str()) != 0) return Error("cannot create");
    mark_.reset();
    temporary_.clear();
    return absl::OkStatus();
  }
  const std::string link = fmt::format("/proc/self/fd/{}", descriptor_);
  if (linkat(AT_FDCWD, link.c_str(), AT_FDCWD, target_.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    return absl::OkStatus();
  }
  if (errno == EEXIST) errno = NameAndRename(descriptor_, target_);
  return errno == 0 ? absl::OkStatus() : Error("cannot create");
}

absl::Status WholeFile::Commit() {
  CHECK_GE(descriptor_, 0);
  if (absl::Status flushed = Flush(); !flushed.ok()) return flushed;
  if (!target_.empty()) {
    // A network's file system says only on closing what did not arrive.
    const int copy = dup(descriptor_);
    if (copy < 0 || close(copy) != 0) return Error("cannot write");
    if (absl::Status named = GiveName(); !named.ok()) return named;
  }
  const int descriptor = std::exchange(descriptor_, -1);
  if (close_descriptor_ && close(descriptor) != 0) return Error("cannot write");
  return absl::OkStatus();
}

absl::Status WriteOutput(const std::string& path, std::string_view bytes) {
  absl::StatusOr<std::unique_ptr<WholeFile>> file = WholeFile::Open(path);
  if (!file.ok()) return file.status();
  if (absl::Status written = (*file)->Write(bytes); !written.ok()) return written;
  return (*file)->Commit();
}

}  // namespace slablab
