// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstring>

#include "sim/check.h"

namespace slablab {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

// Shared with the signal handler: lock-free atomics and plain memory published through them.
std::atomic<int> requests_allowed{0};  // 0 outside of a scope
std::atomic<int> requests{0};
struct Slot {
  std::atomic<bool> taken{false};
  std::atomic<bool> filled{false};
  char path[PATH_MAX];
};
Slot slots[kTemporaryFilesMax];
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void OnSignal(int signal) {
  if (requests < requests_allowed) {
    ++requests;
    return;
  }
  for (Slot& slot : slots) {
    if (slot.filled) unlink(slot.path);
  }
  // Ends as the signal would have without us, so that a shell's loop stops too.
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  raise(signal);
}

}  // namespace

void HandleInterrupts() {
  for (const int signal : kSignals) {
    struct sigaction action = {};
    // What a parent has set to be ignored (nohup) stays ignored.
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = OnSignal;
    // The handler's own end of the program must not wait for the handler to return.
    action.sa_flags = SA_NODEFER;
    CHECK_EQ(sigaction(signal, &action, nullptr), 0);
  }
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
  slots[slot_].filled = true;
}

TemporaryFileMark::~TemporaryFileMark() {
  slots[slot_].filled = false;
  slots[slot_].taken = false;
}

}  // namespace slablab
