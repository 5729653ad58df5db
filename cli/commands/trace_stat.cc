// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "fmt/format.h"
#include "reports/message_json.h"
#include "reports/numbers.h"
#include "reports/tables.h"
#include "reports/text/fitted_table.h"
#include "runs/experiments/printable.h"
#include "runs/recorded/bundled_traces.h"
#include "traces/import/import_trace.h"
#include "traces/import/recording_source.h"
#include "traces/sidecar/kernel_counters.h"
#include "traces/slt/trace.h"
#include "traces/stat.h"
#include "traces/stat.pb.h"

ABSL_FLAG(bool, caller, false, "Show a table by call site.");
ABSL_FLAG(bool, alloc, false, "Show a table by address.");
ABSL_FLAG(bool, cache, false, "Show a table by cache.");
ABSL_FLAG(std::string, sort, "frag,hit,bytes",
          "KEYS: order of the tables: frag, hit, bytes, pingpong, callsite, ptr; descending, the "
          "first weighs most.");

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {"caller", "alloc", "cache", "sort", "limit", "format"};
constexpr Format kFormats[] = {Format::kText, Format::kJson, Format::kCsv};

// What the recorded kernel counted meanwhile; zeros if it did not.
struct KernelTotals {
  uint64_t allocations = 0;
  uint64_t frees = 0;
  uint64_t frees_by_rcu = 0;
};

KernelTotals KernelTotalsOf(const TraceHeader& header) {
  KernelTotals totals;
  const absl::StatusOr<std::optional<KernelCounters>> counters = KernelCounters::Of(header);
  if (!counters.ok() || !counters->has_value()) return totals;
  // A cache that was made anew under the same name counted from 0 again.
  const auto grown = [](int64_t growth) {
    return static_cast<uint64_t>(std::max<int64_t>(growth, 0));
  };
  for (const KernelCounters::Cache& cache : (*counters)->caches()) {
    totals.allocations += grown((*counters)->Allocations(cache));
    totals.frees += grown((*counters)->Frees(cache));
    totals.frees_by_rcu += grown((*counters)->FreesByRcu(cache));
  }
  return totals;
}

struct Statistics {
  TraceHeader header;
  StatTotals totals;    // with what was left out
  StatTotals left_out;  // on import
  KernelTotals kernel;
  std::optional<AllocationStat> stat;
};

class StatSink : public EventSink {
 public:
  StatSink(AllocationStat& stat, Progress& progress) : stat_(stat), progress_(progress) {}
  absl::Status Append(const Event& event) override {
    if ((++events_ & 0xfff) == 0) progress_.Update(events_);
    stat_.Add(event);
    return absl::OkStatus();
  }

 private:
  AllocationStat& stat_;
  Progress& progress_;
  uint64_t events_ = 0;
};

absl::Status ReadSlt(TraceReader& reader, StatSink& sink) {
  std::array<Event, 1024> events;
  for (;;) {
    const absl::StatusOr<size_t> got = reader.Read(absl::MakeSpan(events));
    if (!got.ok()) return got.status();
    if (*got == 0) return absl::OkStatus();
    for (size_t i = 0; i < *got; ++i) {
      const absl::Status status = sink.Append(events[i]);
      if (!status.ok()) return status;
    }
  }
}

// Reads a trace, or a recording, of which then nothing is left out.
absl::Status Gather(const std::string& path, Statistics* statistics) {
  Progress progress({.what = "reading " + path, .unit = "events"});
  std::error_code error;
  // A pipe can be read once, and is a recording's.
  absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      std::filesystem::exists(path, error) && !IsFileOnDisk(path)
          ? absl::StatusOr<std::unique_ptr<TraceReader>>(absl::InvalidArgumentError("no file"))
          : TraceReader::Open(path, {});
  if (reader.ok()) {
    statistics->header = PrintableHeader((*reader)->header());
    statistics->stat.emplace(statistics->header.node_of_cpu);
    StatSink sink(*statistics->stat, progress);
    const absl::Status status = ReadSlt(**reader, sink);
    if (!status.ok()) return status;
  } else if (path == "-" || absl::IsInvalidArgument(reader.status())) {
    const absl::StatusOr<Recording> recording = FindRecording(path);
    if (!recording.ok()) return recording.status();
    statistics->stat.emplace(recording->sidecars.nodes.node_of_cpu);
    StatSink sink(*statistics->stat, progress);
    const absl::StatusOr<ImportSummary> summary =
        ImportTrace(*recording, {.keep_allocator_internal = true}, sink, statistics->header);
    if (!summary.ok()) return summary.status();
    statistics->header = PrintableHeader(std::move(statistics->header));
    // Otherwise a TraceWriter's to do.
    const StatTotals& read = statistics->stat->totals();
    statistics->header.lost_events = read.lost_events;
    statistics->header.lost_unknown =
        read.lost_unnumbered - std::min(read.lost_unnumbered, statistics->header.lost_covered);
  } else {
    return reader.status();
  }
  statistics->left_out = LeftOutTotals(statistics->header);
  statistics->kernel = KernelTotalsOf(statistics->header);
  statistics->totals = statistics->stat->totals();
  StatTotals& totals = statistics->totals;
  totals.bytes_requested += statistics->left_out.bytes_requested;
  totals.bytes_allocated += statistics->left_out.bytes_allocated;
  totals.bytes_freed += statistics->left_out.bytes_freed;
  totals.allocations += statistics->left_out.allocations;
  return absl::OkStatus();
}

