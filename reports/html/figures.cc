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

// More than any chart shows, in thousandths.
constexpr uint64_t kThousandthsMax = uint64_t{1} << 53;

uint64_t InThousandths(uint64_t numerator, uint64_t denominator) {
  const unsigned __int128 scaled =
      (static_cast<unsigned __int128>(numerator) * 2000 + denominator) /
      (static_cast<unsigned __int128>(denominator) * 2);
  return scaled > kThousandthsMax ? kThousandthsMax : static_cast<uint64_t>(scaled);
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

// What was waited for locks between two samples.
struct WaitsBetween {
  uint64_t cycles = 0;
  uint64_t contentions = 0;
  std::string most_for;
};

WaitsBetween WaitsOf(const FootprintSample& before, const FootprintSample& after) {
  WaitsBetween waits;
  uint64_t most = 0;
  for (const LockWaitSample& lock : after.lock_waits()) {
    uint64_t cycles = lock.wait_cycles();
    uint64_t contentions = lock.contentions();
    for (const LockWaitSample& was : before.lock_waits()) {
      if (was.lock() != lock.lock()) continue;
      cycles -= std::min<uint64_t>(cycles, was.wait_cycles());
      contentions -= std::min<uint64_t>(contentions, was.contentions());
    }
    waits.cycles += cycles;
    waits.contentions += contentions;
    if (cycles <= most) continue;
    most = cycles;
    waits.most_for = lock.lock();
  }
  return waits;
}

}  // namespace

