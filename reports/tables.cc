// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/tables.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/names.h"
#include "base/printable.h"
#include "fmt/format.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "reports/call_site_tables.h"
#include "runs/switches.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;

// Columns and values come from the messages' own descriptors, so that a field added to result.proto
// is in its table. Optional fields say what a name means, which is for programs that read the
// message itself, and have no column.

bool IsScalar(const pb::FieldDescriptor& field) {
  return !field.is_repeated() && !field.has_optional_keyword() &&
         field.cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE;
}

std::string ScalarText(const pb::Message& message, const pb::FieldDescriptor& field) {
  const pb::Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return fmt::format("{}", reflection.GetInt32(message, &field));
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return fmt::format("{}", reflection.GetInt64(message, &field));
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return fmt::format("{}", reflection.GetUInt32(message, &field));
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return field.type() == pb::FieldDescriptor::TYPE_FIXED64
                 ? fmt::format("{:016x}", reflection.GetUInt64(message, &field))
                 : fmt::format("{}", reflection.GetUInt64(message, &field));
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "false";
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetString(message, &field);
    default:
      CHECK(false);  // Results are integers, truths and names.
      return "";
  }
}

void AppendColumns(const pb::Descriptor& descriptor, std::vector<std::string>& columns) {
  for (int i = 0; i < descriptor.field_count(); ++i) {
    if (IsScalar(*descriptor.field(i))) columns.push_back(descriptor.field(i)->name());
  }
}

void AppendValues(const pb::Message& message, std::vector<std::string>& values) {
  const pb::Descriptor& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const pb::FieldDescriptor& field = *descriptor.field(i);
    if (IsScalar(field)) values.push_back(ScalarText(message, field));
  }
}

template <typename Row>
DataTable TableOf(std::string name, size_t keys, const pb::RepeatedPtrField<Row>& messages) {
  DataTable table{.name = std::move(name), .keys = keys, .columns = {}, .rows = {}};
  AppendColumns(*Row::descriptor(), table.columns);
  for (const Row& message : messages) AppendValues(message, table.rows.emplace_back());
  return table;
}

// A row a field: name, value.
void AppendFields(const pb::Message& message, DataTable& table) {
  const pb::Descriptor& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const pb::FieldDescriptor& field = *descriptor.field(i);
    if (IsScalar(field)) table.rows.push_back({field.name(), ScalarText(message, field)});
  }
}

DataTable NameValueTable(std::string name) {
  return {.name = std::move(name), .keys = 1, .columns = {"name", "value"}, .rows = {}};
}

// The same with what they are of in front.
void AppendFieldsOf(std::string_view of, const pb::Message& message, DataTable& table) {
  const size_t first = table.rows.size();
  AppendFields(message, table);
  for (size_t i = first; i < table.rows.size(); ++i) {
    table.rows[i][0] = fmt::format("{}_{}", of, table.rows[i][0]);
  }
}

DataTable RunTable(const RunResult& result) {
  DataTable table = NameValueTable("run");
  AppendFields(result.config(), table);
  // The machine's description has lines, and blanks between its fields do as well.
  for (std::vector<std::string>& row : table.rows)
    std::replace(row[1].begin(), row[1].end(), '\n', ' ');
  for (const std::string& quirk : result.config().quirks()) table.rows.push_back({"quirk", quirk});
  for (const PolicyValue& policy : result.config().policies()) {
    table.rows.push_back({fmt::format("policy {}", policy.name()), policy.value()});
  }
  for (const NamedValue& tunable : result.config().tunables()) {
    table.rows.push_back(
        {fmt::format("tunable {}", tunable.name()), fmt::format("{}", tunable.value())});
  }
  const RunSpec defaults = WithDefaults(RunSpec());
  for (const RunSwitch& each : Switches()) {
    if (!each.flag->reported().empty()) continue;
    const std::string text = SwitchText(WithDefaults(result.config().run()), each);
    if (text != SwitchText(defaults, each)) table.rows.push_back({each.field->name(), text});
  }
  const size_t digests = table.rows.size();
  AppendFields(result.digests(), table);
  for (size_t i = digests; i < table.rows.size(); ++i) table.rows[i][0] += "_digest";
  AppendFieldsOf("machine", result.machine(), table);
  AppendFieldsOf("kernels", result.kernel_match(), table);
  AppendFieldsOf("places", result.places(), table);
  for (const std::string& assumption : result.assumptions()) {
    table.rows.push_back({"assumption", assumption});
  }
  return table;
}

