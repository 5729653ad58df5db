// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/cluster/command_output.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_replace.h"
#include "base/check.h"
#include "fmt/format.h"

namespace slablab {
namespace {

std::string Contents(int descriptor) {
  std::string text;
  char buffer[4096];
  for (off_t at = 0;;) {
    const ssize_t count = pread(descriptor, buffer, sizeof(buffer), at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    at += count;
  }
}

}  // namespace

absl::StatusOr<CommandOutput> OutputOf(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  // Files in memory: neither end waits for the other.
  const int out = memfd_create("out", MFD_CLOEXEC);
  const int errors = memfd_create("errors", MFD_CLOEXEC);
  CHECK(out >= 0 && errors >= 0);
  posix_spawn_file_actions_t actions;
  CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  CommandOutput output;
  if (error == 0) {
    while (waitpid(child, &output.wait_status, 0) < 0) CHECK_EQ(errno, EINTR);
    output.out = Contents(out);
    output.errors = Contents(errors);
  }
  close(out);
  close(errors);
  if (error == 0) return output;
  const std::string text = fmt::format("cannot run {}: {}", words[0], std::strerror(error));
  return error == ENOENT || error == EACCES ? absl::NotFoundError(text)
                                            : absl::UnavailableError(text);
}

std::string ShellQuoted(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=:,+@%-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  return "'" + absl::StrReplaceAll(word, {{"'", "'\\''"}}) + "'";
}

}  // namespace slablab
