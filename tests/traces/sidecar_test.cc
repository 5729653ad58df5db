// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The kernel's own words about its allocators, as typed values.

#include "traces/sidecar/kernel_names.h"
#include "traces/sidecar/sidecar.h"

#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/gz_input.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/traces/recording_text.h"
#include "traces/import/import_trace.h"
#include "traces/sidecar/recorded_sidecars.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string Contents(const std::string& name) {
  const absl::StatusOr<std::string> contents = ReadWholeFile(DataPath(name));
  EXPECT_TRUE(contents.ok()) << contents.status().message();
  return contents.ok() ? *contents : "";
}

constexpr std::string_view kSysfs =
    "/sys/kernel/slab/filp/object_size:184\n"
    "/sys/kernel/slab/filp/slab_size:192\n"
    "/sys/kernel/slab/filp/ctor:init_once+0x0/0x10\n"
    "/sys/kernel/slab/filp/alloc_fastpath:72 C0=20 C2=52\n"
    "/sys/kernel/slab/filp/objects:1008 N0=1000 N1=8\n"
    "/sys/kernel/slab/filp/slabs_cpu_partial:52(5) C0=10(1) C1=42(4)\n"
    "/sys/kernel/slab/filp/shrink:\n"
    "/sys/kernel/slab/:A-0000064/align:8\n"
    "fs_cache -> :A-0000064\n";

TEST(RecordedSidecarsTest, EachIsParsedOnceAndTheFirstThatCanBeReadIsFound) {
  TraceHeader trace;
  trace.sidecars = {{.name = "sys-kernel-slab.before", .contents = "nonsense"},
                    {.name = "sys-kernel-slab.after", .contents = std::string(kSysfs)}};
  const RecordedSidecars sidecars(trace);
  const absl::StatusOr<SlabSysfs>* const after = sidecars.Sysfs("sys-kernel-slab.after");
  ASSERT_NE(after, nullptr);
  ASSERT_TRUE(after->ok());
  EXPECT_EQ((*after)->Find("filp")->Total("object_size"), 184);
  EXPECT_EQ(sidecars.Sysfs("sys-kernel-slab.after"), after);
  const absl::StatusOr<SlabSysfs>* const before = sidecars.Sysfs("sys-kernel-slab.before");
  ASSERT_NE(before, nullptr);
  EXPECT_THAT(std::string(before->status().message()), HasSubstr("sys-kernel-slab.before:1"));
  EXPECT_EQ(sidecars.Sysfs("sys-kernel-slab.boot"), nullptr);
  EXPECT_EQ(sidecars.FirstSysfs({"sys-kernel-slab.before", "sys-kernel-slab.after"}), &**after);
  EXPECT_EQ(sidecars.FirstSysfs({"sys-kernel-slab.before"}), nullptr);
}

TEST(SidecarTest, SysfsHasTotalsAndSharesPerCpuAndNode) {
  const absl::StatusOr<SlabSysfs> slab = ParseSlabSysfs(kSysfs, "slab");
  ASSERT_TRUE(slab.ok()) << slab.status().message();
  const CacheSysfs* filp = slab->Find("filp");
  ASSERT_NE(filp, nullptr);
  EXPECT_EQ(filp->Total("object_size"), 184);
  EXPECT_EQ(filp->ctor, "init_once+0x0/0x10");
  EXPECT_EQ(filp->Find("alloc_fastpath")->total, 72);
  EXPECT_THAT(filp->Find("alloc_fastpath")->per_cpu, ElementsAre(20, 0, 52));
  EXPECT_THAT(filp->Find("alloc_fastpath")->per_node, IsEmpty());
  EXPECT_THAT(filp->Find("objects")->per_node, ElementsAre(1000, 8));
  EXPECT_EQ(filp->Total("slabs_cpu_partial"), 52);
  EXPECT_EQ(filp->Total("slabs_cpu_partial.slabs"), 5);
  EXPECT_THAT(filp->Find("slabs_cpu_partial.slabs")->per_cpu, ElementsAre(1, 4));
  EXPECT_EQ(filp->Find("shrink"), nullptr);
  EXPECT_EQ(filp->Total("nothing", -1), -1);
  // A merged cache, by its own name and by an alias.
  ASSERT_NE(slab->Find("fs_cache"), nullptr);
  EXPECT_EQ(slab->Find("fs_cache"), slab->Find(":A-0000064"));
  EXPECT_EQ(slab->Find("fs_cache")->Total("align"), 8);
  EXPECT_EQ(slab->Find("absent"), nullptr);
}

