// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/html/page_data.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/check.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;

// The largest number up to which doubles hold every integer.
constexpr uint64_t kExactMax = uint64_t{1} << 53;
// Cells alike that are shorter written as a count and one of them.
constexpr int kRepeatsLeast = 4;

bool HasOwnValues(const HtmlTable::Column& column) { return column.source().empty(); }

// An integer as it is written, so that it reads the same as a number.
std::optional<int64_t> ExactInteger(const std::string& cell) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(cell, &value)) return std::nullopt;
  if (value > static_cast<int64_t>(kExactMax) || value < -static_cast<int64_t>(kExactMax)) {
    return std::nullopt;
  }
  if (std::to_string(value) != cell) return std::nullopt;
  return value;
}

bool AllIntegers(const DataTable& table, size_t column) {
  return std::all_of(
      table.rows.begin(), table.rows.end(),
      [&](const std::vector<std::string>& row) { return ExactInteger(row[column]).has_value(); });
}

bool Equal(const pb::Value& a, const pb::Value& b) {
  return a.kind_case() == b.kind_case() && a.number_value() == b.number_value();
}

void CountRepeats(pb::ListValue& values) {
  pb::ListValue counted;
  for (int i = 0; i < values.values_size();) {
    int next = i + 1;
    while (next < values.values_size() && Equal(values.values(next), values.values(i))) ++next;
    if (next - i >= kRepeatsLeast) {
      pb::ListValue& pair = *counted.add_values()->mutable_list_value();
      pair.add_values()->set_number_value(next - i);
      *pair.add_values() = values.values(i);
    } else {
      for (int j = i; j < next; ++j) *counted.add_values() = values.values(j);
    }
    i = next;
  }
  values = std::move(counted);
}

void CountRepeats(HtmlTable& table) {
  for (HtmlTable::Column& column : *table.mutable_columns()) {
    if (column.has_values()) CountRepeats(*column.mutable_values());
  }
}

}  // namespace

pb::Value& HtmlRow::NextCell() {
  while (column_ < table_.columns_size() && !HasOwnValues(table_.columns(column_))) ++column_;
  CHECK(column_ < table_.columns_size());
  return *table_.mutable_columns(column_++)->mutable_values()->add_values();
}

HtmlRow& HtmlRow::Text(const std::string& text) {
  NextCell().set_number_value(data_.NameNumber(text));
  return *this;
}

HtmlRow& HtmlRow::Number(uint64_t value) {
  NextCell().set_number_value(static_cast<double>(value));
  return *this;
}

HtmlRow& HtmlRow::Signed(int64_t value) {
  NextCell().set_number_value(static_cast<double>(value));
  return *this;
}

HtmlRow& HtmlRow::Thousandths(uint64_t value) {
  NextCell().set_number_value(static_cast<double>(std::min(value, kExactMax)) / 1000.0);
  return *this;
}

HtmlRow& HtmlRow::Thousandths(std::optional<uint64_t> value) {
  return value.has_value() ? Thousandths(*value) : Nothing();
}

HtmlRow& HtmlRow::Nothing() {
  NextCell().set_null_value(pb::NULL_VALUE);
  return *this;
}

HtmlRow& HtmlRow::Quotient(uint64_t numerator, uint64_t denominator) {
  if (denominator == 0) return Nothing();
  // Small shares keep their first digits.
  NextCell().set_number_value(static_cast<double>(numerator) / static_cast<double>(denominator));
  return *this;
}

HtmlRow& HtmlRow::SignedQuotient(int64_t numerator, uint64_t denominator) {
  if (denominator == 0) return Nothing();
  NextCell().set_number_value(static_cast<double>(numerator) / static_cast<double>(denominator));
  return *this;
}

PageData::PageData(ResultSet set) {
  for (const LabelledResult& run : set) page_.add_runs(run.label);
}

HtmlView& PageData::AddView(const std::string& id, const std::string& title,
                            const std::string& lede) {
  HtmlView& view = *page_.add_views();
  view.set_id(id);
  view.set_title(title);
  view.set_lede(lede);
  return view;
}

bool PageData::HasTable(std::string_view name) const {
  return std::any_of(page_.tables().begin(), page_.tables().end(),
                     [&](const HtmlTable& table) { return table.name() == name; });
}

void PageData::AddTable(const DataTable& from) {
  if (from.rows.empty()) return;
  HtmlTable& table = *page_.add_tables();
  table.set_name(from.name);
  SetRows(table, from.rows.size());
  for (size_t i = 0; i < from.columns.size(); ++i) {
    const bool is_run = from.columns[i] == "run";
    const bool numbers = !is_run && AllIntegers(from, i);
    const std::string unit = is_run ? "run" : numbers ? "" : "text";
    AddColumn(table, from.columns[i], unit);
    pb::ListValue& values = *table.mutable_columns(static_cast<int>(i))->mutable_values();
    for (const std::vector<std::string>& row : from.rows) {
      values.add_values()->set_number_value(numbers ? static_cast<double>(*ExactInteger(row[i]))
                                                    : NameNumber(row[i]));
    }
  }
}

uint32_t PageData::NameNumber(const std::string& name) {
  const auto [at, is_new] = numbers_.emplace(name, page_.names_size());
  if (is_new) page_.add_names(name);
  return at->second;
}

HtmlPage PageData::Finish() {
  for (HtmlView& view : *page_.mutable_views()) CountRepeats(*view.mutable_table());
  for (HtmlTable& table : *page_.mutable_tables()) CountRepeats(table);
  return std::move(page_);
}

void AddColumn(HtmlTable& table, const std::string& title, const std::string& unit, int decimals) {
  HtmlTable::Column& column = *table.add_columns();
  column.set_title(title);
  column.set_unit(unit);
  column.set_decimals(decimals);
}

void AddColumns(std::initializer_list<ColumnSpec> columns, HtmlTable& table) {
  for (const ColumnSpec& column : columns) {
    AddColumn(table, column.title, column.unit, column.decimals);
    table.mutable_columns(table.columns_size() - 1)->set_source(column.source);
  }
}

void SetRows(HtmlTable& table, size_t rows) { table.set_rows(static_cast<uint32_t>(rows)); }

}  // namespace slablab
