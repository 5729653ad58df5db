// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/machine_loader.h"

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "sim/machine/machine_config.h"
#include "tests/sim/machine/lstopo_xml.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;

MachineConfig Load(const std::string& spec) {
  absl::StatusOr<MachineConfig> config = LoadMachine(spec);
  EXPECT_TRUE(config.ok()) << spec << ": " << config.status();
  return config.ok() ? *config : MachineConfig{};
}

MachineConfig LoadText(const std::string& text) {
  absl::StatusOr<MachineConfig> config = MachineFromTextproto(text, "test.textproto");
  EXPECT_TRUE(config.ok()) << text << ": " << config.status();
  return config.ok() ? *config : MachineConfig{};
}

std::string Text(const MachineSpec& spec) {
  std::string text;
  EXPECT_TRUE(google::protobuf::TextFormat::PrintToString(spec, &text));
  return text;
}

// What sim/machine/machine_config.h promises of every machine.
void ExpectSane(const MachineConfig& config) {
  const size_t nodes = static_cast<size_t>(config.node_count());
  ASSERT_GE(config.cpu_count(), 1);
  ASSERT_GE(nodes, 1u);
  EXPECT_GE(config.possible_cpus, config.cpu_count());
  int cores = 0;
  int domains = 0;
  int packages = 0;
  for (const CpuPlace& place : config.cpus) {
    // Dense, in order of the first CPU.
    EXPECT_LE(place.core.value(), cores);
    EXPECT_LE(place.domain.value(), domains);
    EXPECT_LE(place.package, packages);
    cores = std::max(cores, place.core.value() + 1);
    domains = std::max(domains, place.domain.value() + 1);
    packages = std::max(packages, place.package + 1);
    EXPECT_LT(place.node.index(), nodes);
  }
  EXPECT_EQ(config.core_count, cores);
  EXPECT_EQ(config.domain_count, domains);
  EXPECT_EQ(config.package_count, packages);
  EXPECT_TRUE(config.l1.present());
  for (const CacheGeometry& cache : {config.l1, config.l2, config.llc}) {
    if (cache.present()) {
      EXPECT_EQ(cache.sets() * static_cast<uint64_t>(cache.ways) * kLineSize, cache.size_bytes);
    }
  }
  // A level nearer to the core is never slower.
  if (config.l2.present()) {
    EXPECT_LT(config.l1_hit_cycles, config.l2_hit_cycles);
  }
  if (config.llc.present()) {
    EXPECT_LT(config.l2.present() ? config.l2_hit_cycles : config.l1_hit_cycles,
              config.llc_hit_cycles);
    EXPECT_LT(config.llc_hit_cycles, config.dram_cycles[0][0]);
    EXPECT_LE(config.llc_hit_cycles, config.transfer_domain_cycles);
  }
  ASSERT_EQ(config.distance.size(), nodes);
  for (size_t from = 0; from < nodes; ++from) {
    EXPECT_LE(config.transfer_domain_cycles, config.transfer_cycles[from][from]);
    for (size_t to = 0; to < nodes; ++to) {
      EXPECT_EQ(config.distance[from][to], config.distance[to][from]);
      if (from == to) continue;
      EXPECT_GT(config.dram_cycles[from][to], config.dram_cycles[from][from]);
      EXPECT_GE(config.transfer_cycles[from][to], config.transfer_cycles[from][from]);
    }
  }
  uint64_t frame = 0;
  for (const NodeMemory& node : config.memory) {
    EXPECT_EQ(node.first_frame, frame);
    uint64_t in_zones = 0;
    for (const ZoneSpan& zone : node.zones) {
      EXPECT_EQ(zone.first_frame, frame + in_zones);
      EXPECT_LE(zone.reserved_frames, zone.frames);
      in_zones += zone.frames;
    }
    EXPECT_EQ(in_zones, node.frames);
    frame += node.frames;
  }
}

// The configuration survives being echoed and read again.
void ExpectRoundTrip(const MachineConfig& config) {
  const std::string text = Text(EffectiveSpec(config));
  absl::StatusOr<MachineConfig> again = MachineFromTextproto(text, "echo.textproto");
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << text;
  EXPECT_EQ(*again, config) << text;
}

