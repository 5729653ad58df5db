// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_SLUB_STATS_H_
#define SLABLAB_BASE_SLUB_STATS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

// SLUB_STATS: what SLUB counts for each CPU, of all kernels (mm/slub.c, enum stat_item): what
// models count and what sidecars of recordings say. A kernel has some of them, in an order of its
// own.

namespace slablab {

enum class SlubStat : uint8_t {
  kAllocFastpath,
  kAllocSlowpath,
  kFreeFastpath,
  kFreeSlowpath,
  kFreeFrozen,
  kFreeAddPartial,
  kFreeRemovePartial,
  kAllocFromPartial,
  kAllocSlab,
  kAllocRefill,
  kAllocNodeMismatch,
  kFreeSlab,
  kCpuslabFlush,
  kDeactivateFull,
  kDeactivateEmpty,
  kDeactivateToHead,
  kDeactivateToTail,
  kDeactivateRemoteFrees,
  kDeactivateBypass,
  kOrderFallback,
  kCmpxchgDoubleCpuFail,
  kCmpxchgDoubleFail,
  kCpuPartialAlloc,
  kCpuPartialFree,
  kCpuPartialNode,
  kCpuPartialDrain,
  // Of the sheaves.
  kFreeRcuSheaf,
  kFreeRcuSheafFail,
  kSheafFlush,
  kSheafRefill,
  kSheafAlloc,
  kSheafFree,
  kBarnGet,
  kBarnGetFail,
  kBarnPut,
  kBarnPutFail,
  kSheafPrefillFast,
  kSheafPrefillSlow,
  kSheafPrefillOversize,
  kSheafReturnFast,
  kSheafReturnSlow,
  // Of sheaves over CPU slabs.
  kAllocCpuSheaf,
  kFreeCpuSheaf,
  // Of SLUB+Q, which no kernel has.
  kAllocShared,
  kAllocAlien,
  kAllocDirect,
  kAllocRemote,
  kFreeShared,
  kFreeAlien,
  kFreeDirect,
  kQueueFlush,
};
inline constexpr int kKernelSlubStats = static_cast<int>(SlubStat::kFreeCpuSheaf) + 1;
inline constexpr int kSlubStats = static_cast<int>(SlubStat::kQueueFlush) + 1;

// The names of their files in /sys/kernel/slab/CACHE.
inline constexpr std::array<std::string_view, kSlubStats> kSlubStatNames = {
    "alloc_fastpath",
    "alloc_slowpath",
    "free_fastpath",
    "free_slowpath",
    "free_frozen",
    "free_add_partial",
    "free_remove_partial",
    "alloc_from_partial",
    "alloc_slab",
    "alloc_refill",
    "alloc_node_mismatch",
    "free_slab",
    "cpuslab_flush",
    "deactivate_full",
    "deactivate_empty",
    "deactivate_to_head",
    "deactivate_to_tail",
    "deactivate_remote_frees",
    "deactivate_bypass",
    "order_fallback",
    "cmpxchg_double_cpu_fail",
    "cmpxchg_double_fail",
    "cpu_partial_alloc",
    "cpu_partial_free",
    "cpu_partial_node",
    "cpu_partial_drain",
    "free_rcu_sheaf",
    "free_rcu_sheaf_fail",
    "sheaf_flush",
    "sheaf_refill",
    "sheaf_alloc",
    "sheaf_free",
    "barn_get",
    "barn_get_fail",
    "barn_put",
    "barn_put_fail",
    "sheaf_prefill_fast",
    "sheaf_prefill_slow",
    "sheaf_prefill_oversize",
    "sheaf_return_fast",
    "sheaf_return_slow",
    "alloc_cpu_sheaf",
    "free_cpu_sheaf",
    "alloc_shared",
    "alloc_alien",
    "alloc_direct",
    "alloc_remote",
    "free_shared",
    "free_alien",
    "free_direct",
    "queue_flush"};
static_assert(kSlubStatNames[kKernelSlubStats - 1] == "free_cpu_sheaf");
static_assert(kSlubStatNames.back() == "queue_flush");
constexpr std::string_view SlubStatName(SlubStat stat) {
  return kSlubStatNames[static_cast<size_t>(stat)];
}

}  // namespace slablab

#endif  // SLABLAB_BASE_SLUB_STATS_H_
