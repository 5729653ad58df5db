// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/explain/explain_text.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/printable.h"
#include "fmt/format.h"
#include "reports/numbers.h"
#include "reports/text/text_page.h"

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;
constexpr size_t kCyclesColumns = 12;
constexpr size_t kShareColumns = 7;
constexpr size_t kBytesColumns = 10;
constexpr size_t kWaitColumns = 7;
constexpr size_t kNameColumns = 40;

uint64_t Size(int64_t value) { return static_cast<uint64_t>(std::abs(value)); }

std::string Signed(int64_t value, size_t width) {
  if (value == 0) return "0";
  return (value < 0 ? "-" : "+") + Fitted(Size(value), width - 1);
}

// Of A's cycles, "+12.3%".
std::string Share(int64_t change, int64_t of) {
  if (of == 0 || change == 0) return change == 0 ? "0" : "-";
  return (change < 0 ? "-" : "+") + Percent(Size(change), static_cast<uint64_t>(of));
}

std::string ShareInWords(int64_t change, int64_t of) {
  if (of == 0) return GroupedDifference(change) + " cycles";
  return fmt::format("{} of A's cycles", Share(change, of));
}

TextTable FiguresTable() {
  return TextTable({{"switch, since", kNameColumns, kLeft},
                    {"cycles", kCyclesColumns},
                    {"of A", kShareColumns},
                    {"bytes", kBytesColumns},
                    {"waits", kWaitColumns}});
}

void AddFigures(const std::string& name, const ExplainFigures& figures, int64_t cycles_of_a,
                TextTable& table) {
  table.AddRow({name, Signed(figures.cycles(), kCyclesColumns),
                Share(figures.cycles(), cycles_of_a), Signed(figures.bytes(), kBytesColumns),
                Signed(figures.wait_cycles(), kWaitColumns)});
}

std::string NameAndSince(const ExplainSwitch& change) {
  return change.since().empty() ? change.name()
                                : fmt::format("{}, {}", change.name(), change.since());
}

void AddStep(const ExplainStep& step, const ExplainFigures& figures, int64_t cycles_of_a,
             TextTable& table) {
  for (int i = 0; i < step.switches_size(); ++i) {
    const ExplainSwitch& change = step.switches(i);
    const std::string values = fmt::format(" {} to {}", change.from(), change.to());
    table.AddRow({NameAndSince(change)});
    if (i + 1 == step.switches_size()) {
      AddFigures(values, figures, cycles_of_a, table);
    } else {
      table.AddRow({values});
    }
  }
}

}  // namespace

ExplainFigures WholeChange(const ExplainReport& report) {
  const ExplainFigures& a = report.a().figures();
  const ExplainFigures& b = report.b().figures();
  ExplainFigures change;
  change.set_cycles(b.cycles() - a.cycles());
  change.set_bytes(b.bytes() - a.bytes());
  change.set_wait_cycles(b.wait_cycles() - a.wait_cycles());
  return change;
}

std::string StepName(const ExplainStep& step) {
  std::string name;
  for (const ExplainSwitch& change : step.switches()) {
    if (!name.empty()) name += ", ";
    name += fmt::format("{}: {} to {}", change.name(), change.from(), change.to());
  }
  return name;
}

