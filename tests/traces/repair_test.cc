// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Every repair of traces/import/repair/repair.h: a recording in, the trace out, and the count that
// the user sees.

#include "traces/import/repair/repair.h"

#include <string>
#include <vector>

#include "base/random.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/traces/recording_text.h"
#include "traces/validate.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Kmalloc(int cpu, uint64_t address, int req = 60, int alloc = 64,
                    const std::string& site = "f+0x1") {
  return fmt::format(
      "{} kmalloc: call_site={} ptr={:#x} bytes_req={} bytes_alloc={} "
      "gfp_flags=GFP_KERNEL node=-1 accounted=false",
      cpu, site, address, req, alloc);
}
std::string Kfree(int cpu, uint64_t address, const std::string& site = "g+0x1") {
  return fmt::format("{} kfree: call_site={} ptr={}", cpu, site,
                     address == 0 ? "(nil)" : fmt::format("{:#x}", address));
}
std::string CacheAlloc(int cpu, uint64_t address, const std::string& cache = "", int req = 184,
                       int alloc = 192, const std::string& site = "h+0x1") {
  return fmt::format(
      "{} kmem_cache_alloc: call_site={} ptr={:#x} {}bytes_req={} bytes_alloc={} "
      "gfp_flags=GFP_KERNEL node=-1 accounted=false",
      cpu, site, address, cache.empty() ? "" : fmt::format("name={} ", cache), req, alloc);
}
std::string CacheFree(int cpu, uint64_t address, const std::string& cache,
                      const std::string& site = "i+0x1") {
  return fmt::format("{} kmem_cache_free: call_site={} ptr={:#x} name={}", cpu, site, address,
                     cache);
}

constexpr uint64_t kA = 0xffff888100000040;
constexpr uint64_t kB = 0xffff888100000080;
constexpr uint64_t kC = 0xffff8881000000c0;

TEST(RepairTest, AnOrdinaryLifeNeedsNone) {
  const Imported trace = ImportLines({Kmalloc(0, kA), Kfree(1, kA), CacheAlloc(0, kB, "filp"),
                                      CacheFree(1, kB, "filp"), Kmalloc(2, kA), Kfree(2, kA)});
  EXPECT_THAT(trace.Lines(),
              ElementsAre("1000 cpu0 alloc #1 kmalloc 60/64", "2000 cpu1 kfree #1",
                          "3000 cpu0 alloc #2 filp 184/192", "4000 cpu1 free #2 filp",
                          "5000 cpu2 alloc #3 kmalloc 60/64", "6000 cpu2 kfree #3"));
  EXPECT_TRUE(trace.header.repairs.empty());
}

TEST(RepairTest, FreeOfNullIsKeptWithoutAnObjectAndCounted) {
  const std::vector<std::string> lines = {Kfree(0, 0), Kfree(0, 16), Kmalloc(0, kA)};
  const Imported kept = ImportLines(lines);
  EXPECT_THAT(kept.Lines(), ElementsAre("1000 cpu0 kfree #0", "2000 cpu0 kfree #0",
                                        "3000 cpu0 alloc #1 kmalloc 60/64"));
  EXPECT_EQ(kept.Repaired("null-free"), 2);
  const Imported dropped = ImportLines(lines, {.keep_null_frees = false});
  EXPECT_THAT(dropped.Lines(), ElementsAre("3000 cpu0 alloc #1 kmalloc 60/64"));
  EXPECT_EQ(dropped.Repaired("null-free"), 2);
}

TEST(RepairTest, AllocationOfALiveAddressMeansItsFreeWasNotTraced) {
  const Imported trace =
      ImportLines({CacheAlloc(0, kA, "filp"), CacheAlloc(1, kA, "filp"), CacheFree(1, kA, "filp")});
  EXPECT_THAT(trace.Lines(),
              ElementsAre("1000 cpu0 alloc #1 filp 184/192", "2000 cpu1 free #1 filp inferred",
                          "2000 cpu1 alloc #2 filp 184/192", "3000 cpu1 free #2 filp"));
  EXPECT_EQ(trace.Repaired("inferred-free"), 1);
}

