// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_EXPLAIN_PLAIN_PAGE_H_
#define SLABLAB_REPORTS_EXPLAIN_PLAIN_PAGE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A page of text and tables: one file that runs no script and asks for nothing. What is said is
// escaped, and what does not print is shown as '?'.

namespace slablab {

struct PlainTable {
  struct Column {
    std::string title;
    bool is_text = false;  // else numbers, aligned to the right
  };
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // a row may end early
};

class PlainPage {
 public:
  explicit PlainPage(std::string_view title);

  void Heading(std::string_view title);
  void Paragraph(std::string_view text);
  void Items(const std::vector<std::string>& items);
  void Table(const PlainTable& table);

  std::string Take() &&;

 private:
  std::string text_;
};

}  // namespace slablab

#endif  // SLABLAB_REPORTS_EXPLAIN_PLAIN_PAGE_H_
