// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/recorded/recorded_machine.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "traces/sidecar/sidecar.h"

namespace slablab {
namespace {

constexpr char kLstopo[] = "lstopo.xml";

// The recording's topology in the numbers of hwloc's.
RecordedTopology NumbersOf(const Topology& lstopo) {
  RecordedTopology recorded;
  recorded.complete = true;
  recorded.cpus = lstopo.cpu_numbers;
  recorded.nodes = lstopo.node_numbers;
  for (const CpuPlace& place : lstopo.cpus) recorded.node_of_cpu.push_back(place.node.value());
  return recorded;
}

// What of `part` is not in `whole`; both ascending.
std::vector<int32_t> Missing(const std::vector<int32_t>& part, const std::vector<int32_t>& whole) {
  std::vector<int32_t> missing;
  std::set_difference(part.begin(), part.end(), whole.begin(), whole.end(),
                      std::back_inserter(missing));
  return missing;
}

void UseLstopo(const TraceHeader& header, const RecordedTopology& occurring,
               RecordedSetting* setting) {
  const TraceSidecar* sidecar = header.FindSidecar(kLstopo);
  if (sidecar == nullptr) return;
  absl::StatusOr<Topology> topology = TopologyFromXml(sidecar->contents, kLstopo);
  if (!topology.ok()) {
    setting->notes.push_back(absl::StrCat("not used: ", std::string(topology.status().message())));
    return;
  }
  const std::vector<int32_t> missing = Missing(occurring.cpus, topology->cpu_numbers);
  if (!missing.empty()) {
    setting->notes.push_back(absl::StrCat("not used: ", kLstopo, ", which has no CPU ",
                                          missing.front(), ", as the trace does"));
    return;
  }
  setting->topology = std::make_shared<RecordedTopology>(NumbersOf(*topology));
  setting->lstopo = std::make_shared<Topology>(*std::move(topology));
}

// A core of its own for each CPU, a package and an LLC for each node.
Topology TopologyOfNumbers(const RecordedTopology& recorded) {
  Topology topology;
  topology.node_count = static_cast<int>(std::max<size_t>(1, recorded.nodes.size()));
  const size_t cpus = std::min(recorded.cpus.size(), static_cast<size_t>(kMaxCpus));
  for (size_t cpu = 0; cpu < cpus; ++cpu) {
    // Of nodes that are only asked for nobody knows which CPUs are on them: equal parts.
    const int node = recorded.node_of_cpu.empty()
                         ? static_cast<int>(cpu * static_cast<size_t>(topology.node_count) / cpus)
                         : recorded.node_of_cpu[cpu];
    topology.cpus.push_back({.core = CoreId(static_cast<int32_t>(cpu)),
                             .domain = DomainId(node),
                             .package = node,
                             .node = NodeId(node)});
  }
  return topology;
}

std::string NumbersSource(const RecordedTopology& recorded) {
  if (recorded.complete) return "trace";
  if (recorded.nodes.size() < 2) return "trace's events";
  return absl::StrCat("trace's events, equal parts on the ", recorded.nodes.size(),
                      " nodes asked for");
}

struct NodePages {
  uint64_t present = 0;
  uint64_t managed = 0;
};

// By rank of the node; empty: the trace does not tell.
std::vector<NodePages> PagesOf(const TraceHeader& header, RecordedSetting* setting,
                               MemorySpec* memory) {
  const RecordedTopology& recorded = *setting->topology;
  for (const char* name : {"zoneinfo.before", "zoneinfo.boot", "zoneinfo.after"}) {
    const TraceSidecar* sidecar = header.FindSidecar(name);
    if (sidecar == nullptr) continue;
    const absl::StatusOr<std::vector<ZoneInfo>> zones =
        ParseZoneinfo(sidecar->contents, sidecar->name);
    if (!zones.ok()) {
      setting->notes.push_back(absl::StrCat("not used: ", std::string(zones.status().message())));
      continue;
    }
    std::vector<NodePages> pages(std::max<size_t>(1, recorded.nodes.size()));
    bool has_dma = false;
    uint64_t present = 0;
    for (const ZoneInfo& zone : *zones) {
      const int32_t rank = recorded.nodes.empty() ? zone.node : recorded.NodeRank(zone.node);
      if (rank < 0 || static_cast<size_t>(rank) >= pages.size()) continue;
      const auto value = [&zone](std::string_view of) -> uint64_t {
        const auto found = zone.values.find(of);
        return found == zone.values.end() || found->second < 0
                   ? 0
                   : static_cast<uint64_t>(found->second);
      };
      NodePages& node = pages[static_cast<size_t>(rank)];
      node.present += value("present");
      node.managed += std::min(value("managed"), value("present"));
      has_dma |= zone.name == "DMA" && value("present") > 0;
      present += value("present");
    }
    if (present == 0) continue;
    if (!has_dma) memory->set_dma_end_bytes(0);
    return pages;
  }
  return {};
}

ClockFacts CpuinfoClock(const TraceHeader& header, RecordedSetting* setting) {
  const TraceSidecar* cpuinfo = header.FindSidecar("cpuinfo");
  if (cpuinfo == nullptr) return {};
  const ClockFacts clock = ClockOfCpuinfo(cpuinfo->contents);
  if (clock.mhz == 0) setting->notes.push_back("not used: cpuinfo, which has no clock of a CPU");
  return clock;
}

// What a kernel keeps to itself is its own affair where it is less than the simulated one needs.
MemorySpec MemoryOf(const std::vector<NodePages>& pages, const MemorySpec& zones,
                    const Topology& topology, bool with_reserved) {
  MemorySpec memory = zones;
  const int possible = std::max(topology.possible_cpus, static_cast<int>(topology.cpus.size()));
  for (size_t node = 0; node < pages.size(); ++node) {
    NodeMemorySpec& entry = *memory.add_node();
    entry.set_node(static_cast<int32_t>(node));
    entry.set_bytes(static_cast<int64_t>(pages[node].present * kPageSize));
    const uint64_t reserved = (pages[node].present - pages[node].managed) * kPageSize;
    const uint64_t ample = BootBytes(pages[node].present * kPageSize, possible);
    if (with_reserved && pages[node].present > 0 && reserved >= ample) {
      entry.set_reserved_bytes(static_cast<int64_t>(reserved));
    }
  }
  return memory;
}

}  // namespace

absl::StatusOr<RecordedSetting> ReadRecordedSetting(TraceReader& reader,
                                                    const RecordedSettingOptions& options) {
  const bool knows_nodes = TopologyOf(reader.header(), reader.blocks(), {}).complete;
  absl::StatusOr<TraceSurvey> survey =
      SurveyTrace(reader, {.kmalloc_events_max = options.events_max,
                           .asked_nodes = !knows_nodes,
                           .stop = options.stop});
  if (!survey.ok()) return survey.status();
  RecordedSetting setting;
  const RecordedTopology told = TopologyOf(reader.header(), reader.blocks(), survey->asked_nodes);
  setting.topology = std::make_shared<RecordedTopology>(told);
  setting.survey = *std::move(survey);
  UseLstopo(reader.header(), told, &setting);
  return setting;
}

absl::StatusOr<SourcedMachine> MachineOfRecording(const TraceHeader& header,
                                                  RecordedSetting* setting) {
  const RecordedTopology& recorded = *setting->topology;
  const bool has_lstopo = setting->lstopo != nullptr;
  Topology topology = has_lstopo ? *setting->lstopo : TopologyOfNumbers(recorded);
  if (topology.node_count > kMaxNodes) {
    return absl::InvalidArgumentError(absl::StrCat("the trace is of ", topology.node_count,
                                                   " nodes; at most ", kMaxNodes,
                                                   " can be simulated: say --machine"));
  }
  MachineSpec further;
  further.set_name(std::string(kRecordedMachine));
  if (topology.clock.mhz == 0) topology.clock = CpuinfoClock(header, setting);
  const std::string source =
      has_lstopo ? absl::StrCat("trace's ", kLstopo) : NumbersSource(recorded);
  MemorySpec zones;
  const std::vector<NodePages> pages = PagesOf(header, setting, &zones);
  if (pages.empty()) return MachineOfTopology(topology, source, further);
  further.mutable_sources()->set_memory("trace's zoneinfo");
  for (const bool with_reserved : {true, false}) {
    *further.mutable_memory() = MemoryOf(pages, zones, topology, with_reserved);
    absl::StatusOr<SourcedMachine> machine = MachineOfTopology(topology, source, further);
    if (machine.ok()) return machine;
    if (with_reserved) continue;
    setting->notes.push_back(absl::StrCat("not used: the memory of the trace's zoneinfo: ",
                                          std::string(machine.status().message())));
  }
  further.clear_memory();
  further.clear_sources();
  return MachineOfTopology(topology, source, further);
}

std::string DefaultMachine(bool has_trace) {
  return has_trace ? std::string(kRecordedMachine) : "xeon-8380";
}

bool IsOfRecording(std::string_view machine) {
  return machine.substr(0, machine.find('@')) == kRecordedMachine;
}

absl::StatusOr<SourcedMachine> LoadMachineFor(std::string_view machine,
                                              const std::string& trace_path) {
  return LoadMachine(machine, [&]() -> absl::StatusOr<SourcedMachine> {
    if (trace_path.empty()) return LoadMachine(kRecordedMachine).status();  // says what it is
    absl::StatusOr<std::unique_ptr<TraceReader>> reader =
        TraceReader::Open(trace_path, {.addresses = false});
    if (!reader.ok()) return reader.status();
    absl::StatusOr<RecordedSetting> setting = ReadRecordedSetting(**reader, {});
    if (!setting.ok()) return setting.status();
    return MachineOfRecording((*reader)->header(), &*setting);
  });
}

namespace {

// The recorded kernel allocated pointers to memory cgroups, which import left out: its tasks were
// in such.
bool HasObjExts(const TraceHeader& trace) {
  for (const TraceRepair& repair : trace.repairs) {
    for (const TraceRepair::Part& part : repair.parts) {
      if (repair.name == "allocator-internal" && part.name == "obj_exts") return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> RecordedQuirks(const RecordedSidecars& sidecars) {
  std::vector<std::string> quirks;
  const absl::StatusOr<SlabSysfs>* const found = sidecars.Sysfs("sys-kernel-slab.before");
  if (found == nullptr) return quirks;
  if (!found->ok()) return found->status();
  const SlabSysfs* const sysfs = &**found;
  const auto has_cache = [&sysfs](std::string_view prefix) {
    const auto first = sysfs->caches.lower_bound(prefix);
    return first != sysfs->caches.end() && first->first.compare(0, prefix.size(), prefix) == 0;
  };
  if (!has_cache("kmalloc-cg-")) quirks.push_back("memcg-off");
  if (!has_cache("dma-kmalloc-")) quirks.push_back("zone-dma-off");
  // The seed is not told: which caller has which copy is by chance, as in the kernel.
  if (has_cache("kmalloc-rnd-") || has_cache("kmalloc-part-")) quirks.push_back("kmalloc-copies");
  if (HasObjExts(sidecars.trace())) quirks.push_back("memcg-charges");
  // The kernel prints tenths, and tries other nodes whenever a number below 1024 is not above it.
  const CacheSysfs* any = sysfs->Find("kmem_cache");
  if (any != nullptr && any->Total("remote_node_defrag_ratio") >= 102) {
    quirks.push_back("remote-defrag-always");
  }
  return quirks;
}

}  // namespace slablab
