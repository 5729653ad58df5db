// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_COMPLETION_H_
#define SLABLAB_CLI_COMPLETION_H_

#include <string>

#include "absl/types/span.h"
#include "cli/command.h"

namespace slablab {

// A script for bash that completes slablab's command line: commands, their flags, the values of
// flags that have few (allocators, machines, formats), and files everywhere else. Made from the
// table of commands; it asks the program for nothing. Needs no bash-completion package.
std::string BashCompletion(absl::Span<const Command> commands);

}  // namespace slablab

#endif  // SLABLAB_CLI_COMPLETION_H_
