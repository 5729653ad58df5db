// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_TEXT_TEXT_PAGE_H_
#define SLABLAB_REPORTS_TEXT_TEXT_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "fmt/format.h"

// Text for terminals and mail: headings, wrapped sentences and tables, 80 columns of printable
// ASCII. Whatever else a name from a trace holds is shown as '?', so that no line can be longer
// than it counts, and no name can move a terminal's cursor.

namespace slablab {

inline constexpr size_t kTextColumns = 80;

// `text` if it is at most `width` long, else its beginning and "..". REQUIRES: width >= 2.
std::string Shortened(std::string_view text, size_t width);

// Text in a table, or a number that the column's width decides how to write (Fitted).
class TextCell {
 public:
  TextCell(std::string text) : text_(std::move(text)) {}  // NOLINT: cells are written in braces
  TextCell(const char* text) : text_(text) {}             // NOLINT
  template <typename Integer>
  requires std::is_unsigned_v<Integer> TextCell(Integer number)
      : number_(number), is_number_(true) {}  // NOLINT

  // numerator / denominator with so many decimals where they fit, else as a number.
  static TextCell Mean(uint64_t numerator, uint64_t denominator, int decimals);

  std::string Write(size_t width) const;

 private:
  std::string text_;  // if it fits, when there is a number
  uint64_t number_ = 0;
  bool is_number_ = false;
};

// Columns of fixed widths, so that the tables of two reports can be laid side by side.
class TextTable {
 public:
  struct Column {
    std::string title;
    size_t width = 0;
    enum Side { kRight, kLeft } side = kRight;
    size_t gap = 1;  // blanks before it; of the first column none are written
  };
  // REQUIRES: widths and gaps add up to kTextColumns at most; numbers' columns are 5 wide or more.
  explicit TextTable(std::vector<Column> columns);

  // A row may end early. REQUIRES: it has not more cells than there are columns.
  void AddRow(std::vector<TextCell> cells);
  void AddRule();                       // a line of dashes
  void AddText(std::string_view text);  // a line of its own: a group's name

  bool empty() const { return rows_ == 0; }
  const std::string& body() const { return body_; }
  std::string Header() const;  // the titles' line; empty if no column has one
  size_t width() const { return width_; }

 private:
  std::vector<Column> columns_;
  std::string body_;
  size_t width_ = 0;
  size_t rows_ = 0;
};

class TextPage {
 public:
  // REQUIRES: columns <= kTextColumns.
  explicit TextPage(bool colour, size_t columns = kTextColumns)
      : columns_(columns), colour_(colour) {}

  // Starts a section.
  void Heading(std::string_view title);
  // Starts one that is part of the last, and in no list of contents.
  void Subheading(std::string_view title);
  // A sentence or more, wrapped.
  void Paragraph(std::string_view text);
  // `label` in the margin, the sentence wrapped beside it. An empty label: only the margin.
  void Labelled(std::string_view label, std::string_view text);
  // Like a list's item: "- text", wrapped and indented.
  void Item(std::string_view text);
  void Table(const TextTable& table);
  void Blank() { text_ += '\n'; }
  // REQUIRES: `line` is printable and fits.
  void Line(std::string_view line);

  // Of all sections so far; no subheadings.
  const std::vector<std::string>& headings() const { return headings_; }
  std::string Take() { return std::move(text_); }

 private:
  void Wrapped(std::string_view first, size_t indent, std::string_view text);

  std::string text_;
  std::vector<std::string> headings_;
  size_t columns_;
  bool colour_;
};

// What is below, "a; b; c": the headings, each up to its first comma, colon or parenthesis. Nothing
// if there are none.
std::string Contents(const std::vector<std::string>& headings);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_TEXT_TEXT_PAGE_H_