struct Expected {
  std::string name;
  int cpus;
  int cores;
  int domains;
  int packages;
  int nodes;
  std::string caches;              // L1/L2/LLC in KiB, ways
  std::vector<uint64_t> dram;      // from node 0, in ns
  std::vector<uint64_t> transfer;  // likewise
};

std::vector<uint64_t> Nanoseconds(const std::vector<Cycles>& cycles, int64_t clock_mhz) {
  std::vector<uint64_t> result;
  for (const Cycles value : cycles) {
    result.push_back(value * 1000 / static_cast<uint64_t>(clock_mhz));
  }
  return result;
}

TEST(Presets, AreTheMachinesTheySayTheyAre) {
  const std::vector<Expected> table = {
      {"amd-4s-16core",
       16,
       16,
       4,
       4,
       4,
       "64:2 512:16 2048:32",
       {100, 130, 130, 130},
       {76, 100, 100, 100}},
      {"big-1024",
       1024,
       512,
       32,
       8,
       8,
       "32:8 1024:16 32768:16",
       {90, 140, 140, 140, 250, 250, 250, 250},
       {80, 130, 130, 130, 230, 230, 230, 230}},
      {"epyc-7763", 256, 128, 16, 2, 2, "32:8 512:8 32768:16", {121, 211}, {106, 196}},
      {"epyc-7763-nps4",
       256,
       128,
       16,
       2,
       8,
       "32:8 512:8 32768:16",
       {113, 125, 125, 125, 211, 211, 211, 211},
       {106, 106, 106, 106, 196, 196, 196, 196}},
      {"generic", 8, 8, 1, 1, 1, "32:8 1024:16 32768:16", {90}, {80}},
      {"penryn-2x4", 8, 8, 4, 2, 1, "32:8 0:0 6144:24", {110}, {100}},
      {"r910", 64, 32, 4, 4, 4, "32:8 256:8 24576:24", {135, 198, 198, 198}, {37, 145, 145, 145}},
      {"uma-1", 1, 1, 1, 1, 1, "32:8 1024:16 32768:16", {90}, {80}},
      {"vm-c4n2", 4, 4, 2, 2, 2, "32:8 1024:16 32768:16", {90, 140}, {80, 130}},
      {"xeon-8380", 160, 80, 2, 2, 2, "48:12 1280:20 61440:12", {89, 142}, {64, 127}},
  };
  std::vector<std::string> names;
  for (const PresetInfo& preset : ListPresets()) names.push_back(preset.name);
  std::vector<std::string> expected_names;
  for (const Expected& expected : table) expected_names.push_back(expected.name);
  EXPECT_EQ(names, expected_names);
  for (const Expected& expected : table) {
    SCOPED_TRACE(expected.name);
    const MachineConfig config = Load(expected.name);
    EXPECT_EQ(config.name, expected.name);
    EXPECT_EQ(config.cpu_count(), expected.cpus);
    EXPECT_EQ(config.core_count, expected.cores);
    EXPECT_EQ(config.domain_count, expected.domains);
    EXPECT_EQ(config.package_count, expected.packages);
    EXPECT_EQ(config.node_count(), expected.nodes);
    const auto show = [](const CacheGeometry& cache) {
      return fmt::format("{}:{}", cache.size_bytes >> 10, cache.ways);
    };
    EXPECT_EQ(show(config.l1) + " " + show(config.l2) + " " + show(config.llc), expected.caches);
    EXPECT_EQ(Nanoseconds(config.dram_cycles[0], config.clock_mhz), expected.dram);
    EXPECT_EQ(Nanoseconds(config.transfer_cycles[0], config.clock_mhz), expected.transfer);
    ExpectSane(config);
    ExpectRoundTrip(config);
  }
}

TEST(Presets, HaveADescriptionThatFitsALine) {
  for (const PresetInfo& preset : ListPresets()) {
    EXPECT_FALSE(preset.description.empty()) << preset.name;
    EXPECT_LE(preset.name.size() + preset.description.size(), 92u) << preset.name;
  }
}

