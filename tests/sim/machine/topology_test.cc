// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/topology.h"

#include <hwloc.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/machine/machine_loader.h"
#include "tests/sim/machine/lstopo_xml.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Topology Synthetic(const std::string& description) {
  absl::StatusOr<Topology> topology = TopologyFromSynthetic(description);
  EXPECT_TRUE(topology.ok()) << description << ": " << topology.status();
  return topology.ok() ? *topology : Topology{};
}

template <typename Field>
int CountOf(const Topology& topology, Field field) {
  std::set<int> values;
  for (const CpuPlace& place : topology.cpus) values.insert(field(place));
  return static_cast<int>(values.size());
}

int Cores(const Topology& topology) {
  return CountOf(topology, [](const CpuPlace& place) { return place.core.value(); });
}
int Domains(const Topology& topology) {
  return CountOf(topology, [](const CpuPlace& place) { return place.domain.value(); });
}
int Packages(const Topology& topology) {
  return CountOf(topology, [](const CpuPlace& place) { return place.package; });
}

TEST(Synthetic, TwoSocketsOfEightCoresWithTwoThreads) {
  const Topology topology = Synthetic("pack:2 numa:1 l3:1 core:8 pu:2");
  EXPECT_EQ(topology.cpus.size(), 32u);
  EXPECT_EQ(Cores(topology), 16);
  EXPECT_EQ(Domains(topology), 2);
  EXPECT_EQ(Packages(topology), 2);
  EXPECT_EQ(topology.node_count, 2);
  EXPECT_EQ(topology.cpus[15].node, NodeId(0));
  EXPECT_EQ(topology.cpus[16].node, NodeId(1));
  EXPECT_EQ(topology.cpus[2].core, topology.cpus[3].core);
}

TEST(Synthetic, CpusAreNumberedAsTheirIndexesSay) {
  // Cores 0..3, threads c and c + 4.
  const Topology topology = Synthetic("pack:2 numa:1 l3:1 core:2 pu:2(indexes=2*4:4*1)");
  for (size_t cpu = 0; cpu < 4; ++cpu) {
    EXPECT_EQ(topology.cpus[cpu].core, topology.cpus[cpu + 4].core) << cpu;
  }
  EXPECT_NE(topology.cpus[0].core, topology.cpus[1].core);
  EXPECT_EQ(topology.cpus[5].package, 0);
  EXPECT_EQ(topology.cpus[6].package, 1);
}

TEST(Synthetic, SaysOnlyWhatItSays) {
  const Topology plain = Synthetic("pack:1 numa:2 l3:1 l2:2 l1:1 core:1 pu:1");
  EXPECT_FALSE(plain.l1.has_value());
  EXPECT_FALSE(plain.l2.has_value());
  EXPECT_FALSE(plain.llc.has_value());
  EXPECT_TRUE(plain.node_bytes.empty());
  EXPECT_TRUE(plain.distance.empty());

  const Topology sized =
      Synthetic("pack:1 numa:2(memory=256MiB) l3:1(size=24MiB) l2:2 l1:1(size=48KiB) core:1 pu:1");
  EXPECT_EQ(sized.l1->size_bytes, 48u << 10);
  EXPECT_EQ(sized.l1->ways, 0);
  EXPECT_FALSE(sized.l2.has_value());
  EXPECT_EQ(sized.llc->size_bytes, 24u << 20);
  EXPECT_THAT(sized.node_bytes, ElementsAre(256u << 20, 256u << 20));
}

TEST(Synthetic, AnL2SharedByCoresIsTheLlcWhereThereIsNoL3) {
  const Topology penryn = Synthetic("pack:2 l2:2(size=6MiB) core:2 l1:1 pu:1");
  EXPECT_EQ(Domains(penryn), 4);
  EXPECT_EQ(penryn.cpus[0].domain, penryn.cpus[1].domain);
  EXPECT_NE(penryn.cpus[1].domain, penryn.cpus[2].domain);
  EXPECT_EQ(penryn.l2->size_bytes, 0u);
  EXPECT_EQ(penryn.llc->size_bytes, 6u << 20);
  EXPECT_EQ(penryn.node_count, 1);
}