std::vector<std::string> ExplainWords(const ExplainReport& report) {
  const ExplainFigures whole = WholeChange(report);
  const int64_t of_a = report.a().figures().cycles();
  std::vector<std::string> words = {fmt::format(
      "On {}, {} spends {} cycles in the allocator and {} {} ({}); it holds {} bytes at most "
      "instead of {}, and waits {} cycles for locks instead of {}.",
      report.workload(), report.a().label(), Grouped(Size(of_a)), report.b().label(),
      Grouped(Size(report.b().figures().cycles())), Share(whole.cycles(), of_a),
      Grouped(Size(report.b().figures().bytes())), Grouped(Size(report.a().figures().bytes())),
      Grouped(Size(report.b().figures().wait_cycles())),
      Grouped(Size(report.a().figures().wait_cycles())))};
  if (!report.one_family()) {
    words.push_back(fmt::format(
        "No named differences lead from {} to {}: they are no eras of one allocator. What differs "
        "is told by cause.",
        report.a().allocator(), report.b().allocator()));
    return words;
  }
  std::vector<const ExplainStep*> most;
  for (const ExplainStep& step : report.steps()) {
    if (step.change().cycles() != 0) most.push_back(&step);
  }
  std::stable_sort(most.begin(), most.end(), [](const ExplainStep* x, const ExplainStep* y) {
    return Size(x->change().cycles()) > Size(y->change().cycles());
  });
  const auto steps = static_cast<uint64_t>(report.steps_size());
  if (steps == 0) {
    words.push_back("No switch is set otherwise in the one than in the other.");
  } else if (most.empty()) {
    words.push_back(fmt::format("None of {} changes a cycle here.",
                                Counted(steps, "named difference", "named differences")));
  } else {
    std::string list;
    for (size_t i = 0; i < std::min<size_t>(most.size(), 3); ++i) {
      if (i > 0) list += "; ";
      list += fmt::format("{} ({})", StepName(*most[i]),
                          ShareInWords(most[i]->change().cycles(), of_a));
    }
    words.push_back(fmt::format(
        "Of {}, {} cycles here. Most: {}.", Counted(steps, "named difference", "named differences"),
        most.size() == 1 ? "one changes" : fmt::format("{} change", most.size()), list));
  }
  const ExplainFigures& left = report.left_over();
  words.push_back(
      left.cycles() == 0 && left.bytes() == 0 && left.wait_cycles() == 0
          ? std::string("Nothing is left over: with all of them set, A is B.")
          : fmt::format("Left over, that no switch sets: {} cycles, {} bytes, {} cycles of waits.",
                        GroupedDifference(left.cycles()), GroupedDifference(left.bytes()),
                        GroupedDifference(left.wait_cycles())));
  return words;
}

std::string FirstWords(const ExplainFirst& first) {
  std::string text = fmt::format("{} of {}", first.kind(),
                                 first.cache().empty() ? "an unnamed cache" : first.cache());
  if (!first.caller().empty()) text += " by " + first.caller();
  text += fmt::format(", event {} at {} on CPU {}", Grouped(first.event()),
                      Duration(first.time_ns()), first.cpu());
  if (first.task() >= 0) {
    text += fmt::format(", task {}", first.task());
    if (!first.comm().empty()) text += fmt::format(" ({})", first.comm());
  }
  const auto path = [](const std::string& name) { return name.empty() ? "(ended)" : name; };
  if (first.path_before() != first.path_after()) {
    text += fmt::format(": {} instead of {}", path(first.path_after()), path(first.path_before()));
  } else {
    text += fmt::format(": {}", path(first.path_after()));
  }
  text += fmt::format(", {} cycles instead of {}", Grouped(first.cycles_after()),
                      Grouped(first.cycles_before()));
  if (!first.cause().empty()) {
    text += fmt::format(" ({} {})", GroupedDifference(first.cause_cycles()), first.cause());
  }
  if (!first.lock_before().empty()) text += fmt::format("; it waited for {}", first.lock_before());
  if (!first.lock_after().empty()) text += fmt::format("; it waits for {}", first.lock_after());
  return text + ".";
}

std::vector<std::string> StepWords(const ExplainStep& step) {
  std::vector<std::string> words;
  if (!step.has_first()) {
    words.emplace_back("It changes nothing here.");
  } else {
    words.push_back("First: " + FirstWords(step.first()));
  }
  if (step.has_lock()) {
    words.push_back(fmt::format("Lock: {}, {} cycles of waits, {} acquisitions.",
                                step.lock().name(), GroupedDifference(step.lock().wait_cycles()),
                                GroupedDifference(step.lock().acquisitions())));
  }
  if (step.has_line()) {
    words.push_back(fmt::format("Line: {} of {} in {}, {} cycles, {} touches.",
                                step.line().outcome(), step.line().structure(), step.line().site(),
                                GroupedDifference(step.line().cycles()),
                                GroupedDifference(step.line().count())));
  }
  return words;
}

