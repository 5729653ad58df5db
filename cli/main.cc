// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "fmt/format.h"
#include "google/protobuf/stubs/logging.h"

namespace slablab {
namespace {

[[noreturn]] void OutOfMemory() {
  std::fputs("slablab: out of memory\n", stderr);
  std::_Exit(kExitInternal);
}

int Main(const std::vector<std::string>& words) {
  std::set_new_handler(OutOfMemory);
  HandleInterrupts();
  // What it would log of damaged files is in the Status that comes of it.
  google::protobuf::SetLogHandler(nullptr);
  const absl::StatusOr<Invocation> invocation = ParseInvocation(Commands(), words);
  if (!invocation.ok()) return Fail(invocation.status());
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
