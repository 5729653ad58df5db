// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Results as SQLite: the schema has everything that the tables have, holds its promise, and the
// file's figures are theirs.

#include "reports/sqlite/sqlite_file.h"

#include <sqlite3.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/sqlite/schema.h"
#include "tests/reports/example_result.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Rows = std::vector<std::vector<std::string>>;

// A file's bytes, opened with SQLite.
class OpenFile {
 public:
  explicit OpenFile(const std::string& bytes) : bytes_(bytes) {
    EXPECT_EQ(sqlite3_open(":memory:", &connection_), SQLITE_OK);
    EXPECT_EQ(sqlite3_deserialize(connection_, "main",
                                  reinterpret_cast<unsigned char*>(bytes_.data()),
                                  static_cast<sqlite3_int64>(bytes_.size()),
                                  static_cast<sqlite3_int64>(bytes_.size()),
                                  SQLITE_DESERIALIZE_READONLY),
              SQLITE_OK);
  }
  ~OpenFile() { sqlite3_close(connection_); }

  // Every value as text; NULL as "NULL".
  Rows Select(const std::string& sql) {
    Rows rows;
    const auto add = [](void* to, int columns, char** values, char**) {
      std::vector<std::string>& row = static_cast<Rows*>(to)->emplace_back();
      for (int i = 0; i < columns; ++i) row.emplace_back(values[i] == nullptr ? "NULL" : values[i]);
      return 0;
    };
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(connection_, sql.c_str(), add, &rows, &error), SQLITE_OK)
        << sql << ": " << (error == nullptr ? "" : error);
    return rows;
  }

 private:
  std::string bytes_;
  sqlite3* connection_ = nullptr;
};

std::string Whole(const RunResult& result) {
  const LabelledResult run = {.label = "one", .result = result, .further = {}};
  return SqliteFile({&run, 1});
}

const SchemaTable* Find(const std::string& name) {
  for (const SchemaTable& table : SchemaTables()) {
    if (table.name == name) return &table;
  }
  return nullptr;
}

// What a field or a table gets in result.proto or tables.cc, it gets in the schema too.
TEST(SchemaTest, EveryTableAndColumnOfARunIsInIt) {
  Random random(1);
  EXPECT_THAT(NotInSchema(DataTables(AnyResult(random))), IsEmpty());
  const std::vector<LabelledResult> set = {{"a", ExampleResult()}, {"b", ExampleResult()}};
  EXPECT_THAT(NotInSchema(DifferenceTables(set)), IsEmpty());
  DataTable table{.name = "locks", .keys = 1, .columns = {"name", "nonsense"}, .rows = {}};
  EXPECT_THAT(NotInSchema({table}), ElementsAre("locks.nonsense"));
  table.name = "nonsense";
  EXPECT_THAT(NotInSchema({table}), ElementsAre("nonsense"));
}

// And nothing else: no column is without a source.
TEST(SchemaTest, EveryColumnComesFromATable) {
  Random random(1);
  OpenFile file(Whole(AnyResult(random)));
  const std::set<std::string> of_several = {"points", "point_values", "delta", "spread",
                                            "callers_delta"};
  for (const SchemaTable& table : SchemaTables()) {
    if (of_several.contains(table.name)) continue;
    const Rows all = file.Select(absl::StrCat("SELECT count(*) FROM ", table.name));
    if (all[0][0] == "0") continue;
    for (const SchemaColumn& column : table.columns) {
      const Rows set = file.Select(absl::StrCat("SELECT count(\"", column.name, "\") FROM ",
                                                table.name));
      EXPECT_NE(set[0][0], "0") << table.name << "." << column.name;
    }
  }
}

TEST(SchemaTest, ItIsReadAsSqliteReadsIt) {
  OpenFile file(Whole(ExampleResult()));
  Rows names = file.Select("SELECT name FROM sqlite_schema WHERE type = 'table'");
  ASSERT_EQ(names.size(), SchemaTables().size());
  for (size_t i = 0; i < names.size(); ++i) {
    const SchemaTable& table = SchemaTables()[i];
    EXPECT_EQ(names[i][0], table.name);
    EXPECT_FALSE(table.row.empty()) << table.name << ": what is a row of it?";
    const Rows columns =
        file.Select(absl::StrCat("SELECT name, type FROM pragma_table_info('", table.name, "')"));
    ASSERT_EQ(columns.size(), table.columns.size()) << table.name;
    for (size_t j = 0; j < columns.size(); ++j) {
      EXPECT_THAT(columns[j], ElementsAre(table.columns[j].name, table.columns[j].type));
    }
  }
}

