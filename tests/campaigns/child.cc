// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/campaigns/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "base/check.h"

namespace slablab {
namespace {

// Of what a child writes, more is not kept.
constexpr off_t kOutputBytesMax = 64 << 20;

int MemoryFile(std::string_view contents) {
  const int descriptor = memfd_create("child", MFD_CLOEXEC);
  CHECK_GE(descriptor, 0);
  CHECK_EQ(write(descriptor, contents.data(), contents.size()),
           static_cast<ssize_t>(contents.size()));
  CHECK_EQ(lseek(descriptor, 0, SEEK_SET), 0);
  return descriptor;
}

struct Terminal {
  int ours = -1;
  int its = -1;
};

Terminal OpenTerminal() {
  Terminal terminal;
  terminal.ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  CHECK_GE(terminal.ours, 0);
  CHECK_EQ(grantpt(terminal.ours), 0);
  CHECK_EQ(unlockpt(terminal.ours), 0);
  terminal.its = open(ptsname(terminal.ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
  CHECK_GE(terminal.its, 0);
  termios settings{};
  CHECK_EQ(tcgetattr(terminal.its, &settings), 0);
  cfmakeraw(&settings);
  CHECK_EQ(tcsetattr(terminal.its, TCSANOW, &settings), 0);
  return terminal;
}

std::string TakeContents(int descriptor) {
  const off_t size = std::min(lseek(descriptor, 0, SEEK_END), kOutputBytesMax);
  std::string contents(static_cast<size_t>(size), '\0');
  CHECK_EQ(pread(descriptor, contents.data(), contents.size(), 0), size);
  close(descriptor);
  return contents;
}

}  // namespace

Child::Child(const std::vector<std::string>& arguments, const ChildOptions& options)
    : options_(options), out_(MemoryFile("")) {
  const Terminal terminal = options.terminal ? OpenTerminal() : Terminal();
  error_ = options.terminal ? terminal.ours : MemoryFile("");
  const int input = MemoryFile(options.input);
  std::vector<char*> words;
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.data()));
  words.push_back(nullptr);
  std::vector<char*> environment;
  for (const std::string& entry : options.environment) {
    environment.push_back(const_cast<char*>(entry.data()));
  }
  for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
  environment.push_back(nullptr);
  pid_ = fork();
  CHECK_GE(pid_, 0);
  if (pid_ == 0) {
    setsid();
    // Whoever starts us in the background has us ignore SIGINT.
    for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (options.cpu_seconds > 0) {
      const rlimit limit = {.rlim_cur = options.cpu_seconds, .rlim_max = options.cpu_seconds + 5};
      setrlimit(RLIMIT_CPU, &limit);
    }
    if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(126);
    dup2(input, STDIN_FILENO);
    dup2(out_, STDOUT_FILENO);
    dup2(options.terminal ? terminal.its : error_, STDERR_FILENO);
    execve(words[0], words.data(), environment.data());
    _exit(127);
  }
  close(input);
  if (options.terminal) close(terminal.its);
  process_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  CHECK_GE(process_, 0);
}

Child::~Child() {
  if (pid_ >= 0) End();
}

void Child::Signal(int number) const { kill(pid_, number); }

void Child::TakeFromTerminal() {
  char bytes[4096];
  for (ssize_t count = 0; (count = read(error_, bytes, sizeof(bytes))) > 0;) {
    if (on_terminal_.size() < static_cast<size_t>(kOutputBytesMax)) {
      on_terminal_.append(bytes, static_cast<size_t>(count));
    }
  }
}

bool Child::WaitFor(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    // A terminal that nobody reads from would hold it up.
    const int64_t turn = std::min<int64_t>(left.count(), options_.terminal ? 50 : INT32_MAX);
    pollfd ended = {.fd = process_, .events = POLLIN, .revents = 0};
    const int count = poll(&ended, 1, static_cast<int>(std::max<int64_t>(turn, 0)));
    if (options_.terminal) TakeFromTerminal();
    if (count > 0) return true;
    if (count == 0 && left.count() <= turn) return false;
    if (count < 0) CHECK_EQ(errno, EINTR);
  }
}

ChildEnding Child::End() {
  ChildEnding ending;
  ending.hung = !WaitFor(options_.patience);
  if (ending.hung) kill(-pid_, SIGKILL);
  int state = 0;
  while (waitpid(pid_, &state, 0) < 0) CHECK_EQ(errno, EINTR);
  kill(-pid_, SIGKILL);  // what it left running
  if (WIFEXITED(state)) ending.exit_status = WEXITSTATUS(state);
  if (WIFSIGNALED(state)) ending.signal = WTERMSIG(state);
  if (ending.signal == SIGXCPU && options_.cpu_seconds > 0) ending.hung = true;
  close(process_);
  pid_ = -1;
  ending.out = TakeContents(out_);
  if (options_.terminal) {
    TakeFromTerminal();
    ending.error = std::move(on_terminal_);
    close(error_);
  } else {
    ending.error = TakeContents(error_);
  }
  return ending;
}

ChildEnding RunChild(const std::vector<std::string>& arguments, const ChildOptions& options) {
  return Child(arguments, options).End();
}

bool HasControlBytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
  });
}

}  // namespace slablab
