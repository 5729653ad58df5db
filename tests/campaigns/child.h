// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_CAMPAIGNS_CHILD_H_
#define SLABLAB_TESTS_CAMPAIGNS_CHILD_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sanitizers.h"

namespace slablab {

struct ChildOptions {
  std::string folder = {};                    // its working folder; empty: ours
  std::string input = {};                     // what it reads on its standard input
  std::vector<std::string> environment = {};  // NAME=VALUE, besides ours
  // It hangs if it takes longer than that; or, of a CPU's time, than that (0: as it likes). Time on
  // the clock says little where the machine is busy with much else.
  std::chrono::milliseconds patience = std::chrono::minutes(10 * kSlowness);
  unsigned cpu_seconds = 60 * kSlowness;
  bool terminal = false;  // its standard error is one: commands draw how far they are
};

// How a program ended, and what it wrote.
struct ChildEnding {
  int exit_status = -1;  // -1: a signal ended it
  int signal = 0;        // the signal that did
  bool hung = false;     // it had not ended in time and was killed
  std::string out;
  std::string error;
};

// A program while it runs, in a session of its own: what it starts ends with it.
class Child {
 public:
  Child(const std::vector<std::string>& arguments, const ChildOptions& options);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int number) const;
  // Whether it ended within `patience`.
  bool WaitFor(std::chrono::milliseconds patience);
  // What it has written to its terminal up to now.
  const std::string& on_terminal() const { return on_terminal_; }
  // Waits as long as the options say, then kills it. Once.
  ChildEnding End();

 private:
  void TakeFromTerminal();

  const ChildOptions options_;
  int out_ = -1;
  int error_ = -1;  // our end, of a terminal
  std::string on_terminal_;
  pid_t pid_ = -1;
  int process_ = -1;  // its pidfd
};

// Starts it and waits for its end. arguments[0] is the program's path.
ChildEnding RunChild(const std::vector<std::string>& arguments, const ChildOptions& options);

// Whether a terminal would obey a byte of `text`: control characters but for line ends and tabs.
bool HasControlBytes(std::string_view text);

}  // namespace slablab

#endif  // SLABLAB_TESTS_CAMPAIGNS_CHILD_H_