// A message of each cache, with the cache's name in front.
template <typename Part>
DataTable CachePartTable(const RunResult& result, std::string name,
                         const Part& (CacheStats::*part)() const) {
  DataTable table{.name = std::move(name), .keys = 1, .columns = {"cache"}, .rows = {}};
  AppendColumns(*Part::descriptor(), table.columns);
  for (const CacheStats& cache : result.caches()) {
    table.rows.push_back({cache.name()});
    AppendValues((cache.*part)(), table.rows.back());
  }
  return table;
}

// The percpu allocator's figures as percpu_stats names them; those of its layout, and bytes at the
// end and at the peak, with what they are of in front.
DataTable PercpuTable(const PercpuReport& percpu) {
  DataTable table = NameValueTable("percpu");
  AppendFields(percpu, table);
  AppendFieldsOf("layout", percpu.layout(), table);
  AppendFieldsOf("bytes", percpu.bytes(), table);
  AppendFieldsOf("peak_bytes", percpu.peak(), table);
  return table;
}

// A row a chunk, by its place in percpu_stats.
DataTable PercpuChunkTable(const PercpuReport& percpu) {
  DataTable table{.name = "percpu_chunks", .keys = 1, .columns = {"chunk"}, .rows = {}};
  AppendColumns(*PercpuChunkReport::descriptor(), table.columns);
  for (const PercpuChunkReport& chunk : percpu.chunks()) {
    table.rows.push_back({fmt::format("{}", table.rows.size())});
    AppendValues(chunk, table.rows.back());
  }
  return table;
}

// What waits for a grace period, at the moments of `footprint` at which something does.
DataTable WaitingTable(const RunResult& result) {
  DataTable table{.name = "rcu_waiting", .keys = 1, .columns = {"time_ns"}, .rows = {}};
  AppendColumns(*WaitingForRcu::descriptor(), table.columns);
  for (const FootprintSample& sample : result.footprint()) {
    if (!sample.has_rcu()) continue;
    table.rows.push_back({fmt::format("{}", sample.time_ns())});
    AppendValues(sample.rcu(), table.rows.back());
  }
  return table;
}

// Every figure of every cache: its total (index "all"), then its parts ("C0", "N1").
DataTable FigureTable(const RunResult& result, std::string name,
                      const pb::RepeatedPtrField<FigureValue>& (CacheStats::*figures)() const) {
  DataTable table{.name = std::move(name),
                  .keys = 3,
                  .columns = {"cache", "name", "index", "value", "in_parentheses"},
                  .rows = {}};
  const auto add = [&](const std::string& cache, const std::string& figure, std::string index,
                       uint64_t value, uint64_t in_parentheses) {
    table.rows.push_back({cache, figure, std::move(index), fmt::format("{}", value),
                          fmt::format("{}", in_parentheses)});
  };
  for (const CacheStats& cache : result.caches()) {
    for (const FigureValue& figure : (cache.*figures)()) {
      add(cache.name(), figure.name(), "all", figure.value(), figure.in_parentheses());
      for (const FigurePart& part : figure.parts()) {
        add(cache.name(), figure.name(),
            fmt::format("{}{}", figure.per() == "node" ? "N" : "C", part.index()), part.value(),
            part.in_parentheses());
      }
    }
  }
  return table;
}

DataTable KernelTable(const RunResult& result) {
  DataTable table{.name = "kernel",
                  .keys = 2,
                  .columns = {"cache", "counter", "kernel", "simulated"},
                  .rows = {}};
  const auto add = [&](const std::string& cache, const pb::RepeatedPtrField<CounterPair>& pairs) {
    for (const CounterPair& pair : pairs) {
      table.rows.push_back({cache});
      AppendValues(pair, table.rows.back());
    }
  };
  add("all", result.kernel().totals());
  add("all", result.kernel().state());
  for (const CacheComparison& cache : result.kernel().caches()) {
    add(cache.cache(), cache.counters());
    add(cache.cache(), cache.state());
  }
  return table;
}

// The distribution of each path, and of all of either kind.
DataTable LatencyTable(const RunResult& result) {
  DataTable table{
      .name = "latencies", .keys = 2, .columns = {"path", "cycles_max", "operations"}, .rows = {}};
  const auto add = [&](const std::string& name, const PathStats& path) {
    for (const LatencyBucket& bucket : path.latencies()) {
      table.rows.push_back({name});
      AppendValues(bucket, table.rows.back());
    }
  };
  for (const PathStats& path : result.paths()) add(path.name(), path);
  add("all allocations", result.all_allocations());
  add("all frees", result.all_frees());
  return table;
}

DataTable OccupancyTable(const RunResult& result) {
  DataTable table{
      .name = "occupancy", .keys = 3, .columns = {"cache", "node", "objects", "slabs"}, .rows = {}};
  for (const CacheStats& cache : result.caches()) {
    for (const SlabOccupancy& run : cache.occupancy()) {
      table.rows.push_back({cache.name()});
      AppendValues(run, table.rows.back());
    }
  }
  return table;
}

