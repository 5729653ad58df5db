// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/stat.h"

#include <algorithm>
#include <array>
#include <compare>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/names.h"
#include "fmt/format.h"

namespace slablab {
namespace {

struct KeyName {
  StatKey key;
  std::string_view name;
};
constexpr std::array<KeyName, 6> kKeyNames = {{
    {StatKey::kFragmentation, "frag"},
    {StatKey::kHits, "hit"},
    {StatKey::kBytes, "bytes"},
    {StatKey::kPingpong, "pingpong"},
    {StatKey::kCallSite, "callsite"},
    {StatKey::kPointer, "ptr"},
}};

// Of kmalloc the size class stands for the cache, marked by a bit that no cache's number has.
constexpr uint64_t kKmallocKey = uint64_t{1} << 32;

// Which has the larger share of its bytes wasted, without rounding: requested / allocated compared
// crosswise. A row without bytes wastes nothing.
std::strong_ordering CompareFragmentation(const StatRow& a, const StatRow& b) {
  using Wide = unsigned __int128;
  const Wide a_allocated = std::max<uint64_t>(a.bytes_allocated, 1);
  const Wide b_allocated = std::max<uint64_t>(b.bytes_allocated, 1);
  const Wide a_requested = a.bytes_allocated == 0 ? 1 : a.bytes_requested;
  const Wide b_requested = b.bytes_allocated == 0 ? 1 : b.bytes_requested;
  const Wide left = b_requested * a_allocated;
  const Wide right = a_requested * b_allocated;
  return left < right   ? std::strong_ordering::less
         : left > right ? std::strong_ordering::greater
                        : std::strong_ordering::equal;
}

std::strong_ordering Compare(StatKey key, const StatRow& a, const StatRow& b) {
  switch (key) {
    case StatKey::kFragmentation:
      return CompareFragmentation(a, b);
    case StatKey::kHits:
      return a.hits <=> b.hits;
    case StatKey::kBytes:
      return a.bytes_allocated <=> b.bytes_allocated;
    case StatKey::kPingpong:
      return a.pingpongs <=> b.pingpongs;
    case StatKey::kCallSite:
    case StatKey::kPointer:
      return a.label <=> b.label;
  }
  return std::strong_ordering::equal;
}

void Sort(const StatOrder& order, std::vector<StatRow>* rows) {
  std::sort(rows->begin(), rows->end(), [&order](const StatRow& a, const StatRow& b) {
    for (const StatKey key : order) {
      const std::strong_ordering by_key = Compare(key, a, b);
      if (by_key != std::strong_ordering::equal) return by_key == std::strong_ordering::greater;
    }
    return a.label < b.label;
  });
}

}  // namespace

double StatRow::FragmentationPercent() const {
  if (bytes_allocated == 0) return 0;
  return 100.0 -
         100.0 * static_cast<double>(bytes_requested) / static_cast<double>(bytes_allocated);
}

absl::StatusOr<StatOrder> ParseStatOrder(std::string_view text) {
  StatOrder order;
  for (const absl::string_view word :
       absl::StrSplit(absl::string_view(text.data(), text.size()), ',')) {
    const auto found =
        std::find_if(kKeyNames.begin(), kKeyNames.end(), [&word](const KeyName& entry) {
          return word == absl::string_view(entry.name.data(), entry.name.size());
        });
    if (found == kKeyNames.end()) {
      return UnknownName("sort key", std::string(word), NamesOf(kKeyNames));
    }
    order.push_back(found->key);
  }
  return order;
}

void AllocationStat::Add(const Event& event) {
  if (event.kind == EventKind::kLost) {
    totals_.lost_events += event.bytes_req;
    if (event.bytes_req == 0) ++totals_.lost_unnumbered;
    return;
  }
  if (event.inferred) return;
  if (AllocatesObject(event.kind)) {
    AddAllocation(event);
  } else if (event.kind == EventKind::kKfree || event.kind == EventKind::kCacheFree) {
    AddFree(event);
  }
}

uint32_t AllocationStat::CacheRow(const Event& event) {
  const uint64_t key = event.kind == EventKind::kCacheAlloc ? uint64_t{event.cache}
                                                            : kKmallocKey | event.bytes_alloc;
  const auto [found, is_first] =
      row_of_cache_.try_emplace(key, static_cast<uint32_t>(caches_.size()));
  if (is_first) {
    cache_keys_.push_back(key);
    caches_.emplace_back();
  }
  return found->second;
}

void AllocationStat::AddAllocation(const Event& event) {
  const auto [found, is_first] =
      row_of_address_.try_emplace(event.address, static_cast<uint32_t>(pointers_.size()));
  if (is_first) {
    addresses_.push_back(event.address);
    pointers_.emplace_back();
  }
  Pointer& pointer = pointers_[found->second];
  if (callers_.size() <= event.call_site) callers_.resize(event.call_site + 1);
  const uint32_t cache_row = CacheRow(event);
  for (Counts* counts : {&pointer.counts, &callers_[event.call_site], &caches_[cache_row]}) {
    ++counts->hits;
    counts->bytes_requested += event.bytes_req;
    counts->bytes_allocated += event.bytes_alloc;
  }
  pointer.call_site = event.call_site;
  pointer.cache_row = cache_row;
  pointer.bytes_last = event.bytes_alloc;
  pointer.cpu = event.cpu;
  totals_.bytes_requested += event.bytes_req;
  totals_.bytes_allocated += event.bytes_alloc;
  ++totals_.allocations;
  const int32_t node = event.cpu < node_of_cpu_.size() ? node_of_cpu_[event.cpu] : 0;
  if (event.node >= 0 && event.node != node) ++totals_.cross_node_allocations;
}

void AllocationStat::AddFree(const Event& event) {
  ++(event.object == kNoTraceObject ? totals_.null_frees : totals_.frees);
  const auto found = row_of_address_.find(event.address);
  if (found == row_of_address_.end()) return;
  Pointer& pointer = pointers_[found->second];
  totals_.bytes_freed += pointer.bytes_last;
  if (pointer.cpu >= 0) {
    ++totals_.known_frees;
    if (pointer.cpu != event.cpu) ++totals_.remote_frees;
  }
  if (pointer.cpu != event.cpu) {
    ++pointer.counts.pingpongs;
    ++callers_[pointer.call_site].pingpongs;
    ++caches_[pointer.cache_row].pingpongs;
  }
  pointer.cpu = -1;
}

std::vector<StatRow> AllocationStat::ByCaller(const TraceHeader& header,
                                              const StatOrder& order) const {
  std::vector<StatRow> rows;
  for (size_t i = 0; i < callers_.size(); ++i) {
    const Counts& counts = callers_[i];
    if (counts.hits == 0) continue;
    rows.push_back({header.call_sites[i], counts.bytes_allocated, counts.bytes_requested,
                    counts.hits, counts.pingpongs});
  }
  Sort(order, &rows);
  return rows;
}

std::vector<StatRow> AllocationStat::ByPointer(const StatOrder& order) const {
  std::vector<StatRow> rows;
  for (size_t i = 0; i < pointers_.size(); ++i) {
    const Counts& counts = pointers_[i].counts;
    rows.push_back({fmt::format("{:#x}", addresses_[i]), counts.bytes_allocated,
                    counts.bytes_requested, counts.hits, counts.pingpongs});
  }
  Sort(order, &rows);
  return rows;
}

std::vector<StatRow> AllocationStat::ByCache(const TraceHeader& header,
                                             const StatOrder& order) const {
  std::vector<StatRow> rows;
  for (size_t i = 0; i < caches_.size(); ++i) {
    const Counts& counts = caches_[i];
    const uint64_t key = cache_keys_[i];
    std::string label =
        key >= kKmallocKey ? fmt::format("kmalloc-{}", key - kKmallocKey) : header.caches[key].name;
    if (label.empty()) label = "(unknown)";
    rows.push_back({std::move(label), counts.bytes_allocated, counts.bytes_requested, counts.hits,
                    counts.pingpongs});
  }
  Sort(order, &rows);
  return rows;
}

StatTotals LeftOutTotals(const TraceHeader& header) {
  StatTotals totals;
  const auto take = [&header](std::string_view name, uint64_t* total) {
    for (const TraceRepair& repair : header.repairs) {
      if (repair.name == name) *total = repair.count;
    }
  };
  take("allocator-internal-allocations", &totals.allocations);
  take("allocator-internal-bytes-requested", &totals.bytes_requested);
  take("allocator-internal-bytes-allocated", &totals.bytes_allocated);
  take("allocator-internal-bytes-freed", &totals.bytes_freed);
  return totals;
}

}  // namespace slablab
