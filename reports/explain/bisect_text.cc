// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/explain/bisect_text.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "fmt/format.h"
#include "reports/delta.h"
#include "reports/explain/plain_page.h"
#include "reports/numbers.h"
#include "reports/text/fitted_table.h"
#include "reports/text/text_page.h"

namespace slablab {
namespace {

constexpr std::string_view kPrograms = "programs";

const Metric& MetricOf(const BisectReport& report) {
  const Metric* const metric = FindMetric(report.metric());
  CHECK(metric != nullptr);
  return *metric;
}

std::optional<uint64_t> BaseOf(const BisectStep& step) {
  return step.has_base() ? std::optional<uint64_t>(step.base()) : std::nullopt;
}
std::optional<uint64_t> ValueOf(const BisectStep& step) {
  return step.has_value() ? std::optional<uint64_t>(step.value()) : std::nullopt;
}

struct Words {
  std::string base;
  std::string value;
  std::string change;
};
Words WordsOf(const BisectReport& report, const BisectStep& step) {
  const Metric& metric = MetricOf(report);
  return {.base = ShortMetricText(metric, BaseOf(step)),
          .value = ShortMetricText(metric, ValueOf(step)),
          .change = ChangeText(metric, BaseOf(step), ValueOf(step))};
}

// Of points each has a base of its own.
PlainTable StepsOf(const BisectReport& report) {
  const bool has_bases = report.base().empty();
  PlainTable table = {.columns = {{.title = report.kind() == kPrograms ? "program"
                                            : has_bases                ? "point"
                                                                       : "step",
                                   .is_text = true}},
                      .rows = {}};
  if (has_bases) table.columns.push_back({.title = "A"});
  table.columns.push_back({.title = has_bases ? "B" : report.metric()});
  table.columns.push_back({.title = "from A"});
  for (const BisectStep& step : report.steps()) {
    const Words words = WordsOf(report, step);
    if (!has_bases && table.rows.empty()) table.rows.push_back({report.base(), words.base, ""});
    std::vector<std::string> row = {step.name()};
    if (has_bases) row.push_back(words.base);
    row.push_back(words.value);
    row.push_back(words.change);
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

std::string BisectSentence(const BisectReport& report) {
  if (report.steps_size() == 0) return "No switch is set otherwise in the one than in the other.";
  const BisectStep& last = report.steps(report.steps_size() - 1);
  const Words words = WordsOf(report, last);
  if (report.kind() == kPrograms) {
    return fmt::format("{} is {} with the first program and {} with the second ({}).",
                       report.metric(), words.base, words.value, words.change);
  }
  const bool is_point = report.base().empty();
  if (!report.moved()) {
    return fmt::format("None of {} moved {} so far.",
                       is_point ? Counted(report.planned(), "point", "points")
                                : Counted(report.planned(), "step", "steps"),
                       report.metric());
  }
  return fmt::format("The first {}that moved {} is {}, step {} of {}: {} instead of {} ({}).",
                     is_point ? "point " : "", report.metric(), last.name(), report.steps_size(),
                     report.planned(), words.value, words.base, words.change);
}

std::string BisectText(const BisectReport& report) {
  TextPage page(/*colour=*/false);
  for (const std::string& sentence : report.head()) page.Item(sentence);
  if (report.head_size() > 0) page.Blank();
  std::string text = page.Take();
  if (report.kind() != kPrograms && report.steps_size() > 0) {
    const PlainTable steps = StepsOf(report);
    FittedTable table;
    for (const PlainTable::Column& column : steps.columns) {
      table.AddColumn({{column.title},
                       column.is_text ? FittedTable::Column::kLeft : FittedTable::Column::kRight});
    }
    for (const std::vector<std::string>& row : steps.rows) table.AddRow(row);
    text += table.Text();
    page.Blank();
  }
  page.Paragraph(BisectSentence(report));
  if (!report.first_operation().empty()) page.Paragraph(report.first_operation());
  return text + page.Take();
}

DataTable BisectTable(const BisectReport& report) {
  DataTable table{.name = "bisect",
                  .keys = 1,
                  .columns = {"step", "name", "metric", "base", "value", "moved"},
                  .rows = {}};
  const auto number = [](std::optional<uint64_t> value) {
    return value.has_value() ? fmt::format("{}", *value) : "";
  };
  for (const BisectStep& step : report.steps()) {
    const auto at = static_cast<int>(table.rows.size()) + 1;
    const bool moved = report.moved() && at == report.steps_size();
    table.rows.push_back({fmt::format("{}", at), step.name(), report.metric(), number(BaseOf(step)),
                          number(ValueOf(step)), moved ? "1" : "0"});
  }
  return table;
}

std::string BisectPage(const BisectReport& report) {
  PlainPage page(fmt::format("The first that moves {}", report.metric()));
  if (report.head_size() > 0) page.Items({report.head().begin(), report.head().end()});
  page.Paragraph(BisectSentence(report));
  if (!report.first_operation().empty()) page.Paragraph(report.first_operation());
  if (report.steps_size() > 0) page.Table(StepsOf(report));
  return std::move(page).Take();
}

}  // namespace slablab
