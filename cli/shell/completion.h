// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_SHELL_COMPLETION_H_
#define SLABLAB_CLI_SHELL_COMPLETION_H_

#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "cli/command.h"

namespace slablab {

// A script for bash that completes slablab's command line: commands, their flags, the values of
// flags that have few (allocators, machines, formats), and files everywhere else. Made from the
// table of commands; it asks the program for nothing. Needs no bash-completion package.
std::string BashCompletion(absl::Span<const Command> commands);
// The same for zsh and for fish.
std::string ZshCompletion(absl::Span<const Command> commands);
std::string FishCompletion(absl::Span<const Command> commands);

using CompletionWords = std::vector<std::string>;
// The values of flags that have few, by the flag's name; of all others a file's name is as good a
// guess as any.
std::map<std::string, CompletionWords> CompletedFlagValues();
// The words to choose from that the command has for arguments: of "list" those of its synopsis,
// "allocators|machines|...", of some workloads.
CompletionWords CompletedArguments(const Command& command);

}  // namespace slablab

#endif  // SLABLAB_CLI_SHELL_COMPLETION_H_
