// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The program as a user starts it: what it prints where, and its exit status.

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Ending {
  int exit_status = -1;
  std::string text;
};

// Runs `slablab ARGUMENTS` in a shell; `redirection` says what is collected.
Ending Slablab(const std::string& arguments, const std::string& redirection) {
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
Ending Stdout(const std::string& arguments) { return Slablab(arguments, "2>/dev/null"); }
Ending Stderr(const std::string& arguments) { return Slablab(arguments, "2>&1 >/dev/null"); }

TEST(ProgramTest, HelpIsData) {
  for (const std::string arguments : {"help", "--help", "-h", "help help", "version --help"}) {
    const Ending run = Stdout(arguments);
    EXPECT_EQ(run.exit_status, 0) << arguments;
    EXPECT_THAT(run.text, StartsWith("usage: slablab ")) << arguments;
    EXPECT_THAT(Stderr(arguments).text, IsEmpty()) << arguments;
  }
  EXPECT_THAT(Stdout("--version").text, StartsWith("slablab "));
}

TEST(ProgramTest, AnErrorIsOneUncolouredLineOnStderrAndStatusTwo) {
  for (const std::string arguments : {"", "hlep", "help nothing", "version --fast", "--fast"}) {
    const Ending run = Stderr(arguments);
    EXPECT_EQ(run.exit_status, 2) << arguments;
    EXPECT_THAT(run.text, StartsWith("slablab: ")) << arguments;
    EXPECT_EQ(run.text.find('\n'), run.text.size() - 1) << arguments;
    EXPECT_THAT(Stdout(arguments).text, IsEmpty()) << arguments;
  }
}

TEST(ProgramTest, OutputThatDoesNotArriveIsAnError) {
  const Ending run = Slablab("help", "2>&1 >/dev/full");
  EXPECT_EQ(run.exit_status, 2);
  EXPECT_THAT(run.text, HasSubstr("cannot write to standard output: No space left on device"));
}

}  // namespace
}  // namespace slablab
