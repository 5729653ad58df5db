// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/run_config.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "allocators/percpu/registry.h"
#include "allocators/switches.h"
#include "base/digest.h"
#include "google/protobuf/text_format.h"
#include "runs/simulation/model_choice.h"
#include "runs/simulation/run_echo.h"
#include "runs/simulation/version.h"
#include "sim/machine/machine_loader.h"

namespace slablab {

namespace {

std::string FileName(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

// The run as it is done: files by their names alone, and what was left open decided.
RunSpec AsDone(const SimulationOptions& options, const MachineConfig& machine,
               const std::string& workload) {
  RunSpec run = options.run;
  const bool closed = IsClosed(run);
  if (run.has_trace()) run.set_trace(FileName(run.trace()));
  if (run.has_scenario()) run.set_scenario(FileName(run.scenario()));
  if (!workload.empty()) run.set_workload(workload);
  run.set_machine(machine.name);
  run.set_order(closed ? "closed" : "recorded");
  run.set_start(StartsWarm(run) ? "warm" : "cold");
  run.clear_balance();
  if (closed) run.set_balance(TasksMove(options.run) ? "on" : "off");
  run.clear_policy();
  for (const PolicyChange& change : PolicyChanges(run.allocator(), WordsOf(options.run.policy()))) {
    run.add_policy(absl::StrCat(change.name, "=", change.value));
  }
  if (IsPercpuAllocator(run.allocator())) {
    run.clear_percpu();
    run.clear_percpu_quirks();
  }
  return run;
}

}  // namespace

void FillConfig(const SimulationOptions& options, const MachineConfig& machine,
                const std::string& workload, RunConfig& config) {
  RunSpec& run = *config.mutable_run();
  run = AsDone(options, machine, workload);
  FillReported(run, &config);
  const std::vector<PolicyChange> changes =
      PolicyChanges(run.allocator(), WordsOf(options.run.policy()));
  for (size_t i = 0; i < changes.size(); ++i) {
    config.mutable_policies(static_cast<int>(i))->set_own(changes[i].own);
  }
  config.set_slablab_version(std::string(kVersion));
  std::string textproto;
  google::protobuf::TextFormat::PrintToString(EffectiveSpec(machine), &textproto);
  config.set_machine_textproto(textproto);
  config.set_cpus(machine.cpu_count());
  config.set_nodes(machine.node_count());
  config.set_clock_mhz(machine.clock_mhz);
}

void FillMachine(const SourcedMachine& machine, MachineReport& report) {
  report.set_llc_bytes(machine.config.llc.size_bytes);
  uint64_t least = std::numeric_limits<uint64_t>::max();
  uint64_t most = 0;
  for (const NodeMemory& node : machine.config.memory) {
    least = std::min<uint64_t>(least, node.bytes());
    most = std::max<uint64_t>(most, node.bytes());
  }
  report.set_memory_bytes_least(least);
  report.set_memory_bytes_most(most);
  report.set_topology_source(machine.sources.topology());
  report.set_caches_source(machine.sources.caches());
  report.set_clock_source(machine.sources.clock());
  report.set_memory_source(machine.sources.memory());
  report.set_latencies_source(machine.sources.latencies());
}

void FillPlaces(const RecordedPlaces& places, uint64_t allocations_folded, PlacesReport& report) {
  report.set_cpus(static_cast<uint32_t>(places.recorded().cpus.size()));
  report.set_nodes(static_cast<uint32_t>(places.recorded().nodes.size()));
  report.set_cpus_folded(static_cast<uint32_t>(places.cpus_folded()));
  report.set_nodes_folded(static_cast<uint32_t>(places.nodes_folded()));
  report.set_allocations_folded(allocations_folded);
}

uint64_t DigestOfConfig(const RunConfig& config) {
  RunConfig digested = config;
  digested.clear_run();
  digested.set_allocator(std::string(DigestedName(config.allocator())));
  std::string bytes;
  google::protobuf::TextFormat::PrintToString(digested, &bytes);
  const RunSpec defaults = WithDefaults(RunSpec());
  for (const RunSwitch& each : Switches()) {
    if (!each.flag->reported().empty() || each.flag->undigested()) continue;
    const std::string text = SwitchText(config.run(), each);
    if (text != SwitchText(defaults, each)) bytes += each.field->name() + "=" + text + "\n";
  }
  Digest digest;
  digest.AddString(bytes);
  return digest.value();
}

absl::Status WriteTunables(const std::vector<TunableSetting>& tunables, Machine& machine,
                           Allocator& allocator) {
  absl::Status status;
  for (const TunableSetting& tunable : tunables) {
    if (IsBootParameter(allocator.name(), tunable.key)) continue;
    machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
      status = co_await WriteTunable(cpu, allocator, tunable);
    });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace slablab
