// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/shell/completion.h"
#include "cli/flags.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// Which command the words before the cursor are of, and whether it is this one.
constexpr std::string_view kFunctions = R"script(
function __slablab_command
    set -l words (commandline -opc)
    set -e words[1]
    if test (count $words) -ge 2; and contains -- "$words[1] $words[2]" $__slablab_pairs
        echo "$words[1] $words[2]"
    else
        echo "$words[1]"
    end
end
function __slablab_is
    test (__slablab_command) = "$argv[1]"
end
complete -c slablab -e
)script";

std::string Quoted(std::string_view text) {
  return "'" +
         absl::StrReplaceAll(absl::string_view(text.data(), text.size()),
                             {{"\\", "\\\\"}, {"'", "\\'"}}) +
         "'";
}

// What is said of a flag beside it: a few words.
std::string Described(std::string help) {
  help = help.substr(0, help.find_first_of(".;"));
  constexpr size_t kMax = 60;
  if (help.size() > kMax) help = help.substr(0, help.rfind(' ', kMax)) + " ...";
  return Quoted(help);
}

std::string FlagLines(const Command& command,
                      const std::map<std::string, CompletionWords>& flag_values) {
  std::string lines;
  const std::string when = fmt::format("-n {}", Quoted("__slablab_is " + Quoted(command.name)));
  for (const std::string& name : FlagNames(command)) {
    const FlagInfo flag = InfoOf(name);
    const std::string dashed = absl::StrReplaceAll(name, {{"_", "-"}});
    const bool on = flag.is_bool && flag.by_default == "true";
    std::string line = fmt::format("complete -c slablab {} -l {}{}", when, on ? "no-" : "", dashed);
    CompletionWords values;
    if (name == "format") {
      for (const Format format : command.formats) values.push_back(FormatName(format));
    } else if (const auto found = flag_values.find(name); found != flag_values.end()) {
      values = found->second;
    }
    if (!values.empty()) line += fmt::format(" -x -a {}", Quoted(absl::StrJoin(values, " ")));
    if (values.empty() && !flag.is_bool) line += " -r";
    lines += fmt::format("{} -d {}\n", line, Described(flag.help));
  }
  return lines;
}

}  // namespace

std::string FishCompletion(absl::Span<const Command> commands) {
  std::string script =
      "# fish completion for slablab(1), as `slablab completion fish` prints it. To have it now:\n"
      "#   slablab completion fish | source\n\n"
      "set -g __slablab_pairs";
  for (const Command& command : commands) {
    if (command.name.find(' ') != command.name.npos) script += " " + Quoted(command.name);
  }
  script += kFunctions;
  const std::map<std::string, CompletionWords> flag_values = CompletedFlagValues();
  std::set<std::string> firsts;
  for (const Command& command : commands) {
    const std::string name(command.name);
    const size_t blank = name.find(' ');
    const std::string first = name.substr(0, blank);
    if (blank == name.npos || firsts.insert(first).second) {
      script += fmt::format("complete -c slablab -f -n '__slablab_is \"\"' -a {} -d {}\n", first,
                            blank == name.npos ? Described(std::string(command.summary)) : "''");
    }
    if (blank != name.npos) {
      script += fmt::format("complete -c slablab -f -n '__slablab_is {}' -a {} -d {}\n", first,
                            name.substr(blank + 1), Described(std::string(command.summary)));
    }
    if (const CompletionWords words = CompletedArguments(command); !words.empty()) {
      script +=
          fmt::format("complete -c slablab -f -n {} -a {}\n",
                      Quoted("__slablab_is " + Quoted(name)), Quoted(absl::StrJoin(words, " ")));
    }
    script += FlagLines(command, flag_values);
  }
  return script;
}

}  // namespace slablab