std::string Pages(int cpu, const std::string& event, uint64_t frame, int order = 0) {
  return fmt::format("{} mm_page_{}: page=0x5 pfn={:#x} order={}{}", cpu, event, frame, order,
                     event == "alloc" ? " migratetype=1 gfp_flags=GFP_KERNEL" : "");
}

TEST(RepairTest, AnAllocationEndsWhateverItOverlaps) {
  // Three of kmalloc-96 went by kfree_rcu(), which has no tracepoint; their slab is another
  // cache's.
  const Imported trace = ImportLines({Kmalloc(0, kA - 0x40, 72, 96), Kmalloc(0, kA + 0x20, 72, 96),
                                      Kmalloc(0, kA + 0x80, 72, 96), Kmalloc(0, kA + 0xe0, 72, 96),
                                      CacheAlloc(1, kA, "tw_sock_TCP", 248, 256)});
  EXPECT_THAT(trace.Lines(),
              ElementsAre("1000 cpu0 alloc #1 kmalloc 72/96", "2000 cpu0 alloc #2 kmalloc 72/96",
                          "3000 cpu0 alloc #3 kmalloc 72/96", "4000 cpu0 alloc #4 kmalloc 72/96",
                          "5000 cpu1 kfree #1 inferred", "5000 cpu1 kfree #2 inferred",
                          "5000 cpu1 kfree #3 inferred", "5000 cpu1 kfree #4 inferred",
                          "5000 cpu1 alloc #5 tw_sock_TCP 248/256"));
  EXPECT_EQ(trace.Repaired("inferred-free-overlapped"), 4);
  EXPECT_EQ(trace.Repaired("inferred-free"), 0);
}

TEST(RepairTest, NeighboursDoNotOverlap) {
  const Imported trace =
      ImportLines({Kmalloc(0, kA), Kmalloc(0, kC), Kmalloc(0, kB), Kmalloc(0, kA - 64)});
  EXPECT_EQ(trace.events.size(), 4);
  EXPECT_TRUE(trace.header.repairs.empty());
}

TEST(RepairTest, HashedAddressesHaveNoNeighbours) {
  const Imported trace = ImportLines({Kmalloc(0, 0x81000040), Kmalloc(0, 0x81000041)});
  EXPECT_EQ(trace.events.size(), 2);
  EXPECT_TRUE(trace.header.repairs.empty());
}

TEST(RepairTest, AFreeWithinALiveObjectMeansThatItIsGone) {
  const Imported trace =
      ImportLines({CacheAlloc(0, kA, "tw_sock_TCP", 248, 256), CacheFree(1, kB, "filp")});
  EXPECT_THAT(trace.Lines(), ElementsAre("1000 cpu0 alloc #1 tw_sock_TCP 248/256",
                                         "2000 cpu1 free #1 tw_sock_TCP inferred",
                                         "2000 cpu1 free #2 filp predates"));
  EXPECT_EQ(trace.Repaired("inferred-free-overlapped"), 1);
}

TEST(RepairTest, NothingLivesInPagesThatGoBack) {
  // Frames 0x100000 and 0x100001 are mapped at 0xffff888100000000 and the page after it.
  constexpr uint64_t kNextPage = 0xffff888100001000;
  constexpr uint64_t kFrame = 0x100000;
  const std::vector<std::string> lines = {
      Kmalloc(0, kA), CacheAlloc(0, kNextPage - 64, "filp", 64, 64),
      Kmalloc(0, kNextPage, 4000, 4096), Kmalloc(0, kNextPage + 4096)};
  std::vector<std::string> freed = lines;
  freed.push_back(Pages(2, "free", kFrame));
  const Imported one = ImportLines(freed);
  EXPECT_THAT(
      one.Lines(),
      ElementsAre("1000 cpu0 alloc #1 kmalloc 60/64", "2000 cpu0 alloc #2 filp 64/64",
                  "3000 cpu0 alloc #3 kmalloc 4000/4096", "4000 cpu0 alloc #4 kmalloc 60/64",
                  "5000 cpu2 kfree #1 inferred", "5000 cpu2 free #2 filp inferred",
                  "5000 cpu2 free-pages #5 frame 0x100000 order 0 predates"));
  EXPECT_EQ(one.Repaired("inferred-free-of-page"), 2);
  freed.back() = Pages(2, "free", kFrame, 1);
  EXPECT_EQ(ImportLines(freed).Repaired("inferred-free-of-page"), 3);
  freed.back() = Pages(2, "alloc", kFrame, 2);
  EXPECT_EQ(ImportLines(freed).Repaired("inferred-free-of-page"), 4);
  freed.back() = Pages(2, "free", kFrame + 3);
  EXPECT_EQ(ImportLines(freed).Repaired("inferred-free-of-page"), 0);
}

