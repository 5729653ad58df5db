// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <vector>

#include "base/printable.h"
#include "reports/callers.h"
#include "reports/numbers.h"
#include "reports/text/sections.h"

// On whose behalf: callers by cycles, what they have in memory, lines that CPUs take from each
// other, and tasks.

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;
constexpr size_t kCallerColumns = 22;

// A row, after the name that stands in its first column; a long one has a line of its own.
void AddNamedRow(const std::string& name, std::vector<TextCell> cells, TextTable& table) {
  std::string first = PrintableAscii(name);
  if (first.size() > kCallerColumns) {
    table.AddText(Shortened(first, kTextColumns));
    first.clear();
  }
  cells.insert(cells.begin(), TextCell(first));
  table.AddRow(std::move(cells));
}

// "kmalloc-64+0x40": what a line is of.
std::string PlaceOf(const Attribution& attribution, const SharedLine& line) {
  if (line.cache() == 0) {
    if (line.uses().empty()) return "(unknown)";
    const std::string structure = NameAt(attribution.structures(), line.uses(0).structure());
    return structure;
  }
  return fmt::format("{}+{:#x}", CacheName(attribution, line.cache()), line.slab_offset());
}

std::string OldestOf(const CallerMemory& memory) {
  if (memory.pinned().empty()) return "-";
  const PinnedByAge& oldest = memory.pinned(memory.pinned_size() - 1);
  if (oldest.age_ns_max() != 0) return "< " + Duration(oldest.age_ns_max());
  return "longest";
}

}  // namespace

void AppendCallSites(const RunResult& result, const TextOptions& options, TextPage& page) {
  const Attribution& attribution = result.attribution();
  if (attribution.groups().empty()) return;
  const std::vector<CallerSum> sums = SumsByCaller(attribution);
  page.Heading(attribution.caller_kind() == "step"
                   ? "Steps that operations are of (cycles; most first)"
                   : "Call sites (cycles of their operations; most first)");
  TextTable table({{"caller", kCallerColumns, kLeft},
                   {"cache", 13, kLeft},
                   {"operations", 10},
                   {"cycles", 9},
                   {"slow", 6},
                   {"remote", 6},
                   {"live", 6}});
  const size_t shown = ShownRows(sums.size(), options);
  for (size_t i = 0; i < shown; ++i) {
    const CallerSum& sum = sums[i];
    AddNamedRow(CallerName(attribution, sum.caller),
                {Shortened(PrintableAscii(CacheName(attribution, sum.cache)), 13), sum.operations,
                 sum.cycles, Percent(sum.slow_operations, sum.operations),
                 Percent(sum.remote_operations, sum.operations), Bytes(sum.live_bytes)},
                table);
    const std::string source = PrintableAscii(SourceOf(attribution, sum.caller));
    if (!source.empty()) table.AddText("  " + Shortened(source, kTextColumns - 2));
  }
  AppendRest(sums.size(), options, "callers and caches", table);
  page.Table(table);
  page.Paragraph(
      "slow: per cent of the operations that took no fast path. remote: per cent of an object on "
      "another node than the CPU. live: bytes at the end, of what the caller allocated.");
}

void AppendCallerMemory(const RunResult& result, const TextOptions& options, TextPage& page) {
  const Attribution& attribution = result.attribution();
  if (attribution.memory().empty()) return;
  page.Heading("What callers have in memory (bytes; most at the peak first)");
  TextTable table({{"caller", kCallerColumns, kLeft},
                   {"cache", 13, kLeft},
                   {"ever", 7},
                   {"peak", 7},
                   {"end", 7},
                   {"pinned", 7},
                   {"oldest", 11}});
  const auto rows = static_cast<size_t>(attribution.memory_size());
  const size_t shown = ShownRows(rows, options);
  for (size_t i = 0; i < shown; ++i) {
    const CallerMemory& memory = attribution.memory(static_cast<int>(i));
    AddNamedRow(CallerName(attribution, memory.caller()),
                {Shortened(PrintableAscii(CacheName(attribution, memory.cache())), 13),
                 Bytes(memory.bytes()), Bytes(memory.peak_bytes()), Bytes(memory.live_bytes()),
                 Bytes(memory.pinned_share_bytes()), OldestOf(memory)},
                table);
  }
  AppendRest(rows, options, "callers and caches", table);
  page.Table(table);
  page.Paragraph(fmt::format(
      "peak: when users had most, at {}. pinned: free slots at the end of slabs that objects of "
      "the caller keep from being given back, shared out by live objects; the allocator's own "
      "objects, which are not told apart, count as free slots. oldest: the age that the caller's "
      "objects in such slabs have.",
      Duration(attribution.live_peak_time_ns())));
}

