// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_CHILD_PROCESS_H_
#define SLABLAB_BASE_CHILD_PROCESS_H_

#include <signal.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace slablab {

struct ChildOptions {
  std::vector<std::string> words;  // the program, found on PATH, and its arguments
  // Its output goes nowhere, and a terminal's Ctrl-C does not reach it.
  bool silent = false;
  // How often the user has asked for an end; asked some fifty times a second. At the first request
  // the child gets SIGINT, at the second `last_signal`.
  std::function<int()> interrupts = [] { return 0; };
  int last_signal = SIGKILL;
  std::function<void(pid_t)> started = [](pid_t) {};
};

// Runs a program and waits for its end. Answers its wait status; NotFound if there is no such
// program, Unavailable if it cannot be started.
absl::StatusOr<int> RunChildProcess(const ChildOptions& options);

// "exit status 1", "killed by signal 9 (Killed)"; empty for a good end.
std::string DescribeWaitStatus(int status);

}  // namespace slablab

#endif  // SLABLAB_BASE_CHILD_PROCESS_H_
