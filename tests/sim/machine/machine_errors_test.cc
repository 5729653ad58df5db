// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Every way to get a machine wrong, and what the user is told. The texts are checked in full where
// they are ours: they are all that a user has to go by.

#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/machine/machine_loader.h"
#include "tests/sim/machine/lstopo_xml.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string MessageOf(const absl::StatusOr<MachineConfig>& config) {
  if (config.ok()) return "ok";
  // What is neither is not the user's fault, and would end with another status.
  EXPECT_TRUE(absl::IsInvalidArgument(config.status()) || absl::IsNotFound(config.status()))
      << config.status();
  return std::string(config.status().message());
}

// The message for a machine textproto m.textproto.
std::string ErrorOf(const std::string& text) {
  return MessageOf(MachineFromTextproto(text, "m.textproto"));
}

std::string LoadError(const std::string& spec) { return MessageOf(LoadMachine(spec)); }

std::string WriteFile(const std::string& name, const std::string& content) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(MachineName, UnknownNamesThePresets) {
  EXPECT_EQ(
      LoadError("penrin"),
      "unknown machine 'penrin' (did you mean penryn-2x4?); valid are: amd-4s-16core, big-1024, "
      "epyc-7763, epyc-7763-nps4, generic, penryn-2x4, r910, uma-1, vm-c4n2, xeon-8380, host, "
      "recorded; or a file ending in .textproto or .xml, or a synthetic topology such as "
      "'pack:2 numa:1 l3:1 core:8 pu:2'");
  EXPECT_THAT(LoadError(""), StartsWith("unknown machine ''; valid are: amd-4s-16core, "));
  EXPECT_THAT(LoadError("/etc/passwd"), StartsWith("unknown machine '/etc/passwd'; valid are: "));
}

TEST(MachineName, SyntheticTopologies) {
  EXPECT_EQ(LoadError("10000"),
            "machine: the topology \"10000\" has 10000 CPUs; at most 4096 can be simulated");
  EXPECT_EQ(LoadError("numa:65 pu:1"),
            "machine: the topology has 65 NUMA nodes; at most 64 can be simulated");
  EXPECT_EQ(
      LoadError("pack:2 core:0"),
      "machine: the topology \"pack:2 core:0\" has no CPU: it counts 0 \"core\" (at character "
      "8)");
  EXPECT_THAT(LoadError("pack:2 bogus:3"), HasSubstr("names \"bogus\" (at character 8)"));
  EXPECT_THAT(LoadError(":"), StartsWith("machine: "));
}

TEST(MachineName, ACacheSizeInMillionsOfBytesIsPointedOut) {
  EXPECT_EQ(LoadError("pack:1 l3:1(size=33MB) core:2 pu:1"),
            "machine: llc is 33000000 bytes, which is not a multiple of 16 ways of 64-byte lines "
            "(1024); say llc { size_bytes: ... ways: ... }, and in a synthetic topology write MiB "
            "(MB are millions of bytes)");
}

TEST(MachineFile, MissingOrUnreadable) {
  EXPECT_EQ(LoadError("no/such.textproto"), "no/such.textproto: No such file or directory");
  EXPECT_EQ(LoadError("no/such.xml"), "no/such.xml: No such file or directory");
  EXPECT_EQ(ErrorOf("topology: \"such.xml\""),
            "m.textproto:1:1: such.xml: No such file or directory");
}

TEST(MachineFile, XmlGarbage) {
  const std::string path = WriteFile("garbage.xml", std::string("\x7f\0ELF<<<>", 9));
  testing::internal::CaptureStderr();
  EXPECT_EQ(LoadError(path), path + ":1: expected the name of a tag behind '<'");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  const std::string textproto =
      WriteFile("uses-garbage.textproto", "clock_mhz: 1000\n  topology: \"garbage.xml\"");
  EXPECT_EQ(LoadError(textproto),
            textproto + ":2:3: " + path + ":1: expected the name of a tag behind '<'");
}

