// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/output/import_report.h"

#include <filesystem>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/printable.h"
#include "cli/output/wrap.h"
#include "fmt/format.h"
#include "reports/numbers.h"
#include "runs/experiments/printable.h"
#include "traces/sidecar/recorded_topology.h"

namespace slablab {
namespace {

// As a run counts them: a recording's numbers of CPUs may have gaps.
RecordedTopology TopologyOfTrace(const TraceHeader& header, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      TraceReader::Open(path, {.addresses = false});
  if (reader.ok()) return TopologyOf(header, (*reader)->blocks(), /*asked_nodes=*/{});
  // Of /dev/null nothing can be read.
  RecordedTopology topology = TopologyOf(header, /*blocks=*/{}, /*asked_nodes=*/{});
  if (!topology.complete) topology.cpus.resize(static_cast<size_t>(header.cpu_count));
  return topology;
}

}  // namespace

std::string ImportReport(const TraceHeader& unprintable, const std::string& output,
                         const std::string& sidecars_from) {
  const TraceHeader header = PrintableHeader(unprintable);
  const RecordedTopology topology = TopologyOfTrace(unprintable, output);
  std::string report = fmt::format("{}: {} events of {} objects, {}", Printable(output),
                                   header.event_count, header.object_count,
                                   Counted(topology.cpus.size(), "CPU", "CPUs"));
  if (!topology.nodes.empty()) {
    report += fmt::format(" on {}", Counted(topology.nodes.size(), "node", "nodes"));
  }
  report +=
      fmt::format(", {:.3f} s\n", static_cast<double>(header.time_last - header.time_first) / 1e9);
  report +=
      fmt::format("from {} ({}), kernel {}, clock {}\n", header.source_name, header.source_format,
                  header.kernel_release.empty() ? "unknown" : header.kernel_release,
                  header.clock.empty() ? "unknown" : header.clock);
  const std::string loss = LossSentence(header.lost_events, header.lost_unknown);
  if (!loss.empty()) report += fmt::format("LOST: {}\n", loss);
  constexpr size_t kIndent = 14;
  if (!header.sidecars.empty()) {
    std::vector<std::string> names;
    for (const TraceSidecar& sidecar : header.sidecars) names.push_back(sidecar.name);
    AppendRow(
        &report, "with",
        fmt::format("{} of {}", fmt::join(names, ", "),
                    Printable(std::filesystem::path(sidecars_from).lexically_normal().string())),
        kIndent);
  }
  if (!header.repairs.empty()) report += "\nRepairs\n";
  for (const TraceRepair& repair : header.repairs) {
    AppendRow(&report, fmt::format("{:>10}  {}", repair.count, repair.name), Explain(repair),
              kIndent);
  }
  if (!header.assumptions.empty()) report += "\nNotes\n";
  for (const std::string& assumption : header.assumptions) {
    AppendRow(&report, "-", assumption, 5);
  }
  return report;
}

}  // namespace slablab
