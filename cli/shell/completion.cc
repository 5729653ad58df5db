// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/shell/completion.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "allocators/percpu/registry.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "cli/flags.h"
#include "fmt/format.h"
#include "reports/metrics.h"
#include "reports/result.pb.h"
#include "reports/tables.h"
#include "runs/experiments/variation.h"
#include "sim/machine/machine_loader.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

using Words = CompletionWords;

std::string Dashed(std::string_view name) {
  return absl::StrReplaceAll(absl::string_view(name.data(), name.size()), {{"_", "-"}});
}

Words WorkloadNames() {
  Words names;
  for (const WorkloadInfo& info : ListWorkloads()) names.emplace_back(info.name);
  return names;
}

}  // namespace

std::map<std::string, CompletionWords> CompletedFlagValues() {
  std::map<std::string, Words> values;
  for (const RunSwitch& each : Switches()) {
    const auto& choices = each.flag->choice();
    if (!choices.empty()) values[each.field->name()] = {choices.begin(), choices.end()};
  }
  values["allocator"] = AllocatorNames();
  for (const PercpuInfo& info : ListPercpuAllocators()) {
    values["percpu"].emplace_back(info.name);
  }
  std::set<std::string> quirks;
  for (const std::string& name : values["allocator"]) {
    for (const QuirkInfo& quirk : SwitchesOf(name).quirks) quirks.emplace(quirk.name);
  }
  values["quirks"] = Words(quirks.begin(), quirks.end());
  for (const std::string& tunable : TunableNames()) values["tune"].push_back(tunable + "=");
  for (const std::string& policy : PolicyNames()) values["policy"].push_back(policy + "=");
  values["vary"] = values["tune"];
  values["vary"].insert(values["vary"].end(), values["policy"].begin(), values["policy"].end());
  for (const std::string& flag : VariedFlags()) values["vary"].push_back(Dashed(flag) + "=");
  for (const PresetInfo& info : ListPresets()) values["machine"].push_back(info.name);
  values["machine"].emplace_back("host");
  values["machine"].emplace_back(kRecordedMachine);
  values["workload"] = WorkloadNames();
  for (const Metric& metric : Metrics()) values["metrics"].emplace_back(metric.name);
  for (const DataTable& table : DataTables(RunResult())) values["table"].push_back(table.name);
  return values;
}

CompletionWords CompletedArguments(const Command& command) {
  if (command.name == "workload show" || command.name == "workload write") return WorkloadNames();
  const std::string synopsis(command.synopsis);
  const bool choices = synopsis.find('|') != std::string::npos &&
                       synopsis.find_first_not_of("abcdefghijklmnopqrstuvwxyz|") == synopsis.npos;
  if (!choices) return {};
  return absl::StrSplit(synopsis, '|');
}

