// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <limits>

#include "base/types.h"
#include "cli/flags.h"
#include "cli/limits.h"

namespace slablab {
namespace {

// Of the flags that say nothing of a run.
constexpr OptionRange kRanges[] = {
    {"buffer_kib", 0, kBufferKibMax},
    {"caches", 1, kFootprintCachesMax},
    {"cpu_count", 0, kMaxCpus},
    {"entries", 1, kFootprintEntriesMax},
    {"limit", 0, std::numeric_limits<uint64_t>::max()},
    {"minutes", 1, kTaskMinutesMax},
    {"per_mille", 0, kPerMilleMax},
    {"pointer_bytes", 4, 8},
    {"possible_cpus", 1, kMaxCpus},
    {"seconds", 0, kSecondsMax},
    {"seeds", 1, kSeedsMax},
    {"task", 0, kTasksMax},
    {"tasks", 0, kTasksMax},
    {"workers", 0, kWorkersMax},
};

}  // namespace

const OptionRange* RangeOf(std::string_view name) {
  for (const OptionRange& range : kRanges) {
    if (range.name == name) return &range;
  }
  return RangeOfSwitch(name);
}

}  // namespace slablab
