// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <vector>

#include "reports/breakdown.h"
#include "reports/numbers.h"
#include "reports/text/sections.h"

// Caches in the shapes of slabtop and of slabinfo -T and -r, and the SLUB_STATS counters.

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;
constexpr uint64_t kPageBytes = 4096;
constexpr size_t kCachesInDetail = 3;

using Figures = google::protobuf::RepeatedPtrField<FigureValue>;

// All caches, those with the most of `key` first.
template <typename Key>
std::vector<const CacheStats*> SortedBy(const RunResult& result, Key key) {
  std::vector<const CacheStats*> caches;
  for (const CacheStats& cache : result.caches()) caches.push_back(&cache);
  std::stable_sort(caches.begin(), caches.end(),
                   [&](const CacheStats* a, const CacheStats* b) { return key(*a) > key(*b); });
  return caches;
}

// What it has in slabs; some of these may be of a lower order than the cache's.
uint64_t CacheBytes(const CacheStats& cache) {
  if (cache.footprint().slabs() > 0) return cache.footprint().slab_bytes();
  return cache.slabinfo().slabs() * cache.slabinfo().pages_per_slab() * kPageBytes;
}

std::string FastShareOf(const Figures& counters, bool frees) {
  const uint64_t fast =
      FigureOf(counters, frees ? FigureValue::FAST_FREES : FigureValue::FAST_ALLOCS);
  const uint64_t slow =
      FigureOf(counters, frees ? FigureValue::SLOW_FREES : FigureValue::SLOW_ALLOCS);
  return Percent(fast, fast + slow);
}

// As slabinfo -T: what all caches hold together.
void AppendTotals(const RunResult& result, TextPage& page) {
  uint64_t active = 0;
  uint64_t slabs = 0;
  uint64_t bytes = 0;
  uint64_t objects = 0;
  uint64_t objects_active = 0;
  for (const CacheStats& cache : result.caches()) {
    active += cache.slabinfo().slabs() > 0 ? 1 : 0;
    slabs += cache.slabinfo().slabs();
    bytes += CacheBytes(cache);
    objects += cache.slabinfo().objects();
    objects_active += cache.slabinfo().active_objects();
  }
  page.Paragraph(fmt::format(
      "{} of {} caches have slabs: {} in {} slabs. As slabinfo counts, which takes free objects "
      "that wait in CPUs' slabs, arrays or queues for active, {} of {} objects are active ({}).",
      Grouped(active), Grouped(static_cast<uint64_t>(result.caches_size())), Bytes(bytes),
      Grouped(slabs), Grouped(objects_active), Grouped(objects), Percent(objects_active, objects)));
  page.Blank();
}

std::string DetailLine(const std::string& left, const std::string& middle,
                       const std::string& right) {
  return fmt::format("{:<24}{:<24}{}", left, middle, right);
}

std::string DetailNumber(std::string_view name, uint64_t value) {
  return fmt::format("{:<9}{:>11}", name, Fitted(value, 11));
}