TEST(RepairTest, WithoutAKnownMapOfMemoryPagesSayNothing) {
  const Imported trace = ImportLines({Kmalloc(0, 0xffff9d4100000040), Pages(0, "free", 0x100000)});
  EXPECT_EQ(trace.Repaired("inferred-free-of-page"), 0);
}

TEST(RepairTest, AnAllocationIsNotInferredOverWhatIsLive) {
  const Imported trace = ImportLines({CacheAlloc(0, kA, "filp"), CacheFree(0, kA, "filp"),
                                      Kmalloc(0, kB), CacheFree(0, kA, "filp"), Kfree(0, kB)});
  EXPECT_THAT(trace.Lines(),
              ElementsAre("1000 cpu0 alloc #1 filp 184/192", "2000 cpu0 free #1 filp",
                          "3000 cpu0 alloc #2 kmalloc 60/64", "4000 cpu0 free #3 filp predates",
                          "5000 cpu0 kfree #2"));
}

TEST(RepairTest, FreeOfAnUnknownPointerIsOfAnObjectOlderThanTheTrace) {
  const Imported trace =
      ImportLines({Kfree(0, kA), CacheFree(1, kB, "filp"), CacheAlloc(0, kB, "filp")});
  EXPECT_THAT(trace.Lines(),
              ElementsAre("1000 cpu0 kfree #1 predates", "2000 cpu1 free #2 filp predates",
                          "3000 cpu0 alloc #3 filp 184/192"));
  EXPECT_EQ(trace.Repaired("predates-trace"), 2);
}

TEST(RepairTest, FreeOfAFreedAddressMeansItsAllocationWasNotTraced) {
  // maple_node: bulk allocation has no tracepoint, its frees have.
  const Imported trace =
      ImportLines({CacheAlloc(0, kA, "maple_node", 256, 256), CacheFree(0, kA, "maple_node"),
                   CacheFree(2, kA, "maple_node"), Kmalloc(0, kB), Kfree(0, kB), Kfree(1, kB)});
  EXPECT_THAT(
      trace.Lines(),
      ElementsAre("1000 cpu0 alloc #1 maple_node 256/256", "2000 cpu0 free #1 maple_node",
                  "3000 cpu2 alloc #2 maple_node 256/256 inferred", "3000 cpu2 free #2 maple_node",
                  "4000 cpu0 alloc #3 kmalloc 60/64", "5000 cpu0 kfree #3",
                  "6000 cpu1 alloc #4 kmalloc 60/64 inferred", "6000 cpu1 kfree #4"));
  EXPECT_EQ(trace.Repaired("inferred-allocation"), 2);
}

TEST(RepairTest, FreedTwiceWithUnknownSizePredatesTheTrace) {
  const Imported trace = ImportLines({CacheFree(0, kA, "filp"), CacheFree(0, kA, "filp")});
  EXPECT_THAT(trace.Lines(),
              ElementsAre("1000 cpu0 free #1 filp predates", "2000 cpu0 free #2 filp predates"));
}

