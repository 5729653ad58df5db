// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB of 2010 step by step. A slab is drawn as its four objects, by address: "u" in use, "." free
// on the slab's own list, "c" free on a CPU's list. "C0 [uucc]" is CPU 0's slab, "N0 [u...]" a
// node's partial list.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "allocators/registry.h"
#include "gtest/gtest.h"
#include "sim/core/scheduler.h"
#include "sim/pages/page_allocator.h"
#include "tests/allocators/allocator_machine.h"
#include "tests/allocators/slub_2010/slub_2010_machine.h"
#include "workloads/auditor.h"

namespace slablab {
namespace {

class Slub2010Machine : public ModelMachine<Slub2010> {
 public:
  using ModelMachine::ModelMachine;
  // Four objects to a slab.
  CacheId MakeCache(std::string_view name) {
    return Create({.name = std::string(name), .object_size = 8192, .no_merge = true}).value();
  }
};

class Slub2010Test : public ::testing::Test {
 protected:
  ~Slub2010Test() override { m_.model().CheckInvariants(); }

  // Slabs of which `used` objects each are in use, in this order in node 0's partial list.
  std::vector<std::vector<PhysAddr>> FillNodeList(CacheId cache, const std::vector<int>& used) {
    std::vector<std::vector<PhysAddr>> slabs;
    for (size_t i = 0; i < used.size(); ++i) slabs.push_back(m_.AllocSlab(0, cache));
    m_.Shrink(0, cache);
    for (size_t i = 0; i < used.size(); ++i) {
      while (slabs[i].size() > static_cast<size_t>(used[i])) {
        m_.Free(1, cache, slabs[i].back());
        slabs[i].pop_back();
      }
    }
    EXPECT_EQ(m_.Count(cache, "partial"), used.size());
    return slabs;
  }