// Sizes, slabs and memory, as slabinfo -r shows them.
void AppendSizes(const CacheStats& cache, TextPage& page) {
  const FootprintSample& footprint = cache.footprint();
  const SlabInfo& info = cache.slabinfo();
  const uint64_t partial = FigureOf(cache.states(), FigureValue::PARTIAL_SLABS);
  const uint64_t cpu_slabs = FigureOf(cache.states(), FigureValue::CPU_SLABS);
  const uint64_t not_full = partial + cpu_slabs;
  const uint64_t full = info.slabs() > not_full ? info.slabs() - not_full : 0;
  const uint64_t used = footprint.object_bytes();
  const uint64_t loss = footprint.slab_bytes() > used ? footprint.slab_bytes() - used : 0;
  page.Line(DetailLine("Sizes (bytes)", "Slabs", "Memory (bytes)"));
  page.Line(DetailLine(DetailNumber("Object", cache.object_size()),
                       DetailNumber("Total", info.slabs()),
                       DetailNumber("Total", footprint.slab_bytes())));
  page.Line(DetailLine(DetailNumber("SlabObj", cache.slab_size()), DetailNumber("Full", full),
                       DetailNumber("Used", used)));
  page.Line(DetailLine(DetailNumber("SlabSize", info.pages_per_slab() * kPageBytes),
                       DetailNumber("Partial", partial), DetailNumber("Loss", loss)));
  page.Line(DetailLine(DetailNumber("Align", cache.align()), DetailNumber("CpuSlab", cpu_slabs),
                       DetailNumber("Free", footprint.free_bytes())));
  page.Line(
      DetailLine(DetailNumber("Order", static_cast<uint64_t>(std::max(cache.order(), 0))),
                 DetailNumber("Objects", cache.objects_per_slab()),
                 DetailNumber("Padding", footprint.padding_bytes() + footprint.tail_bytes())));
}

// Which way objects came and went, as slabinfo -r shows it. Each row is two counters.
void AppendWays(const Figures& counters, TextPage& page) {
  const auto of = [&](FigureValue::Role role) { return FigureOf(counters, role); };
  const uint64_t allocations = of(FigureValue::FAST_ALLOCS) + of(FigureValue::SLOW_ALLOCS);
  const uint64_t frees = of(FigureValue::FAST_FREES) + of(FigureValue::SLOW_FREES);
  if (allocations + frees == 0) return;
  TextTable table({{"", 20, kLeft}, {"Alloc", 14}, {"Free", 14}, {"%Al", 6}, {"%Fr", 6}});
  const auto add = [&](const char* name, uint64_t alloc, uint64_t free) {
    if (alloc + free > 0) {
      table.AddRow({name, alloc, free, Percent(alloc, allocations), Percent(free, frees)});
    }
  };
  add("Fastpath", of(FigureValue::FAST_ALLOCS), of(FigureValue::FAST_FREES));
  add("Slowpath", of(FigureValue::SLOW_ALLOCS), of(FigureValue::SLOW_FREES));
  add("Page Alloc", of(FigureValue::SLABS_MADE), of(FigureValue::SLABS_RETURNED));
  add("Add partial", of(FigureValue::LISTED_BY_ALLOCS), of(FigureValue::LISTED_BY_FREES));
  add("Remove partial", of(FigureValue::UNLISTED_BY_ALLOCS), of(FigureValue::UNLISTED_BY_FREES));
  add("Cpu partial list", of(FigureValue::CPU_LIST_ALLOCS), of(FigureValue::CPU_LIST_FREES));
  add("RemoteObj/SlabFrozen", of(FigureValue::REMOTE_FREES_FOUND), of(FigureValue::FROZEN_FREES));
  table.AddRow({"Total", allocations, frees});
  page.Table(table);
}

}  // namespace

void AppendCachesBySize(const RunResult& result, const TextOptions& options, TextPage& page) {
  if (result.caches().empty()) return;
  page.Heading("Caches at the end, as slabtop has them (largest first)");
  AppendTotals(result, page);
  std::vector<const CacheStats*> caches = SortedBy(result, CacheBytes);
  caches.erase(std::remove_if(caches.begin(), caches.end(),
                              [](const CacheStats* cache) { return CacheBytes(*cache) == 0; }),
               caches.end());
  TextTable table({{"OBJS", 8},
                   {"ACTIVE", 8},
                   {"USE", 6},
                   {"OBJ SIZE", 8},
                   {"SLABS", 8},
                   {"OBJ/SLAB", 8},
                   {"CACHE SIZE", 10},
                   {"NAME", 17, kLeft}});
  const size_t shown = ShownRows(caches.size(), options);
  for (size_t i = 0; i < shown; ++i) {
    const CacheStats& cache = *caches[i];
    const SlabInfo& info = cache.slabinfo();
    table.AddRow({info.objects(), info.active_objects(),
                  Percent(info.active_objects(), info.objects()), info.object_size(), info.slabs(),
                  info.objects_per_slab(), Bytes(CacheBytes(cache)), cache.name()});
  }
  AppendRest(caches.size(), options, "caches with slabs", table);
  page.Table(table);
}