TEST(RepairTest, TheSizeOfAnUntracedAllocationMayBeLearntLater) {
  const Imported trace =
      ImportLines({CacheFree(0, kA, "filp"), CacheFree(0, kA, "filp"), CacheAlloc(0, kB, "filp")});
  EXPECT_THAT(
      trace.Lines(),
      ElementsAre("1000 cpu0 free #1 filp predates", "2000 cpu0 alloc #2 filp 184/192 inferred",
                  "2000 cpu0 free #2 filp", "3000 cpu0 alloc #3 filp 184/192"));
}

TEST(RepairTest, TheRecordedAllocatorsOwnAllocationsAreLeftOut) {
  constexpr uint64_t kSheaf = kA + 0x1000;
  const std::vector<std::string> lines = {
      Kmalloc(0, kA, 128, 128, "alloc_slab_obj_exts+0x2b"),
      Kmalloc(0, kSheaf, 288, 512, "alloc_empty_sheaf.isra.0+0x1f"),
      CacheAlloc(0, kC, "kmem_cache_node", 64, 64),
      Kfree(1, kA, "__free_slab+0x30"),
      Kfree(1, kSheaf, "anything+0x1"),
      Kmalloc(1, kA),
      Kfree(1, kA)};
  const Imported trace = ImportLines(lines);
  EXPECT_THAT(trace.Lines(), ElementsAre("6000 cpu1 alloc #1 kmalloc 60/64", "7000 cpu1 kfree #1"));
  EXPECT_EQ(trace.Repaired("allocator-internal"), 5);
  EXPECT_EQ(trace.summary.internal.allocations, 3);
  EXPECT_EQ(trace.summary.internal.bytes_requested, 128 + 288 + 64);
  EXPECT_EQ(trace.summary.internal.bytes_allocated, 128 + 512 + 64);
  EXPECT_EQ(trace.summary.internal.bytes_freed, 128 + 512);
  const Imported whole = ImportLines(lines, {.keep_allocator_internal = true});
  EXPECT_EQ(whole.events.size(), lines.size());
  EXPECT_EQ(whole.Repaired("allocator-internal"), 0);
}

TEST(RepairTest, MetadataOverALiveAddressStillEndsThatObject) {
  const Imported trace = ImportLines(
      {Kmalloc(0, kA), Kmalloc(0, kA, 128, 128, "alloc_slab_obj_exts+0x2b"), Kmalloc(0, kA)});
  EXPECT_THAT(trace.Lines(),
              ElementsAre("1000 cpu0 alloc #1 kmalloc 60/64", "2000 cpu0 kfree #1 inferred",
                          "3000 cpu0 alloc #2 kmalloc 60/64"));
}

TEST(RepairTest, KfreeOfACacheObjectGoesToItsCache) {
  const Imported trace = ImportLines({CacheAlloc(0, kA, "sgpool-8"), Kfree(0, kA)});
  EXPECT_THAT(trace.Lines(),
              ElementsAre("1000 cpu0 alloc #1 sgpool-8 184/192", "2000 cpu0 kfree #1 sgpool-8"));
  EXPECT_EQ(trace.Repaired("kfree-of-cache-object"), 1);
}

TEST(RepairTest, AFreeUnderAnotherNameKeepsTheAllocations) {
  const Imported trace = ImportLines({CacheAlloc(0, kA, "pid"), CacheFree(0, kA, "cred_jar"),
                                      Kmalloc(0, kB), CacheFree(0, kB, "kmalloc-64")});
  EXPECT_THAT(trace.Lines(), ElementsAre("1000 cpu0 alloc #1 pid 184/192", "2000 cpu0 free #1 pid",
                                         "3000 cpu0 alloc #2 kmalloc 60/64", "4000 cpu0 kfree #2"));
  EXPECT_EQ(trace.Repaired("freed-as-other-cache"), 1);
  EXPECT_EQ(trace.Repaired("cache-free-of-kmalloc"), 1);
}

TEST(RepairTest, AFailedAllocationHasNoObject) {
  const Imported trace = ImportLines({Kmalloc(0, 0)});
  EXPECT_THAT(trace.Lines(), ElementsAre("1000 cpu0 alloc #0 kmalloc 60/64"));
  EXPECT_EQ(trace.Repaired("failed-allocation"), 1);
}

