// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/recording_check.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/interrupt.h"
#include "base/left_behind.h"
#include "fmt/format.h"
#include "runs/recorded/recorded_machine.h"
#include "runs/simulation/simulation.h"
#include "sim/machine/machine_config.h"
#include "traces/import/import_trace.h"
#include "traces/sidecar/recorded_topology.h"
#include "traces/sidecar/sidecar.h"
#include "traces/slt/trace.h"

namespace slablab {

namespace {

namespace fs = std::filesystem;

// In hundredths of a per cent.
constexpr int64_t kShareTolerance = 200;
constexpr uint64_t kMibDefault = 512;

// A folder for a trace that is needed only for a while.
class TemporaryFolder {
 public:
  static absl::StatusOr<TemporaryFolder> Create() {
    absl::StatusOr<std::unique_ptr<UndoRecord>> record = UndoRecord::Begin();
    if (!record.ok()) return record.status();
    absl::StatusOr<std::string> path = MakeTemporaryFolder("verify", **record);
    if (!path.ok()) return path.status();
    return TemporaryFolder(*std::move(path), *std::move(record));
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept
      : path_(std::exchange(other.path_, "")), record_(std::move(other.record_)) {}
  ~TemporaryFolder() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  std::string File(const std::string& name) const { return (fs::path(path_) / name).string(); }

 private:
  TemporaryFolder(std::string path, std::unique_ptr<UndoRecord> record)
      : path_(std::move(path)), record_(std::move(record)) {}
  std::string path_;
  std::unique_ptr<UndoRecord> record_;
};

absl::Status ImportTo(const std::string& folder, const std::string& output) {
  const absl::StatusOr<Recording> recording = FindRecording(folder);
  if (!recording.ok()) return recording.status();
  absl::StatusOr<std::unique_ptr<TraceWriter>> writer =
      TraceWriter::Create(output, {.zstd_level = 1});
  if (!writer.ok()) return writer.status();
  const absl::StatusOr<ImportSummary> summary =
      ImportTrace(*recording, {.interrupted = InterruptRequested}, **writer, (*writer)->header());
  if (!summary.ok()) return summary.status();
  return (*writer)->Finish();
}

// As much memory as the node with the most had, whole MiB.
absl::StatusOr<uint64_t> MibPerNode(const TraceHeader& trace) {
  const TraceSidecar* sidecar = nullptr;
  for (const char* name : {"zoneinfo.boot", "zoneinfo.before", "zoneinfo.after"}) {
    if (sidecar == nullptr) sidecar = trace.FindSidecar(name);
  }
  if (sidecar == nullptr) return kMibDefault;
  const absl::StatusOr<std::vector<ZoneInfo>> zones =
      ParseZoneinfo(sidecar->contents, sidecar->name);
  if (!zones.ok()) return zones.status();
  std::vector<uint64_t> pages(kRecordedNodesMax);
  for (const ZoneInfo& zone : *zones) {
    const auto present = zone.values.find("present");
    if (present == zone.values.end() || zone.node < 0 || zone.node >= kRecordedNodesMax) continue;
    pages[static_cast<size_t>(zone.node)] +=
        static_cast<uint64_t>(std::max<int64_t>(present->second, 0));
  }
  const uint64_t most = *std::max_element(pages.begin(), pages.end());
  return most == 0 ? kMibDefault : (most + 255) / 256;
}

// In the reference runs' terms, not those of the machine "recorded": what it has beside them (a
// tick, fallback by distance) the kernels' runs did not have.
absl::StatusOr<MachineConfig> RecordedReferenceMachine(const TraceReader& reader) {
  const TraceHeader& trace = reader.header();
  const RecordedTopology recorded = TopologyOf(trace, reader.blocks(), /*asked_nodes=*/{});
  const absl::StatusOr<uint64_t> mib = MibPerNode(trace);
  if (!mib.ok()) return mib.status();
  const int cpus = std::clamp(static_cast<int>(recorded.cpus.size()), 1, kMaxCpus);
  const int nodes =
      std::clamp(static_cast<int>(recorded.nodes.size()), 1, std::min(kMaxNodes, cpus));
  const int cpus_per_node = (cpus + nodes - 1) / nodes;
  MachineConfig machine = ReferenceMachine({.cpus = cpus,
                                            .nodes = (cpus + cpus_per_node - 1) / cpus_per_node,
                                            .cpus_per_node = cpus_per_node,
                                            .mib_per_node = *mib});
  machine.name = "as recorded";
  return machine;
}

}  // namespace

bool IsRecording(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) || fs::path(path).extension() == ".slt";
}

absl::StatusOr<RunResult> ReplayRecording(const std::string& path) {
  const absl::StatusOr<TemporaryFolder> folder = TemporaryFolder::Create();
  if (!folder.ok()) return folder.status();
  SimulationOptions options;
  options.run.set_trace(path);
  std::error_code error;
  if (fs::is_directory(path, error)) {
    options.run.set_trace(folder->File("recording.slt"));
    if (absl::Status status = ImportTo(path, options.run.trace()); !status.ok()) return status;
  }
  const absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      TraceReader::Open(options.run.trace(), {});
  if (!reader.ok()) return reader.status();
  absl::StatusOr<MachineConfig> machine = RecordedReferenceMachine(**reader);
  if (!machine.ok()) return machine.status();
  options.machine_config = *std::move(machine);
  const absl::StatusOr<std::vector<std::string>> quirks = RecordedQuirks((*reader)->header());
  if (!quirks.ok()) return quirks.status();
  for (const std::string& quirk : *quirks) options.run.add_quirks(quirk);
  absl::StatusOr<RunResult> result =
      Simulate(options, {.progress = nullptr, .stop = InterruptRequested});
  if (!result.ok() || result->has_kernel()) return result;
  return absl::InvalidArgumentError(
      absl::StrCat(path,
                   ": it has no counters of SLUB from before and after the recording "
                   "(sys-kernel-slab.before and .after with CONFIG_SLUB_STATS) to compare "
                   "with"));
}

Conformance JudgeRecording(const RunResult& result, const std::string& path) {
  Conformance conformance;
  for (const FastPathComparison& shares : result.kernel().fast_paths()) {
    if (shares.operations() == 0) continue;
    const auto hundredths = [&shares](uint64_t fast) {
      return static_cast<int64_t>(static_cast<unsigned __int128>(fast) * 10000 /
                                  shares.operations());
    };
    const int64_t kernel = hundredths(shares.kernel_fast());
    const int64_t simulated = hundredths(shares.simulated_fast());
    const bool agrees = std::abs(simulated - kernel) <= kShareTolerance;
    conformance.figures.Add(agrees);
    if (agrees) continue;
    conformance.Note(fmt::format(
        "{}: {}: {}.{:02}% of the kernel's took a fast path, {}.{:02}% of the simulated\n", path,
        shares.operation() == "alloc" ? "allocations" : "frees", kernel / 100, kernel % 100,
        simulated / 100, simulated % 100));
  }
  return conformance;
}

}  // namespace slablab
