// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/flags.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/names.h"

ABSL_FLAG(
    std::string, output, "",
    "FILE: where to write; '-' is standard output (a trace is always a file). The file appears "
    "whole or not at all. Short: -o FILE.");
ABSL_FLAG(slablab::Format, format, slablab::Format::kText, "FORMAT: how to print: ");
ABSL_FLAG(std::optional<uint64_t>, limit, std::nullopt,
          "N: show at most N rows of a table; 0 shows all. Short: -l N.");

namespace slablab {
namespace {

constexpr std::pair<Format, std::string_view> kFormats[] = {{Format::kText, "text"},
                                                            {Format::kMail, "mail"},
                                                            {Format::kJson, "json"},
                                                            {Format::kJsonLines, "jsonl"},
                                                            {Format::kCsv, "csv"},
                                                            {Format::kTsv, "tsv"},
                                                            {Format::kSlabinfo, "slabinfo"},
                                                            {Format::kPercpuStats, "percpu_stats"},
                                                            {Format::kProto, "proto"},
                                                            {Format::kSqlite, "sqlite"},
                                                            {Format::kHtml, "html"}};

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

// Flags are spelt with dashes on the command line and with underscores in C++.
std::string Dashed(std::string_view name) { return absl::StrReplaceAll(Absl(name), {{"_", "-"}}); }
std::string Underscored(std::string_view name) {
  return absl::StrReplaceAll(Absl(name), {{"-", "_"}});
}

const Command* FindCommand(absl::Span<const Command> commands, std::string_view name) {
  const auto found = std::find_if(commands.begin(), commands.end(),
                                  [&](const Command& command) { return command.name == name; });
  return found == commands.end() ? nullptr : &*found;
}

absl::Status UnknownCommand(absl::Span<const Command> commands,
                            const std::vector<std::string>& words) {
  std::vector<std::string> names;
  std::vector<std::string> second_words;
  for (const Command& command : commands) {
    names.emplace_back(command.name);
    const std::vector<std::string> parts = absl::StrSplit(Absl(command.name), ' ');
    if (parts.size() == 2 && parts[0] == words[0]) second_words.push_back(parts[1]);
  }
  if (second_words.empty()) {
    // "tarce info" is near "trace info", "vreify x.ref" only near "verify".
    std::string near = words.size() > 1 ? DidYouMean(words[0] + " " + words[1], names) : "";
    if (near.empty()) near = DidYouMean(words[0], names);
    return absl::InvalidArgumentError(
        absl::StrCat("no command '", words[0], "'", near, "; 'slablab help' lists the commands"));
  }
  if (words.size() < 2 || absl::StartsWith(words[1], "-")) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", words[0], "' wants one of: ", absl::StrJoin(second_words, ", "),
                     "; see 'slablab help ", words[0], "'"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no command '", words[0], " ", words[1], "'", DidYouMean(words[1], second_words),
                   "; '", words[0], "' has: ", absl::StrJoin(second_words, ", ")));
}

absl::Status UnknownFlag(const Command& command, std::string_view written) {
  std::vector<std::string> names;
  for (const std::string& flag : FlagNames(command)) names.push_back(Dashed(flag));
  return absl::InvalidArgumentError(
      absl::StrCat("'", Absl(command.name), "' has no flag --", Absl(written),
                   DidYouMean(Dashed(written), names, "--"),
                   names.empty() ? "; it takes none"
                                 : absl::StrCat("; it takes --", absl::StrJoin(names, ", --"))));
}

// The flag `name` (with underscores) if `command` takes it.
std::optional<FlagInfo> FlagOf(const Command& command, std::string_view name) {
  const std::vector<std::string> names = FlagNames(command);
  if (std::find(names.begin(), names.end(), name) == names.end()) return std::nullopt;
  return InfoOf(name);
}

// What was written for switches of a run, by name.
std::map<std::string, std::string, std::less<>>& SwitchesGiven() {
  static auto& texts = *new std::map<std::string, std::string, std::less<>>;
  return texts;
}

std::set<std::string, std::less<>>& FlagsGiven() {
  static auto& names = *new std::set<std::string, std::less<>>;
  return names;
}

std::optional<size_t>& BeforeDashes() {
  static std::optional<size_t> arguments;
  return arguments;
}

absl::Status CheckFormat(const Command& command, const std::string& value) {
  std::vector<std::string> names;
  for (const Format format : command.formats) names.push_back(FormatName(format));
  if (std::find(names.begin(), names.end(), value) != names.end()) return absl::OkStatus();
  return BadFlag(
      "format", value,
      UnknownNameText(absl::StrCat("format of '", Absl(command.name), "'"), value, names));
}