TEST(RepairTest, TimeIsRaisedToItsPredecessorsAndTheOrderStays) {
  const std::string path =
      WriteTestFile("backwards.txt",
                    "  sh-7  [000]  5.000002: kfree: call_site=f+0x1 ptr=0xffff888100000040\n"
                    "  sh-7  [001]  5.000001: kfree: call_site=f+0x1 ptr=0xffff888100000080\n"
                    "  sh-7  [000]  5.000003: kfree: call_site=f+0x1 ptr=0xffff8881000000c0\n");
  const Imported trace = ImportPath(path);
  EXPECT_THAT(trace.Lines(),
              ElementsAre("5000002000 cpu0 kfree #1 predates", "5000002000 cpu1 kfree #2 predates",
                          "5000003000 cpu0 kfree #3 predates"));
  EXPECT_EQ(trace.Repaired("clamped-time"), 1);
}

TEST(RepairTest, PagesAndPercpuAreasAndChunksAreNumbered) {
  const std::string alloc =
      "percpu_alloc_percpu: call_site=f+0x1 reserved=0 is_atomic=1 size=16 align=8 ";
  const Imported trace = ImportLines({
      "0 mm_page_alloc: page=0x5 pfn=0x5 order=2 migratetype=1 gfp_flags=GFP_KERNEL",
      "1 mm_page_free: page=0x5 pfn=0x5 order=2",
      "1 mm_page_free: page=0x6 pfn=0x6 order=0",
      "0 percpu_create_chunk: base_addr=0xffffe8ff00000000",
      "0 " + alloc + "base_addr=0xffffe8ff00000000 off=64 ptr=0x60 bytes_alloc=64 gfp_flags=0x0",
      "0 " + alloc + "base_addr=0xffffe8ffffc00000 off=64 ptr=0x70 bytes_alloc=64 gfp_flags=0x0",
      "1 percpu_free_percpu: base_addr=0xffffe8ff00000000 off=64 ptr=0x60",
      "1 percpu_destroy_chunk: base_addr=0xffffe8ff00000000",
      "1 percpu_create_chunk: base_addr=0xffffe8ff00000000",
      "1 percpu_alloc_percpu_fail: reserved=0 is_atomic=1 size=99 align=8",
  });
  EXPECT_THAT(trace.Lines(), ElementsAre("1000 cpu0 pages #1 frame 0x5 order 2",
                                         "2000 cpu1 free-pages #1 frame 0x5 order 2",
                                         "3000 cpu1 free-pages #2 frame 0x6 order 0 predates",
                                         "4000 cpu0 percpu_create_chunk chunk 1",
                                         "5000 cpu0 percpu #3 chunk 1 offset 64 size 16 align 8",
                                         "6000 cpu0 percpu #4 chunk 2 offset 64 size 16 align 8",
                                         "7000 cpu1 free-percpu #3 chunk 1 offset 64",
                                         "8000 cpu1 percpu_destroy_chunk chunk 1",
                                         "9000 cpu1 percpu_create_chunk chunk 3",
                                         "10000 cpu1 percpu-failed size 99 align 8"));
  EXPECT_EQ(trace.Repaired("page-predates-trace"), 1);
  EXPECT_TRUE(trace.events[4].atomic);
}

TEST(RepairTest, ARecordingThatChangesBetweenItsReadingsIsAnError) {
  const std::vector<std::string> before = {CacheAlloc(0, kA), CacheFree(0, kA, "filp")};
  for (const std::vector<std::string>& after :
       {std::vector<std::string>{CacheFree(0, kA, "filp"), CacheFree(0, kA, "pid")},
        {CacheAlloc(0, kA, "", 184, 192, "another+0x1")},
        {Kmalloc(0, kA, 60, 64, "another+0x1")}}) {
    Repairer repairer({});
    const auto read = [&repairer](const std::string& text) {
      return internal::ReadTextFrom(text, "r", RecordingFormat::kTraceCmdReport, false, repairer)
          .status();
    };
    ASSERT_TRUE(read(ReportOfLines(before)).ok());
    repairer.Conclude();
    class : public EventSink {
      absl::Status Append(const Event&) override { return absl::OkStatus(); }
    } nowhere;
    repairer.WriteTo(&nowhere);
    const absl::Status status = read(ReportOfLines(after));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("changed while it was read"));
  }
}