TEST(Synthetic, AnL3OfAnySizeIsTheLlc) {
  for (const uint64_t mib : {512, 1024, 4096}) {
    const Topology topology =
        Synthetic("numa:2(memory=4GiB) l3:1(size=" + std::to_string(mib) + "MiB) core:2 pu:1");
    ASSERT_TRUE(topology.llc.has_value()) << mib;
    EXPECT_EQ(topology.llc->size_bytes, mib << 20);
    EXPECT_THAT(topology.cache_notes, IsEmpty());
  }
}

TEST(Synthetic, WithoutAnLlcThePackageIsTheDomain) {
  EXPECT_EQ(Domains(Synthetic("pack:4 core:2 pu:1")), 4);
  EXPECT_EQ(Domains(Synthetic("pack:2 numa:2 core:2 pu:1")), 4);
  EXPECT_EQ(Domains(Synthetic("64")), 1);
  EXPECT_EQ(Cores(Synthetic("64")), 64);
}

TEST(Synthetic, ACacheSharedByMoreThanTheSimulatorHasItForIsSharedOut) {
  // Four nodes under one L3 (sub-NUMA clustering): each has a quarter of it.
  const Topology snc = Synthetic("pack:1 l3:1(size=64MiB) numa:4 core:2 pu:1");
  EXPECT_EQ(Domains(snc), 4);
  EXPECT_EQ(snc.llc->size_bytes, 16u << 20);
  // Two cores under an L2, with an L3 above (Bulldozer): each has half of it.
  const Topology module = Synthetic("pack:1 l3:1 l2:2(size=2MiB) core:2 pu:1");
  EXPECT_EQ(module.l2->size_bytes, 1u << 20);
}

TEST(Synthetic, NodesWithoutPackagesAreNotOnePackage) {
  EXPECT_EQ(Packages(Synthetic("numa:4 core:2 pu:1")), 4);
  EXPECT_EQ(Packages(Synthetic("8")), 1);
}

TEST(Synthetic, TheNearestNodeIsACpusOwnAndOthersHaveNoCpu) {
  // A node by each L3 and one more by the package, as with HBM and DRAM.
  const Topology topology = Synthetic("pack:1 [numa] l3:2 [numa] core:1 pu:1");
  EXPECT_EQ(topology.node_count, 3);
  EXPECT_EQ(CountOf(topology, [](const CpuPlace& place) { return place.node.value(); }), 2);
}