absl::Status SetFlag(const Command& command, const FlagInfo& flag, const std::string& written) {
  const bool is_first = FlagsGiven().insert(flag.name).second;
  const RunSwitch* const of_run = FindSwitch(flag.name);
  absl::CommandLineFlag* const of_program =
      of_run == nullptr ? absl::FindCommandLineFlag(flag.name) : nullptr;
  const auto before = [&] {
    return of_run == nullptr ? of_program->CurrentValue() : SwitchesGiven()[flag.name];
  };
  const std::string value = is_first || flag.separator == '\0'
                                ? written
                                : before() + std::string(1, flag.separator) + written;
  if (flag.name == "format") {
    if (absl::Status status = CheckFormat(command, value); !status.ok()) return status;
  }
  if (const OptionRange* const range = RangeOf(flag.name); range != nullptr) {
    const absl::StatusOr<uint64_t> number = ParseInRange(*range, value);
    if (!number.ok()) return number.status();
  }
  if (of_run != nullptr) {
    SwitchesGiven()[flag.name] = value;
    RunSpec alone;  // Of words, who runs it says what is wrong.
    return flag.is_bool ? SetSwitch(flag.name, value, &alone) : absl::OkStatus();
  }
  std::string error;
  if (of_program->ParseFrom(value, &error)) return absl::OkStatus();
  if (flag.is_bool) return BadFlag(flag.name, value, "it takes true or false");
  // Abseil's message is "Illegal value '..' specified for flag '..'", then "; " and the parser's.
  const size_t reason = error.find("; ");
  return BadFlag(flag.name, value,
                 reason == std::string::npos ? "no such value" : error.substr(reason + 2));
}

// Reads the flags and arguments of one command from its words, in order.
class WordReader {
 public:
  WordReader(const Command& command, const std::vector<std::string>& words, size_t first)
      : command_(command), words_(words), next_(first) {}

