// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_SQLITE_SQLITE_FILE_H_
#define SLABLAB_REPORTS_SQLITE_SQLITE_FILE_H_

#include <string>
#include <vector>

#include "reports/comparison/comparison.h"
#include "reports/result.pb.h"
#include "reports/tables.h"

// Results as an SQLite file of tidy tables (reports/sqlite/schema, docs/sqlite.md). All figures are
// those of DataTables(), so that they are the same in every format. Equal results are equal bytes.

namespace slablab {

// One run, or several beside each other: every run with every seed.
std::string SqliteFile(ResultSet set);

struct StoredPoint {
  std::string name;
  std::vector<std::string> values;  // one an axis
  std::string refused;
  const RunResult* result = nullptr;  // null: it was refused
};

struct StoredSweep {
  std::string name;
  std::vector<std::string> axes;
  std::vector<StoredPoint> points;
};

std::string SqliteFile(const StoredSweep& sweep);

// What of `tables`, those of one run, the schema does not have, "locks.name" each: nothing, unless
// something was added to one and not to the other.
std::vector<std::string> NotInSchema(const std::vector<DataTable>& tables);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_SQLITE_SQLITE_FILE_H_
