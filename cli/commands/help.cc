// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The commands that tell of the others.

#include "cli/help.h"

#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/names.h"
#include "cli/command.h"
#include "cli/commands/commands.h"
#include "cli/output/print.h"
#include "cli/shell/completion.h"
#include "cli/shell/man_page.h"
#include "runs/simulation/version.h"

namespace slablab {
namespace {

int RunHelp(const std::vector<std::string>& arguments) {
  const absl::StatusOr<std::string> text = HelpText(Commands(), arguments);
  if (!text.ok()) return Fail(text.status());
  Print(stdout, "{}", *text);
  return kExitOk;
}

int RunCompletion(const std::vector<std::string>& arguments) {
  const std::string shell = arguments.size() == 1 ? arguments[0] : "";
  std::string script;
  if (shell == "bash") script = BashCompletion(Commands());
  if (shell == "zsh") script = ZshCompletion(Commands());
  if (shell == "fish") script = FishCompletion(Commands());
  if (script.empty()) {
    return Fail(arguments.size() == 1
                    ? UnknownName("shell", shell, {"bash", "zsh", "fish"})
                    : absl::InvalidArgumentError("completion for what shell? there "
                                                 "are: bash, zsh, fish"));
  }
  Print(stdout, "{}", script);
  return kExitOk;
}

int RunMan(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) return Fail(absl::InvalidArgumentError("man takes no arguments"));
  Print(stdout, "{}", ManPage(Commands()));
  return kExitOk;
}

int RunVersion(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) return Fail(absl::InvalidArgumentError("version takes no arguments"));
  Print(stdout, "slablab {}\n", kVersion);
  return kExitOk;
}

}  // namespace

extern const Command kHelpCommand = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .summary = "Shows what the commands are, or one command's flags.",
    .run = RunHelp,
};

extern const Command kCompletionCommand = {
    .name = "completion",
    .synopsis = "bash|zsh|fish",
    .summary = "Prints a script that completes slablab's command line in a shell.",
    .example = "source <(slablab completion bash)",
    .run = RunCompletion,
};

extern const Command kManCommand = {
    .name = "man",
    .synopsis = "",
    .summary = "Prints the manual page.",
    .example = "slablab man | man -l -",
    .run = RunMan,
};

extern const Command kVersionCommand = {
    .name = "version",
    .synopsis = "",
    .summary = "Prints the version.",
    .run = RunVersion,
};

}  // namespace slablab
