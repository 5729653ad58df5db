// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_join.h"
#include "cli/command.h"
#include "cli/commands/trace_info.pb.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/wrap.h"
#include "cli/trace_selection.h"
#include "fmt/format.h"
#include "reports/message_json.h"
#include "reports/numbers.h"
#include "runs/experiments/printable.h"
#include "traces/sidecar/kernel_counters.h"
#include "traces/sidecar/recorded_topology.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {"format", "salvage"};
constexpr Format kFormats[] = {Format::kText, Format::kJson};

constexpr size_t kIndent = 14;

void AddTables(const TraceHeader& header, cli::TraceInfo* info) {
  // Entry 0 of each table is the unknown one.
  info->set_call_sites(header.call_sites.size() - 1);
  info->set_gfp_flags(header.gfp_flags.size() - 1);
  info->set_caches(header.caches.size() - 1);
  info->set_caches_from_sidecar(static_cast<uint64_t>(
      std::count_if(header.caches.begin(), header.caches.end(),
                    [](const TraceCache& cache) { return cache.from_sidecar; })));
  info->set_tasks(header.tasks.size());
  for (const TraceRepair& repair : header.repairs) {
    cli::TraceInfo::Repair* added = info->add_repairs();
    added->set_name(Printable(repair.name));
    added->set_count(repair.count);
    added->set_explanation(Printable(repair.explanation));
    for (const TraceRepair::Part& part : repair.parts) {
      cli::TraceInfo::Part* each = added->add_parts();
      each->set_name(Printable(part.name));
      each->set_count(part.count);
    }
  }
  for (const std::string& text : header.assumptions) info->add_assumptions(Printable(text));
  for (const TraceSidecar& sidecar : header.sidecars) {
    cli::TraceInfo::Sidecar* added = info->add_sidecars();
    added->set_name(Printable(sidecar.name));
    added->set_bytes(sidecar.contents.size());
  }
}

void AddBlocks(const TraceReader& reader, cli::TraceInfo* info) {
  uint64_t block_bytes = 0;
  for (const TraceBlock& block : reader.blocks()) {
    block_bytes += block.bytes;
    cli::TraceInfo::Block* added = info->add_blocks();
    added->set_offset(block.offset);
    added->set_bytes(block.bytes);
    added->set_event_first(block.event_first);
    added->set_event_count(block.event_count);
    added->set_object_first(block.object_first);
    added->set_live_first(block.live_first);
    added->set_time_first_ns(block.time_first);
    added->set_time_last_ns(block.time_last);
  }
  info->set_file_bytes(reader.file_bytes());
  info->set_block_bytes(block_bytes);
  if (info->event_count() > 0) {
    info->set_bytes_per_event(static_cast<double>(block_bytes) /
                              static_cast<double>(info->event_count()));
  }
}

void AddTopology(const RecordedTopology& topology, cli::TraceInfo* info) {
  info->set_cpu_count(static_cast<int32_t>(topology.cpus.size()));
  if (!topology.complete) {
    info->set_cpus_with_events(info->cpu_count());
    return;
  }
  info->set_node_count(static_cast<int32_t>(topology.nodes.size()));
  for (const int32_t node : topology.nodes) info->add_nodes(node);
  for (size_t rank = 0; rank < topology.cpus.size(); ++rank) {
    while (info->node_of_cpu_size() < topology.cpus[rank]) info->add_node_of_cpu(-1);
    info->add_node_of_cpu(topology.nodes[static_cast<size_t>(topology.node_of_cpu[rank])]);
  }
}

void AddGrowth(std::string_view counter, int64_t growth, cli::TraceInfo::Growth* added) {
  added->set_counter(std::string(counter));
  added->set_growth(growth);
}

// A sidecar that cannot be read says nothing here: whoever needs it says what is wrong with it.
void AddKernelCounters(const TraceHeader& header, cli::TraceInfo* info) {
  const absl::StatusOr<std::optional<KernelCounters>> read = KernelCounters::Of(header);
  if (!read.ok() || !read->has_value()) return;
  const KernelCounters& kernel = **read;
  for (const std::string_view name : kernel.names()) {
    if (const int64_t total = kernel.Total(name); total != 0) {
      AddGrowth(name, total, info->add_kernel_counters());
    }
  }
  std::vector<const KernelCounters::Cache*> caches;
  for (const KernelCounters::Cache& cache : kernel.caches()) {
    if (kernel.Allocations(cache) + kernel.Frees(cache) > 0) caches.push_back(&cache);
  }
  std::stable_sort(caches.begin(), caches.end(), [&](const auto* a, const auto* b) {
    return kernel.Allocations(*a) > kernel.Allocations(*b);
  });
  for (const KernelCounters::Cache* cache : caches) {
    cli::TraceInfo::CountedCache* added = info->add_kernel_caches();
    added->set_cache(Printable(cache->name));
    added->set_slabs(cache->slabs);
    for (const std::string_view name : kernel.names()) {
      if (const int64_t growth = kernel.Of(*cache, name); growth != 0) {
        AddGrowth(name, growth, added->add_counters());
      }
    }
  }
}

