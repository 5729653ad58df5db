// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/why/why_text.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "fmt/format.h"
#include "reports/explain/plain_page.h"
#include "reports/numbers.h"
#include "reports/text/text_page.h"
#include "reports/why/candidates.h"

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;

using Rows = std::vector<std::vector<std::string>>;

// What text and page show alike.
struct Section {
  std::string title;
  std::vector<TextTable::Column> columns;
  Rows rows;
  std::string rest;                // what was left out; empty: nothing
  std::vector<std::string> items;  // what the rows mean
};

using Costs = google::protobuf::RepeatedPtrField<WhyCost>;

size_t Shown(int count, size_t rows_max) {
  const auto all = static_cast<size_t>(count);
  return rows_max == 0 ? all : std::min(all, rows_max);
}

std::string Rest(size_t shown, size_t all) {
  return shown == all ? "" : fmt::format("... and {} more (--limit=0 shows all)", all - shown);
}

Section SlowPaths(const WhyReport& report, size_t rows_max) {
  Section section = {.title = "Slow paths",
                     .columns = {{"path", 34, kLeft},
                                 {"operations", 12},
                                 {"of all", 7},
                                 {"cycles", 14},
                                 {"of slow", 8}},
                     .rows = {},
                     .rest = {},
                     .items = {}};
  const size_t shown = Shown(report.slow_paths_size(), rows_max);
  for (size_t i = 0; i < shown; ++i) {
    const WhyCost& cost = report.slow_paths(static_cast<int>(i));
    section.rows.push_back({cost.name(), Grouped(cost.operations()),
                            Percent(cost.operations(), report.operations()), Grouped(cost.cycles()),
                            Percent(cost.cycles(), report.slow_cycles())});
  }
  section.rest = Rest(shown, static_cast<size_t>(report.slow_paths_size()));
  return section;
}

// "slow": of the operations on it, those that took slow paths.
Section ByWhom(const WhyReport& report, const Costs& costs, bool is_caller, size_t rows_max) {
  Section section = {
      .title = is_caller ? "Callers, by their slow operations" : "Caches, by their slow operations",
      .columns = {{is_caller ? "caller" : "cache", is_caller ? size_t{28} : size_t{42}, kLeft}},
      .rows = {},
      .rest = {},
      .items = {}};
  if (is_caller) section.columns.push_back({"cache", 13, kLeft});
  for (TextTable::Column column : {TextTable::Column{"cycles", 9}, TextTable::Column{"of slow", 7},
                                   TextTable::Column{"slow", 6}, TextTable::Column{"peak", 8}}) {
    section.columns.push_back(std::move(column));
  }
  size_t shown = Shown(costs.size(), rows_max);
  while (shown > 0 && rows_max != 0 && costs[static_cast<int>(shown) - 1].slow_cycles() == 0) {
    --shown;
  }
  for (size_t i = 0; i < shown; ++i) {
    const WhyCost& cost = costs[static_cast<int>(i)];
    std::vector<std::string> row = {cost.name()};
    if (is_caller) row.push_back(cost.cache());
    for (std::string cell :
         {Fitted(cost.slow_cycles(), 9), Percent(cost.slow_cycles(), report.slow_cycles()),
          Percent(cost.slow_operations(), cost.operations()), Bytes(cost.peak_bytes())}) {
      row.push_back(std::move(cell));
    }
    section.rows.push_back(std::move(row));
  }
  section.rest = Rest(shown, static_cast<size_t>(costs.size()));
  return section;
}

// Of those in `candidates` as many as are shown.
void AddMeanings(const std::vector<const WhyCandidate*>& candidates, size_t shown,
                 Section& section) {
  for (size_t i = 0; i < shown; ++i) {
    const WhyCandidate& candidate = *candidates[i];
    const std::string name = candidate.setting().substr(0, candidate.setting().find('='));
    std::string item = fmt::format("{}: {}", name, candidate.meaning());
    if (std::find(section.items.begin(), section.items.end(), item) == section.items.end()) {
      section.items.push_back(std::move(item));
    }
  }
}

std::string Sure(const WhyCandidate& candidate, const WhySpread& spread, bool has) {
  if (!candidate.refused().empty() || !has) return "-";
  return spread.is_sure() ? "yes" : "no";
}

Section FewerCycles(const WhyReport& report, size_t rows_max) {
  Section section = {.title = "What would change its cycles",
                     .columns = {{"how", 8, kLeft},
                                 {"change", 29, kLeft},
                                 {"cycles", 7},
                                 {"range", 18},
                                 {"sure", 4},
                                 {"memory", 8}},
                     .rows = {},
                     .rest = {},
                     .items = {}};
  std::vector<const WhyCandidate*> candidates = Ran(report);
  const size_t all = candidates.size();
  if (rows_max != 0) {
    std::erase_if(candidates, [](const auto* each) { return each->change().cycles() >= 0; });
  }
  const size_t shown = Shown(static_cast<int>(candidates.size()), rows_max);
  for (size_t i = 0; i < shown; ++i) {
    const WhyCandidate& each = *candidates[i];
    section.rows.push_back(
        {each.how(), each.setting(), CyclesChange(report, each),
         each.has_cycles() ? RangeText(each.cycles(), "cycles_per_operation") : "-",
         Sure(each, each.cycles(), each.has_cycles()), BytesChange(each)});
  }
  section.rest = Rest(shown, all);
  AddMeanings(candidates, shown, section);
  for (const WhyCandidate& each : report.candidates()) {
    if (each.refused().empty()) continue;
    section.items.push_back(fmt::format("{} could not be: {}", each.setting(), each.refused()));
  }
  return section;
}

