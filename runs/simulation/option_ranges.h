// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_OPTION_RANGES_H_
#define SLABLAB_RUNS_SIMULATION_OPTION_RANGES_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// How much a user may ask of a run, and how it is said what is wrong with a value.

namespace slablab {

inline constexpr uint32_t kScaleMax = 4096;                // copies of a workload at once
inline constexpr uint64_t kPressureUsMax = 3'600'000'000;  // an hour between two shortages
inline constexpr uint64_t kTouchBytesMax = uint64_t{1} << 31;

// The whole numbers that an option takes.
struct OptionRange {
  std::string_view name;  // with underscores
  uint64_t least = 0;
  uint64_t most = 0;
};
// Every option of a run (runs/simulation/simulation_options.h) that is a number has one; null for
// the others.
const OptionRange* RangeOfRunOption(std::string_view name);
// `text` as a number of `range`. InvalidArgument says what it takes.
absl::StatusOr<uint64_t> ParseInRange(const OptionRange& range, std::string_view text);

// "--place=sprad: unknown placement ...": what is wrong with an option's value.
absl::Status BadFlag(std::string_view name, std::string_view value, std::string_view why);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_OPTION_RANGES_H_