// Everything that hwloc counts, we count; over random shapes, numberings and orders of levels.
TEST(Synthetic, RandomTreesHaveHwlocsOwnCounts) {
  Random random(2026);
  for (int round = 0; round < 400; ++round) {
    std::string description = fmt::format("pack:{}", 1 + random.Below(4));
    if (random.Chance(2, 3)) description += fmt::format(" numa:{}", 1 + random.Below(4));
    if (random.Chance(2, 3)) description += fmt::format(" l3:{}", 1 + random.Below(4));
    if (random.Chance(1, 2)) description += fmt::format(" l2:{}", 1 + random.Below(3));
    if (random.Chance(1, 3)) description += " l1:1";
    if (random.Chance(3, 4)) description += fmt::format(" core:{}", 1 + random.Below(4));
    description += fmt::format(" pu:{}", 1 + random.Below(2));
    SCOPED_TRACE(description);

    hwloc_topology_t raw = nullptr;
    ASSERT_EQ(hwloc_topology_init(&raw), 0);
    ASSERT_EQ(hwloc_topology_set_synthetic(raw, description.c_str()), 0);
    ASSERT_EQ(hwloc_topology_load(raw), 0);
    const Topology topology = Synthetic(description);
    EXPECT_EQ(static_cast<int>(topology.cpus.size()), hwloc_get_nbobjs_by_type(raw, HWLOC_OBJ_PU));
    EXPECT_EQ(topology.node_count, hwloc_get_nbobjs_by_type(raw, HWLOC_OBJ_NUMANODE));
    EXPECT_EQ(Packages(topology), hwloc_get_nbobjs_by_type(raw, HWLOC_OBJ_PACKAGE));
    const int cores = hwloc_get_nbobjs_by_type(raw, HWLOC_OBJ_CORE);
    if (cores > 0) {
      EXPECT_EQ(Cores(topology), cores);
    }
    const int l3 = hwloc_get_nbobjs_by_type(raw, HWLOC_OBJ_L3CACHE);
    if (l3 > 0) {
      EXPECT_EQ(Domains(topology), l3);
    }
    for (size_t cpu = 0; cpu < topology.cpus.size(); ++cpu) {
      hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(raw, static_cast<unsigned>(cpu));
      EXPECT_TRUE(
          hwloc_bitmap_isset(pu->nodeset, static_cast<unsigned>(topology.cpus[cpu].node.value())));
      hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(raw, HWLOC_OBJ_PACKAGE, pu);
      EXPECT_EQ(topology.cpus[cpu].package, static_cast<int>(package->logical_index));
    }
    hwloc_topology_destroy(raw);
  }
}

std::string MessageOf(const absl::StatusOr<Topology>& topology) {
  return topology.ok() ? "ok" : std::string(topology.status().message());
}

TEST(Synthetic, RefusesWhatIsNoTopology) {
  EXPECT_EQ(MessageOf(TopologyFromSynthetic("")), "the topology is empty");
  EXPECT_EQ(MessageOf(TopologyFromSynthetic("  \t")), "the topology is empty");
  EXPECT_THAT(MessageOf(TopologyFromSynthetic("pack:2 kore:4 pu:1")),
              HasSubstr("names \"kore\" (at character 8), which is no type of object"));
  EXPECT_EQ(
      MessageOf(TopologyFromSynthetic("pack:2 core:0 pu:1")),
      "the topology \"pack:2 core:0 pu:1\" has no CPU: it counts 0 \"core\" (at character 8)");
  EXPECT_THAT(MessageOf(TopologyFromSynthetic("pack:2 core: pu:1")),
              HasSubstr("hwloc does not understand the topology"));
  EXPECT_THAT(MessageOf(TopologyFromSynthetic("pu:4 core:2")),
              HasSubstr("hwloc does not understand the topology"));
}

TEST(Synthetic, RefusesTooManyCpusBeforeHwlocBuildsThem) {
  EXPECT_EQ(MessageOf(TopologyFromSynthetic("pack:100 core:50 pu:2")),
            "the topology \"pack:100 core:50 pu:2\" has 10000 CPUs; at most 4096 can be simulated");
  EXPECT_THAT(MessageOf(TopologyFromSynthetic("pack:1000000 core:1000000 pu:4000000000000")),
              HasSubstr("at most 4096 can be simulated"));
  EXPECT_EQ(Synthetic("pack:16 core:128 pu:2").cpus.size(), 4096u);
}

TEST(Synthetic, RefusesTooManyNodes) {
  EXPECT_EQ(Synthetic("numa:64 pu:1").node_count, 64);
  EXPECT_EQ(MessageOf(TopologyFromSynthetic("numa:65 pu:1")),
            "the topology has 65 NUMA nodes; at most 64 can be simulated");
}

TEST(Synthetic, NumbersWithAGapAreRanked) {
  const Topology topology = Synthetic("numa:2 core:2 pu:1(indexes=0,1,2,7)");
  EXPECT_THAT(topology.cpu_numbers, ElementsAre(0, 1, 2, 7));
  EXPECT_EQ(topology.cpus[3].node, NodeId(1));
}