void AppendSharedLines(const RunResult& result, const TextOptions& options, TextPage& page) {
  const Attribution& attribution = result.attribution();
  if (attribution.lines().empty()) return;
  page.Heading("Lines that CPUs take from each other (cycles; most first)");
  TextTable table({{"line of", kCallerColumns, kLeft},
                   {"CPUs", 5},
                   {"bounces", 9},
                   {"cycles", 10},
                   {"remote", 6},
                   {"writes", 6},
                   {"false", 6}});
  const auto rows = static_cast<size_t>(attribution.lines_size());
  const size_t shown = ShownRows(rows, options);
  for (size_t i = 0; i < shown; ++i) {
    const SharedLine& line = attribution.lines(static_cast<int>(i));
    AddNamedRow(PlaceOf(attribution, line),
                {line.cpus().empty() ? std::string("-") : fmt::format("{}", line.cpus_size()),
                 line.bounces(), line.cycles(), Percent(line.remote(), line.bounces()),
                 Percent(line.writes(), line.bounces()),
                 Percent(line.false_bounces(), line.bounces())},
                table);
    for (const LineUse& use : line.uses()) {
      const std::string words = fmt::format(
          "  {} {} {} at +{} by {}", Grouped(use.bounces()),
          NameAt(attribution.structures(), use.structure()), use.is_write() ? "written" : "read",
          use.offset(), CallerName(attribution, use.caller()));
      table.AddText(Shortened(PrintableAscii(words), kTextColumns));
      if (options.rows_max != 0) break;  // All of them where everything is asked for.
    }
  }
  const uint64_t others = attribution.lines_left_out() + rows;
  AppendRest(others < rows ? rows : others, options, "lines", table);
  page.Table(table);
  page.Paragraph(
      "A bounce: a touch of a line that another core had for itself, or had to be made to drop. "
      "false: per cent of the bounces that came for other bytes than the CPU before.");
}

void AppendTasks(const RunResult& result, const TextOptions& options, TextPage& page) {
  const Attribution& attribution = result.attribution();
  if (attribution.tasks().empty()) return;
  page.Heading("Tasks (cycles of their operations; most first)");
  TextTable table({{"task", kCallerColumns, kLeft},
                   {"pid", 7},
                   {"operations", 10},
                   {"cycles", 10},
                   {"slow", 6},
                   {"remote", 6},
                   {"bytes", 6}});
  const auto rows = static_cast<size_t>(attribution.tasks_size());
  const size_t shown = ShownRows(rows, options);
  for (size_t i = 0; i < shown; ++i) {
    const TaskStats& task = attribution.tasks(static_cast<int>(i));
    const bool is_task = task.pid() >= 0;
    AddNamedRow(!is_task              ? std::string("(no task)")
                : task.comm().empty() ? std::string("(unknown)")
                                      : task.comm(),
                {is_task ? fmt::format("{}", task.pid()) : std::string("-"), task.operations(),
                 task.cycles(), Percent(task.slow_operations(), task.operations()),
                 Percent(task.remote_operations(), task.operations()), Bytes(task.bytes())},
                table);
  }
  AppendRest(rows, options, "tasks", table);
  page.Table(table);
}

}  // namespace slablab
