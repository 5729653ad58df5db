// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/html/figures.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/delta.h"

// What the figures share, and those of cycles: by cause, structure, lock and distribution.

namespace slablab {
namespace {

// In thousandths; the largest number that doubles hold exactly is more than any chart shows.
constexpr uint64_t kThousandthsMax = uint64_t{1} << 53;

uint64_t InThousandths(uint64_t numerator, uint64_t denominator) {
  const unsigned __int128 scaled =
      (static_cast<unsigned __int128>(numerator) * 2000 + denominator) /
      (static_cast<unsigned __int128>(denominator) * 2);
  return scaled > kThousandthsMax ? kThousandthsMax : static_cast<uint64_t>(scaled);
}

std::optional<uint64_t> PerOperation(const RunResult& result, uint64_t sum, uint64_t times = 1) {
  const uint64_t operations = result.totals().operations();
  if (operations == 0) return std::nullopt;
  const bool fits = sum <= UINT64_MAX / times;
  return InThousandths(fits ? sum * times : UINT64_MAX, operations);
}

bool AnyValue(const std::vector<std::optional<uint64_t>>& row) {
  return std::any_of(row.begin(), row.end(),
                     [](const std::optional<uint64_t>& value) { return value.value_or(0) > 0; });
}

void DropEmptyParts(PartsByRun& parts) {
  for (size_t i = parts.parts.size(); i-- > 0;) {
    if (AnyValue(parts.values[i])) continue;
    parts.parts.erase(parts.parts.begin() + static_cast<std::ptrdiff_t>(i));
    parts.values.erase(parts.values.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// The runs whose bars are drawn: of a large set, the largest machine of each series.
std::vector<LabelledResult> Representatives(ResultSet set) {
  std::vector<LabelledResult> chosen;
  const std::vector<Series> all = ScalingSeries(set);
  if (set.size() > kRunsShownAlone && !all.empty()) {
    for (const Series& series : all) chosen.push_back(set[series.runs.back()]);
  } else {
    chosen.assign(set.begin(), set.end());
  }
  return chosen;
}

// The structures that matter, most missed first: those with a hundredth of the most.
std::vector<size_t> StructuresByMisses(const std::vector<StructureTouches>& touches) {
  std::array<uint64_t, kStructures> misses{};
  for (const StructureTouches& run : touches) {
    for (size_t i = 0; i < kStructures; ++i) {
      misses[i] = std::max(misses[i], run.allocator[i].misses());
    }
  }
  const uint64_t most = *std::max_element(misses.begin(), misses.end());
  std::vector<size_t> order;
  for (size_t i = 0; i < kStructures; ++i) {
    if (misses[i] > 0 && misses[i] >= most / 100) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return misses[a] > misses[b]; });
  return order;
}

// Percentiles by the buckets of the distribution: what is printed is a bucket's upper end.
std::optional<uint64_t> Quantile(const PathStats& path, uint64_t per_myriad) {
  uint64_t all = 0;
  for (const LatencyBucket& bucket : path.latencies()) all += bucket.operations();
  if (all == 0) return std::nullopt;
  uint64_t seen = 0;
  for (const LatencyBucket& bucket : path.latencies()) {
    seen += bucket.operations();
    if (static_cast<unsigned __int128>(seen) * 10'000 >=
        static_cast<unsigned __int128>(all) * per_myriad) {
      return bucket.cycles_max();
    }
  }
  return std::nullopt;
}

// The share of operations that take longer than x, for each x where it changes.
void AppendLatencyLine(const std::string& panel, const std::string& run, const PathStats& path,
                       HtmlChart& chart) {
  uint64_t rest = 0;
  for (const LatencyBucket& bucket : path.latencies()) rest += bucket.operations();
  const uint64_t all = rest;
  if (all == 0) return;
  AddRow(chart).Text(panel).Text(run).Number(std::max<uint64_t>(path.cycles_min(), 1)).Number(100);
  for (const LatencyBucket& bucket : path.latencies()) {
    rest -= std::min<uint64_t>(rest, bucket.operations());
    if (rest == 0) break;  // A logarithmic axis has no place for none.
    AddRow(chart)
        .Text(panel)
        .Text(run)
        .Number(std::max<uint64_t>(bucket.cycles_max(), 1))
        .Quotient(rest * 100, all);
  }
}

}  // namespace

HtmlRow& HtmlRow::Text(const std::string& text) {
  row_.add_values()->set_string_value(text);
  return *this;
}

HtmlRow& HtmlRow::Thousandths(uint64_t value) {
  row_.add_values()->set_number_value(static_cast<double>(std::min(value, kThousandthsMax)) /
                                      1000.0);
  return *this;
}

HtmlRow& HtmlRow::Number(uint64_t value) {
  row_.add_values()->set_number_value(static_cast<double>(value));
  return *this;
}

HtmlRow& HtmlRow::Nothing() {
  row_.add_values()->set_null_value(google::protobuf::NULL_VALUE);
  return *this;
}

HtmlRow& HtmlRow::Quotient(uint64_t numerator, uint64_t denominator) {
  if (denominator == 0) return Nothing();
  // Small shares keep their first digits.
  row_.add_values()->set_number_value(static_cast<double>(numerator) /
                                      static_cast<double>(denominator));
  return *this;
}

HtmlFigure& AddFigure(HtmlPage& page, const std::string& id, const std::string& title,
                      const std::string& lede) {
  HtmlFigure& figure = *page.add_figures();
  figure.set_id(id);
  figure.set_title(title);
  figure.set_lede(lede);
  return figure;
}

void AddColumn(HtmlTable& table, const std::string& title, const std::string& unit, int decimals) {
  HtmlTable::Column& column = *table.add_columns();
  column.set_title(title);
  column.set_unit(unit);
  column.set_decimals(decimals);
}

std::vector<std::optional<uint64_t>>& PartsByRun::Row(const std::string& part, size_t runs) {
  const auto at = std::find(parts.begin(), parts.end(), part);
  const auto i = static_cast<size_t>(at - parts.begin());
  if (at == parts.end()) {
    parts.push_back(part);
    values.emplace_back(runs);
  }
  return values[i];
}

void FillPartsTable(ResultSet set, const PartsByRun& parts, const std::string& unit, int decimals,
                    HtmlTable& table) {
  AddColumn(table, "part", "text");
  for (const LabelledResult& run : set) AddColumn(table, run.label, unit, decimals);
  FillPartRows(parts, table);
}

void FillPartRows(const PartsByRun& parts, HtmlTable& table) {
  for (size_t i = 0; i < parts.parts.size(); ++i) {
    HtmlRow row = AddRow(table);
    row.Text(parts.parts[i]);
    for (const std::optional<uint64_t>& value : parts.values[i]) {
      value.has_value() ? row.Thousandths(*value) : row.Nothing();
    }
  }
}

void FillBars(ResultSet set, const PartsByRun& parts, HtmlChart& chart) {
  chart.set_kind("bars");
  chart.add_panels("");
  for (const LabelledResult& run : set) chart.add_runs(run.label);
  for (const std::string& part : parts.parts) chart.add_parts(part);
  for (size_t i = 0; i < parts.parts.size(); ++i) {
    for (size_t run = 0; run < set.size(); ++run) {
      if (parts.values[i][run].value_or(0) == 0) continue;
      AddRow(chart)
          .Text("")
          .Text(set[run].label)
          .Text(parts.parts[i])
          .Thousandths(*parts.values[i][run]);
    }
  }
}

void AppendCyclesFigure(ResultSet all, HtmlPage& page) {
  const std::vector<LabelledResult> chosen = Representatives(all);
  const ResultSet set = chosen;
  PartsByRun parts;
  for (size_t run = 0; run < set.size(); ++run) {
    for (const NamedSum& sum : BreakDown(set[run].result).allocator) {
      parts.Row(sum.name, set.size())[run] = PerOperation(set[run].result, sum.value);
    }
  }
  DropEmptyParts(parts);
  if (parts.parts.empty()) return;
  HtmlFigure& figure = AddFigure(
      page, "cycles", "Where the cycles went",
      set.size() < all.size()
          ? "Cycles an operation in the allocator, by what they were spent on: of each series, "
            "the run with the most CPUs."
          : "Cycles an operation in the allocator, by what they were spent on. Touches are "
            "named by what answered them.");
  FillBars(set, parts, *figure.mutable_chart());
  figure.mutable_chart()->set_x_title("cycles an operation");
  HtmlTable& table = *figure.mutable_table();
  FillPartsTable(set, parts, "", 1, table);
  HtmlRow total = AddRow(table);
  total.Text("all of the allocator");
  PartsByRun by_part;
  for (size_t run = 0; run < set.size(); ++run) {
    total.Quotient(AllocatorCycles(set[run].result), set[run].result.totals().operations());
    for (const NamedSum& part : AllocatorParts(set[run].result)) {
      by_part.Row("of it " + part.name, set.size())[run] =
          PerOperation(set[run].result, part.value);
    }
  }
  if (by_part.parts.size() > 1) FillPartRows(by_part, table);
}

void AppendMissesFigure(ResultSet set, HtmlPage& page) {
  // The levels, by what they cost; of an LLC's domain first.
  struct Level {
    std::string_view name;
    std::vector<Outcome> outcomes;
  };
  const Level levels[] = {
      {"held shared, wanted to write", {Outcome::kUpgrade, Outcome::kUpgradeRemote}},
      {"from a cache of the node", {Outcome::kTransferDomain, Outcome::kTransferNode}},
      {"from another node's cache", {Outcome::kTransferRemote}},
      {"memory of the node", {Outcome::kDramLocal}},
      {"memory of another node", {Outcome::kDramRemote}}};
  HtmlFigure figure;
  HtmlChart& chart = *figure.mutable_chart();
  HtmlTable& table = *figure.mutable_table();
  chart.set_kind("bars");
  chart.set_x_title("misses a thousand operations");
  AddColumn(table, "line holds", "text");
  AddColumn(table, "run", "text");
  for (const Level& level : levels) {
    chart.add_parts(std::string(level.name));
    AddColumn(table, std::string(level.name), "", 1);
  }
  for (const LabelledResult& run : set) chart.add_runs(run.label);
  std::vector<StructureTouches> touches;
  for (const LabelledResult& run : set) touches.push_back(TouchesByStructure(run.result));
  for (const size_t i : StructuresByMisses(touches)) {
    const std::string structure(StructureName(static_cast<Structure>(i)));
    chart.add_panels(structure);
    for (size_t run = 0; run < set.size(); ++run) {
      HtmlRow row = AddRow(table);
      row.Text(structure).Text(set[run].label);
      for (const Level& level : levels) {
        uint64_t count = 0;
        for (const Outcome outcome : level.outcomes) {
          count += touches[run].allocator[i].count[static_cast<size_t>(outcome)];
        }
        const std::optional<uint64_t> value = PerOperation(set[run].result, count, 1000);
        value.has_value() ? row.Thousandths(*value) : row.Nothing();
        if (value.value_or(0) == 0) continue;
        AddRow(chart)
            .Text(structure)
            .Text(set[run].label)
            .Text(std::string(level.name))
            .Thousandths(*value);
      }
    }
  }
  if (chart.rows().empty()) return;
  figure.set_id("misses");
  figure.set_title("Misses, by what the line holds and who answered");
  figure.set_lede(
      "Touches by the allocator that L1, L2 and the last-level cache of its CPU could not answer, "
      "a "
      "thousand operations. Of structures, those that matter, most missed first.");
  *page.add_figures() = std::move(figure);
}

void AppendLocksFigure(ResultSet set, HtmlPage& page) {
  PartsByRun waits;
  PartsByRun holds;
  for (size_t run = 0; run < set.size(); ++run) {
    for (const LockStats& lock : set[run].result.locks()) {
      const RunResult& result = set[run].result;
      waits.Row(lock.name(), set.size())[run] = PerOperation(result, lock.wait_total_cycles());
      holds.Row(lock.name(), set.size())[run] = PerOperation(result, lock.hold_total_cycles());
    }
  }
  DropEmptyParts(waits);
  DropEmptyParts(holds);
  if (holds.parts.empty()) return;
  const bool waited = !waits.parts.empty();
  HtmlFigure& figure = AddFigure(
      page, "locks", waited ? "Waiting for locks" : "Locks",
      waited
          ? "Cycles an operation that CPUs waited for spinlocks, by class of lock."
          : "No run waited for a lock. Shown is how long they were held, cycles an operation, by "
            "class of lock.");
  FillBars(set, waited ? waits : holds, *figure.mutable_chart());
  figure.mutable_chart()->set_x_title(waited ? "cycles waited an operation"
                                             : "cycles held an operation");
  HtmlTable& table = *figure.mutable_table();
  AddColumn(table, "lock", "text");
  AddColumn(table, "run", "text");
  AddColumn(table, "taken", "");
  AddColumn(table, "after waiting", "");
  AddColumn(table, "cycles waited", "");
  AddColumn(table, "longest wait", "");
  AddColumn(table, "cycles held", "");
  AddColumn(table, "longest hold", "");
  for (const std::string& name : holds.parts) {
    for (const LabelledResult& run : set) {
      for (const LockStats& lock : run.result.locks()) {
        if (lock.name() != name || lock.acquisitions() == 0) continue;
        AddRow(table)
            .Text(name)
            .Text(run.label)
            .Number(lock.acquisitions())
            .Number(lock.contentions())
            .Number(lock.wait_total_cycles())
            .Number(lock.wait_max_cycles())
            .Number(lock.hold_total_cycles())
            .Number(lock.hold_max_cycles());
      }
    }
  }
}

void AppendLatencyFigure(ResultSet set, HtmlPage& page) {
  HtmlFigure figure;
  HtmlChart& chart = *figure.mutable_chart();
  HtmlTable& table = *figure.mutable_table();
  chart.set_kind("lines");
  chart.set_x_title("cycles");
  chart.set_x_log(true);
  chart.set_y_title("take longer");
  chart.set_y_unit("%");
  chart.set_y_log(true);
  chart.set_steps(true);
  AddColumn(table, "of", "text");
  AddColumn(table, "run", "text");
  for (const char* title : {"least", "50 %", "90 %", "99 %", "99.9 %", "most"}) {
    AddColumn(table, title, "");
  }
  table.set_note("Cycles: so many per cent of the operations take no longer than this.");
  for (const LabelledResult& run : set) chart.add_runs(run.label);
  const std::pair<std::string, const PathStats& (RunResult::*)() const> kinds[] = {
      {"allocations", &RunResult::all_allocations}, {"frees", &RunResult::all_frees}};
  for (const auto& [kind, of] : kinds) {
    chart.add_panels(kind);
    for (const LabelledResult& run : set) {
      const PathStats& path = (run.result.*of)();
      if (path.operations() == 0) continue;
      AppendLatencyLine(kind, run.label, path, chart);
      HtmlRow row = AddRow(table);
      row.Text(kind).Text(run.label).Number(path.cycles_min()).Number(path.cycles_p50());
      const std::optional<uint64_t> p90 = Quantile(path, 9'000);
      const std::optional<uint64_t> p999 = Quantile(path, 9'990);
      p90.has_value() ? row.Number(*p90) : row.Nothing();
      row.Number(path.cycles_p99());
      p999.has_value() ? row.Number(*p999) : row.Nothing();
      row.Number(path.cycles_max());
    }
  }
  if (chart.rows().empty()) return;
  figure.set_id("latencies");
  figure.set_title("How long operations take");
  figure.set_lede(
      "The share of the operations that take longer than so many cycles: the further a line goes "
      "to "
      "the right, the longer its tail. Both axes are logarithmic.");
  *page.add_figures() = std::move(figure);
}

}  // namespace slablab
