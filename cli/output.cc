// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fmt/format.h"
#include "sim/check.h"

namespace slablab {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 16;

// The permissions of a file that the user creates. umask() can only be read by setting it.
int FreshFileMode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

// Where `path` leads: itself, or the end of its links. A link to a file that is not there yet
// leads to that file.
std::string Resolve(const std::string& path) {
  std::string resolved = path;
  constexpr int kLinksMax = 40;  // Linux: MAXSYMLINKS, include/linux/namei.h.
  for (int links = 0; links < kLinksMax; ++links) {
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

}  // namespace

absl::StatusOr<std::unique_ptr<AtomicFile>> AtomicFile::Open(const std::string& path) {
  std::unique_ptr<AtomicFile> file(new AtomicFile);
  if (path.empty() || path == "-") {
    // Whatever was printed before comes first.
    std::fflush(stdout);
    file->name_ = "standard output";
    file->descriptor_ = STDOUT_FILENO;
    file->close_descriptor_ = false;
    return file;
  }
  file->name_ = path;
  file->target_ = Resolve(path);
  struct stat status;
  const bool exists = stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    return file->Error("cannot write");
  }
  if (exists && !S_ISREG(status.st_mode)) {
    file->descriptor_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file->descriptor_ < 0) return file->Error("cannot write");
    return file;
  }
  if (exists && access(path.c_str(), W_OK) != 0) return file->Error("cannot write");
  absl::Status opened =
      file->OpenTemporary(exists ? static_cast<int>(status.st_mode & 07777) : FreshFileMode());
  if (!opened.ok()) return opened;
  return file;
}

absl::Status AtomicFile::OpenTemporary(int mode) {
  std::string name = target_ + ".tmp-XXXXXX";
  if (name.size() >= PATH_MAX) {
    errno = ENAMETOOLONG;
    return Error("cannot write");
  }
  descriptor_ = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) return Error("cannot create");
  temporary_ = name;
  mark_ = std::make_unique<TemporaryFileMark>(temporary_);
  if (fchmod(descriptor_, static_cast<mode_t>(mode)) != 0) return Error("cannot write");
  return absl::OkStatus();
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0 && close_descriptor_) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status AtomicFile::Error(std::string_view what) const {
  return absl::UnavailableError(fmt::format("{} {}: {}", what, name_, std::strerror(errno)));
}

absl::Status AtomicFile::Write(std::string_view bytes) {
  CHECK_GE(descriptor_, 0);
  buffer_ += bytes;
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status AtomicFile::Flush() {
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

absl::Status AtomicFile::Commit() {
  CHECK_GE(descriptor_, 0);
  if (absl::Status flushed = Flush(); !flushed.ok()) return flushed;
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (close_descriptor_ && close(descriptor) != 0) return Error("cannot write");
  if (temporary_.empty()) return absl::OkStatus();
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) return Error("cannot create");
  mark_.reset();
  temporary_.clear();
  return absl::OkStatus();
}

absl::Status WriteOutput(const std::string& path, std::string_view bytes) {
  absl::StatusOr<std::unique_ptr<AtomicFile>> file = AtomicFile::Open(path);
  if (!file.ok()) return file.status();
  if (absl::Status written = (*file)->Write(bytes); !written.ok()) return written;
  return (*file)->Commit();
}

}  // namespace slablab
