// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_SQLITE_SCHEMA_H_
#define SLABLAB_REPORTS_SQLITE_SCHEMA_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slablab {

// What a file promises to its readers: as long as this number stays, tables and columns keep their
// names, types, units and meanings; tables, and columns at the ends of tables, may be added.
inline constexpr uint32_t kSchemaVersion = 1;

// The statements that make the tables, with their comments (reports/sqlite/schema).
extern const std::string_view kSchemaSql;

struct SchemaColumn {
  std::string name;
  std::string type;     // "INTEGER", "REAL", "TEXT"
  std::string unit;     // "cycles"; empty: a plain count, or text
  std::string meaning;  // may be empty, where the name says it
};

struct SchemaTable {
  std::string name;
  std::string row;  // what a row of it is
  std::vector<SchemaColumn> columns;

  bool Has(std::string_view column) const;
};

// The tables of kSchemaSql, in its order.
const std::vector<SchemaTable>& SchemaTables();

}  // namespace slablab

#endif  // SLABLAB_REPORTS_SQLITE_SCHEMA_H_
