// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_HELP_H_
#define SLABLAB_CLI_HELP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/command.h"

namespace slablab {

// The help text, at most 80 columns wide: of every command when `topic` is empty, of one command
// with its flags when `topic` is its name in one or two words, or of the commands whose name begins
// with the one word of `topic`. InvalidArgument for any other topic.
absl::StatusOr<std::string> HelpText(absl::Span<const Command> commands,
                                     const std::vector<std::string>& topic);

// A flag as help shows it: "--output=FILE", and what it does, with its default.
struct FlagHelp {
  std::string written;
  std::string text;
};
std::vector<FlagHelp> FlagsOf(const Command& command);

}  // namespace slablab

#endif  // SLABLAB_CLI_HELP_H_
