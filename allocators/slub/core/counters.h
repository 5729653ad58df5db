// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_COUNTERS_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_COUNTERS_H_

#include <array>
#include <cstdint>

#include "absl/types/span.h"
#include "allocators/meanings.h"
#include "base/slub_stats.h"
#include "base/types.h"

// What SLUB counts for each CPU. Which of the counters of all kernels an era has, and in which
// order (enum stat_item), its policy says.

namespace slablab {

// Its name is that of its file in sysfs.
const FigureInfo& SlubStatInfo(SlubStat stat);
// Of those of an era, for the program's life.
absl::Span<const FigureInfo> SlubCounterInfos(absl::Span<const SlubStat> stats);

// The counters of an era, in the order of enum stat_item: Linux 2.6.36; SLUB+Q; Linux 6.1 to 6.17,
// 6.18 and 6.19 with sheaves over CPU slabs, and 7.0 on.
absl::Span<const SlubStat> SlubCountersOf2010();
absl::Span<const SlubStat> SlubCountersOfQueuesV2();
absl::Span<const SlubStat> SlubCountersOfQueuesV3();
absl::Span<const SlubStat> SlubCountersOfQueuesV4();
absl::Span<const SlubStat> SlubCountersOfCpuSlabs();
absl::Span<const SlubStat> SlubCountersOfBoth();
absl::Span<const SlubStat> SlubCountersOfNodeSlabs();

// One CPU's counters of one cache: 4 bytes each, one after another. A per-CPU area is contiguous
// only within a page.
struct SlubCpuCounters {
  static constexpr uint32_t kBytes = 4;

  int before_page_end = 0;
  PhysAddr base;                            // of the first
  PhysAddr base_behind;                     // as `base`, of those behind a page's end
  std::array<uint32_t, kSlubStats> values;  // by place in the era's order

  PhysAddr AddressOf(int place) const {
    return (place < before_page_end ? base : base_behind) + static_cast<uint64_t>(place) * kBytes;
  }
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_COUNTERS_H_
