// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/sqlite/schema.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "base/check.h"

namespace slablab {
namespace {

constexpr std::string_view kCreate = "CREATE TABLE ";

std::string_view Stripped(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

// What stands before "--" and behind it.
struct Line {
  std::string_view code;
  std::string_view comment;
};
Line Parted(std::string_view line) {
  const size_t at = line.find("--");
  if (at == std::string_view::npos) return {Stripped(line), {}};
  return {Stripped(line.substr(0, at)), Stripped(line.substr(at + 2))};
}

// `name TYPE ...,  -- [unit] meaning`
SchemaColumn ColumnOf(const Line& line) {
  const size_t name_end = line.code.find(' ');
  CHECK(name_end != std::string_view::npos);
  std::string_view name = line.code.substr(0, name_end);
  if (name.front() == '"') name = name.substr(1, name.size() - 2);
  const std::string_view rest = line.code.substr(name_end + 1);
  SchemaColumn column{.name = std::string(name),
                      .type = std::string(rest.substr(0, rest.find_first_of(" ,"))),
                      .unit = "",
                      .meaning = ""};
  std::string_view meaning = line.comment;
  if (!meaning.empty() && meaning.front() == '[') {
    const size_t end = meaning.find(']');
    CHECK(end != std::string_view::npos);
    column.unit = meaning.substr(1, end - 1);
    meaning = Stripped(meaning.substr(end + 1));
  }
  column.meaning = meaning;
  return column;
}

std::vector<SchemaTable> Parsed(std::string_view sql) {
  std::vector<SchemaTable> tables;
  bool inside = false;
  for (const absl::string_view each :
       absl::StrSplit(absl::string_view(sql.data(), sql.size()), '\n')) {
    const Line line = Parted({each.data(), each.size()});
    if (line.code == ");") {
      inside = false;
    } else if (inside) {
      tables.back().columns.push_back(ColumnOf(line));
    } else if (line.code.substr(0, kCreate.size()) == kCreate) {
      const std::string_view name = line.code.substr(kCreate.size());
      tables.push_back({.name = std::string(name.substr(0, name.find('('))),
                        .row = std::string(line.comment),
                        .columns = {}});
      inside = true;
    }
  }
  return tables;
}

}  // namespace

bool SchemaTable::Has(std::string_view column) const {
  return std::any_of(columns.begin(), columns.end(),
                     [&](const SchemaColumn& each) { return each.name == column; });
}

const std::vector<SchemaTable>& SchemaTables() {
  static const auto& tables = *new std::vector<SchemaTable>(Parsed(kSchemaSql));
  return tables;
}

}  // namespace slablab
