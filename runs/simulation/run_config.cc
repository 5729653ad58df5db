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
#include "runs/simulation/version.h"
#include "sim/machine/machine_loader.h"

namespace slablab {

namespace {

std::string_view PlacementName(CpuPlacement placement) {
  switch (placement) {
    case CpuPlacement::kRecorded:
      return "recorded";
    case CpuPlacement::kSpread:
      return "spread";
    case CpuPlacement::kPack:
      return "pack";
  }
  CHECK(false);
}

}  // namespace

void FillConfig(const SimulationOptions& options, const MachineConfig& machine, RunConfig& config) {
  config.set_slablab_version(std::string(kVersion));
  config.set_allocator(options.allocator);
  config.set_machine(machine.name);
  std::string textproto;
  google::protobuf::TextFormat::PrintToString(EffectiveSpec(machine), &textproto);
  config.set_machine_textproto(textproto);
  config.set_trace(std::filesystem::path(options.trace_path).filename().string());
  config.set_scenario(std::filesystem::path(options.scenario_path).filename().string());
  config.set_order(options.order == RunOrder::kClosed ? "closed" : "recorded");
  config.set_placement(std::string(PlacementName(options.replay.placement)));
  config.set_scale(options.scale);
  config.set_start(options.warm_start.value_or(false) ? "warm" : "cold");
  config.set_seed(options.allocator_options.seed);
  config.set_merge_caches(options.allocator_options.merge_caches);
  config.set_statistics(options.allocator_options.statistics);
  for (const std::string& quirk : options.allocator_options.quirks) config.add_quirks(quirk);
  const std::vector<std::string>& policies = options.allocator_options.policies;
  for (PolicyChange& change : PolicyChanges(options.allocator, policies)) {
    PolicyValue& policy = *config.add_policies();
    policy.set_name(std::move(change.name));
    policy.set_value(std::move(change.value));
    policy.set_own(std::move(change.own));
  }
  config.set_pressure_interval_us(options.pressure_interval_us);
  config.set_spread_slab(options.allocator_options.spread_slab);
  config.set_boot(options.allocator_options.boot);
  config.set_possible_nodes(options.allocator_options.possible_nodes);
  if (!IsPercpuAllocator(options.allocator)) {
    config.set_percpu(options.allocator_options.percpu);
    for (const std::string& quirk : options.allocator_options.percpu_quirks) {
      config.add_percpu_quirks(quirk);
    }
  }
  config.set_object_touch_bytes_max(options.replay.object_touch_bytes_max);
  config.set_cpus(machine.cpu_count());
  config.set_nodes(machine.node_count());
  config.set_clock_mhz(machine.clock_mhz);
  config.set_events_max(options.replay.events_max);
  for (const TunableSetting& tunable : options.tunables) {
    NamedValue& value = *config.add_tunables();
    value.set_name(tunable.cache.empty() ? tunable.key
                                         : absl::StrCat(tunable.cache, ":", tunable.key));
    value.set_value(tunable.value);
  }
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
  digested.set_allocator(std::string(DigestedName(config.allocator())));
  std::string bytes;
  google::protobuf::TextFormat::PrintToString(digested, &bytes);
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
