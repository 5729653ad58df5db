// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_INTERRUPT_H_
#define SLABLAB_BASE_INTERRUPT_H_

#include <string>

// Signals. By default each that ends a program ends this one too, at once and by that signal, and
// removes the temporary files of unfinished outputs first (see base/whole_file.h); a command need
// do nothing. A command that has something to finish on Ctrl-C, SIGTERM or SIGHUP holds an
// InterruptScope and looks at InterruptRequested().

namespace slablab {

// What a shell calls a program that Ctrl-C ended: for commands that stop by InterruptRequested().
inline constexpr int kExitInterrupted = 130;

// Takes over the signals. A file that grows beyond `ulimit -f` is from then on an error of the
// write, as a full disk is. Called once, by main, before any command runs.
void HandleInterrupts();

// While one lives, the first `requests_max` of Ctrl-C, SIGTERM and SIGHUP only count as requests;
// the next ends the program as above. Scopes do not nest.
class InterruptScope {
 public:
  explicit InterruptScope(int requests_max = 1);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
};

// How many signals came during the present scope, or the last; whether any did. Cheap enough to
// ask in a loop.
int InterruptRequests();
inline bool InterruptRequested() { return InterruptRequests() > 0; }

// A file that a signal removes, until it is forgotten. At most kTemporaryFilesMax at a time, with
// names shorter than PATH_MAX; CHECKed. A process that was forked removes none of its parent's.
inline constexpr int kTemporaryFilesMax = 64;
class TemporaryFileMark {
 public:
  explicit TemporaryFileMark(const std::string& path);
  ~TemporaryFileMark();
  TemporaryFileMark(const TemporaryFileMark&) = delete;
  TemporaryFileMark& operator=(const TemporaryFileMark&) = delete;

 private:
  int slot_;
};

}  // namespace slablab

#endif  // SLABLAB_BASE_INTERRUPT_H_
