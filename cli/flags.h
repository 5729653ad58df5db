// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_FLAGS_H_
#define SLABLAB_CLI_FLAGS_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/command.h"
#include "runs/switches.h"

// From the words of the command line to a command, its flags and its arguments.
//
// A flag is a switch of a run (runs/switches.h), or an ABSL_FLAG, set through Abseil's reflection.
// absl::ParseCommandLine is not used: it knows no short flags, accepts every flag linked in
// whatever the command, and exits with status 1, which here means "a difference was found".
//
// Accepted: --name=value, --name value, --flag, --noflag, --no-flag (booleans), -o FILE for
// --output, -l N for --limit, -h and --help. Dashes and underscores in names are the same. The
// first "--" ends the flags: all after it are arguments. "-" alone is an argument.
//
// The help text of a flag may begin with a word in capitals and a colon, "FILE: where to write";
// help then shows --name=FILE.

namespace slablab {

// Flags that several commands share.
bool AbslParseFlag(absl::string_view text, Format* format, std::string* error);
std::string AbslUnparseFlag(Format format);
std::string FormatName(Format format);

// What a flag has that may be given several times: the values one after another, with the separator
// between them. Of a flag of another type the last value counts.
template <char kSeparator>
struct ListFlag {
  std::string text;
};
using CommaList = ListFlag<','>;
using SemicolonList = ListFlag<';'>;

template <char kSeparator>
bool AbslParseFlag(absl::string_view text, ListFlag<kSeparator>* list, std::string*) {
  list->text = std::string(text);
  return true;
}
template <char kSeparator>
std::string AbslUnparseFlag(const ListFlag<kSeparator>& list) {
  return list.text;
}

// Every flag that is a number has one; null for the others.
const OptionRange* RangeOf(std::string_view name);

// What a flag is, wherever it is defined.
struct FlagInfo {
  std::string name;
  std::string help;
  std::string by_default;
  bool is_bool = false;
  char separator =
      '\0';  // of the values of one that may be given several times; 0: the last counts
};
// REQUIRES: there is one of that name.
FlagInfo InfoOf(std::string_view name);

// All flags of the command by name, in its order, with the switches of a run for kEverySwitch.
std::vector<std::string> FlagNames(const Command& command);

}  // namespace slablab

ABSL_DECLARE_FLAG(std::string, output);  // empty or "-": standard output
ABSL_DECLARE_FLAG(slablab::Format, format);
ABSL_DECLARE_FLAG(std::optional<uint64_t>, limit);  // unset: the command's own default

namespace slablab {

// The value of --format if it is among `accepted`, else InvalidArgument naming those. That it is
// one of the command's own is known by then.
absl::StatusOr<Format> FormatAmong(absl::Span<const Format> accepted);

struct Invocation {
  const Command* command = nullptr;    // into the table given
  std::vector<std::string> arguments;  // words that are neither command nor flag
};

// Finds the command in `commands`, sets its flags and collects the rest. A call for help in any
// form becomes the command "help" with the command's name as arguments; --version, the command
// "version"; no word at all is an error. Errors are InvalidArgument and name what is near.
// REQUIRES: `commands` has "help" and "version", and every flag named in it is defined.
absl::StatusOr<Invocation> ParseInvocation(absl::Span<const Command> commands,
                                           const std::vector<std::string>& words);

// The flags that the words had, but for some, as words that say the same again; by name.
std::vector<std::string> FlagsAsGiven(absl::Span<const std::string_view> but);

// Whether the words that ParseInvocation read had the flag `name`, with whatever value.
bool WasGiven(std::string_view name);

// How many arguments there were before the "--" that ends the flags; nothing if there is none.
std::optional<size_t> ArgumentsBeforeDashes();

// What they had for the switch of a run; empty: nothing.
std::string GivenText(const RunSwitch& each);

}  // namespace slablab

#endif  // SLABLAB_CLI_FLAGS_H_
