// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_COMMAND_H_
#define SLABLAB_CLI_COMMAND_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

// How a subcommand plugs into the program: it describes itself as a Command at the end of its file,
// cli/commands/NAME.cc, and cli/commands/commands.cc lists it. The flags it takes are ordinary
// ABSL_FLAGs, and switches of a run, named in the Command. Data goes to stdout, progress and
// messages to stderr.

namespace slablab {

// Exit statuses, the same for every command.
inline constexpr int kExitOk = 0;
inline constexpr int kExitDifference = 1;  // a regression, disagreement or difference was found
inline constexpr int kExitUsage = 2;       // the user's input is at fault
inline constexpr int kExitInternal = 3;    // our fault

// What --format can ask for.
enum class Format {
  kText,
  kJson,
  kCsv,
  kTsv,
  kSlabinfo,
  kPercpuStats,
  kProto,
  kHtml,
  kMail,
  kJsonLines,
  kSqlite,
};

struct Command {
  std::string_view name;      // one or two words: "run", "trace info"
  std::string_view synopsis;  // what follows the name and the flags: "FILE..."
  std::string_view summary;   // one line
  // Names of ABSL_FLAGs, of switches of a run, and kEverySwitch.
  absl::Span<const std::string_view> flags = {};
  // What it takes of --format, the default first, where it has that flag.
  absl::Span<const Format> formats = {};
  std::string_view example = {};  // a line or more as one would type them, for help
  // `arguments` are the words that are not flags. Returns an exit status.
  int (*run)(const std::vector<std::string>& arguments) = nullptr;
};

// Stands among a command's flags for all switches of a run, in the order of runs/run_spec.proto,
// but for those that it has as "-NAME".
inline constexpr std::string_view kEverySwitch[] = {"*"};

// The names of several lists of flags, in their order.
template <size_t... kSizes>
constexpr std::array<std::string_view, (kSizes + ...)> Joined(
    const std::string_view (&... lists)[kSizes]) {
  std::array<std::string_view, (kSizes + ...)> all;
  size_t count = 0;
  const auto add = [&](const auto& list) {
    for (const std::string_view name : list) all[count++] = name;
  };
  (add(lists), ...);
  return all;
}

// Prints "slablab: <message>" to stderr and returns kExitUsage, or kExitInternal for a status of
// code kInternal.
int Fail(const absl::Status& status);

// Prints "slablab: warning: <message>" to stderr.
void Warn(std::string_view message);

}  // namespace slablab

#endif  // SLABLAB_CLI_COMMAND_H_
