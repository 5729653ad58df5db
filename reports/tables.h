// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_TABLES_H_
#define SLABLAB_REPORTS_TABLES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "reports/result.pb.h"

// A result as plain tables, for spreadsheets and scripts: raw integers, nothing rounded, sorted or
// left out. Names of tables and columns stay what they are; columns may be added at the end.

namespace slablab {

struct DataTable {
  std::string name;
  size_t keys = 1;  // so many columns, the first, name the row; the others hold values
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

// Every table of a result, the empty ones too: run, totals, skipped, paths, touches, causes, parts,
// locks, cpus, footprint, footprint_peak, footprint_end, caches, slabinfo, cache_footprint,
// counters, states, page_allocator, reclaim, rcu, rcu_waiting, kernel, percpu, percpu_chunks,
// percpu_projections, latencies, occupancy; call_sites, call_site_cycles, callers_memory,
// pinned_by_age, false_sharing, tasks, cpu_shares, node_shares.
std::vector<DataTable> DataTables(const RunResult& result);

enum class Delimiter : char { kComma = ',', kTab = '\t' };

// One table as it is: a line of the columns' names, then the rows. Between commas a field is quoted
// as RFC 4180 has it; between tabs, tabs and line ends in a field become blanks. A field that a
// spreadsheet would compute (one that begins with = + - or @ and is no number) has an apostrophe
// before it, and control characters are written \xNN.
std::string WideText(const DataTable& table, Delimiter delimiter);

// All tables as one, a value a line: table, row, column, value. `row` is the row's keys with '/'
// between them.
std::string LongText(const std::vector<DataTable>& tables, Delimiter delimiter);

// The one of `tables` of that name; InvalidArgument naming those there are.
absl::StatusOr<DataTable> FindTable(std::vector<DataTable> tables, std::string_view name);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_TABLES_H_
