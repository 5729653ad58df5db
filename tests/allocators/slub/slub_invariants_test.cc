// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Each numbered invariant of SLUB's core (allocators/slub/core/core.h) and of its CPU slabs
// (allocators/slub/cpu_slabs/cpu_slabs.h), broken by hand, is found. Those of sheaves:
// sheaves_invariants_test.cc.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/slub_machine.h"

namespace slablab {
namespace {

// Slabs of four objects, three of a cache each. "u" is in use, "." free on the slab's own list, "c"
// free on a CPU's list. `listed`: node 0's list [u.uu] [..uu], and one full. `owned`: CPU 0's slab
// [uucc]. `partial`: CPU 0's list [.uuu] [.uuu], its slab full.
class SlubInvariantsDeathTest : public ::testing::Test {
 protected:
  SlubInvariantsDeathTest()
      : listed_(m_.MakeCache("listed")),
        owned_(m_.MakeCache("owned")),
        partial_(m_.MakeCache("partial")) {
    for (int i = 0; i < 3; ++i) {
      in_list_.push_back(m_.AllocSlab(0, listed_));
      in_partial_.push_back(m_.AllocSlab(0, partial_));
    }
    m_.Free(0, listed_, in_list_[0][1]);
    m_.Free(0, listed_, in_list_[1][0]);
    m_.Free(0, listed_, in_list_[1][1]);
    m_.Shrink(0, listed_);
    for (int i = 0; i < 2; ++i) m_.Free(0, partial_, in_partial_[static_cast<size_t>(i)][0]);
    m_.AllocMany(0, owned_, 2);
    m_.model().CheckInvariants();
  }
  KmemCache& Cache(CacheId id) { return m_.model().cache(id); }
  CacheNode& node() { return *Cache(listed_).nodes[0]; }
  CacheCpu& Cpu0(CacheId id) { return Cache(id).cpus[0]; }
  Slab& OneFree() { return *m_.model().SlabOf(in_list_[0][0]); }
  Slab& TwoFree() { return *m_.model().SlabOf(in_list_[1][2]); }
  // Of a slab's word.
  template <typename Break>
  void BreakWord(Slab& slab, Break change) {
    SlabWord word = slab.word.Peek();
    change(word);
    slab.word.Poke(word);
  }
  void ExpectFound(const std::string& check) { EXPECT_DEATH(m_.model().CheckInvariants(), check); }

  SlubMachine m_;
  const CacheId listed_;
  const CacheId owned_;
  const CacheId partial_;
  std::vector<std::vector<PhysAddr>> in_list_;
  std::vector<std::vector<PhysAddr>> in_partial_;
};

TEST_F(SlubInvariantsDeathTest, TheSetUpHasOneOfEverything) {
  EXPECT_EQ(node().nr_partial.Peek(), 2u);
  EXPECT_EQ(TwoFree().word.Peek().inuse, 2);
  ASSERT_NE(Cpu0(owned_).slab.Peek(), nullptr);
  EXPECT_NE(Cpu0(owned_).top.Peek().freelist, kNoObject);
  ASSERT_NE(Cpu0(partial_).partial.Peek(), nullptr);
  EXPECT_EQ(Cpu0(partial_).partial.Peek()->partial.Peek().slabs, 2);
}

// --- The core's. ---

TEST_F(SlubInvariantsDeathTest, ASlabInTwoPlaces) {  // 1
  Cpu0(listed_).slab.Poke(&OneFree());
  ExpectFound("owners_.emplace");
}

TEST_F(SlubInvariantsDeathTest, ASlabWithRoomThatIsNowhere) {  // 1
  Cpu0(partial_).partial.Poke(nullptr);
  ExpectFound("word.inuse");
}

TEST_F(SlubInvariantsDeathTest, AListedSlabThatIsFrozen) {  // 2
  BreakWord(OneFree(), [](SlabWord& word) { word.frozen = true; });
  ExpectFound("word.frozen");
}

TEST_F(SlubInvariantsDeathTest, AListThatGoesRound) {  // 3
  Slab& slab = TwoFree();
  const ObjectIndex first = slab.word.Peek().freelist;
  slab.free_pointer[slab.free_pointer[first]] = first;
  ExpectFound("seen_");
}

TEST_F(SlubInvariantsDeathTest, AnObjectThatIsNowhere) {  // 3
  Slab& slab = TwoFree();
  slab.free_pointer[slab.cache->IndexOf(slab, in_list_[1][2])] = kNoObject;
  ExpectFound("IsLink");
}

TEST_F(SlubInvariantsDeathTest, AnObjectThatASheafIsSaidToHave) {  // 3
  Slab& slab = TwoFree();
  slab.free_pointer[slab.cache->IndexOf(slab, in_list_[1][2])] = kInSheaf;
  ExpectFound("in_sheaves_");
}

TEST_F(SlubInvariantsDeathTest, ASlabThatMiscounts) {  // 4
  BreakWord(TwoFree(), [](SlabWord& word) { ++word.inuse; });
  ExpectFound("on_slab");
}

TEST_F(SlubInvariantsDeathTest, ANodeThatMiscounts) {  // 5
  node().nr_partial.Poke(node().nr_partial.Peek() + 1);
  ExpectFound("nr_partial");
}

TEST_F(SlubInvariantsDeathTest, ANodeThatMiscountsItsSlabs) {  // 5
  node().nr_slabs.Poke(node().nr_slabs.Peek() - 1);
  ExpectFound("nr_slabs");
}

TEST_F(SlubInvariantsDeathTest, ANodeThatMiscountsItsObjects) {  // 5
  node().total_objects.Poke(node().total_objects.Peek() + 4);
  ExpectFound("total_objects");
}

TEST_F(SlubInvariantsDeathTest, AFrameThatLeadsElsewhere) {  // 6
  OneFree().base = OneFree().base + kPageSize;
  ExpectFound("frames_.Has");
}

TEST_F(SlubInvariantsDeathTest, AFootprintThatIsNotTheSlabs) {  // 7
  m_.model().Account(Cache(listed_), [](Footprint& footprint) { ++footprint.slabs; });
  ExpectFound("of_slabs == s.footprint");
}

// --- The CPU slabs'. ---

TEST_F(SlubInvariantsDeathTest, ACpuSlabThatIsNotFrozen) {  // 1
  BreakWord(*Cpu0(owned_).slab.Peek(), [](SlabWord& word) { word.frozen = false; });
  ExpectFound("word.frozen");
}

TEST_F(SlubInvariantsDeathTest, APartialSlabThatIsNotFrozen) {  // 1
  BreakWord(*Cpu0(partial_).partial.Peek(), [](SlabWord& word) { word.frozen = false; });
  ExpectFound("word.frozen");
}

TEST_F(SlubInvariantsDeathTest, AFreeListWithoutASlab) {  // 2
  Cpu0(owned_).slab.Poke(nullptr);
  ExpectFound("freelist");
}

TEST_F(SlubInvariantsDeathTest, APartialSlabThatMiscounts) {  // 3
  Slab& first = *Cpu0(partial_).partial.Peek();
  first.partial.Poke({.next = first.partial.Peek().next, .slabs = 3});
  ExpectFound("link.slabs");
}

}  // namespace
}  // namespace slablab