  Slub2010Machine m_;
};

TEST_F(Slub2010Test, ANewSlabIsHandedOutInOrderOfAddress) {
  const CacheId cache = m_.MakeCache("x");
  const Placement first = m_.AllocWithPath(0, cache);  // C0 [uccc]
  EXPECT_EQ(m_.Path(first.path), "alloc new slab");
  for (uint64_t i = 1; i < 4; ++i) {  // C0 [uucc] .. [uuuu]
    const Placement next = m_.AllocWithPath(0, cache);
    EXPECT_EQ(m_.Path(next.path), "alloc fast");
    EXPECT_EQ(next.object - first.object, i * 8192);
  }
  EXPECT_EQ(m_.Count(cache, "alloc_fastpath"), 3u);
  EXPECT_EQ(m_.Count(cache, "alloc_slowpath"), 1u);
  EXPECT_EQ(m_.Count(cache, "alloc_slab"), 1u);
}

TEST_F(Slub2010Test, FreesIntoTheCpusSlabAreLastInFirstOut) {
  const CacheId cache = m_.MakeCache("x");
  const PhysAddr a = m_.Alloc(0, cache);         // C0 [uccc]
  const PhysAddr b = m_.Alloc(0, cache);         // C0 [uucc]
  EXPECT_EQ(m_.Free(0, cache, a), "free fast");  // C0 [cucc]
  EXPECT_EQ(m_.Free(0, cache, b), "free fast");  // C0 [cccc]
  EXPECT_EQ(m_.Alloc(0, cache), b);
  EXPECT_EQ(m_.Alloc(0, cache), a);
}

TEST_F(Slub2010Test, ARefillTakesAllThatOthersFreed) {
  const CacheId cache = m_.MakeCache("x");
  const std::vector<PhysAddr> slab = m_.AllocSlab(0, cache);  // C0 [uuuu]
  EXPECT_EQ(m_.Free(1, cache, slab[2]), "free frozen");       // C0 [uu.u]
  EXPECT_EQ(m_.Free(1, cache, slab[0]), "free frozen");       // C0 [.u.u]
  const Placement again = m_.AllocWithPath(0, cache);         // C0 [uucu]
  EXPECT_EQ(m_.Path(again.path), "alloc cpu slab refill");
  EXPECT_EQ(again.object, slab[0]);
  EXPECT_EQ(m_.Alloc(0, cache), slab[2]);  // C0 [uuuu]
  EXPECT_EQ(m_.Count(cache, "alloc_refill"), 1u);
}

// A full slab that is given up counts as a refill that found nothing and as deactivated full.
TEST_F(Slub2010Test, AFullSlabIsForgottenAndComesToTheNodesTailWithItsFirstFree) {
  const CacheId cache = m_.MakeCache("x");
  const std::vector<PhysAddr> slab = m_.AllocSlab(0, cache);  // C0 [uuuu]
  m_.Alloc(0, cache);                                         // C0 [uccc]       [uuuu] nowhere
  EXPECT_EQ(m_.Count(cache, "alloc_refill"), 1u);
  EXPECT_EQ(m_.Count(cache, "deactivate_full"), 1u);
  m_.model().CheckInvariants();
  EXPECT_EQ(m_.Free(1, cache, slab[1]), "free to partial");    // N0 [u.uu]
  EXPECT_EQ(m_.Free(0, cache, slab[3]), "free slow partial");  // N0 [u.u.]
  EXPECT_EQ(m_.Count(cache, "free_add_partial"), 1u);
  const Placement taken = m_.AllocWithPath(1, cache);  // C1 [u.uu]
  EXPECT_EQ(m_.Path(taken.path), "alloc node partial");
  EXPECT_EQ(taken.object, slab[3]);
  EXPECT_EQ(m_.State(cache, "partial"), "0");
  EXPECT_EQ(m_.State(cache, "cpu_slabs"), "2 N0=2");
}

// There is no list between a CPU and its node: one slab is taken, and no more.
TEST_F(Slub2010Test, FromTheNodeComesOneSlab) {
  const CacheId cache = m_.MakeCache("x");
  const auto slabs = FillNodeList(cache, {1, 2, 3});   // N0 [u...] [uu..] [uuu.]
  const Placement first = m_.AllocWithPath(1, cache);  // C1 [uccc]   N0 [uu..] [uuu.]
  EXPECT_EQ(m_.Path(first.path), "alloc node partial");
  EXPECT_EQ(m_.SlabOf(first.object), m_.SlabOf(slabs[0][0]));
  EXPECT_EQ(m_.State(cache, "partial"), "2 N0=2");
}

// A free keeps no empty slab, whatever min_partial says; only a CPU that gives up an empty one
// does.
TEST_F(Slub2010Test, AFreeThatEmptiesASlabFreesIt) {
  const CacheId cache = m_.MakeCache("x");
  const auto slabs = FillNodeList(cache, {1});             // N0 [u...]
  EXPECT_EQ(m_.Free(1, cache, slabs[0][0]), "free slab");  // -
  EXPECT_EQ(m_.Count(cache, "free_remove_partial"), 1u);
  EXPECT_EQ(m_.Count(cache, "free_slab"), 1u);
  EXPECT_EQ(m_.State(cache, "slabs"), "0");
}

TEST_F(Slub2010Test, AnEmptySlabThatIsGivenUpIsKeptBelowMinPartial) {
  const CacheId cache = m_.MakeCache("x");
  EXPECT_TRUE(m_.Tune(cache, "min_partial", 5).ok());
  const auto flush_cpu_1 = [&] {
    m_.machine().scheduler().SetOnline(CpuId(1), false);
    m_.Run(0, [&](Cpu& cpu) { return m_.model().CpuDead(cpu, CpuId(1)); });
    m_.machine().scheduler().SetOnline(CpuId(1), true);
  };
  m_.Free(1, cache, m_.Alloc(1, cache));  // C1 [cccc]
  flush_cpu_1();                          // N0 [....]
  EXPECT_EQ(m_.Count(cache, "deactivate_empty"), 1u);
  EXPECT_EQ(m_.State(cache, "partial"), "1 N0=1");
  m_.Shrink(0, cache);  // -
  EXPECT_EQ(m_.State(cache, "slabs"), "0");
  EXPECT_EQ(m_.Count(cache, "free_slab"), 0u);  // Shrinking does not count them.
  FillNodeList(cache, {1, 1, 1, 1, 1, 1});      // N0 [u...] x 6
  const PhysAddr object = m_.Alloc(1, cache);
  for (int i = 0; i < 2; ++i) m_.Alloc(1, cache);
  m_.Alloc(1, cache, NodeId(0));  // C1 [uccc]: the second   N0 [u...] x 4
  EXPECT_EQ(m_.State(cache, "partial"), "4 N0=4");
  m_.Free(0, cache, object);
  EXPECT_EQ(m_.State(cache, "partial"), "5 N0=5");
}

TEST_F(Slub2010Test, ShrinkSortsByObjectsInUse) {
  const CacheId cache = m_.MakeCache("x");
  auto slabs = FillNodeList(cache, {1, 3, 2, 1});  // N0 [u...] [uuu.] [uu..] [u...]
  m_.Shrink(1, cache);                             // N0 [uuu.] [uu..] [u...] [u...]
  std::vector<uint64_t> order;
  for (int i = 0; i < 1 + 2 + 3 + 3; ++i) {
    const uint64_t slab = m_.SlabOf(m_.Alloc(1, cache));
    if (order.empty() || order.back() != slab) order.push_back(slab);
  }
  // Of two equal ones the later comes first.
  EXPECT_EQ(order, (std::vector<uint64_t>{m_.SlabOf(slabs[1][0]), m_.SlabOf(slabs[2][0]),
                                          m_.SlabOf(slabs[3][0]), m_.SlabOf(slabs[0][0])}));
}

TEST_F(Slub2010Test, ADeadCpusSlabIsFlushed) {
  const CacheId cache = m_.MakeCache("x");
  m_.Alloc(1, cache);  // C1 [uccc]
  m_.machine().scheduler().SetOnline(CpuId(1), false);
  m_.Run(0, [&](Cpu& cpu) { return m_.model().CpuDead(cpu, CpuId(1)); });
  EXPECT_EQ(m_.State(cache, "partial"), "1 N0=1");  // N0 [u...], by its head
  EXPECT_EQ(m_.State(cache, "cpu_slabs"), "0");
  EXPECT_EQ(m_.Count(cache, "deactivate_to_head"), 1u);
}

TEST_F(Slub2010Test, MinPartialIsTheLogarithmOfTheSizeWithinFiveAndTen) {
  const auto min_partial = [&](std::string_view name) {
    return m_.Count(m_.model().FindCache(name), "min_partial");
  };
  EXPECT_EQ(min_partial("kmalloc-16"), 5u);  // 4
  EXPECT_EQ(min_partial("kmalloc-64"), 6u);
  EXPECT_EQ(min_partial("kmalloc-96"), 6u);
  EXPECT_EQ(min_partial("kmalloc-1024"), 10u);
  EXPECT_EQ(min_partial("kmalloc-8192"), 10u);  // 13
  const CacheId cache = m_.MakeCache("x");
  EXPECT_TRUE(m_.Tune(cache, "min_partial", 1).ok());
  EXPECT_EQ(m_.Count(cache, "min_partial"), 5u);
  EXPECT_FALSE(m_.Tune(cache, "cpu_partial", 1).ok());
}

TEST_F(Slub2010Test, KmallocHasThisYearsNamesAndAnswersToLaterOnes) {
  EXPECT_EQ(m_.model().Layout(m_.model().FindCache("kmalloc-1024")).object_size, 1024u);
  EXPECT_EQ(m_.model().FindCache("kmalloc-1k"), m_.model().FindCache("kmalloc-1024"));
  EXPECT_EQ(m_.model().FindCache("kmalloc-cg-96"), m_.model().FindCache("kmalloc-96"));
  EXPECT_EQ(m_.model().FindCache("kmalloc-rcl-8k"), m_.model().FindCache("kmalloc-8192"));
  EXPECT_EQ(m_.model().FindCache("kmalloc-9"), kNoCache);
  // The free pointer is the object's first word, or behind it.
  EXPECT_EQ(m_.model().Layout(m_.model().FindCache("kmalloc-1024")).free_pointer_offset, 0u);
  const CacheId constructed =
      m_.Create({.name = "c", .object_size = 100, .has_constructor = true}).value();
  EXPECT_EQ(m_.model().Layout(constructed).free_pointer_offset, 104u);
}

class Slub2010NumaTest : public ::testing::Test {
 protected:
  ~Slub2010NumaTest() override { m_.model().CheckInvariants(); }
  Slub2010Machine m_{{.cpus = 2, .nodes = 2}};
};

TEST_F(Slub2010NumaTest, TheWrongNodesSlabIsGivenUp) {
  const CacheId cache = m_.MakeCache("x");
  m_.Alloc(0, cache);  // C0 [uccc] of node 0
  const Placement remote = m_.AllocWithPath(0, cache, NodeId(1));
  EXPECT_EQ(m_.Path(remote.path), "alloc new slab");  // C0 [uccc] of node 1   N0 [u...]
  EXPECT_EQ(m_.machine().NodeOf(remote.object), NodeId(1));
  EXPECT_EQ(m_.Count(cache, "deactivate_to_head"), 1u);
  EXPECT_EQ(m_.Count(cache, "alloc_refill"), 0u);
  EXPECT_EQ(m_.State(cache, "partial"), "1 N0=1");
}

TEST_F(Slub2010NumaTest, ASlabWithNothingOfTheCpusOwnGoesToTheTail) {
  const CacheId cache = m_.MakeCache("x");
  const std::vector<PhysAddr> slab = m_.AllocSlab(0, cache);  // C0 [uuuu]
  EXPECT_EQ(m_.Free(1, cache, slab[0]), "free frozen");       // C0 [.uuu]
  m_.Alloc(0, cache, NodeId(1));                              // N0 [.uuu]
  EXPECT_EQ(m_.Count(cache, "deactivate_remote_frees"), 1u);
  EXPECT_EQ(m_.Count(cache, "deactivate_to_tail"), 1u);
}

// --- Boot. ---

std::vector<std::string> CachesOf(const Allocator& model) {
  std::vector<std::string> names;
  for (int i = 0; i < model.cache_count(); ++i) names.push_back(model.Layout(CacheId(i)).name);
  return names;
}

TEST(Slub2010BootTest, BothBootsMakeTheSameKmallocCaches) {
  Slub2010Machine dynamic;
  Slub2010Machine fixed({.allocator = {.boot = "static"}});
  std::vector<std::string> names = CachesOf(dynamic.model());
  EXPECT_EQ(names[0], "kmem_cache_node");
  EXPECT_EQ(names[1], "kmem_cache");
  EXPECT_EQ(names[2], "kmalloc-96");
  EXPECT_EQ(names[3], "kmalloc-192");
  EXPECT_EQ(names[4], "kmalloc-8");
  names.erase(names.begin() + 1);
  EXPECT_EQ(names, CachesOf(fixed.model()));
  dynamic.model().CheckInvariants();
  fixed.model().CheckInvariants();
  EXPECT_TRUE(dynamic.model().KernelLog().empty());
  EXPECT_TRUE(fixed.model().KernelLog().empty());
}

// The point of the patch: 42 structures of 1024 node pointers against as many as there are nodes.
TEST(Slub2010BootTest, OnlyTheStaticBootPaysForNodesThatCannotBe) {
  Slub2010Machine fixed({.allocator = {.boot = "static"}});
  EXPECT_EQ(fixed.model().TotalFootprint().metadata_bytes, 42u * (184 + 8 * 1024));
  for (const int nodes : {1, 4, 64, 1024}) {
    Slub2010Machine dynamic({.allocator = {.possible_nodes = nodes}});
    EXPECT_EQ(dynamic.model().TotalFootprint().metadata_bytes, 0u);
    const CacheLayout layout = dynamic.model().Layout(dynamic.model().FindCache("kmem_cache"));
    EXPECT_EQ(layout.object_size, 184u + 8 * static_cast<uint32_t>(nodes));
    EXPECT_EQ(layout.slab_size, (layout.object_size + 63) / 64 * 64);
    dynamic.model().CheckInvariants();
  }
}

// Takes note of what boot asks for, and denies blocks of the order that slabs of kmem_cache would
// like.
class BootPages : public PageAllocator {
 public:
  BootPages(PageAllocator& behind, int denied_order)
      : behind_(behind), denied_order_(denied_order) {}
  Task<PhysAddr> Alloc(Cpu& cpu, const PageRequest& request) override {
    if (request.order == denied_order_ && Has(request.gfp, Gfp::kNoRetry)) co_return PhysAddr();
    const PhysAddr block = co_await behind_.Alloc(cpu, request);
    if (first_.is_null()) first_ = block;
    co_return block;
  }
  Task<void> Free(Cpu& cpu, PhysAddr block, int order) override {
    if (block == first_) freed_order_ = order;
    return behind_.Free(cpu, block, order);
  }
  PhysAddr first() const { return first_; }
  int freed_order() const { return freed_order_; }