TEST(Xml, SaysWhatTheSyntheticStringItCameFromSays) {
  const std::string description =
      "pack:2 numa:2(memory=1GiB) l3:2(size=32MiB) l2:2(size=1MiB) l1:1(size=32KiB) core:1 pu:2";
  absl::StatusOr<Topology> xml = TopologyFromXml(LstopoXml(description), "m.xml");
  ASSERT_TRUE(xml.ok()) << xml.status();
  const Topology synthetic = Synthetic(description);
  EXPECT_EQ(xml->cpus, synthetic.cpus);
  EXPECT_EQ(xml->node_bytes, synthetic.node_bytes);
  EXPECT_EQ(xml->llc->size_bytes, 32u << 20);
  EXPECT_EQ(xml->l2->size_bytes, 1u << 20);
  EXPECT_EQ(xml->l1->size_bytes, 32u << 10);
}

TEST(Xml, ACacheThatItDoesNotShowIsNotThere) {
  absl::StatusOr<Topology> xml = TopologyFromXml(LstopoXml("pack:1 core:2 l1:1 pu:1"), "m.xml");
  ASSERT_TRUE(xml.ok()) << xml.status();
  EXPECT_EQ(xml->l2->size_bytes, 0u);
  EXPECT_EQ(xml->llc->size_bytes, 0u);
  // But one that shows none at all, as in a guest, just does not know.
  absl::StatusOr<Topology> guest = TopologyFromXml(LstopoXml("pack:1 core:2 pu:1"), "m.xml");
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_FALSE(guest->llc.has_value());
}

TEST(Xml, GarbageIsAnErrorAndSilentAndNoCrash) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(MessageOf(TopologyFromXml("", "m.xml")),
            "m.xml: holds no <topology>, as lstopo writes it");
  EXPECT_EQ(MessageOf(TopologyFromXml("garbage", "m.xml")),
            "m.xml: holds no <topology>, as lstopo writes it");
  EXPECT_EQ(MessageOf(TopologyFromXml("\n<svg></svg>", "m.xml")),
            "m.xml:2: expected <topology>, as lstopo writes it, found <svg>");
  EXPECT_EQ(MessageOf(TopologyFromXml("<topology version=\"2.0\">\n<object a=b/>", "m.xml")),
            "m.xml:2: expected an attribute NAME=\"VALUE\" in <object>");
  EXPECT_EQ(MessageOf(TopologyFromXml("<topology>\n<a>\n</b></topology>", "m.xml")),
            "m.xml:3: </b> where </a> was expected");
  for (const char* unread :
       {"<topology version=\"2.0\"></topology>",
        // hwloc 2.9 dies of these two.
        "<topology version=\"2.0\"><object type=\"Machine\" os_index=\"0\" cpuset=\"0x3\" "
        "nodeset=\"0x1\"><object type=\"PU\" os_index=\"0\" cpuset=\"0x1\"/></object></topology>",
        "<topology version=\"2.0\"><object type=\"Machine\"/></topology>"}) {
    EXPECT_THAT(MessageOf(TopologyFromXml(unread, "m.xml")),
                HasSubstr("cannot read it as a topology"))
        << unread;
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Xml, AFileCutShortAnywhereIsToldByTheLineWhereItEnds) {
  std::string good = LstopoXml("pack:2 numa:1 core:2 pu:1");
  good.erase(good.find_last_of('>') + 1);
  const size_t begins = good.find("<topology") + 9;
  for (size_t length = begins; length < good.size(); ++length) {
    const std::string message = MessageOf(TopologyFromXml(good.substr(0, length), "m.xml"));
    ASSERT_EQ(message.rfind("m.xml:", 0), 0u) << length << ": " << message;
    ASSERT_THAT(message, HasSubstr("the file ends")) << length;
    ASSERT_THAT(message, HasSubstr("byte " + std::to_string(length))) << length;
  }
}

