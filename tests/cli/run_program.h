// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_CLI_RUN_PROGRAM_H_
#define SLABLAB_TESTS_CLI_RUN_PROGRAM_H_

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace slablab {

struct Ending {
  int exit_status = -1;
  std::string text;
};

// Runs `slablab ARGUMENTS` in a shell; `redirection` says what is collected. The test needs
// //cli:slablab as data.
inline Ending Slablab(const std::string& arguments, const std::string& redirection) {
  const char* runfiles = std::getenv("TEST_SRCDIR");
  const std::string program = absl::StrCat(runfiles, "/slablab/cli/slablab");
  Ending run;
  std::FILE* pipe = popen(absl::StrCat(program, " ", arguments, " ", redirection).c_str(), "r");
  if (pipe == nullptr) return run;
  char buffer[4096];
  while (const size_t bytes = std::fread(buffer, 1, sizeof(buffer), pipe)) {
    run.text.append(buffer, bytes);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) run.exit_status = WEXITSTATUS(status);
  return run;
}
inline Ending Stdout(const std::string& arguments) { return Slablab(arguments, "2>/dev/null"); }
inline Ending Stderr(const std::string& arguments) { return Slablab(arguments, "2>&1 >/dev/null"); }

}  // namespace slablab

#endif  // SLABLAB_TESTS_CLI_RUN_PROGRAM_H_
