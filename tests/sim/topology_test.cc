// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/topology.h"

#include <hwloc.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/random.h"
#include "tests/sim/lstopo_xml.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

TEST(Synthetic, RefusesNumbersWithAGap) {
  EXPECT_THAT(MessageOf(TopologyFromSynthetic("core:4 pu:1(indexes=0,1,2,7)")),
              HasSubstr("CPU 3 is missing or offline; the 4 CPUs must be numbered from 0"));
}

TEST(Xml, SaysWhatTheSyntheticStringItCameFromSays) {
  const std::string description =
      "pack:2 numa:2(memory=1GiB) l3:2(size=32MiB) l2:2(size=1MiB) l1:1(size=32KiB) core:1 pu:2";
  absl::StatusOr<Topology> xml = TopologyFromXml(LstopoXml(description));
  ASSERT_TRUE(xml.ok()) << xml.status();
  const Topology synthetic = Synthetic(description);
  EXPECT_EQ(xml->cpus, synthetic.cpus);
  EXPECT_EQ(xml->node_bytes, synthetic.node_bytes);
  EXPECT_EQ(xml->llc->size_bytes, 32u << 20);
  EXPECT_EQ(xml->l2->size_bytes, 1u << 20);
  EXPECT_EQ(xml->l1->size_bytes, 32u << 10);
}

TEST(Xml, ACacheThatItDoesNotShowIsNotThere) {
  absl::StatusOr<Topology> xml = TopologyFromXml(LstopoXml("pack:1 core:2 l1:1 pu:1"));
  ASSERT_TRUE(xml.ok()) << xml.status();
  EXPECT_EQ(xml->l2->size_bytes, 0u);
  EXPECT_EQ(xml->llc->size_bytes, 0u);
  // But one that shows none at all, as in a guest, just does not know.
  absl::StatusOr<Topology> guest = TopologyFromXml(LstopoXml("pack:1 core:2 pu:1"));
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_FALSE(guest->llc.has_value());
}

TEST(Xml, GarbageIsAnErrorAndSilentAndNoCrash) {
  const std::string good = LstopoXml("pack:2 numa:1 core:2 pu:1");
  std::vector<std::string> bad = {
      "", "garbage", "<garbage", "<?xml version=\"1.0\"?><topology version=\"2.0\"></topology>",
      // hwloc 2.9 dies of these two.
      "<topology version=\"2.0\"><object type=\"Machine\" os_index=\"0\" cpuset=\"0x3\" "
      "nodeset=\"0x1\"><object type=\"PU\" os_index=\"0\" cpuset=\"0x1\"/></object></topology>",
      "<topology version=\"2.0\"><object type=\"Machine\"/></topology>"};
  for (size_t length = 0; length + 40 < good.size(); length += good.size() / 25) {
    bad.push_back(good.substr(0, length));
  }
  testing::internal::CaptureStderr();
  for (const std::string& xml : bad) {
    EXPECT_EQ(MessageOf(TopologyFromXml(xml)), "hwloc cannot read this as a topology in XML")
        << xml;
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Xml, DamagedFilesNeverCrash) {
  const std::string good = LstopoXml("pack:2 numa:1 l3:1 core:2 pu:1");
  Random random(4);
  for (int round = 0; round < 60; ++round) {
    std::string damaged = good;
    for (int change = 0; change < 3; ++change) {
      damaged[random.Below(damaged.size())] = static_cast<char>(32 + random.Below(95));
    }
    TopologyFromXml(damaged).IgnoreError();
  }
}

TEST(Xml, OfflineCpusAreRefused) {
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
  EXPECT_EQ(MessageOf(TopologyFromXml(offline)),
            "CPU 3 is offline; all CPUs of a topology must be online");
}

TEST(Host, IsReadable) {
  absl::StatusOr<Topology> host = TopologyOfHost();
  ASSERT_TRUE(host.ok()) << host.status();
  EXPECT_GE(host->cpus.size(), 1u);
  EXPECT_GE(host->node_count, 1);
}

}  // namespace
}  // namespace slablab
