// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/comparison/callers.h"
#include "reports/comparison/comparison.h"
#include "reports/comparison/headline.h"
#include "reports/delta.h"
#include "reports/metrics.h"
#include "reports/numbers.h"
#include "reports/text/text_page.h"

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;
// Larger sets have no table of their own for each run.
constexpr size_t kDetailedRuns = 8;
constexpr size_t kRunsABlock = 4;

// `text` in lines of at most `width`, broken at blanks where there are any.
std::vector<std::string> Lines(std::string_view text, size_t width) {
  std::vector<std::string> lines;
  std::string rest = PrintableAscii(text);
  while (rest.size() > width) {
    size_t end = rest.rfind(' ', width);
    const bool at_blank = end != std::string::npos && end > 0;
    if (!at_blank) end = width;
    lines.push_back(rest.substr(0, end));
    rest.erase(0, end + (at_blank ? 1 : 0));
  }
  lines.push_back(rest);
  return lines;
}

// Rows by name, a column for each run, as many tables as that takes.
struct SideBySide {
  std::string heading;
  std::string note;
  struct Row {
    std::string name;
    std::vector<TextCell> cells;  // of each run
  };
  std::vector<Row> rows;
  std::vector<size_t> rules = {};  // a rule before each of these rows
};

void AppendSideBySide(ResultSet set, const SideBySide& what, TextPage& page) {
  constexpr size_t kNameColumns = 27;
  constexpr size_t kRunColumns = 12;
  if (what.rows.empty()) return;
  page.Heading(what.heading);
  for (size_t first = 0; first < set.size(); first += kRunsABlock) {
    const size_t end = std::min(first + kRunsABlock, set.size());
    std::vector<TextTable::Column> columns = {{"", kNameColumns, kLeft}};
    std::vector<std::vector<std::string>> titles;
    size_t title_lines = 1;
    for (size_t run = first; run < end; ++run) {
      columns.push_back({"", kRunColumns});
      titles.push_back(Lines(set[run].label, kRunColumns));
      title_lines = std::max(title_lines, titles.back().size());
    }
    if (first > 0) page.Blank();
    TextTable table(columns);
    for (size_t line = 0; line < title_lines; ++line) {
      std::vector<TextCell> cells = {""};
      for (const std::vector<std::string>& title : titles) {
        const size_t skip = title_lines - title.size();  // Titles stand on the rule.
        cells.push_back(line < skip ? "" : title[line - skip]);
      }
      table.AddRow(std::move(cells));
    }
    table.AddRule();
    for (size_t i = 0; i < what.rows.size(); ++i) {
      if (std::find(what.rules.begin(), what.rules.end(), i) != what.rules.end()) table.AddRule();
      const SideBySide::Row& row = what.rows[i];
      std::vector<TextCell> cells = {row.name};
      for (size_t run = first; run < end; ++run) cells.push_back(row.cells[run]);
      table.AddRow(std::move(cells));
    }
    page.Table(table);
  }
  if (!what.note.empty()) page.Paragraph(what.note);
}

// A value with one decimal at most.
TextCell MetricCell(const Metric& metric, std::optional<uint64_t> value) {
  if (!value.has_value()) return "-";
  return TextCell::Mean(*value, ScaleOf(metric), std::min(metric.decimals, 1));
}

TextCell PerOperation(const RunResult& result, uint64_t sum) {
  return TextCell::Mean(sum, result.totals().operations(), 1);
}

SideBySide CausesSideBySide(ResultSet set) {
  SideBySide table{
      .heading = "Cycles an operation in the allocator, by cause", .note = "", .rows = {}};
  for (size_t run = 0; run < set.size(); ++run) {
    for (const NamedSum& sum : BreakDown(set[run].result).allocator) {
      auto row = std::find_if(table.rows.begin(), table.rows.end(),
                              [&](const auto& r) { return r.name == sum.name; });
      if (row == table.rows.end()) {
        row = table.rows.insert(table.rows.end(), {.name = sum.name, .cells = {}});
        row->cells.assign(set.size(), "-");
      }
      row->cells[run] = PerOperation(set[run].result, sum.value);
    }
  }
  const auto add = [&](const std::string& name, size_t run, uint64_t cycles) {
    auto row = std::find_if(table.rows.begin(), table.rows.end(),
                            [&](const auto& r) { return r.name == name; });
    if (row == table.rows.end()) {
      row = table.rows.insert(table.rows.end(), {.name = name, .cells = {}});
      row->cells.assign(set.size(), "0.0");
    }
    row->cells[run] = PerOperation(set[run].result, cycles);
  };
  table.rules = {table.rows.size()};
  bool only_operations = true;
  for (size_t run = 0; run < set.size(); ++run) {
    add("all of the allocator", run, AllocatorCycles(set[run].result));
    only_operations = only_operations && AllocatorParts(set[run].result).size() == 1;
  }
  for (size_t run = 0; run < set.size() && !only_operations; ++run) {
    for (const NamedSum& part : AllocatorParts(set[run].result)) {
      add("  " + part.name, run, part.value);
    }
  }
  table.rules.push_back(table.rows.size());
  SideBySide::Row& use =
      table.rows.emplace_back(SideBySide::Row{.name = "(use of objects)", .cells = {}});
  for (const LabelledResult& run : set) {
    use.cells.push_back(PerOperation(run.result, BreakDown(run.result).use));
  }
  return table;
}

