// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/help.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/names.h"
#include "cli/flags.h"
#include "cli/output/wrap.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// Splits "FILE: where to write" into {"FILE", "where to write"}, and a text without such a
// beginning into {"VALUE", text}.
std::pair<std::string, std::string> ValueNameAndText(const std::string& help) {
  const size_t colon = help.find(": ");
  const bool named =
      colon != std::string::npos && colon > 0 &&
      std::all_of(help.begin(), help.begin() + colon, [](unsigned char c) {
        return absl::ascii_isupper(c) || absl::ascii_isdigit(c) || absl::ascii_ispunct(c);
      });
  if (!named) return {"VALUE", help};
  return {help.substr(0, colon), help.substr(colon + 2)};
}

// "text, json or csv".
std::string Alternatives(absl::Span<const Format> formats) {
  std::string text;
  for (size_t i = 0; i < formats.size(); ++i) {
    text += i == 0 ? "" : i + 1 == formats.size() ? " or " : ", ";
    text += FormatName(formats[i]);
  }
  return text;
}

FlagHelp HelpOf(const Command& command, std::string_view name) {
  const FlagInfo flag = InfoOf(name);
  const std::string dashed =
      absl::StrReplaceAll(absl::string_view(name.data(), name.size()), {{"_", "-"}});
  auto [value_name, text] = ValueNameAndText(flag.help);
  const std::string& default_value = flag.by_default;
  if (flag.is_bool) {
    if (default_value == "true")
      text += fmt::format(" On by default: --no-{} turns it off.", dashed);
    return {.written = "--" + dashed, .text = text};
  }
  if (name == "format") text += Alternatives(command.formats) + ".";
  const OptionRange* const range = RangeOf(name);
  if (range != nullptr && range->most <= std::numeric_limits<int64_t>::max() / 2) {
    text += fmt::format(" {}..{}.", range->least, range->most);
  }
  if (!default_value.empty()) text += fmt::format(" Default: {}.", default_value);
  return {.written = fmt::format("--{}={}", dashed, value_name), .text = text};
}

std::string CommandHelp(const Command& command) {
  std::string usage = fmt::format("usage: slablab {}", command.name);
  if (!command.flags.empty()) usage += " [FLAGS]";
  if (!command.synopsis.empty()) {
    // Too many choices for one line stand on the next, and on further ones.
    constexpr size_t kColumnsMax = 80;
    constexpr std::string_view kNext = "\n       ";
    std::string_view rest = command.synopsis;
    if (usage.size() + 1 + rest.size() <= kColumnsMax) {
      usage += fmt::format(" {}", rest);
      rest = {};
    }
    while (!rest.empty()) {
      constexpr size_t kRoom = kColumnsMax + 1 - kNext.size();
      const size_t choice = rest.size() <= kRoom ? rest.npos : rest.rfind('|', kRoom - 1);
      const size_t length = choice == rest.npos ? rest.size() : choice + 1;
      usage += fmt::format("{}{}", kNext, rest.substr(0, length));
      rest.remove_prefix(length);
    }
  }
  std::string out = usage + "\n\n";
  AppendRow(&out, "", command.summary, 0);
  if (!command.flags.empty()) out += "\nflags:\n";
  constexpr size_t kFlagIndent = 26;
  for (const FlagHelp& flag : FlagsOf(command)) {
    AppendRow(&out, flag.written, flag.text, kFlagIndent);
  }
  if (command.example.empty()) return out;
  out += "\nfor example:\n";
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(command.example.data(), command.example.size()), '\n')) {
    out += fmt::format("  {}\n", std::string_view(line.data(), line.size()));
  }
  return out;
}

// What a command does, without how: a list of all is to fit a screen.
std::string Brief(std::string_view summary) {
  size_t end = summary.size();
  for (const std::string_view more : {". ", ": ", "; ", ", and ", ", or "}) {
    end = std::min(end, summary.find(more));
  }
  std::string brief(summary.substr(0, end));
  if (!brief.empty() && brief.back() != '.') brief += '.';
  return brief;
}

void AppendCommandList(std::string* out, const std::vector<const Command*>& commands) {
  size_t indent = 0;
  for (const Command* command : commands) indent = std::max(indent, command->name.size() + 4);
  for (const Command* command : commands) {
    AppendRow(out, command->name, Brief(command->summary), indent);
  }
}

}  // namespace

std::vector<FlagHelp> FlagsOf(const Command& command) {
  std::vector<FlagHelp> flags;
  for (const std::string& flag : FlagNames(command)) flags.push_back(HelpOf(command, flag));
  return flags;
}

absl::StatusOr<std::string> HelpText(absl::Span<const Command> commands,
                                     const std::vector<std::string>& topic) {
  const std::string name = absl::StrJoin(topic, " ");
  std::vector<const Command*> listed;
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (command.name == name) return CommandHelp(command);
    const absl::string_view command_name(command.name.data(), command.name.size());
    if (name.empty() || absl::StartsWith(command_name, name + " ")) listed.push_back(&command);
    names.emplace_back(command.name);
  }
  if (listed.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "no command '{}'{}; 'slablab help' lists the commands", name, DidYouMean(name, names)));
  }
  std::string out;
  if (name.empty()) {
    out = "usage: slablab COMMAND [FLAGS] [ARGUMENTS]\n\n";
    AppendRow(&out, "",
              "A deterministic simulator of kernel memory allocators: replays captured workloads "
              "on a simulated machine and shows where the cycles and the bytes went.",
              0);
    out += "\ncommands:\n";
  } else {
    out = fmt::format("usage: slablab {} COMMAND [FLAGS] [ARGUMENTS]\n\ncommands:\n", name);
  }
  AppendCommandList(&out, listed);
  out += "\n'slablab help COMMAND' says more of one, and shows its flags.\n";
  if (!name.empty()) return out;
  out +=
      "\nto begin with:\n"
      "  slablab demo                         all eras on a bundled trace\n"
      "  slablab list traces                  the bundled traces\n"
      "  slablab run linux-7.3-slub-c4n2-fs   where the cycles and bytes of one went\n";
  return out;
}

}  // namespace slablab
