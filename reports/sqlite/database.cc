// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/sqlite/database.h"

#include <sqlite3.h>

#include <cstdint>
#include <cstdio>
#include <limits>

#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/out_of_memory.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// "SLAB", which file(1) and others tell our files by; see "Database Header" of SQLite's
// documentation, https://www.sqlite.org/fileformat2.html.
constexpr uint32_t kApplicationId = 0x534c4142;

// Fields of that header, four bytes each, the highest first. The first two count what has changed
// in the file; the third is the version of the library that wrote it.
constexpr size_t kChangeCounter = 24;
constexpr size_t kVersionValidFor = 92;
constexpr size_t kLibraryVersion = 96;
constexpr uint32_t kLibraryVersionSaid = 3'040'001;  // Debian 12's, whichever it was

void PutField(std::string& file, size_t offset, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) file[offset + i] = static_cast<char>(value >> (24 - 8 * i));
}

}  // namespace

void Database::Check(int code) const {
  if (code == SQLITE_OK || code == SQLITE_DONE) return;
  if (code == SQLITE_NOMEM) OutOfMemory();
  std::fprintf(stderr, "slablab: SQLite: %s\n", sqlite3_errmsg(connection_));
  CHECK(code == SQLITE_OK);
}

Database::Database() {
  Check(sqlite3_open(":memory:", &connection_));
  Execute(
      fmt::format("PRAGMA page_size = 4096; PRAGMA auto_vacuum = 0; PRAGMA encoding = 'UTF-8';"
                  "PRAGMA application_id = {}; PRAGMA user_version = {}; BEGIN;",
                  kApplicationId, kSchemaVersion));
}

Database::~Database() { sqlite3_close(connection_); }

void Database::Execute(const std::string& sql) {
  Check(sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr));
}

std::string Database::Bytes() const {
  Check(sqlite3_exec(connection_, "COMMIT; BEGIN;", nullptr, nullptr, nullptr));
  sqlite3_int64 size = 0;
  unsigned char* const bytes = sqlite3_serialize(connection_, "main", &size, 0);
  if (bytes == nullptr) OutOfMemory();
  std::string file(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  sqlite3_free(bytes);
  PutField(file, kChangeCounter, 1);
  PutField(file, kVersionValidFor, 1);
  PutField(file, kLibraryVersion, kLibraryVersionSaid);
  return file;
}

Database::Inserter::Inserter(Database& database, const SchemaTable& table)
    : database_(database), table_(table) {
  std::string sql = fmt::format("INSERT INTO \"{}\" VALUES (", table.name);
  for (size_t i = 0; i < table.columns.size(); ++i) sql += i == 0 ? "?" : ", ?";
  sql += ")";
  database.Check(sqlite3_prepare_v2(database.connection_, sql.c_str(), -1, &statement_, nullptr));
}

Database::Inserter::~Inserter() { sqlite3_finalize(statement_); }

void Database::Inserter::Bind(int position, const SchemaColumn& column, const std::string* value) {
  const auto check = [&](int code) { database_.Check(code); };
  if (value == nullptr || (value->empty() && column.type != "TEXT")) {
    check(sqlite3_bind_null(statement_, position));
    return;
  }
  if (column.type == "TEXT") {
    check(sqlite3_bind_text64(statement_, position, value->data(), value->size(), SQLITE_STATIC,
                              SQLITE_UTF8));
    return;
  }
  int64_t integer = 0;
  double real = 0;
  if (column.type == "INTEGER" && (*value == "true" || *value == "false")) {
    check(sqlite3_bind_int64(statement_, position, *value == "true" ? 1 : 0));
  } else if (column.type == "INTEGER" && absl::SimpleAtoi(*value, &integer)) {
    check(sqlite3_bind_int64(statement_, position, integer));
  } else {
    // Also of a count that no 64 bits with a sign hold.
    CHECK(absl::SimpleAtod(*value, &real));
    check(sqlite3_bind_double(statement_, position, real));
  }
}

void Database::Inserter::Add(const std::vector<const std::string*>& values) {
  CHECK_EQ(values.size(), table_.columns.size());
  for (size_t i = 0; i < values.size(); ++i) {
    Bind(static_cast<int>(i) + 1, table_.columns[i], values[i]);
  }
  database_.Check(sqlite3_step(statement_));
  database_.Check(sqlite3_reset(statement_));
}

}  // namespace slablab
