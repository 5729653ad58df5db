// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A machine in another size: "xeon-8380@256x8".

#include <google/protobuf/text_format.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/machine/machine_loader.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;

MachineConfig Load(const std::string& name) {
  absl::StatusOr<MachineConfig> config = LoadMachine(name);
  EXPECT_TRUE(config.ok()) << name << ": " << config.status();
  return config.ok() ? *config : MachineConfig{};
}

TEST(MachineSizeTest, EverySizeHasItsCpusSpreadEvenlyOverItsNodes) {
  for (const PresetInfo& base : ListPresets()) {
    const MachineConfig whole = Load(base.name);
    for (const int nodes : {1, 2, 3, 8, 64}) {
      for (const int cpus : {1, 2, 3, 7, 64, 100, 1024}) {
        if (cpus < nodes) continue;
        // Each node must hold what the kernel keeps for its CPUs.
        if (whole.memory[0].bytes() < BootBytes(whole.memory[0].bytes(), cpus / nodes + 1))
          continue;
        const std::string name = absl::StrCat(base.name, "@", cpus, "x", nodes);
        SCOPED_TRACE(name);
        const MachineConfig config = Load(name);
        ASSERT_EQ(config.cpu_count(), cpus);
        ASSERT_EQ(config.node_count(), nodes);
        EXPECT_EQ(config.name, name);
        EXPECT_EQ(config.possible_cpus, cpus);
        std::map<NodeId, int> cpus_of_node;
        std::map<CoreId, int> cpus_of_core;
        std::map<DomainId, std::set<CoreId>> cores_of_domain;
        for (const CpuPlace& place : config.cpus) {
          ++cpus_of_node[place.node];
          ++cpus_of_core[place.core];
          cores_of_domain[place.domain].insert(place.core);
        }
        for (const auto& [node, count] : cpus_of_node) {
          EXPECT_GE(count, cpus / nodes);
          EXPECT_LE(count, cpus / nodes + 1);
        }
        const auto threads = static_cast<int>(
            std::count_if(whole.cpus.begin(), whole.cpus.end(),
                          [&](const CpuPlace& place) { return place.core == whole.cpus[0].core; }));
        for (const auto& [core, count] : cpus_of_core) EXPECT_LE(count, threads);
        for (const auto& [domain, cores] : cores_of_domain) {
          EXPECT_LE(static_cast<int>(cores.size()) * threads, whole.cpu_count());
        }
        EXPECT_EQ(config.l1, whole.l1);
        EXPECT_EQ(config.llc, whole.llc);
        EXPECT_EQ(config.clock_mhz, whole.clock_mhz);
      }
    }
  }
}

TEST(MachineSizeTest, TheSizeItHasGivesTheMachineItself) {
  for (const char* name : {"xeon-8380@160x2", "epyc-7763@256x2", "r910@64x4", "uma-1@1x1"}) {
    SCOPED_TRACE(name);
    MachineConfig sized = Load(name);
    sized.name = Load(std::string(name).substr(0, std::string(name).find('@'))).name;
    EXPECT_TRUE(sized == Load(sized.name));
  }
}

TEST(MachineSizeTest, FurtherNodesCostWhatTheBaseSaysOfThem) {
  const MachineConfig two = Load("xeon-8380");
  const MachineConfig eight = Load("xeon-8380@64x8");
  for (size_t from = 0; from < 8; ++from) {
    for (size_t to = 0; to < 8; ++to) {
      EXPECT_EQ(eight.dram_cycles[from][to], two.dram_cycles[0][from == to ? 0 : 1]);
      EXPECT_EQ(eight.transfer_cycles[from][to], two.transfer_cycles[0][from == to ? 0 : 1]);
    }
  }
}

TEST(MachineSizeTest, TopologiesAndFilesHaveSizesToo) {
  EXPECT_EQ(Load("pack:2 numa:1 core:2 pu:1@6x3").node_count(), 3);
  const std::string path = ::testing::TempDir() + "/mine.textproto";
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs("base: \"xeon-8380\" clock_mhz: 2100\n", file);
  std::fclose(file);
  const MachineConfig config = Load(path + "@6x3");
  EXPECT_EQ(config.name, "mine@6x3");
  EXPECT_EQ(config.clock_mhz, 2100);
  EXPECT_EQ(config.cpu_count(), 6);
}

TEST(MachineSizeTest, TheEchoIsTheMachine) {
  const MachineConfig config = Load("epyc-7763@96x5");
  std::string echo;
  ASSERT_TRUE(google::protobuf::TextFormat::PrintToString(EffectiveSpec(config), &echo));
  const absl::StatusOr<MachineConfig> again = MachineFromTextproto(echo, "echo.textproto");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(*again == config);
}

TEST(MachineSizeTest, SizesThatNoMachineHasAreRefused) {
  for (const auto& [name, reason] : {
           std::pair<std::string, std::string>{"xeon-8380@4x8", "some node would have no CPU"},
           {"xeon-8380@0x0", "1 to 4096 CPUs"},
           {"xeon-8380@99999999999999999999x1", "1 to 4096 CPUs"},
           {"xeon-8380@4097x1", "1 to 4096 CPUs"},
           {"xeon-8380@100x65", "1 to 64 nodes"},
           {"nosuch@4x1", "unknown machine 'nosuch'"},
           {"xeon-8380@4", "unknown machine 'xeon-8380@4'"},
           {"no/such.textproto@4x1", "no/such.textproto: No such file"},
       }) {
    const absl::Status status = LoadMachine(name).status();
    EXPECT_THAT(std::string(status.message()), HasSubstr(reason)) << name;
  }
}

}  // namespace
}  // namespace slablab