cli::TraceInfo InfoOf(const std::string& path, const TraceReader& reader) {
  const TraceHeader& header = reader.header();
  cli::TraceInfo info;
  info.set_trace(Printable(path));
  info.set_kernel_release(Printable(header.kernel_release));
  info.set_clock(Printable(header.clock));
  info.set_source_format(Printable(header.source_format));
  info.set_source_name(Printable(header.source_name));
  info.set_addresses(header.addresses == AddressKind::kReal ? "real" : "hashed");
  info.set_direct_map_base(fmt::format("{:#x}", header.direct_map_base));
  AddTopology(TopologyOf(header, reader.blocks(), /*asked_nodes=*/{}), &info);
  info.set_event_count(header.event_count);
  info.set_object_count(header.object_count);
  info.set_lost_events(header.lost_events);
  info.set_lost_unknown(header.lost_unknown);
  info.set_time_first_ns(header.time_first);
  info.set_time_last_ns(header.time_last);
  info.set_events_digest(fmt::format("{:016x}", header.events_digest));
  for (int kind = 0; kind < kEventKinds; ++kind) {
    if (header.events_by_kind[kind] == 0) continue;
    cli::TraceInfo::KindCount* added = info.add_events_by_kind();
    added->set_kind(std::string(EventKindName(static_cast<EventKind>(kind))));
    added->set_events(header.events_by_kind[kind]);
  }
  AddTables(header, &info);
  AddKernelCounters(header, &info);
  AddBlocks(reader, &info);
  for (const std::string& message : reader.damage().messages) info.add_damage(message);
  return info;
}

std::string OrUnknown(const std::string& text) { return text.empty() ? "unknown" : text; }

std::string Seconds(uint64_t ns) {
  return fmt::format("{}.{:09}", ns / 1'000'000'000, ns % 1'000'000'000);
}

// "0-3", of the CPUs of one node.
std::string CpusOf(const cli::TraceInfo& info, int32_t node) {
  std::vector<std::string> ranges;
  for (int cpu = 0; cpu < info.node_of_cpu_size(); ++cpu) {
    if (info.node_of_cpu(cpu) != node) continue;
    int last = cpu;
    while (last + 1 < info.node_of_cpu_size() && info.node_of_cpu(last + 1) == node) ++last;
    ranges.push_back(last == cpu ? fmt::format("{}", cpu) : fmt::format("{}-{}", cpu, last));
    cpu = last;
  }
  return ranges.empty() ? "none" : absl::StrJoin(ranges, ",");
}

std::string MachineText(const cli::TraceInfo& info) {
  std::string text = Counted(info.cpu_count(), "CPU", "CPUs");
  if (info.node_count() == 0) return text;
  text += " on " + Counted(info.node_count(), "node", "nodes");
  for (int i = 0; i < info.nodes_size(); ++i) {
    text += fmt::format("{} node {}: {}", i == 0 ? ";" : ",", info.nodes(i),
                        CpusOf(info, info.nodes(i)));
  }
  return text;
}

int64_t GrowthOf(const cli::TraceInfo::CountedCache& cache, std::string_view counter) {
  for (const auto& each : cache.counters()) {
    if (each.counter() == counter) return each.growth();
  }
  return 0;
}

void AppendKernelCounters(const cli::TraceInfo& info, std::string* text) {
  if (info.kernel_counters_size() == 0) return;
  *text += "\nThe kernel's own counters, growth over the recording\n";
  for (const auto& each : info.kernel_counters()) {
    AppendRow(text, fmt::format("{:>10}", each.growth()), each.counter(), kIndent);
  }
  constexpr int kShown = 10;
  *text += fmt::format("\n{:<27}{:>10}{:>9}{:>10}{:>9}{:>8}{:>7}\n", "Busiest caches", "alloc fast",
                       "slow", "free fast", "slow", "by RCU", "slabs");
  for (int i = 0; i < std::min(info.kernel_caches_size(), kShown); ++i) {
    const cli::TraceInfo::CountedCache& cache = info.kernel_caches(i);
    const int64_t by_rcu =
        GrowthOf(cache, "free_rcu_sheaf") + GrowthOf(cache, "free_rcu_sheaf_fail");
    *text += fmt::format("{:<27.26}{:>10}{:>9}{:>10}{:>9}{:>8}{:>7}\n", cache.cache(),
                         GrowthOf(cache, "alloc_fastpath"), GrowthOf(cache, "alloc_slowpath"),
                         GrowthOf(cache, "free_fastpath"), GrowthOf(cache, "free_slowpath"), by_rcu,
                         cache.slabs());
  }
  if (info.kernel_caches_size() > kShown) {
    *text += fmt::format("... {} more\n", info.kernel_caches_size() - kShown);
  }
}