 private:
  PageAllocator& behind_;
  const int denied_order_;
  PhysAddr first_;
  int freed_order_ = -1;
};

struct BootedModel {
  BootedModel(const AllocatorOptions& options, int denied_order)
      : machine(ReferenceMachine({.cpus = 2, .nodes = 1, .cpus_per_node = 2, .mib_per_node = 64})),
        pages(machine.pages(), denied_order) {
    machine.set_pages(&pages);
    model = std::make_unique<Slub2010>(machine, options);
    machine.scheduler().RunOn(CpuId(0), [this](Cpu& cpu) { return model->Boot(cpu); });
    model->CheckInvariants();
  }
  Machine machine;
  BootPages pages;
  std::unique_ptr<Slub2010> model;
};

TEST(Slub2010BootTest, TheTemporaryStructuresShareABlockThatIsFreed) {
  BootedModel small({}, /*denied_order=*/-1);
  EXPECT_EQ(small.pages.freed_order(), 0);  // 2 * 192
  BootedModel large({.possible_nodes = 1024}, -1);
  EXPECT_EQ(large.pages.freed_order(), 3);  // 2 * 8384
  EXPECT_TRUE(large.model->KernelLog().empty());
}

// What an auditor makes of the references there are when every free object is somebody's.
uint64_t ViolationsOf(BootedModel& b) {
  Auditor auditor(b.machine);
  b.machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
    for (uint64_t bytes : {8u, 64u, 192u, 1024u}) {
      for (int i = 0; i < 1000; ++i) {
        const Placement placement = co_await b.model->Kmalloc(cpu, bytes, kGfpKernel, kAnyNode);
        auditor.OnAlloc({.object = placement.object, .bytes = bytes});
      }
    }
  });
  EXPECT_EQ(auditor.violations(), 0u) << auditor.first_violation();
  for (const Allocator::Reference& reference : b.model->References()) {
    auditor.OnReference(*b.model, reference);
  }
  return auditor.violations();
}

