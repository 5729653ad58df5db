// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_OUT_OF_MEMORY_H_
#define SLABLAB_BASE_OUT_OF_MEMORY_H_

#include <cstdio>
#include <cstdlib>

namespace slablab {

// Ends the program with status 2: the host's memory, or what the user may have of it, is too little
// for what was asked. Whoever asks the system for memory by other ways than `new` calls it.
[[noreturn, gnu::cold, gnu::noinline]] inline void OutOfMemory() {
  std::fputs(
      "slablab: out of memory: this host, or a limit on the process (ulimit -v), has not enough "
      "for this run\n",
      stderr);
  std::quick_exit(2);
}

}  // namespace slablab

#endif  // SLABLAB_BASE_OUT_OF_MEMORY_H_
