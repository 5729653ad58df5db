// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/text/fitted_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/printable.h"
#include "fmt/format.h"
#include "reports/text/text_page.h"

namespace slablab {

void FittedTable::AddColumn(Column column) {
  CHECK_EQ(rows_, 0u);
  columns_.push_back({.column = std::move(column), .cells = {}});
}

void FittedTable::AddRow(std::vector<std::string> cells) {
  CHECK_EQ(cells.size(), columns_.size());
  for (size_t i = 0; i < cells.size(); ++i) columns_[i].cells.push_back(PrintableAscii(cells[i]));
  ++rows_;
}

size_t FittedTable::Filled::width() const {
  size_t width = 1;
  for (const std::string& word : column.title) width = std::max(width, word.size());
  for (const std::string& cell : cells) width = std::max(width, cell.size());
  return width;
}

size_t FittedTable::gap() const {
  size_t width = 2 * (columns_.size() - 1);
  for (const Filled& filled : columns_) width += filled.width();
  return width > kTextColumns ? 1 : 2;
}

size_t FittedTable::width() const {
  size_t width = gap() * (columns_.size() - 1);
  for (const Filled& filled : columns_) width += filled.width();
  return width;
}

template <typename CellOf>
void FittedTable::AppendLine(size_t indent, CellOf cell_of, std::string* text) const {
  std::string line(indent, ' ');
  for (const Filled& filled : columns_) {
    if (&filled != columns_.data()) line.append(gap(), ' ');
    const std::string cell = cell_of(filled);
    line += filled.column.side == Column::kLeft ? fmt::format("{:<{}}", cell, filled.width())
                                                : fmt::format("{:>{}}", cell, filled.width());
  }
  line.erase(line.find_last_not_of(' ') + 1);
  *text += line + '\n';
}

std::string FittedTable::Text(size_t indent) const {
  size_t title_lines = 0;
  for (const Filled& filled : columns_) {
    title_lines = std::max(title_lines, filled.column.title.size());
  }
  std::string text;
  for (size_t line = 0; line < title_lines; ++line) {
    const auto word = [&](const Filled& filled) {
      const size_t first = title_lines - filled.column.title.size();
      return line < first ? std::string() : filled.column.title[line - first];
    };
    AppendLine(indent, word, &text);
  }
  text += std::string(indent, ' ') + std::string(width(), '-') + '\n';
  for (size_t row = 0; row < rows_; ++row) {
    AppendLine(
        indent, [row](const Filled& filled) { return filled.cells[row]; }, &text);
  }
  return text;
}

}  // namespace slablab
