// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <string>

#include "fmt/format.h"
#include "reports/explain/explain_text.h"
#include "reports/html/figures.h"

// Since which switch two runs differ.

namespace slablab {
namespace {

std::string LineText(const ExplainStep& step) {
  if (!step.has_line()) return "";
  return fmt::format("{} of {} in {}", step.line().outcome(), step.line().structure(),
                     step.line().site());
}

std::string MeaningOf(const ExplainStep& step) {
  std::string text;
  for (const ExplainSwitch& change : step.switches()) {
    text += (text.empty() ? "" : " ") + change.meaning();
  }
  return text;
}

// What a row has of `figures`, of a run with so many operations.
void AddFigures(const ExplainFigures& figures, uint64_t operations, int64_t cycles_of_a,
                HtmlRow& row) {
  row.Text(figures.cycles() > 0   ? "costs more"
           : figures.cycles() < 0 ? "costs less"
                                  : "no cycle")
      .SignedQuotient(figures.cycles(), operations)
      .SignedQuotient(figures.cycles() * 100, static_cast<uint64_t>(cycles_of_a))
      .Signed(figures.bytes())
      .Signed(figures.wait_cycles());
}

}  // namespace

void AppendSinceFigure(const ExplainReport& report, uint64_t operations, PageData& page) {
  if (!report.one_family() || report.steps().empty()) return;
  HtmlView& view = page.AddView(
      "since", "Since which switch",
      fmt::format("From {} to {}: each named difference in the order of history, on top of those "
                  "above it, and where it first shows.",
                  report.a().label(), report.b().label()));
  HtmlChart& chart = *view.mutable_chart();
  chart.set_kind("bars");
  chart.set_bar("switch");
  chart.set_part("effect");
  chart.add_values("cycles an operation");
  for (const char* part : {"costs less", "costs more"}) chart.add_parts(part);
  chart.set_x_title("cycles an operation, against the step before");
  HtmlTable& table = *view.mutable_table();
  AddColumns({{"switch", "text"},
              {"since", "text"},
              {"effect", "text"},
              {"cycles an operation", "", "", 2},
              {"of A's", "%", "", 1},
              {"bytes", "bytes"},
              {"cycles waited"},
              {"by itself", "", "", 2},
              {"caller", "text"},
              {"line", "text"},
              {"lock", "text"},
              {"first operation", "text"},
              {"what it is", "text"}},
             table);
  table.set_note(
      "Line and lock are those whose cycles the switch changes most. By itself: cycles an "
      "operation, set alone on A; nothing where it cannot be.");
  const int64_t of_a = report.a().figures().cycles();
  for (const ExplainStep& step : report.steps()) {
    HtmlRow row = page.AddRow(table);
    row.Text(StepName(step)).Text(step.switches(0).since());
    AddFigures(step.change(), operations, of_a, row);
    if (step.not_alone().empty()) {
      row.SignedQuotient(step.alone().cycles(), operations);
    } else {
      row.Nothing();
    }
    row.Text(step.first().caller()).Text(LineText(step)).Text(step.lock().name());
    row.Text(step.has_first() ? FirstWords(step.first()) : "").Text(MeaningOf(step));
  }
  const auto add_sum = [&](const char* name, const ExplainFigures& figures) {
    HtmlRow row = page.AddRow(table);
    row.Text(name).Text("");
    AddFigures(figures, operations, of_a, row);
    row.Nothing();
    for (int i = 0; i < 5; ++i) row.Text("");
  };
  add_sum("left over", report.left_over());
}

}  // namespace slablab
