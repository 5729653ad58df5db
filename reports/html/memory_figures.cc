// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <map>
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

// The names of the caches that have slabs in any run, those that hold most first.
std::vector<std::string> AllCachesWithSlabs(ResultSet set) {
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
  return names;
}

// Those that are drawn.
std::vector<std::string> LargestCaches(ResultSet set) {
  std::vector<std::string> names = AllCachesWithSlabs(set);
  names.resize(std::min(names.size(), set.size() == 1 ? kCachesOfOneRun : kCachesOfSeveral));
  return names;
}

}  // namespace

void AppendFootprintFigure(ResultSet set, PageData& page) {
  bool any_over_time = false;
  bool any_asked = false;
  for (const LabelledResult& run : set) {
    any_over_time = any_over_time || run.result.footprint_size() > 1;
    for (const FootprintSample& sample : run.result.footprint()) {
      any_asked = any_asked || sample.requested_bytes() > 0;
    }
  }
  if (!any_over_time) return;
  HtmlView& view = page.AddView(
      "footprint", "Memory over time",
      "Bytes in slabs, over the run; below, what users had asked for of what they had in them.");
  HtmlChart& chart = *view.mutable_chart();
  chart.set_kind("lines");
  chart.set_x("time");
  chart.set_x_title("time");
  chart.set_x_unit("ns");
  chart.set_y_title("in slabs");
  chart.set_y_unit("bytes");
  chart.set_steps(true);
  chart.add_values("in slabs");
  if (any_asked) chart.add_values("asked for");
  HtmlTable& table = *view.mutable_table();
  AddColumns({{"run", "run", "footprint/run"},
              {"time", "ns", "footprint/time_ns"},
              {"in slabs", "bytes", "footprint/slab_bytes"},
              {"asked for", "bytes"},
              {"waiting for RCU", "bytes"},
              {"slabs", "", "footprint/slabs"},
              {"objects", "", "footprint/objects"},
              {"free slots", "bytes", "footprint/free_bytes"},
              {"whole pages", "bytes", "footprint/large_bytes"}},
             table);
  for (const LabelledResult& run : set) {
    for (const FootprintSample& sample : run.result.footprint()) {
      page.AddRow(table).Number(AskedInSlabs(sample)).Number(WaitingBytes(sample));
    }
  }
}