TEST(MachineFile, MalformedTextprotosNameLineAndColumn) {
  EXPECT_EQ(ErrorOf("clock_mhz: 3000\nclok_mhz: 1\n"),
            "m.textproto:2:9: Message type \"slablab.MachineSpec\" has no field named "
            "\"clok_mhz\". (did you mean clock_mhz?)");
  EXPECT_EQ(ErrorOf("clock_mhz: fast"), "m.textproto:1:12: Expected integer, got: fast");
  EXPECT_EQ(ErrorOf("clock_mhz: 99999999999"),
            "m.textproto:1:12: Integer out of range (99999999999)");
  EXPECT_THAT(ErrorOf("l1 { size_bytes: 32768"), StartsWith("m.textproto:1:"));
  EXPECT_THAT(ErrorOf("clock_mhz: 1\nclock_mhz: 2"),
              AllOf(StartsWith("m.textproto:2:"), HasSubstr("multiple times")));
  EXPECT_THAT(ErrorOf("fallback: FALLBACK_RANDOM"), StartsWith("m.textproto:1:"));
  EXPECT_THAT(ErrorOf(std::string("\0\1\2\xff", 4)), StartsWith("m.textproto:1:"));
  EXPECT_THAT(ErrorOf("topology: \"\xff\xfe\""), StartsWith("m.textproto:"));
}

TEST(MachineFile, AnEmptyOneIsTheGenericMachine) { EXPECT_EQ(ErrorOf(""), "ok"); }

TEST(MachineSpec, UnknownBase) {
  EXPECT_EQ(ErrorOf("\n base: \"xeon\""),
            "m.textproto:2:2: unknown preset 'xeon' (did you mean xeon-8380?); valid are: "
            "amd-4s-16core, big-1024, "
            "epyc-7763, epyc-7763-nps4, generic, penryn-2x4, r910, uma-1, vm-c4n2, xeon-8380");
}

TEST(MachineSpec, BothTopologyAndCpus) {
  EXPECT_EQ(ErrorOf("cpus { count: 2 }\ntopology: \"2\""),
            "m.textproto:2:1: both topology and cpus are given; say one of them");
}

TEST(MachineSpec, TopologyErrorsStandAtTheTopology) {
  EXPECT_EQ(ErrorOf("clock_mhz: 1000\ntopology: \"core:5000 pu:2\""),
            "m.textproto:2:1: the topology \"core:5000 pu:2\" has 10000 CPUs; at most 4096 can be "
            "simulated");
}

TEST(MachineSpec, NumbersOutOfRange) {
  EXPECT_EQ(ErrorOf("clock_mhz: -5"), "m.textproto:1:1: clock_mhz is -5; it must be 1 to 100000");
  EXPECT_EQ(ErrorOf("clock_mhz: 0"), "m.textproto:1:1: clock_mhz is 0; it must be 1 to 100000");
  EXPECT_EQ(ErrorOf("l1_hit_cycles: 0"),
            "m.textproto:1:1: l1_hit_cycles is 0; it must be 1 to 10000000");
  EXPECT_EQ(ErrorOf("range_overlap: 0"), "m.textproto:1:1: range_overlap is 0; it must be 1 to 64");
  EXPECT_EQ(ErrorOf("timer_hz: 1000000"),
            "m.textproto:1:1: timer_hz is 1000000; it must be 0 to 10000");
  EXPECT_EQ(ErrorOf("dram_local_cycles: 0"),
            "m.textproto:1:1: dram_local_cycles is 0; it must be 1 to 10000000");
  EXPECT_EQ(ErrorOf("topology: \"numa:2 pu:1\" remote { distance: 5 }"),
            "m.textproto:1:34: remote[0].distance is 5; it must be 10 to 254");
  EXPECT_EQ(ErrorOf("fallback: 7"), "m.textproto:1:1: fallback is 7, which is none of its values");
}

// Every field that is a number, at its own place in the text.
TEST(MachineSpec, EveryNegativeNumberIsRefused) {
  for (const char* field :
       {"possible_cpus", "clock_mhz", "l1_hit_cycles", "l2_hit_cycles", "llc_hit_cycles",
        "dram_local_cycles", "transfer_domain_cycles", "transfer_node_cycles", "range_overlap",
        "atomic_cycles", "local_cmpxchg_cycles", "ipi_cycles", "irq_entry_cycles",
        "irq_exit_cycles", "timer_hz", "timer_tick_cycles", "package_distance",
        "remote_distance"}) {
    EXPECT_THAT(ErrorOf(std::string("name: \"x\"\n  ") + field + ": -1"),
                StartsWith(std::string("m.textproto:2:3: ") + field + " is -1"));
  }
}

