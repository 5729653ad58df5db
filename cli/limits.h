// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_LIMITS_H_
#define SLABLAB_CLI_LIMITS_H_

#include <cstdint>

// How much a user may ask of the commands; the ranges of flags (cli/flag_ranges.cc) are made of
// these. What a run takes run_spec.proto says.

namespace slablab {

inline constexpr uint64_t kWorkersMax = 1024;
inline constexpr uint64_t kTaskMinutesMax = 60 * 24 * 30;
inline constexpr uint64_t kTasksMax = 100'000;
inline constexpr uint64_t kSeedsMax = 100;
inline constexpr uint64_t kPerMilleMax = 1'000'000;
inline constexpr uint64_t kBufferKibMax = uint64_t{1} << 30;  // 1 TiB a CPU
inline constexpr uint64_t kSecondsMax = 86'400;
inline constexpr uint64_t kFootprintCachesMax = 100'000;
// A per-CPU area's 32 KiB, less an array's header, in pointers.
inline constexpr uint64_t kFootprintEntriesMax = ((32 << 10) - 16) / 8;

}  // namespace slablab

#endif  // SLABLAB_CLI_LIMITS_H_
