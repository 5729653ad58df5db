// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <vector>

#include "reports/breakdown.h"
#include "reports/numbers.h"
#include "reports/text/sections.h"

// Operations by path, and where their cycles went: by cause, by site, by what was touched.

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;

// A row of the operations' table; without percentiles where they are not known.
void AddPathRow(const std::string& name, const PathStats& path, uint64_t operations_all,
                bool has_percentiles, TextTable& table) {
  std::vector<TextCell> row = {name, path.operations(), Percent(path.operations(), operations_all),
                               TextCell::Mean(path.cycles_total(), path.operations(), 1)};
  if (has_percentiles) {
    row.insert(row.end(), {path.cycles_p50(), path.cycles_p99(), path.cycles_max()});
  } else {
    row.insert(row.end(), {"-", "-", path.cycles_max()});
  }
  table.AddRow(std::move(row));
}

PathStats SumOf(const RunResult& result, bool frees) {
  PathStats sum;
  for (const PathStats& path : result.paths()) {
    if (path.is_free() != frees || path.put_off()) continue;
    sum.set_operations(sum.operations() + path.operations());
    sum.set_cycles_total(sum.cycles_total() + path.cycles_total());
    sum.set_cycles_max(std::max(sum.cycles_max(), path.cycles_max()));
  }
  return sum;
}

void AddPaths(const RunResult& result, bool frees, TextTable& table) {
  const PathStats sum = SumOf(result, frees);
  if (sum.operations() == 0) return;
  table.AddText(frees ? "Frees" : "Allocations");
  for (const PathStats& path : result.paths()) {
    if (path.is_free() != frees || path.put_off()) continue;
    AddPathRow("  " + path.name(), path, sum.operations(), true, table);
  }
  const bool gathered = frees ? result.has_all_frees() : result.has_all_allocations();
  const PathStats& all = frees ? result.all_frees() : result.all_allocations();
  AddPathRow(frees ? "  all frees" : "  all allocations", gathered ? all : sum, sum.operations(),
             gathered, table);
}

void AddCyclesRow(const std::string& name, uint64_t cycles, const RunResult& result,
                  TextTable& table) {
  table.AddRow({name, cycles, "", TextCell::Mean(cycles, result.totals().operations(), 1)});
}

void AddTouchesRow(const std::string& name, const TouchCounts& touches, uint64_t operations,
                   TextTable& table) {
  const auto count = [&](Outcome outcome) { return touches.count[static_cast<size_t>(outcome)]; };
  table.AddRow({name, count(Outcome::kL1), count(Outcome::kL2), count(Outcome::kLlc),
                count(Outcome::kUpgrade) + count(Outcome::kUpgradeRemote),
                count(Outcome::kTransferDomain) + count(Outcome::kTransferNode),
                count(Outcome::kTransferRemote), count(Outcome::kDramLocal),
                count(Outcome::kDramRemote),
                TextCell::Mean(touches.total_cycles(), operations, 1)});
}

}  // namespace

void AppendOperations(const RunResult& result, TextPage& page) {
  if (result.paths().empty()) return;
  page.Heading("Operations, and cycles per operation by the path taken");
  TextTable table({{"", 28, kLeft},
                   {"operations", 13},
                   {"share", 6},
                   {"mean", 9},
                   {"p50", 6},
                   {"p99", 6},
                   {"max", 6}});
  AddPaths(result, /*frees=*/false, table);
  AddPaths(result, /*frees=*/true, table);
  bool any_put_off = false;
  for (const PathStats& path : result.paths()) {
    if (!path.put_off()) continue;
    if (!any_put_off) table.AddText("Put off by operations, and no part of them");
    any_put_off = true;
    AddPathRow("  " + path.name(), path, path.operations(), true, table);
  }
  page.Table(table);
}

