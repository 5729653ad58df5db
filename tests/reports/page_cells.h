// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_REPORTS_PAGE_CELLS_H_
#define SLABLAB_TESTS_REPORTS_PAGE_CELLS_H_

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/check.h"
#include "gtest/gtest.h"
#include "reports/html_page.pb.h"

// What stands in a page's data, as its script reads it.

namespace slablab {

// The cells of a column as they are meant: [n, value] stands for n of them.
inline std::vector<google::protobuf::Value> Cells(const HtmlTable::Column& column) {
  std::vector<google::protobuf::Value> cells;
  for (const auto& value : column.values().values()) {
    if (value.has_list_value()) {
      const auto& pair = value.list_value();
      cells.insert(cells.end(), static_cast<size_t>(pair.values(0).number_value()), pair.values(1));
    } else {
      cells.push_back(value);
    }
  }
  return cells;
}

// A column of a view's table, wherever it stands.
inline const HtmlTable::Column& Resolved(const HtmlPage& page, const HtmlTable::Column& column) {
  if (column.source().empty()) return column;
  const std::vector<std::string> at = absl::StrSplit(column.source(), '/');
  for (const HtmlTable& table : page.tables()) {
    if (table.name() != at[0]) continue;
    for (const HtmlTable::Column& each : table.columns()) {
      if (each.title() == at[1]) return each;
    }
  }
  ADD_FAILURE() << column.source() << " is none of the page's";
  return column;
}

inline const HtmlView* FindView(const HtmlPage& page, const std::string& id) {
  const auto view = std::find_if(page.views().begin(), page.views().end(),
                                 [&](const HtmlView& each) { return each.id() == id; });
  return view == page.views().end() ? nullptr : &*view;
}

inline const HtmlView& ViewOf(const HtmlPage& page, const std::string& id) {
  const HtmlView* const view = FindView(page, id);
  CHECK(view != nullptr);
  return *view;
}

// The numbers of a view's column; those of nothing are 0.
inline std::vector<double> NumbersOf(const HtmlPage& page, const std::string& view,
                                     const std::string& title) {
  std::vector<double> numbers;
  for (const HtmlTable::Column& column : ViewOf(page, view).table().columns()) {
    if (column.title() != title) continue;
    for (const auto& cell : Cells(Resolved(page, column))) numbers.push_back(cell.number_value());
  }
  return numbers;
}

// The texts of a view's column.
inline std::vector<std::string> TextsOf(const HtmlPage& page, const std::string& view,
                                        const std::string& title) {
  std::vector<std::string> texts;
  for (const double name : NumbersOf(page, view, title)) {
    texts.push_back(page.names(static_cast<int>(name)));
  }
  return texts;
}

}  // namespace slablab

#endif  // SLABLAB_TESTS_REPORTS_PAGE_CELLS_H_
