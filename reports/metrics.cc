// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/metrics.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <vector>

#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/numbers.h"
#include "sim/cache/ledger.h"

namespace slablab {
namespace {

using Value = std::optional<uint64_t>;

// numerator * scale / denominator, rounded half up.
Value Ratio(uint64_t numerator, uint64_t denominator, uint64_t scale) {
  if (denominator == 0) return std::nullopt;
  const auto scaled = static_cast<unsigned __int128>(numerator) * scale;
  const unsigned __int128 ratio = (scaled + denominator / 2) / denominator;
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  return ratio > kMost ? kMost : static_cast<uint64_t>(ratio);
}

constexpr uint64_t kThousandths = 1'000;
constexpr uint64_t kThousandthsOfPercent = 100'000;

bool IsAllocators(std::string_view site) {
  const Account account = AccountOf(site);
  return account == Account::kAllocator || account == Account::kPageAllocator;
}

// The allocator's touches that were answered in one of these ways, per thousand operations.
Value TouchesPerThousand(const RunResult& result, std::initializer_list<Outcome> outcomes) {
  uint64_t touches = 0;
  for (const TouchCell& cell : result.touches()) {
    if (!IsAllocators(cell.site())) continue;
    for (const Outcome outcome : outcomes) {
      if (cell.outcome() == OutcomeName(outcome)) touches += cell.count();
    }
  }
  return Ratio(touches, result.totals().operations(), 1000 * kThousandths);
}

Value CauseCycles(const RunResult& result, Cause cause) {
  uint64_t cycles = 0;
  for (const CauseCell& cell : result.causes()) {
    if (IsAllocators(cell.site()) && cell.cause() == CauseName(cause)) cycles += cell.cycles();
  }
  return cycles;
}

Value SumOfLocks(const RunResult& result, uint64_t (LockStats::*field)() const) {
  uint64_t sum = 0;
  for (const LockStats& lock : result.locks()) sum += (lock.*field)();
  return sum;
}

Value LargestOfCpus(const RunResult& result, uint64_t (CpuStats::*field)() const) {
  uint64_t largest = 0;
  for (const CpuStats& cpu : result.cpus()) largest = std::max(largest, (cpu.*field)());
  return largest;
}

Value MeanCycles(const PathStats& path) {
  return Ratio(path.cycles_total(), path.operations(), kThousandths);
}

Value Percentile(const PathStats& path, uint64_t (PathStats::*field)() const) {
  return path.operations() == 0 ? Value() : (path.*field)();
}

Value FastPercent(const RunResult& result, bool frees) {
  const FastShare share = FastPaths(result, frees);
  return Ratio(share.fast, share.all, kThousandthsOfPercent);
}

using R = const RunResult&;

// Of runs in closed order; of others, which have it as the recording had it, none.
Value OfClosed(R result, uint64_t value) {
  return result.config().order() == "closed" ? Value(value) : std::nullopt;
}

// What the workload counts as done; none where it counts nothing.
Value Work(R result) {
  return result.totals().work_unit().empty() ? std::nullopt
                                             : OfClosed(result, result.totals().work());
}

// None where nobody looked at the end.
Value OfEnd(R result, uint64_t value) {
  return result.has_footprint_end() ? Value(value) : std::nullopt;
}

// None where nothing was freed by kvfree_rcu.
Value OfRcu(R result, uint64_t value) { return result.has_rcu() ? Value(value) : std::nullopt; }

// `count` a second of the machine's time from the start on.
Value PerSecond(R result, uint64_t count) {
  const Totals& totals = result.totals();
  if (result.config().clock_mhz() <= 0) return std::nullopt;
  if (totals.end_time_cycles() < totals.start_time_cycles()) return std::nullopt;
  const auto hertz = static_cast<unsigned __int128>(result.config().clock_mhz()) * 1'000'000;
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  return Ratio(count, totals.end_time_cycles() - totals.start_time_cycles(),
               hertz > kMost ? kMost : static_cast<uint64_t>(hertz));
}

// What was done.
constexpr Metric kWork[] = {
    {"operations", "", "allocator operations done", Better::kNeither, 0,
     [](R r) -> Value { return r.totals().operations(); }},
    {"allocations", "", "of these, allocations", Better::kNeither, 0,
     [](R r) -> Value { return r.totals().allocations(); }},
    {"frees", "", "of these, frees", Better::kNeither, 0,
     [](R r) -> Value { return r.totals().frees(); }},
    {"failed_allocations", "", "allocations that found no memory", Better::kLess, 0,
     [](R r) -> Value { return r.totals().failed_allocations(); }},
    {"remote_free_share", "%", "frees on another node than the object's", Better::kNeither, 3,
     [](R r) -> Value {
       return Ratio(r.totals().remote_frees(), r.totals().frees(), kThousandthsOfPercent);
     }},
    {"work", "", "what the workload counts as done, in its own unit", Better::kNeither, 0,
     [](R r) { return Work(r); }},
    {"order_inversions", "", "frees that had to wait for their own allocation", Better::kNeither, 0,
     [](R r) -> Value { return r.totals().order_inversions(); }},
};

// What it cost.
constexpr Metric kCost[] = {
    {"work_per_second", "", "of that, a second until the last task was over", Better::kMore, 0,
     [](R r) { return Work(r).has_value() ? PerSecond(r, r.totals().work()) : std::nullopt; }},
    {"operations_per_second", "", "operations a second of machine time", Better::kMore, 0,
     [](R r) -> Value {
       if (r.config().clock_mhz() <= 0) return std::nullopt;
       const auto hertz = static_cast<unsigned __int128>(r.config().clock_mhz()) * 1'000'000;
       constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
       return Ratio(r.totals().operations(), r.totals().end_time_cycles(),
                    hertz > kMost ? kMost : static_cast<uint64_t>(hertz));
     }},
    {"end_time_cycles", "cycles", "machine time at the end", Better::kLess, 0,
     [](R r) -> Value { return r.totals().end_time_cycles(); }},
    {"cycles_per_operation", "cycles", "all that the allocator spent, an operation", Better::kLess,
     3,
     [](R r) -> Value { return Ratio(AllocatorCycles(r), r.totals().operations(), kThousandths); }},
    {"cycles_in_operations", "cycles", "of these, in operations", Better::kLess, 3,
     [](R r) -> Value {
       return Ratio(AllocatorParts(r).front().value, r.totals().operations(), kThousandths);
     }},
    {"cycles_outside_operations", "cycles",
     "of these, in timers, put-off work and whatever else is no operation", Better::kLess, 3,
     [](R r) -> Value {
       const uint64_t all = AllocatorCycles(r);
       const uint64_t within = std::min(AllocatorParts(r).front().value, all);
       return Ratio(all - within, r.totals().operations(), kThousandths);
     }},
    {"alloc_cycles_mean", "cycles", "mean of allocations", Better::kLess, 3,
     [](R r) -> Value { return MeanCycles(r.all_allocations()); }},
    {"alloc_cycles_p50", "cycles", "median of allocations", Better::kLess, 0,
     [](R r) -> Value { return Percentile(r.all_allocations(), &PathStats::cycles_p50); }},
    {"alloc_cycles_p99", "cycles", "99th percentile of allocations", Better::kLess, 0,
     [](R r) -> Value { return Percentile(r.all_allocations(), &PathStats::cycles_p99); }},
    {"alloc_cycles_max", "cycles", "the longest allocation", Better::kLess, 0,
     [](R r) -> Value { return Percentile(r.all_allocations(), &PathStats::cycles_max); }},
    {"free_cycles_mean", "cycles", "mean of frees", Better::kLess, 3,
     [](R r) -> Value { return MeanCycles(r.all_frees()); }},
    {"free_cycles_p50", "cycles", "median of frees", Better::kLess, 0,
     [](R r) -> Value { return Percentile(r.all_frees(), &PathStats::cycles_p50); }},
    {"free_cycles_p99", "cycles", "99th percentile of frees", Better::kLess, 0,
     [](R r) -> Value { return Percentile(r.all_frees(), &PathStats::cycles_p99); }},
    {"free_cycles_max", "cycles", "the longest free", Better::kLess, 0,
     [](R r) -> Value { return Percentile(r.all_frees(), &PathStats::cycles_max); }},
    {"task_switches", "", "from one task to another, in closed order", Better::kLess, 0,
     [](R r) { return OfClosed(r, r.totals().switches()); }},
    {"task_migrations", "", "of tasks from one CPU to another, in closed order", Better::kLess, 0,
     [](R r) { return OfClosed(r, r.totals().migrations()); }},
    {"run_queue_wait_cycles", "cycles", "of tasks that could run while another had the CPU",
     Better::kLess, 0, [](R r) { return OfClosed(r, r.totals().run_queue_wait_cycles()); }},
    {"think_cycles", "cycles", "what tasks did on CPUs besides", Better::kNeither, 0,
     [](R r) { return OfClosed(r, r.totals().think_cycles()); }},
    {"use_cycles", "cycles", "the workload's touches of its objects", Better::kLess, 0,
     [](R r) -> Value { return r.totals().use_cycles(); }},
};

// Why it cost that. Touches and causes are the allocator's and the page allocator's under it.
constexpr Metric kCauseMetrics[] = {
    {"alloc_fast_share", "%", "allocations that took a fast path", Better::kMore, 3,
     [](R r) { return FastPercent(r, false); }},
    {"free_fast_share", "%", "frees that took a fast path", Better::kMore, 3,
     [](R r) { return FastPercent(r, true); }},
    {"l1_hits", "", "touches answered by L1, a thousand operations", Better::kNeither, 3,
     [](R r) { return TouchesPerThousand(r, {Outcome::kL1}); }},
    {"l2_hits", "", "by L2, a thousand operations", Better::kNeither, 3,
     [](R r) { return TouchesPerThousand(r, {Outcome::kL2}); }},
    {"llc_hits", "", "by the last-level cache, a thousand operations", Better::kNeither, 3,
     [](R r) { return TouchesPerThousand(r, {Outcome::kLlc}); }},
    {"upgrades", "", "writes to lines that others shared, a thousand operations", Better::kLess, 3,
     [](R r) {
       return TouchesPerThousand(r, {Outcome::kUpgrade, Outcome::kUpgradeRemote});
     }},
    {"transfers_local", "", "lines from another cache of the node, a thousand operations",
     Better::kLess, 3,
     [](R r) {
       return TouchesPerThousand(r, {Outcome::kTransferDomain, Outcome::kTransferNode});
     }},
    {"transfers_remote", "", "lines from a cache of another node, a thousand operations",
     Better::kLess, 3, [](R r) { return TouchesPerThousand(r, {Outcome::kTransferRemote}); }},
    {"dram_local", "", "lines from memory of the own node, a thousand operations", Better::kLess, 3,
     [](R r) { return TouchesPerThousand(r, {Outcome::kDramLocal}); }},
    {"dram_remote", "", "lines from memory of another node, a thousand operations", Better::kLess,
     3, [](R r) { return TouchesPerThousand(r, {Outcome::kDramRemote}); }},
    {"atomic_cycles", "cycles", "atomic operations", Better::kLess, 0,
     [](R r) { return CauseCycles(r, Cause::kAtomic); }},
    {"lock_wait_cycles", "cycles", "waiting for spinlocks", Better::kLess, 0,
     [](R r) { return SumOfLocks(r, &LockStats::wait_total_cycles); }},
    {"lock_acquisitions", "", "spinlocks taken", Better::kLess, 0,
     [](R r) { return SumOfLocks(r, &LockStats::acquisitions); }},
    {"lock_contentions", "", "of these, after waiting", Better::kLess, 0,
     [](R r) { return SumOfLocks(r, &LockStats::contentions); }},
    {"lock_hold_cycles", "cycles", "with a spinlock held", Better::kLess, 0,
     [](R r) { return SumOfLocks(r, &LockStats::hold_total_cycles); }},
    {"irq_off_longest_cycles", "cycles", "longest time with interrupts off", Better::kLess, 0,
     [](R r) { return LargestOfCpus(r, &CpuStats::irq_off_longest_cycles); }},
    {"irq_deferral_longest_cycles", "cycles", "longest wait of an interrupt", Better::kLess, 0,
     [](R r) { return LargestOfCpus(r, &CpuStats::irq_deferral_longest_cycles); }},
    {"writebacks", "", "lines written back to memory", Better::kLess, 0,
     [](R r) -> Value { return r.totals().writebacks(); }},
};

// What it held, at the moment of most slab memory ("the peak"), and at the end.
constexpr Metric kMemory[] = {
    {"peak_slabs", "", "slabs at the peak", Better::kLess, 0,
     [](R r) -> Value { return r.footprint_peak().slabs(); }},
    {"peak_slab_bytes", "bytes", "memory in slabs at the peak", Better::kLess, 0,
     [](R r) -> Value { return r.footprint_peak().slab_bytes(); }},
    {"peak_held_bytes", "bytes",
     "memory held in all when most is in slabs: there, whole pages, metadata, per-CPU areas",
     Better::kLess, 0, [](R r) -> Value { return HeldBy(r.footprint_peak()).total; }},
    {"peak_waste_share", "%", "of what is in slabs: rounding, padding, free slots, ends of slabs",
     Better::kLess, 3,
     [](R r) -> Value {
       const FootprintSample& peak = r.footprint_peak();
       return Ratio(WasteOf(peak).total(), peak.slab_bytes(), kThousandthsOfPercent);
     }},
    {"peak_own_bytes", "bytes", "the allocator's own objects, in slabs, at the peak", Better::kLess,
     0, [](R r) -> Value { return r.footprint_peak().own_object_bytes(); }},
    {"peak_large_bytes", "bytes", "kmalloc's blocks of whole pages at the peak", Better::kLess, 0,
     [](R r) -> Value { return r.footprint_peak().large_bytes(); }},
    {"metadata_bytes", "bytes", "the allocator's structures elsewhere, at the peak", Better::kLess,
     0, [](R r) -> Value { return r.footprint_peak().metadata_bytes(); }},
    {"percpu_bytes", "bytes", "its per-CPU areas at the peak", Better::kLess, 0,
     [](R r) -> Value { return r.footprint_peak().percpu_bytes(); }},
    {"end_slab_bytes", "bytes", "memory in slabs at the end", Better::kLess, 0,
     [](R r) { return OfEnd(r, r.footprint_end().slab_bytes()); }},
    {"end_held_bytes", "bytes", "memory held in all at the end", Better::kLess, 0,
     [](R r) { return OfEnd(r, HeldBy(r.footprint_end()).total); }},
    {"rcu_peak_bytes", "bytes", "memory that waited for a grace period, at most", Better::kLess, 0,
     [](R r) { return OfRcu(r, r.rcu().peak_bytes()); }},
    {"rcu_end_bytes", "bytes", "memory that waited for a grace period at the end", Better::kLess, 0,
     [](R r) { return OfRcu(r, r.rcu().end_bytes()); }},
    {"percpu_chunks", "", "chunks of the percpu allocator at the end", Better::kLess, 0,
     [](R r) -> Value { return r.percpu().nr_chunks(); }},
};

}  // namespace

absl::Span<const Metric> Metrics() {
  static const std::vector<Metric>& metrics = *[] {
    auto* all = new std::vector<Metric>;
    all->insert(all->end(), std::begin(kWork), std::end(kWork));
    all->insert(all->end(), std::begin(kCost), std::end(kCost));
    all->insert(all->end(), std::begin(kCauseMetrics), std::end(kCauseMetrics));
    all->insert(all->end(), std::begin(kMemory), std::end(kMemory));
    return all;
  }();
  return metrics;
}

const Metric* FindMetric(std::string_view name) {
  for (const Metric& metric : Metrics()) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

uint64_t ScaleOf(const Metric& metric) {
  uint64_t scale = 1;
  for (int i = 0; i < metric.decimals; ++i) scale *= 10;
  return scale;
}

std::string MetricText(const Metric& metric, std::optional<uint64_t> value) {
  if (!value.has_value()) return "-";
  return Quotient(*value, ScaleOf(metric), metric.decimals);
}

}  // namespace slablab
