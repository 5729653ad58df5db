// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/reproduce.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli/flags.h"

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

std::string ListOf(const google::protobuf::RepeatedPtrField<std::string>& names) {
  return absl::StrJoin(names, ",");
}

// The switches of `run` and their values, as a result echoes them.
std::vector<std::pair<std::string, std::string>> SettingsOf(const RunConfig& config) {
  const auto pair = [](std::string* out, const auto& setting) {
    absl::StrAppend(out, setting.name(), "=", setting.value());
  };
  const auto truth = [](bool value) { return std::string(value ? "true" : "false"); };
  return {
      {"allocator", config.allocator()},
      {"machine", config.machine()},
      {"scenario", config.scenario()},
      {"order", config.order()},
      {"place", config.placement() == "stated" ? "recorded" : config.placement()},
      {"balance", config.order() != "closed" ? ""
                  : config.balance()         ? "on"
                                             : "off"},
      {"scale", absl::StrCat(std::max(1u, config.scale()))},
      {"start", config.start()},
      {"seed", absl::StrCat(config.seed())},
      {"merge_caches", truth(config.merge_caches())},
      {"statistics", truth(config.statistics())},
      {"quirks", ListOf(config.quirks())},
      {"boot", config.boot()},
      {"possible_nodes", absl::StrCat(config.possible_nodes())},
      {"percpu", config.percpu()},
      {"percpu_quirks", ListOf(config.percpu_quirks())},
      {"policy", absl::StrJoin(config.policies(), ",", pair)},
      {"tune", absl::StrJoin(config.tunables(), ",", pair)},
      {"touch_bytes", absl::StrCat(config.object_touch_bytes_max())},
      {"events_max", absl::StrCat(config.events_max())},
      {"pressure_us", absl::StrCat(config.pressure_interval_us())},
      {"spread_slab", truth(config.spread_slab())},
  };
}

Words RunOf(const RunConfig& config, const std::string& output) {
  Words words = {"slablab", "run"};
  words.push_back(config.workload().empty() ? config.trace()
                                            : absl::StrCat("--workload=", config.workload()));
  for (const auto& [name, value] : SettingsOf(config)) {
    if (value.empty() || value == absl::FindCommandLineFlag(name)->DefaultValue()) continue;
    words.push_back(absl::StrCat("--", absl::StrReplaceAll(name, {{"_", "-"}}), "=", value));
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
      commands.push_back(RunOf(result->config(), compare.back()));
    }
  }
  compare.emplace_back("--format=mail");
  commands.push_back(std::move(compare));
  return commands;
}

}  // namespace slablab
