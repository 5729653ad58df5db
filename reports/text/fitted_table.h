// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_TEXT_FITTED_TABLE_H_
#define SLABLAB_REPORTS_TEXT_FITTED_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

// A table whose columns are as wide as what is in them: for what must not be cut, such as the names
// of files and points. It is as wide as it comes to be; a TextTable has 80 columns at most.

namespace slablab {

class FittedTable {
 public:
  struct Column {
    std::vector<std::string> title;  // words that stand over each other
    enum Side { kRight, kLeft } side = kRight;
  };

  void AddColumn(Column column);
  // A cell of each column in turn. What does not print is shown as '?'.
  void AddRow(std::vector<std::string> cells);

  // With one blank between columns where two would make it wider than a TextTable.
  size_t width() const;
  // The titles, a rule and the rows, each line behind so many blanks.
  std::string Text(size_t indent = 0) const;

 private:
  struct Filled {
    Column column;
    std::vector<std::string> cells;
    size_t width() const;
  };
  size_t gap() const;
  template <typename CellOf>
  void AppendLine(size_t indent, CellOf cell_of, std::string* text) const;

  std::vector<Filled> columns_;
  size_t rows_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_REPORTS_TEXT_FITTED_TABLE_H_
