// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_COMMANDS_COMMANDS_H_
#define SLABLAB_CLI_COMMANDS_COMMANDS_H_

#include "absl/types/span.h"
#include "cli/command.h"

namespace slablab {

// Every command of the program, in the order that help lists them.
absl::Span<const Command> Commands();

}  // namespace slablab

#endif  // SLABLAB_CLI_COMMANDS_COMMANDS_H_
