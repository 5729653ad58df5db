// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_CLI_RUN_PROGRAM_H_
#define SLABLAB_TESTS_CLI_RUN_PROGRAM_H_

#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/test_files.h"

namespace slablab {

// A bundled trace of SLUB; needs //traces/samples as data.
inline std::string Sample(const std::string& name) {
  return Runfile(absl::StrCat("traces/samples/linux-6.1-slub-c4n2-", name, ".slt"));
}

struct Ending {
  int exit_status = -1;  // -1: a signal ended it
  std::string text;
};

// Runs a command in a shell and collects what it prints.
inline Ending Collect(const std::string& command) {
  Ending run;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return run;
  char buffer[4096];
  while (const size_t bytes = std::fread(buffer, 1, sizeof(buffer), pipe)) {
    run.text.append(buffer, bytes);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) run.exit_status = WEXITSTATUS(status);
  return run;
}

// Runs `slablab ARGUMENTS`; `redirection` says what is collected. The test needs //cli:slablab as
// data.
inline Ending Slablab(const std::string& arguments, const std::string& redirection) {
  return Collect(absl::StrCat(Runfile("cli/slablab"), " ", arguments, " ", redirection));
}
inline Ending Stdout(const std::string& arguments) { return Slablab(arguments, "2>/dev/null"); }
inline Ending Stderr(const std::string& arguments) { return Slablab(arguments, "2>&1 >/dev/null"); }

}  // namespace slablab

#endif  // SLABLAB_TESTS_CLI_RUN_PROGRAM_H_