TEST(SidecarTest, ACopiedTreeSaysTheSameAsItsLines) {
  const std::string folder = MakeTestFolder("slab");
  for (const auto& [path, value] : std::vector<std::pair<std::string, std::string>>{
           {"filp/object_size", "184\n"}, {"filp/objects", "8 N0=8\n"}, {"filp/ctor", "\n"}}) {
    std::filesystem::create_directories(folder + "/filp");
    std::ofstream(folder + "/" + path) << value;
  }
  std::filesystem::create_directory_symlink("filp", folder + "/files");
  const absl::StatusOr<std::string> text = SlabSysfsTextOfTree(folder);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text,
            "files -> filp\n/sys/kernel/slab/filp/ctor:\n/sys/kernel/slab/filp/object_size:184\n"
            "/sys/kernel/slab/filp/objects:8 N0=8\n");
  const absl::StatusOr<SlabSysfs> slab = ParseSlabSysfs(*text, "slab");
  ASSERT_TRUE(slab.ok());
  EXPECT_EQ(slab->Find("files")->Total("object_size"), 184);
}

TEST(SidecarTest, BadSysfsLinesAreTold) {
  const auto message = [](std::string_view text) {
    return std::string(ParseSlabSysfs(text, "slab").status().message());
  };
  EXPECT_THAT(message("/sys/kernel/slab/a/b:1\nnonsense\n"), HasSubstr("slab:2: expected"));
  EXPECT_THAT(message("/sys/kernel/slab/a/b:many\n"), HasSubstr("slab:1: expected 'TOTAL"));
  EXPECT_THAT(message("/sys/kernel/slab/a/b:1 C5000=1\n"), HasSubstr("slab:1:"));
  EXPECT_THAT(message(""), HasSubstr("found none"));
}

TEST(SidecarTest, SlabinfoOfSlub) {
  const absl::StatusOr<Slabinfo> info = ParseSlabinfo(Contents("proc-slabinfo.txt"), "slabinfo");
  ASSERT_TRUE(info.ok()) << info.status().message();
  EXPECT_FALSE(info->has_statistics);
  const SlabinfoCache* filp = info->Find("filp");
  ASSERT_NE(filp, nullptr);
  EXPECT_EQ(filp->active_objects, 1008);
  EXPECT_EQ(filp->object_bytes, 192);
  EXPECT_EQ(filp->objects_per_slab, 21);
  EXPECT_EQ(filp->pages_per_slab, 1);
  EXPECT_EQ(filp->slabs, 48);
  EXPECT_THAT(filp->global_statistics, IsEmpty());
}

