// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <set>
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

// A metric's value as a cell: thousandths of its unit.
void AddValue(const Metric& metric, const RunResult& result, HtmlRow& row) {
  const std::optional<uint64_t> value = metric.of(result);
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
                         const std::string& id, const std::string& title, const std::string& lede,
                         HtmlPage& page) {
  HtmlFigure& figure = AddFigure(page, id, title, lede);
  HtmlChart& chart = *figure.mutable_chart();
  chart.set_kind("lines");
  chart.set_x_title("CPUs");
  chart.set_x_log(true);
  chart.set_y_title(metric.unit == "bytes" ? "" : std::string(metric.unit));
  chart.set_y_unit(metric.unit == "bytes" ? "bytes" : "");
  chart.set_dots(true);
  std::vector<std::string> panels;
  std::vector<std::string> lines;
  std::set<int32_t> sizes;
  const auto add_once = [](std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const Series& series : all) {
    add_once(panels, series.panel);
    add_once(lines, series.line);
    for (const size_t run : series.runs) {
      const RunResult& result = set[run].result;
      sizes.insert(result.config().cpus());
      if (!metric.of(result).has_value()) continue;
      HtmlRow row = AddRow(chart);
      row.Text(series.panel).Text(series.line);
      row.Number(static_cast<uint64_t>(std::max(result.config().cpus(), 1)));
      AddValue(metric, result, row);
    }
  }
  for (const std::string& panel : panels) chart.add_panels(panel);
  for (const std::string& line : lines) chart.add_runs(line);
  HtmlTable& table = *figure.mutable_table();
  AddColumn(table, "CPUs", "text");
  for (const int32_t size : sizes) {
    AddColumn(table, fmt::format("{}", size), std::string(metric.unit == "bytes" ? "bytes" : ""),
              metric.decimals == 3 ? 1 : 0);
  }
  for (const Series& series : all) {
    HtmlRow row = AddRow(table);
    row.Text(series.name);
    for (const int32_t size : sizes) {
      const auto run = std::find_if(series.runs.begin(), series.runs.end(), [&](size_t r) {
        return set[r].result.config().cpus() == size;
      });
      run == series.runs.end() ? void(row.Nothing()) : AddValue(metric, set[*run].result, row);
    }
  }
}

std::string Hex(uint64_t digest) { return fmt::format("{:016x}", digest); }

}  // namespace

void AppendDeltaFigure(ResultSet set, HtmlPage& page) {
  if (set.size() < 2 || set.size() > kRunsShownAlone) return;
  HtmlFigure& figure = AddFigure(
      page, "metrics", "Metric by metric",
      fmt::format(
          "Each run beside the first, {}: by how much it differs, and whether that is good. "
          "= equal; ~ moved by less than 1 %.",
          set[0].label));
  HtmlTable& table = *figure.mutable_table();
  AddColumn(table, "metric", "text");
  AddColumn(table, set[0].label, "number");
  for (size_t i = 1; i < set.size(); ++i) {
    AddColumn(table, set[i].label, "number");
    AddColumn(table, "change", "number");
    AddColumn(table, "mark", "mark");
  }
  std::string_view group;
  for (const DeltaRow& row : DeltaRows()) {
    const Metric& metric = *row.metric;
    const std::optional<uint64_t> base = metric.of(set[0].result);
    if (!AnyHas(set, metric)) continue;
    if (row.group != group) AddRow(table).Text(std::string(row.group));
    group = row.group;
    HtmlRow cells = AddRow(table);
    cells.Text(std::string(row.title)).Text(ShortMetricText(metric, base));
    for (size_t i = 1; i < set.size(); ++i) {
      const std::optional<uint64_t> candidate = metric.of(set[i].result);
      cells.Text(ShortMetricText(metric, candidate))
          .Text(ChangeText(metric, base, candidate))
          .Text(std::string(MarkText(MarkOf(metric, base, candidate))));
    }
  }
}