TEST(Slub2010BootTest, WithoutQuirksTheAuditorFindsEveryReferenceGood) {
  for (const std::string boot : {"dynamic", "static"}) {
    for (const int nodes : {0, 1024}) {
      BootedModel b({.boot = boot, .possible_nodes = nodes}, -1);
      EXPECT_FALSE(b.model->References().empty());
      EXPECT_EQ(ViolationsOf(b), 0u) << boot << nodes;
    }
  }
}

// The fix-up looked at partial slabs only. The boot CPU's slabs go on naming the freed structures.
TEST(Slub2010BootTest, QuirkCpuSlabsNameTheFreedStructure) {
  BootedModel b({.quirks = {"bootstrap-cpu-slab"}}, -1);
  const std::vector<std::string> log = b.model->KernelLog();
  ASSERT_EQ(log.size(), 2u);  // of kmem_cache_node and kmem_cache
  for (const std::string& line : log) {
    EXPECT_NE(line.find("names the cache at"), std::string::npos) << line;
  }
  EXPECT_EQ(ViolationsOf(b), 2u);
}

// A slab of one structure is full as soon as that is taken. With the wrong guard nobody sees it.
TEST(Slub2010BootTest, QuirkFullSlabsNameTheFreedStructure) {
  BootedModel right({.possible_nodes = 1024}, /*denied_order=*/3);
  EXPECT_TRUE(right.model->KernelLog().empty());
  BootedModel wrong({.possible_nodes = 1024, .quirks = {"bootstrap-full-list-guard"}}, 3);
  EXPECT_EQ(wrong.model->KernelLog().size(), 1u);
  EXPECT_EQ(ViolationsOf(right), 0u);
  EXPECT_EQ(ViolationsOf(wrong), 1u);
}

