// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_SQLITE_DATABASE_H_
#define SLABLAB_REPORTS_SQLITE_DATABASE_H_

#include <string>
#include <vector>

#include "reports/sqlite/schema.h"

struct sqlite3;
struct sqlite3_stmt;

namespace slablab {

// An SQLite database in memory that becomes the bytes of a file. The same statements in the same
// order are the same bytes: nothing in them is of the clock, of chance or of the library's version.
// Where the library finds no memory, the program ends as it does elsewhere then
// (base/out_of_memory.h).
class Database {
 public:
  Database();
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // REQUIRES: `sql` is right.
  void Execute(const std::string& sql);

  // Rows of one table, one after another.
  class Inserter {
   public:
    Inserter(Database& database, const SchemaTable& table);
    ~Inserter();
    Inserter(const Inserter&) = delete;
    Inserter& operator=(const Inserter&) = delete;

    // A value for each column of the table, as text; null: it has none. In a column of numbers
    // empty text is no value either, and "true" is 1.
    void Add(const std::vector<const std::string*>& values);

   private:
    void Bind(int position, const SchemaColumn& column, const std::string* value);

    Database& database_;
    const SchemaTable& table_;
    sqlite3_stmt* statement_ = nullptr;
  };

  // The file, as it is until now.
  std::string Bytes() const;

 private:
  void Check(int code) const;

  sqlite3* connection_ = nullptr;
};

}  // namespace slablab

#endif  // SLABLAB_REPORTS_SQLITE_DATABASE_H_
