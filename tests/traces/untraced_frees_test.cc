// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What recordings of kernels with sheaves lack: frees by kvfree_rcu, known by the kernel's
// counters, and what they have too much: the allocator's own kmallocs, known by their call sites.

#include "traces/import/repair/untraced_frees.h"

#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/traces/recording_text.h"
#include "traces/import/repair/repair.h"
#include "traces/sidecar/kernel_counters.h"
#include "traces/validate.h"
#include "traces/symbols/kallsyms.h"

namespace slablab {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kA = 0xffff888100000100;
constexpr uint64_t kB = 0xffff888100000200;
constexpr uint64_t kC = 0xffff888100000300;

std::string Alloc(int cpu, uint64_t address, const std::string& cache = "maple_node") {
  return fmt::format(
      "{} kmem_cache_alloc: call_site=f+0x1 ptr={:#x} name={} bytes_req=256 bytes_alloc=256 "
      "gfp_flags=GFP_KERNEL node=-1 accounted=false",
      cpu, address, cache);
}
std::string Kmalloc(int cpu, uint64_t address, const std::string& site = "f+0x1", int bytes = 96) {
  return fmt::format(
      "{} kmalloc: call_site={} ptr={:#x} bytes_req={} bytes_alloc={} gfp_flags=GFP_KERNEL "
      "node=-1 accounted=false",
      cpu, site, address, bytes, bytes);
}
std::string Kfree(int cpu, uint64_t address, const std::string& site = "g+0x1") {
  return fmt::format("{} kfree: call_site={} ptr={:#x}", cpu, site, address);
}

// How much a cache's counters grew.
struct Grown {
  std::string cache;
  int object_size = 256;
  int allocations = 0;
  int by_rcu = 0;
};
KernelCounters Counters(const std::vector<Grown>& caches) {
  SlabSysfs before;
  SlabSysfs after;
  for (const Grown& grown : caches) {
    for (SlabSysfs* sysfs : {&before, &after}) {
      const int64_t now = sysfs == &after ? 1 : 0;
      auto& counts = sysfs->caches[grown.cache].counts;
      counts["object_size"].total = grown.object_size;
      counts["alloc_fastpath"].total = 1000 + now * grown.allocations;
      counts["alloc_slowpath"].total = 7;
      counts["free_rcu_sheaf"].total = 50 + now * grown.by_rcu;
      counts["free_rcu_sheaf_fail"].total = 3;
    }
  }
  return *KernelCounters::Between(before, after);
}

Imported ImportCounted(const std::vector<std::string>& lines, const std::vector<Grown>& caches) {
  SidecarSet sidecars;
  sidecars.counters = Counters(caches);
  return ImportLines(lines, {}, sidecars);
}

std::vector<TraceRepair::Part> Parts(const Imported& trace, std::string_view repair) {
  for (const TraceRepair& each : trace.header.repairs) {
    if (each.name == repair) return each.parts;
  }
  return {};
}

TEST(UntracedFreesTest, WhatWentByRcuGoesHalfwayToWhereItsAddressIsUsedAgain) {
  const std::vector<std::string> lines = {Alloc(0, kA), Kmalloc(2, kB), Kfree(2, kB),
                                          Kmalloc(2, kB), Alloc(1, kA)};
  const Imported trace =
      ImportCounted(lines, {{.cache = "maple_node", .allocations = 2, .by_rcu = 1}});
  EXPECT_THAT(
      trace.Lines(),
      ElementsAre("1000 cpu0 alloc #1 maple_node 256/256", "2000 cpu2 alloc #2 kmalloc 96/96",
                  "3000 cpu1 free #1 maple_node inferred by rcu", "3000 cpu2 kfree #2",
                  "4000 cpu2 alloc #3 kmalloc 96/96", "5000 cpu1 alloc #4 maple_node 256/256"));
  EXPECT_THAT(Parts(trace, "inferred-free-by-rcu"),
              ElementsAre(TraceRepair::Part{"maple_node", 1}));
  EXPECT_EQ(trace.Repaired("inferred-free"), 0u);
  EXPECT_THAT(Explain(trace.header.repairs.at(0)), HasSubstr(": maple_node 1"));
}

TEST(UntracedFreesTest, WithoutCountersAnObjectGoesWhereItsAddressIsUsedAgain) {
  const std::vector<std::string> lines = {Alloc(0, kA), Kmalloc(2, kB), Alloc(1, kA)};
  for (const Imported& trace :
       {ImportLines(lines), ImportCounted(lines, {{.cache = "maple_node", .allocations = 2}}),
        ImportCounted(lines, {{.cache = "dentry", .allocations = 2, .by_rcu = 2}})}) {
    EXPECT_EQ(trace.Lines().at(2), "3000 cpu1 free #1 maple_node inferred");
    EXPECT_THAT(Parts(trace, "inferred-free"), ElementsAre(TraceRepair::Part{"maple_node", 1}));
  }
}

TEST(UntracedFreesTest, WhatNothingButTheCountShowsIsWhatLivedLongest) {
  const std::vector<std::string> lines = {
      Alloc(0, kA),        Alloc(1, kB),          Alloc(2, kC),       Kmalloc(3, kA + 4096),
      Kfree(3, kA + 4096), Kmalloc(3, kA + 4096), Kfree(3, kA + 4096)};
  const auto lines_with = [&](int allocations, int by_rcu) {
    return ImportCounted(lines,
                         {{.cache = "maple_node", .allocations = allocations, .by_rcu = by_rcu}});
  };
  // Of three, two are gone: the first halfway between 1 and 7 us, where it was allocated.
  const Imported two = lines_with(3, 2);
  EXPECT_THAT(two.Lines(), Contains("4000 cpu0 free #1 maple_node inferred by rcu"));
  EXPECT_THAT(two.Lines(), Contains("4500 cpu1 free #2 maple_node inferred by rcu"));
  EXPECT_EQ(two.Repaired("inferred-free-aged"), 2u);
  EXPECT_EQ(two.Repaired("inferred-free-by-rcu"), 0u);
  // One of the allocations that the kernel counted is not in the recording, nor may its free be.
  EXPECT_EQ(lines_with(4, 2).Repaired("inferred-free-aged"), 1u);
  EXPECT_EQ(lines_with(5, 2).Repaired("inferred-free-aged"), 0u);
  // More than there are cannot go.
  EXPECT_EQ(lines_with(2, 100).Repaired("inferred-free-aged"), 3u);
  // A prefilled sheaf gives objects that the kernel does not count.
  EXPECT_EQ(lines_with(0, 1).Repaired("inferred-free-aged"), 1u);
}

TEST(UntracedFreesTest, WithoutStatisticsACacheWithSheavesAndNoFreeOfItsOwnGoesByRcu) {
  SidecarSet sidecars;
  sidecars.sysfs.emplace();
  sidecars.sysfs->caches["maple_node"].counts["sheaf_capacity"].total = 32;
  sidecars.sysfs->caches["dentry"].counts["sheaf_capacity"].total = 0;
  const auto by_rcu = [&](const std::vector<std::string>& lines) {
    return ImportLines(lines, {}, sidecars).Repaired("inferred-free-by-rcu");
  };
  const std::vector<std::string> lines = {Alloc(0, kA), Alloc(0, kB), Alloc(0, kA)};
  EXPECT_EQ(by_rcu(lines), 1u);
  EXPECT_EQ(by_rcu({Alloc(0, kA, "dentry"), Alloc(0, kA, "dentry")}), 0u);
  std::vector<std::string> freed = lines;
  freed.push_back(Kfree(0, kB));  // by kvfree_rcu's list
  EXPECT_EQ(by_rcu(freed), 1u);
  freed.back() = fmt::format("0 kmem_cache_free: call_site=g+0x1 ptr={:#x} name=maple_node", kB);
  EXPECT_EQ(by_rcu(freed), 0u);
  // What the kernel counts goes before.
  sidecars.counters = Counters({{.cache = "maple_node", .allocations = 3}});
  EXPECT_EQ(by_rcu(lines), 0u);
}

TEST(UntracedFreesTest, NoMoreGoByRcuThanTheKernelCounted) {
  const std::vector<std::string> lines = {Alloc(0, kA), Alloc(0, kA), Alloc(0, kA), Alloc(0, kA)};
  const Imported trace =
      ImportCounted(lines, {{.cache = "maple_node", .allocations = 4, .by_rcu = 2}});
  EXPECT_EQ(trace.Repaired("inferred-free-by-rcu"), 2u);
  EXPECT_EQ(trace.Repaired("inferred-free"), 1u);
  EXPECT_EQ(trace.Lines().at(1), "1500 cpu0 free #1 maple_node inferred by rcu");
  EXPECT_EQ(trace.Lines().at(5), "4000 cpu0 free #3 maple_node inferred");
}

TEST(UntracedFreesTest, EveryCacheOfASizeOfKmallocIsOneClass) {
  const std::vector<std::string> lines = {Kmalloc(0, kA), Kmalloc(0, kA), Kmalloc(0, kA)};
  const Imported trace = ImportCounted(
      lines, {{.cache = "kmalloc-96", .object_size = 96, .allocations = 1},
              {.cache = "kmalloc-rcl-96", .object_size = 96, .allocations = 2, .by_rcu = 1},
              {.cache = "kmalloc-part-03-96", .object_size = 96, .by_rcu = 1},
              {.cache = "kmalloc-192", .object_size = 192, .by_rcu = 9}});
  EXPECT_THAT(Parts(trace, "inferred-free-by-rcu"),
              ElementsAre(TraceRepair::Part{"kmalloc-96", 2}));
}

// Whatever was recorded and counted, the trace is valid and both readings agree.
TEST(UntracedFreesTest, WhateverTheKernelCountedTheTraceIsValid) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed, /*stream=*/0);
    std::vector<std::string> lines;
    for (int i = 0; i < 60; ++i) {
      const int cpu = static_cast<int>(random.Below(4));
      const uint64_t address = kA + 32 * random.Below(16);
      switch (random.Below(6)) {
        case 0:
          lines.push_back(Kfree(cpu, address));
          break;
        case 1:
          lines.push_back(Kmalloc(cpu, address));
          break;
        case 2:
          lines.push_back(fmt::format("{} mm_page_free: page=0x5 pfn=0x100000 order=0", cpu));
          break;
        case 3:
          lines.push_back(fmt::format("{} kmem_cache_free: call_site=g+0x1 ptr={:#x} name={}", cpu,
                                      address, random.Below(2) == 0 ? "maple_node" : "dentry"));
          break;
        default:
          lines.push_back(Alloc(cpu, address, random.Below(4) == 0 ? "dentry" : "maple_node"));
      }
    }
    const auto some = [&] { return static_cast<int>(random.Below(30)); };
    const Imported trace = ImportCounted(
        lines,
        {{.cache = "maple_node", .allocations = some(), .by_rcu = some()},
         {.cache = "dentry", .allocations = some(), .by_rcu = some()},
         {.cache = "kmalloc-96", .object_size = 96, .allocations = some(), .by_rcu = some()}});
    ASSERT_TRUE(trace.status.ok()) << trace.status.message();
    TraceValidator validator(trace.header, /*violations_max=*/5);
    for (const Event& event : trace.events) validator.Check(event);
    for (const Violation& violation : validator.violations()) {
      ADD_FAILURE() << violation.event << ": " << violation.what;
    }
    if (HasFailure()) FAIL() << "seed " << seed << "\n" << ReportOfLines(lines);
  }
}