// What lstopo of hwloc 3 writes: another version, and infos of the whole machine beside its
// objects.
std::string InVersion(std::string xml, const std::string& version) {
  const size_t at = xml.find("version=\"2.0\"");
  EXPECT_NE(at, std::string::npos);
  xml.replace(at, 13, "version=\"" + version + "\"");
  xml.insert(xml.find("</topology>"),
             "<info name=\"hwlocVersion\" value=\"3.0.0\"/><info name=\"Backend\" value=\"Linux\">"
             "</info>\n");
  return xml;
}

TEST(Xml, WhatHwloc3WroteIsReadAsWhatHwloc2Did) {
  const std::string xml = LstopoXml("pack:2 numa:2(memory=1GiB) l3:1(size=5MiB) core:2 pu:2");
  const absl::StatusOr<Topology> two = TopologyFromXml(xml, "m.xml");
  const absl::StatusOr<Topology> three = TopologyFromXml(InVersion(xml, "3.0"), "m.xml");
  ASSERT_TRUE(two.ok()) << two.status();
  ASSERT_TRUE(three.ok()) << three.status();
  EXPECT_EQ(three->cpus, two->cpus);
  EXPECT_EQ(three->node_bytes, two->node_bytes);
  EXPECT_EQ(three->distance, two->distance);
  EXPECT_EQ(three->llc->size_bytes, 5u << 20);
  EXPECT_THAT(MessageOf(TopologyFromXml(InVersion(xml, "4.1"), "m.xml")),
              HasSubstr("version '4.1' of hwloc's XML; versions 2 and 3 can be read. Have lstopo "
                        "write one of version 2: lstopo --export-xml-flags v2 machine.xml"));
}

// A machine whose only L3 has these attributes.
absl::StatusOr<Topology> WithL3(const std::string& attributes) {
  std::string xml = LstopoXml(
      "pack:1 numa:1(memory=4GiB) l3:1(size=7MiB) l2:2(size=1MiB) "
      "l1:1(size=32KiB) core:1 pu:1");
  const std::string size = "cache_size=\"7340032\"";
  const size_t at = xml.find(size);
  EXPECT_NE(at, std::string::npos) << xml;
  const size_t end = xml.find("cache_type", at);
  xml.replace(at, end - at, attributes + " depth=\"3\" cache_linesize=\"64\" ");
  return TopologyFromXml(xml, "m.xml");
}

TEST(Xml, EveryRealCacheIsTakenWhateverItsSizeAndWays) {
  // KiB: a slice of 1.375 and of 1.875 MiB, sizes of three and of five times a power of two.
  for (const uint64_t kib : {1408u, 1920u, 5120u, 8448u, 12288u, 39424u, 61440u, 107520u}) {
    for (const int ways : {-1, 0, 1, 11, 12, 15, 16, 20, 24, 48, 64}) {
      const absl::StatusOr<Topology> topology =
          WithL3("cache_size=\"" + std::to_string(kib << 10) + "\" cache_associativity=\"" +
                 std::to_string(ways) + "\"");
      ASSERT_TRUE(topology.ok()) << topology.status();
      const absl::StatusOr<SourcedMachine> machine =
          MachineOfTopology(*topology, "m.xml", MachineSpec());
      ASSERT_TRUE(machine.ok()) << kib << " KiB of " << ways << ": " << machine.status();
      // Nothing but the end of what is no whole set is lost.
      const uint64_t lines_lost =
          (kib << 10) / kLineSize -
          machine->config.llc.sets() * static_cast<uint64_t>(machine->config.llc.ways);
      EXPECT_LT(lines_lost, static_cast<uint64_t>(machine->config.llc.ways))
          << kib << " KiB of " << ways;
      if (ways > 0) {
        EXPECT_EQ(machine->config.llc.ways, ways);
      }
    }
  }
}

