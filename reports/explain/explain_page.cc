// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <string_view>

#include "base/printable.h"
#include "fmt/format.h"
#include "reports/explain/explain_text.h"
#include "reports/numbers.h"

namespace slablab {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .2rem .6rem; text-align: right; vertical-align: top; }
th { border-bottom: 1px solid; }
th:first-child, td:first-child, .text { text-align: left; }
tr.sum td { border-top: 1px solid; }
</style>
)";

std::string Escaped(std::string_view text) { return EscapedMarkup(Printable(text)); }

std::string FigureCells(const ExplainFigures& figures) {
  return fmt::format("<td>{}</td><td>{}</td><td>{}</td>", GroupedDifference(figures.cycles()),
                     GroupedDifference(figures.bytes()), GroupedDifference(figures.wait_cycles()));
}

std::string SumRow(std::string_view name, const ExplainFigures& figures) {
  return fmt::format("<tr class=\"sum\"><td>{}</td><td class=\"text\"></td>{}</tr>\n", name,
                     FigureCells(figures));
}

std::string StepTable(const ExplainReport& report, bool alone) {
  std::string rows;
  for (const ExplainStep& step : report.steps()) {
    const bool refused = alone && !step.not_alone().empty();
    rows += fmt::format(
        "<tr><td>{}</td><td class=\"text\">{}</td>{}</tr>\n", Escaped(StepName(step)),
        Escaped(step.switches(0).since()),
        refused ? fmt::format("<td class=\"text\" colspan=\"3\">{}</td>", Escaped(step.not_alone()))
                : FigureCells(alone ? step.alone() : step.change()));
  }
  rows += alone ? SumRow("what they do together", report.interaction())
                : SumRow("left over", report.left_over());
  rows += SumRow("B less A", WholeChange(report));
  return fmt::format(
      "<div class=\"wide\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">switch</th>"
      "<th scope=\"col\" class=\"text\">since</th><th scope=\"col\">cycles</th>"
      "<th scope=\"col\">bytes</th><th scope=\"col\">cycles of waits</th></tr></thead>\n"
      "<tbody>{}</tbody></table></div>\n",
      rows);
}

std::string CauseTable(const ExplainReport& report) {
  std::string rows;
  for (const ExplainCause& cause : report.causes()) {
    const int64_t change =
        static_cast<int64_t>(cause.cycles_b()) - static_cast<int64_t>(cause.cycles_a());
    rows += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                        Escaped(cause.name()), Grouped(cause.cycles_a()), Grouped(cause.cycles_b()),
                        GroupedDifference(change));
  }
  return fmt::format(
      "<div class=\"wide\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">cause</th>"
      "<th scope=\"col\">A</th><th scope=\"col\">B</th><th scope=\"col\">B less A</th></tr>"
      "</thead>\n<tbody>{}</tbody></table></div>\n",
      rows);
}

}  // namespace

std::string ExplainPage(const ExplainReport& report) {
  const std::string title =
      fmt::format("From {} to {}", Escaped(report.a().label()), Escaped(report.b().label()));
  std::string page =
      fmt::format("{}<title>{}</title></head><body><main>\n<h1>{}</h1>\n", kHead, title, title);
  if (report.head_size() > 0) page += "<ul>\n";
  for (const std::string& sentence : report.head()) {
    page += fmt::format("<li>{}</li>\n", Escaped(sentence));
  }
  if (report.head_size() > 0) page += "</ul>\n";
  for (const std::string& sentence : ExplainWords(report)) {
    page += fmt::format("<p>{}</p>\n", Escaped(sentence));
  }
  if (report.steps_size() > 0) {
    page += "<h2>In the order of history, each on top of those above</h2>\n" +
            StepTable(report, /*alone=*/false) + "<h2>Each by itself, on A</h2>\n" +
            StepTable(report, /*alone=*/true) + "<h2>Where each shows</h2>\n";
    for (const ExplainStep& step : report.steps()) {
      page += fmt::format("<h3>{}</h3>\n<ul>\n", Escaped(StepName(step)));
      for (const ExplainSwitch& change : step.switches()) {
        page += fmt::format("<li>{}</li>\n", Escaped(change.meaning()));
      }
      for (const std::string& sentence : StepWords(step)) {
        page += fmt::format("<li>{}</li>\n", Escaped(sentence));
      }
      page += "</ul>\n";
    }
  }
  page += "<h2>By cause</h2>\n" + CauseTable(report);
  if (report.has_first()) {
    page += fmt::format("<p>They part at the {}</p>\n", Escaped(FirstWords(report.first())));
  }
  return page + "</main></body></html>\n";
}

}  // namespace slablab
