// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB step by step. A slab is drawn as its four objects, by address: "u" in use, "." free on the
// slab's own list, "c" free on a CPU's list. "C0 [uucc] | [u...] [uu..]" is CPU 0's slab and its
// partial list, "N0 [u...]" a node's partial list.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "sim/core/scheduler.h"
#include "tests/allocators/slub_machine.h"
#include "tests/sim/pages/faulty_page_allocator.h"

namespace slablab {
namespace {

class SlubTest : public ::testing::Test {
 protected:
  ~SlubTest() override { m_.model().CheckInvariants(); }

  // Slabs of which `used` objects each are in use, in this order in node 0's partial list; answers
  // their objects in use, slab by slab.
  std::vector<std::vector<PhysAddr>> FillNodeList(CacheId cache, const std::vector<int>& used) {
    std::vector<std::vector<PhysAddr>> slabs;
    for (size_t i = 0; i < used.size(); ++i) slabs.push_back(m_.AllocSlab(0, cache));
    EXPECT_TRUE(m_.Tune(cache, "cpu_partial", 0).ok());
    for (size_t i = 0; i < used.size(); ++i) {
      while (slabs[i].size() > static_cast<size_t>(used[i])) {
        m_.Free(1, cache, slabs[i].back());
        slabs[i].pop_back();
      }
    }
    EXPECT_TRUE(m_.Tune(cache, "cpu_partial", 8).ok());  // Flushes.
    EXPECT_EQ(m_.Count(cache, "partial"), used.size());
    return slabs;
  }
  // How often a counter grows while `step` runs.
  template <typename Step>
  uint64_t Growth(CacheId cache, std::string_view counter, Step step) {
    const uint64_t before = m_.Count(cache, counter);
    step();
    return m_.Count(cache, counter) - before;
  }