TEST(Xml, AnL3Of5MiBAnd48WaysIsSimulatedInWholeSetsAndSaysSo) {
  const absl::StatusOr<Topology> topology =
      WithL3("cache_size=\"5242880\" cache_associativity=\"48\"");
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(topology->llc->size_bytes, 1706u * 48 * 64);
  EXPECT_THAT(topology->cache_notes, ElementsAre("L3 of 5242880 bytes taken as 5240832"));
}

TEST(Xml, AMemorySideCacheIsNoLastLevelCache) {
  for (const char* l3 : {"cache_size=\"2147483648\" cache_associativity=\"0\"",
                         "cache_size=\"536870912\" cache_associativity=\"1\" "
                         "subtype=\"MemorySideCache\""}) {
    const absl::StatusOr<Topology> topology = WithL3(l3);
    ASSERT_TRUE(topology.ok()) << topology.status();
    EXPECT_EQ(topology->llc->size_bytes, 0u) << l3;
    EXPECT_EQ(topology->l2->size_bytes, 1u << 20) << l3;
    EXPECT_THAT(topology->cache_notes, ElementsAre(HasSubstr("memory-side cache of"))) << l3;
  }
}

TEST(Xml, CachesThatNoMachineHasAreLeftOutAndSaid) {
  std::string l4 = LstopoXml("pack:1 numa:1 l3:1 core:2 pu:1");
  const size_t l3 = l4.find("<object type=\"L3Cache\"");
  ASSERT_NE(l3, std::string::npos) << l4;
  const size_t sets = l4.find("cpuset=", l3);
  const std::string of_cpus = l4.substr(sets, l4.find("gp_index", sets) - sets);
  l4.insert(l3, "<object type=\"L4Cache\" " + of_cpus +
                    "gp_index=\"900\" cache_size=\"134217728\" depth=\"4\" "
                    "cache_linesize=\"64\" cache_associativity=\"16\" cache_type=\"0\">");
  l4.insert(l4.rfind("</object>"), "</object>");
  absl::StatusOr<Topology> topology = TopologyFromXml(l4, "l4.xml");
  ASSERT_TRUE(topology.ok()) << topology.status() << l4;
  EXPECT_THAT(topology->cache_notes, ElementsAre("L4 of 128 MiB left out"));

  std::string memcache = LstopoXml("pack:1 numa:1 core:2 pu:1");
  const size_t node = memcache.find("<object type=\"NUMANode\"");
  ASSERT_NE(node, std::string::npos) << memcache;
  const size_t node_sets = memcache.find("cpuset=", node);
  const size_t node_end = memcache.find("gp_index", node_sets);
  memcache.insert(memcache.find("</object>", node) + std::string("</object>").size(), "</object>");
  memcache.insert(node, "<object type=\"MemCache\" " +
                            memcache.substr(node_sets, node_end - node_sets) +
                            "gp_index=\"901\" cache_size=\"17179869184\" depth=\"1\" "
                            "cache_linesize=\"64\" cache_associativity=\"1\" "
                            "cache_type=\"0\">");
  topology = TopologyFromXml(memcache, "memcache.xml");
  ASSERT_TRUE(topology.ok()) << topology.status() << memcache;
  EXPECT_THAT(topology->cache_notes, ElementsAre("memory-side cache of 16384 MiB left out"));
}

