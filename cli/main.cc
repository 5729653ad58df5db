// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/claimed_output.h"
#include "base/interrupt.h"
#include "base/left_behind.h"
#include "base/out_of_memory.h"
#include "cli/command.h"
#include "cli/commands/commands.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "fmt/format.h"
#include "google/protobuf/stubs/logging.h"

namespace slablab {
namespace {

// Flags that name files to be written.
constexpr std::string_view kOutputFlags[] = {"output", "operations", "junit", "html"};

absl::Status ClaimOutputs(const Command& command) {
  for (const std::string_view name : kOutputFlags) {
    if (std::find(command.flags.begin(), command.flags.end(), name) == command.flags.end()) {
      continue;
    }
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag({name.data(), name.size()});
    const std::string written = name == "output" ? "-o" : absl::StrCat("--", flag->Name());
    const absl::Status status = ClaimOutput(flag->CurrentValue(), written);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

int Main(const std::vector<std::string>& words) {
  std::set_new_handler(OutOfMemory);
  HandleInterrupts();
  // What it would log of damaged files is in the Status that comes of it.
  google::protobuf::SetLogHandler(nullptr);
  const absl::StatusOr<Invocation> invocation = ParseInvocation(Commands(), words);
  if (!invocation.ok()) return Fail(invocation.status());
  if (const std::vector<std::string> undone = UndoLeftBehind(); !undone.empty()) {
    Print(stderr, "slablab: a run that was killed had left things behind; {}\n",
          fmt::join(undone, ", "));
  }
  if (absl::Status claimed = ClaimOutputs(*invocation->command); !claimed.ok()) {
    return Fail(claimed);
  }
  const int exit_status = invocation->command->run(invocation->arguments);
  // A full disk shows only now. Whatever the command thought, its output did not arrive.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return Fail(absl::UnavailableError(
        fmt::format("cannot write to standard output: {}", std::strerror(errno))));
  }
  return exit_status;
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) {
  return slablab::Main(std::vector<std::string>(argv + 1, argv + argc));
}
