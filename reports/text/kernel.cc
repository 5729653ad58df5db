// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "reports/breakdown.h"
#include "reports/numbers.h"
#include "reports/text/sections.h"

// The simulated counters beside the kernel's own, over the same recording.

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;
constexpr size_t kCachesInDetail = 3;

using Pairs = google::protobuf::RepeatedPtrField<CounterPair>;

// simulated - kernel. Saturates: a file may hold anything.
int64_t Difference(const CounterPair& pair) {
  const __int128 difference = static_cast<__int128>(pair.simulated()) - pair.kernel();
  return static_cast<int64_t>(std::clamp<__int128>(difference, -std::numeric_limits<int64_t>::max(),
                                                   std::numeric_limits<int64_t>::max()));
}

uint64_t Distance(const Pairs& pairs) {
  uint64_t sum = 0;
  for (const CounterPair& pair : pairs) {
    const int64_t difference = Difference(pair);
    sum += static_cast<uint64_t>(difference < 0 ? -difference : difference);
  }
  return sum;
}

std::string PointsText(const FastPathPair& shares) {
  return shares.has_both() ? Points(shares.points()) : "-";
}

TextCell Signed(int64_t value) {
  return value < 0 ? TextCell(GroupedDifference(value)) : TextCell(static_cast<uint64_t>(value));
}

// `differing_only`: without the counters in which both sides agree.
void AppendPairs(const Pairs& pairs, bool differing_only, TextPage& page) {
  TextTable table(
      {{"", 26, kLeft}, {"kernel", 14}, {"simulated", 14}, {"difference", 14}, {"", 8}});
  for (const CounterPair& pair : pairs) {
    const int64_t difference = Difference(pair);
    if (differing_only && difference == 0) continue;
    std::string relative;
    if (difference != 0 && pair.kernel() > 0) {
      const uint64_t magnitude = static_cast<uint64_t>(difference < 0 ? -difference : difference);
      relative =
          (difference < 0 ? "-" : "+") + Percent(magnitude, static_cast<uint64_t>(pair.kernel()));
    }
    table.AddRow({pair.counter(), Signed(pair.kernel()), Signed(pair.simulated()),
                  difference == 0 ? "=" : GroupedDifference(difference), relative});
  }
  page.Table(table);
}

void AppendShares(const KernelComparison& comparison, TextPage& page) {
  TextTable table(
      {{"Fast path's share", 26, kLeft}, {"kernel", 14}, {"simulated", 14}, {"points", 14}});
  for (const auto& [name, operation] :
       {std::pair{"of allocations", "alloc"}, std::pair{"of frees", "free"}}) {
    const FastPathPair shares = ComparedFastPaths(comparison, operation);
    table.AddRow({name, shares.kernel.Percent(), shares.simulated.Percent(), PointsText(shares)});
  }
  page.Table(table);
}

void AppendCaches(const std::vector<const CacheComparison*>& worst, const TextOptions& options,
                  TextPage& page) {
  TextTable table({{"", 20, kLeft},
                   {"allocs", 10},
                   {"kernel", 7},
                   {"sim", 7},
                   {"points", 7},
                   {"kernel", 7, TextTable::Column::kRight, 2},
                   {"sim", 7},
                   {"points", 7}});
  const size_t shown = ShownRows(worst.size(), options);
  for (size_t i = 0; i < shown; ++i) {
    const FastPathPair allocs = KernelFastPaths(worst[i]->counters(), /*frees=*/false);
    const FastPathPair frees = KernelFastPaths(worst[i]->counters(), /*frees=*/true);
    table.AddRow({worst[i]->cache(), allocs.kernel.all, allocs.kernel.Percent(),
                  allocs.simulated.Percent(), PointsText(allocs), frees.kernel.Percent(),
                  frees.simulated.Percent(), PointsText(frees)});
  }
  AppendRest(worst.size(), options, "caches that differ less", table);
  page.Line(fmt::format("{:<31} {:^23}  {:^23}", "Caches, worst first", "allocations by fast path",
                        "frees by fast path"));
  page.Table(table);
}

}  // namespace

void AppendKernelComparison(const RunResult& result, const TextOptions& options, TextPage& page) {
  if (!result.has_kernel()) return;
  const KernelComparison& comparison = result.kernel();
  std::vector<const CacheComparison*> worst;
  for (const CacheComparison& cache : comparison.caches()) {
    if (Distance(cache.counters()) > 0) worst.push_back(&cache);
  }
  std::stable_sort(worst.begin(), worst.end(),
                   [](const CacheComparison* a, const CacheComparison* b) {
                     return Distance(a->counters()) > Distance(b->counters());
                   });
  page.Heading("Beside the kernel's own counters: their change over the recording");
  const size_t caches = static_cast<size_t>(comparison.caches_size());
  page.Paragraph(fmt::format("{} of {} caches agree in every counter.",
                             Grouped(caches - worst.size()), Grouped(caches)));
  page.Blank();
  AppendShares(comparison, page);
  page.Blank();
  AppendPairs(comparison.totals(), /*differing_only=*/false, page);
  if (!worst.empty()) {
    page.Blank();
    AppendCaches(worst, options, page);
  }
  for (size_t i = 0; i < std::min(worst.size(), kCachesInDetail); ++i) {
    page.Heading(fmt::format("Where {} differs from the kernel's", worst[i]->cache()));
    AppendPairs(worst[i]->counters(), /*differing_only=*/true, page);
  }
  if (!comparison.explanations().empty()) {
    page.Heading("What accounts for differences");
    for (const std::string& explanation : comparison.explanations()) page.Item(explanation);
  }
}

}  // namespace slablab