// What is reserved at boot suffices for what the simulated kernel lays out there.
TEST(Presets, CanBeSwitchedOn) {
  for (const PresetInfo& preset : ListPresets()) {
    SCOPED_TRACE(preset.name);
    const MachineConfig config = Load(preset.name);
    Machine machine(config);
    // A percpu first chunk's unit for each possible CPU, on its own node.
    for (const CpuPlace& place : config.cpus) {
      const PhysAddr unit = machine.boot_memory().Allocate(512 << 10, kPageSize, place.node);
      EXPECT_EQ(machine.NodeOf(unit), place.node);
    }
  }
}

TEST(Presets, NumberThreadsAsLinuxDoes) {
  const MachineConfig config = Load("epyc-7763");
  EXPECT_EQ(config.cpus[3].core, config.cpus[131].core);
  EXPECT_EQ(config.cpus[7].domain, config.cpus[0].domain);
  EXPECT_NE(config.cpus[8].domain, config.cpus[0].domain);
  EXPECT_EQ(config.cpus[63].node, NodeId(0));
  EXPECT_EQ(config.cpus[64].node, NodeId(1));
  EXPECT_EQ(config.cpus[128].node, NodeId(0));
}

TEST(Presets, TheGuestOfTheTracesHasItsZones) {
  const MachineConfig config = Load("vm-c4n2");
  // No ZONE_DMA; /proc/zoneinfo of the guest: 123834 managed pages in DMA32 of node 0.
  ASSERT_EQ(config.memory[0].zones.size(), 1u);
  EXPECT_EQ(config.memory[0].zones[0].kind, ZoneKind::kDma32);
  EXPECT_EQ(config.memory[0].zones[0].managed_frames(), 123834u);
  EXPECT_EQ(config.memory[1].first_frame, 131072u);
  EXPECT_EQ(config.cpus[1].node, NodeId(0));
  EXPECT_EQ(config.cpus[2].node, NodeId(1));
}

TEST(Loading, ASyntheticTopologyTakesTheRestFromGeneric) {
  const MachineConfig config = Load("pack:2 numa:1 l3:2 core:4 pu:2");
  const MachineConfig generic = Load("generic");
  EXPECT_EQ(config.name, "pack:2 numa:1 l3:2 core:4 pu:2");
  EXPECT_EQ(config.cpu_count(), 32);
  EXPECT_EQ(config.domain_count, 4);
  EXPECT_EQ(config.l1, generic.l1);
  EXPECT_EQ(config.llc, generic.llc);
  EXPECT_EQ(config.clock_mhz, generic.clock_mhz);
  EXPECT_EQ(config.memory[1].bytes(), generic.memory[0].bytes());
  EXPECT_EQ(config.distance[0][1], 20);
  ExpectSane(config);
}

TEST(Loading, NodesOfOnePackageAreNearerThanOthers) {
  const MachineConfig config = Load("pack:2 numa:2 l3:1 core:2 pu:1");
  EXPECT_THAT(config.distance[0], ElementsAre(10, 12, 20, 20));
  EXPECT_THAT(config.distance[3], ElementsAre(20, 20, 12, 10));
}

TEST(Loading, TheWholeRangeOfSizes) {
  for (const char* spec : {"1", "2", "64", "numa:64 pu:1", "pack:16 numa:4 l3:2 core:16 pu:2",
                           "pack:64 numa:1 core:32 pu:2", "4096"}) {
    SCOPED_TRACE(spec);
    const MachineConfig config = Load(spec);
    ExpectSane(config);
    ExpectRoundTrip(config);
  }
  EXPECT_EQ(Load("4096").cpu_count(), 4096);
}

TEST(Loading, TheHostIsAMachine) {
  const MachineConfig config = Load("host");
  EXPECT_EQ(config.name, "host");
  EXPECT_GE(config.cpu_count(), 1);
  ExpectRoundTrip(config);
}

