// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/switches.h"

#include <algorithm>

#include "base/names.h"
#include "fmt/format.h"

namespace slablab {
namespace {

std::vector<std::string> QuirksWhere(const ModelSwitches& switches, bool QuirkInfo::*is_one) {
  std::vector<std::string> names;
  for (const QuirkInfo& quirk : switches.quirks) {
    if (quirk.*is_one) names.emplace_back(quirk.name);
  }
  return names;
}

}  // namespace

std::vector<std::string> PlainQuirks(const ModelSwitches& switches) {
  return QuirksWhere(switches, &QuirkInfo::is_plain);
}
std::vector<std::string> RecordedQuirks(const ModelSwitches& switches) {
  return QuirksWhere(switches, &QuirkInfo::is_recorded);
}

absl::Status TunableRefused(std::string_view name, int64_t value, std::string_view why) {
  return absl::InvalidArgumentError(
      fmt::format("{} cannot be set to {}{}{}", name, value, why.empty() ? "" : ": ", why));
}

absl::Status CheckTunable(std::string_view model, const ModelSwitches& switches, bool statistics,
                          std::string_view name, int64_t value) {
  for (const TunableInfo& tunable : switches.tunables) {
    if (tunable.name != name) continue;
    if (value >= tunable.least && value <= tunable.most) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format(
        "{} cannot be set to {}: it takes {}", name, value,
        tunable.least == tunable.most ? fmt::format("{} alone", tunable.least)
                                      : fmt::format("{}..{}", tunable.least, tunable.most)));
  }
  const bool is_counter =
      std::any_of(switches.counters.begin(), switches.counters.end(),
                  [name](const FigureInfo& counter) { return counter.name == name; });
  if (is_counter && statistics) {
    if (value == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("{} cannot be set to {}: it is a counter, which takes 0 alone", name, value));
  }
  if (is_counter) {
    return absl::InvalidArgumentError(
        fmt::format("{} is a counter: without --statistics there is none to clear", name));
  }
  return UnknownName(fmt::format("tunable of {}", model), name, NamesOf(switches.tunables));
}

absl::Status CheckTuning(std::string_view model, const ModelSwitches& switches, bool statistics,
                         std::string_view name, int64_t value) {
  for (const TunableInfo& tunable : switches.tunables) {
    if (tunable.name != name || !tunable.at_boot) continue;
    return absl::InvalidArgumentError(fmt::format(
        "{} is a boot parameter: --tune sets it, of all caches, before the kernel boots", name));
  }
  return CheckTunable(model, switches, statistics, name, value);
}

}  // namespace slablab