TEST(MachineSpec, PossibleCpus) {
  EXPECT_EQ(ErrorOf("topology: \"8\" possible_cpus: 4"),
            "m.textproto:1:15: possible_cpus is 4, but 8 CPUs are present");
  EXPECT_EQ(ErrorOf("possible_cpus: 5000"),
            "m.textproto:1:1: possible_cpus is 5000; it must be 1 to 4096");
}

TEST(MachineSpec, Caches) {
  EXPECT_EQ(ErrorOf("l2 {\n  size_bytes: 1000000\n}"),
            "m.textproto:2:3: l2 is 1000000 bytes, which is not a multiple of 16 ways of 64-byte "
            "lines (1024); say l2 { size_bytes: ... ways: ... }, and in a synthetic topology write "
            "MiB (MB are millions of bytes)");
  // Here the ways are what is new.
  EXPECT_THAT(ErrorOf("llc { ways: 11 }"),
              StartsWith("m.textproto:1:1: llc is 33554432 bytes, which is not a multiple of 11"));
  EXPECT_EQ(ErrorOf("l1 { ways: 0 }"), "m.textproto:1:6: l1.ways is 0; it must be 1 to 1024");
  EXPECT_EQ(ErrorOf("l1 { size_bytes: -64 }"),
            "m.textproto:1:6: l1.size_bytes is -64; it must be 1 to 1099511627776");
  EXPECT_EQ(ErrorOf("l1 { size_bytes: 0 }"),
            "m.textproto:1:1: l1.size_bytes is 0; every core has an L1");
}

TEST(MachineSpec, CachesThatDifferBetweenCores) {
  const std::string xml = LstopoXml("pack:1 l3:1 l2:2(size=1MiB) core:1 pu:1");
  const size_t last = xml.rfind("cache_size=\"1048576\"");
  std::string hybrid = xml;
  hybrid.replace(last, 20, "cache_size=\"2097152\"");
  const std::string path = WriteFile("hybrid.xml", hybrid);
  EXPECT_EQ(LoadError(path), path +
                                 ": the L2 of CPU 1 has 2097152 bytes and that of CPU 0 has "
                                 "1048576; the simulator's cores are all alike");
}

TEST(MachineSpec, Distances) {
  const std::string two = "topology: \"numa:2 pu:1\"\n";
  EXPECT_EQ(ErrorOf(two + "distance { to: [10, 20] }"),
            "m.textproto:2:1: distance has 1 rows, but there are 2 nodes");
  EXPECT_EQ(ErrorOf(two + "distance { to: [10, 20] }\ndistance { to: [20] }"),
            "m.textproto:3:1: row 1 of distance has 1 entries, but there are 2 nodes");
  EXPECT_EQ(ErrorOf(two + "distance { to: [10, 20] }\ndistance { to: [21, 10] }"),
            "m.textproto:2:12: the distance from node 0 to node 1 is 20, but 21 the other way");
  EXPECT_EQ(ErrorOf(two + "distance { to: [11, 20] }\ndistance { to: [20, 10] }"),
            "m.textproto:2:12: the distance of node 0 to itself is 11; it must be 10");
  EXPECT_EQ(ErrorOf(two + "distance { to: [10, 9] }\ndistance { to: [9, 10] }"),
            "m.textproto:2:12: the distance from node 0 to node 1 is 9; it must be 10 to 254");
  EXPECT_EQ(ErrorOf(two + "distance { to: [10, 255] }\ndistance { to: [255, 10] }"),
            "m.textproto:2:12: the distance from node 0 to node 1 is 255; it must be 10 to 254");
  EXPECT_EQ(ErrorOf(two + "remote_distance: 9"),
            "m.textproto:2:1: remote_distance is 9; it must be 10 to 254");
}

