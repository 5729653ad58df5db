// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/command.h"

#include <cstdio>

#include "base/printable.h"
#include "cli/output/print.h"
#include "cli/output/terminal.h"
#include "fmt/format.h"

namespace slablab {

int Fail(const absl::Status& status) {
  const bool colour = ColourWanted(stderr);
  Print(stderr, "{}slablab:{} {}\n", colour ? "\033[1;31m" : "", colour ? "\033[0m" : "",
        PrintableLines({status.message().data(), status.message().size()}));
  return status.code() == absl::StatusCode::kInternal ? kExitInternal : kExitUsage;
}

void Warn(std::string_view message) {
  Print(stderr, "slablab: warning: {}\n", PrintableLines(message));
}

}  // namespace slablab