TEST(Clock, IsTheHighestOfAnyKindOfCpuElseTheBaseElseTheModels) {
  const std::string xml = LstopoXml("pack:1 numa:1 core:2 pu:1");
  const auto clock_of = [&](const std::string& kinds, const std::string& model) {
    std::string with = xml;
    with.insert(with.find("</topology>"), kinds);
    const size_t package = with.find("<object type=\"Package\"");
    with.insert(with.find('>', package) + 1, model);
    const absl::StatusOr<Topology> topology = TopologyFromXml(with, "m.xml");
    EXPECT_TRUE(topology.ok()) << topology.status();
    return topology.ok() ? topology->clock.mhz : -1;
  };
  const std::string model = "<info name=\"CPUModel\" value=\"Xeon(R) E5-2680 v4 @ 2.40GHz\"/>";
  const std::string base =
      "<cpukind cpuset=\"0x3\"><info name=\"FrequencyBaseMHz\" value=\"2100\"/></cpukind>";
  const std::string both =
      "<cpukind cpuset=\"0x1\"><info name=\"FrequencyMaxMHz\" value=\"3400\"/></cpukind>"
      "<cpukind cpuset=\"0x2\"><info name=\"FrequencyMaxMHz\" value=\"2600\"/>"
      "<info name=\"FrequencyBaseMHz\" value=\"2100\"/></cpukind>";
  EXPECT_EQ(clock_of(both, model), 3400);
  EXPECT_EQ(clock_of(base, model), 2100);
  EXPECT_EQ(clock_of("", model), 2400);
  EXPECT_EQ(clock_of("", "<info name=\"CPUModel\" value=\"EPYC 7763 64-Core\"/>"), 0);
}

TEST(Clock, OfCpuinfoIsTheModelsElseWhatItRanAt) {
  EXPECT_EQ(ClockOfCpuinfo("model name\t: Xeon(R) @ 2.70GHz\ncpu MHz\t\t: 1199.998\n").mhz, 2700);
  EXPECT_EQ(ClockOfCpuinfo("model name\t: QEMU Virtual CPU\ncpu MHz\t\t: 2793.436\n").mhz, 2793);
  EXPECT_EQ(ClockOfCpuinfo("processor\t: 0\nclock\t\t: 3800.000000MHz\n").mhz, 3800);
  for (const char* none : {"", "processor : 0\n", "cpu MHz : fast\n", "cpu MHz : 0\n",
                           "model name : @ GHz\n", "cpu MHz : 99999999999999999999\n"}) {
    EXPECT_EQ(ClockOfCpuinfo(none).mhz, 0) << none;
  }
}

TEST(Xml, DamagedFilesNeverCrash) {
  const std::string good = LstopoXml("pack:2 numa:1 l3:1 core:2 pu:1");
  Random random(4);
  for (int round = 0; round < 60; ++round) {
    std::string damaged = good;
    for (int change = 0; change < 3; ++change) {
      damaged[random.Below(damaged.size())] = static_cast<char>(32 + random.Below(95));
    }
    TopologyFromXml(damaged, "m.xml").IgnoreError();
  }
}

TEST(Xml, OfflineCpusAreNoCpusButPossibleOnes) {
  std::string xml = LstopoXml("pack:1 numa:1 core:4 pu:1");
  // Takes the last CPU away from what is online, but not from what is there.
  const std::string all =
      "cpuset=\"0x0000000f\" complete_cpuset=\"0x0000000f\" "
      "allowed_cpuset=\"0x0000000f\"";
  const size_t at = xml.find(all);
  ASSERT_NE(at, std::string::npos) << xml;
  std::string offline = xml;
  for (size_t found = 0;
       (found = offline.find(" cpuset=\"0x0000000f\"", found)) != std::string::npos;) {
    offline.replace(found, 20, " cpuset=\"0x00000007\"");
  }
  const size_t core = offline.find("<object type=\"Core\" os_index=\"3\"");
  ASSERT_NE(core, std::string::npos) << offline;
  const size_t end = offline.find("</object>", core);
  offline.erase(core, end + 9 - core);
  const absl::StatusOr<Topology> topology = TopologyFromXml(offline, "m.xml");
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(topology->cpus.size(), 3u);
  EXPECT_EQ(topology->possible_cpus, 4);
}

TEST(Host, IsReadable) {
  absl::StatusOr<Topology> host = TopologyOfHost();
  ASSERT_TRUE(host.ok()) << host.status();
  EXPECT_GE(host->cpus.size(), 1u);
  EXPECT_GE(host->node_count, 1);
}

}  // namespace
}  // namespace slablab