struct Tables {
  std::vector<StatRow> by_caller, by_pointer, by_cache;
};

std::vector<StatRow> Cut(std::vector<StatRow> rows, size_t limit) {
  if (limit != 0 && rows.size() > limit) rows.resize(limit);
  return rows;
}

// The columns of perf kmem stat.
std::string TableText(std::string_view title, const std::vector<StatRow>& rows, size_t limit) {
  FittedTable table;
  table.AddColumn({{std::string(title)}, FittedTable::Column::kLeft});
  for (const char* column :
       {"Total_alloc", "Per", "Total_req", "Per", "Hit", "Ping-pong", "Frag"}) {
    table.AddColumn({{column}});
  }
  for (size_t i = 0; i < rows.size() && (limit == 0 || i < limit); ++i) {
    const StatRow& row = rows[i];
    table.AddRow({row.label, Grouped(row.bytes_allocated), Grouped(row.bytes_allocated / row.hits),
                  Grouped(row.bytes_requested), Grouped(row.bytes_requested / row.hits),
                  Grouped(row.hits), Grouped(row.pingpongs),
                  fmt::format("{:.3f}%", row.FragmentationPercent())});
  }
  std::string text = table.Text();
  if (limit != 0 && rows.size() > limit) {
    text += fmt::format("... {} more\n", Grouped(rows.size() - limit));
  }
  return text + '\n';
}

std::string LossText(const Statistics& statistics) {
  const std::string loss =
      LossSentence(statistics.header.lost_events, statistics.header.lost_unknown);
  return loss.empty() ? "" : fmt::format("LOST: {}: the figures are of the rest\n\n", loss);
}

std::string SummaryText(const Statistics& statistics) {
  const StatTotals& totals = statistics.totals;
  StatRow all;
  all.bytes_allocated = totals.bytes_allocated;
  all.bytes_requested = totals.bytes_requested;
  std::string text = "SUMMARY (SLAB allocator)\n========================\n";
  text += fmt::format("Total bytes requested: {}\n", totals.bytes_requested);
  text += fmt::format("Total bytes allocated: {}\n", totals.bytes_allocated);
  text += fmt::format("Total bytes freed:     {}\n", totals.bytes_freed);
  if (totals.bytes_allocated > totals.bytes_freed) {
    text +=
        fmt::format("Net total bytes allocated: {}\n", totals.bytes_allocated - totals.bytes_freed);
  }
  text += fmt::format("Total bytes wasted on internal fragmentation: {}\n",
                      totals.bytes_allocated - totals.bytes_requested);
  text += fmt::format("Internal fragmentation: {:.6f}%\n", all.FragmentationPercent());
  text += fmt::format("Cross CPU allocations: {}/{}\n", totals.cross_node_allocations,
                      totals.allocations);
  text += fmt::format("Frees: {}, of which on another CPU than the allocation: {}/{}\n",
                      totals.frees, totals.remote_frees, totals.known_frees);
  text += fmt::format("Frees of NULL: {}\n", totals.null_frees);
  if (statistics.left_out.allocations > 0) {
    text += fmt::format(
        "{} allocations of these are the recorded allocator's own: in the totals, as perf kmem "
        "counts\nthem, but left out of the trace and so of the tables\n",
        statistics.left_out.allocations);
  }
  const KernelTotals& kernel = statistics.kernel;
  if (kernel.allocations + kernel.frees > 0) {
    text += fmt::format("Counted by the kernel itself: {} allocations and {} frees",
                        kernel.allocations, kernel.frees);
    if (kernel.frees_by_rcu > 0) {
      text +=
          fmt::format(",\nand {} frees by kvfree_rcu, which have no event", kernel.frees_by_rcu);
    }
    text += "\n";
  }
  return text;
}

