// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/delta.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/check.h"
#include "fmt/format.h"
#include "reports/numbers.h"

namespace slablab {
namespace {

constexpr int64_t kChangeMax = 1'000'000'000;

int64_t Capped(unsigned __int128 magnitude) {
  return magnitude > static_cast<unsigned __int128>(kChangeMax) ? kChangeMax
                                                                : static_cast<int64_t>(magnitude);
}

bool IsPercentage(const Metric& metric) { return metric.unit == "%"; }

// A difference of two percentages, of so many decimals each, in hundredths of a point.
int64_t PointsBetween(const Metric& metric, uint64_t base, uint64_t candidate) {
  uint64_t unit = 1;
  for (int i = 2; i < metric.decimals; ++i) unit *= 10;
  const bool up = candidate > base;
  const auto distance = static_cast<unsigned __int128>(up ? candidate - base : base - candidate);
  const int64_t points = Capped((distance + unit / 2) / unit);
  return up ? points : -points;
}

struct RowSpec {
  std::string_view group;
  std::string_view title;
  std::string_view metric;
};

constexpr std::string_view kCycles = "Cycles";
constexpr std::string_view kTouches = "Touches by the allocator, a thousand operations";
constexpr std::string_view kLocks = "Locks and interrupts";
constexpr std::string_view kMemory = "Memory, bytes";

constexpr RowSpec kRowSpecs[] = {
    {kCycles, "an operation, in all", "cycles_per_operation"},
    {kCycles, "  in operations", "cycles_in_operations"},
    {kCycles, "  outside operations", "cycles_outside_operations"},
    {kCycles, "an allocation, mean", "alloc_cycles_mean"},
    {kCycles, "  half take at most", "alloc_cycles_p50"},
    {kCycles, "  99 % take at most", "alloc_cycles_p99"},
    {kCycles, "a free, mean", "free_cycles_mean"},
    {kCycles, "  half take at most", "free_cycles_p50"},
    {kCycles, "  99 % take at most", "free_cycles_p99"},
    {kCycles, "users touching objects", "use_cycles"},
    {kCycles, "the whole run", "end_time_cycles"},
    {kCycles, "operations a second", "operations_per_second"},
    {kCycles, "work done a second", "work_per_second"},
    {kCycles, "waiting for a CPU", "run_queue_wait_cycles"},
    {"Paths", "fast allocations, %", "alloc_fast_share"},
    {"Paths", "fast frees, %", "free_fast_share"},
    {"Paths", "frees on another node, %", "remote_free_share"},
    {"Paths", "failed allocations", "failed_allocations"},
    {kTouches, "answered by L1", "l1_hits"},
    {kTouches, "by L2", "l2_hits"},
    {kTouches, "by the LLC", "llc_hits"},
    {kTouches, "writes to shared lines", "upgrades"},
    {kTouches, "from a cache of the node", "transfers_local"},
    {kTouches, "from another node's cache", "transfers_remote"},
    {kTouches, "from memory of the node", "dram_local"},
    {kTouches, "from another node's memory", "dram_remote"},
    {kLocks, "spinlocks taken", "lock_acquisitions"},
    {kLocks, "  after waiting", "lock_contentions"},
    {kLocks, "  cycles waited", "lock_wait_cycles"},
    {kLocks, "  cycles held", "lock_hold_cycles"},
    {kLocks, "longest without interrupts", "irq_off_longest_cycles"},
    {kMemory, "in slabs, at the peak", "peak_slab_bytes"},
    {kMemory, "  of it waste, %", "peak_waste_share"},
    {kMemory, "  the allocator's objects", "peak_own_bytes"},
    {kMemory, "kmalloc's whole pages", "peak_large_bytes"},
    {kMemory, "metadata elsewhere", "metadata_bytes"},
    {kMemory, "per-CPU areas", "percpu_bytes"},
    {kMemory, "held in all, at the peak", "peak_held_bytes"},
    {kMemory, "in slabs, at the end", "end_slab_bytes"},
    {kMemory, "held in all, at the end", "end_held_bytes"},
};

}  // namespace

std::optional<int64_t> RelativeChange(uint64_t base, uint64_t candidate) {
  if (base == candidate) return 0;
  if (base == 0) return std::nullopt;
  const bool up = candidate > base;
  const auto distance = static_cast<unsigned __int128>(up ? candidate - base : base - candidate);
  const int64_t change =
      Capped((distance * 20'000 + base) / (static_cast<unsigned __int128>(base) * 2));
  return up ? change : -change;
}

std::optional<int64_t> ChangeInHundredths(const Metric& metric, uint64_t base, uint64_t candidate) {
  return IsPercentage(metric) ? PointsBetween(metric, base, candidate)
                              : RelativeChange(base, candidate);
}

std::string HundredthsText(const Metric& metric, int64_t hundredths) {
  if (IsPercentage(metric)) return Points(hundredths) + " pt";
  // From some size on, a factor reads better than a percentage.
  if (hundredths >= 90'000) {
    return fmt::format("x{}", Quotient(static_cast<uint64_t>(hundredths) + 10'000, 10'000, 1));
  }
  const auto magnitude = static_cast<uint64_t>(hundredths < 0 ? -hundredths : hundredths);
  return fmt::format("{}{}%", hundredths < 0 ? "-" : "+", Quotient(magnitude, 100, 1));
}

std::string ChangeText(const Metric& metric, std::optional<uint64_t> base,
                       std::optional<uint64_t> candidate) {
  if (!base.has_value() || !candidate.has_value()) return "-";
  if (*base == *candidate) return "0";
  const std::optional<int64_t> change = ChangeInHundredths(metric, *base, *candidate);
  return change.has_value() ? HundredthsText(metric, *change) : "from 0";
}

Mark MarkOf(const Metric& metric, std::optional<uint64_t> base, std::optional<uint64_t> candidate,
            int64_t noise) {
  if (!base.has_value() || !candidate.has_value()) return Mark::kUnknown;
  if (*base == *candidate) return Mark::kEqual;
  const std::optional<int64_t> change = ChangeInHundredths(metric, *base, *candidate);
  if (change.has_value() && *change<noise&& * change> - noise) return Mark::kAbout;
  if (metric.better == Better::kNeither) return Mark::kMoved;
  const bool less = *candidate < *base;
  return less == (metric.better == Better::kLess) ? Mark::kBetter : Mark::kWorse;
}

std::string_view MarkText(Mark mark) {
  switch (mark) {
    case Mark::kUnknown:
      return "";
    case Mark::kEqual:
      return "=";
    case Mark::kAbout:
      return "~";
    case Mark::kBetter:
      return "better";
    case Mark::kWorse:
      return "WORSE";
    case Mark::kMoved:
      return "moved";
  }
  return "";
}

std::string ShortMetricText(const Metric& metric, std::optional<uint64_t> value) {
  if (!value.has_value()) return "-";
  return Quotient(*value, ScaleOf(metric), std::min(metric.decimals, 1));
}

absl::Span<const DeltaRow> DeltaRows() {
  static const std::vector<DeltaRow>& rows = *[] {
    auto* made = new std::vector<DeltaRow>;
    for (const RowSpec& spec : kRowSpecs) {
      const Metric* metric = FindMetric(spec.metric);
      CHECK(metric != nullptr);
      made->push_back({.group = spec.group, .title = spec.title, .metric = metric});
    }
    return made;
  }();
  return rows;
}

}  // namespace slablab
