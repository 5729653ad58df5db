// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Who, where and why: what operations cost by caller, cache, path, structure and outcome; what
// callers hold; the lines that CPUs take from each other; the slowest operations.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/callers.h"
#include "reports/html/figures.h"
#include "reports/numbers.h"

namespace slablab {
namespace {

// Rows for all runs together: what is beyond is summed up, so that the page stays small.
constexpr size_t kCellsMax = 16'000;
constexpr size_t kCallersMax = 2'400;
constexpr size_t kLinesMax = 600;
constexpr int kUsesNamed = 4;
constexpr int kCausesNamed = 3;

constexpr char kOtherCallers[] = "other callers";
constexpr char kNoTouch[] = "no touch";

bool AnyHasAttribution(ResultSet set) {
  return std::any_of(set.begin(), set.end(),
                     [](const LabelledResult& run) { return run.result.has_attribution(); });
}

// A name of one of Attribution's lists; `none` where it is not known or there is none.
template <typename List>
std::string NameOr(const List& names, uint32_t index, const char* none) {
  const std::string name = NameAt(names, index);
  return name.empty() ? none : name;
}

const PathName& PathOf(const Attribution& all, uint32_t index) {
  static const PathName& none = *new PathName;
  return index < static_cast<uint32_t>(all.paths_size()) ? all.paths(static_cast<int>(index))
                                                         : none;
}

struct CellSum {
  uint64_t count = 0;
  uint64_t cycles = 0;
};
// caller, cache, path, structure, outcome
using CellKey = std::tuple<std::string, std::string, std::string, std::string, std::string>;

void AddCells(const Attribution& all, const OperationGroup& group, const std::string& caller,
              std::map<CellKey, CellSum>& cells) {
  const std::string cache = CacheName(all, group.cache());
  const std::string& path = PathOf(all, group.path()).name();
  const auto add = [&](const std::string& structure, const std::string& outcome, uint64_t count,
                       uint64_t cycles) {
    CellSum& sum = cells[{caller, cache, path, structure, outcome}];
    sum.count += count;
    sum.cycles += cycles;
  };
  for (const AttributedCell& cell : group.cells()) {
    add(NameOr(all.structures(), cell.structure(), kNoTouch),
        NameOr(all.outcomes(), cell.outcome(), "L1"), cell.count(), cell.cycles());
  }
  for (const AttributedCause& cause : group.causes()) {
    const std::string name = NameOr(all.causes(), cause.cause(), "other");
    add(kNoTouch, name, 0, cause.cycles());
  }
}

void FillCells(ResultSet set, PageData& page, HtmlTable& table) {
  AddColumn(table, "run", "run");
  for (const char* title : {"caller", "cache", "path", "structure", "outcome"}) {
    AddColumn(table, title, "text");
  }
  for (const char* title : {"count", "cycles"}) AddColumn(table, title, "");
  for (const LabelledResult& run : set) {
    const Attribution& all = run.result.attribution();
    std::map<CellKey, CellSum> cells;
    size_t named = 0;                                   // cells of callers that are named
    for (const OperationGroup& group : all.groups()) {  // those of most cycles first
      named += static_cast<size_t>(group.cells_size() + group.causes_size());
      const bool is_named = named <= kCellsMax / set.size();
      AddCells(all, group, is_named ? CallerName(all, group.caller()) : kOtherCallers, cells);
    }
    for (const auto& [key, sum] : cells) {
      const auto& [caller, cache, path, structure, outcome] = key;
      HtmlRow row = page.AddRow(table);
      row.Text(run.label).Text(caller).Text(cache).Text(path).Text(structure).Text(outcome);
      row.Number(sum.count).Number(sum.cycles);
    }
  }
}

// Of a caller and cache.
struct CallerTotals {
  uint64_t allocations = 0;
  uint64_t frees = 0;
  uint64_t cycles = 0;
  uint64_t slow = 0;
  uint64_t remote_allocations = 0;
  uint64_t remote_frees = 0;
  uint64_t waited = 0;
};

using CallerAndCache = std::pair<uint32_t, uint32_t>;

std::vector<std::pair<CallerAndCache, CallerTotals>> TotalsByCaller(const Attribution& all) {
  std::map<CallerAndCache, CallerTotals> sums;
  for (const OperationGroup& group : all.groups()) {
    CallerTotals& sum = sums[{group.caller(), group.cache()}];
    const PathName& path = PathOf(all, group.path());
    (path.is_free() ? sum.frees : sum.allocations) += group.operations();
    (path.is_free() ? sum.remote_frees : sum.remote_allocations) += group.remote_operations();
    sum.cycles += group.cycles();
    if (path.is_slow()) sum.slow += group.operations();
    for (const AttributedWait& wait : group.waits()) sum.waited += wait.cycles();
  }
  std::vector<std::pair<CallerAndCache, CallerTotals>> sorted(sums.begin(), sums.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.cycles > b.second.cycles; });
  return sorted;
}

// A view's table with a row a run, caller and cache.
class CallerTable {
 public:
  CallerTable(ResultSet set, PageData& page, HtmlView& view)
      : rows_max_(kCallersMax / set.size()), page_(page), table_(*view.mutable_table()) {
    AddColumns({{"run", "run"}, {"caller", "text"}, {"cache", "text"}}, table_);
  }