  SlubMachine m_;
};

TEST_F(SlubTest, ANewSlabIsHandedOutInOrderOfAddress) {
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
}

TEST_F(SlubTest, TheLastFreedIsTheFirstTaken) {
  const CacheId cache = m_.MakeCache("x");
  const PhysAddr a = m_.Alloc(0, cache);         // C0 [uccc]
  const PhysAddr b = m_.Alloc(0, cache);         // C0 [uucc]
  EXPECT_EQ(m_.Free(0, cache, a), "free fast");  // C0 [cucc]
  EXPECT_EQ(m_.Free(0, cache, b), "free fast");  // C0 [cccc]
  EXPECT_EQ(m_.Alloc(0, cache), b);
  EXPECT_EQ(m_.Alloc(0, cache), a);
}

TEST_F(SlubTest, ARefillTakesAllThatOthersFreed) {
  const CacheId cache = m_.MakeCache("x");
  const std::vector<PhysAddr> slab = m_.AllocSlab(0, cache);  // C0 [uuuu]
  EXPECT_EQ(m_.Free(1, cache, slab[2]), "free slow frozen");  // C0 [uu.u]
  EXPECT_EQ(m_.Free(1, cache, slab[0]), "free slow frozen");  // C0 [.u.u]
  const Placement again = m_.AllocWithPath(0, cache);         // C0 [uucu]
  EXPECT_EQ(m_.Path(again.path), "alloc cpu slab refill");
  EXPECT_EQ(again.object, slab[0]);
  EXPECT_EQ(m_.Alloc(0, cache), slab[2]);  // C0 [uuuu], fast
  EXPECT_EQ(m_.Count(cache, "alloc_refill"), 1u);
  EXPECT_EQ(m_.Count(cache, "deactivate_bypass"), 0u);
}

TEST_F(SlubTest, AFullSlabIsForgottenAndFoundAgainByItsFirstFree) {
  const CacheId cache = m_.MakeCache("x");
  const std::vector<PhysAddr> slab = m_.AllocSlab(0, cache);  // C0 [uuuu]
  m_.Alloc(0, cache);                                         // C0 [uccc]       [uuuu] nowhere
  EXPECT_EQ(m_.Count(cache, "deactivate_bypass"), 1u);
  m_.model().CheckInvariants();
  EXPECT_EQ(m_.Free(1, cache, slab[1]), "free to cpu partial");  // C1 - | [u.uu]
  EXPECT_EQ(m_.State(cache, "slabs_cpu_partial"), "2(1) C1=2(1)");
  EXPECT_EQ(m_.Free(0, cache, slab[3]), "free slow frozen");  // C1 - | [u.u.]
  const Placement taken = m_.AllocWithPath(1, cache);         // C1 [u.uu]
  EXPECT_EQ(m_.Path(taken.path), "alloc cpu partial");
  EXPECT_EQ(taken.object, slab[3]);
}

TEST_F(SlubTest, AFullCpuListIsDrainedWholeToTheNodesTail) {
  const CacheId cache = m_.MakeCache("x");
  std::vector<std::vector<PhysAddr>> slabs;
  for (int i = 0; i < 5; ++i) slabs.push_back(m_.AllocSlab(0, cache));
  for (int i = 0; i < 4; ++i) {  // C1 - | [.uuu] x 4
    EXPECT_EQ(m_.Free(1, cache, slabs[static_cast<size_t>(i)][0]), "free to cpu partial");
  }
  EXPECT_EQ(m_.Count(cache, "partial"), 0u);
  EXPECT_EQ(m_.Free(1, cache, slabs[4][0]), "free slow frozen");  // CPU 0 has that one still.
  m_.Alloc(0, cache);
  m_.Alloc(0, cache);                                       // ... and now another.
  EXPECT_EQ(m_.Free(1, cache, slabs[4][1]), "free drain");  // C1 - | [u.uu]   N0 [.uuu] x 4
  EXPECT_EQ(m_.Count(cache, "cpu_partial_drain"), 1u);
  EXPECT_EQ(m_.Count(cache, "free_add_partial"), 4u);
  EXPECT_EQ(m_.State(cache, "partial"), "4 N0=4");
  EXPECT_EQ(m_.State(cache, "slabs_cpu_partial"), "2(1) C1=2(1)");
  // The list's newest is the first that was moved.
  EXPECT_TRUE(m_.Tune(cache, "cpu_partial", 0).ok());
}

// A CPU's list may hold N = 4 slabs. From the node it takes one to allocate from, and further ones
// until these are more than N/2: N/2+1.
TEST_F(SlubTest, FromTheNodeComeOneSlabAndHalfAListPlusOne) {
  const CacheId cache = m_.MakeCache("x");
  const auto slabs = FillNodeList(cache, {1, 2, 3, 1, 2, 3});  // N0 [u...] [uu..] [uuu.] x 2
  const Placement first = m_.AllocWithPath(1, cache);
  // C1 [uccc] | [u...] [uuu.] [uu..]      N0 [uu..] [uuu.]
  EXPECT_EQ(m_.Path(first.path), "alloc node partial");
  EXPECT_EQ(m_.SlabOf(first.object), m_.SlabOf(slabs[0][0]));
  EXPECT_EQ(m_.Count(cache, "alloc_from_partial"), 1u);
  EXPECT_EQ(m_.Count(cache, "cpu_partial_node"), 3u);
  EXPECT_EQ(m_.State(cache, "partial"), "2 N0=2");
  EXPECT_EQ(m_.State(cache, "slabs_cpu_partial"), "6(3) C1=6(3)");
  m_.Alloc(1, cache);
  m_.Alloc(1, cache);
  // The slab taken last is the first of the CPU's list.
  EXPECT_EQ(m_.SlabOf(m_.Alloc(1, cache)), m_.SlabOf(slabs[3][0]));
}

TEST_F(SlubTest, WithoutCpuPartialOneExtraSlabIsTakenAllTheSame) {
  const CacheId cache = m_.MakeCache("x");
  FillNodeList(cache, {1, 1, 1, 1});
  EXPECT_TRUE(m_.Tune(cache, "cpu_partial", 0).ok());
  m_.Alloc(1, cache);  // N/2+1 with N = 0.
  EXPECT_EQ(m_.Count(cache, "cpu_partial_node"), 1u);
  EXPECT_EQ(m_.State(cache, "partial"), "2 N0=2");
}

TEST_F(SlubTest, EmptySlabsAreKeptUpToMinPartial) {
  const CacheId cache = m_.MakeCache("x", /*min_partial=*/2);
  const auto slabs = FillNodeList(cache, {1, 1, 1});       // N0 [u...] x 3
  EXPECT_EQ(m_.Free(1, cache, slabs[0][0]), "free slab");  // N0 [u...] x 2
  EXPECT_EQ(m_.Count(cache, "free_remove_partial"), 1u);
  EXPECT_EQ(m_.State(cache, "partial"), "2 N0=2");
  EXPECT_TRUE(m_.Tune(cache, "min_partial", 3).ok());
  EXPECT_EQ(m_.Free(1, cache, slabs[1][0]), "free slow empty kept");  // N0 [....] [u...]
  EXPECT_EQ(m_.State(cache, "partial"), "2 N0=2");
  EXPECT_EQ(m_.State(cache, "slabs"), "2 N0=2");
}

TEST_F(SlubTest, AFreeBetweenFirstAndLastTouchesNoList) {
  const CacheId cache = m_.MakeCache("x");
  const auto slabs = FillNodeList(cache, {3});                     // N0 [uuu.]
  EXPECT_EQ(m_.Free(1, cache, slabs[0][0]), "free slow partial");  // N0 [.uu.]
  EXPECT_EQ(m_.State(cache, "objects"), "2 N0=2");
}

TEST_F(SlubTest, AFlushedEmptySlabIsFreedOnlyIfTheNodeHasEnough) {
  const CacheId cache = m_.MakeCache("x", /*min_partial=*/1);
  FillNodeList(cache, {1});  // N0 [u...]
  const CacheId fresh = m_.MakeCache("y", /*min_partial=*/1);
  m_.Free(0, fresh, m_.Alloc(0, fresh));  // C0 [cccc]
  EXPECT_EQ(Growth(fresh, "deactivate_empty", [&] { (void)m_.Tune(fresh, "cpu_partial", 8); }),
            0u);  // N0 [....]: one is kept
  EXPECT_EQ(m_.State(fresh, "partial"), "1 N0=1");
  EXPECT_TRUE(m_.Tune(cache, "min_partial", 0).ok());
  const std::vector<PhysAddr> slab = m_.AllocSlab(1, fresh);
  const std::vector<PhysAddr> more = m_.AllocSlab(1, fresh);  // C1 [uuuu]
  EXPECT_TRUE(m_.Tune(fresh, "min_partial", 0).ok());
  for (PhysAddr object : more) m_.Free(1, fresh, object);  // C1 [cccc]
  EXPECT_EQ(Growth(fresh, "deactivate_empty", [&] { (void)m_.Tune(fresh, "cpu_partial", 8); }), 1u);
  EXPECT_EQ(m_.State(fresh, "slabs"), "1 N0=1");
}

// Fullest first, so that they fill up and leave the list; the empty ones go.
TEST_F(SlubTest, ShrinkSortsByFreeObjectsAndFreesTheEmpty) {
  const CacheId cache = m_.MakeCache("x", /*min_partial=*/10);
  auto slabs = FillNodeList(cache, {1, 3, 1, 2, 1});  // N0 [u...] [uuu.] [u...] [uu..] [u...]
  m_.Free(1, cache, slabs[2][0]);                     // N0 [u...] [uuu.] [....] [uu..] [u...]
  m_.Shrink(1, cache);                                // N0 [uuu.] [uu..] [u...] [u...]
  EXPECT_EQ(m_.State(cache, "partial"), "4 N0=4");
  EXPECT_EQ(m_.State(cache, "slabs"), "4 N0=4");
  EXPECT_EQ(m_.Count(cache, "free_slab"), 0u);  // The kernel does not count these.
  EXPECT_TRUE(m_.Tune(cache, "cpu_partial", 0).ok());
  std::vector<uint64_t> order;
  for (int i = 0; i < 1 + 2 + 3 + 3; ++i) {
    const uint64_t slab = m_.SlabOf(m_.Alloc(1, cache));
    if (order.empty() || order.back() != slab) order.push_back(slab);
  }
  // Of two equal ones the later comes first.
  EXPECT_EQ(order, (std::vector<uint64_t>{m_.SlabOf(slabs[1][0]), m_.SlabOf(slabs[3][0]),
                                          m_.SlabOf(slabs[4][0]), m_.SlabOf(slabs[0][0])}));
}

TEST_F(SlubTest, ShrinkTakesEveryCpusSlabs) {
  const CacheId cache = m_.MakeCache("x");
  const PhysAddr a = m_.Alloc(0, cache);  // C0 [uccc]
  const PhysAddr b = m_.Alloc(1, cache);  // C1 [uccc]
  EXPECT_EQ(m_.State(cache, "cpu_slabs"), "2 N0=2");
  m_.Shrink(0, cache);  // N0 [u...] [u...]
  EXPECT_EQ(m_.State(cache, "cpu_slabs"), "0");
  EXPECT_EQ(m_.State(cache, "partial"), "2 N0=2");
  EXPECT_EQ(m_.State(cache, "slabs"), "2 N0=2");
  EXPECT_EQ(m_.Count(cache, "cpuslab_flush"), 2u);  // Each CPU flushed its own.
  m_.Free(0, cache, a);
  m_.Free(0, cache, b);
}

TEST_F(SlubTest, ADeadCpusSlabsAreFlushedByTheOneThatBuriesIt) {
  const CacheId cache = m_.MakeCache("x");
  const std::vector<PhysAddr> full = m_.AllocSlab(1, cache);
  m_.Alloc(1, cache);          // C1 [uccc]
  m_.Free(1, cache, full[0]);  // C1 [uccc] | [.uuu]
  m_.machine().scheduler().SetOnline(CpuId(1), false);
  m_.Run(0, [&](Cpu& cpu) { return m_.model().CpuDead(cpu, CpuId(1)); });
  // N0 [u...] [.uuu]: the CPU's slab in front, its partial list behind.
  EXPECT_EQ(m_.State(cache, "partial"), "2 N0=2");
  EXPECT_EQ(m_.State(cache, "cpu_slabs"), "0");
  m_.model().CheckInvariants();
  m_.Run(0, [&](Cpu& cpu) -> Task<void> {
    EXPECT_TRUE(co_await m_.model().CpuComing(cpu, CpuId(1)));
  });
  m_.machine().scheduler().SetOnline(CpuId(1), true);
  for (const Figure& figure : m_.model().Counters(cache)) {
    if (figure.name == "cpuslab_flush") {
      EXPECT_EQ(figure.ToString(), "1 C0=1");
    }
  }
  EXPECT_EQ(m_.Path(m_.AllocWithPath(1, cache).path), "alloc node partial");
}

class SlubNumaTest : public SlubTest {
 protected:
  SlubNumaTest() : m_({.cpus = 2, .nodes = 2}) {}
  ~SlubNumaTest() override { m_.model().CheckInvariants(); }
  SlubMachine m_;
};

TEST_F(SlubNumaTest, TheWrongNodesSlabIsDeactivatedToTheHead) {
  const CacheId cache = m_.MakeCache("x");
  m_.Alloc(0, cache);  // C0 [uccc] of node 0
  const Placement remote = m_.AllocWithPath(0, cache, NodeId(1));
  EXPECT_EQ(m_.Path(remote.path), "alloc new slab");  // C0 [uccc] of node 1   N0 [u...]
  EXPECT_EQ(m_.machine().NodeOf(remote.object), NodeId(1));
  EXPECT_EQ(m_.Count(cache, "alloc_node_mismatch"), 1u);
  EXPECT_EQ(m_.Count(cache, "deactivate_to_head"), 1u);
  EXPECT_EQ(m_.State(cache, "partial"), "1 N0=1");
}

TEST_F(SlubNumaTest, ASlabThatOthersFreedIntoGoesToTheTail) {
  const CacheId cache = m_.MakeCache("x");
  const PhysAddr a = m_.Alloc(0, cache);                // C0 [uccc]
  EXPECT_EQ(m_.Free(1, cache, a), "free slow frozen");  // C0 [.ccc]
  m_.Alloc(0, cache, NodeId(1));                        // N0 [....]
  EXPECT_EQ(m_.Count(cache, "deactivate_remote_frees"), 1u);
  EXPECT_EQ(m_.Count(cache, "deactivate_to_tail"), 1u);
  EXPECT_EQ(m_.State(cache, "objects"), "4 N1=4");  // A frozen slab counts as full.
}

TEST_F(SlubNumaTest, AFullSlabThatIsDeactivatedIsForgotten) {
  const CacheId cache = m_.MakeCache("x");
  m_.AllocSlab(0, cache);  // C0 [uuuu]
  m_.Shrink(0, cache);
  EXPECT_EQ(m_.Count(cache, "deactivate_full"), 1u);
  EXPECT_EQ(m_.State(cache, "partial"), "0");
}

// Other nodes are asked only for what they have beyond min_partial.
TEST_F(SlubNumaTest, RemotePartialSlabsAreTakenAboveMinPartial) {
  const CacheId cache = m_.MakeCache("x", /*min_partial=*/1);
  const PhysAddr a = m_.Alloc(1, cache);
  m_.Shrink(0, cache);  // N1 [u...]
  EXPECT_EQ(m_.Path(m_.AllocWithPath(0, cache).path), "alloc new slab");
  m_.Shrink(0, cache);  // N0 [u...]   N1 [u...]
  m_.Alloc(1, cache, NodeId(0));
  EXPECT_TRUE(m_.Tune(cache, "min_partial", 0).ok());
  const Placement taken = m_.AllocWithPath(0, cache);  // N1's
  EXPECT_EQ(m_.Path(taken.path), "alloc remote partial");
  EXPECT_EQ(m_.SlabOf(taken.object), m_.SlabOf(a));
}

TEST_F(SlubNumaTest, ADefragRatioOfZeroStaysLocal) {
  const CacheId cache = m_.MakeCache("x", /*min_partial=*/0);
  EXPECT_TRUE(m_.Tune(cache, "remote_node_defrag_ratio", 0).ok());
  m_.Alloc(1, cache);
  m_.Shrink(0, cache);  // N1 [u...]
  EXPECT_EQ(m_.Path(m_.AllocWithPath(0, cache).path), "alloc new slab");
}

TEST_F(SlubTest, BulkTakesFromTheCpuWithoutCountingAndRefills) {
  const CacheId cache = m_.MakeCache("x");
  m_.Alloc(0, cache);  // C0 [uccc]
  std::vector<PhysAddr> objects(6);
  m_.Run(0, [&](Cpu& cpu) -> Task<void> {
    const size_t got =
        co_await m_.model().AllocBulk(cpu, cache, kGfpKernel, absl::MakeSpan(objects));
    EXPECT_EQ(got, objects.size());
  });
  // [uuuu] and C0 [uuuc]: three from the list, one by the slow path, two more from the list.
  EXPECT_EQ(m_.Count(cache, "alloc_fastpath"), 0u);
  EXPECT_EQ(m_.Count(cache, "alloc_slowpath"), 2u);
  EXPECT_EQ(std::set<PhysAddr>(objects.begin(), objects.end()).size(), 6u);
  m_.model().CheckInvariants();
  m_.Run(1, [&](Cpu& cpu) { return m_.model().FreeBulk(cpu, cache, absl::MakeSpan(objects)); });
  // One push for each of the two slabs.
  EXPECT_EQ(m_.Count(cache, "free_slowpath"), 2u);
  EXPECT_EQ(m_.Count(cache, "cpu_partial_free"), 1u);
  EXPECT_EQ(m_.Count(cache, "free_frozen"), 1u);
  EXPECT_EQ(m_.State(cache, "objects"), "8 N0=8");  // Frozen slabs count as full.
}

TEST_F(SlubTest, BulkFreeingLooksPastTwoObjectsOfOtherSlabs) {
  const CacheId cache = m_.MakeCache("x");
  const std::vector<PhysAddr> a = m_.AllocSlab(0, cache);
  const std::vector<PhysAddr> b = m_.AllocSlab(0, cache);
  m_.Alloc(0, cache);
  std::vector<PhysAddr> mixed = {a[0], b[0], b[1], a[1], b[2], b[3], a[2]};
  m_.Run(1, [&](Cpu& cpu) { return m_.model().FreeBulk(cpu, cache, absl::MakeSpan(mixed)); });
  // From the end: a[2], past b[3] and b[2], a[1], and b[1] is the third of another slab; then the
  // four of b, and a[0] by itself.
  EXPECT_EQ(m_.Count(cache, "free_slowpath"), 3u);
}

// The group's list is built from the end of the array and turned round: the last is the first
// again.
TEST_F(SlubTest, OfABulkTheLastIsTheFirstTaken) {
  const CacheId cache = m_.MakeCache("x");
  std::vector<PhysAddr> slab = m_.AllocSlab(0, cache);  // C0 [uuuu]
  const std::vector<PhysAddr> freed = slab;
  m_.Run(0, [&](Cpu& cpu) { return m_.model().FreeBulk(cpu, cache, absl::MakeSpan(slab)); });
  EXPECT_EQ(m_.AllocMany(0, cache, 4),
            (std::vector<PhysAddr>{freed[3], freed[2], freed[1], freed[0]}));
}

TEST_F(SlubTest, WithoutHighOrdersSlabsAreOfTheLeastOrder) {
  FaultyPageAllocator pages(m_.machine().pages(), {.order_max = 0});
  m_.machine().set_pages(&pages);
  const CacheId cache = m_.Create({.name = "f", .object_size = 2048, .no_merge = true}).value();
  ASSERT_GT(m_.model().Layout(cache).order, 0);
  //  slab 1: [a b]   slab 2: [c .]
  const PhysAddr a = m_.Alloc(0, cache);
  const PhysAddr b = m_.Alloc(0, cache);
  const PhysAddr c = m_.Alloc(0, cache);
  EXPECT_EQ(b - a, 2048u);
  EXPECT_NE(m_.SlabOf(c), m_.SlabOf(a));
  EXPECT_EQ(m_.Count(cache, "order_fallback"), 2u);
  EXPECT_EQ(m_.State(cache, "total_objects"), "4 N0=4");
  m_.FreeAll(0, cache, {a, b, c});
}

}  // namespace
}  // namespace slablab