namespace {

std::string Case(std::string_view pattern, const Words& words) {
  return fmt::format("    {}) printf '%s\\n' {} ;;\n", pattern, absl::StrJoin(words, " "));
}

Words FlagsOf(const Command& command) {
  Words words;
  for (const std::string& name : FlagNames(command)) {
    const FlagInfo flag = InfoOf(name);
    const bool on = flag.is_bool && flag.by_default == "true";
    words.push_back(
        fmt::format("--{}{}{}", on ? "no-" : "", Dashed(name), flag.is_bool ? "" : "="));
  }
  words.emplace_back("--help");
  return words;
}

constexpr std::string_view kScript = R"script(
_slablab() {
  # Bash cuts words at "=" and ":"; here "--format=te" is one word, and so is "kmalloc-64:x".
  local -a words=()
  local i word last glue=
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ ${#words[@]} -gt 0 && ($word == [=:]* || -n $glue) ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
    [[ $word == [=:] ]] && glue=1 || glue=
  done
  local current=${words[-1]} command=${words[0]} first=1
  # Bash replaces what is behind the last cut, not the whole word.
  local cut=${current%"${COMP_WORDS[COMP_CWORD]}"}
  [[ ${COMP_WORDS[COMP_CWORD]} == [=:] ]] && cut=$current
  COMPREPLY=()
  if [[ ${#words[@]} -eq 1 ]]; then
    COMPREPLY=($(compgen -W "$(_slablab_commands | cut -d' ' -f1 | sort -u)" -- "$current"))
    return
  fi
  if [[ -n $(_slablab_second_words "$command") ]]; then
    if [[ ${#words[@]} -eq 2 && $current != -* ]]; then
      COMPREPLY=($(compgen -W "$(_slablab_second_words "$command")" -- "$current"))
      [[ ${#COMPREPLY[@]} -gt 0 || -z $(_slablab_flags "$command") ]] && return
    elif [[ -n $(_slablab_flags "$command ${words[1]}") ]]; then
      command+=" ${words[1]}" first=2
    fi
  fi
  local flag= value=$current
  if [[ $current == --*=* ]]; then
    flag=${current%%=*} value=${current#*=}
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$(_slablab_flags "$command")" -- "$current"))
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return
  elif [[ ${#words[@]} -gt $((first + 1)) ]]; then
    last=${words[-2]}
    [[ $last == -o ]] && last=--output
    [[ " "$(_slablab_flags "$command" | tr '\n' ' ') == *" $last= "* ]] && flag=$last
  fi
  local choices
  if [[ -n $flag ]]; then
    choices=$(_slablab_values "$command $flag")
  else
    choices=$(_slablab_arguments "$command")
  fi
  # Of a list the last: behind a comma, a tunable behind its cache, a variation behind another.
  local before= separators=,
  [[ $flag == --tune || $flag == --policy ]] && separators=,:
  [[ $flag == --vary ]] && separators=:\;
  [[ -n $flag ]] && before=${value%"${value##*[$separators]}"}
  if [[ -n $choices ]]; then
    COMPREPLY=($(compgen -P "$before" -W "$choices" -- "${value#"$before"}"))
  fi
  if [[ ${#COMPREPLY[@]} -eq 0 ]]; then
    local file
    while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -- "$value")
    compopt -o filenames 2>/dev/null
  fi
  [[ -n $flag && $current == --*=* ]] && cut=${cut#"$flag="}
  for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$cut"}; done
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
}
complete -F _slablab slablab
)script";

constexpr std::string_view kZshScript = R"script(
_slablab() {
  local current=${words[CURRENT]} command=${words[2]} first=2 flag= last separators=, choices
  local -a offers
  if (( CURRENT == 2 )); then
    offers=(${(f)"$(_slablab_commands | cut -d' ' -f1 | sort -u)"})
    compadd -a offers
    return
  fi
  if [[ -n $(_slablab_second_words "$command") ]]; then
    if (( CURRENT == 3 )) && [[ $current != -* ]]; then
      offers=(${(f)"$(_slablab_second_words "$command")"})
      compadd -a offers
      [[ -z $(_slablab_flags "$command") ]] && return
    elif [[ -n $(_slablab_flags "$command ${words[3]}") ]]; then
      command+=" ${words[3]}" first=3
    fi
  fi
  if [[ $current == --*=* ]]; then
    flag=${current%%=*}
    compset -P '*='
  elif [[ $current == -* ]]; then
    # What wants a value is not followed by a blank.
    offers=(${(M)${(f)"$(_slablab_flags "$command")"}:#*=})
    compadd -S '' -a offers
    offers=(${${(f)"$(_slablab_flags "$command")"}:#*=})
    compadd -a offers
    return
  elif (( CURRENT > first + 1 )); then
    last=${words[CURRENT-1]}
    [[ $last == -o ]] && last=--output
    [[ $'\n'$(_slablab_flags "$command")$'\n' == *$'\n'$last=$'\n'* ]] && flag=$last
  fi
  if [[ -n $flag ]]; then
    choices=$(_slablab_values "$command $flag")
  else
    choices=$(_slablab_arguments "$command")
  fi
  # Of a list the last: behind a comma, a tunable behind its cache, a variation behind another.
  [[ $flag == --tune || $flag == --policy ]] && separators=,:
  [[ $flag == --vary ]] && separators=':;'
  [[ -n $flag ]] && compset -P "*[$separators]"
  if [[ -n $choices ]]; then
    offers=(${(f)choices})
    compadd -a offers && return
  fi
  _files
}
if [[ $funcstack[1] == _slablab ]]; then
  _slablab "$@"
else
  compdef _slablab slablab
fi
)script";

// Functions of any shell like sh: what there is to choose from.
std::string ShellTables(absl::Span<const Command> commands) {
  std::string script;
  Words names;
  std::map<std::string, Words> second_words;
  std::string flags;
  std::string arguments;
  for (const Command& command : commands) {
    const std::string name(command.name);
    names.push_back(fmt::format("'{}'", name));
    if (const size_t blank = name.find(' '); blank != std::string::npos) {
      second_words[name.substr(0, blank)].push_back(name.substr(blank + 1));
    }
    flags += Case(fmt::format("'{}'", name), FlagsOf(command));
    if (const Words choices = CompletedArguments(command); !choices.empty()) {
      arguments += Case(fmt::format("'{}'", name), choices);
    }
  }
  arguments += "    help) _slablab_commands | cut -d' ' -f1 | sort -u ;;\n";
  std::string seconds;
  for (const auto& [first, words] : second_words) seconds += Case(first, words);
  std::string values;
  for (const Command& command : commands) {
    if (command.formats.empty()) continue;
    Words words;
    for (const Format format : command.formats) words.push_back(FormatName(format));
    values += Case(fmt::format("'{} --format'", command.name), words);
  }
  for (const auto& [flag, words] : CompletedFlagValues()) {
    values += Case(fmt::format("*' --{}'", Dashed(flag)), words);
  }
  const auto function = [&script](std::string_view name, std::string_view cases) {
    script += fmt::format("_slablab_{}() {{\n  case $1 in\n{}  esac\n}}\n", name, cases);
  };
  script += fmt::format("_slablab_commands() {{ printf '%s\\n' {}; }}\n", fmt::join(names, " "));
  function("second_words", seconds);
  function("flags", flags);
  function("arguments", arguments);
  function("values", values);
  return script;
}

}  // namespace

std::string BashCompletion(absl::Span<const Command> commands) {
  return "# bash completion for slablab(1), as `slablab completion bash` prints it. To have it "
         "now:\n"
         "#   source <(slablab completion bash)\n\n" +
         ShellTables(commands) + std::string(kScript.substr(1));
}

std::string ZshCompletion(absl::Span<const Command> commands) {
  return "#compdef slablab\n"
         "# zsh completion for slablab(1), as `slablab completion zsh` prints it. To have it now:\n"
         "#   source <(slablab completion zsh)\n\n" +
         ShellTables(commands) + std::string(kZshScript.substr(1));
}

}  // namespace slablab
