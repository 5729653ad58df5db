// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_WAYS_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_WAYS_H_

#include <string_view>

#include "absl/types/span.h"
#include "allocators/allocator.h"
#include "sim/cache/ledger.h"

// What SLUB's code is doing (Ledger) and which way an operation went (Placement), of all eras.

namespace slablab {

// The sites that SLUB charges.
enum class SlubAt : uint8_t {
  kAllocFast = kFirstModelSite,
  kAllocSlow,
  kAllocNode,  // SLUB+Q
  kGetPartial,
  kGetAnyPartial,
  kNewSlab,
  kDeactivate,
  kFreeFast,
  kFreeSlow,
  kFreeAlien,  // SLUB+Q, to kDrain
  kShared,
  kDrain,
  kPutCpuPartial,
  kUnfreeze,
  kDiscard,
  kBulkAlloc,
  kBulkFree,
  kLarge,
  kFlush,
  kShrink,
  kExpire,   // SLUB+Q
  kGfpMask,  // 2010
  kCreate,
  kDestroy,
  kReplaceEmptyMain,
  kReplaceFullMain,
  kSheafRefill,
  kSheafFlush,
  kSheafMemory,
  kFreeRcu,
  kRcuCallback,  // of a sheaf
  kPrefill,
  kRcuFreeSlab,  // the callback of a slab
  kObjExts,
};
constexpr Site SiteOf(SlubAt at) { return static_cast<Site>(at); }

// The way an operation went. An allocation's is how it came by its slab in the end.
enum class SlubWay : PathId {
  kAllocFast,
  kAllocRefill,
  kAllocCpuPartial,
  kAllocNodePartial,
  kAllocRemotePartial,
  kAllocNewSlab,
  kAllocFailed,
  kAllocLarge,
  kAllocZero,
  kFreeFast,
  kFreeFrozen,
  kFreeCpuPartial,
  kFreeDrain,
  kFreePartial,
  kFreeEmptyKept,
  kFreeSlab,
  kFreeLarge,
  kFreeNull,
  kFreeFull,  // and so into its node's list
  kAllocSpareSheaf,
  kAllocBarnSheaf,
  kAllocFilledSheaf,
  kAllocPrefilled,
  kFreeSpareSheaf,
  kFreeBarnSheaf,
  kFreeNewSheaf,
  kFreeFlushedSheaf,
};
constexpr PathId PathOf(SlubWay way) { return static_cast<PathId>(way); }

// What they are, in the enumerations' order.
absl::Span<const std::string_view> SlubSiteNames();
absl::Span<const std::string_view> SlubSiteNames2010();
absl::Span<const PathInfo> SlubPaths();

// The ways of an era: SlubWay, or a front's own, and those of them that the core answers.
struct SlubWays {
  absl::Span<const PathInfo> (*infos)() = SlubPaths;
  PathId alloc_failed = PathOf(SlubWay::kAllocFailed);
  PathId alloc_large = PathOf(SlubWay::kAllocLarge);
  PathId alloc_zero = PathOf(SlubWay::kAllocZero);
  PathId free_large = PathOf(SlubWay::kFreeLarge);
  PathId free_null = PathOf(SlubWay::kFreeNull);
};

// What straight-line code costs besides its memory touches: estimates from its length at about four
// instructions a cycle, the same on every machine.
inline constexpr Cycles kSlubFastCycles = 10;
inline constexpr Cycles kSlubSlowCycles = 25;
inline constexpr Cycles kSlubPerObjectCycles = 1;

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_WAYS_H_