void AppendCachesByCycles(const RunResult& result, const TextOptions& options, TextPage& page) {
  std::vector<const CacheStats*> caches =
      SortedBy(result, [](const CacheStats& cache) { return cache.operation_cycles(); });
  caches.erase(std::remove_if(caches.begin(), caches.end(),
                              [](const CacheStats* cache) { return cache->operations() == 0; }),
               caches.end());
  if (caches.empty()) return;
  uint64_t named_cycles = 0;
  uint64_t named_operations = 0;
  for (const CacheStats* cache : caches) {
    named_cycles += cache->operation_cycles();
    named_operations += cache->operations();
  }
  const Totals& totals = result.totals();
  const uint64_t total = std::max<uint64_t>(totals.operation_cycles(), named_cycles);
  page.Heading("Caches by the cycles of their operations (shares of all operations' cycles)");
  TextTable table({{"", 19, kLeft},
                   {"operations", 11},
                   {"cycles/op", 9},
                   {"share", 6},
                   {"al-fast", 7},
                   {"fr-fast", 7},
                   {"al-slab", 7},
                   {"fr-slab", 7}});
  const size_t shown = ShownRows(caches.size(), options);
  for (size_t i = 0; i < shown; ++i) {
    const CacheStats& cache = *caches[i];
    table.AddRow({cache.name(), cache.operations(),
                  TextCell::Mean(cache.operation_cycles(), cache.operations(), 1),
                  Percent(cache.operation_cycles(), total),
                  FastShareOf(cache.counters(), /*frees=*/false),
                  FastShareOf(cache.counters(), /*frees=*/true),
                  FigureOf(cache.counters(), FigureValue::SLABS_MADE),
                  FigureOf(cache.counters(), FigureValue::SLABS_RETURNED)});
  }
  AppendRest(caches.size(), options, "caches used", table);
  if (totals.operations() > named_operations && totals.operation_cycles() > named_cycles) {
    const uint64_t operations = totals.operations() - named_operations;
    const uint64_t cycles = totals.operation_cycles() - named_cycles;
    table.AddRule();
    table.AddRow({"kmalloc and kfree", operations, TextCell::Mean(cycles, operations, 1),
                  Percent(cycles, total)});
  }
  page.Table(table);
}

void AppendCounters(const RunResult& result, TextPage& page) {
  const std::vector<NamedSum> totals = CounterTotals(result);
  if (totals.empty()) return;
  page.Heading("Counters, all caches together");
  TextTable table({{"", 24, kLeft}, {"", 14}, {"", 24, kLeft, 2}, {"", 14}});
  // Down the left half first, then the right.
  const size_t rows = (totals.size() + 1) / 2;
  for (size_t i = 0; i < rows; ++i) {
    std::vector<TextCell> row = {totals[i].name, totals[i].value};
    if (i + rows < totals.size()) {
      row.insert(row.end(), {totals[i + rows].name, totals[i + rows].value});
    }
    table.AddRow(std::move(row));
  }
  page.Table(table);
}

void AppendCacheDetails(const RunResult& result, TextPage& page) {
  const std::vector<const CacheStats*> caches =
      SortedBy(result, [](const CacheStats& cache) { return cache.operation_cycles(); });
  for (size_t i = 0; i < std::min(caches.size(), kCachesInDetail); ++i) {
    const CacheStats& cache = *caches[i];
    if (cache.operations() == 0) break;
    page.Subheading(fmt::format("Cache {}, as slabinfo -r has it", cache.name()));
    AppendSizes(cache, page);
    page.Blank();
    AppendWays(cache.counters(), page);
  }
}

}  // namespace slablab
