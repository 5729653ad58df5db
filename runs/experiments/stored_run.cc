// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/stored_run.h"

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "reports/result_io.h"
#include "runs/recorded/bundled_traces.h"
#include "runs/simulation/run_echo.h"
#include "runs/simulation/run_spec.h"
#include "sim/machine/machine_loader.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::string> TraceOf(const std::string& result_path, const RunResult& result,
                                    const std::string& given) {
  std::vector<std::string> candidates = {
      (fs::path(result_path).parent_path() / result.config().trace()).string(),
      result.config().trace()};
  if (const absl::StatusOr<std::string> bundled = FindTrace(result.config().trace());
      bundled.ok()) {
    candidates.push_back(*bundled);
  }
  if (!given.empty()) {
    const absl::StatusOr<std::string> found = FindTrace(given);
    if (!found.ok()) return found.status();
    candidates = {*found};
  }
  for (const std::string& path : candidates) {
    if (std::error_code error; !fs::exists(path, error)) continue;
    const absl::StatusOr<std::unique_ptr<TraceReader>> reader =
        TraceReader::Open(path, TraceReader::Options());
    if (!reader.ok()) return reader.status();
    if ((*reader)->header().events_digest == result.digests().trace()) return path;
    return absl::InvalidArgumentError(
        fmt::format("{}: not the trace that {} is of: its events are others", path, result_path));
  }
  return absl::InvalidArgumentError(fmt::format("{}: where is its trace {}? --trace=FILE says",
                                                result_path, result.config().trace()));
}

SourcesSpec SourcesOf(const MachineReport& machine) {
  SourcesSpec sources;
  sources.set_topology(machine.topology_source());
  sources.set_caches(machine.caches_source());
  sources.set_clock(machine.clock_source());
  sources.set_memory(machine.memory_source());
  sources.set_latencies(machine.latencies_source());
  return sources;
}

}  // namespace

absl::StatusOr<SimulationOptions> StoredRun(const std::string& path, const RunSpec& otherwise) {
  const absl::StatusOr<RunResult> result = ReadResult(path);
  if (!result.ok()) return result.status();
  const RunConfig& config = result->config();
  RunSpec over = otherwise;
  over.clear_trace();  // Says where it is, not which.
  RunSpec run = Overlaid(RunOf(config), over);
  if (run.workload().empty()) {
    absl::StatusOr<std::string> trace = TraceOf(path, *result, otherwise.trace());
    if (!trace.ok()) return trace.status();
    run.set_trace(*std::move(trace));
  }
  SimulationOptions options;
  for (const RunSwitch& each : Switches()) {
    if (!IsSet(run, each)) continue;
    const absl::Status status = SetRunSwitch(each.name(), SwitchText(run, each), &options.run);
    if (!status.ok()) {
      return absl::InvalidArgumentError(fmt::format("{}: {}", path, std::string(status.message())));
    }
  }
  options.allocator_of_kernel =
      !result->kernel_match().asked().empty() && !otherwise.has_allocator();
  // The workload's parameters have the values in it that they had.
  if (!config.workload().empty() && !otherwise.has_workload()) {
    options.workload_textproto = config.workload_textproto();
  }
  if (!config.scenario().empty() && !otherwise.has_scenario()) {
    options.scenario_textproto = config.scenario_textproto();
  }
  if (otherwise.has_machine()) return options;
  absl::StatusOr<MachineConfig> machine =
      MachineFromTextproto(config.machine_textproto(), path + " (machine)");
  if (!machine.ok()) return machine.status();
  options.machine_config = *std::move(machine);
  options.machine_sources = SourcesOf(result->machine());
  return options;
}

}  // namespace slablab
