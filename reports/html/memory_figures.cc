// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "reports/breakdown.h"
#include "reports/html/figures.h"

// The figures of memory: over time, at the peak, and slab by slab at the end.

namespace slablab {
namespace {

constexpr size_t kCachesOfOneRun = 16;
constexpr size_t kCachesOfSeveral = 6;
constexpr uint64_t kPageBytes = 4096;

// Of a cache's slabs at the end.
struct Occupancy {
  uint64_t slabs = 0;
  uint64_t full = 0;
  uint64_t empty = 0;
  uint64_t objects = 0;
  uint64_t slots = 0;
  uint64_t bytes = 0;
};

uint64_t SlabBytes(const CacheStats& cache) {
  return kPageBytes << std::clamp(cache.order(), 0, 20);
}

Occupancy OccupancyOf(const CacheStats& cache) {
  Occupancy sum;
  for (const SlabOccupancy& run : cache.occupancy()) {
    sum.slabs += run.slabs();
    sum.objects += run.slabs() * run.objects();
    if (run.objects() == 0) sum.empty += run.slabs();
    if (run.objects() >= cache.objects_per_slab()) sum.full += run.slabs();
  }
  sum.slots = sum.slabs * cache.objects_per_slab();
  sum.bytes = sum.slabs * SlabBytes(cache);
  return sum;
}

// The names of the caches that hold most in any run, most first.
std::vector<std::string> LargestCaches(ResultSet set) {
  std::map<std::string, uint64_t> most;
  for (const LabelledResult& run : set) {
    for (const CacheStats& cache : run.result.caches()) {
      if (cache.occupancy().empty()) continue;
      uint64_t& bytes = most[cache.name()];
      bytes = std::max(bytes, OccupancyOf(cache).bytes);
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, bytes] : most) names.push_back(name);
  std::stable_sort(names.begin(), names.end(),
                   [&](const std::string& a, const std::string& b) { return most[a] > most[b]; });
  names.resize(std::min(names.size(), set.size() == 1 ? kCachesOfOneRun : kCachesOfSeveral));
  return names;
}

void AppendStrip(const std::string& panel, const std::string& run, const CacheStats& cache,
                 HtmlChart& chart) {
  // Full slabs first, whatever their node.
  std::map<uint32_t, uint64_t, std::greater<>> slabs_by_objects;
  for (const SlabOccupancy& occupancy : cache.occupancy()) {
    slabs_by_objects[occupancy.objects()] += occupancy.slabs();
  }
  uint64_t from = 0;
  for (const auto& [objects, slabs] : slabs_by_objects) {
    const uint64_t to = from + slabs * SlabBytes(cache);
    AddRow(chart).Text(panel).Text(run).Number(from).Number(to).Quotient(
        std::min(objects, cache.objects_per_slab()), cache.objects_per_slab());
    from = to;
  }
}

// As of the sample before; nothing before the first and after the last.
std::optional<uint64_t> HeldAt(const RunResult& result, uint64_t time_ns) {
  const auto& samples = result.footprint();
  const auto after = std::upper_bound(
      samples.begin(), samples.end(), time_ns,
      [](uint64_t time, const FootprintSample& sample) { return time < sample.time_ns(); });
  if (after == samples.begin()) return std::nullopt;
  const FootprintSample& last = *std::prev(after);
  if (after == samples.end() && last.time_ns() < time_ns) return std::nullopt;
  return last.slab_bytes();
}

}  // namespace

void AppendFootprintFigure(ResultSet set, HtmlPage& page) {
  // Rows of the table are of the moments of any run; runs of one trace have the same ones.
  std::set<uint64_t> moments;
  bool any_asked = false;
  for (const LabelledResult& run : set) {
    for (const FootprintSample& sample : run.result.footprint()) {
      moments.insert(sample.time_ns());
      any_asked = any_asked || sample.requested_bytes() > 0;
    }
  }
  if (moments.size() < 2) return;
  HtmlFigure& figure = AddFigure(
      page, "footprint", "Memory over time",
      "Bytes in slabs, over the run; below, what users had asked for of what they had in them.");
  HtmlChart& chart = *figure.mutable_chart();
  chart.set_kind("lines");
  chart.set_x_title("time");
  chart.set_x_unit("ns");
  chart.set_y_title("in slabs");
  chart.set_y_unit("bytes");
  chart.set_steps(true);
  chart.add_panels("");
  for (const LabelledResult& run : set) {
    chart.add_runs(run.label);
    for (const FootprintSample& sample : run.result.footprint()) {
      AddRow(chart).Text("").Text(run.label).Number(sample.time_ns()).Number(sample.slab_bytes());
    }
  }
  if (any_asked) {
    // Of the first run: others of the same trace differ by what had to wait.
    chart.add_runs("asked for");
    for (const FootprintSample& sample : set[0].result.footprint()) {
      AddRow(chart)
          .Text("")
          .Text("asked for")
          .Number(sample.time_ns())
          .Number(AskedInSlabs(sample));
    }
  }
  HtmlTable& table = *figure.mutable_table();
  AddColumn(table, "time", "ns");
  for (const LabelledResult& run : set) AddColumn(table, run.label, "bytes");
  const size_t every = std::max<size_t>(1, (moments.size() + 23) / 24);
  size_t i = 0;
  for (const uint64_t time : moments) {
    if (i++ % every != 0) continue;
    HtmlRow cells = AddRow(table);
    cells.Number(time);
    for (const LabelledResult& run : set) {
      const std::optional<uint64_t> bytes = HeldAt(run.result, time);
      bytes.has_value() ? cells.Number(*bytes) : cells.Nothing();
    }
  }
}

void AppendWaitingFigure(ResultSet set, HtmlPage& page) {
  const auto has_rcu = [](const LabelledResult& run) { return run.result.has_rcu(); };
  if (std::none_of(set.begin(), set.end(), has_rcu)) return;
  HtmlFigure& figure =
      AddFigure(page, "rcu", "Memory that waits for a grace period",
                "Bytes of slots and pages whose objects were freed by kvfree_rcu, over the run: in "
                "sheaves, blocks of pointers and lists, until every CPU has been quiescent since.");
  HtmlChart& chart = *figure.mutable_chart();
  chart.set_kind("lines");
  chart.set_x_title("time");
  chart.set_x_unit("ns");
  chart.set_y_title("waiting");
  chart.set_y_unit("bytes");
  chart.set_steps(true);
  chart.add_panels("");
  HtmlTable& table = *figure.mutable_table();
  AddColumn(table, "run", "text");
  for (const char* const name : {"freed by kvfree_rcu", "into sheaves", "drains", "grace periods",
                                 "most objects waiting", "objects at the end"}) {
    AddColumn(table, name, "");
  }
  AddColumn(table, "most waiting", "bytes");
  AddColumn(table, "at the end", "bytes");
  for (const LabelledResult& run : set) {
    if (!has_rcu(run)) continue;
    chart.add_runs(run.label);
    for (const FootprintSample& sample : run.result.footprint()) {
      AddRow(chart).Text("").Text(run.label).Number(sample.time_ns()).Number(WaitingBytes(sample));
    }
    const RcuReport& rcu = run.result.rcu();
    AddRow(table)
        .Text(run.label)
        .Number(rcu.to_sheaves() + rcu.to_batches())
        .Number(rcu.to_sheaves())
        .Number(rcu.drains())
        .Number(rcu.grace_periods())
        .Number(rcu.peak_objects())
        .Number(rcu.end_objects())
        .Number(rcu.peak_bytes())
        .Number(rcu.end_bytes());
  }
}

void AppendPeakFigure(ResultSet set, HtmlPage& page) {
  PartsByRun parts;
  bool any = false;
  for (size_t run = 0; run < set.size(); ++run) {
    const MemoryHeld held = HeldBy(set[run].result.footprint_peak());
    const bool has_rcu = set[run].result.has_rcu();
    any = any || held.total > 0;
    for (const std::vector<NamedSum>* list : {&held.in_slabs, &held.besides}) {
      for (const NamedSum& part : *list) {
        if (IsOfRcu(part.name) && !has_rcu) continue;
        const bool fits = part.value <= UINT64_MAX / 1000;
        parts.Row(part.name, set.size())[run] = fits ? part.value * 1000 : UINT64_MAX;
      }
    }
  }
  if (!any) return;
  HtmlFigure& figure = AddFigure(page, "peak", "Memory at the peak",
                                 "Bytes held in all when most was in slabs, by what they were; "
                                 "kmalloc's whole pages, metadata "
                                 "elsewhere and per-CPU areas are in no slabs.");
  FillBars(set, parts, *figure.mutable_chart());
  figure.mutable_chart()->set_x_unit("bytes");
  figure.mutable_chart()->set_x_title("held at the peak");
  HtmlTable& table = *figure.mutable_table();
  FillPartsTable(set, parts, "bytes", 0, table);
  HtmlRow in_slabs = AddRow(table);
  in_slabs.Text("in slabs");
  for (const LabelledResult& run : set) in_slabs.Number(run.result.footprint_peak().slab_bytes());
  HtmlRow in_all = AddRow(table);
  in_all.Text("held in all");
  for (const LabelledResult& run : set) in_all.Number(HeldBy(run.result.footprint_peak()).total);
}

void AppendOccupancyFigure(ResultSet set, HtmlPage& page) {
  const std::vector<std::string> names = LargestCaches(set);
  if (names.empty()) return;
  HtmlFigure& figure = AddFigure(
      page, "occupancy", "Slabs at the end, and how full they are",
      "A strip is the memory of a cache when the run ended, and much may have been freed again: "
      "its slabs, from the fullest to the emptiest. Dark is full of allocated objects, pale is "
      "empty. The caches that hold most.");
  HtmlChart& chart = *figure.mutable_chart();
  chart.set_kind("strips");
  chart.set_x_unit("bytes");
  chart.set_x_title("in slabs");
  HtmlTable& table = *figure.mutable_table();
  AddColumn(table, "cache", "text");
  AddColumn(table, "run", "text");
  for (const char* title : {"slabs", "full", "empty", "objects"}) AddColumn(table, title, "");
  AddColumn(table, "of their slots", "%", 1);
  AddColumn(table, "held", "bytes");
  for (const LabelledResult& run : set) chart.add_runs(run.label);
  for (const std::string& name : names) {
    chart.add_panels(name);
    for (const LabelledResult& run : set) {
      for (const CacheStats& cache : run.result.caches()) {
        if (cache.name() != name || cache.occupancy().empty()) continue;
        AppendStrip(name, run.label, cache, chart);
        const Occupancy sum = OccupancyOf(cache);
        AddRow(table)
            .Text(name)
            .Text(run.label)
            .Number(sum.slabs)
            .Number(sum.full)
            .Number(sum.empty)
            .Number(sum.objects)
            .Quotient(sum.objects * 100, sum.slots)
            .Number(sum.bytes);
      }
    }
  }
}

}  // namespace slablab
