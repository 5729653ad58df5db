// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/reproduce.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli/flags.h"
#include "runs/simulation/run_echo.h"
#include "runs/switches.h"

namespace slablab {
namespace {

// How and where it was written changes no figure.
constexpr std::string_view kNotOfFigures[] = {"format", "output", "limit", "table", "queues"};

std::string WithoutFolder(const std::string& word) {
  const size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
  const size_t start = equals == std::string::npos ? 0 : equals + 1;
  std::error_code error;
  const std::filesystem::path path(word.substr(start));
  if (!path.has_parent_path() || !std::filesystem::exists(path, error)) return word;
  return word.substr(0, start) + path.filename().string();
}

// `slablab run` of a run, with its switches that are not at their defaults.
Words CommandOf(const RunSpec& run, const std::string& output) {
  static const auto& defaults = *new RunSpec(WithDefaults(RunSpec()));
  Words words = {"slablab", "run"};
  for (const RunSwitch& each : Switches()) {
    if (!IsSet(run, each)) continue;
    const std::string value = SwitchText(run, each);
    if (value == SwitchText(defaults, each)) continue;
    words.push_back(WithoutFolder(
        absl::StrCat("--", absl::StrReplaceAll(each.field->name(), {{"_", "-"}}), "=", value)));
  }
  words.emplace_back("--format=proto");
  words.emplace_back("-o");
  words.push_back(output);
  return words;
}

}  // namespace

Words CommandAsGiven(std::string_view name, const std::vector<std::string>& arguments) {
  Words words = {"slablab"};
  for (const absl::string_view part :
       absl::StrSplit(absl::string_view(name.data(), name.size()), ' ')) {
    words.emplace_back(part);
  }
  for (const std::string& argument : arguments) words.push_back(WithoutFolder(argument));
  for (const std::string& flag : FlagsAsGiven(kNotOfFigures)) words.push_back(WithoutFolder(flag));
  words.emplace_back("--format=mail");
  return words;
}

std::vector<Words> CommandsOfResults(ResultSet set) {
  std::vector<Words> commands;
  Words compare = {"slablab", "report"};
  for (const LabelledResult& run : set) {
    std::vector<const RunResult*> seeds = {&run.result};
    for (const RunResult& further : run.further) seeds.push_back(&further);
    for (const RunResult* result : seeds) {
      compare.push_back(absl::StrCat(commands.size() + 1, ".result"));
      commands.push_back(CommandOf(RunOf(result->config()), compare.back()));
    }
  }
  compare.emplace_back("--format=mail");
  commands.push_back(std::move(compare));
  return commands;
}

}  // namespace slablab