std::string JsonText(const std::string& path, const Statistics& statistics, const Tables& tables) {
  AllocationStatistics proto;
  const StatTotals& totals = statistics.totals;
  proto.set_trace(path);
  proto.set_bytes_requested(totals.bytes_requested);
  proto.set_bytes_allocated(totals.bytes_allocated);
  proto.set_bytes_freed(totals.bytes_freed);
  proto.set_allocations(totals.allocations);
  proto.set_cross_node_allocations(totals.cross_node_allocations);
  proto.set_frees(totals.frees);
  proto.set_remote_frees(totals.remote_frees);
  proto.set_null_frees(totals.null_frees);
  proto.set_lost_events(statistics.header.lost_events);
  proto.set_lost_unknown(statistics.header.lost_unknown);
  proto.set_left_out_allocations(statistics.left_out.allocations);
  proto.set_kernel_allocations(statistics.kernel.allocations);
  proto.set_kernel_frees(statistics.kernel.frees);
  proto.set_kernel_frees_by_rcu(statistics.kernel.frees_by_rcu);
  const auto add = [](const std::vector<StatRow>& rows, auto* repeated) {
    for (const StatRow& row : rows) {
      AllocationStatistics::Row* added = repeated->Add();
      added->set_label(row.label);
      added->set_bytes_allocated(row.bytes_allocated);
      added->set_bytes_requested(row.bytes_requested);
      added->set_hits(row.hits);
      added->set_pingpongs(row.pingpongs);
      added->set_fragmentation_percent(row.FragmentationPercent());
    }
  };
  add(tables.by_caller, proto.mutable_by_caller());
  add(tables.by_pointer, proto.mutable_by_pointer());
  add(tables.by_cache, proto.mutable_by_cache());
  MakePrintable(&proto);
  return MessageToJson(proto);
}

// One table of all rows.
std::string CsvText(const Tables& tables) {
  DataTable table{.name = "stat",
                  .keys = 2,
                  .columns = {"table", "name", "bytes_allocated", "bytes_requested", "hits",
                              "pingpongs", "fragmentation_percent"},
                  .rows = {}};
  const auto add = [&table](const std::string& of, const std::vector<StatRow>& rows) {
    for (const StatRow& row : rows) {
      table.rows.push_back({of, row.label, fmt::format("{}", row.bytes_allocated),
                            fmt::format("{}", row.bytes_requested), fmt::format("{}", row.hits),
                            fmt::format("{}", row.pingpongs),
                            fmt::format("{:.6f}", row.FragmentationPercent())});
    }
  };
  add("caller", tables.by_caller);
  add("pointer", tables.by_pointer);
  add("cache", tables.by_cache);
  return WideText(table, Delimiter::kComma);
}

absl::Status Run(const std::string& path) {
  const absl::StatusOr<Format> format = FormatAmong(kFormats);
  if (!format.ok()) return format.status();
  const absl::StatusOr<StatOrder> order = ParseStatOrder(absl::GetFlag(FLAGS_sort));
  if (!order.ok()) return order.status();
  Statistics statistics;
  const absl::Status status = Gather(path, &statistics);
  if (!status.ok()) return status;
  const bool asks_for_none =
      !absl::GetFlag(FLAGS_caller) && !absl::GetFlag(FLAGS_alloc) && !absl::GetFlag(FLAGS_cache);
  Tables tables;
  if (absl::GetFlag(FLAGS_caller)) {
    tables.by_caller = statistics.stat->ByCaller(statistics.header, *order);
  }
  if (absl::GetFlag(FLAGS_alloc)) tables.by_pointer = statistics.stat->ByPointer(*order);
  if (absl::GetFlag(FLAGS_cache) || asks_for_none) {
    tables.by_cache = statistics.stat->ByCache(statistics.header, *order);
  }
  const size_t limit = absl::GetFlag(FLAGS_limit).value_or(asks_for_none ? 20 : 0);
  if (*format == Format::kText) {
    Print(stdout, "{}", LossText(statistics));
    if (!tables.by_caller.empty())
      Print(stdout, "{}", TableText("Callsite", tables.by_caller, limit));
    if (!tables.by_pointer.empty()) {
      Print(stdout, "{}", TableText("Alloc Ptr", tables.by_pointer, limit));
    }
    if (!tables.by_cache.empty()) Print(stdout, "{}", TableText("Cache", tables.by_cache, limit));
    Print(stdout, "{}", SummaryText(statistics));
    return absl::OkStatus();
  }
  tables = {Cut(std::move(tables.by_caller), limit), Cut(std::move(tables.by_pointer), limit),
            Cut(std::move(tables.by_cache), limit)};
  Print(stdout, "{}",
        *format == Format::kJson ? JsonText(path, statistics, tables) : CsvText(tables));
  return absl::OkStatus();
}

int RunTraceStat(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) {
    return Fail(absl::InvalidArgumentError("trace stat takes one trace or recording"));
  }
  const absl::StatusOr<std::string> path = FindTrace(arguments[0]);
  if (!path.ok()) return Fail(path.status());
  const absl::Status status = Run(*path);
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace

extern const Command kTraceStatCommand = {
    .name = "trace stat",
    .synopsis = "TRACE",
    .summary =
        "Shows what was allocated, as perf kmem stat does: totals, by call site, address and "
        "cache.",
    .flags = kFlags,
    .formats = kFormats,
    .run = RunTraceStat,
};

}  // namespace slablab
