// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/text/text_page.h"

#include <algorithm>

#include "base/check.h"
#include "base/printable.h"
#include "reports/numbers.h"

namespace slablab {
namespace {

constexpr size_t kLabelColumns = 13;

// Without the blanks at its end, and with a newline.
std::string Finished(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  CHECK_LE(line.size(), kTextColumns);
  return line + '\n';
}

// The next word of `rest`, which is moved past it; a word longer than `width` is cut.
std::string_view TakeWord(std::string_view& rest, size_t width) {
  const size_t start = std::min(rest.find_first_not_of(' '), rest.size());
  rest.remove_prefix(start);
  const std::string_view word = rest.substr(0, std::min(rest.find(' '), width));
  rest.remove_prefix(word.size());
  return word;
}

}  // namespace

std::string Shortened(std::string_view text, size_t width) {
  if (text.size() <= width) return std::string(text);
  CHECK_GE(width, 2u);
  return std::string(text.substr(0, width - 2)) + "..";
}

TextCell TextCell::Mean(uint64_t numerator, uint64_t denominator, int decimals) {
  TextCell cell(Quotient(numerator, denominator, decimals));
  if (denominator > 0) {
    cell.number_ = numerator / denominator;
    cell.is_number_ = true;
  }
  return cell;
}

std::string TextCell::Write(size_t width) const {
  if (!is_number_) return Shortened(PrintableAscii(text_), width);
  return !text_.empty() && text_.size() <= width ? text_ : Fitted(number_, width);
}

TextTable::TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) {
    CHECK_LE(column.title.size(), column.width);
    width_ += column.width + (&column == columns_.data() ? 0 : column.gap);
  }
  CHECK_LE(width_, kTextColumns);
}

void TextTable::AddRow(std::vector<TextCell> cells) {
  CHECK_LE(cells.size(), columns_.size());
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const Column& column = columns_[i];
    if (i > 0) line.append(column.gap, ' ');
    const std::string text = cells[i].Write(column.width);
    line += column.side == Column::kLeft ? fmt::format("{:<{}}", text, column.width)
                                         : fmt::format("{:>{}}", text, column.width);
  }
  body_ += Finished(std::move(line));
  ++rows_;
}

void TextTable::AddRule() { body_ += Finished(std::string(width_, '-')); }

void TextTable::AddText(std::string_view text) {
  body_ += Finished(Shortened(PrintableAscii(text), kTextColumns));
}

std::string TextTable::Header() const {
  std::string line;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    if (i > 0) line.append(column.gap, ' ');
    line += column.side == Column::kLeft ? fmt::format("{:<{}}", column.title, column.width)
                                         : fmt::format("{:>{}}", column.title, column.width);
  }
  line = Finished(std::move(line));
  return line == "\n" ? "" : line;
}

void TextPage::Heading(std::string_view title) {
  headings_.push_back(Shortened(PrintableAscii(title), columns_));
  Subheading(title);
}

void TextPage::Subheading(std::string_view title) {
  if (!text_.empty()) Blank();
  const std::string line = Shortened(PrintableAscii(title), columns_);
  text_ += colour_ ? fmt::format("\033[1m{}\033[0m\n", line) : line + '\n';
  Line(std::string(columns_, '-'));
}

void TextPage::Wrapped(std::string_view first, size_t indent, std::string_view text) {
  const std::string printable = PrintableAscii(text);
  std::string_view rest = printable;
  std::string line(first);
  bool line_has_words = false;
  for (;;) {
    const std::string_view word = TakeWord(rest, columns_ - indent);
    if (word.empty()) break;
    if (line_has_words && line.size() + 1 + word.size() > columns_) {
      text_ += Finished(std::move(line));
      line = std::string(indent, ' ');
      line_has_words = false;
    }
    if (line_has_words) line += ' ';
    line += word;
    line_has_words = true;
  }
  if (line_has_words || !first.empty()) text_ += Finished(std::move(line));
}

void TextPage::Paragraph(std::string_view text) { Wrapped("", 0, text); }

void TextPage::Labelled(std::string_view label, std::string_view text) {
  Wrapped(fmt::format("{:<{}}", Shortened(label, kLabelColumns - 1), kLabelColumns), kLabelColumns,
          text);
}

void TextPage::Item(std::string_view text) { Wrapped("- ", 2, text); }

void TextPage::Table(const TextTable& table) {
  const std::string header = table.Header();
  if (!header.empty()) {
    text_ += header;
    Line(std::string(table.width(), '-'));
  }
  text_ += table.body();
}

void TextPage::Line(std::string_view line) { text_ += Finished(std::string(line)); }

std::string Contents(const std::vector<std::string>& headings) {
  if (headings.empty()) return "";
  std::vector<std::string> names;  // what is told of several things is named once
  for (const std::string& heading : headings) {
    std::string name = heading.substr(0, heading.find_first_of(",(:"));
    name.erase(name.find_last_not_of(' ') + 1);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : "; ") + name;
  TextPage page(/*colour=*/false);
  page.Labelled("below", text);
  return page.Take();
}

}  // namespace slablab