// --- The allocator's own ---

TEST(OwnStructureTest, KmallocsOfTheAllocatorAreKnownByWhereTheyAreCalled) {
  // As the recordings of 7.3.4 and 6.18 have them, and what their sources could make of them.
  const std::vector<std::pair<std::string, OwnStructure>> sites = {
      {"__pcs_replace_full_main+0x12a", OwnStructure::kSheaf},
      {"__pcs_replace_empty_main+0x22a", OwnStructure::kSheaf},
      {"__kfree_rcu_sheaf+0x9c", OwnStructure::kSheaf},
      {"kmem_cache_prefill_sheaf+0x1b", OwnStructure::kSheaf},
      {"alloc_empty_sheaf.isra.0+0x1f", OwnStructure::kSheaf},
      {"__alloc_empty_sheaf+0x1f", OwnStructure::kSheaf},
      {"bootstrap_cache_sheaves.constprop.0+0x5", OwnStructure::kSheaf},
      {"rcu_free_sheaf+0x8c", OwnStructure::kSheaf},
      {"init_kmem_cache_nodes+0x12", OwnStructure::kBarn},
      {"slub_cpu_setup+0x80", OwnStructure::kBarn},
      {"alloc_slab_obj_exts+0x2b", OwnStructure::kObjExts},
      {"memcg_alloc_slab_cgroups+0x2b", OwnStructure::kObjExts},
      {"free_slab_obj_exts+0x2b", OwnStructure::kObjExts},
      {"alloc_arraycache+0x4", OwnStructure::kArrayCache},
      {"rcu_core+0x1", OwnStructure::kNone},
      {"maple_tree_alloc_sheaf+0x1", OwnStructure::kNone},
      {"kvfree+0x1", OwnStructure::kNone},
      {"0xffffffff81648490", OwnStructure::kNone},
      {"", OwnStructure::kNone}};
  for (const auto& [site, structure] : sites)
    EXPECT_EQ(StructureOfCallSite(site), structure) << site;
}

