// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_HTML_PAGE_DATA_H_
#define SLABLAB_REPORTS_HTML_PAGE_DATA_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/comparison/comparison.h"
#include "reports/html_page.pb.h"

// The page's data while it is being gathered: views, tables column by column, names numbered.

namespace slablab {

class PageData;

// A row of a table, cell by cell, in the order of those of its columns that have values of their
// own. Numbers are integers or thousandths, so that the page's bytes depend on integers alone.
class HtmlRow {
 public:
  HtmlRow(PageData& data, HtmlTable& table) : data_(data), table_(table) {
    table_.set_rows(table_.rows() + 1);
  }
  HtmlRow& Text(const std::string& text);
  HtmlRow& Number(uint64_t value);
  HtmlRow& Signed(int64_t value);
  HtmlRow& Thousandths(uint64_t value);
  HtmlRow& Thousandths(std::optional<uint64_t> value);
  HtmlRow& Nothing();
  // numerator / denominator; nothing of nothing.
  HtmlRow& Quotient(uint64_t numerator, uint64_t denominator);
  HtmlRow& SignedQuotient(int64_t numerator, uint64_t denominator);

 private:
  google::protobuf::Value& NextCell();

  PageData& data_;
  HtmlTable& table_;
  int column_ = 0;
};

class PageData {
 public:
  explicit PageData(ResultSet set);
  PageData(const PageData&) = delete;
  PageData& operator=(const PageData&) = delete;

  // Stays where it is as others are added.
  HtmlView& AddView(const std::string& id, const std::string& title, const std::string& lede);
  HtmlRow AddRow(HtmlTable& table) { return HtmlRow(*this, table); }
  // Whether one of those below has been added, and has rows.
  bool HasTable(std::string_view name) const;
  // Columns whose cells are all integers that a script holds exactly are numbers, others text.
  void AddTable(const DataTable& table);
  HtmlMetric& AddMetric() { return *page_.add_metrics(); }
  HtmlWords& AddWords() { return *page_.add_words(); }
  HtmlExplain& explain() { return *page_.mutable_explain(); }
  uint32_t NameNumber(const std::string& name);

  // The whole, with what repeats in a column counted.
  HtmlPage Finish();

 private:
  HtmlPage page_;
  std::map<std::string, uint32_t, std::less<>> numbers_;
};

// Of a column: `unit` as html_page.proto has it; `source` where its values stand, if that is in one
// of the page's tables: "locks/acquisitions".
struct ColumnSpec {
  std::string title;
  std::string unit = "";
  std::string source = "";
  int decimals = 0;
};
void AddColumns(std::initializer_list<ColumnSpec> columns, HtmlTable& table);
void AddColumn(HtmlTable& table, const std::string& title, const std::string& unit,
               int decimals = 0);
// The rows of a table whose columns are all taken from others'.
void SetRows(HtmlTable& table, size_t rows);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_HTML_PAGE_DATA_H_