// --- Names that kmem_cache_alloc of 6.1 does not give ---

TEST(NamingTest, AnObjectsOwnFreeNamesItsCache) {
  const Imported trace = ImportLines({CacheAlloc(0, kA), CacheFree(0, kA, "pid")});
  EXPECT_THAT(trace.Lines(),
              ElementsAre("1000 cpu0 alloc #1 pid 184/192", "2000 cpu0 free #1 pid"));
  EXPECT_EQ(trace.Repaired("named-by-own-free"), 1);
}

// `freed` objects of one call site that are freed under `names`, in turn, and one that never is.
Imported Vote(int freed, const std::vector<std::string>& names, const SidecarSet& sidecars = {}) {
  std::vector<std::string> lines;
  for (int i = 0; i < freed; ++i) {
    lines.push_back(CacheAlloc(0, kA));
    lines.push_back(CacheFree(0, kA, names[static_cast<size_t>(i) % names.size()]));
  }
  lines.push_back(CacheAlloc(0, kB));
  return ImportLines(lines, {}, sidecars);
}

TEST(NamingTest, TheNeverFreedGoByTheVoteOfTheirCallSiteAndSizes) {
  const Imported trace = Vote(3, {"pid"});
  EXPECT_THAT(trace.Lines().back(), HasSubstr("alloc #4 pid 184/192"));
  EXPECT_EQ(trace.Repaired("named-by-vote"), 1);
  EXPECT_EQ(trace.Repaired("unnamed"), 0);
}

TEST(NamingTest, TooFewOrDividedVotesDecideNothing) {
  EXPECT_THAT(Vote(2, {"pid"}).Lines().back(), HasSubstr("unnamed-184-192"));
  const Imported divided = Vote(10, {"pid", "cred_jar"});
  EXPECT_THAT(divided.Lines().back(), HasSubstr("unnamed-184-192"));
  EXPECT_EQ(divided.Repaired("unnamed"), 1);
  EXPECT_EQ(divided.header.caches.back().slab_size, 192);
}

TEST(NamingTest, VotesForACacheOfOtherSizesDoNotCount) {
  SidecarSet sidecars;
  sidecars.known = {{.name = "cred_jar", .object_size = 168, .slab_size = 192},
                    {.name = "filp", .object_size = 184, .slab_size = 192},
                    {.name = "pid", .object_size = 112, .slab_size = 128}};
  // All frees say pid, which cannot hold 184 bytes: only filp can.
  const Imported trace = Vote(5, {"pid"}, sidecars);
  EXPECT_THAT(trace.Lines().back(), HasSubstr("alloc #6 filp 184/192"));
  EXPECT_EQ(trace.Repaired("named-by-size"), 1);
}

TEST(NamingTest, TheKernelsOwnCountsDecideAmongCachesOfOneSize) {
  std::vector<std::string> lines;
  for (int i = 0; i < 20; ++i) lines.push_back(CacheAlloc(0, kA + 64 * uint64_t(i)));
  SidecarSet sidecars;
  sidecars.known = {{.name = "vmap_area", .object_size = 184, .slab_size = 192, .allocations = 19},
                    {.name = "filp", .object_size = 184, .slab_size = 192, .allocations = 2}};
  const Imported trace = ImportLines(lines, {}, sidecars);
  EXPECT_EQ(trace.Repaired("named-by-counters"), 20);
  EXPECT_THAT(trace.Lines()[0], HasSubstr("vmap_area"));
  sidecars.known[1].allocations = 18;  // now both have room
  EXPECT_EQ(ImportLines(lines, {}, sidecars).Repaired("unnamed"), 20);
}

