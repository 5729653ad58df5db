// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_SHELL_MAN_PAGE_H_
#define SLABLAB_CLI_SHELL_MAN_PAGE_H_

#include <string>

#include "absl/types/span.h"
#include "cli/command.h"

namespace slablab {

// slablab(1) for man: every command with its flags, made from the table of commands, in the macros
// of man(7).
std::string ManPage(absl::Span<const Command> commands);

}  // namespace slablab

#endif  // SLABLAB_CLI_SHELL_MAN_PAGE_H_
