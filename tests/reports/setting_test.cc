// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the head of a report says of machine and kernels.

#include "reports/setting.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

RunResult Machine(const std::string& name) {
  RunResult result;
  result.mutable_config()->set_machine(name);
  result.mutable_config()->set_cpus(4);
  result.mutable_config()->set_nodes(2);
  result.mutable_config()->set_clock_mhz(2700);
  MachineReport& machine = *result.mutable_machine();
  machine.set_llc_bytes(32u << 20);
  machine.set_memory_bytes_least(uint64_t{8} << 30);
  machine.set_memory_bytes_most(uint64_t{8} << 30);
  machine.set_topology_source("lstopo.xml");
  machine.set_caches_source("lstopo.xml, ways assumed");
  machine.set_clock_source("assumed");
  machine.set_memory_source("zoneinfo");
  machine.set_latencies_source("assumed");
  return result;
}

TEST(SettingTest, TheMachineInALine) {
  RunResult result = Machine("mine");
  EXPECT_EQ(MachineSentence(result), "mine: 4 CPUs on 2 nodes, 2,700 MHz; LLC 32M; 8G a node");
  // Nearly so many, and a cache of no whole number of anything.
  result.mutable_machine()->set_memory_bytes_least(536'000'000);
  result.mutable_machine()->set_memory_bytes_most(536'800'000);
  result.mutable_machine()->set_llc_bytes(5'240'832);
  EXPECT_EQ(MachineSentence(result),
            "mine: 4 CPUs on 2 nodes, 2,700 MHz; LLC 5.0M; 511M to 512M a node");
  // A node without memory.
  result.mutable_machine()->set_memory_bytes_least(0);
  EXPECT_EQ(MachineSentence(result),
            "mine: 4 CPUs on 2 nodes, 2,700 MHz; LLC 5.0M; 0 to 512M a node");
  result.mutable_machine()->set_llc_bytes(0);
  result.mutable_config()->set_nodes(1);
  result.mutable_machine()->set_memory_bytes_least(536'800'000);
  EXPECT_EQ(MachineSentence(result), "mine: 4 CPUs on 1 node, 2,700 MHz; no LLC; 512M of memory");
}

TEST(SettingTest, SourcesAreToldOnceAndWhatIsAssumedLast) {
  EXPECT_EQ(SourcesSentence(Machine("mine")),
            "CPUs, caches (ways assumed): lstopo.xml; memory: zoneinfo; clock, latencies: assumed");
  RunResult preset = Machine("xeon@8x2");
  for (std::string* source : {preset.mutable_machine()->mutable_topology_source(),
                              preset.mutable_machine()->mutable_caches_source(),
                              preset.mutable_machine()->mutable_clock_source(),
                              preset.mutable_machine()->mutable_memory_source()}) {
    *source = "preset xeon";
  }
  EXPECT_EQ(SourcesSentence(preset), "latencies: assumed");
  EXPECT_EQ(SourcesSentence(RunResult()), "");
}

TEST(SettingTest, AnotherKernelIsSaidToBeOne) {
  RunResult result;
  EXPECT_EQ(KernelsSentence(result), "");
  KernelMatch& match = *result.mutable_kernel_match();
  match.set_recorded("6.18.3");
  match.set_recorded_allocator("SLUB with sheaves");
  match.set_model("Linux 6.1");
  EXPECT_EQ(KernelsSentence(result),
            "recorded on Linux 6.18.3 with SLUB with sheaves; the model is of Linux 6.1, another "
            "kernel");
  match.set_recorded("6.1.192");
  match.set_recorded_allocator("SLUB");
  match.set_same_series(true);
  EXPECT_EQ(KernelsSentence(result),
            "recorded on Linux 6.1.192 with SLUB; the model is of Linux 6.1");
  EXPECT_THAT(RoundingSentences(result), IsEmpty());
  match.set_kmallocs(400);
  match.set_rounded_otherwise(100);
  RoundedOtherwise& worst = *match.add_worst();
  worst.set_asked_least(20);
  worst.set_asked_most(24);
  worst.set_recorded(128);
  worst.set_simulated(32);
  worst.set_kmallocs(100);
  EXPECT_THAT(RoundingSentences(result),
              ElementsAre("100 of 400 kmallocs (25.0%) were rounded otherwise when recorded",
                          "100 of 20 to 24 bytes: 128 when recorded, 32 here"));
}

