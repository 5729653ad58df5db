// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr useconds_t kPollMicroseconds = 20'000;

absl::StatusOr<pid_t> Spawn(const ChildOptions& options) {
  std::vector<char*> arguments;
  for (const std::string& word : options.words)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
  CHECK_EQ(posix_spawnattr_init(&attributes), 0);
  if (options.silent) {
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  }
  // What we ignore or handle, the child should not inherit as ignored.
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) {
    sigaddset(&defaults, signal_number);
  }
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(
      &attributes,
      static_cast<int16_t>(POSIX_SPAWN_SETSIGDEF | (options.silent ? POSIX_SPAWN_SETPGROUP : 0)));

  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT || error == EACCES) {
    return absl::NotFoundError(
        fmt::format("cannot run {}: {}", options.words[0], std::strerror(error)));
  }
  if (error != 0) {
    return absl::UnavailableError(
        fmt::format("cannot run {}: {}", options.words[0], std::strerror(error)));
  }
  return child;
}

}  // namespace

absl::StatusOr<int> RunChildProcess(const ChildOptions& options) {
  CHECK(!options.words.empty());
  const absl::StatusOr<pid_t> child = Spawn(options);
  if (!child.ok()) return child.status();
  options.started(*child);
  int signals_sent = 0;
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(*child, &status, WNOHANG);
    if (ended == *child) return status;
    if (ended < 0 && errno != EINTR) {
      return absl::UnavailableError(
          fmt::format("cannot wait for {}: {}", options.words[0], std::strerror(errno)));
    }
    if (signals_sent < std::min(options.interrupts(), 2)) {
      // The first a terminal sent it already, but a plain kill of us did not.
      kill(*child, signals_sent == 0 ? SIGINT : options.last_signal);
      ++signals_sent;
    }
    usleep(kPollMicroseconds);
  }
}

std::string DescribeWaitStatus(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) == 0) return "";
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

}  // namespace slablab
