// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Each numbered invariant of SLAB (allocators/slab/slab.h), broken by hand, is found.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/slab_machine.h"

namespace slablab {
namespace {

// Slabs of four objects. Of one all are out, of the other two; CPU 0's array has two objects.
class SlabInvariantsDeathTest : public ::testing::Test {
 protected:
  SlabInvariantsDeathTest() : m_({.cpus = 4, .nodes = 2}), cache_(m_.MakeCache("x")) {
    objects_ = m_.AllocMany(0, cache_, 5);
    m_.Free(0, cache_, objects_[3]);
    m_.model().CheckInvariants();
  }
  SlabCache& cache() { return m_.model().cache(cache_); }
  CpuArray& array() { return cache().cpus->arrays[0]; }
  SlabNode& node() { return *cache().nodes[0]; }
  SlabBlock& full() { return *m_.model().SlabOf(objects_[0]); }
  SlabBlock& partial() { return *m_.model().SlabOf(objects_[4]); }
  template <typename Field, typename Value>
  static void Add(Field& field, Value value) {
    field.Poke(field.Peek() + value);
  }
  void ExpectFound(const std::string& check) { EXPECT_DEATH(m_.model().CheckInvariants(), check); }

  SlabMachine m_;
  const CacheId cache_;
  std::vector<PhysAddr> objects_;
};

TEST_F(SlabInvariantsDeathTest, TheSetUpHasOneOfEverything) {
  EXPECT_EQ(node().full.first.Peek(), &full());
  EXPECT_EQ(node().partial.first.Peek(), &partial());
  EXPECT_EQ(partial().active.Peek(), 2u);
  EXPECT_EQ(array().available.Peek(), 2u);
}

TEST_F(SlabInvariantsDeathTest, ASlabInAnotherNodesList) {  // 1
  full().home = cache().nodes[1].get();
  ExpectFound("home");
}

TEST_F(SlabInvariantsDeathTest, ASlabInTheWrongList) {  // 1
  full().active.Poke(3);
  ExpectFound("right");
}

TEST_F(SlabInvariantsDeathTest, ASlabInNoList) {  // 1
  node().partial.first.Poke(nullptr);
  node().partial.last.Poke(nullptr);
  ExpectFound("tally.slabs|listed_");
}

TEST_F(SlabInvariantsDeathTest, AnIndexThatIsThereTwice) {  // 2
  partial().indices[2] = partial().indices[3];
  ExpectFound("in_slab");
}

TEST_F(SlabInvariantsDeathTest, AnObjectInTwoPlacesOfAnArray) {  // 3
  array().entries[0] = array().entries[1];
  ExpectFound("in_arrays_.insert");
}

TEST_F(SlabInvariantsDeathTest, AnObjectThatIsNowhere) {  // 3
  full().FlipInUse(cache().IndexOf(full(), objects_[0]));
  ExpectFound("places");
}

TEST_F(SlabInvariantsDeathTest, AnArrayWithAnObjectOfAnotherNode) {  // 4
  m_.model().SlabOf(array().entries[0])->node = NodeId(1);
  ExpectFound("slab->node");
}

TEST_F(SlabInvariantsDeathTest, ANodeThatMiscountsItsSlabs) {  // 5
  Add(node().total_slabs, 1);
  ExpectFound("total_slabs");
}

TEST_F(SlabInvariantsDeathTest, ANodeThatMiscountsItsFreeSlabs) {  // 5
  Add(node().free_slabs, 1);
  ExpectFound("free_slabs");
}

TEST_F(SlabInvariantsDeathTest, ANodeThatMiscountsItsFreeObjects) {  // 5
  Add(node().free_objects, 1);
  ExpectFound("free_objects");
}

TEST_F(SlabInvariantsDeathTest, AnArrayThatIsTooFull) {  // 6
  array().limit.Poke(1);
  ExpectFound("limit");
}

TEST_F(SlabInvariantsDeathTest, AFrameThatLeadsElsewhere) {  // 7
  full().base = full().base + kPageSize;
  ExpectFound("frames_.Has");
}

TEST_F(SlabInvariantsDeathTest, AFootprintThatIsNotTheSlabs) {  // 8
  m_.model().Account(cache(), [](Footprint& footprint) { ++footprint.slabs; });
  ExpectFound("of_slabs == s.footprint");
}

TEST_F(SlabInvariantsDeathTest, AListOfIndicesThatIsElsewhere) {  // 9
  ASSERT_EQ(cache().geometry.freelist, FreelistPlacement::kInObject);
  partial().freelist.Poke(objects_[4]);
  ExpectFound("freelist");
}

TEST_F(SlabInvariantsDeathTest, AFullSlabWithAListOfIndices) {  // 9
  full().freelist.Poke(objects_[0]);
  ExpectFound("freelist");
}

}  // namespace
}  // namespace slablab