// A number of bytes, cycles or nanoseconds says so.
TEST(SchemaTest, NumbersHaveTheUnitThatTheirNamesEndIn) {
  for (const SchemaTable& table : SchemaTables()) {
    for (const SchemaColumn& column : table.columns) {
      if (column.type == "TEXT") {
        EXPECT_EQ(column.unit, "") << table.name << "." << column.name;
        continue;
      }
      for (const std::string unit : {"bytes", "cycles", "ns"}) {
        if (absl::StrCat("_", column.name).ends_with("_" + unit)) {
          EXPECT_EQ(column.unit, unit) << table.name << "." << column.name;
        }
      }
    }
  }
}

// The promise: what a file of this version has had once, it has, in the same place.
TEST(SchemaTest, WhatWasPromisedIsThere) {
  const std::string promised = TestData("sqlite_schema_1.txt");
  ASSERT_EQ(kSchemaVersion, 1u) << "begin a file of the new version's promises";
  size_t count = 0;
  for (const absl::string_view line : absl::StrSplit(promised, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, '\t');
    ASSERT_EQ(words.size(), 5u) << line;
    const SchemaTable* const table = Find(words[0]);
    ASSERT_NE(table, nullptr) << line;
    size_t position = 0;
    ASSERT_TRUE(absl::SimpleAtoi(words[1], &position)) << line;
    ASSERT_LE(position, table->columns.size()) << line;
    const SchemaColumn& column = table->columns[position - 1];
    const std::string unit = column.unit.empty() ? "-" : column.unit;
    EXPECT_THAT((std::vector<std::string>{column.name, column.type, unit}),
                ElementsAre(words[2], words[3], words[4]));
    ++count;
  }
  EXPECT_GT(count, 400u);
}

// Every value of every table, read back.
void ExpectSameFigures(const RunResult& result) {
  OpenFile file(Whole(result));
  for (const DataTable& table : DataTables(result)) {
    const std::string name = table.name == "run" ? "settings" : table.name;
    const SchemaTable* const schema = Find(name);
    ASSERT_NE(schema, nullptr) << name;
    const bool record = table.columns == std::vector<std::string>{"name", "value"} &&
                        !schema->Has("name");
    std::vector<std::string> columns = table.columns;
    Rows rows = table.rows;
    if (record) {
      columns.clear();
      Rows one(table.rows.empty() ? 0 : 1);
      for (const std::vector<std::string>& row : table.rows) {
        columns.push_back(row[0]);
        one[0].push_back(row[1]);
      }
      rows = one;
    }
    if (columns.empty()) continue;
    std::string list;
    for (const std::string& column : columns) {
      absl::StrAppend(&list, list.empty() ? "" : ", ", "\"", column, "\"");
    }
    std::map<std::string, std::string> types;
    for (const SchemaColumn& column : schema->columns) types[column.name] = column.type;
    const Rows read = file.Select(absl::StrCat("SELECT ", list, " FROM ", name, " ORDER BY rowid"));
    ASSERT_EQ(read.size(), rows.size()) << name;
    for (size_t i = 0; i < rows.size(); ++i) {
      for (size_t j = 0; j < columns.size(); ++j) {
        std::string expected = rows[i][j];
        const bool is_text = types.at(columns[j]) == "TEXT";
        if (!is_text && expected == "true") expected = "1";
        if (!is_text && expected == "false") expected = "0";
        if (expected != read[i][j]) {
          // No 64 bits with a sign hold it.
          double value = 0;
          double stored = 0;
          ASSERT_TRUE(absl::SimpleAtod(expected, &value) && value > 9.2e18)
              << name << "." << columns[j] << ": " << expected << " is " << read[i][j];
          ASSERT_TRUE(absl::SimpleAtod(read[i][j], &stored));
          EXPECT_NEAR(stored / value, 1, 1e-9);
        }
      }
    }
  }
}

