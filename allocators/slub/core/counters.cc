// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/counters.h"

namespace slablab {
namespace {

// What a counter means to a comparison.
constexpr FigureRole RoleOf(SlubStat stat) {
  switch (stat) {
    case SlubStat::kAllocFastpath:
      return FigureRole::kFastAllocs;
    case SlubStat::kAllocSlowpath:
      return FigureRole::kSlowAllocs;
    case SlubStat::kFreeFastpath:
      return FigureRole::kFastFrees;
    case SlubStat::kFreeSlowpath:
      return FigureRole::kSlowFrees;
    case SlubStat::kFreeFrozen:
      return FigureRole::kFrozenFrees;
    case SlubStat::kFreeAddPartial:
      return FigureRole::kListedByFrees;
    case SlubStat::kFreeRemovePartial:
      return FigureRole::kUnlistedByFrees;
    case SlubStat::kAllocFromPartial:
      return FigureRole::kUnlistedByAllocs;
    case SlubStat::kAllocSlab:
      return FigureRole::kSlabsMade;
    case SlubStat::kFreeSlab:
      return FigureRole::kSlabsReturned;
    case SlubStat::kDeactivateToHead:
    case SlubStat::kDeactivateToTail:
      return FigureRole::kListedByAllocs;
    case SlubStat::kDeactivateRemoteFrees:
      return FigureRole::kRemoteFreesFound;
    case SlubStat::kCpuPartialAlloc:
      return FigureRole::kCpuListAllocs;
    case SlubStat::kCpuPartialFree:
      return FigureRole::kCpuListFrees;
    default:
      return FigureRole::kOther;
  }
}

constexpr std::array<FigureInfo, kSlubStats> kInfos = [] {
  std::array<FigureInfo, kSlubStats> infos{};
  for (size_t i = 0; i < infos.size(); ++i) {
    infos[i] = {kSlubStatNames[i], RoleOf(static_cast<SlubStat>(i))};
  }
  return infos;
}();

// The first of the enumeration.
constexpr std::array<SlubStat, 26> kOfCpuSlabs = [] {
  std::array<SlubStat, 26> stats{};
  for (size_t i = 0; i < stats.size(); ++i) stats[i] = static_cast<SlubStat>(i);
  return stats;
}();
static_assert(kOfCpuSlabs.back() == SlubStat::kCpuPartialDrain);

using S = SlubStat;
// Linux 2.6.36.
constexpr S kOf2010[] = {S::kAllocFastpath,
                         S::kAllocSlowpath,
                         S::kFreeFastpath,
                         S::kFreeSlowpath,
                         S::kFreeFrozen,
                         S::kFreeAddPartial,
                         S::kFreeRemovePartial,
                         S::kAllocFromPartial,
                         S::kAllocSlab,
                         S::kAllocRefill,
                         S::kFreeSlab,
                         S::kCpuslabFlush,
                         S::kDeactivateFull,
                         S::kDeactivateEmpty,
                         S::kDeactivateToHead,
                         S::kDeactivateToTail,
                         S::kDeactivateRemoteFrees,
                         S::kOrderFallback};
// SLUB+Q V2, V3 and V4. free_slab has no user left in any.
constexpr S kOfQueuesV2[] = {S::kAllocFastpath,    S::kAllocSlowpath,  S::kFreeFastpath,
                             S::kFreeSlowpath,     S::kFreeAddPartial, S::kFreeRemovePartial,
                             S::kAllocFromPartial, S::kAllocSlab,      S::kFreeSlab,
                             S::kQueueFlush,       S::kOrderFallback};
constexpr S kOfQueuesV3[] = {S::kAllocFastpath,    S::kAllocSlowpath,  S::kFreeFastpath,
                             S::kFreeSlowpath,     S::kFreeAddPartial, S::kFreeRemovePartial,
                             S::kAllocFromPartial, S::kAllocSlab,      S::kAllocRemote,
                             S::kAllocShared,      S::kFreeShared,     S::kFreeAlien,
                             S::kFreeSlab,         S::kQueueFlush,     S::kOrderFallback};
constexpr S kOfQueuesV4[] = {S::kAllocFastpath,    S::kAllocShared,    S::kAllocAlien,
                             S::kAllocDirect,      S::kAllocSlowpath,  S::kFreeFastpath,
                             S::kFreeShared,       S::kFreeAlien,      S::kFreeDirect,
                             S::kFreeSlowpath,     S::kFreeAddPartial, S::kFreeRemovePartial,
                             S::kAllocFromPartial, S::kAllocSlab,      S::kFreeSlab,
                             S::kQueueFlush,       S::kOrderFallback};

// Each sheaf counter stands where its like of the CPU slabs stands.
constexpr auto kOfBoth = [] {
  std::array<SlubStat, kKernelSlubStats> stats{};
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

absl::Span<const SlubStat> SlubCountersOf2010() { return kOf2010; }
absl::Span<const SlubStat> SlubCountersOfQueuesV2() { return kOfQueuesV2; }
absl::Span<const SlubStat> SlubCountersOfQueuesV3() { return kOfQueuesV3; }
absl::Span<const SlubStat> SlubCountersOfQueuesV4() { return kOfQueuesV4; }
absl::Span<const SlubStat> SlubCountersOfCpuSlabs() { return kOfCpuSlabs; }
absl::Span<const SlubStat> SlubCountersOfBoth() { return kOfBoth; }
absl::Span<const SlubStat> SlubCountersOfNodeSlabs() { return kOfNodeSlabs; }

}  // namespace slablab
