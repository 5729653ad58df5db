// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/comparison/callers.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "fmt/format.h"
#include "reports/callers.h"
#include "reports/numbers.h"

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;

// A caller and a cache, by name: two runs number them as they come.
struct Change {
  std::string caller;
  std::string cache;
  CallerSum base;
  CallerSum candidate;
  uint64_t size() const {
    return std::max(base.cycles, candidate.cycles) - std::min(base.cycles, candidate.cycles);
  }
};

void AddTo(const CallerSum& more, CallerSum& sum) {
  sum.operations += more.operations;
  sum.cycles += more.cycles;
  sum.slow_operations += more.slow_operations;
  sum.remote_operations += more.remote_operations;
  sum.live_bytes += more.live_bytes;
  sum.peak_bytes += more.peak_bytes;
  sum.pinned_bytes += more.pinned_bytes;
}

// The largest change of cycles first.
std::vector<Change> ChangesBetween(const RunResult& base, const RunResult& candidate) {
  std::vector<Change> changes;
  if (!base.has_attribution() || !candidate.has_attribution()) return changes;
  std::map<std::pair<std::string, std::string>, Change> by_name;
  const auto add = [&](const Attribution& told, CallerSum Change::*side) {
    for (const CallerSum& sum : SumsByCaller(told)) {
      Change& change = by_name[{CallerName(told, sum.caller), CacheName(told, sum.cache)}];
      AddTo(sum, change.*side);
    }
  };
  add(base.attribution(), &Change::base);
  add(candidate.attribution(), &Change::candidate);
  for (auto& [names, change] : by_name) {
    change.caller = names.first;
    change.cache = names.second;
    changes.push_back(change);
  }
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Change& a, const Change& b) { return a.size() > b.size(); });
  return changes;
}

std::string Signed(uint64_t from, uint64_t to) {
  if (from == to) return "0";
  return (to > from ? "+" : "-") + Fitted(std::max(from, to) - std::min(from, to), 9);
}

}  // namespace

void AppendCallerChanges(const LabelledResult& base, const LabelledResult& candidate,
                         const TextOptions& options, TextPage& page) {
  std::vector<Change> changes = ChangesBetween(base.result, candidate.result);
  std::erase_if(changes, [](const Change& change) { return change.size() == 0; });
  if (changes.empty()) return;
  page.Heading(fmt::format("Callers: {} against {} (cycles; largest change first)",
                           candidate.label, base.label));
  constexpr size_t kCallerColumns = 24;
  TextTable table({{"caller", kCallerColumns, kLeft},
                   {"cache", 13, kLeft},
                   {"base", 9},
                   {"candidate", 9},
                   {"change", 10},
                   {"slow", 10}});
  const size_t shown = options.rows_max == 0 ? changes.size()
                                             : std::min(changes.size(), options.rows_max);
  for (size_t i = 0; i < shown; ++i) {
    const Change& change = changes[i];
    std::string caller = PrintableAscii(change.caller);
    if (caller.size() > kCallerColumns) {
      table.AddText(Shortened(caller, kTextColumns));
      caller.clear();
    }
    const uint64_t from = HundredthsOfPercent(change.base.slow_operations, change.base.operations);
    const uint64_t to =
        HundredthsOfPercent(change.candidate.slow_operations, change.candidate.operations);
    table.AddRow({caller, Shortened(PrintableAscii(change.cache), 13), change.base.cycles,
                  change.candidate.cycles, Signed(change.base.cycles, change.candidate.cycles),
                  Points(static_cast<int64_t>(to) - static_cast<int64_t>(from))});
  }
  if (shown < changes.size()) {
    table.AddText(fmt::format("... and {} more of {} callers and caches",
                              Grouped(changes.size() - shown), Grouped(changes.size())));
  }
  page.Table(table);
  page.Paragraph("slow: the change, in points, of the per cent that took no fast path.");
}

DataTable CallersDeltaTable(ResultSet set) {
  DataTable table{.name = "callers_delta",
                  .keys = 3,
                  .columns = {"run", "caller", "cache"},
                  .rows = {}};
  for (const char* const what :
       {"operations", "cycles", "slow_operations", "remote_operations", "live_bytes", "peak_bytes",
        "pinned_bytes"}) {
    for (const char* const side : {"base", "candidate"}) {
      table.columns.push_back(fmt::format("{}_{}", side, what));
    }
  }
  for (size_t i = 1; i < set.size(); ++i) {
    for (const Change& change : ChangesBetween(set[0].result, set[i].result)) {
      std::vector<std::string>& row = table.rows.emplace_back();
      row = {set[i].label, change.caller, change.cache};
      for (uint64_t CallerSum::*const what :
           {&CallerSum::operations, &CallerSum::cycles, &CallerSum::slow_operations,
            &CallerSum::remote_operations, &CallerSum::live_bytes, &CallerSum::peak_bytes,
            &CallerSum::pinned_bytes}) {
        row.push_back(fmt::format("{}", change.base.*what));
        row.push_back(fmt::format("{}", change.candidate.*what));
      }
    }
  }
  return table;
}

}  // namespace slablab