TEST(SidecarTest, SlabinfoOfSlabWithStatistics) {
  const absl::StatusOr<Slabinfo> info = ParseSlabinfo(
      "slabinfo - version: 2.1 (statistics)\n# name ...\n"
      "fib6_nodes 16 64 64 64 1 : tunables 120 60 8 : slabdata 1 1 0 : globalstat 16 17 1 2 3 4 5 "
      "6 7 : cpustat 8 9 10 11\n",
      "slabinfo");
  ASSERT_TRUE(info.ok()) << info.status().message();
  EXPECT_TRUE(info->has_statistics);
  EXPECT_EQ(info->caches[0].batchcount, 60);
  EXPECT_THAT(info->caches[0].global_statistics, ElementsAre(16, 17, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(info->caches[0].cpu_statistics, ElementsAre(8, 9, 10, 11));
}

TEST(SidecarTest, BadSlabinfoIsTold) {
  const auto message = [](std::string_view text) {
    return std::string(ParseSlabinfo(text, "slabinfo").status().message());
  };
  EXPECT_THAT(message("slabinfo - version: 1.1\n"), HasSubstr("slabinfo:1: expected"));
  EXPECT_THAT(message("slabinfo - version: 2.1\nfilp 1 2\n"), HasSubstr("slabinfo:2: expected"));
}

TEST(SidecarTest, PercpuStats) {
  const absl::StatusOr<PercpuStats> stats =
      ParsePercpuStats(Contents("debugfs-percpu_stats.txt"), "percpu_stats");
  ASSERT_TRUE(stats.ok()) << stats.status().message();
  EXPECT_EQ(stats->values.at("unit_size"), 1048576);
  EXPECT_EQ(stats->values.at("nr_chunks"), 2);
  EXPECT_FALSE(stats->chunks.empty());
  EXPECT_TRUE(stats->chunks[0].is_first);
}

TEST(SidecarTest, Zoneinfo) {
  const absl::StatusOr<std::vector<ZoneInfo>> zones = ParseZoneinfo(
      "Node 0, zone    DMA32\n  per-node stats\n      nr_slab_reclaimable 865\n"
      "  pages free     107565\n        boost    0\n        min      493\n"
      "        protection: (0, 0, 0)\n      nr_free_pages 107565\n  pagesets\n    cpu: 0\n"
      "              count: 97\n              high:  308\n              batch: 31\n"
      "  vm stats threshold: 18\n    cpu: 3\n              count: 98\n  start_pfn:           1\n"
      "Node 1, zone   Normal\n  pages free     7\n",
      "zoneinfo");
  ASSERT_TRUE(zones.ok()) << zones.status().message();
  ASSERT_EQ(zones->size(), 2);
  const ZoneInfo& zone = (*zones)[0];
  EXPECT_EQ(zone.name, "DMA32");
  EXPECT_EQ(zone.values.at("free"), 107565);
  EXPECT_EQ(zone.values.at("min"), 493);
  EXPECT_EQ(zone.values.at("nr_slab_reclaimable"), 865);
  EXPECT_EQ(zone.values.at("start_pfn"), 1);
  ASSERT_EQ(zone.pagesets.size(), 2);
  EXPECT_EQ(zone.pagesets[0].high, 308);
  EXPECT_EQ(zone.pagesets[1].cpu, 3);
  EXPECT_EQ(zone.pagesets[1].count, 98);
  EXPECT_EQ((*zones)[1].node, 1);
}

TEST(SidecarTest, NodesOfCpus) {
  const absl::StatusOr<std::vector<int32_t>> nodes =
      ParseNodes("node0 0-1,5\nnode1 2-3\nnode2\n", "nodes");
  ASSERT_TRUE(nodes.ok()) << nodes.status().message();
  EXPECT_THAT(*nodes, ElementsAre(0, 0, 1, 1, -1, 0));
  for (const char* bad :
       {"node0 x\n", "node1024 0\n", "cpu0 0\n", "node0 3-1\n", "node0 0-9999\n"}) {
    EXPECT_THAT(std::string(ParseNodes(bad, "nodes").status().message()), HasSubstr("nodes:1:"))
        << bad;
  }
  // A CPU on two nodes.
  EXPECT_THAT(std::string(ParseNodes("node0 0-3\nnode1 3-7\n", "nodes").status().message()),
              HasSubstr("nodes:2: expected each CPU on one node, and 3 is on node 0"));
}

std::string Gzipped(const std::string& text) {
  const std::string path = WriteTestFile("piece.gz", "");
  gzFile gz = gzopen(path.c_str(), "wb");
  gzwrite(gz, text.data(), static_cast<unsigned>(text.size()));
  gzclose(gz);
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(GzFileTest, PiecesAreOneTextAndNothingElseMayStandBehindThem) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i * 7919 % 10'007) + "\n";
  const auto read = [](const std::string& bytes) {
    return ReadWholeFile(WriteTestFile("pieces.gz", bytes));
  };
  const std::string piece = Gzipped(text);
  EXPECT_EQ(*read(text), text);
  EXPECT_EQ(*read("x"), "x");
  EXPECT_EQ(*read(""), "");
  EXPECT_EQ(*read(piece), text);
  EXPECT_EQ(*read(piece + piece + Gzipped("")), text + text);
  EXPECT_EQ(*read(piece + std::string(10'240, '\0')), text);
  for (const std::string& behind : {std::string("x"), std::string("\x1f", 1), std::string("junk\n"),
                                    std::string("\0\0junk", 6), std::string("y") + piece.substr(1),
                                    piece.substr(0, 5), piece.substr(0, piece.size() - 1)}) {
    EXPECT_FALSE(read(piece + behind).ok()) << behind.size();
  }
  for (const size_t end : {size_t{2}, size_t{9}, size_t{20}, piece.size() / 2, piece.size() - 1}) {
    const absl::StatusOr<std::string> cut = read(piece.substr(0, end));
    EXPECT_THAT(std::string(cut.status().message()), HasSubstr("damaged or truncated")) << end;
  }
}

TEST(SidecarTest, EventsLostByCpuAsTheRingsCountThem) {
  const absl::StatusOr<std::map<int32_t, uint64_t>> lost = ParseRingStats(
      "entries: 9\noverrun: 849063\ncommit overrun: 2\nbytes: 12\ndropped events: 1\n"
      "entries: 9\noverrun: 0\ncommit overrun: 0\nbytes: 12\ndropped events: 0\n"
      "\nentries: 1\noverrun: 7\n",
      "lost");
  ASSERT_TRUE(lost.ok()) << lost.status().message();
  EXPECT_THAT(*lost, ElementsAre(Pair(0, 849'066u), Pair(1, 0u), Pair(2, 7u)));
  for (const char* bad : {"overrun 3\n", "overrun: many\n", "overrun: -1\n"}) {
    EXPECT_THAT(std::string(ParseRingStats(bad, "lost").status().message()), HasSubstr("lost:1:"))
        << bad;
  }
}

TEST(SidecarTest, RingsCountsAreOfTheCpuThatALineNames) {
  const auto lost = [](const std::string& text) {
    const absl::StatusOr<std::map<int32_t, uint64_t>> read = ParseRingStats(text, "stats");
    EXPECT_TRUE(read.ok()) << read.status().message();
    return read.value_or(std::map<int32_t, uint64_t>());
  };
  EXPECT_THAT(lost("per_cpu/cpu0/stats:entries: 2\nper_cpu/cpu0/stats:overrun: 100000\n"
                   "per_cpu/cpu0/stats:oldest event ts:  4582.69\n"
                   "/sys/kernel/tracing/per_cpu/cpu12/stats:overrun: 5\n"
                   "/sys/kernel/tracing/per_cpu/cpu12/stats:dropped events: 2\n"),
              ElementsAre(Pair(0, 100'000u), Pair(12, 7u)));
  EXPECT_THAT(lost("==> per_cpu/cpu1/stats <==\noverrun: 3\n\n==> cpu4/stats <==\noverrun: 4\n"),
              ElementsAre(Pair(1, 3u), Pair(4, 4u)));
  for (const char* bad : {"", "\n", "entries: 3\n", "per_cpu/cpu0/stats:bytes: 96\n"}) {
    EXPECT_THAT(std::string(ParseRingStats(bad, "stats").status().message()),
                HasSubstr("stats: expected per_cpu/cpu*/stats"))
        << bad;
  }
  EXPECT_FALSE(ParseRingStats("per_cpu/cpu9999/stats:overrun: 1\n", "stats").ok());
}

TEST(SidecarTest, AReleaseIsReadOfWhateverSaysIt) {
  const auto release = [](const std::string& text) {
    return ParseUname(text, "uname").value_or("refused");
  };
  EXPECT_EQ(release("6.1.192\n"), "6.1.192");
  EXPECT_EQ(release("7.0-rc1"), "7.0-rc1");
  EXPECT_EQ(release("Linux host 6.18.0-arm64 #1 SMP aarch64 GNU/Linux\n"), "6.18.0-arm64");
  EXPECT_EQ(release("Linux version 5.15.0-91-generic (buildd@lcy02) #101\n"), "5.15.0-91-generic");
  EXPECT_EQ(release("Linux 6.12.0\n"), "6.12.0");
  for (const char* bad : {"", "garbage", "Linux", "6.x", "-1", "6",
                          "Linux host garbage", "6.1 x"}) {
    EXPECT_EQ(release(bad), "refused") << bad;
  }
}

TEST(SidecarTest, AFoldersSidecarsDescribeTheTrace) {
  const std::string folder = MakeTestFolder("recording");
  std::ofstream(folder + "/trace.txt")
      << ReportOfLines({"3 kmem_cache_alloc: call_site=f+0x1 ptr=0xffff888100000040 name=filp "
                        "bytes_req=184 bytes_alloc=192 gfp_flags=GFP_KERNEL node=-1"});
  std::ofstream(folder + "/nodes") << "node0 0-1\nnode1 2-3\n";
  std::ofstream(folder + "/uname") << "6.1.192\n";
  const std::string sysfs(kSysfs);
  gzFile gz = gzopen((folder + "/sys-kernel-slab.before.gz").c_str(), "wb");
  gzwrite(gz, sysfs.data(), static_cast<unsigned>(sysfs.size()));
  gzclose(gz);
  const Imported trace = ImportPath(folder);
  ASSERT_TRUE(trace.status.ok()) << trace.status.message();
  EXPECT_EQ(trace.header.kernel_release, "6.1.192");
  EXPECT_EQ(trace.header.node_count, 2);
  EXPECT_THAT(trace.header.node_of_cpu, ElementsAre(0, 0, 1, 1));
  EXPECT_TRUE(trace.header.caches.at(1).has_constructor);
  EXPECT_EQ(trace.header.caches.at(1).slab_size, 192);
  ASSERT_NE(trace.header.FindSidecar("sys-kernel-slab.before"), nullptr);
  EXPECT_EQ(trace.header.FindSidecar("sys-kernel-slab.before")->contents, kSysfs);

  std::ofstream(folder + "/slabinfo.after") << "not slabinfo\n";
  EXPECT_THAT(std::string(ImportPath(folder).status.message()), HasSubstr("slabinfo.after:1:"));
  std::filesystem::remove(folder + "/slabinfo.after");
  std::ofstream(folder + "/uname") << "6.\xff\n";
  EXPECT_THAT(std::string(ImportPath(folder).status.message()), HasSubstr("uname:1:"));
  std::filesystem::remove(folder + "/uname");
  std::ofstream(folder + "/lstopo.xml") << "not XML\n";
  EXPECT_THAT(std::string(ImportPath(folder).status.message()), HasSubstr("lstopo.xml: "));
}

TEST(SidecarTest, AnLstopoOfAVersionThatNoRunReadsIsSaid) {
  const std::string folder = MakeTestFolder("lstopo");
  std::ofstream(folder + "/trace.txt")
      << ReportOfLines({"3 kmem_cache_alloc: call_site=f+0x1 ptr=0xffff888100000040 name=filp "
                        "bytes_req=184 bytes_alloc=192 gfp_flags=GFP_KERNEL node=-1"});
  const auto notes = [&](const std::string& tag) {
    std::ofstream(folder + "/lstopo.xml") << "<?xml version=\"1.0\"?>\n" << tag << "</topology>\n";
    const Imported trace = ImportPath(folder);
    EXPECT_TRUE(trace.status.ok()) << trace.status.message();
    std::string text;
    for (const std::string& note : trace.header.assumptions) text += note + "\n";
    return text;
  };
  EXPECT_THAT(notes("<topology version=\"4.0\">"),
              HasSubstr("no run uses it: its version of hwloc's XML is 4.0, not 2 or 3"));
  EXPECT_THAT(notes("<topology>"), HasSubstr("hwloc's XML is not stated, not 2 or 3"));
  for (const char* read : {"<topology version=\"2.0\">", "<topology version='3.0'>"}) {
    EXPECT_THAT(notes(read), Not(HasSubstr("lstopo.xml"))) << read;
  }
}

TEST(SidecarTest, AFolderHoldsOneRecording) {
  const std::string folder = MakeTestFolder("two");
  WriteTestFile("two/trace.txt", "cpus=1\n");
  WriteTestFile("two/perf.txt.gz", "");
  EXPECT_EQ(std::string(FindRecording(folder).status().message()),
            folder +
                ": the folder holds two recordings, trace.txt and perf.txt.gz: name the one to "
                "import");
  const absl::StatusOr<Recording> one = FindRecording(folder + "/trace.txt");
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->path, folder + "/trace.txt");
}

TEST(SidecarTest, ACopiedTreeStandsInForTheLines) {
  const std::string folder = MakeTestFolder("recording");
  std::ofstream(folder + "/trace.txt")
      << ReportOfLines({"0 kmem_cache_alloc: call_site=f+0x1 ptr=0xffff888100000040 name=filp "
                        "bytes_req=184 bytes_alloc=192 gfp_flags=GFP_KERNEL node=-1"});
  std::filesystem::create_directories(folder + "/slab/filp");
  std::ofstream(folder + "/slab/filp/object_size") << "184\n";
  std::ofstream(folder + "/slab/filp/slab_size") << "256\n";
  std::ofstream(folder + "/slab/filp/destroy_by_rcu") << "1\n";
  const Imported trace = ImportPath(folder);
  ASSERT_TRUE(trace.status.ok()) << trace.status.message();
  EXPECT_EQ(trace.header.caches.at(1).slab_size, 256);
  EXPECT_TRUE(trace.header.caches.at(1).typesafe_by_rcu);
  EXPECT_NE(trace.header.FindSidecar("sys-kernel-slab.before"), nullptr);
}

TEST(SidecarTest, ATruncatedGzipFileIsAnError) {
  const std::string path = DataPath("perf-kmem-stat-6.18.txt.gz");
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::string cut = WriteTestFile("cut.gz", bytes.substr(0, bytes.size() / 2));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadWholeFile(cut).status()));
  EXPECT_TRUE(absl::IsNotFound(ReadWholeFile("/nonexistent").status()));
}

}  // namespace
}  // namespace slablab
