// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/worker_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// How long a request to stop may go unseen.
constexpr int kPollMilliseconds = 100;
// What OutOfMemory() ends a process with, and nothing else a child of ours.
constexpr int kOutOfMemoryStatus = 2;

struct Child {
  pid_t pid = -1;
  int pipe = -1;  // its answer, to the end
  size_t job = 0;
  std::string answer;
};

absl::Status SystemError(std::string_view what) {
  return absl::UnavailableError(
      fmt::format("cannot start a worker: {}: {}", what, std::strerror(errno)));
}

bool WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

[[noreturn]] void RunChild(pid_t parent, int pipe, size_t job,
                           const std::function<std::string(size_t)>& work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // It was faster.
  const bool answered = WriteAll(pipe, work(job));
  // Not exit: what this process's parent has yet to print is not ours.
  _exit(answered ? 0 : 1);
}

class Pool {
 public:
  Pool(const WorkerPoolOptions& options, const std::function<std::string(size_t)>& work,
       const std::function<absl::Status(size_t, const JobEnd&)>& done)
      : options_(options), work_(work), done_(done) {}

  absl::Status Run() {
    for (;;) {
      if (options_.stop && options_.stop()) Stop(absl::CancelledError("interrupted"));
      const auto room = static_cast<size_t>(options_.workers);
      while (status_.ok() && next_job_ < options_.jobs && children_.size() < room) {
        if (absl::Status started = Start(next_job_); !started.ok()) {
          Stop(started);
        } else {
          ++next_job_;
        }
      }
      if (children_.empty()) return status_;
      Listen();
    }
  }

 private:
  // Nothing more begins; what is under way is asked, once, to end.
  void Stop(absl::Status why) {
    if (!status_.ok()) return;
    status_ = std::move(why);
    for (const Child& child : children_) kill(child.pid, SIGTERM);
  }

  absl::Status Start(size_t job) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return SystemError("pipe");
    std::fflush(nullptr);  // Else the child would have what is buffered too.
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
      const absl::Status status = SystemError("fork");
      close(ends[0]);
      close(ends[1]);
      return status;
    }
    if (pid == 0) {
      close(ends[0]);
      RunChild(parent, ends[1], job, work_);
    }
    close(ends[1]);
    children_.push_back({.pid = pid, .pipe = ends[0], .job = job, .answer = {}});
    return absl::OkStatus();
  }

  // Waits for answers, a moment at most, and takes what is there.
  void Listen() {
    std::vector<pollfd> polled;
    for (const Child& child : children_) {
      polled.push_back({.fd = child.pipe, .events = POLLIN, .revents = 0});
    }
    if (poll(polled.data(), polled.size(), kPollMilliseconds) <= 0) return;
    // From behind: a child that has ended leaves the list.
    for (size_t i = polled.size(); i-- > 0;) {
      if (polled[i].revents == 0) continue;
      char buffer[1 << 16];
      const ssize_t count = read(children_[i].pipe, buffer, sizeof(buffer));
      if (count > 0) children_[i].answer.append(buffer, static_cast<size_t>(count));
      if (count == 0 || (count < 0 && errno != EINTR)) End(i);
    }
  }

  void End(size_t index) {
    const Child child = std::move(children_[index]);
    children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(index));
    close(child.pipe);
    int wait_status = 0;
    while (waitpid(child.pid, &wait_status, 0) < 0) CHECK_EQ(errno, EINTR);
    JobEnd end = DescribeChildEnd(wait_status);
    if (end.death.empty()) end.answer = child.answer;
    // Once stopped, ends are what was asked for.
    if (!status_.ok() && !end.death.empty()) return;
    if (absl::Status status = done_(child.job, end); !status.ok()) Stop(std::move(status));
  }

  const WorkerPoolOptions& options_;
  const std::function<std::string(size_t)>& work_;
  const std::function<absl::Status(size_t, const JobEnd&)>& done_;
  std::vector<Child> children_;
  size_t next_job_ = 0;
  absl::Status status_;
};

}  // namespace

absl::Status JobEnd::DeathOf(std::string_view who) const {
  const std::string message = fmt::format("{} {}", who, death);
  return is_our_fault ? absl::InternalError(message) : absl::UnavailableError(message);
}

JobEnd DescribeChildEnd(int status) {
  JobEnd end;
  if (WIFEXITED(status)) {
    const int code = WEXITSTATUS(status);
    if (code == 0) return end;
    end.death = code == kOutOfMemoryStatus
                    ? "had not enough memory: this host, or a limit on the process (ulimit -v), "
                      "has less than it takes"
                    : fmt::format("ended with status {}", code);
    end.is_our_fault = code == 3;
    return end;
  }
  const int signal = WTERMSIG(status);
  end.death = fmt::format("was ended by signal {} ({})", signal, strsignal(signal));
  constexpr int kCrashes[] = {SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, SIGTRAP};
  end.is_our_fault =
      std::find(std::begin(kCrashes), std::end(kCrashes), signal) != std::end(kCrashes);
  return end;
}

absl::Status RunInProcesses(const WorkerPoolOptions& options,
                            const std::function<std::string(size_t)>& work,
                            const std::function<absl::Status(size_t, const JobEnd&)>& done) {
  CHECK_GE(options.workers, 1);
  return Pool(options, work, done).Run();
}

int AvailableCpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace slablab
