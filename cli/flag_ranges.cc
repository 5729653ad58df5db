// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "allocators/options.h"
#include "base/printable.h"
#include "cli/flags.h"
#include "cli/limits.h"
#include "fmt/format.h"
#include "sim/check.h"
#include "sim/types.h"

namespace slablab {
namespace {

constexpr uint64_t kAny = std::numeric_limits<uint64_t>::max();

constexpr FlagRange kRanges[] = {
    {"buffer_kib", 0, kBufferKibMax},
    {"caches", 1, kFootprintCachesMax},
    {"cpu_count", 0, kMaxCpus},
    {"entries", 1, kFootprintEntriesMax},
    {"events_max", 0, std::numeric_limits<int64_t>::max()},
    {"limit", 0, kAny},
    {"pointer_bytes", 4, 8},
    {"possible_cpus", 1, kMaxCpus},
    {"possible_nodes", 0, kPossibleNodesMax},
    {"pressure_us", 0, kPressureUsMax},
    {"scale", 1, kScaleMax},
    {"seed", 0, kAny},
    {"touch_bytes", 0, kTouchBytesMax},
    {"workers", 0, kWorkersMax},
};

}  // namespace

const FlagRange* RangeOf(std::string_view name) {
  for (const FlagRange& range : kRanges) {
    if (range.name == name) return &range;
  }
  return nullptr;
}

absl::StatusOr<uint64_t> ParseInRange(std::string_view name, std::string_view text) {
  const FlagRange* const range = RangeOf(name);
  CHECK(range != nullptr);
  const absl::string_view digits(text.data(), text.size());
  uint64_t number = 0;
  const bool is_number = absl::StartsWith(digits, "0x") ? absl::SimpleHexAtoi(digits, &number)
                                                        : absl::SimpleAtoi(digits, &number);
  if (is_number && number >= range->least && number <= range->most) return number;
  return BadFlag(name, text,
                 fmt::format("it takes a whole number in {}..{}", range->least, range->most));
}

absl::Status BadFlag(std::string_view name, std::string_view value, std::string_view why) {
  constexpr size_t kShownBytesMax = 200;
  std::string shown = Printable(value.substr(0, kShownBytesMax));
  if (value.size() > kShownBytesMax) shown += "...";
  return absl::InvalidArgumentError(fmt::format(
      "--{}={}: {}", absl::StrReplaceAll({name.data(), name.size()}, {{"_", "-"}}), shown, why));
}

}  // namespace slablab