TEST(SqliteFileTest, EveryFigureOfEveryTableIsInIt) {
  ExpectSameFigures(ExampleResult());
  Random random(7);
  for (int i = 0; i < 5; ++i) ExpectSameFigures(AnyResult(random));
}

TEST(SqliteFileTest, ItSaysWhatItIs) {
  const std::string bytes = Whole(ExampleResult());
  EXPECT_EQ(bytes.substr(0, 16), std::string("SQLite format 3\0", 16));
  EXPECT_EQ(bytes.substr(68, 4), "SLAB");
  OpenFile file(bytes);
  EXPECT_THAT(file.Select("PRAGMA user_version"), ElementsAre(ElementsAre("1")));
  EXPECT_THAT(file.Select("PRAGMA integrity_check"), ElementsAre(ElementsAre("ok")));
  EXPECT_THAT(file.Select("PRAGMA foreign_key_check"), IsEmpty());
  EXPECT_THAT(file.Select("SELECT value FROM about ORDER BY name"),
              ElementsAre(ElementsAre("run"), ElementsAre("1")));
}

TEST(SqliteFileTest, EqualResultsAreEqualBytesWhateverTheLibrary) {
  const std::string bytes = Whole(ExampleResult());
  EXPECT_EQ(Whole(ExampleResult()), bytes);
  // The fields of the header that would name the library, and count changes.
  EXPECT_EQ(bytes.substr(24, 4), std::string("\0\0\0\1", 4));
  EXPECT_EQ(bytes.substr(92, 8), std::string("\0\0\0\1\0\x2e\x63\x01", 8));
}

TEST(SqliteFileTest, RunsOfSeveralSeedsShareALabel) {
  RunResult base = ExampleResult();
  RunResult other = ExampleResult();
  other.mutable_config()->set_seed(2);
  other.mutable_totals()->set_operations(base.totals().operations() * 2);
  const std::vector<LabelledResult> set = {{"a", base, {other}}, {"b", other, {base}}};
  OpenFile file(SqliteFile(set));
  EXPECT_THAT(file.Select("SELECT run, label, repeat FROM runs"),
              ElementsAre(ElementsAre("1", "a", "0"), ElementsAre("2", "a", "1"),
                          ElementsAre("3", "b", "0"), ElementsAre("4", "b", "1")));
  EXPECT_THAT(file.Select("SELECT DISTINCT run FROM metrics"),
              ElementsAre(ElementsAre("1"), ElementsAre("2"), ElementsAre("3"), ElementsAre("4")));
  EXPECT_THAT(file.Select("SELECT run, change_percent FROM delta "
                          "WHERE metric = 'operations'"),
              ElementsAre(ElementsAre("3", "100.0")));
  EXPECT_THAT(file.Select("SELECT DISTINCT run, seeds FROM spread"),
              ElementsAre(ElementsAre("3", "2")));
}

TEST(SqliteFileTest, ASweepHasItsPointsAlsoThoseThatWereRefused) {
  const RunResult result = ExampleResult();
  const StoredSweep sweep = {.name = "s",
                             .axes = {"allocator", "cpus"},
                             .points = {{"aa", {"slub", "1"}, "", &result},
                                        {"bb", {"slub", "2"}, "too many", nullptr},
                                        {"cc", {"slab", "1"}, "", &result}}};
  OpenFile file(SqliteFile(sweep));
  EXPECT_THAT(file.Select("SELECT * FROM points"),
              ElementsAre(ElementsAre("aa", "1", ""), ElementsAre("bb", "NULL", "too many"),
                          ElementsAre("cc", "2", "")));
  EXPECT_THAT(file.Select("SELECT label FROM runs"),
              ElementsAre(ElementsAre("slub 1"), ElementsAre("slab 1")));
  EXPECT_THAT(file.Select("SELECT value FROM point_values WHERE axis = 'cpus'"),
              ElementsAre(ElementsAre("1"), ElementsAre("2"), ElementsAre("1")));
}

}  // namespace
}  // namespace slablab
