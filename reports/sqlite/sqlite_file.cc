// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/sqlite/sqlite_file.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "reports/sqlite/database.h"
#include "reports/sqlite/schema.h"
#include "runs/switches.h"

namespace slablab {
namespace {

// Tables that are the values of a DataTable of names and values: its rows whose names begin so,
// without that.
struct RecordSource {
  std::string_view table;
  std::string_view from;
  std::string_view prefix;
};
constexpr RecordSource kRecordSources[] = {{"runs", "run", ""},
                                           {"machine", "run", "machine_"},
                                           {"kernels", "run", "kernels_"},
                                           {"places", "run", "places_"}};

constexpr std::string_view kSettings = "settings";

using Record = std::map<std::string, std::string>;

const SchemaTable* FindSchemaTable(std::string_view name) {
  for (const SchemaTable& table : SchemaTables()) {
    if (table.name == name) return &table;
  }
  return nullptr;
}

const SchemaTable& TableNamed(std::string_view name) {
  const SchemaTable* const table = FindSchemaTable(name);
  CHECK(table != nullptr);
  return *table;
}

// Whether the table has a row of all values of what is a row a value elsewhere.
bool IsRecord(const SchemaTable& schema, const DataTable& table) {
  return table.columns == std::vector<std::string>{"name", "value"} && !schema.Has("name");
}

Record RecordOf(const DataTable& table, std::string_view prefix) {
  Record record;
  for (const std::vector<std::string>& row : table.rows) {
    if (row[0].compare(0, prefix.size(), prefix) == 0) {
      record.emplace(row[0].substr(prefix.size()), row[1]);
    }
  }
  return record;
}

// Writes tables, each row with the number of the run that it is of.
class FileWriter {
 public:
  FileWriter() {
    database_.Execute(std::string(kSchemaSql));
    Add("about", {{"name", "schema_version"}, {"value", absl::StrCat(kSchemaVersion)}});
  }

  void Add(std::string_view table, const Record& record) {
    const SchemaTable& schema = TableNamed(table);
    std::vector<const std::string*> values;
    for (const SchemaColumn& column : schema.columns) {
      const auto found = record.find(column.name);
      values.push_back(found == record.end() ? nullptr : &found->second);
    }
    Database::Inserter(database_, schema).Add(values);
  }

  // Rows of a DataTable under `schema`. A column "run" of the table is a label and gives way to
  // the number of the run that `numbers` has for it; without one, all are of run `number`.
  void AddRows(const SchemaTable& schema, const DataTable& table, const Record& numbers,
               const std::string& number) {
    std::vector<size_t> sources;
    for (const SchemaColumn& column : schema.columns) {
      const auto found = std::find(table.columns.begin(), table.columns.end(), column.name);
      sources.push_back(static_cast<size_t>(found - table.columns.begin()));
    }
    Database::Inserter inserter(database_, schema);
    std::vector<const std::string*> values(schema.columns.size());
    for (const std::vector<std::string>& row : table.rows) {
      for (size_t i = 0; i < values.size(); ++i) {
        const bool has = sources[i] < row.size();
        if (schema.columns[i].name == "run") {
          values[i] = has ? &numbers.at(row[sources[i]]) : &number;
        } else {
          values[i] = has ? &row[sources[i]] : nullptr;
        }
      }
      inserter.Add(values);
    }
  }

  // Everything of one run.
  void AddRun(const std::string& label, size_t repeat, const RunResult& result) {
    const std::string number = absl::StrCat(++runs_);
    const std::vector<DataTable> tables = DataTables(result);
    for (const RecordSource& source : kRecordSources) {
      Record record = RecordOf(*FindTable(tables, source.from), source.prefix);
      record["run"] = number;
      if (source.table == "runs") {
        record["label"] = label;
        record["repeat"] = absl::StrCat(repeat);
      }
      Add(source.table, record);
    }
    AddSwitches(result.config(), number);
    for (const DataTable& table : tables) {
      const SchemaTable* const schema =
          FindSchemaTable(table.name == "run" ? kSettings : std::string_view(table.name));
      if (schema == nullptr) continue;
      if (!IsRecord(*schema, table)) {
        AddRows(*schema, table, {}, number);
      } else if (!table.rows.empty()) {
        Record record = RecordOf(table, "");
        record["run"] = number;
        Add(schema->name, record);
      }
    }
    const LabelledResult alone = {.label = label, .result = result, .further = {}};
    for (const DataTable& table : DifferenceTables({&alone, 1})) {
      if (table.name == "metrics") AddRows(TableNamed("metrics"), table, {{label, number}}, "");
    }
  }

  size_t runs() const { return runs_; }
  std::string Bytes() const { return database_.Bytes(); }

 private:
  void AddSwitches(const RunConfig& config, const std::string& number) {
    if (!config.has_run()) return;
    const RunSpec defaults = WithDefaults(RunSpec());
    const RunSpec run = WithDefaults(config.run());
    for (const RunSwitch& each : Switches()) {
      const std::string value = SwitchText(run, each);
      Add("switches", {{"run", number},
                       {"name", std::string(each.name())},
                       {"value", value},
                       {"is_default", value == SwitchText(defaults, each) ? "1" : "0"}});
    }
  }

  Database database_;
  size_t runs_ = 0;
};

}  // namespace

std::string SqliteFile(ResultSet set) {
  FileWriter writer;
  writer.Add("about", {{"name", "content"}, {"value", set.size() == 1 ? "run" : "comparison"}});
  Record firsts;
  for (const LabelledResult& run : set) {
    firsts[run.label] = absl::StrCat(writer.runs() + 1);
    writer.AddRun(run.label, 0, run.result);
    for (size_t i = 0; i < run.further.size(); ++i) {
      writer.AddRun(run.label, i + 1, run.further[i]);
    }
  }
  for (const DataTable& table : DifferenceTables(set)) {
    if (table.name == "metrics") continue;
    writer.AddRows(TableNamed(table.name), table, firsts, "");
  }
  return writer.Bytes();
}

std::string SqliteFile(const StoredSweep& sweep) {
  FileWriter writer;
  writer.Add("about", {{"name", "content"}, {"value", "sweep"}});
  writer.Add("about", {{"name", "sweep"}, {"value", sweep.name}});
  for (const StoredPoint& point : sweep.points) {
    Record record = {{"point", point.name}, {"refused", point.refused}};
    if (point.result != nullptr) {
      writer.AddRun(absl::StrJoin(point.values, " "), 0, *point.result);
      record["run"] = absl::StrCat(writer.runs());
    }
    writer.Add("points", record);
    for (size_t i = 0; i < point.values.size(); ++i) {
      writer.Add("point_values",
                 {{"point", point.name}, {"axis", sweep.axes[i]}, {"value", point.values[i]}});
    }
  }
  return writer.Bytes();
}

std::vector<std::string> NotInSchema(const std::vector<DataTable>& tables) {
  std::vector<std::string> missing;
  for (const DataTable& table : tables) {
    if (table.name == "run") continue;  // Its names are rows of `settings`.
    const SchemaTable* const schema = FindSchemaTable(table.name);
    if (schema == nullptr) {
      missing.push_back(table.name);
      continue;
    }
    std::vector<std::string> names = table.columns;
    if (IsRecord(*schema, table)) {
      names.clear();
      for (const std::vector<std::string>& row : table.rows) names.push_back(row[0]);
    }
    for (const std::string& name : names) {
      if (!schema->Has(name)) missing.push_back(absl::StrCat(table.name, ".", name));
    }
  }
  return missing;
}

}  // namespace slablab
