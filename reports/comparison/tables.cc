// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "reports/comparison/comparison.h"
#include "reports/comparison/callers.h"
#include "reports/comparison/headline.h"
#include "reports/delta.h"

namespace slablab {
namespace {

// Exact: every decimal that the value has.
std::string PlainValue(const Metric& metric, std::optional<uint64_t> value) {
  if (!value.has_value()) return "";
  if (metric.decimals == 0) return fmt::format("{}", *value);
  uint64_t unit = 1;
  for (int i = 0; i < metric.decimals; ++i) unit *= 10;
  return fmt::format("{}.{:0{}}", *value / unit, *value % unit, metric.decimals);
}

std::string PlainChange(std::optional<uint64_t> base, std::optional<uint64_t> candidate) {
  if (!base.has_value() || !candidate.has_value()) return "";
  const std::optional<int64_t> change = RelativeChange(*base, *candidate);
  if (!change.has_value()) return "";
  const int64_t magnitude = *change < 0 ? -*change : *change;
  return fmt::format("{}{}.{:02}", *change < 0 ? "-" : "", magnitude / 100, magnitude % 100);
}

DataTable MetricsTable(ResultSet set) {
  DataTable table{
      .name = "metrics", .keys = 2, .columns = {"run", "metric", "unit", "value"}, .rows = {}};
  for (const LabelledResult& run : set) {
    for (const Metric& metric : Metrics()) {
      table.rows.push_back({run.label, std::string(metric.name), std::string(metric.unit),
                            PlainValue(metric, metric.of(run.result))});
    }
  }
  return table;
}

DataTable DeltaTable(ResultSet set) {
  DataTable table{
      .name = "delta",
      .keys = 2,
      .columns = {"run", "metric", "unit", "base", "candidate", "change_percent", "mark"},
      .rows = {}};
  for (size_t i = 1; i < set.size(); ++i) {
    for (const Metric& metric : Metrics()) {
      const std::optional<uint64_t> base = metric.of(set[0].result);
      const std::optional<uint64_t> candidate = metric.of(set[i].result);
      table.rows.push_back({set[i].label, std::string(metric.name), std::string(metric.unit),
                            PlainValue(metric, base), PlainValue(metric, candidate),
                            PlainChange(base, candidate),
                            std::string(MarkText(MarkOf(metric, base, candidate)))});
    }
  }
  return table;
}

// Of runs with several seeds.
DataTable SpreadTable(ResultSet set) {
  DataTable table{
      .name = "spread",
      .keys = 2,
      .columns = {"run", "metric", "unit", "seeds", "base_median", "median", "change_hundredths",
                  "low_hundredths", "high_hundredths", "confidence_per_mille"},
      .rows = {}};
  const Sides sides = SidesOf(set);
  if (sides.seeds() < 2) return table;
  for (size_t i = 1; i < sides.sides.size(); ++i) {
    for (const Metric& metric : Metrics()) {
      const std::optional<Spread> change = ChangeOf(metric, sides.sides[0], sides.sides[i], 1);
      if (!change.has_value()) continue;
      table.rows.push_back(
          {sides.sides[i].label, std::string(metric.name), std::string(metric.unit),
           fmt::format("{}", change->count), PlainValue(metric, MedianOf(metric, sides.sides[0])),
           PlainValue(metric, MedianOf(metric, sides.sides[i])), fmt::format("{}", change->median),
           fmt::format("{}", change->low), fmt::format("{}", change->high),
           fmt::format("{}", change->confidence_per_mille)});
    }
  }
  return table;
}

}  // namespace

std::vector<DataTable> DifferenceTables(ResultSet set) {
  return {MetricsTable(set), DeltaTable(set), SpreadTable(set), CallersDeltaTable(set)};
}

std::vector<DataTable> ComparisonTables(ResultSet set) {
  std::vector<DataTable> tables = DifferenceTables(set);
  const size_t own = tables.size();
  for (const LabelledResult& run : set) {
    std::vector<DataTable> of_run = DataTables(run.result);
    for (size_t i = 0; i < of_run.size(); ++i) {
      DataTable& part = of_run[i];
      for (std::vector<std::string>& row : part.rows) row.insert(row.begin(), run.label);
      if (tables.size() <= own + i) {
        part.columns.insert(part.columns.begin(), "run");
        ++part.keys;
        tables.push_back(std::move(part));
      } else {
        std::vector<std::vector<std::string>>& rows = tables[own + i].rows;
        std::move(part.rows.begin(), part.rows.end(), std::back_inserter(rows));
      }
    }
  }
  return tables;
}

}  // namespace slablab
