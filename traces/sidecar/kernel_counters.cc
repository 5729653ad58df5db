// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/sidecar/kernel_counters.h"

#include <algorithm>
#include <iterator>

#include "base/slub_stats.h"
#include "base/types.h"

namespace slablab {
namespace {

// Of Linux 6.1 to 7.3: those of all first, then those that went with the CPU slabs (7.0), then
// those that came with sheaves (6.18).
using S = SlubStat;
constexpr S kCounters[] = {S::kAllocFastpath,
                           S::kAllocSlowpath,
                           S::kFreeFastpath,
                           S::kFreeSlowpath,
                           S::kFreeAddPartial,
                           S::kFreeRemovePartial,
                           S::kAllocSlab,
                           S::kAllocNodeMismatch,
                           S::kFreeSlab,
                           S::kOrderFallback,
                           S::kCmpxchgDoubleFail,
                           S::kFreeFrozen,
                           S::kAllocFromPartial,
                           S::kAllocRefill,
                           S::kCpuslabFlush,
                           S::kDeactivateFull,
                           S::kDeactivateEmpty,
                           S::kDeactivateToHead,
                           S::kDeactivateToTail,
                           S::kDeactivateRemoteFrees,
                           S::kDeactivateBypass,
                           S::kCmpxchgDoubleCpuFail,
                           S::kCpuPartialAlloc,
                           S::kCpuPartialFree,
                           S::kCpuPartialNode,
                           S::kCpuPartialDrain,
                           S::kAllocCpuSheaf,
                           S::kFreeCpuSheaf,
                           S::kFreeRcuSheaf,
                           S::kFreeRcuSheafFail,
                           S::kSheafFlush,
                           S::kSheafRefill,
                           S::kSheafAlloc,
                           S::kSheafFree,
                           S::kBarnGet,
                           S::kBarnGetFail,
                           S::kBarnPut,
                           S::kBarnPutFail,
                           S::kSheafPrefillFast,
                           S::kSheafPrefillSlow,
                           S::kSheafPrefillOversize,
                           S::kSheafReturnFast,
                           S::kSheafReturnSlow};
static_assert(std::size(kCounters) == kKernelSlubStats);

// What the maple tree takes from a prefilled sheaf as a rule: a store that splits a node writes two
// in its place and one above them.
constexpr int64_t kTakenPerPrefill = 3;

}  // namespace

bool IsSlubCounter(std::string_view file) {
  const auto* const end = kSlubStatNames.begin() + kKernelSlubStats;
  return std::find(kSlubStatNames.begin(), end, file) != end;
}

std::optional<KernelCounters> KernelCounters::Between(const SlabSysfs& before,
                                                      const SlabSysfs& after) {
  KernelCounters counters;
  for (const SlubStat stat : kCounters) {
    const std::string_view name = SlubStatName(stat);
    const auto counts = [name](const auto& cache) { return cache.second.Find(name) != nullptr; };
    if (std::any_of(after.caches.begin(), after.caches.end(), counts)) {
      counters.names_.push_back(name);
    }
  }
  if (counters.names_.empty()) return std::nullopt;
  for (const auto& [name, is] : after.caches) {
    // One that was created in between counted from 0.
    const CacheSysfs* was = before.Find(name);
    Cache& cache = counters.caches_.emplace_back();
    cache.name = name;
    cache.object_size = static_cast<uint32_t>(std::max<int64_t>(is.Total("object_size"), 0));
    cache.slabs = static_cast<uint64_t>(std::max<int64_t>(is.Total("slabs"), 0));
    constexpr int64_t kOrderMax = 10;
    const int64_t order = std::clamp<int64_t>(is.Total("order"), 0, kOrderMax);
    cache.slab_bytes = cache.slabs * kPageSize << order;
    for (const std::string_view counter : counters.names_) {
      cache.growth.push_back(is.Total(counter) - (was == nullptr ? 0 : was->Total(counter)));
    }
  }
  return counters;
}

absl::StatusOr<std::optional<KernelCounters>> KernelCounters::Of(const RecordedSidecars& sidecars) {
  const absl::StatusOr<SlabSysfs>* const before = sidecars.Sysfs("sys-kernel-slab.before");
  const absl::StatusOr<SlabSysfs>* const after = sidecars.Sysfs("sys-kernel-slab.after");
  if (before == nullptr || after == nullptr) return std::optional<KernelCounters>();
  if (!before->ok()) return before->status();
  if (!after->ok()) return after->status();
  return Between(**before, **after);
}

bool KernelCounters::Has(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

int64_t KernelCounters::Of(const Cache& cache, std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  return found == names_.end() ? 0 : cache.growth[static_cast<size_t>(found - names_.begin())];
}

int64_t KernelCounters::Total(std::string_view name) const {
  int64_t total = 0;
  for (const Cache& cache : caches_) total += Of(cache, name);
  return total;
}

int64_t KernelCounters::Allocations(const Cache& cache) const {
  const int64_t from_slabs = Of(cache, "alloc_fastpath") + Of(cache, "alloc_slowpath");
  if (!Has("alloc_cpu_sheaf")) return from_slabs;
  return from_slabs - Of(cache, "sheaf_refill") + Of(cache, "alloc_cpu_sheaf");
}

int64_t KernelCounters::Frees(const Cache& cache) const {
  const int64_t to_slabs = Of(cache, "free_fastpath") + Of(cache, "free_slowpath");
  if (!Has("free_cpu_sheaf")) return to_slabs;
  return to_slabs - Of(cache, "sheaf_flush") + Of(cache, "free_cpu_sheaf");
}

int64_t KernelCounters::FreesByRcu(const Cache& cache) const {
  return Of(cache, "free_rcu_sheaf") + Of(cache, "free_rcu_sheaf_fail");
}

SheafContents SheafContentsOf(const CacheSysfs& cache, int32_t cpu) {
  const auto on_cpu = [&cache, cpu](std::string_view counter) -> int64_t {
    const SysfsCount* count = cache.Find(counter);
    const auto at = static_cast<size_t>(cpu);
    return count == nullptr || cpu < 0 || at >= count->per_cpu.size() ? 0 : count->per_cpu[at];
  };
  const bool is_apart = cache.Find("alloc_cpu_sheaf") != nullptr;  // Linux 6.18, 6.19
  const int64_t capacity = cache.Total("sheaf_capacity");
  SheafContents contents;
  contents.full_given = on_cpu("barn_put") - on_cpu("barn_get");
  contents.sheaves_made = on_cpu("sheaf_alloc") - on_cpu("sheaf_free");
  contents.objects =
      on_cpu("sheaf_refill") - on_cpu("sheaf_flush") +
      on_cpu(is_apart ? "free_cpu_sheaf" : "free_fastpath") + on_cpu("free_rcu_sheaf") -
      on_cpu(is_apart ? "alloc_cpu_sheaf" : "alloc_fastpath") - capacity * contents.full_given;
  const int64_t prefills = on_cpu("sheaf_prefill_fast") + on_cpu("sheaf_prefill_slow");
  contents.objects -= prefills * kTakenPerPrefill;
  if (capacity > 0) contents.rcu_objects = on_cpu("free_rcu_sheaf") % capacity;
  contents.has_spare = on_cpu("sheaf_refill") > 0 || on_cpu("barn_put") > 0 ||
                       on_cpu("barn_put_fail") > 0 || prefills > 0 ||
                       contents.objects - contents.rcu_objects > capacity;
  return contents;
}

}  // namespace slablab