TEST(Loading, AReferenceMachineSurvivesItsEcho) {
  ExpectRoundTrip(
      ReferenceMachine({.cpus = 8, .nodes = 2, .cpus_per_node = 4, .mib_per_node = 512}));
}

TEST(Deriving, ChangesWhatItSaysAndNothingElse) {
  const MachineConfig base = Load("xeon-8380");
  MachineConfig derived = LoadText(R"(base: "xeon-8380" llc { size_bytes: 31457280 })");
  EXPECT_EQ(derived.llc.size_bytes, 31457280u);
  EXPECT_EQ(derived.llc.ways, base.llc.ways);
  EXPECT_EQ(derived.name, "test");
  derived.llc = base.llc;
  derived.name = base.name;
  EXPECT_EQ(derived, base);
}

TEST(Deriving, AnEntryForADistanceReplacesOnlyThatDistance) {
  const MachineConfig base = Load("big-1024");
  const MachineConfig derived =
      LoadText(R"(base: "big-1024" remote { distance: 31 dram_cycles: 999 })");
  EXPECT_EQ(derived.dram_cycles[0][7], 999u);
  EXPECT_EQ(derived.transfer_cycles[0][7], base.transfer_cycles[0][7]);
  EXPECT_EQ(derived.dram_cycles[0][1], base.dram_cycles[0][1]);
}

TEST(Deriving, ADistanceWithoutAnEntryIsScaledFromLocal) {
  const MachineConfig config = LoadText(R"(
    topology: "numa:2 pu:1"
    dram_local_cycles: 301
    transfer_node_cycles: 177
    remote_distance: 25)");
  EXPECT_EQ(config.dram_cycles[0][1], 752u);      // 301 * 25 / 10
  EXPECT_EQ(config.transfer_cycles[1][0], 442u);  // 177 * 25 / 10
  EXPECT_EQ(config.dram_cycles[1][1], 301u);
  EXPECT_EQ(config.transfer_cycles[0][0], 177u);
}

TEST(Deriving, AnotherLocalCostForgetsTheRemoteOnesOfTheBase) {
  const MachineConfig config = LoadText(R"(base: "xeon-8380" dram_local_cycles: 1000)");
  EXPECT_EQ(config.dram_cycles[0][1], 2000u);
  EXPECT_EQ(config.transfer_cycles[0][1], Load("xeon-8380").transfer_cycles[0][1]);
}

TEST(Deriving, AnotherTopologyForgetsTheNodesOfTheBase) {
  const MachineConfig config = LoadText(R"(base: "vm-c4n2" topology: "numa:1 core:8 pu:1")");
  EXPECT_EQ(config.cpu_count(), 8);
  EXPECT_EQ(config.memory[0].bytes(), 512u << 20);
  EXPECT_EQ(config.memory[0].frames - config.memory[0].zones[0].managed_frames(),
            BootBytes(512u << 20, 8) >> kPageShift);
}

TEST(Memory, NodesMayDifferAndHaveNone) {
  const MachineConfig config = LoadText(R"(
    topology: "numa:3 pu:2"
    memory {
      bytes_per_node: 1073741824
      node { node: 1 bytes: 0 }
      node { node: 2 bytes: 6442450944 }
    })");
  EXPECT_EQ(config.memory[0].bytes(), 1u << 30);
  EXPECT_EQ(config.memory[1].frames, 0u);
  EXPECT_TRUE(config.memory[1].zones.empty());
  // 1 GiB .. 7 GiB: DMA32 to 4 GiB, NORMAL behind.
  ASSERT_EQ(config.memory[2].zones.size(), 2u);
  EXPECT_EQ(config.memory[2].zones[1].first_frame, uint64_t{4} << (30 - kPageShift));
  // Node 1's two CPUs live on node 2's memory, the first in their order.
  EXPECT_EQ(NodeFallbackOrder(config)[1].front(), NodeId(2));
  EXPECT_EQ(config.memory[2].zones[1].reserved_frames,
            BootBytes(uint64_t{6} << 30, 4) >> kPageShift);
  ExpectRoundTrip(config);
}