TEST(MachineSpec, EntriesGivenTwice) {
  EXPECT_EQ(ErrorOf("remote { distance: 20 }\nremote { distance: 20 }"),
            "m.textproto:2:1: a second remote entry for distance 20");
  EXPECT_EQ(ErrorOf("memory { node { node: 0 }\n node { node: 0 } }"),
            "m.textproto:2:2: a second memory.node entry for node 0");
}

TEST(MachineSpec, Memory) {
  const std::string two = "topology: \"numa:2 pu:1\"\n";
  EXPECT_EQ(ErrorOf(two + "memory { bytes_per_node: 0 }"),
            "m.textproto:2:1: no node has any memory");
  EXPECT_EQ(ErrorOf(two + "memory { bytes_per_node: 1000000000 }"),
            "m.textproto:2:10: node 0 has 1000000000 bytes of memory; it must be a multiple of "
            "4096, 0 to 70368744177664");
  EXPECT_EQ(ErrorOf(two + "memory { node { node: 1 bytes: -4096 } }"),
            "m.textproto:2:25: node 1 has -4096 bytes of memory; it must be a multiple of 4096, 0 "
            "to 70368744177664");
  EXPECT_EQ(ErrorOf(two + "memory { node { node: 2 } }"),
            "m.textproto:2:17: memory.node[0].node is 2; it must be 0 to 1");
  EXPECT_EQ(ErrorOf(two + "memory { bytes_per_node: 70368744177664 }"),
            "m.textproto:2:1: the nodes have 140737488355328 bytes of memory in all; at most "
            "70368744177664 can be simulated");
  EXPECT_THAT(ErrorOf("memory { dma_end_bytes: 1000 }"),
              StartsWith("m.textproto:1:1: a zone ends in the middle of a page"));
}

TEST(MachineSpec, MemoryTooSmallForTheKernelItself) {
  // 16 MiB; a struct page for each of 4096 pages is 256 KiB more than is there.
  EXPECT_EQ(ErrorOf("topology: \"1\" memory { bytes_per_node: 16777216 }"),
            "m.textproto:1:24: node 0 has 16777216 bytes of memory, but the kernel needs 18087936 "
            "for itself there (64 a page, 16 MiB, and 1 MiB for each of 1 possible CPUs)");
  EXPECT_EQ(ErrorOf("topology: \"1\" memory { node { node: 0 reserved_bytes: 4096 } }"),
            "m.textproto:1:39: 4096 of the 8589934592 bytes of node 0 are reserved; it must be a "
            "multiple of 4096, and 152043520 at least (64 a page, 16 MiB, and 1 MiB for each of 1 "
            "possible CPUs)");
  EXPECT_EQ(ErrorOf("topology: \"1\" memory { node { node: 0 reserved_bytes: 8589934592 } }"),
            "m.textproto:1:15: no node has any memory that is not reserved");
}

TEST(MachineSpec, CpuRuns) {
  EXPECT_EQ(ErrorOf("cpus { }"),
            "m.textproto:1:1: cpus[0] has 0 CPUs; it must have 1 at least, and all runs together "
            "4096 at most");
  EXPECT_EQ(ErrorOf("cpus { count: 4000 }\ncpus { count: 97 }"),
            "m.textproto:2:8: cpus[1] has 97 CPUs; it must have 1 at least, and all runs together "
            "4096 at most");
  EXPECT_EQ(ErrorOf("cpus { count: 1 node: 64 }"),
            "m.textproto:1:17: cpus[0] is on node 64; nodes are 0 to 63");
  EXPECT_EQ(ErrorOf("cpus { count: 1 first_core: -1 }"),
            "m.textproto:1:1: cpus[0] has a negative number in it, or a core beyond 4096");
  EXPECT_EQ(ErrorOf("cpus { count: 1 } cpus { count: 1 domain: 1 }"),
            "m.textproto:1:1: CPUs 0 and 1 share a core but not a cache domain");
  EXPECT_EQ(ErrorOf("cpus { count: 1 } cpus { count: 1 first_core: 1 node: 1 }"),
            "m.textproto:1:1: CPUs 0 and 1 share a cache domain but not a package and a node");
}

}  // namespace
}  // namespace slablab