Section LessMemory(const WhyReport& report, size_t rows_max) {
  Section section = {.title = "What would hold less memory",
                     .columns = {{"how", 8, kLeft},
                                 {"change", 29, kLeft},
                                 {"memory", 8},
                                 {"range", 18},
                                 {"sure", 4},
                                 {"cycles", 7}},
                     .rows = {},
                     .rest = {},
                     .items = {}};
  const std::vector<const WhyCandidate*> savers = MemorySavers(report);
  const size_t shown = Shown(static_cast<int>(savers.size()), rows_max);
  for (size_t i = 0; i < shown; ++i) {
    const WhyCandidate& each = *savers[i];
    section.rows.push_back({each.how(), each.setting(), BytesChange(each),
                            each.has_bytes() ? RangeText(each.bytes(), "peak_held_bytes") : "-",
                            Sure(each, each.bytes(), each.has_bytes()),
                            CyclesChange(report, each)});
  }
  section.rest = Rest(shown, savers.size());
  AddMeanings(savers, shown, section);
  return section;
}

std::vector<Section> Sections(const WhyReport& report, size_t rows_max) {
  std::vector<Section> sections = {FewerCycles(report, rows_max), LessMemory(report, rows_max),
                                   SlowPaths(report, rows_max),
                                   ByWhom(report, report.caches(), false, rows_max),
                                   ByWhom(report, report.callers(), true, rows_max)};
  // A switch is explained once.
  std::erase_if(sections[1].items, [&](const std::string& item) {
    return std::find(sections[0].items.begin(), sections[0].items.end(), item) !=
           sections[0].items.end();
  });
  std::erase_if(sections, [](const Section& section) {
    return section.rows.empty() && section.items.empty();
  });
  return sections;
}

std::string Title(const WhyReport& report) { return fmt::format("Why: {}", report.subject()); }

}  // namespace

std::string WhyText(const WhyReport& report, size_t rows_max, bool colour) {
  TextPage page(colour);
  page.Heading(Title(report));
  for (const std::string& sentence : WhyWords(report)) page.Paragraph(sentence);
  page.Blank();
  page.Labelled("machine", report.machine());
  if (!report.kernel().empty()) page.Labelled("kernel", report.kernel());
  for (const Section& section : Sections(report, rows_max)) {
    page.Heading(section.title);
    if (!section.rows.empty()) {
      TextTable table(section.columns);
      for (const std::vector<std::string>& row : section.rows) {
        table.AddRow({row.begin(), row.end()});
      }
      page.Table(table);
    }
    if (!section.rest.empty()) page.Line(section.rest);
    for (const std::string& item : section.items) page.Item(item);
  }
  return page.Take();
}

std::string WhyPage(const WhyReport& report, size_t rows_max) {
  PlainPage page(Title(report));
  for (const std::string& sentence : WhyWords(report)) page.Paragraph(sentence);
  page.Paragraph("Machine: " + report.machine());
  if (!report.kernel().empty()) page.Paragraph("Kernel: " + report.kernel());
  for (const Section& section : Sections(report, rows_max)) {
    page.Heading(section.title);
    PlainTable table = {.columns = {}, .rows = section.rows};
    for (const TextTable::Column& column : section.columns) {
      table.columns.push_back({.title = column.title, .is_text = column.side == kLeft});
    }
    if (!table.rows.empty()) page.Table(table);
    if (!section.rest.empty()) page.Paragraph(section.rest);
    if (!section.items.empty()) page.Items(section.items);
  }
  return std::move(page).Take();
}

DataTable WhyTable(const WhyReport& report) {
  DataTable table{
      .name = "why",
      .keys = 1,
      .columns = {"rank", "how", "change", "cycles", "bytes", "wait_cycles", "cycles_median",
                  "cycles_low", "cycles_high", "cycles_sure", "bytes_median", "bytes_low",
                  "bytes_high", "bytes_sure", "confidence_per_mille", "refused"},
      .rows = {}};
  for (const WhyCandidate& each : report.candidates()) {
    std::vector<std::string> row = {fmt::format("{}", table.rows.size() + 1), each.how(),
                                    each.setting()};
    const bool ran = each.refused().empty();
    for (const int64_t figure :
         {each.change().cycles(), each.change().bytes(), each.change().wait_cycles()}) {
      row.push_back(ran ? fmt::format("{}", figure) : "");
    }
    const auto add = [&](const WhySpread& spread, bool has) {
      for (const int64_t value : {spread.median(), spread.low(), spread.high()}) {
        row.push_back(has ? fmt::format("{}", value) : "");
      }
      row.emplace_back(has ? (spread.is_sure() ? "1" : "0") : "");
    };
    add(each.cycles(), each.has_cycles());
    add(each.bytes(), each.has_bytes());
    row.push_back(each.has_cycles() ? fmt::format("{}", each.cycles().confidence_per_mille()) : "");
    row.push_back(each.refused());
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace slablab