TEST(Memory, EveryNodeReservesWhatTheKernelNeedsAtBoot) {
  for (const PresetInfo& preset : ListPresets()) {
    const MachineConfig config = Load(preset.name);
    std::vector<int> cpus(config.memory.size());
    for (const CpuPlace& place : config.cpus) ++cpus[place.node.index()];
    for (size_t node = 0; node < config.memory.size(); ++node) {
      uint64_t reserved = 0;
      for (const ZoneSpan& zone : config.memory[node].zones) reserved += zone.reserved_frames;
      EXPECT_GE(reserved << kPageShift, BootBytes(config.memory[node].bytes(), cpus[node]))
          << preset.name << " node " << node;
    }
  }
}

TEST(Cpus, RunsPlaceThem) {
  // Two cores with two threads on node 0, then two without on node 1.
  const MachineConfig config = LoadText(R"(
    cpus { count: 4 threads_per_core: 2 }
    cpus { count: 2 first_core: 2 domain: 1 package: 1 node: 1 })");
  EXPECT_EQ(config.cpu_count(), 6);
  EXPECT_EQ(config.core_count, 4);
  EXPECT_EQ(config.cpus[1].core, CoreId(0));
  EXPECT_EQ(config.cpus[2].core, CoreId(1));
  EXPECT_EQ(config.cpus[5].core, CoreId(3));
  EXPECT_EQ(config.cpus[5].node, NodeId(1));
}

TEST(Cpus, PossibleOnesMayBeMoreThanPresent) {
  const MachineConfig config = LoadText(R"(topology: "4" possible_cpus: 16)");
  EXPECT_EQ(config.cpu_count(), 4);
  EXPECT_EQ(config.possible_cpus, 16);
  ExpectRoundTrip(config);
}

std::string WriteFile(const std::string& name, const std::string& content) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

// As of two sockets of 12 cores, L3 of 16.5 MiB.
std::string SkylakeXml() {
  return LstopoXml(
      "pack:2 numa:1(memory=96GiB) l3:1(size=17301504) l2:12(size=1MiB) "
      "l1d:1(size=32KiB) core:1 pu:2(indexes=2*24:24*1)",
      {.l1_ways = 8, .l2_ways = 16, .l3_ways = 11, .remote_distance = 21});
}

// Sizes, ways, memory and distances come from the XML file where it has them.
TEST(Files, AnLstopoFileSaysAllThatHwlocKnows) {
  const std::string path = WriteFile("skylake.xml", SkylakeXml());
  const MachineConfig config = Load(path);
  EXPECT_EQ(config.name, "skylake.xml");
  EXPECT_EQ(config.cpu_count(), 48);
  EXPECT_EQ(config.core_count, 24);
  EXPECT_EQ(config.l1, (CacheGeometry{.size_bytes = 32768, .ways = 8}));
  EXPECT_EQ(config.l2, (CacheGeometry{.size_bytes = 1048576, .ways = 16}));
  EXPECT_EQ(config.llc, (CacheGeometry{.size_bytes = 17301504, .ways = 11}));
  EXPECT_EQ(config.distance[0][1], 21);
  EXPECT_EQ(config.memory[1].bytes(), uint64_t{96} << 30);
  EXPECT_EQ(config.cpus[24].core, config.cpus[0].core);
  ExpectSane(config);
  ExpectRoundTrip(config);
}

TEST(Files, ATextprotoMayNameAnXmlFileBesideIt) {
  WriteFile("beside.xml", SkylakeXml());
  const MachineConfig config = Load(WriteFile("skylake-2200.textproto",
                                              "topology: \"beside.xml\"\n"
                                              "clock_mhz: 2200\n"
                                              "llc { size_bytes: 8650752 }\n"));
  EXPECT_EQ(config.name, "skylake-2200");
  EXPECT_EQ(config.clock_mhz, 2200);
  EXPECT_EQ(config.cpu_count(), 48);
  // What the textproto says goes before what the topology knows.
  EXPECT_EQ(config.llc, (CacheGeometry{.size_bytes = 8650752, .ways = 11}));
}

}  // namespace
}  // namespace slablab