  absl::Status Read() {
    while (next_ < words_.size() && !help_wanted_) {
      const std::string& word = words_[next_++];
      if (word == "--") {
        BeforeDashes() = arguments_.size();
        arguments_.insert(arguments_.end(), words_.begin() + next_, words_.end());
        return absl::OkStatus();
      }
      absl::Status status;
      if (word == "-h" || word == "--help") {
        help_wanted_ = true;
      } else if (absl::StartsWith(word, "--")) {
        status = ReadLong(word.substr(2));
      } else if (absl::StartsWith(word, "-") && word.size() > 1) {
        status = ReadShort(word);
      } else {
        arguments_.push_back(word);
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  bool help_wanted() const { return help_wanted_; }
  std::vector<std::string> TakeArguments() { return std::move(arguments_); }

 private:
  absl::Status ReadLong(const std::string& text) {
    const size_t equals = text.find('=');
    const std::string written = text.substr(0, equals);
    const std::string name = Underscored(written);
    const std::optional<FlagInfo> flag = FlagOf(command_, name);
    if (!flag.has_value() && equals == std::string::npos) {
      for (const std::string_view no : {"no_", "no"}) {
        if (!absl::StartsWith(name, Absl(no))) continue;
        const std::optional<FlagInfo> negated = FlagOf(command_, name.substr(no.size()));
        if (negated.has_value() && negated->is_bool) return SetFlag(command_, *negated, "false");
      }
    }
    if (!flag.has_value()) return UnknownFlag(command_, written);
    if (equals != std::string::npos) return SetFlag(command_, *flag, text.substr(equals + 1));
    if (flag->is_bool) return SetFlag(command_, *flag, "true");
    return SetFromNextWord(*flag, "--" + written);
  }

  absl::Status ReadShort(const std::string& word) {
    const std::string name = word[1] == 'o' ? "output" : word[1] == 'l' ? "limit" : "";
    const std::optional<FlagInfo> flag = FlagOf(command_, name);
    if (!flag.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("'", Absl(command_.name), "' has no flag ",
                                                     word, "; see 'slablab help ",
                                                     Absl(command_.name), "'"));
    }
    if (word.size() > 2) return SetFlag(command_, *flag, word.substr(2));
    return SetFromNextWord(*flag, word);
  }

  absl::Status SetFromNextWord(const FlagInfo& flag, const std::string& written) {
    // A flag is hardly meant as a value; one that is can be written --name=--value.
    if (next_ == words_.size() || absl::StartsWith(words_[next_], "--")) {
      return absl::InvalidArgumentError(absl::StrCat(written, " wants a value"));
    }
    return SetFlag(command_, flag, words_[next_++]);
  }

  const Command& command_;
  const std::vector<std::string>& words_;
  size_t next_;
  bool help_wanted_ = false;
  std::vector<std::string> arguments_;
};

}  // namespace

FlagInfo InfoOf(std::string_view name) {
  FlagInfo info{.name = std::string(name), .help = {}, .by_default = {}};
  if (const RunSwitch* const each = FindSwitch(name); each != nullptr) {
    info.help = each->flag->help();
    info.by_default = each->flag->by_default();
    info.is_bool = each->is_bool();
    info.separator = each->is_list() ? ',' : '\0';
    return info;
  }
  const absl::CommandLineFlag* const flag = absl::FindCommandLineFlag(Absl(name));
  CHECK(flag != nullptr);
  info.help = flag->Help();
  info.by_default = flag->DefaultValue();
  info.is_bool = flag->IsOfType<bool>();
  if (flag->IsOfType<CommaList>()) info.separator = ',';
  if (flag->IsOfType<SemicolonList>()) info.separator = ';';
  return info;
}

std::vector<std::string> FlagNames(const Command& command) {
  std::vector<std::string> names;
  const auto has = [&](const std::string& name) {
    return std::find(command.flags.begin(), command.flags.end(), name) != command.flags.end();
  };
  for (const std::string_view name : command.flags) {
    if (name != kEverySwitch[0]) {
      if (name[0] != '-') names.emplace_back(name);
      continue;
    }
    for (const RunSwitch& each : Switches()) {
      if (!has("-" + each.field->name())) names.emplace_back(each.name());
    }
  }
  return names;
}

bool AbslParseFlag(absl::string_view text, Format* format, std::string* error) {
  for (const auto& [value, name] : kFormats) {
    if (text == Absl(name)) {
      *format = value;
      return true;
    }
  }
  std::vector<std::string> names;
  for (const auto& [value, name] : kFormats) names.emplace_back(name);
  *error = UnknownNameText("format", {text.data(), text.size()}, names);
  return false;
}

std::string AbslUnparseFlag(Format format) { return FormatName(format); }

std::string FormatName(Format format) {
  for (const auto& [value, name] : kFormats) {
    if (value == format) return std::string(name);
  }
  CHECK(false);
  return "";
}

absl::StatusOr<Format> FormatAmong(absl::Span<const Format> accepted) {
  const Format format = absl::GetFlag(FLAGS_format);
  if (std::find(accepted.begin(), accepted.end(), format) != accepted.end()) return format;
  std::vector<std::string> names;
  for (const Format each : accepted) names.push_back(FormatName(each));
  return BadFlag("format", FormatName(format),
                 absl::StrCat("it is not offered here; valid are: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<Invocation> ParseInvocation(absl::Span<const Command> commands,
                                           const std::vector<std::string>& words) {
  FlagsGiven().clear();
  SwitchesGiven().clear();
  BeforeDashes().reset();
  const Command* help = FindCommand(commands, "help");
  const Command* version = FindCommand(commands, "version");
  CHECK(help != nullptr);
  CHECK(version != nullptr);
  if (words.empty()) {
    return absl::InvalidArgumentError(
        "what is to be done?\n"
        "  slablab demo         all eras on a bundled trace, and what differs\n"
        "  slablab list traces  the bundled traces; 'slablab run NAME' replays one\n"
        "  slablab help         all commands; 'slablab help run' has the flags of one");
  }
  if (words[0] == "-h" || words[0] == "--help") {
    return Invocation{help, {words.begin() + 1, words.end()}};
  }
  if (words[0] == "--version") return Invocation{version, {}};
  if (absl::StartsWith(words[0], "-")) {
    return absl::InvalidArgumentError(
        absl::StrCat("the command comes before its flags: slablab COMMAND ", words[0],
                     " ...; 'slablab help' lists the commands"));
  }

  size_t name_words = 2;
  const Command* command =
      words.size() > 1 ? FindCommand(commands, words[0] + " " + words[1]) : nullptr;
  if (command == nullptr) {
    name_words = 1;
    command = FindCommand(commands, words[0]);
  }
  if (command == nullptr) {
    // "trace --help" asks for the help of all commands that begin with "trace".
    if (words.size() == 2 && (words[1] == "-h" || words[1] == "--help")) {
      return Invocation{help, {words[0]}};
    }
    return UnknownCommand(commands, words);
  }
  WordReader reader(*command, words, name_words);
  if (absl::Status status = reader.Read(); !status.ok()) return status;
  if (reader.help_wanted()) {
    return Invocation{help, absl::StrSplit(Absl(command->name), ' ')};
  }
  return Invocation{command, reader.TakeArguments()};
}

std::vector<std::string> FlagsAsGiven(absl::Span<const std::string_view> but) {
  std::vector<std::string> words;
  for (const std::string& name : FlagsGiven()) {
    if (std::find(but.begin(), but.end(), name) != but.end()) continue;
    const RunSwitch* const of_run = FindSwitch(name);
    words.push_back(absl::StrCat(
        "--", Dashed(name), "=",
        of_run != nullptr ? GivenText(*of_run) : absl::FindCommandLineFlag(name)->CurrentValue()));
  }
  return words;
}

std::optional<size_t> ArgumentsBeforeDashes() { return BeforeDashes(); }

bool WasGiven(std::string_view name) { return FlagsGiven().contains(name); }

std::string GivenText(const RunSwitch& each) {
  const auto found = SwitchesGiven().find(each.name());
  return found == SwitchesGiven().end() ? "" : found->second;
}

}  // namespace slablab
