// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/counters.h"

namespace slablab {
namespace {

constexpr std::array<FigureInfo, kSlubStats> kInfos = {{
    {"alloc_fastpath", FigureRole::kFastAllocs},
    {"alloc_slowpath", FigureRole::kSlowAllocs},
    {"free_fastpath", FigureRole::kFastFrees},
    {"free_slowpath", FigureRole::kSlowFrees},
    {"free_frozen", FigureRole::kFrozenFrees},
    {"free_add_partial", FigureRole::kListedByFrees},
    {"free_remove_partial", FigureRole::kUnlistedByFrees},
    {"alloc_from_partial", FigureRole::kUnlistedByAllocs},
    {"alloc_slab", FigureRole::kSlabsMade},
    {"alloc_refill"},
    {"alloc_node_mismatch"},
    {"free_slab", FigureRole::kSlabsReturned},
    {"cpuslab_flush"},
    {"deactivate_full"},
    {"deactivate_empty"},
    {"deactivate_to_head", FigureRole::kListedByAllocs},
    {"deactivate_to_tail", FigureRole::kListedByAllocs},
    {"deactivate_remote_frees", FigureRole::kRemoteFreesFound},
    {"deactivate_bypass"},
    {"order_fallback"},
    {"cmpxchg_double_cpu_fail"},
    {"cmpxchg_double_fail"},
    {"cpu_partial_alloc", FigureRole::kCpuListAllocs},
    {"cpu_partial_free", FigureRole::kCpuListFrees},
    {"cpu_partial_node"},
    {"cpu_partial_drain"},
    {"free_rcu_sheaf"},
    {"free_rcu_sheaf_fail"},
    {"sheaf_flush"},
    {"sheaf_refill"},
    {"sheaf_alloc"},
    {"sheaf_free"},
    {"barn_get"},
    {"barn_get_fail"},
    {"barn_put"},
    {"barn_put_fail"},
    {"sheaf_prefill_fast"},
    {"sheaf_prefill_slow"},
    {"sheaf_prefill_oversize"},
    {"sheaf_return_fast"},
    {"sheaf_return_slow"},
    {"alloc_cpu_sheaf"},
    {"free_cpu_sheaf"},
}};

// The first of the enumeration.
constexpr std::array<SlubStat, 26> kOfCpuSlabs = [] {
  std::array<SlubStat, 26> stats{};
  for (size_t i = 0; i < stats.size(); ++i) stats[i] = static_cast<SlubStat>(i);
  return stats;
}();
static_assert(kOfCpuSlabs.back() == SlubStat::kCpuPartialDrain);

// Each sheaf counter stands where its like of the CPU slabs stands.
constexpr auto kOfBoth = [] {
  std::array<SlubStat, kSlubStats> stats{};
  size_t count = 0;
  const auto add = [&](SlubStat first, SlubStat last) {
    for (int i = static_cast<int>(first); i <= static_cast<int>(last); ++i) {
      stats[count++] = static_cast<SlubStat>(i);
    }
  };
  add(SlubStat::kAllocCpuSheaf, SlubStat::kAllocCpuSheaf);
  add(SlubStat::kAllocFastpath, SlubStat::kAllocSlowpath);
  add(SlubStat::kFreeCpuSheaf, SlubStat::kFreeCpuSheaf);
  add(SlubStat::kFreeRcuSheaf, SlubStat::kFreeRcuSheafFail);
  add(SlubStat::kFreeFastpath, SlubStat::kCpuPartialDrain);
  add(SlubStat::kSheafFlush, SlubStat::kSheafReturnSlow);
  return stats;
}();

constexpr SlubStat kOfNodeSlabs[] = {
    SlubStat::kAllocFastpath,     SlubStat::kAllocSlowpath,     SlubStat::kFreeRcuSheaf,
    SlubStat::kFreeRcuSheafFail,  SlubStat::kFreeFastpath,      SlubStat::kFreeSlowpath,
    SlubStat::kFreeAddPartial,    SlubStat::kFreeRemovePartial, SlubStat::kAllocSlab,
    SlubStat::kAllocNodeMismatch, SlubStat::kFreeSlab,          SlubStat::kOrderFallback,
    SlubStat::kCmpxchgDoubleFail, SlubStat::kSheafFlush,        SlubStat::kSheafRefill,
    SlubStat::kSheafAlloc,        SlubStat::kSheafFree,         SlubStat::kBarnGet,
    SlubStat::kBarnGetFail,       SlubStat::kBarnPut,           SlubStat::kBarnPutFail,
    SlubStat::kSheafPrefillFast,  SlubStat::kSheafPrefillSlow,  SlubStat::kSheafPrefillOversize,
    SlubStat::kSheafReturnFast,   SlubStat::kSheafReturnSlow,
};

}  // namespace

const FigureInfo& SlubStatInfo(SlubStat stat) { return kInfos[static_cast<size_t>(stat)]; }

absl::Span<const SlubStat> SlubCountersOfCpuSlabs() { return kOfCpuSlabs; }
absl::Span<const SlubStat> SlubCountersOfBoth() { return kOfBoth; }
absl::Span<const SlubStat> SlubCountersOfNodeSlabs() { return kOfNodeSlabs; }

}  // namespace slablab