// A row a layer, behind the cache where it is of one.
DataTable CacheLayerTable(const RunResult& result) {
  DataTable table{.name = "cache_layers", .keys = 2, .columns = {"cache"}, .rows = {}};
  AppendColumns(*CachingLayer::descriptor(), table.columns);
  for (const CacheStats& cache : result.caches()) {
    for (const CachingLayer& layer : cache.layers()) {
      table.rows.push_back({cache.name()});
      AppendValues(layer, table.rows.back());
    }
  }
  return table;
}

// Of each cache, and of all: "all" where the cache stands.
DataTable LayerNodeTable(const RunResult& result) {
  DataTable table{.name = "layer_nodes", .keys = 3, .columns = {"cache", "layer"}, .rows = {}};
  AppendColumns(*LayerOfNode::descriptor(), table.columns);
  const auto add = [&](const std::string& cache, const CachingLayer& layer) {
    for (const LayerOfNode& node : layer.nodes()) {
      table.rows.push_back({cache, layer.layer()});
      AppendValues(node, table.rows.back());
    }
  };
  for (const CachingLayer& layer : result.layers()) add("all", layer);
  for (const CacheStats& cache : result.caches()) {
    for (const CachingLayer& layer : cache.layers()) add(cache.name(), layer);
  }
  return table;
}

DataTable LayersOverTimeTable(const RunResult& result) {
  DataTable table{.name = "layers_over_time", .keys = 2, .columns = {"time_ns"}, .rows = {}};
  AppendColumns(*LayerSample::descriptor(), table.columns);
  for (const FootprintSample& sample : result.footprint()) {
    for (const LayerSample& layer : sample.layers()) {
      table.rows.push_back({fmt::format("{}", sample.time_ns())});
      AppendValues(layer, table.rows.back());
    }
  }
  return table;
}

DataTable LockWaitsOverTimeTable(const RunResult& result) {
  DataTable table{.name = "waits_over_time", .keys = 2, .columns = {"time_ns"}, .rows = {}};
  AppendColumns(*LockWaitSample::descriptor(), table.columns);
  for (const FootprintSample& sample : result.footprint()) {
    for (const LockWaitSample& wait : sample.lock_waits()) {
      table.rows.push_back({fmt::format("{}", sample.time_ns())});
      AppendValues(wait, table.rows.back());
    }
  }
  return table;
}

// With the wait of each that had one: 0 and no names where none was.
DataTable SlowestTable(const RunResult& result) {
  DataTable table{.name = "slowest", .keys = 1, .columns = {}, .rows = {}};
  AppendColumns(*SlowOperation::descriptor(), table.columns);
  const size_t own = table.columns.size();
  AppendColumns(*SlowWait::descriptor(), table.columns);
  for (size_t i = own; i < table.columns.size(); ++i) table.columns[i].insert(0, "wait_");
  for (const SlowOperation& operation : result.slowest()) {
    AppendValues(operation, table.rows.emplace_back());
    AppendValues(operation.waited_for(), table.rows.back());
  }
  return table;
}

DataTable SlowestCausesTable(const RunResult& result) {
  DataTable table{.name = "slowest_causes", .keys = 4, .columns = {"rank"}, .rows = {}};
  AppendColumns(*SlowCause::descriptor(), table.columns);
  for (const SlowOperation& operation : result.slowest()) {
    for (const SlowCause& cause : operation.causes()) {
      table.rows.push_back({fmt::format("{}", operation.rank())});
      AppendValues(cause, table.rows.back());
    }
  }
  return table;
}

// "-61.7%", "+3", "-1,204": digits with what may stand around them. So is "-" alone, which stands
// for no value.
bool IsNumber(std::string_view field) {
  const bool has_sign = !field.empty() && (field[0] == '-' || field[0] == '+');
  return field.find_first_not_of("0123456789.,%", has_sign ? 1 : 0) == std::string_view::npos;
}

// What a spreadsheet would take for a formula becomes text by an apostrophe before it: names are
// whatever the recorded machine's users called things.
std::string WithoutFormula(std::string field) {
  constexpr std::string_view kFormulaStarts = "=+-@\t\r";
  const bool is_formula =
      !field.empty() && kFormulaStarts.find(field[0]) != std::string_view::npos && !IsNumber(field);
  if (is_formula) field.insert(0, 1, '\'');
  return field;
}