SideBySide MissesSideBySide(ResultSet set) {
  SideBySide table{
      .heading = "Misses a thousand operations, by what the line holds",
      .note = "Touches by the allocator that L1, L2 and LLC of its CPU could not answer.",
      .rows = {}};
  std::vector<StructureTouches> touches;
  for (const LabelledResult& run : set) touches.push_back(TouchesByStructure(run.result));
  for (size_t i = 0; i < kStructures; ++i) {
    SideBySide::Row row{.name = std::string(StructureName(static_cast<Structure>(i))), .cells = {}};
    bool any = false;
    for (size_t run = 0; run < set.size(); ++run) {
      const uint64_t misses = touches[run].allocator[i].misses();
      any = any || misses > 0;
      const uint64_t scaled = misses > UINT64_MAX / 1000 ? UINT64_MAX : misses * 1000;
      row.cells.push_back(PerOperation(set[run].result, scaled));
    }
    if (any) table.rows.push_back(std::move(row));
  }
  return table;
}

SideBySide LocksSideBySide(ResultSet set) {
  SideBySide table{.heading = "Cycles of waiting for locks an operation, by class",
                   .note = "Classes that no run waited for are left out.",
                   .rows = {}};
  for (size_t run = 0; run < set.size(); ++run) {
    for (const LockStats& lock : set[run].result.locks()) {
      if (lock.wait_total_cycles() == 0) continue;
      auto row = std::find_if(table.rows.begin(), table.rows.end(),
                              [&](const auto& r) { return r.name == lock.name(); });
      if (row == table.rows.end()) {
        row = table.rows.insert(table.rows.end(), {.name = lock.name(), .cells = {}});
        row->cells.assign(set.size(), "-");
      }
      row->cells[run] = PerOperation(set[run].result, lock.wait_total_cycles());
    }
  }
  return table;
}

TextCell MetricOf(const RunResult& result, std::string_view name) {
  const Metric& metric = *FindMetric(name);
  return MetricCell(metric, metric.of(result));
}

void AppendRuns(ResultSet set, const TextOptions& options, TextPage& page) {
  page.Heading("The runs");
  constexpr size_t kNameColumns = 16;
  TextTable table({{"", kNameColumns, kLeft},
                   {"cycles/op", 9},
                   {"alloc", 7},
                   {"free", 7},
                   {"al-fast", 7},
                   {"fr-fast", 7},
                   {"wait/op", 7},
                   {"slabs", 6},
                   {"in all", 6}});
  const size_t shown = options.rows_max == 0
                           ? set.size()
                           : std::min(set.size(), std::max<size_t>(options.rows_max, 1));
  for (size_t i = 0; i < shown; ++i) {
    const RunResult& result = set[i].result;
    const std::vector<std::string> name = Lines(set[i].label, kNameColumns);
    table.AddRow(
        {name[0], MetricOf(result, "cycles_per_operation"), MetricOf(result, "alloc_cycles_mean"),
         MetricOf(result, "free_cycles_mean"),
         FastPaths(result, false).fast > 0 ? MetricOf(result, "alloc_fast_share") : "-",
         FastPaths(result, true).fast > 0 ? MetricOf(result, "free_fast_share") : "-",
         PerOperation(result, FindMetric("lock_wait_cycles")->of(result).value_or(0)),
         result.has_footprint_peak() ? Bytes(result.footprint_peak().slab_bytes()) : "-",
         result.has_footprint_peak() ? Bytes(HeldBy(result.footprint_peak()).total) : "-"});
    for (size_t line = 1; line < name.size(); ++line) table.AddRow({name[line]});
  }
  if (shown < set.size()) {
    table.AddText(fmt::format("... and {} more of {} runs", set.size() - shown, set.size()));
  }
  page.Table(table);
  page.Paragraph(
      "cycles/op: cycles in the allocator an operation, whatever had them spent (timers and "
      "put-off "
      "work, too). alloc, free: mean cycles of an allocation, of a free. al-fast, fr-fast: per "
      "cent "
      "on a fast path. wait/op: cycles of waiting for locks. slabs, in all: bytes at the peak, "
      "when "
      "most is in slabs: in these, and held in all.");
}

