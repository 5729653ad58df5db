// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "fmt/format.h"
#include "reports/comparison/headline.h"
#include "reports/delta.h"
#include "reports/numbers.h"
#include "reports/text/mail.h"
#include "reports/text/text_page.h"

// Headlines as text: at the top of a report, and as a mail.

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;
constexpr size_t kCausesMost = 3;
constexpr size_t kRowsLeast = 2;
constexpr std::string_view kBaseMark = " (base)";

size_t LinesOf(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

// "-1.20..+0.40%", of points "+1.20..+1.25": hundredths only where they are worth it.
std::string SpreadText(const Metric& metric, const std::optional<Spread>& spread) {
  if (!spread.has_value()) return "";
  if (spread->low == 0 && spread->high == 0) return "0";
  const auto number = [](int64_t hundredths) {
    const auto magnitude = static_cast<uint64_t>(hundredths < 0 ? -hundredths : hundredths);
    return fmt::format("{}{}", hundredths < 0 ? "-" : "+",
                       Quotient(magnitude, 100, magnitude < 10'000 ? 2 : 0));
  };
  return fmt::format("{}..{}{}", number(spread->low), number(spread->high),
                     metric.unit == "%" ? "" : "%");
}

// As mails on kernel performance mark what is no chance.
std::string_view MailMark(const Metric& metric, const std::optional<Spread>& spread) {
  if (!spread.has_value() || !spread->excludes_zero()) return "";
  if (metric.better == Better::kNeither) return "";
  return (spread->median > 0) == (metric.better == Better::kMore) ? "(I)" : "(R)";
}

// The first `rows_max` rows, and the base.
std::vector<const HeadlineRow*> ShownRows(const Headline& headline, size_t rows_max) {
  std::vector<const HeadlineRow*> shown;
  for (const HeadlineRow& row : headline.rows) shown.push_back(&row);
  if (shown.size() <= rows_max) return shown;
  const auto base =
      std::find_if(shown.begin(), shown.end(), [](const HeadlineRow* row) { return row->is_base; });
  if (base >= shown.begin() + static_cast<std::ptrdiff_t>(rows_max)) shown[rows_max - 1] = *base;
  shown.resize(rows_max);
  return shown;
}

std::string LabelCell(const HeadlineRow& row, size_t width) {
  const std::string label = PrintableAscii(row.label);
  if (!row.is_base) return Shortened(label, width);
  return Shortened(label, width - kBaseMark.size()) + std::string(kBaseMark);
}

struct TableShape {
  size_t columns;
  bool marks;  // as in a mail
};

// A column, and its cell of a row.
struct RankedColumn {
  TextTable::Column column;
  std::string (*cell)(const Headline& headline, const HeadlineRow& row);
};

std::vector<RankedColumn> RankedColumns(const Sides& sides, const Headline& headline,
                                        const TableShape& shape) {
  const bool one_setting = sides.settings == 1;
  const bool spread = sides.seeds() > 1 || !one_setting;
  const size_t value_width = shape.marks ? 9 : 11;
  std::vector<RankedColumn> columns;
  const auto add = [&](std::string title, size_t width, auto cell, TextTable::Column column = {}) {
    column.title = Shortened(PrintableAscii(title), width);
    column.width = width;
    columns.push_back({.column = column, .cell = cell});
  };
  if (one_setting) {
    add(headline.value_title, value_width,
        [](const Headline&, const HeadlineRow& row) { return row.value; });
  } else {
    add("best in", 7,
        [](const Headline&, const HeadlineRow& row) { return fmt::format("{}", row.wins); });
  }
  add("change", 8, [](const Headline&, const HeadlineRow& row) { return row.change; });
  if (spread && shape.marks && one_setting) {
    add("", 3, [](const Headline& of, const HeadlineRow& row) {
      return std::string(MailMark(*of.metric, row.spread));
    });
  }
  if (spread) {
    add(one_setting ? "spread" : "range", shape.marks ? 15 : 17,
        [](const Headline& of, const HeadlineRow& row) {
          return SpreadText(*of.metric, row.spread);
        });
  } else if (!shape.marks) {
    add(headline.second_title, 10,
        [](const Headline&, const HeadlineRow& row) { return row.second; });
  }
  if (one_setting) {
    add("in all", 7, [](const Headline&, const HeadlineRow& row) { return row.held; });
  }
  add("memory", 7, [](const Headline&, const HeadlineRow& row) { return row.held_change; });
  return columns;
}

// The sides, best first, in `shape.columns`.
std::string RankedTable(const Sides& sides, const Headline& headline, size_t rows_max,
                        const TableShape& shape) {
  const std::vector<RankedColumn> ranked = RankedColumns(sides, headline, shape);
  size_t label_width = shape.columns;
  std::vector<TextTable::Column> columns = {{}};
  for (const RankedColumn& each : ranked) {
    columns.push_back(each.column);
    label_width -= each.column.width + each.column.gap;
  }
  columns[0] = {"", label_width, kLeft};
  TextTable table(std::move(columns));
  const std::vector<const HeadlineRow*> shown = ShownRows(headline, rows_max);
  for (const HeadlineRow* row : shown) {
    std::vector<TextCell> cells = {LabelCell(*row, label_width)};
    for (const RankedColumn& each : ranked) cells.emplace_back(each.cell(headline, *row));
    table.AddRow(std::move(cells));
  }
  TextPage page(/*colour=*/false);
  page.Table(table);
  if (shown.size() < headline.rows.size()) {
    page.Line(fmt::format("... and {} more", headline.rows.size() - shown.size()));
  }
  return page.Take();
}

// What stands around the table, of `columns`.
struct Surroundings {
  std::string above;
  std::string below;
  size_t lines() const { return LinesOf(above) + LinesOf(below); }
};

Surroundings SurroundingsOf(const Headline& headline, std::string_view title, bool colour,
                            size_t columns) {
  TextPage above(colour, columns);
  above.Heading(title);
  if (!headline.reservations.empty()) above.Paragraph(headline.reservations);
  for (const std::string& sentence : headline.sentences) above.Paragraph(sentence);
  above.Blank();
  TextPage below(/*colour=*/false, columns);
  below.Blank();
  if (!headline.machine.empty()) below.Labelled("machine", headline.machine);
  if (!headline.kernel.empty()) below.Labelled("kernel", headline.kernel);
  return {.above = above.Take(), .below = below.Take()};
}

// How many rows a table has room for beside `taken` of `lines`: all, or so many that a line is left
// for how many more there are.
size_t RowsThatFit(const Headline& headline, size_t taken, size_t lines) {
  constexpr size_t kHead = 2;  // titles and a rule
  const size_t room = taken + kHead < lines ? lines - taken - kHead : 0;
  return room >= headline.rows.size() || room == 0 ? room : room - 1;
}

// What a mail lists of the two runs in its sentences.
constexpr std::string_view kMailMetrics[] = {
    "work_per_second",  "cycles_per_operation", "alloc_cycles_mean", "free_cycles_mean",
    "alloc_cycles_p99", "free_cycles_p99",      "use_cycles",        "alloc_fast_share",
    "free_fast_share",  "transfers_remote",     "lock_wait_cycles",  "peak_slab_bytes",
    "peak_held_bytes"};

// Rows, and as many as fit into `lines`; empty if that is too few to be worth it.
std::string MetricsTable(const Sides& sides, const Headline& headline, size_t lines) {
  constexpr size_t kHead = 3;  // a blank, titles, a rule
  if (sides.settings > 1 || lines < kHead + 3) return "";
  const Side& base = sides.sides[0];
  const Side& other = sides.sides[headline.other];
  const auto title = [](const Side& side) { return Shortened(PrintableAscii(side.label), 10); };
  TextTable table({{"", 20, kLeft},
                   {title(base), 10},
                   {title(other), 10},
                   {"change", 9},
                   {"", 3},
                   {sides.seeds() > 1 ? "spread" : "", 15}});
  size_t rows = 0;
  for (const std::string_view name : kMailMetrics) {
    const Metric& metric = *FindMetric(name);
    const std::optional<uint64_t> from = MedianOf(metric, base);
    const std::optional<uint64_t> to = MedianOf(metric, other);
    if ((!from.has_value() && !to.has_value()) || rows + kHead == lines) continue;
    const std::optional<Spread> spread = ChangeOf(metric, base, other, 1);
    table.AddRow({std::string(name), ShortMetricText(metric, from), ShortMetricText(metric, to),
                  ChangeText(metric, base, other, 1), std::string(MailMark(metric, spread)),
                  sides.seeds() > 1 ? SpreadText(metric, spread) : ""});
    ++rows;
  }
  TextPage page(/*colour=*/false, kMailColumns);
  page.Blank();
  page.Table(table);
  return page.Take();
}

}  // namespace

std::string HeadlineText(const Sides& sides, std::string_view title, bool colour) {
  for (size_t causes_max = kCausesMost;; --causes_max) {
    const Headline headline = HeadlineOf(sides, causes_max);
    const Surroundings around = SurroundingsOf(headline, title, colour, kTextColumns);
    const size_t rows = RowsThatFit(headline, around.lines(), kHeadlineLines);
    const size_t wanted = std::min<size_t>(headline.rows.size(), causes_max > 2 ? 4 : kRowsLeast);
    if (rows < wanted && causes_max > 0) continue;
    return around.above +
           RankedTable(sides, headline, std::max(rows, kRowsLeast), {kTextColumns, false}) +
           around.below;
  }
}

std::string MailText(const Sides& sides, std::string_view title,
                     const std::vector<std::vector<std::string>>& commands) {
  TextPage end(/*colour=*/false, kMailColumns);
  end.Blank();
  if (sides.seeds() > 1 && sides.settings == 1) {
    end.Line("(I) improved, (R) regressed: the interval excludes no change at all.");
  }
  const std::vector<const RunResult*>& runs = sides.sides[0].runs;
  const auto first =
      std::find_if(runs.begin(), runs.end(), [](auto* run) { return run != nullptr; });
  AppendReproduction(first == runs.end() ? RunResult() : **first, commands, end);
  const std::string tail = end.Take();
  for (size_t causes_max = kCausesMost;; --causes_max) {
    const Headline headline = HeadlineOf(sides, causes_max);
    const Surroundings around = SurroundingsOf(headline, title, /*colour=*/false, kMailColumns);
    const size_t rows = RowsThatFit(headline, around.lines() + LinesOf(tail), kMailLines);
    if (rows < std::min<size_t>(headline.rows.size(), kRowsLeast + 2) && causes_max > 0) continue;
    const std::string table =
        RankedTable(sides, headline, std::max(rows, kRowsLeast), {kMailColumns, true});
    const size_t used = around.lines() + LinesOf(table) + LinesOf(tail);
    return around.above + table +
           MetricsTable(sides, headline, used < kMailLines ? kMailLines - used : 0) + around.below +
           tail;
  }
}

}  // namespace slablab