void AppendCounts(const cli::TraceInfo& info, std::string* text) {
  *text += "\nEvents\n";
  for (const auto& kind : info.events_by_kind()) {
    AppendRow(text, fmt::format("{:>10}", kind.events()), kind.kind(), kIndent);
  }
  if (info.repairs_size() > 0) *text += "\nRepairs\n";
  for (const auto& repair : info.repairs()) {
    TraceRepair told = {repair.name(), repair.count(), repair.explanation(), {}};
    for (const auto& part : repair.parts()) told.parts.push_back({part.name(), part.count()});
    AppendRow(text, fmt::format("{:>10}  {}", told.count, told.name), Explain(told), kIndent);
  }
  if (info.assumptions_size() > 0) *text += "\nNotes\n";
  for (const std::string& assumption : info.assumptions()) AppendRow(text, "-", assumption, 5);
  AppendKernelCounters(info, text);
  if (info.sidecars_size() > 0) *text += "\nSidecars, bytes\n";
  for (const auto& sidecar : info.sidecars()) {
    AppendRow(text, fmt::format("{:>10}", sidecar.bytes()), sidecar.name(), kIndent);
  }
}

std::string InfoText(const cli::TraceInfo& info) {
  std::string text = fmt::format("{}: {} events of {} objects, {} bytes\n", info.trace(),
                                 info.event_count(), info.object_count(), info.file_bytes());
  const auto row = [&text](std::string_view name, const std::string& value) {
    AppendRow(&text, name, value, kIndent);
  };
  row("kernel", OrUnknown(info.kernel_release()));
  row("clock", OrUnknown(info.clock()));
  row("source",
      fmt::format("{} ({})", OrUnknown(info.source_name()), OrUnknown(info.source_format())));
  row("machine", MachineText(info));
  row("addresses", info.addresses() + (info.direct_map_base() == "0x0"
                                           ? std::string()
                                           : ", direct map from " + info.direct_map_base()));
  row("times", fmt::format("{} to {} s, {} s in all", Seconds(info.time_first_ns()),
                           Seconds(info.time_last_ns()),
                           Seconds(info.time_last_ns() - info.time_first_ns())));
  row("names", fmt::format("{} call sites, {} gfp flags, {} caches ({} known from sidecars), "
                           "{} tasks' names",
                           info.call_sites(), info.gfp_flags(), info.caches(),
                           info.caches_from_sidecar(), info.tasks()));
  row("blocks", fmt::format("{} of {} bytes, {:.2f} bytes an event; {} bytes besides",
                            info.blocks_size(), info.block_bytes(), info.bytes_per_event(),
                            info.file_bytes() - info.block_bytes()));
  const std::string loss = LossSentence(info.lost_events(), info.lost_unknown());
  row("lost", loss.empty() ? "no event, as far as the recording tells" : loss);
  row("digest", info.events_digest());
  AppendCounts(info, &text);
  return text;
}

// Reads every block to its end, which checks checksums and contents.
absl::Status ReadAll(TraceReader& reader) {
  std::array<Event, 4096> events;
  for (;;) {
    const absl::StatusOr<size_t> count = reader.Read(absl::MakeSpan(events));
    if (!count.ok()) return count.status();
    if (*count == 0) return absl::OkStatus();
  }
}

int RunTraceInfo(const std::vector<std::string>& arguments) {
  const absl::StatusOr<std::string> path = OnlyTrace("trace info", arguments);
  if (!path.ok()) return Fail(path.status());
  const absl::StatusOr<Format> format = FormatAmong(kFormats);
  if (!format.ok()) return Fail(format.status());
  const absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      OpenTrace(*path, {.salvage = absl::GetFlag(FLAGS_salvage)});
  if (!reader.ok()) return Fail(reader.status());
  if (absl::Status status = ReadAll(**reader); !status.ok()) return Fail(status);
  const cli::TraceInfo info = InfoOf(*path, **reader);
  Print(stdout, "{}", *format == Format::kJson ? MessageToJson(info) : InfoText(info));
  return kExitOk;
}

}  // namespace

extern const Command kTraceInfoCommand = {
    .name = "trace info",
    .synopsis = "TRACE",
    .summary = "Shows what a trace holds: machine, events, repairs, sidecars, size.",
    .flags = kFlags,
    .formats = kFormats,
    .run = RunTraceInfo,
};

}  // namespace slablab