  HtmlTable& table() { return table_; }
  // How many of a run's rows, the weightiest first, there is room for.
  size_t Shown(size_t rows) {
    if (rows > rows_max_) table_.set_note("Those with the most; --format=csv has all.");
    return std::min(rows, rows_max_);
  }
  HtmlRow AddRow(const LabelledResult& run, uint32_t caller, uint32_t cache) {
    const Attribution& all = run.result.attribution();
    HtmlRow row = page_.AddRow(table_);
    row.Text(run.label).Text(CallerName(all, caller)).Text(CacheName(all, cache));
    return row;
  }

 private:
  const size_t rows_max_;
  PageData& page_;
  HtmlTable& table_;
};

std::string AgeText(uint64_t age_ns_max) {
  return age_ns_max == 0 ? "older" : "up to " + Duration(age_ns_max);
}

// The age class in which most of the bytes are that the caller pins.
std::string AgeOfMost(const CallerMemory& memory) {
  const PinnedByAge* most = nullptr;
  for (const PinnedByAge& age : memory.pinned()) {
    if (age.free_bytes() > 0 && (most == nullptr || age.free_bytes() > most->free_bytes())) {
      most = &age;
    }
  }
  return most == nullptr ? "" : AgeText(most->age_ns_max());
}

// "d_alloc+0x2d writes object +16 (31); ..."
std::string WhoText(const Attribution& all, const SharedLine& line) {
  std::string who;
  for (int i = 0; i < line.uses_size() && i < kUsesNamed; ++i) {
    const LineUse& use = line.uses(i);
    who += fmt::format("{}{} {} {} +{} ({})", i == 0 ? "" : "; ", CallerName(all, use.caller()),
                       use.is_write() ? "writes" : "reads",
                       NameAt(all.structures(), use.structure()), use.offset(), use.bounces());
  }
  if (line.uses_size() > kUsesNamed) {
    who += fmt::format("; {} more", line.uses_size() - kUsesNamed);
  }
  return who;
}

// The structures of its uses, each once.
std::string StructuresText(const Attribution& all, const SharedLine& line) {
  std::vector<std::string> names;
  for (const LineUse& use : line.uses()) {
    const std::string name = NameAt(all.structures(), use.structure());
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string CausesText(const SlowOperation& operation) {
  std::string text;
  for (int i = 0; i < operation.causes_size() && i < kCausesNamed; ++i) {
    const SlowCause& cause = operation.causes(i);
    const std::string name = cause.cause().empty()
                                 ? fmt::format("{} {}", cause.structure(), cause.outcome())
                                 : cause.cause();
    text += fmt::format("{}{} {}", i == 0 ? "" : "; ", name, cause.cycles());
  }
  return text;
}

}  // namespace

void AppendIcicleFigure(ResultSet set, PageData& page) {
  const bool has_callers = AnyHasAttribution(set);
  if (!has_callers && !page.HasTable("touches") && !page.HasTable("causes")) return;
  HtmlView& view = page.AddView(
      "where", "Where the cycles went, level by level",
      has_callers
          ? "Cycles an operation: each row divides the one above it. Choose by what, and in which "
            "order; choose two runs, and red costs more, blue less."
          : "Cycles an operation of the allocator: each row divides the one above it, by site in "
            "the allocator's code, structure and what answered. Choose two runs, and red "
            "costs more, blue less.");
  HtmlChart& chart = *view.mutable_chart();
  chart.set_kind("icicle");
  if (has_callers) {
    FillCells(set, page, *view.mutable_table());
    return;
  }
  // The sites that count.
  for (const LabelledResult& run : set) {
    for (const SiteCycles& site : CyclesBySite(run.result)) {
      const Account account = AccountOf(site.site);
      if (account != Account::kAllocator && account != Account::kPageAllocator) continue;
      const auto& parts = chart.parts();
      if (std::find(parts.begin(), parts.end(), site.site) == parts.end()) {
        chart.add_parts(site.site);
      }
    }
  }
}

void AppendCallersFigure(ResultSet set, PageData& page) {
  if (!AnyHasAttribution(set)) return;
  CallerTable callers(set, page,
                      page.AddView("callers", "Callers",
                                   "Who allocated and freed, in which cache, and what that cost. "
                                   "Remote are frees of objects of another node's memory, and "
                                   "allocations that another node answered."));
  AddColumns({{"allocations"},
              {"frees"},
              {"cycles"},
              {"cycles an operation", "", "", 1},
              {"slow", "%", "", 1},
              {"remote allocations", "%", "", 1},
              {"remote frees"},
              {"of its frees", "%", "", 1},
              {"cycles waited"},
              {"source", "text"}},
             callers.table());
  for (const LabelledResult& run : set) {
    const Attribution& all = run.result.attribution();
    const auto totals = TotalsByCaller(all);
    for (size_t i = 0; i < callers.Shown(totals.size()); ++i) {
      const auto& [key, sum] = totals[i];
      callers.AddRow(run, key.first, key.second)
          .Number(sum.allocations)
          .Number(sum.frees)
          .Number(sum.cycles)
          .Quotient(sum.cycles, sum.allocations + sum.frees)
          .Quotient(sum.slow * 100, sum.allocations + sum.frees)
          .Quotient(sum.remote_allocations * 100, sum.allocations)
          .Number(sum.remote_frees)
          .Quotient(sum.remote_frees * 100, sum.frees)
          .Number(sum.waited)
          .Text(SourceOf(all, key.first));
    }
  }
}

void AppendPinnedFigure(ResultSet set, PageData& page) {
  if (!AnyHasAttribution(set)) return;
  CallerTable callers(
      set, page,
      page.AddView("pinned", "Who holds memory, and keeps slabs from being given back",
                   "Objects by who allocated them. Pinned are the free slots of slabs that are "
                   "partly empty at the end and hold an object of the caller's; the share is "
                   "shared out by live objects."));
  AddColumns({{"pinned, its share", "bytes"},
              {"pinned slabs"},
              {"pinned", "bytes"},
              {"most of it since", "text"},
              {"live at the end", "bytes"},
              {"live at the peak", "bytes"},
              {"ever", "bytes"},
              {"objects ever"},
              {"freed on another node"}},
             callers.table());
  for (const LabelledResult& run : set) {
    const Attribution& all = run.result.attribution();
    std::vector<const CallerMemory*> rows;
    for (const CallerMemory& memory : all.memory()) rows.push_back(&memory);
    std::stable_sort(rows.begin(), rows.end(), [](const CallerMemory* a, const CallerMemory* b) {
      return a->pinned_share_bytes() > b->pinned_share_bytes();
    });
    rows.resize(callers.Shown(rows.size()));
    for (const CallerMemory* memory : rows) {
      callers.AddRow(run, memory->caller(), memory->cache())
          .Number(memory->pinned_share_bytes())
          .Number(memory->pinned_slabs())
          .Number(memory->pinned_free_bytes())
          .Text(AgeOfMost(*memory))
          .Number(memory->live_bytes())
          .Number(memory->peak_bytes())
          .Number(memory->bytes())
          .Number(memory->objects())
          .Number(memory->remote_frees());
    }
  }
}

void AppendSharingFigure(ResultSet set, PageData& page) {
  const auto any = [](const LabelledResult& run) {
    return !run.result.attribution().lines().empty();
  };
  if (std::none_of(set.begin(), set.end(), any)) return;
  HtmlView& view = page.AddView(
      "sharing", "Lines that CPUs take from each other",
      "A bounce is false where a CPU came for other bytes of the line than the one before. Who "
      "took it, for what, and where in the line, those with the most bounces first.");
  HtmlTable& table = *view.mutable_table();
  AddColumn(table, "run", "run");
  for (const char* title : {"line", "cache", "holds"}) AddColumn(table, title, "text");
  for (const char* title : {"offset in slab", "bounces"}) AddColumn(table, title, "");
  AddColumn(table, "false", "%", 1);
  for (const char* title : {"remote", "writes", "cycles", "CPUs"}) AddColumn(table, title, "");
  AddColumn(table, "who, for what, offset (bounces)", "text");
  uint64_t left_out = 0;
  for (const LabelledResult& run : set) {
    const Attribution& all = run.result.attribution();
    const auto shown = static_cast<int>(
        std::min<size_t>(static_cast<size_t>(all.lines_size()), kLinesMax / set.size()));
    left_out += all.lines_left_out() + static_cast<uint64_t>(all.lines_size() - shown);
    for (int i = 0; i < shown; ++i) {
      const SharedLine& line = all.lines(i);
      HtmlRow row = page.AddRow(table);
      row.Text(run.label)
          .Text(fmt::format("{:x}", line.address()))
          .Text(line.cache() == 0 ? "" : CacheName(all, line.cache()))
          .Text(StructuresText(all, line));
      line.slab() == 0 ? row.Nothing() : row.Number(line.slab_offset());
      row.Number(line.bounces())
          .Quotient(line.false_bounces() * 100, line.bounces())
          .Number(line.remote())
          .Number(line.writes())
          .Number(line.cycles())
          .Number(line.cpu_count())
          .Text(WhoText(all, line));
    }
  }
  if (left_out > 0)
    table.set_note(fmt::format("{} lines with fewer cycles are left out.", left_out));
}

void AppendSlowestFigure(ResultSet set, PageData& page) {
  const auto any = [](const LabelledResult& run) { return !run.result.slowest().empty(); };
  if (std::none_of(set.begin(), set.end(), any)) return;
  HtmlView& view = page.AddView(
      "slowest", "The slowest operations",
      "When they began, what they took, and what they waited for. Choose a time above, or in a "
      "chart over time, and only what began then is listed.");
  HtmlChart& chart = *view.mutable_chart();
  chart.set_kind("dots");
  chart.set_x("time");
  chart.set_x_title("time");
  chart.set_x_unit("ns");
  chart.add_values("cycles");
  chart.set_y_title("cycles");
  HtmlTable& table = *view.mutable_table();
  AddColumn(table, "run", "run");
  AddColumn(table, "time", "ns");
  AddColumn(table, "cycles", "");
  for (const char* title : {"path", "cache", "caller", "task"}) AddColumn(table, title, "text");
  AddColumn(table, "CPU", "");
  AddColumn(table, "waited for", "text");
  AddColumn(table, "cycles waited", "");
  AddColumn(table, "most went to", "text");
  for (const LabelledResult& run : set) {
    for (const SlowOperation& operation : run.result.slowest()) {
      HtmlRow row = page.AddRow(table);
      row.Text(run.label)
          .Number(operation.time_ns())
          .Number(operation.cycles())
          .Text(operation.path())
          .Text(operation.cache())
          .Text(operation.caller())
          .Text(operation.comm().empty() ? fmt::format("{}", operation.task())
                                         : fmt::format("{}-{}", operation.comm(), operation.task()))
          .Number(static_cast<uint64_t>(std::max(operation.cpu(), 0)));
      if (operation.has_waited_for()) {
        const SlowWait& wait = operation.waited_for();
        row.Text(fmt::format("{}, held by CPU {} in {}", wait.lock(), wait.holder_cpu(),
                             wait.holder_site()))
            .Number(wait.cycles_total());
      } else {
        row.Text("").Number(0);
      }
      row.Text(CausesText(operation));
    }
  }
}

}  // namespace slablab