void AppendCycles(const RunResult& result, TextPage& page) {
  const CycleBreakdown breakdown = BreakDown(result);
  if (breakdown.allocator_total + breakdown.use + breakdown.interrupts == 0) return;
  page.Heading("Where the cycles went");
  constexpr size_t kNameColumns = 26;  // "  in timers, put-off work"
  TextTable table({{"", kNameColumns, kLeft},
                   {"cycles", 17},
                   {"share", 7},
                   {"per operation", 13},
                   {"", 12, kLeft, 2}});
  uint64_t largest = 0;
  for (const NamedSum& part : breakdown.allocator) largest = std::max(largest, part.value);
  for (const NamedSum& part : breakdown.allocator) {
    table.AddRow({part.name, part.value, Percent(part.value, breakdown.allocator_total),
                  TextCell::Mean(part.value, result.totals().operations(), 1),
                  Bar(part.value, largest, 12)});
  }
  table.AddRule();
  AddCyclesRow("all of the allocator", breakdown.allocator_total, result, table);
  const std::vector<NamedSum> spent = AllocatorParts(result);
  for (size_t i = 0; i < spent.size() && spent.size() > 1; ++i) {
    AddCyclesRow(Shortened("  " + spent[i].name, kNameColumns), spent[i].value, result, table);
  }
  table.AddRule();
  AddCyclesRow("interrupts", breakdown.interrupts, result, table);
  AddCyclesRow("use of objects", breakdown.use, result, table);
  page.Table(table);
}

void AppendSites(const RunResult& result, const TextOptions& options, TextPage& page) {
  std::vector<SiteCycles> sites = CyclesBySite(result);
  sites.erase(std::remove_if(sites.begin(), sites.end(),
                             [](const SiteCycles& site) {
                               const Account account = AccountOf(site.site);
                               return account != Account::kAllocator &&
                                      account != Account::kPageAllocator;
                             }),
              sites.end());
  if (sites.empty()) return;
  std::stable_sort(sites.begin(), sites.end(), [](const SiteCycles& a, const SiteCycles& b) {
    return a.total_cycles() > b.total_cycles();
  });
  uint64_t total = 0;
  for (const SiteCycles& site : sites) total += site.total_cycles();
  page.Heading("Where in the code (cycles)");
  TextTable table({{"", 26, kLeft},
                   {"cycles", 14},
                   {"share", 6},
                   {"touches", 10},
                   {"misses", 9},
                   {"lock wait", 10}});
  const size_t shown = ShownRows(sites.size(), options);
  for (size_t i = 0; i < shown; ++i) {
    const SiteCycles& site = sites[i];
    table.AddRow({site.site, site.total_cycles(), Percent(site.total_cycles(), total),
                  site.touches.total_count(), site.touches.misses(),
                  site.causes[static_cast<size_t>(Cause::kLockWait)]});
  }
  AppendRest(sites.size(), options, "sites", table);
  page.Table(table);
}

void AppendTouches(const RunResult& result, TextPage& page) {
  if (result.touches().empty()) return;
  const StructureTouches touches = TouchesByStructure(result);
  const uint64_t operations = result.totals().operations();
  page.Heading("Memory touches by what the line holds, and what answered them");
  TextTable table({{"", 16, kLeft},
                   {"L1", 6},
                   {"L2", 6},
                   {"LLC", 6},
                   {"upgr", 6},
                   {"near", 6},
                   {"far", 6},
                   {"DRAM", 6},
                   {"DRAM-r", 6},
                   {"cyc/op", 7}});
  TouchCounts total;
  for (size_t i = 0; i < touches.allocator.size(); ++i) {
    const TouchCounts& counts = touches.allocator[i];
    if (counts.total_count() == 0) continue;
    total += counts;
    AddTouchesRow(i < kStructures ? std::string(StructureName(static_cast<Structure>(i))) : "other",
                  counts, operations, table);
  }
  table.AddRule();
  AddTouchesRow("the allocator", total, operations, table);
  if (touches.use.total_count() > 0)
    AddTouchesRow("use of objects", touches.use, operations, table);
  if (touches.interrupts.total_count() > 0) {
    AddTouchesRow("interrupts", touches.interrupts, operations, table);
  }
  page.Table(table);
  page.Paragraph(
      "upgr: held shared, wanted to write. near: from another core on this node. far: from a core "
      "on "
      "another node. DRAM: this node's, DRAM-r: another's.");
  page.Paragraph(
      fmt::format("{} lines were written back to memory.", Grouped(result.totals().writebacks())));
}

}  // namespace slablab