void AppendWaitingFigure(ResultSet set, PageData& page) {
  const auto has_rcu = [](const LabelledResult& run) { return run.result.has_rcu(); };
  if (std::none_of(set.begin(), set.end(), has_rcu)) return;
  HtmlView& view =
      page.AddView("rcu", "Memory that waits for a grace period",
                   "Bytes of slots and pages whose objects were freed by kvfree_rcu, over the run: "
                   "in sheaves, blocks of pointers and lists, until every CPU has been quiescent "
                   "since.");
  const auto over_time = [](const LabelledResult& run) { return run.result.footprint_size() > 1; };
  if (std::any_of(set.begin(), set.end(), over_time)) {
    HtmlChart& chart = *view.mutable_chart();
    chart.set_kind("lines");
    chart.set_table("view:footprint");
    chart.set_x("time");
    chart.set_x_title("time");
    chart.set_x_unit("ns");
    chart.set_y_title("waiting");
    chart.set_y_unit("bytes");
    chart.set_steps(true);
    chart.add_values("waiting for RCU");
  }
  HtmlTable& table = *view.mutable_table();
  AddColumn(table, "run", "run");
  for (const char* const name : {"freed by kvfree_rcu", "into sheaves", "drains", "grace periods",
                                 "most objects waiting", "objects at the end"}) {
    AddColumn(table, name, "");
  }
  AddColumn(table, "most waiting", "bytes");
  AddColumn(table, "at the end", "bytes");
  for (const LabelledResult& run : set) {
    if (!has_rcu(run)) continue;
    const RcuReport& rcu = run.result.rcu();
    page.AddRow(table)
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

namespace {

// Memory at one moment of each run, by what it was.
struct MomentFigure {
  const FootprintSample& (RunResult::*of)() const;
  const char* id;
  const char* title;
  const char* lede;
  const char* axis;
};

void AppendMomentFigure(ResultSet set, const MomentFigure& figure, PageData& page) {
  PartsByRun parts;
  bool any = false;
  for (size_t run = 0; run < set.size(); ++run) {
    const MemoryHeld held = HeldBy((set[run].result.*figure.of)());
    const bool has_rcu = set[run].result.has_rcu();
    any = any || held.total > 0;
    for (const std::vector<NamedSum>* list : {&held.in_slabs, &held.besides}) {
      for (const NamedSum& part : *list) {
        // Whole slabs may wait where no object does.
        if (IsOfRcu(part.name) && !has_rcu && part.value == 0) continue;
        const bool fits = part.value <= UINT64_MAX / 1000;
        parts.Row(part.name, set.size())[run] = fits ? part.value * 1000 : UINT64_MAX;
      }
    }
  }
  if (!any) return;
  HtmlView& view = page.AddView(figure.id, figure.title, figure.lede);
  const PartsTitles titles = {.part = "what", .value = "held", .unit = "bytes", .decimals = 0};
  SetBars(titles, parts.parts, *view.mutable_chart());
  view.mutable_chart()->set_x_title(figure.axis);
  view.mutable_chart()->set_ranked(true);
  HtmlTable& table = *view.mutable_table();
  StartPartsTable(titles, table);
  FillPartRows(set, parts, page, table);
  for (const LabelledResult& run : set) {
    const FootprintSample& moment = (run.result.*figure.of)();
    page.AddRow(table).Text(run.label).Text("in slabs").Number(moment.slab_bytes());
    page.AddRow(table).Text(run.label).Text("held in all").Number(HeldBy(moment).total);
  }
}

}  // namespace

void AppendPeakFigure(ResultSet set, PageData& page) {
  AppendMomentFigure(set,
                     {.of = &RunResult::footprint_peak,
                      .id = "peak",
                      .title = "Memory at the peak",
                      .lede = "Bytes held in all when most was in slabs, by what they were; "
                              "kmalloc's whole pages, metadata elsewhere and per-CPU areas are in "
                              "no slabs.",
                      .axis = "held at the peak"},
                     page);
}

void AppendEndFigure(ResultSet set, PageData& page) {
  AppendMomentFigure(set,
                     {.of = &RunResult::footprint_end,
                      .id = "end",
                      .title = "Memory at the end",
                      .lede = "The same when the run was over.",
                      .axis = "held at the end"},
                     page);
}

void AppendOccupancyFigure(ResultSet set, PageData& page) {
  const std::vector<std::string> names = LargestCaches(set);
  if (names.empty()) return;
  HtmlView& view = page.AddView(
      "occupancy", "Slabs at the end, and how full they are",
      "A strip is the memory of a cache when the run ended, and much may have been freed again: "
      "its slabs, from the fullest to the emptiest. Dark is full of allocated objects, pale is "
      "empty. The caches that hold most.");
  HtmlChart& chart = *view.mutable_chart();
  chart.set_kind("strips");
  chart.set_table("occupancy");
  chart.set_x_unit("bytes");
  chart.set_x_title("in slabs");
  for (const std::string& name : names) chart.add_panels(name);
  HtmlTable& table = *view.mutable_table();
  AddColumn(table, "cache", "text");
  AddColumn(table, "run", "run");
  for (const char* title : {"slabs", "full", "empty", "objects"}) AddColumn(table, title, "");
  AddColumn(table, "of their slots", "%", 1);
  AddColumn(table, "held", "bytes");
  for (const std::string& name : AllCachesWithSlabs(set)) {
    for (const LabelledResult& run : set) {
      for (const CacheStats& cache : run.result.caches()) {
        if (cache.name() != name || cache.occupancy().empty()) continue;
        const Occupancy sum = OccupancyOf(cache);
        page.AddRow(table)
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