TEST(NamingTest, MergedCachesAreFoundThroughTheirAlias) {
  SidecarSet sidecars;
  sidecars.sysfs.emplace();
  sidecars.sysfs->aliases["pid"] = ":A-0000192";
  CacheSysfs& merged = sidecars.sysfs->caches[":A-0000192"];
  merged.counts["object_size"].total = 192;
  merged.counts["slab_size"].total = 192;
  merged.counts["align"].total = 64;
  merged.counts["hwcache_align"].total = 1;
  const Imported trace = ImportLines({CacheAlloc(0, kA, "pid")}, {}, sidecars);
  EXPECT_EQ(trace.Repaired("merged-cache"), 1);
  const TraceCache& cache = trace.header.caches[1];
  EXPECT_EQ(cache.name, "pid");
  EXPECT_EQ(cache.align, 64);
  EXPECT_TRUE(cache.hwcache_align);
  EXPECT_TRUE(cache.from_sidecar);
}

TEST(RepairTest, MoreThanWasGivenCannotHaveBeenAskedFor) {
  // Text is refused by its line; a trace.dat has none, and comes as it is.
  RawEvent event;
  event.kind = EventKind::kCacheAlloc;
  event.address = kA;
  event.bytes_req = 65;
  event.bytes_alloc = 64;
  Repairer repairer({});
  const absl::Status status = repairer.Append(event);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(std::string(status.message()),
            "kmem_cache_alloc gave 64 bytes where 65 were asked for: no kernel does, so the "
            "recording is damaged");
  event.bytes_req = 64;
  EXPECT_TRUE(repairer.Append(event).ok());
  event.kind = EventKind::kPageAlloc;  // an order, which is no size
  event.bytes_alloc = 0;
  EXPECT_TRUE(repairer.Append(event).ok());
}

// --- What every trace keeps, whatever the recording ---

void ExpectValid(const Imported& trace) {
  TraceValidator validator(trace.header, /*violations_max=*/5);
  for (const Event& event : trace.events) validator.Check(event);
  for (const Violation& violation : validator.violations()) {
    ADD_FAILURE() << violation.event << ": " << violation.what;
  }
}

// A line of any kind, in two pages, of caches of different sizes.
std::string RandomLine(Random& random) {
  const int cpu = static_cast<int>(random.Below(4));
  const uint64_t address = 0xffff888100000f00 + 32 * random.Below(16);
  const std::string site = random.Below(8) == 0 ? "alloc_slab_obj_exts+0x1" : "f+0x1";
  const int size = 32 << random.Below(4);
  const bool is_a = random.Below(2) == 0;
  const std::string cache = is_a ? "a" : random.Below(8) == 0 ? "kmem_cache" : "b";
  switch (random.Below(9)) {
    case 0:
    case 1:
      return Kmalloc(cpu, address, size - 4, size, site);
    case 2:
      return Kfree(cpu, address, site);
    case 3:
      return Kfree(cpu, random.Below(4) == 0 ? 16 * random.Below(2) : address, site);
    case 4:
    case 5: {
      const bool is_named = random.Below(4) != 0;
      return CacheAlloc(cpu, address, is_named ? cache : "", is_a ? 60 : 96, is_a ? 64 : 96, site);
    }
    case 6:
    case 7:
      return CacheFree(cpu, address, cache);
    default:
      return Pages(cpu, random.Below(2) == 0 ? "alloc" : "free", 0x100000 + random.Below(4),
                   static_cast<int>(random.Below(2)));
  }
}

TEST(RepairTest, WhateverWasRecordedTheTraceIsValid) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed, /*stream=*/0);
    std::vector<std::string> lines;
    for (int i = 0; i < 60; ++i) lines.push_back(RandomLine(random));
    const Imported trace = ImportLines(lines);
    ASSERT_TRUE(trace.status.ok()) << trace.status.message();
    ExpectValid(trace);
    if (HasFailure()) FAIL() << "seed " << seed << "\n" << ReportOfLines(lines);
  }
}

}  // namespace
}  // namespace slablab