TEST(OwnStructureTest, WhatIsLeftOutIsCountedByStructure) {
  const Imported trace = ImportLines(
      {Kmalloc(0, kA, "__pcs_replace_full_main+0x12a"), Kmalloc(0, kB, "slub_cpu_setup+0x80"),
       Kmalloc(1, kC, "alloc_slab_obj_exts+0x2b"), Kfree(1, kA, "rcu_core+0x3"), Kmalloc(1, kA)});
  EXPECT_THAT(trace.Lines(), ElementsAre("5000 cpu1 alloc #1 kmalloc 96/96"));
  EXPECT_THAT(Parts(trace, "allocator-internal"),
              ElementsAre(TraceRepair::Part{"sheaf", 2}, TraceRepair::Part{"barn", 1},
                          TraceRepair::Part{"obj_exts", 1}));
}

constexpr std::string_view kSymbols =
    "ffffffff81648480 t __pfx_alloc_empty_sheaf\n"
    "ffffffff816484a0 t alloc_empty_sheaf\n"
    "ffffffff816484f0 t __pcs_replace_full_main\n"
    "ffffffff83000000 D some_data\n"
    "ffffffffc0000000 t of_module\t[module]\n";

TEST(KallsymsTest, ACallSiteIsNamedByTheFunctionItLiesIn) {
  const auto symbols = Kallsyms::Parse(kSymbols, "kallsyms");
  ASSERT_TRUE(symbols.ok()) << symbols.status();
  EXPECT_EQ(symbols->NameOf(0xffffffff816484a0), "alloc_empty_sheaf+0x0");
  EXPECT_EQ(symbols->NameOf(0xffffffff816484ef), "alloc_empty_sheaf+0x4f");
  EXPECT_EQ(symbols->NameOf(0xffffffff816484f1), "__pcs_replace_full_main+0x1");
  EXPECT_EQ(symbols->NameOf(0xffffffffc0000010), "of_module+0x10");
  EXPECT_THAT(symbols->NameOf(0xffffffff8164847f), IsEmpty());
  EXPECT_THAT(symbols->NameOf(0xffffffff83000000), IsEmpty());
  EXPECT_THAT(std::string(Kallsyms::Parse("0 t a\n0 t b\n", "k").status().message()),
              HasSubstr("has no addresses"));
  EXPECT_THAT(std::string(Kallsyms::Parse("ffffffff816484f0 t f\nwrong\n", "k").status().message()),
              HasSubstr("k:2: expected 'ADDRESS TYPE NAME'"));
}

