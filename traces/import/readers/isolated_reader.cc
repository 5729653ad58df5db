// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/readers/isolated_reader.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace slablab::internal {
namespace {

[[noreturn]] void RunChild(const RawReader& read, int descriptor) {
  // Signals to both of us are the parent's to answer, and its end is ours.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null >= 0) dup2(null, STDERR_FILENO);
  SendRecording(read, descriptor);
  _exit(0);
}

}  // namespace

absl::StatusOr<RecordingInfo> ReadInChild(const RawReader& read, const std::string& path,
                                          RawEventSink& sink) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return absl::UnavailableError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);  // fewer switches; smaller works too
  const pid_t child = fork();
  if (child < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return absl::UnavailableError(fmt::format("cannot start a process: {}", std::strerror(error)));
  }
  if (child == 0) {
    close(ends[0]);
    RunChild(read, ends[1]);
  }
  close(ends[1]);
  Received received = ReceiveRecording(ends[0], sink);
  close(ends[0]);
  kill(child, SIGKILL);  // nothing that it may still do matters
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (received.ended) return std::move(received.result);
  return absl::InvalidArgumentError(fmt::format(
      "{}: damaged: the library that reads it failed after {} events ({})", path, received.events,
      WIFSIGNALED(state) ? strsignal(WTERMSIG(state)) : "it ended early"));
}

}  // namespace slablab::internal
