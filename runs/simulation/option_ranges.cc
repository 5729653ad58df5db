// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/option_ranges.h"

#include <limits>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "allocators/options.h"
#include "base/printable.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr OptionRange kRanges[] = {
    {"events_max", 0, std::numeric_limits<int64_t>::max()},
    {"possible_nodes", 0, kPossibleNodesMax},
    {"pressure_us", 0, kPressureUsMax},
    {"scale", 1, kScaleMax},
    {"seed", 0, std::numeric_limits<uint64_t>::max()},
    {"touch_bytes", 0, kTouchBytesMax},
};

}  // namespace

const OptionRange* RangeOfRunOption(std::string_view name) {
  for (const OptionRange& range : kRanges) {
    if (range.name == name) return &range;
  }
  return nullptr;
}

absl::StatusOr<uint64_t> ParseInRange(const OptionRange& range, std::string_view text) {
  const absl::string_view digits(text.data(), text.size());
  uint64_t number = 0;
  const bool is_number = absl::StartsWith(digits, "0x") ? absl::SimpleHexAtoi(digits, &number)
                                                        : absl::SimpleAtoi(digits, &number);
  if (is_number && number >= range.least && number <= range.most) return number;
  return BadFlag(range.name, text,
                 fmt::format("it takes a whole number in {}..{}", range.least, range.most));
}

absl::Status BadFlag(std::string_view name, std::string_view value, std::string_view why) {
  constexpr size_t kShownBytesMax = 200;
  std::string shown = Printable(value.substr(0, kShownBytesMax));
  if (value.size() > kShownBytesMax) shown += "...";
  return absl::InvalidArgumentError(fmt::format(
      "--{}={}: {}", absl::StrReplaceAll({name.data(), name.size()}, {{"_", "-"}}), shown, why));
}

}  // namespace slablab
