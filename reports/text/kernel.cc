// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
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

// What is told of the busiest caches: a counter, or a figure of the end; the share of frees that
// took the fast path stands before them.
constexpr std::array<std::pair<const char*, const char*>, 6> kBusiestFigures = {{
    {"sheaf_refill", "refill"},
    {"sheaf_flush", "flush"},
    {"alloc_slab", "slab"},
    {"barn_get", "get"},
    {"barn_put", "put"},
    {"slabs", "slabs"},
}};
constexpr size_t kBusiest = 10;
// Nearer than this figures agree: one in so many.
constexpr int64_t kAgreement = 20;

const CounterPair* FindPair(const Pairs& counters, const Pairs& state, std::string_view name) {
  for (const Pairs* pairs : {&counters, &state}) {
    for (const CounterPair& pair : *pairs) {
      if (pair.counter() == name) return &pair;
    }
  }
  return nullptr;
}

bool Agrees(const CounterPair& pair) {
  const __int128 difference = Difference(pair);
  const __int128 magnitude = difference < 0 ? -difference : difference;
  return magnitude * kAgreement <= pair.kernel();
}

// "=", "+3.1%", or of what the kernel has none of "+12".
std::string DifferenceText(const CounterPair* pair) {
  if (pair == nullptr) return "-";
  const int64_t difference = Difference(*pair);
  if (difference == 0) return "=";
  if (pair->kernel() <= 0) return GroupedDifference(difference);
  const uint64_t magnitude = static_cast<uint64_t>(difference < 0 ? -difference : difference);
  return (difference < 0 ? "-" : "+") + Percent(magnitude, static_cast<uint64_t>(pair->kernel()));
}

uint64_t KernelAllocations(const CacheComparison& cache) {
  return KernelFastPaths(cache.counters(), "alloc").kernel.all;
}

std::vector<const CacheComparison*> BusiestCaches(const KernelComparison& comparison) {
  std::vector<const CacheComparison*> busiest;
  for (const CacheComparison& cache : comparison.caches()) busiest.push_back(&cache);
  std::stable_sort(busiest.begin(), busiest.end(),
                   [](const CacheComparison* a, const CacheComparison* b) {
                     return KernelAllocations(*a) > KernelAllocations(*b);
                   });
  busiest.resize(std::min(busiest.size(), kBusiest));
  return busiest;
}

// Of a kernel with sheaves: all caches and the busiest ones, by their differences from it; and why,
// where they are not small.
void AppendBusiest(const KernelComparison& comparison, TextPage& page) {
  if (FindPair(comparison.totals(), comparison.state(), "sheaf_refill") == nullptr) return;
  std::vector<TextTable::Column> columns = {{"", 19, kLeft}, {"free", 7}};
  for (const auto& [name, head] : kBusiestFigures) columns.push_back({head, 7});
  TextTable table(columns);
  const auto add = [&table](const std::string& name, const Pairs& counters, const Pairs& state) {
    std::vector<TextCell> row = {name, PointsText(KernelFastPaths(counters, "free"))};
    for (const auto& [figure, head] : kBusiestFigures) {
      row.push_back(DifferenceText(FindPair(counters, state, figure)));
    }
    table.AddRow(row);
  };
  add("all caches", comparison.totals(), comparison.state());
  const std::vector<const CacheComparison*> busiest = BusiestCaches(comparison);
  for (const CacheComparison* cache : busiest) {
    add(cache->cache(), cache->counters(), cache->state());
  }
  page.Subheading("The busiest caches: differences from the kernel");
  page.Table(table);
  page.Paragraph("free: the fast path's share of frees, in points; the others in per cent of the "
                 "kernel's figure, and where that is 0 as they are. Slabs are those at the end.");
  if (const CounterPair* const bytes = FindPair({}, comparison.state(), "bytes")) {
    page.Paragraph(fmt::format("Bytes in slabs at the end: {} in the kernel, {} simulated ({}).",
                               Grouped(bytes->kernel()), Grouped(bytes->simulated()),
                               DifferenceText(bytes)));
  }
  for (const CacheComparison* cache : busiest) {
    std::vector<std::string> differing;
    for (const auto& [figure, head] : kBusiestFigures) {
      const CounterPair* const pair = FindPair(cache->counters(), cache->state(), figure);
      if (pair == nullptr || Agrees(*pair)) continue;
      differing.push_back(fmt::format("{} {} instead of {}", figure, Grouped(pair->simulated()),
                                      Grouped(pair->kernel())));
    }
    if (differing.empty()) continue;
    page.Item(fmt::format("{}: {}. Here {}.", cache->cache(), fmt::join(differing, ", "),
                          cache->reason()));
  }
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
  AppendBusiest(comparison, page);
  if (!worst.empty()) {
    page.Blank();
    AppendCaches(worst, options, page);
  }
  for (size_t i = 0; i < std::min(worst.size(), kCachesInDetail); ++i) {
    page.Subheading(fmt::format("Where {} differs from the kernel's", worst[i]->cache()));
    AppendPairs(worst[i]->counters(), /*differing_only=*/true, page);
  }
  if (!comparison.explanations().empty()) {
    page.Subheading("What accounts for differences");
    for (const std::string& explanation : comparison.explanations()) page.Item(explanation);
  }
}

}  // namespace slablab
