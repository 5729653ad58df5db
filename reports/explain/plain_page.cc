// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/explain/plain_page.h"

#include "base/printable.h"
#include "fmt/format.h"

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
.text { text-align: left; }
</style>
)";

std::string Escaped(std::string_view text) { return EscapedMarkup(Printable(text)); }

}  // namespace

PlainPage::PlainPage(std::string_view title)
    : text_(fmt::format("{}<title>{}</title></head><body><main>\n<h1>{}</h1>\n", kHead,
                        Escaped(title), Escaped(title))) {}

void PlainPage::Heading(std::string_view title) {
  text_ += fmt::format("<h2>{}</h2>\n", Escaped(title));
}

void PlainPage::Paragraph(std::string_view text) {
  text_ += fmt::format("<p>{}</p>\n", Escaped(text));
}

void PlainPage::Items(const std::vector<std::string>& items) {
  text_ += "<ul>\n";
  for (const std::string& item : items) text_ += fmt::format("<li>{}</li>\n", Escaped(item));
  text_ += "</ul>\n";
}

void PlainPage::Table(const PlainTable& table) {
  // One that is wider than the page is scrolled, by keys too.
  text_ += "<div class=\"wide\" tabindex=\"0\"><table><thead><tr>";
  const auto side = [](const PlainTable::Column& column) {
    return column.is_text ? " class=\"text\"" : "";
  };
  for (const PlainTable::Column& column : table.columns) {
    text_ += fmt::format("<th scope=\"col\"{}>{}</th>", side(column), Escaped(column.title));
  }
  text_ += "</tr></thead>\n<tbody>";
  for (const std::vector<std::string>& row : table.rows) {
    text_ += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) {
      text_ += fmt::format("<td{}>{}</td>", side(table.columns[i]), Escaped(row[i]));
    }
    text_ += "</tr>\n";
  }
  text_ += "</tbody></table></div>\n";
}

std::string PlainPage::Take() && { return std::move(text_) + "</main></body></html>\n"; }

}  // namespace slablab