TEST(KallsymsTest, BesideARecordingItNamesWhatIsTheAllocatorsOwn) {
  const std::string folder = MakeTestFolder("nameless");
  WriteTestFile("nameless/trace.txt",
                ReportOfLines({Kmalloc(0, kA, "0xffffffff816484f5"), Kmalloc(0, kB, "f+0x1"),
                               Kmalloc(0, kC, "ffffffff12345678")}));
  const Imported nameless = ImportPath(folder);
  EXPECT_EQ(nameless.Repaired("allocator-internal"), 0u);
  EXPECT_TRUE(nameless.HasAssumption("the call sites of 2 events are addresses without a name"));
  WriteTestFile("nameless/kallsyms", kSymbols);
  const Imported named = ImportPath(folder);
  ASSERT_TRUE(named.status.ok()) << named.status.message();
  EXPECT_EQ(named.Repaired("allocator-internal"), 1u);
  EXPECT_EQ(named.events.size(), 2u);
  EXPECT_TRUE(named.HasAssumption("the call sites of 1 events are addresses"));
  EXPECT_EQ(named.header.FindSidecar("kallsyms"), nullptr);
}

// --- The kernel's counters ---

SlabSysfs Sysfs(const std::string& text) {
  const absl::StatusOr<SlabSysfs> sysfs = ParseSlabSysfs(text, "sys-kernel-slab");
  EXPECT_TRUE(sysfs.ok()) << sysfs.status();
  return sysfs.ok() ? *sysfs : SlabSysfs();
}

