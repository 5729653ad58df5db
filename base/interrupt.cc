// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "base/check.h"

namespace slablab {
namespace {

// Those that ask for an end, and may be asked for patience.
constexpr int kRequests[] = {SIGINT, SIGTERM, SIGHUP};
// Those that do not end a program by themselves, those that nobody can handle, and SIGXFSZ.
constexpr int kHarmless[] = {SIGCHLD, SIGCONT, SIGURG,  SIGWINCH, SIGTSTP,
                             SIGTTIN, SIGTTOU, SIGKILL, SIGSTOP,  SIGXFSZ};

// Shared with the signal handler: lock-free atomics and plain memory published through them.
std::atomic<int> requests_allowed{0};  // 0 outside of a scope
std::atomic<int> requests{0};
struct Slot {
  std::atomic<bool> taken{false};
  std::atomic<pid_t> owner{0};  // who made it; 0: not filled
  char path[PATH_MAX];
};
Slot slots[kTemporaryFilesMax];
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

template <size_t kSize>
bool Among(const int (&signals)[kSize], int signal) {
  return std::find(std::begin(signals), std::end(signals), signal) != std::end(signals);
}

void RemoveTemporaryFiles() {
  const pid_t self = getpid();
  for (Slot& slot : slots) {
    if (slot.owner == self) unlink(slot.path);
  }
}

void OnSignal(int signal) {
  if (Among(kRequests, signal) && requests < requests_allowed) {
    ++requests;
    return;
  }
  RemoveTemporaryFiles();
  // Ends as the signal would have without us, so that a shell's loop stops too.
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  raise(signal);
}

void Handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  // What a parent has set to be ignored (nohup) stays ignored, and a sanitizer's handler its own.
  if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;
  action = {};
  action.sa_handler = handler;
  // The handler's own end of the program must not wait for the handler to return, and a stack that
  // has overflowed has no room for it.
  action.sa_flags = SA_NODEFER | SA_ONSTACK;
  CHECK_EQ(sigaction(signal, &action, nullptr), 0);
}

}  // namespace

void HandleInterrupts() {
  static char stack[1 << 14];
  const stack_t alternative = {.ss_sp = stack, .ss_flags = 0, .ss_size = sizeof(stack)};
  sigaltstack(&alternative, nullptr);
  // Numbers that the C library keeps for itself are refused, and left alone.
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (!Among(kHarmless, signal)) Handle(signal, OnSignal);
  }
  Handle(SIGXFSZ, SIG_IGN);
  // A CHECK that failed, or the end of memory.
  CHECK_EQ(std::at_quick_exit(RemoveTemporaryFiles), 0);
}

InterruptScope::InterruptScope(int requests_max) {
  CHECK_EQ(requests_allowed.load(), 0);
  CHECK_GT(requests_max, 0);
  requests = 0;
  requests_allowed = requests_max;
}

InterruptScope::~InterruptScope() { requests_allowed = 0; }

int InterruptRequests() { return requests.load(std::memory_order_relaxed); }

TemporaryFileMark::TemporaryFileMark(const std::string& path) : slot_(0) {
  CHECK_LT(path.size(), sizeof(Slot::path));
  while (slots[slot_].taken.exchange(true)) {
    ++slot_;
    CHECK_LT(slot_, kTemporaryFilesMax);
  }
  std::memcpy(slots[slot_].path, path.c_str(), path.size() + 1);
  slots[slot_].owner = getpid();
}

TemporaryFileMark::~TemporaryFileMark() {
  slots[slot_].owner = 0;
  slots[slot_].taken = false;
}

}  // namespace slablab
