// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/delta.h"
#include "reports/html/figures.h"
#include "reports/numbers.h"

// The figures that are tables of the runs: metrics against the base, series, paths, inputs.

namespace slablab {
namespace {

// A value as a cell, in its metric's unit.
void AddValue(const Metric& metric, std::optional<uint64_t> value, HtmlRow& row) {
  if (!value.has_value()) {
    row.Nothing();
  } else if (metric.decimals == 3) {
    row.Thousandths(*value);
  } else {
    row.Number(*value);
  }
}

bool AnyHas(ResultSet set, const Metric& metric) {
  return std::any_of(set.begin(), set.end(),
                     [&](const LabelledResult& run) { return metric.of(run.result).has_value(); });
}

// A chart of one metric over the number of CPUs, a line a series.
void AppendScalingFigure(ResultSet set, const std::vector<Series>& all, const Metric& metric,
                         HtmlView& view, PageData& page) {
  const std::string unit = metric.unit == "bytes" ? "bytes" : "";
  HtmlChart& chart = *view.mutable_chart();
  chart.set_kind("lines");
  chart.set_panel("of");
  chart.set_line("line");
  chart.set_x("CPUs");
  chart.set_x_title("CPUs");
  chart.set_x_log(true);
  chart.add_values("value");
  chart.set_y_title(unit == "bytes" ? "" : std::string(metric.unit));
  chart.set_y_unit(unit);
  chart.set_dots(true);
  HtmlTable& table = *view.mutable_table();
  for (const char* title : {"of", "line"}) AddColumn(table, title, "text");
  AddColumn(table, "CPUs", "");
  AddColumn(table, "value", unit, metric.decimals == 3 ? 1 : 0);
  for (const Series& series : all) {
    for (const size_t run : series.runs) {
      const RunResult& result = set[run].result;
      if (!metric.of(result).has_value()) continue;
      HtmlRow row = page.AddRow(table);
      row.Text(series.panel).Text(series.line);
      row.Number(static_cast<uint64_t>(std::max(result.config().cpus(), 1)));
      AddValue(metric, metric.of(result), row);
    }
  }
}

std::string Hex(uint64_t digest) { return fmt::format("{:016x}", digest); }

}  // namespace

void AppendDeltaFigure(ResultSet set, PageData& page) {
  if (set.size() > kRunsShownAlone) return;
  HtmlView& view = page.AddView(
      "metrics", "Metric by metric",
      set.size() == 1 ? "What comparisons and checks speak of."
                      : "Each run beside the base: by how much it differs, and whether that is "
                        "good. = equal; ~ moved by less than 1 %.");
  HtmlTable& table = *view.mutable_table();
  for (const LabelledResult& run : set) AddColumn(table, run.label, "");
  for (const DeltaRow& each : DeltaRows()) {
    const Metric& metric = *each.metric;
    if (!AnyHas(set, metric)) continue;
    HtmlMetric& about = page.AddMetric();
    about.set_name(std::string(metric.name));
    about.set_group(std::string(each.group));
    about.set_title(std::string(each.title));
    about.set_unit(std::string(metric.unit));
    about.set_decimals(metric.decimals);
    about.set_better(metric.better == Better::kLess ? -1 : metric.better == Better::kMore ? 1 : 0);
    HtmlRow row = page.AddRow(table);
    for (const LabelledResult& run : set) {
      const std::optional<uint64_t> value = metric.of(run.result);
      value.has_value() ? row.Number(*value) : row.Nothing();
    }
  }
}

void AppendRunsFigure(ResultSet set, PageData& page) {
  HtmlView& view = page.AddView("runs", set.size() == 1 ? "The run" : "The runs",
                                "What was done, what it cost, and what it held.");
  HtmlTable& table = *view.mutable_table();
  AddColumn(table, "run", "run");
  constexpr std::string_view kShown[] = {
      "operations",       "cycles_per_operation", "alloc_cycles_mean", "alloc_cycles_p99",
      "free_cycles_mean", "free_cycles_p99",      "alloc_fast_share",  "free_fast_share",
      "lock_wait_cycles", "peak_slab_bytes",      "peak_held_bytes"};
  constexpr std::string_view kTitles[] = {"operations",
                                          "cycles an operation",
                                          "an allocation",
                                          "99 % of these at most",
                                          "a free",
                                          "99 % of those at most",
                                          "fast allocations",
                                          "fast frees",
                                          "cycles waited for locks",
                                          "in slabs at the peak",
                                          "held in all then"};
  for (size_t i = 0; i < std::size(kShown); ++i) {
    const Metric& metric = *FindMetric(kShown[i]);
    const bool scaled = metric.unit == "bytes" || metric.unit == "%";
    AddColumn(table, std::string(kTitles[i]), scaled ? std::string(metric.unit) : "",
              metric.decimals == 3 ? 1 : 0);
  }
  for (const LabelledResult& run : set) {
    HtmlRow row = page.AddRow(table);
    row.Text(run.label);
    for (const std::string_view name : kShown) {
      const Metric& metric = *FindMetric(name);
      AddValue(metric, metric.of(run.result), row);
    }
  }
}

void AppendScalingFigures(ResultSet set, PageData& page) {
  const std::vector<Series> all = ScalingSeries(set);
  if (all.empty()) return;
  AppendScalingFigure(
      set, all, *FindMetric("cycles_per_operation"),
      page.AddView("scaling", "Cycles an operation, by the number of CPUs",
                   "Level lines scale: an operation costs the same however many CPUs there are."),
      page);
  if (const Metric& work = *FindMetric("work_per_second"); AnyHas(set, work)) {
    AppendScalingFigure(
        set, all, work,
        page.AddView("scaling-work", "Work done a second, by the number of CPUs",
                     "As the workload counts it, until the last of its tasks was over: what the "
                     "allocator comes to for whoever uses it."),
        page);
  }
  AppendScalingFigure(set, all, *FindMetric("peak_slab_bytes"),
                      page.AddView("scaling-memory", "In slabs at the peak, by the number of CPUs",
                                   "Bytes in slabs, when they were most."),
                      page);
}

void AppendPathsFigure(ResultSet set, PageData& page) {
  if (!page.HasTable("paths")) return;
  HtmlView& view = page.AddView("paths", "Operations, by the path taken",
                                "Shares are of all allocations, or of all frees.");
  HtmlTable& table = *view.mutable_table();
  AddColumns({{"run", "run", "paths/run"},
              {"path", "text", "paths/name"},
              {"operations", "", "paths/operations"},
              {"share", "%", "", 1},
              {"cycles, mean", "", "", 1},
              {"cycles in all", "", "paths/cycles_total"},
              {"50 % at most", "", "paths/cycles_p50"},
              {"99 % at most", "", "paths/cycles_p99"},
              {"most", "", "paths/cycles_max"}},
             table);
  for (const LabelledResult& run : set) {
    uint64_t operations[2] = {0, 0};
    for (const PathStats& path : run.result.paths()) {
      if (!path.put_off()) operations[path.is_free() ? 1 : 0] += path.operations();
    }
    for (const PathStats& path : run.result.paths()) {
      const uint64_t all = path.put_off() ? path.operations() : operations[path.is_free() ? 1 : 0];
      page.AddRow(table)
          .Quotient(path.operations() * 100, all)
          .Quotient(path.cycles_total(), path.operations());
    }
  }
}

void AppendCachesFigure(ResultSet set, PageData& page) {
  if (!page.HasTable("caches")) return;
  HtmlView& view = page.AddView("caches", "Caches",
                                "What was asked of each, what that cost, and what it holds at the "
                                "end.");
  HtmlTable& table = *view.mutable_table();
  AddColumns({{"run", "run", "caches/run"},
              {"cache", "text", "caches/name"},
              {"operations", "", "caches/operations"},
              {"cycles", "", "caches/operation_cycles"},
              {"cycles an operation", "", "", 1},
              {"object", "bytes", "caches/object_size"},
              {"slot", "bytes", "caches/slab_size"},
              {"in a slab", "", "caches/objects_per_slab"},
              {"slabs", "", "cache_footprint/slabs"},
              {"in slabs", "bytes", "cache_footprint/slab_bytes"},
              {"objects", "", "cache_footprint/objects"},
              {"free slots", "bytes", "cache_footprint/free_bytes"}},
             table);
  for (const LabelledResult& run : set) {
    for (const CacheStats& cache : run.result.caches()) {
      page.AddRow(table).Quotient(cache.operation_cycles(), cache.operations());
    }
  }
}

void AppendInputsFigure(ResultSet set, PageData& page) {
  HtmlView& view = page.AddView("inputs", "What was run",
                                "Equal digests of trace and configuration give equal end states, "
                                "on any machine.");
  HtmlTable& table = *view.mutable_table();
  AddColumn(table, "run", "run");
  for (const char* title : {"allocator", "machine", "CPUs", "nodes", "workload", "order",
                            "placement", "seed", "trace", "configuration", "end state"}) {
    AddColumn(table, title, "text");
  }
  for (const LabelledResult& run : set) {
    const RunConfig& config = run.result.config();
    const Digests& digests = run.result.digests();
    page.AddRow(table)
        .Text(run.label)
        .Text(config.allocator())
        .Text(config.machine())
        .Text(fmt::format("{}", config.cpus()))
        .Text(fmt::format("{}", config.nodes()))
        .Text(config.workload().empty() ? config.trace() : config.workload())
        .Text(config.order())
        .Text(config.placement())
        .Text(fmt::format("{}", config.seed()))
        .Text(Hex(digests.trace()))
        .Text(Hex(digests.config()))
        .Text(Hex(digests.end_state()));
  }
}

}  // namespace slablab