void AppendRunsFigure(ResultSet set, HtmlPage& page) {
  if (set.size() == 2) return;  // The metrics stand side by side already.
  HtmlFigure& figure = AddFigure(page, "runs", set.size() == 1 ? "The run" : "The runs",
                                 "What was done, what it cost, and what it held.");
  HtmlTable& table = *figure.mutable_table();
  AddColumn(table, "run", "text");
  constexpr std::string_view kShown[] = {
      "operations",       "cycles_per_operation", "alloc_cycles_mean", "alloc_cycles_p99",
      "free_cycles_mean", "free_cycles_p99",      "alloc_fast_share",  "free_fast_share",
      "lock_wait_cycles", "peak_slab_bytes",      "peak_held_bytes"};
  constexpr std::string_view kTitles[] = {"operations",
                                          "cycles an operation",
                                          "an allocation",
                                          "99 % at most",
                                          "a free",
                                          "99 % at most",
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
    HtmlRow row = AddRow(table);
    row.Text(run.label);
    for (const std::string_view name : kShown) AddValue(*FindMetric(name), run.result, row);
  }
}

void AppendScalingFigures(ResultSet set, HtmlPage& page) {
  const std::vector<Series> all = ScalingSeries(set);
  if (all.empty()) return;
  AppendScalingFigure(set, all, *FindMetric("cycles_per_operation"), "scaling",
                      "Cycles an operation, by the number of CPUs",
                      "Level lines scale: an operation costs the same however many CPUs there are.",
                      page);
  if (const Metric& work = *FindMetric("work_per_second"); AnyHas(set, work)) {
    AppendScalingFigure(set, all, work, "scaling-work", "Work done a second, by the number of CPUs",
                        "As the workload counts it, until the last of its tasks was over: what the "
                        "allocator comes to for whoever uses it.",
                        page);
  }
  AppendScalingFigure(set, all, *FindMetric("peak_slab_bytes"), "scaling-memory",
                      "In slabs at the peak, by the number of CPUs",
                      "Bytes in slabs, when they were most.", page);
}

void AppendPathsFigure(ResultSet set, HtmlPage& page) {
  HtmlFigure figure;
  HtmlTable& table = *figure.mutable_table();
  AddColumn(table, "run", "text");
  AddColumn(table, "path", "text");
  AddColumn(table, "operations", "");
  AddColumn(table, "share", "%", 1);
  AddColumn(table, "cycles, mean", "", 1);
  AddColumn(table, "50 % at most", "");
  AddColumn(table, "99 % at most", "");
  AddColumn(table, "most", "");
  for (const LabelledResult& run : set) {
    uint64_t operations[2] = {0, 0};
    for (const PathStats& path : run.result.paths()) {
      if (!path.put_off()) operations[path.is_free() ? 1 : 0] += path.operations();
    }
    for (const PathStats& path : run.result.paths()) {
      const uint64_t all = path.put_off() ? path.operations() : operations[path.is_free() ? 1 : 0];
      AddRow(table)
          .Text(run.label)
          .Text(path.name())
          .Number(path.operations())
          .Quotient(path.operations() * 100, all)
          .Quotient(path.cycles_total(), path.operations())
          .Number(path.cycles_p50())
          .Number(path.cycles_p99())
          .Number(path.cycles_max());
    }
  }
  if (table.rows().empty()) return;
  figure.set_id("paths");
  figure.set_title("Operations, by the path taken");
  figure.set_lede("Shares are of all allocations, or of all frees.");
  *page.add_figures() = std::move(figure);
}

void AppendInputsFigure(ResultSet set, HtmlPage& page) {
  HtmlFigure& figure =
      AddFigure(page, "inputs", "What was run",
                "Equal digests of trace and configuration give equal end states, on "
                "any machine.");
  HtmlTable& table = *figure.mutable_table();
  for (const char* title : {"run", "allocator", "machine", "CPUs", "nodes", "workload", "order",
                            "placement", "seed", "trace", "configuration", "end state"}) {
    AddColumn(table, title, "text");
  }
  for (const LabelledResult& run : set) {
    const RunConfig& config = run.result.config();
    const Digests& digests = run.result.digests();
    AddRow(table)
        .Text(run.label)
        .Text(config.allocator())
        .Text(config.machine())
        .Text(fmt::format("{}", config.cpus()))
        .Text(fmt::format("{}", config.nodes()))
        .Text(config.trace())
        .Text(config.order())
        .Text(config.placement())
        .Text(fmt::format("{}", config.seed()))
        .Text(Hex(digests.trace()))
        .Text(Hex(digests.config()))
        .Text(Hex(digests.end_state()));
  }
}

}  // namespace slablab
