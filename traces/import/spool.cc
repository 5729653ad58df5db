// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/spool.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr int kPollMillis = 100;

std::string TemporaryFolder() {
  const char* folder = std::getenv("TMPDIR");
  return folder == nullptr || *folder == '\0' ? "/tmp" : folder;
}

// For file systems that have no files without a name.
int OpenAndUnlink(const std::string& folder) {
  std::string path = folder + "/slablab-XXXXXX";
  const int descriptor = mkostemp(path.data(), O_CLOEXEC);
  if (descriptor >= 0) unlink(path.c_str());
  return descriptor;
}

// The last line that a program printed, as it is of most use.
std::string LastLine(int descriptor) {
  constexpr off_t kShown = 4096;
  const off_t size = lseek(descriptor, 0, SEEK_END);
  std::string text(static_cast<size_t>(std::min(std::max<off_t>(size, 0), kShown)), '\0');
  const ssize_t got =
      pread(descriptor, text.data(), text.size(), std::max<off_t>(size - kShown, 0));
  text.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const size_t newline = text.rfind('\n');
  return newline == std::string::npos ? text : text.substr(newline + 1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Create() {
  const std::string folder = TemporaryFolder();
  int descriptor = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor < 0) descriptor = OpenAndUnlink(folder);
  if (descriptor < 0) {
    return absl::UnavailableError(
        fmt::format("{}: {} (TMPDIR names another folder for what is needed for a while)", folder,
                    std::strerror(errno)));
  }
  return std::unique_ptr<Spool>(new Spool(folder, descriptor));
}

Spool::~Spool() { close(descriptor_); }

absl::Status Spool::Error(int error) const {
  return absl::UnavailableError(
      fmt::format("cannot write a temporary file in {}: {} (TMPDIR names another folder)", folder_,
                  std::strerror(error)));
}

absl::Status Spool::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(descriptor_, bytes.data(), bytes.size());
    if (wrote < 0 && errno != EINTR) return Error(errno);
    if (wrote > 0) bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return absl::OkStatus();
}

absl::Status Spool::CopyFrom(int descriptor, const std::function<bool()>& interrupted) {
  std::vector<char> buffer(1 << 16);
  for (;;) {
    if (interrupted()) return absl::CancelledError("interrupted");
    pollfd ready = {.fd = descriptor, .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, kPollMillis) == 0) continue;
    const ssize_t got = read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return absl::UnavailableError(std::strerror(errno));
    if (got == 0) return absl::OkStatus();
    const absl::Status status = Write({buffer.data(), static_cast<size_t>(got)});
    if (!status.ok()) return status;
  }
}

absl::Status Spool::FillFrom(const std::vector<std::string>& words, int input, Success success) {
  const absl::StatusOr<std::unique_ptr<Spool>> errors = Create();
  if (!errors.ok()) return errors.status();
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, descriptor_, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, (*errors)->descriptor_, STDERR_FILENO);
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT || error == EACCES) return absl::NotFoundError(std::strerror(error));
  if (error != 0) {
    return absl::UnavailableError(fmt::format("cannot run {}: {}", words[0], std::strerror(error)));
  }
  int state = 0;
  while (waitpid(child, &state, 0) < 0) CHECK_EQ(errno, EINTR);
  const std::string words_last = LastLine((*errors)->descriptor_);
  const bool has_ended_well = WIFEXITED(state) && WEXITSTATUS(state) == 0;
  if (has_ended_well && (success == Success::kByStatus || words_last.empty())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("{} failed: {}", words[0], words_last.empty() ? "it says nothing" : words_last));
}

std::string Spool::Path() const { return fmt::format("/proc/{}/fd/{}", getpid(), descriptor_); }

}  // namespace slablab