void AppendScaling(ResultSet set, TextPage& page) {
  const std::vector<Series> all = ScalingSeries(set);
  if (all.empty()) return;
  std::set<int32_t> sizes;
  for (const Series& series : all) {
    for (const size_t run : series.runs) sizes.insert(set[run].result.config().cpus());
  }
  page.Heading("Cycles an operation, by the number of CPUs");
  constexpr size_t kNameColumns = 26;
  constexpr size_t kSizesMax = 6;
  std::vector<TextTable::Column> columns = {{"CPUs", kNameColumns, kLeft}};
  std::vector<int32_t> shown;
  for (const int32_t size : sizes) {
    if (shown.size() == kSizesMax) break;
    shown.push_back(size);
    columns.push_back({Shortened(fmt::format("{}", size), 8), 8});
  }
  TextTable table(columns);
  for (const Series& series : all) {
    std::vector<TextCell> cells = {series.name};
    for (const int32_t size : shown) {
      const auto run = std::find_if(series.runs.begin(), series.runs.end(), [&](size_t r) {
        return set[r].result.config().cpus() == size;
      });
      cells.push_back(
          run == series.runs.end() ? "-" : MetricOf(set[*run].result, "cycles_per_operation"));
    }
    table.AddRow(std::move(cells));
  }
  page.Table(table);
  if (sizes.size() > shown.size()) {
    page.Paragraph(
        fmt::format("{} more sizes are in the other formats.", sizes.size() - shown.size()));
  }
}

void AppendDelta(const LabelledResult& base, const LabelledResult& candidate, TextPage& page) {
  page.Subheading(fmt::format("{} against {}", candidate.label, base.label));
  TextTable table(
      {{"", 28, kLeft}, {"base", 15}, {"candidate", 15}, {"change", 10}, {"", 8, kLeft, 1}});
  std::string_view group;
  for (const DeltaRow& row : DeltaRows()) {
    const std::optional<uint64_t> from = row.metric->of(base.result);
    const std::optional<uint64_t> to = row.metric->of(candidate.result);
    if (!from.has_value() && !to.has_value()) continue;
    if (row.group != group) table.AddText(row.group);
    group = row.group;
    table.AddRow({fmt::format("  {}", row.title), MetricCell(*row.metric, from),
                  MetricCell(*row.metric, to), ChangeText(*row.metric, from, to),
                  std::string(MarkText(MarkOf(*row.metric, from, to)))});
  }
  page.Table(table);
  page.Paragraph(
      "base, candidate: the two runs above. = equal; ~ moved by less than 1 %; moved: neither "
      "better nor worse.");
}

void AppendSections(ResultSet set, const TextOptions& options, TextPage& page) {
  page.Heading("What differs, and why");
  if (!set.empty() && !set[0].further.empty()) {
    page.Item(fmt::format("All that follows is of seed {}, the first of {}.",
                          set[0].result.config().seed(), set[0].further.size() + 1));
  }
  for (const std::string& words : DifferencesInWords(set)) page.Item(words);
  if (set.empty()) return;
  AppendRuns(set, options, page);
  AppendScaling(set, page);
  if (set.size() > kDetailedRuns) return;
  AppendSideBySide(set, CausesSideBySide(set), page);
  AppendSideBySide(set, MissesSideBySide(set), page);
  AppendSideBySide(set, LocksSideBySide(set), page);
  for (size_t i = 1; i < set.size(); ++i) AppendDelta(set[0], set[i], page);
  for (size_t i = 1; i < set.size(); ++i) AppendCallerChanges(set[0], set[i], options, page);
}

}  // namespace

std::string DeltaText(const LabelledResult& base, const LabelledResult& candidate) {
  TextPage page(/*colour=*/false);
  AppendDelta(base, candidate, page);
  return page.Take();
}

std::string ComparisonText(ResultSet set, const TextOptions& options) {
  TextPage page(options.colour);
  AppendSections(set, options, page);
  if (set.size() < 2) return page.Take();
  const std::string title = ShortTitle(set, kTextColumns);
  const std::string headline = HeadlineText(SidesOf(set), title, options.colour);
  std::vector<std::string> headings = page.headings();
  if (set.size() <= kDetailedRuns) {
    headings.push_back(
        fmt::format("{} against {}", set.size() == 2 ? set[1].label : "each", set[0].label));
  }
  return headline + '\n' + Contents(headings) + '\n' + page.Take();
}

}  // namespace slablab
