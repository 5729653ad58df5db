// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/kernel_comparison.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "traces/sidecar.h"

namespace slablab {

namespace {

// The recording's events by kind of operation, and what the kernel counted for the same.
void ExplainUntraced(const TraceHeader& trace, KernelComparison& kernel) {
  int64_t allocated = 0;
  int64_t freed = 0;
  for (const CounterPair& pair : kernel.totals()) {
    if (pair.counter() == "alloc_fastpath" || pair.counter() == "alloc_slowpath") {
      allocated += pair.kernel();
    }
    if (pair.counter() == "free_fastpath" || pair.counter() == "free_slowpath") {
      freed += pair.kernel();
    }
  }
  const auto count = [&trace](EventKind kind) {
    return static_cast<int64_t>(trace.events_by_kind[static_cast<size_t>(kind)]);
  };
  const int64_t traced_allocs = count(EventKind::kKmalloc) + count(EventKind::kCacheAlloc);
  const int64_t traced_frees = count(EventKind::kKfree) + count(EventKind::kCacheFree);
  *kernel.add_explanations() =
      absl::StrCat("The kernel counted ", allocated, " allocations and ", freed,
                   " frees; the recording has ", traced_allocs, " and ", traced_frees,
                   ". The rest was done between the sidecars but outside the recording, or by "
                   "bulk calls that have no tracepoint.");
}

}  // namespace

CounterSnapshot::CounterSnapshot(const Allocator& allocator) {
  for (int i = 0; i < allocator.cache_count(); ++i) {
    std::map<std::string, uint64_t>& counters = caches_.emplace_back();
    for (const Figure& figure : allocator.Counters(CacheId(i))) {
      counters[figure.name] = figure.value;
    }
  }
}

int64_t CounterSnapshot::Growth(const CounterSnapshot& now, CacheId cache,
                                const std::string& counter) const {
  const auto value = [&](const CounterSnapshot& snapshot) -> int64_t {
    if (cache == kNoCache || cache.index() >= snapshot.caches_.size()) return 0;
    const auto found = snapshot.caches_[cache.index()].find(counter);
    return found == snapshot.caches_[cache.index()].end() ? 0 : static_cast<int64_t>(found->second);
  };
  return value(now) - value(*this);
}

absl::Status CompareWithKernel(const TraceHeader& trace, const Allocator& allocator,
                               const CounterSnapshot& before, RunResult& result) {
  const TraceSidecar* first = trace.FindSidecar("sys-kernel-slab.before");
  const TraceSidecar* last = trace.FindSidecar("sys-kernel-slab.after");
  if (first == nullptr || last == nullptr || allocator.cache_count() == 0) return absl::OkStatus();
  const absl::StatusOr<SlabSysfs> was = ParseSlabSysfs(first->contents, first->name);
  if (!was.ok()) return was.status();
  const absl::StatusOr<SlabSysfs> is = ParseSlabSysfs(last->contents, last->name);
  if (!is.ok()) return is.status();

  const CounterSnapshot now(allocator);
  std::map<std::string, std::pair<int64_t, int64_t>> totals;
  KernelComparison comparison;
  for (const auto& [name, after] : is->caches) {
    const CacheSysfs* prior = was->Find(name);
    const CacheId cache = allocator.FindCache(name);
    CacheComparison compared;
    compared.set_cache(name);
    bool any = false;
    for (const Figure& figure : allocator.Counters(CacheId(0))) {
      if (after.Find(figure.name) == nullptr) continue;
      const int64_t kernel =
          after.Total(figure.name) - (prior == nullptr ? 0 : prior->Total(figure.name));
      const int64_t simulated = before.Growth(now, cache, figure.name);
      any |= kernel != 0 || simulated != 0;
      totals[figure.name].first += kernel;
      totals[figure.name].second += simulated;
      CounterPair& pair = *compared.add_counters();
      pair.set_counter(figure.name);
      pair.set_kernel(kernel);
      pair.set_simulated(simulated);
    }
    if (any) *comparison.add_caches() = std::move(compared);
  }
  if (totals.empty()) return absl::OkStatus();  // Not a SLUB with statistics on both sides.
  for (const auto& [counter, values] : totals) {
    CounterPair& pair = *comparison.add_totals();
    pair.set_counter(counter);
    pair.set_kernel(values.first);
    pair.set_simulated(values.second);
  }
  ExplainUntraced(trace, comparison);
  *result.mutable_kernel() = std::move(comparison);
  return absl::OkStatus();
}

}  // namespace slablab
