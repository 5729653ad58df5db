// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/kernel_comparison.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "fmt/format.h"
#include "runs/simulation/run_result.h"
#include "traces/sidecar/kernel_counters.h"

namespace slablab {

namespace {

// `absent`: counters of the model that no cache of the recorded kernel has.
void Explain(const TraceHeader& trace, const KernelCounters& kernel, const KernelMatch& kernels,
             const std::vector<std::string>& absent, KernelComparison& comparison) {
  if (!kernels.recorded().empty() && !kernels.model().empty() && !kernels.same_series()) {
    *comparison.add_explanations() = absl::StrCat(
        "The recorded kernel is Linux ", kernels.recorded(), " and the model is of ",
        kernels.model(), ": what their algorithms differ in differs here, before all else.");
  }
  if (!absent.empty()) {
    *comparison.add_explanations() = absl::StrCat(
        "Not compared, as the recorded kernel has no such counters: ", absl::StrJoin(absent, ", "),
        ".");
  }
  std::vector<std::string_view> of_kernel_alone;
  for (const std::string_view name : kernel.names()) {
    const auto is_same = [name](const CounterPair& pair) { return pair.counter() == name; };
    if (kernel.Total(name) == 0) continue;
    if (std::none_of(comparison.totals().begin(), comparison.totals().end(), is_same)) {
      of_kernel_alone.push_back(name);
    }
  }
  if (!of_kernel_alone.empty()) {
    *comparison.add_explanations() = fmt::format(
        "Not compared, as the model has no such counters: {}.", fmt::join(of_kernel_alone, ", "));
  }
  int64_t allocated = 0;
  int64_t freed = 0;
  int64_t freed_by_rcu = 0;
  for (const KernelCounters::Cache& cache : kernel.caches()) {
    allocated += kernel.Allocations(cache);
    freed += kernel.Frees(cache);
    freed_by_rcu += kernel.FreesByRcu(cache);
  }
  const std::string by_rcu =
      freed_by_rcu == 0
          ? ""
          : fmt::format(", and {} more by kvfree_rcu, which has no tracepoint", freed_by_rcu);
  const auto count = [&trace](EventKind kind) {
    return static_cast<int64_t>(trace.events_by_kind[static_cast<size_t>(kind)]);
  };
  *comparison.add_explanations() = absl::StrCat(
      "The kernel counted ", allocated, " allocations and ", freed, " frees", by_rcu,
      "; the recording has ", count(EventKind::kKmalloc) + count(EventKind::kCacheAlloc), " and ",
      count(EventKind::kKfree) + count(EventKind::kCacheFree),
      ": the counters were read some time before and after it (reading them allocates too), and "
      "bulk calls have no tracepoint. So the fast paths' shares weigh the kernel's share of each "
      "cache with the operations replayed.");
  for (const CacheComparison& cache : comparison.caches()) {
    if (cache.left_out().empty()) continue;
    *comparison.add_explanations() =
        absl::StrCat("Not in the shares: ", cache.cache(), ". ", cache.left_out(), ".");
  }
}

// At most so many per mille of a cache's replayed operations may be inferred for the cache to
// count.
constexpr uint64_t kInferredPerMilleMax = 100;

const CounterPair* FindPair(const CacheComparison& cache, FigureValue::Role role) {
  for (const CounterPair& pair : cache.counters()) {
    if (pair.role() == role) return &pair;
  }
  return nullptr;
}

struct ComparedOperation {
  const char* name;
  FigureValue::Role fast;
  FigureValue::Role slow;
};
constexpr ComparedOperation kComparedOperations[] = {
    {"alloc", FigureValue::FAST_ALLOCS, FigureValue::SLOW_ALLOCS},
    {"free", FigureValue::FAST_FREES, FigureValue::SLOW_FREES}};

// Adds one cache's operations to `compared`, in the kernel's proportions and in the model's.
void AddShare(const CacheComparison& cache, const ComparedOperation& operation,
              FastPathComparison* compared) {
  const CounterPair* fast = FindPair(cache, operation.fast);
  const CounterPair* slow = FindPair(cache, operation.slow);
  if (fast == nullptr || slow == nullptr) return;
  const int64_t kernel_all = fast->kernel() + slow->kernel();
  const int64_t simulated_all = fast->simulated() + slow->simulated();
  if (kernel_all <= 0 || simulated_all <= 0) return;
  const auto weighed = static_cast<__int128>(fast->kernel()) * simulated_all;
  compared->set_operations(compared->operations() + static_cast<uint64_t>(simulated_all));
  compared->set_simulated_fast(compared->simulated_fast() +
                               static_cast<uint64_t>(fast->simulated()));
  compared->set_kernel_fast(compared->kernel_fast() +
                            static_cast<uint64_t>((weighed + kernel_all / 2) / kernel_all));
}

void CompareFastPaths(KernelComparison& comparison) {
  for (const ComparedOperation& operation : kComparedOperations) {
    FastPathComparison& compared = *comparison.add_fast_paths();
    compared.set_operation(operation.name);
    for (const CacheComparison& cache : comparison.caches()) {
      if (cache.left_out().empty()) AddShare(cache, operation, &compared);
    }
  }
}

// Why the recording tells too little of a cache's operations to compare them; empty if it does not.
std::string ReasonToLeaveOut(const OperationTotals& operations) {
  if (operations.inferred * 1000 <= operations.operations * kInferredPerMilleMax) return "";
  return absl::StrCat(operations.inferred, " of its ", operations.operations,
                      " operations are inferred: bulk calls and kvfree_rcu have no tracepoint");
}

// Allocations from the cache, as the kernel and as the model counted them.
struct CountedAllocations {
  int64_t kernel = 0;
  int64_t simulated = 0;
};
CountedAllocations AllocationsOf(const CacheComparison& cache) {
  CountedAllocations counted;
  for (const FigureValue::Role role : {FigureValue::FAST_ALLOCS, FigureValue::SLOW_ALLOCS}) {
    if (const CounterPair* const pair = FindPair(cache, role); pair != nullptr) {
      counted.kernel += pair->kernel();
      counted.simulated += pair->simulated();
    }
  }
  return counted;
}

// What of a cache's figures the recording does not settle.
std::string ReasonToDiffer(const CacheComparison& cache, const OperationTotals& operations,
                           bool is_warm) {
  const auto [counted, replayed] = AllocationsOf(cache);
  // One in so many: what runs by the clock beside the workload is less.
  constexpr int64_t kOutsideMin = 100;
  if (cache.left_out().empty() && std::abs(counted - replayed) * kOutsideMin > counted) {
    return absl::StrCat("the kernel counted ", counted, " allocations from it and ", replayed,
                        " were replayed: its counters are of a longer time");
  }
  if (!cache.left_out().empty()) return cache.left_out();
  if (operations.inferred > 0) {
    return absl::StrCat(operations.inferred, " of its ", operations.operations,
                        " operations have no event, and when they were is inferred");
  }
  return is_warm ? "which of its slabs' objects were free when the recording began, and in what "
                   "order its slabs were listed, is not known"
                 : "a cold start has nothing of what it held when the recording began";
}

// What a cache holds at the end, if it began with what the kernel's held.
void CompareStates(const KernelCounters::Cache& kernel, const Footprint& simulated,
                   CacheComparison& compared, std::vector<CounterPair>& totals) {
  const auto add = [&](const char* name, uint64_t theirs, uint64_t ours) {
    CounterPair& pair = *compared.add_state();
    pair.set_counter(name);
    pair.set_kernel(static_cast<int64_t>(theirs));
    pair.set_simulated(static_cast<int64_t>(ours));
    for (CounterPair& total : totals) {
      if (total.counter() != name) continue;
      total.set_kernel(total.kernel() + pair.kernel());
      total.set_simulated(total.simulated() + pair.simulated());
    }
  };
  add("slabs", kernel.slabs, simulated.slabs);
  add("bytes", kernel.slab_bytes, simulated.slab_bytes);
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

absl::Status CompareWithKernel(const RecordedSidecars& sidecars, const Allocator& allocator,
                               const RunAccount& replay, const CounterSnapshot& before,
                               RunResult& result) {
  if (allocator.cache_count() == 0) return absl::OkStatus();
  const absl::StatusOr<std::optional<KernelCounters>> read = KernelCounters::Of(sidecars);
  if (!read.ok()) return read.status();
  if (!read->has_value()) return absl::OkStatus();
  const KernelCounters& kernel = **read;

  const CounterSnapshot now(allocator);
  std::vector<CounterPair> totals;  // in the order of the model's counters
  for (const Figure& figure : allocator.Counters(CacheId(0))) {
    CounterPair& total = totals.emplace_back();
    total.set_counter(figure.name);
    if (figure.role != FigureRole::kOther) total.set_role(RoleInResult(figure.role));
  }
  std::set<std::string> counted;
  KernelComparison comparison;
  const bool is_warm = result.config().start() == "warm";
  std::vector<CounterPair> states(2);
  states[0].set_counter("slabs");
  states[1].set_counter("bytes");
  for (const KernelCounters::Cache& recorded : kernel.caches()) {
    const CacheId cache = allocator.FindCache(recorded.name);
    CacheComparison compared;
    compared.set_cache(recorded.name);
    OperationTotals operations;
    if (cache != kNoCache && cache.index() < replay.caches.size()) {
      operations = replay.caches[cache.index()];
    }
    compared.set_left_out(ReasonToLeaveOut(operations));
    if (is_warm && cache != kNoCache) {
      CompareStates(recorded, allocator.FootprintOf(cache), compared, states);
    }
    bool any = false;
    for (CounterPair& total : totals) {
      const std::string& counter = total.counter();
      if (!kernel.Has(counter)) continue;
      counted.insert(counter);
      CounterPair& pair = *compared.add_counters();
      pair.set_counter(counter);
      if (total.has_role()) pair.set_role(total.role());
      pair.set_kernel(kernel.Of(recorded, counter));
      pair.set_simulated(before.Growth(now, cache, counter));
      any |= pair.kernel() != 0 || pair.simulated() != 0;
      total.set_kernel(total.kernel() + pair.kernel());
      total.set_simulated(total.simulated() + pair.simulated());
    }
    compared.set_reason(ReasonToDiffer(compared, operations, is_warm));
    const auto differs = [](const CounterPair& pair) { return pair.kernel() != pair.simulated(); };
    any |= std::any_of(compared.state().begin(), compared.state().end(), differs);
    if (any) *comparison.add_caches() = std::move(compared);
  }
  if (counted.empty()) return absl::OkStatus();  // Not a SLUB that is simulated.
  std::vector<std::string> absent;
  for (CounterPair& total : totals) {
    if (counted.contains(total.counter())) {
      *comparison.add_totals() = std::move(total);
    } else {
      absent.push_back(total.counter());
    }
  }
  if (is_warm) {
    for (CounterPair& state : states) *comparison.add_state() = std::move(state);
  }
  CompareFastPaths(comparison);
  Explain(sidecars.trace(), kernel, result.kernel_match(), absent, comparison);
  *result.mutable_kernel() = std::move(comparison);
  return absl::OkStatus();
}

}  // namespace slablab
