// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/text/slowest.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/printable.h"
#include "reports/numbers.h"
#include "reports/text/sections.h"

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;
constexpr std::string_view kIndent = "      ";

std::string NameOf(const SlowCause& cause) {
  if (!cause.cause().empty()) return cause.cause();
  return fmt::format("{} of {}", cause.outcome(), cause.structure());
}

// As many causes as a line has room for, and what the others come to.
std::string CausesLine(const SlowOperation& operation) {
  std::string line(kIndent);
  uint64_t left = operation.cycles();
  for (const SlowCause& cause : operation.causes()) {
    std::string next = fmt::format("{} {}", Grouped(cause.cycles()), NameOf(cause));
    if (left != operation.cycles()) next.insert(0, ", ");
    const std::string rest =
        left == cause.cycles() ? "" : fmt::format(", {} others", Grouped(left - cause.cycles()));
    if (line.size() + next.size() + rest.size() > kTextColumns) break;
    line += next;
    left -= cause.cycles();
  }
  if (left > 0) line += fmt::format(", {} others", Grouped(left));
  return line;
}

std::string CallerLine(const SlowOperation& operation) {
  std::string line = fmt::format("{}{}", kIndent, operation.kind());
  if (operation.bytes() > 0) line += " of " + Counted(operation.bytes(), "byte", "bytes");
  if (!operation.caller().empty()) line += " by " + operation.caller();
  if (operation.context() != "task") line += ", in a " + operation.context();
  return line;
}

std::string WaitLine(const SlowWait& wait) {
  std::string line =
      fmt::format("{}waited {} for {}, which CPU {} had in {}", kIndent, Grouped(wait.cycles()),
                  wait.lock(), wait.holder_cpu(), wait.holder_site());
  if (wait.waits() > 1) {
    line += fmt::format("; {} waits, {}", wait.waits(), Grouped(wait.cycles_total()));
  }
  return line;
}

std::string TaskOf(const SlowOperation& operation) {
  if (operation.task() < 0) return "-";
  return operation.comm().empty() ? fmt::format("{}", operation.task())
                                  : fmt::format("{} {}", operation.task(), operation.comm());
}

}  // namespace

std::string SlowestText(const RunResult& result, const TextOptions& options) {
  TextPage page(options.colour);
  const auto kept = static_cast<size_t>(result.slowest_size());
  const size_t shown = ShownRows(kept, options);
  page.Heading(fmt::format("The slowest of {} (cycles)",
                           Counted(result.totals().operations(), "operation", "operations")));
  if (const std::string losses = ReservationsSentence(result); !losses.empty()) {
    page.Paragraph(losses);
  }
  const std::string of =
      result.config().workload().empty() ? result.config().trace() : result.config().workload();
  page.Paragraph(fmt::format("{} of {} on {}, {} order, {} MHz.", of, result.config().allocator(),
                             result.config().machine(), result.config().order(),
                             result.config().clock_mhz()));
  TextTable table({{"rank", 4},
                   {"time", 11},
                   {"cycles", 10},
                   {"CPU", 4},
                   {"task", 16, kLeft, 2},
                   {"path", 15, kLeft},
                   {"cache", 13, kLeft}});
  for (size_t i = 0; i < shown; ++i) {
    const SlowOperation& slow = result.slowest(static_cast<int>(i));
    table.AddRow({fmt::format("{}", slow.rank()), Duration(slow.time_ns()), slow.cycles(),
                  fmt::format("{}", slow.cpu()), TaskOf(slow), slow.path(),
                  slow.cache().empty() ? "-" : slow.cache()});
    const auto add = [&](const std::string& line) {
      table.AddText(Shortened(PrintableAscii(line), kTextColumns));
    };
    add(CallerLine(slow));
    add(CausesLine(slow));
    if (slow.has_waited_for()) add(WaitLine(slow.waited_for()));
  }
  AppendRest(kept, options, "that were kept", table);
  page.Table(table);
  return page.Take();
}

}  // namespace slablab