TEST(Slub2010BootTest, QuirkDmaDuplicateStopsTheKernelAtBoot) {
  BootedModel b({.boot = "static", .quirks = {"dma-duplicate"}}, -1);
  const std::vector<std::string> log = b.model->KernelLog();
  ASSERT_EQ(log.size(), 2u);
  EXPECT_NE(log[0].find(":dt-0000064"), std::string::npos);
  // "The kmem_cache_node cache is no longer at position 0."
  BootedModel dynamic({.quirks = {"dma-duplicate"}}, -1);
  EXPECT_TRUE(dynamic.model->KernelLog().empty());
}

TEST(Slub2010BootTest, AnUnknownBootIsRefused) {
  Machine machine(
      ReferenceMachine({.cpus = 1, .nodes = 1, .cpus_per_node = 1, .mib_per_node = 64}));
  EXPECT_EQ(MakeAllocator("slub-2010", machine, {.boot = "warm"}).status().message(),
            "unknown boot of slub-2010 'warm'; valid are: dynamic, static");
  EXPECT_FALSE(MakeAllocator("slub-6.1", machine, {.boot = "static"}).ok());
}

// The mask's line is another CPU's until boot is over; then it costs a touch in every allocation.
TEST(Slub2010MaskTest, TheMaskIsReadInTheHotPathUnlessMovedOut) {
  for (const bool moved : {false, true}) {
    AllocatorOptions options;
    if (moved) options.quirks = {"gfp-mask-in-slow-path"};
    Slub2010Machine m({.allocator = options});
    const CacheId cache = m.MakeCache("x");
    m.Alloc(0, cache);
    const auto loads = [&] {
      uint64_t count = 0;
      m.Run(0, [&](Cpu& cpu) -> Task<void> {
        cpu.CountTouches();
        co_await m.model().Alloc(cpu, cache, kGfpKernel, kAnyNode);
        count = cpu.counts().loads;
      });
      return count;
    };
    EXPECT_EQ(loads(), moved ? 5u : 6u);
  }
}

}  // namespace
}  // namespace slablab