std::optional<uint64_t> PerOperation(const RunResult& result, uint64_t sum, uint64_t times) {
  const uint64_t operations = result.totals().operations();
  if (operations == 0) return std::nullopt;
  const bool fits = sum <= UINT64_MAX / times;
  return InThousandths(fits ? sum * times : UINT64_MAX, operations);
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

void StartPartsTable(const PartsTitles& titles, HtmlTable& table) {
  AddColumn(table, "run", "run");
  AddColumn(table, titles.part, "text");
  AddColumn(table, titles.value, titles.unit, titles.decimals);
  table.add_pivot_rows(titles.part);
  table.set_pivot_value(titles.value);
}

void FillPartRows(ResultSet set, const PartsByRun& parts, PageData& page, HtmlTable& table) {
  for (size_t i = 0; i < parts.parts.size(); ++i) {
    for (size_t run = 0; run < set.size(); ++run) {
      page.AddRow(table)
          .Text(set[run].label)
          .Text(parts.parts[i])
          .Thousandths(parts.values[i][run]);
    }
  }
}

void SetBars(const PartsTitles& titles, const std::vector<std::string>& parts, HtmlChart& chart) {
  chart.set_kind("bars");
  chart.set_bar("run");
  chart.set_part(titles.part);
  chart.add_values(titles.value);
  chart.set_x_unit(titles.unit);
  for (const std::string& part : parts) chart.add_parts(part);
}

void AppendCyclesFigure(ResultSet all, PageData& page) {
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
  HtmlView& view = page.AddView(
      "cycles", "Where the cycles went",
      set.size() < all.size()
          ? "Cycles an operation in the allocator, by what they were spent on, the cheapest run "
            "first: of each series, the run with the most CPUs."
          : "Cycles an operation in the allocator, by what they were spent on, the cheapest run "
            "first. Touches are named by what answered them.");
  const PartsTitles titles = {
      .part = "cause", .value = "cycles an operation", .unit = "", .decimals = 1};
  SetBars(titles, parts.parts, *view.mutable_chart());
  view.mutable_chart()->set_ranked(true);
  view.mutable_chart()->set_x_title("cycles an operation");
  HtmlTable& table = *view.mutable_table();
  StartPartsTable(titles, table);
  FillPartRows(set, parts, page, table);
  PartsByRun by_part;
  for (size_t run = 0; run < set.size(); ++run) {
    page.AddRow(table)
        .Text(set[run].label)
        .Text("all of the allocator")
        .Quotient(AllocatorCycles(set[run].result), set[run].result.totals().operations());
    for (const NamedSum& part : AllocatorParts(set[run].result)) {
      by_part.Row("of it " + part.name, set.size())[run] =
          PerOperation(set[run].result, part.value);
    }
  }
  if (by_part.parts.size() > 1) FillPartRows(set, by_part, page, table);
}

void AppendMissesFigure(ResultSet set, PageData& page) {
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
  std::vector<StructureTouches> touches;
  for (const LabelledResult& run : set) touches.push_back(TouchesByStructure(run.result));
  const std::vector<size_t> structures = StructuresByMisses(touches);
  if (structures.empty()) return;
  HtmlView& view = page.AddView(
      "misses", "Misses, by what the line holds and who answered",
      "Touches by the allocator that L1, L2 and the last-level cache of its CPU could not answer, "
      "a thousand operations. Of structures, those that matter, most missed first.");
  const PartsTitles titles = {
      .part = "answered by", .value = "a thousand operations", .unit = "", .decimals = 1};
  HtmlTable& table = *view.mutable_table();
  StartPartsTable(titles, table);
  AddColumn(table, "line holds", "text");
  table.clear_pivot_rows();
  for (const char* title : {"line holds", "answered by"}) table.add_pivot_rows(title);
  HtmlChart& chart = *view.mutable_chart();
  SetBars(titles, {}, chart);
  chart.set_panel("line holds");
  chart.set_x_title("misses a thousand operations");
  for (const Level& level : levels) chart.add_parts(std::string(level.name));
  for (const size_t i : structures) {
    const std::string structure(StructureName(static_cast<Structure>(i)));
    for (const Level& level : levels) {
      for (size_t run = 0; run < set.size(); ++run) {
        uint64_t count = 0;
        for (const Outcome outcome : level.outcomes) {
          count += touches[run].allocator[i].count[static_cast<size_t>(outcome)];
        }
        page.AddRow(table)
            .Text(set[run].label)
            .Text(std::string(level.name))
            .Thousandths(PerOperation(set[run].result, count, 1000))
            .Text(structure);
      }
    }
  }
}

void AppendLocksFigure(ResultSet set, PageData& page) {
  if (!page.HasTable("locks")) return;
  std::vector<std::string> names;
  bool waited = false;
  for (const LabelledResult& run : set) {
    for (const LockStats& lock : run.result.locks()) {
      if (lock.hold_total_cycles() == 0 && lock.wait_total_cycles() == 0) continue;
      waited = waited || lock.wait_total_cycles() > 0;
      if (std::find(names.begin(), names.end(), lock.name()) != names.end()) continue;
      names.push_back(lock.name());
    }
  }
  if (names.empty()) return;
  HtmlView& view = page.AddView(
      "locks", waited ? "Waiting for locks" : "Locks",
      waited
          ? "Cycles an operation that CPUs waited for spinlocks, by class of lock."
          : "No run waited for a lock. Shown is how long they were held, cycles an operation, by "
            "class of lock.");
  const PartsTitles titles = {.part = "lock",
                              .value = waited ? "waited an operation" : "held an operation",
                              .unit = "",
                              .decimals = 1};
  SetBars(titles, names, *view.mutable_chart());
  view.mutable_chart()->set_x_title(waited ? "cycles waited an operation"
                                           : "cycles held an operation");
  HtmlTable& table = *view.mutable_table();
  AddColumns({{"run", "run", "locks/run"},
              {"lock", "text", "locks/name"},
              {"waited an operation", "", "", 1},
              {"held an operation", "", "", 1},
              {"taken", "", "locks/acquisitions"},
              {"after waiting", "", "locks/contentions"},
              {"cycles waited", "", "locks/wait_total_cycles"},
              {"longest wait", "", "locks/wait_max_cycles"},
              {"cycles held", "", "locks/hold_total_cycles"},
              {"longest hold", "", "locks/hold_max_cycles"}},
             table);
  for (const LabelledResult& run : set) {
    for (const LockStats& lock : run.result.locks()) {
      page.AddRow(table)
          .Thousandths(PerOperation(run.result, lock.wait_total_cycles()))
          .Thousandths(PerOperation(run.result, lock.hold_total_cycles()));
    }
  }
}

void AppendContentionFigure(ResultSet set, PageData& page) {
  const auto waited = [](const LabelledResult& run) {
    return run.result.footprint_size() > 1 &&
           !run.result.footprint().rbegin()->lock_waits().empty();
  };
  if (std::none_of(set.begin(), set.end(), waited)) return;
  HtmlView& view = page.AddView(
      "contention", "Waiting for locks over time",
      "For what share of the time since the sample before CPUs waited for locks: 100 % is one CPU "
      "that waits all the time. Choose a time by dragging: the slowest operations and memory "
      "follow.");
  HtmlChart& chart = *view.mutable_chart();
  chart.set_kind("lines");
  chart.set_x("time");
  chart.set_x_title("time");
  chart.set_x_unit("ns");
  chart.set_y_title("waiting, of a CPU's time");
  chart.set_y_unit("%");
  chart.add_values("waiting");
  HtmlTable& table = *view.mutable_table();
  AddColumns({{"run", "run", "footprint/run"},
              {"time", "ns", "footprint/time_ns"},
              {"waiting", "%", "", 3},
              {"cycles waited"},
              {"waits"},
              {"most for", "text"}},
             table);
  for (const LabelledResult& run : set) {
    const auto clock_mhz = static_cast<uint64_t>(run.result.config().clock_mhz());
    const FootprintSample* before = &FootprintSample::default_instance();
    for (const FootprintSample& sample : run.result.footprint()) {
      const WaitsBetween waits = WaitsOf(*before, sample);
      const uint64_t cycles = (sample.time_ns() - before->time_ns()) * clock_mhz;  // thousand
      page.AddRow(table)
          .Quotient(waits.cycles * 100'000, cycles)
          .Number(waits.cycles)
          .Number(waits.contentions)
          .Text(waits.most_for);
      before = &sample;
    }
  }
}

void AppendLatencyFigure(ResultSet set, PageData& page) {
  if (!page.HasTable("latencies")) return;
  const std::pair<std::string, const PathStats& (RunResult::*)() const> kinds[] = {
      {"all allocations", &RunResult::all_allocations}, {"all frees", &RunResult::all_frees}};
  const auto any = [&](const LabelledResult& run) {
    return run.result.all_allocations().operations() > 0 || run.result.all_frees().operations() > 0;
  };
  if (std::none_of(set.begin(), set.end(), any)) return;
  HtmlView& view = page.AddView(
      "latencies", "How long operations take",
      "The share of the operations that take longer than so many cycles: the further a line goes "
      "to the right, the longer its tail. Both axes are logarithmic.");
  HtmlChart& chart = *view.mutable_chart();
  chart.set_kind("survival");
  chart.set_table("latencies");
  chart.set_x_title("cycles");
  chart.set_x_log(true);
  chart.set_y_title("take longer");
  chart.set_y_unit("%");
  chart.set_y_log(true);
  chart.set_steps(true);
  HtmlTable& table = *view.mutable_table();
  AddColumn(table, "of", "text");
  AddColumn(table, "run", "run");
  for (const char* title : {"least", "50 %", "90 %", "99 %", "99.9 %", "most"}) {
    AddColumn(table, title, "");
  }
  table.set_note("Cycles: so many per cent of the operations take no longer than this.");
  for (const auto& [kind, of] : kinds) {
    chart.add_panels(kind);
    for (const LabelledResult& run : set) {
      const PathStats& path = (run.result.*of)();
      if (path.operations() == 0) continue;
      HtmlRow row = page.AddRow(table);
      row.Text(kind).Text(run.label).Number(path.cycles_min()).Number(path.cycles_p50());
      const std::optional<uint64_t> p90 = Quantile(path, 9'000);
      const std::optional<uint64_t> p999 = Quantile(path, 9'990);
      p90.has_value() ? row.Number(*p90) : row.Nothing();
      row.Number(path.cycles_p99());
      p999.has_value() ? row.Number(*p999) : row.Nothing();
      row.Number(path.cycles_max());
    }
  }
}

}  // namespace slablab