TEST(SettingTest, HowSlubBecameAModelIsSaid) {
  RunResult result;
  EXPECT_EQ(ChoiceSentence(result), "");
  KernelMatch& match = *result.mutable_kernel_match();
  match.set_model("Linux 7.3");
  match.set_recorded("7.3.4");
  match.set_same_series(true);
  EXPECT_EQ(ChoiceSentence(result), "") << "it was asked for by name";
  result.mutable_config()->set_allocator("slub-7.3");
  match.set_asked("slub");
  match.set_chosen_as("series");
  EXPECT_EQ(ChoiceSentence(result), "slub: the model of the recorded kernel 7.3.4 -> slub-7.3");
  match.set_recorded("7.9.1");
  match.set_chosen_as("nearest below");
  EXPECT_EQ(ChoiceSentence(result),
            "slub: the nearest model below the recorded kernel 7.9.1 -> slub-7.3");
  match.set_chosen_as("oldest");
  EXPECT_THAT(ChoiceSentence(result), HasSubstr("the recorded kernel 7.9.1 is older -> "));
  match.set_recorded("");
  match.set_chosen_as("newest");
  EXPECT_EQ(ChoiceSentence(result),
            "slub: the newest model, as the recording does not say its kernel -> slub-7.3");
  result.mutable_config()->set_workload("hackbench");
  EXPECT_EQ(ChoiceSentence(result), "slub: the newest model, as nothing was recorded -> slub-7.3");
  EXPECT_EQ(KernelsSentence(result), "nothing was recorded; the model is of Linux 7.3");
}

TEST(SettingTest, CachesThatWorkedOtherwiseAreSaidWithTheirShare) {
  RunResult result;
  EXPECT_THAT(OtherwiseSentences(result), IsEmpty());
  KernelMatch& match = *result.mutable_kernel_match();
  match.set_cache_cycles(1000);
  for (const auto& [caches, cycles] : {std::pair{3u, 700u}, {2u, 200u}, {1u, 10u}}) {
    CachesOtherwise& group = *match.add_otherwise();
    group.set_recorded("sheaves");
    group.set_simulated("CPU slabs");
    group.set_caches(caches);
    group.add_names("dentry");
    if (caches > 1) group.add_names("kmalloc-64");
    group.set_cycles(cycles);
  }
  EXPECT_THAT(OtherwiseSentences(result),
              ElementsAre("3 caches (dentry, kmalloc-64, ...; 70.0% of the cycles) had sheaves "
                          "when recorded and have CPU slabs here",
                          "2 caches (dentry, kmalloc-64; 20.0% of the cycles) had sheaves when "
                          "recorded and have CPU slabs here",
                          "1 cache worked otherwise, too"));
  EXPECT_THAT(OtherwiseInShort(result),
              StartsWith("3 caches had sheaves when recorded and have CPU slabs here; 2 caches "));
}

TEST(SettingTest, WhatIsFoldedIsSaid) {
  RunResult result;
  EXPECT_EQ(FoldedSentence(result), "");
  PlacesReport& places = *result.mutable_places();
  places.set_cpus(16);
  places.set_nodes(2);
  EXPECT_EQ(FoldedSentence(result), "");
  places.set_cpus_folded(14);
  places.set_nodes_folded(1);
  places.set_allocations_folded(1200);
  EXPECT_EQ(FoldedSentence(result),
            "14 of 16 recorded CPUs share a simulated CPU with another; 1 of 2 recorded nodes are "
            "folded onto another's; 1,200 allocations asked for a node that is another's here");
}

}  // namespace
}  // namespace slablab