std::string Escaped(std::string_view field, Delimiter delimiter) {
  std::string plain = WithoutFormula(PrintableLines(field));
  if (delimiter == Delimiter::kTab) {
    std::replace_if(
        plain.begin(), plain.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
    return plain;
  }
  if (plain.find_first_of(",\"\n") == std::string::npos) return plain;
  std::string text = "\"";
  for (const char c : plain) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + '"';
}

std::string LineText(const std::vector<std::string>& fields, Delimiter delimiter) {
  std::string line;
  for (const std::string& field : fields) {
    if (&field != fields.data()) line += static_cast<char>(delimiter);
    line += Escaped(field, delimiter);
  }
  return line + '\n';
}

}  // namespace

std::vector<DataTable> DataTables(const RunResult& result) {
  std::vector<DataTable> tables;
  tables.push_back(RunTable(result));
  tables.push_back(NameValueTable("totals"));
  AppendFields(result.totals(), tables.back());
  tables.push_back(TableOf("skipped", 1, result.totals().skipped()));
  tables.push_back(TableOf("rounding", 4, result.kernel_match().worst()));
  tables.push_back(TableOf("otherwise", 2, result.kernel_match().otherwise()));
  tables.push_back(TableOf("paths", 1, result.paths()));
  tables.push_back(TableOf("touches", 3, result.touches()));
  tables.push_back(TableOf("causes", 2, result.causes()));
  tables.push_back(TableOf("parts", 1, result.parts()));
  tables.push_back(TableOf("locks", 1, result.locks()));
  tables.push_back(TableOf("cpus", 1, result.cpus()));
  tables.push_back(TableOf("footprint", 1, result.footprint()));
  tables.push_back(NameValueTable("footprint_peak"));
  AppendFields(result.footprint_peak(), tables.back());
  tables.push_back(NameValueTable("footprint_end"));
  AppendFields(result.footprint_end(), tables.back());
  tables.push_back(TableOf("caches", 1, result.caches()));
  tables.push_back(CachePartTable(result, "slabinfo", &CacheStats::slabinfo));
  tables.push_back(CachePartTable(result, "cache_footprint", &CacheStats::footprint));
  tables.push_back(FigureTable(result, "counters", &CacheStats::counters));
  tables.push_back(FigureTable(result, "states", &CacheStats::states));
  tables.push_back(TableOf("page_allocator", 1, result.page_allocator()));
  tables.push_back(NameValueTable("reclaim"));
  if (result.has_reclaim()) AppendFields(result.reclaim(), tables.back());
  tables.push_back(NameValueTable("rcu"));
  if (result.has_rcu()) AppendFields(result.rcu(), tables.back());
  tables.push_back(WaitingTable(result));
  tables.push_back(KernelTable(result));
  tables.push_back(PercpuTable(result.percpu()));
  tables.push_back(PercpuChunkTable(result.percpu()));
  tables.push_back(TableOf("percpu_projections", 2, result.percpu().projections()));
  tables.push_back(LatencyTable(result));
  tables.push_back(OccupancyTable(result));
  tables.push_back(TableOf("layers", 1, result.layers()));
  tables.push_back(CacheLayerTable(result));
  tables.push_back(LayerNodeTable(result));
  tables.push_back(LayersOverTimeTable(result));
  tables.push_back(LockWaitsOverTimeTable(result));
  tables.push_back(SlowestTable(result));
  tables.push_back(SlowestCausesTable(result));
  for (DataTable& table : CallSiteTables(result.attribution())) tables.push_back(std::move(table));
  tables.push_back(TableOf("tasks", 1, result.attribution().tasks()));
  tables.push_back(TableOf("cpu_shares", 1, result.attribution().cpus()));
  tables.push_back(TableOf("node_shares", 1, result.attribution().nodes()));
  return tables;
}

std::string WideText(const DataTable& table, Delimiter delimiter) {
  std::string text = LineText(table.columns, delimiter);
  for (const std::vector<std::string>& row : table.rows) text += LineText(row, delimiter);
  return text;
}

std::string LongText(const std::vector<DataTable>& tables, Delimiter delimiter) {
  std::string text = LineText({"table", "row", "column", "value"}, delimiter);
  for (const DataTable& table : tables) {
    for (const std::vector<std::string>& row : table.rows) {
      const auto values = row.begin() + static_cast<std::ptrdiff_t>(table.keys);
      const std::string key = absl::StrJoin(row.begin(), values, "/");
      for (size_t i = table.keys; i < row.size(); ++i) {
        text += LineText({table.name, key, table.columns[i], row[i]}, delimiter);
      }
    }
  }
  return text;
}

absl::StatusOr<DataTable> FindTable(std::vector<DataTable> tables, std::string_view name) {
  for (DataTable& table : tables) {
    if (table.name == name) return std::move(table);
  }
  return UnknownName("table", name, NamesOf(tables));
}

}  // namespace slablab
