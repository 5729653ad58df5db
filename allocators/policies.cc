// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/policies.h"

#include <algorithm>
#include <charconv>

#include "base/names.h"
#include "base/printable.h"
#include "fmt/format.h"

namespace slablab {

std::string ValuesText(const PolicyInfo& info) {
  if (info.words.empty()) return fmt::format("{}..{}", info.least, info.most);
  return fmt::format("{}", fmt::join(info.words, ", "));
}

absl::StatusOr<PolicySetting> ParsePolicy(std::string_view text) {
  const size_t equals = text.find('=');
  const std::string_view left = text.substr(0, equals);
  const size_t colon = left.find(':');
  PolicySetting setting;
  if (colon != std::string_view::npos) setting.allocator = std::string(left.substr(0, colon));
  setting.name = std::string(colon == std::string_view::npos ? left : left.substr(colon + 1));
  if (equals == std::string_view::npos || setting.name.empty() || colon == 0) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is not NAME=VALUE or ALLOCATOR:NAME=VALUE; 'slablab list policies' has the names",
        Printable(text)));
  }
  setting.value = std::string(text.substr(equals + 1));
  return setting;
}

std::string PolicyValueText(const PolicyInfo& info, uint32_t value) {
  return info.words.empty() ? fmt::format("{}", value) : std::string(info.words[value]);
}

absl::StatusOr<uint32_t> ParsePolicyValue(std::string_view model, const PolicyInfo& info,
                                          std::string_view value) {
  if (!info.words.empty()) {
    const auto word = std::find(info.words.begin(), info.words.end(), value);
    if (word != info.words.end()) return static_cast<uint32_t>(word - info.words.begin());
    return UnknownName(fmt::format("value of {}'s {}", model, info.name), value,
                       NameList(info.words));
  }
  uint32_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [parsed_to, error] = std::from_chars(value.data(), end, number);
  const bool is_number = error == std::errc() && parsed_to == end;
  if (is_number && number >= info.least && number <= info.most) return number;
  return absl::InvalidArgumentError(fmt::format("{} cannot be set to '{}': it takes {}", info.name,
                                                Printable(value), ValuesText(info)));
}

absl::Status UnknownPolicy(std::string_view model, std::string_view name,
                           const std::vector<std::string>& valid) {
  if (!valid.empty()) return UnknownName(fmt::format("policy of {}", model), name, valid);
  return absl::InvalidArgumentError(
      fmt::format("{} has no policies to set, and so not '{}'", model, Printable(name)));
}

absl::Status ForeignPolicy(std::string_view model, const PolicySetting& setting) {
  return absl::InvalidArgumentError(fmt::format(
      "{}:{}={} is of an allocator that does not run here: {} does", Printable(setting.allocator),
      Printable(setting.name), Printable(setting.value), model));
}

absl::Status IdlePolicy(std::string_view model, std::string_view name, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("{} of {} decides nothing: {}", name, model, why));
}

absl::Status RefusedPolicies(std::string_view model, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("{} cannot be so: {}", model, why));
}

}  // namespace slablab