std::string ExplainText(const ExplainReport& report, bool colour) {
  TextPage page(colour);
  page.Heading(fmt::format("From {} to {}", report.a().label(), report.b().label()));
  for (const std::string& sentence : report.head()) page.Item(sentence);
  for (const std::string& sentence : ExplainWords(report)) page.Paragraph(sentence);
  const int64_t of_a = report.a().figures().cycles();
  if (report.steps_size() > 0) {
    page.Heading("In the order of history, each on top of those above");
    TextTable history = FiguresTable();
    for (const ExplainStep& step : report.steps()) AddStep(step, step.change(), of_a, history);
    AddFigures("left over", report.left_over(), of_a, history);
    history.AddRule();
    AddFigures("B less A", WholeChange(report), of_a, history);
    page.Table(history);
    page.Heading("Each by itself, on A");
    TextTable alone = FiguresTable();
    for (const ExplainStep& step : report.steps()) {
      if (step.not_alone().empty()) {
        AddStep(step, step.alone(), of_a, alone);
      } else {
        for (const ExplainSwitch& change : step.switches()) {
          alone.AddRow({NameAndSince(change)});
        }
        alone.AddText(Shortened(fmt::format(" {}", step.not_alone()), kTextColumns));
      }
    }
    AddFigures("what they do together", report.interaction(), of_a, alone);
    alone.AddRule();
    AddFigures("B less A", WholeChange(report), of_a, alone);
    page.Table(alone);
    page.Heading("Where each shows");
    for (const ExplainStep& step : report.steps()) {
      page.Paragraph(StepName(step));
      for (const ExplainSwitch& change : step.switches()) page.Item(change.meaning());
      for (const std::string& sentence : StepWords(step)) page.Item(sentence);
    }
  }
  page.Heading("By cause (cycles)");
  TextTable causes({{"", 34, kLeft}, {"A", 14}, {"B", 14}, {"B less A", 15}});
  for (const ExplainCause& cause : report.causes()) {
    causes.AddRow(
        {cause.name(), uint64_t{cause.cycles_a()}, uint64_t{cause.cycles_b()},
         Signed(static_cast<int64_t>(cause.cycles_b()) - static_cast<int64_t>(cause.cycles_a()),
                15)});
  }
  page.Table(causes);
  if (report.has_first()) page.Paragraph("They part at the " + FirstWords(report.first()));
  return page.Take();
}

DataTable ExplainTable(const ExplainReport& report) {
  DataTable table{.name = "explain",
                  .keys = 1,
                  .columns = {"step", "switch", "since", "cycles", "bytes", "wait_cycles",
                              "alone_cycles", "alone_bytes", "alone_wait_cycles", "not_alone",
                              "first_event", "first_caller", "lock", "line"},
                  .rows = {}};
  const auto add = [&](std::string step, std::string name, std::string since,
                       const ExplainFigures& figures) -> std::vector<std::string>& {
    table.rows.push_back({std::move(step), std::move(name), std::move(since),
                          fmt::format("{}", figures.cycles()), fmt::format("{}", figures.bytes()),
                          fmt::format("{}", figures.wait_cycles())});
    return table.rows.back();
  };
  for (const ExplainStep& step : report.steps()) {
    std::vector<std::string>& row = add(fmt::format("{}", table.rows.size() + 1), StepName(step),
                                        step.switches(0).since(), step.change());
    for (const int64_t figure :
         {step.alone().cycles(), step.alone().bytes(), step.alone().wait_cycles()}) {
      row.push_back(step.not_alone().empty() ? fmt::format("{}", figure) : "");
    }
    row.push_back(step.not_alone());
    row.push_back(step.has_first() ? fmt::format("{}", step.first().event()) : "");
    row.push_back(step.first().caller());
    row.push_back(step.lock().name());
    row.push_back(step.has_line() ? fmt::format("{} of {} in {}", step.line().outcome(),
                                                step.line().structure(), step.line().site())
                                  : "");
  }
  add("left over", "", "", report.left_over());
  add("all", "", "", WholeChange(report));
  for (std::vector<std::string>& row : table.rows) row.resize(table.columns.size());
  return table;
}

}  // namespace slablab