TEST(KernelCountersTest, EachKernelHasItsOwn) {
  const KernelCounters of_61 = *KernelCounters::Between(
      Sysfs("/sys/kernel/slab/a/alloc_fastpath:5 C0=5\n/sys/kernel/slab/a/alloc_slowpath:1\n"
            "/sys/kernel/slab/a/cpu_partial_alloc:2\n/sys/kernel/slab/gone/alloc_fastpath:9\n"),
      Sysfs("/sys/kernel/slab/a/alloc_fastpath:11 C0=6 C1=5\n/sys/kernel/slab/a/alloc_slowpath:2\n"
            "/sys/kernel/slab/a/cpu_partial_alloc:5\n/sys/kernel/slab/a/slabs:3 N0=3\n"
            "/sys/kernel/slab/new/alloc_fastpath:4\n/sys/kernel/slab/new/object_size:64\n"));
  EXPECT_THAT(of_61.names(), ElementsAre("alloc_fastpath", "alloc_slowpath", "cpu_partial_alloc"));
  ASSERT_EQ(of_61.caches().size(), 2u);
  EXPECT_THAT(of_61.caches()[0].growth, ElementsAre(6, 1, 3));
  EXPECT_EQ(of_61.caches()[0].slabs, 3u);
  EXPECT_EQ(of_61.caches()[1].object_size, 64u);
  EXPECT_EQ(of_61.Total("alloc_fastpath"), 10);
  EXPECT_EQ(of_61.Total("sheaf_refill"), 0);
  EXPECT_EQ(of_61.Allocations(of_61.caches()[0]), 7);
  EXPECT_FALSE(KernelCounters::Between(Sysfs("/sys/kernel/slab/a/align:8\n"),
                                       Sysfs("/sys/kernel/slab/a/align:8\n"))
                   .has_value());
}

TEST(KernelCountersTest, WhatFillsASheafOf618IsNoUsersAllocation) {
  // 32 objects went into a sheaf by the fast path, 30 of them out of it; 4 past it. 20 came back to
  // it, 8 of these to their slabs, and one past it.
  const auto sysfs = [](int n) {
    return Sysfs(
        fmt::format("/sys/kernel/slab/a/alloc_fastpath:{}\n/sys/kernel/slab/a/alloc_slowpath:0\n"
                    "/sys/kernel/slab/a/alloc_cpu_sheaf:{}\n/sys/kernel/slab/a/sheaf_refill:{}\n"
                    "/sys/kernel/slab/a/free_fastpath:{}\n/sys/kernel/slab/a/free_slowpath:{}\n"
                    "/sys/kernel/slab/a/free_cpu_sheaf:{}\n/sys/kernel/slab/a/sheaf_flush:{}\n",
                    36 * n, 30 * n, 32 * n, 8 * n, n, 20 * n, 8 * n));
  };
  const KernelCounters counters = *KernelCounters::Between(sysfs(0), sysfs(1));
  EXPECT_EQ(counters.Allocations(counters.caches()[0]), 34);
  EXPECT_EQ(counters.Frees(counters.caches()[0]), 21);
}

TEST(KernelCountersTest, OfATraceTheyAreItsSidecars) {
  TraceHeader header;
  header.sidecars = {{"sys-kernel-slab.before", "/sys/kernel/slab/a/alloc_fastpath:5\n"}};
  EXPECT_FALSE((*KernelCounters::Of(header)).has_value());
  header.sidecars.push_back({"sys-kernel-slab.after", "/sys/kernel/slab/a/alloc_fastpath:6\n"});
  EXPECT_EQ((*KernelCounters::Of(header))->Total("alloc_fastpath"), 1);
  header.sidecars.back().contents = "nonsense\n";
  EXPECT_FALSE(KernelCounters::Of(header).ok());
}

}  // namespace
}  // namespace slablab
