// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Each numbered invariant of sheaves (allocators/slub/sheaves/layer.h), broken by hand, is found.

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/slub/sheaves_machine.h"

namespace slablab {
namespace {

// A cache with a main, a spare and an rcu_free sheaf on CPU 0, and a barn with full and empty ones.
class SheavesInvariantsDeathTest : public ::testing::Test {
 protected:
  SheavesInvariantsDeathTest() : cache_(m_.MakeCache(4096)) {  // 4 a sheaf
    const std::vector<PhysAddr> objects = m_.AllocBulk(0, cache_, 40);
    for (size_t i = 0; i < 18; ++i) m_.Free(0, cache_, objects[i]);
    for (size_t i = 18; i < 20; ++i) CHECK(m_.FreeRcu(0, objects[i]));
    for (int i = 0; i < 9; ++i) m_.Alloc(0, cache_);
    m_.model().CheckInvariants();
  }
  CacheSheaves& sheaves() { return SheafLayer::Of(m_.model().cache(cache_)); }
  CpuSheaves& cpu() { return sheaves().cpus[0]; }
  NodeBarn& barn() { return *sheaves().barns[0]; }
  void ExpectFound(const std::string& check) { EXPECT_DEATH(m_.model().CheckInvariants(), check); }

  SheavesMachine m_;
  const CacheId cache_;
};

TEST_F(SheavesInvariantsDeathTest, TheSetUpHasOneOfEverything) {
  const CacheContents::PercpuSheaves mine = m_.SheavesOf(0, cache_);
  EXPECT_GT(mine.main, 0);
  EXPECT_GE(mine.spare, 0);
  EXPECT_EQ(mine.rcu_free, 2);
  EXPECT_GT(m_.Barn(0, cache_).first, 0u);
  EXPECT_GT(m_.Barn(0, cache_).second, 0u);
}

TEST_F(SheavesInvariantsDeathTest, ASheafInTwoPlaces) {  // 1
  cpu().spare.Poke(cpu().main.Peek());
  ExpectFound("places_.insert");
}

TEST_F(SheavesInvariantsDeathTest, ASheafThatIsNowhere) {  // 1
  cpu().spare.Poke(nullptr);
  ExpectFound("kUser");
}

TEST_F(SheavesInvariantsDeathTest, ASheafThatSaysItIsElsewhere) {  // 1
  cpu().main.Peek()->state = SlabSheaf::State::kBarn;
  ExpectFound("sheaf.state == state");
}

TEST_F(SheavesInvariantsDeathTest, ACpuWithoutAMainSheaf) {  // 2
  cpu().main.Poke(nullptr);
  ExpectFound("main != nullptr");
}

TEST_F(SheavesInvariantsDeathTest, ALockThatIsStillTaken) {  // 2
  cpu().acquired.Poke(true);
  ExpectFound("acquired");
}

TEST_F(SheavesInvariantsDeathTest, MoreObjectsThanTheCapacity) {  // 3
  cpu().main.Peek()->size = 5;
  ExpectFound("sheaf.size");
}

TEST_F(SheavesInvariantsDeathTest, AnotherCapacityThanTheCaches) {  // 3
  cpu().main.Peek()->capacity = 3;
  ExpectFound("capacity_");
}

TEST_F(SheavesInvariantsDeathTest, AnEmptySheafThatIsNot) {  // 3
  std::swap(barn().empty.first.Peek()->size, barn().full.first.Peek()->size);
  std::swap(barn().empty.first.Peek()->objects, barn().full.first.Peek()->objects);
  ExpectFound("sheaf->size");
}

TEST_F(SheavesInvariantsDeathTest, ABarnThatMiscounts) {  // 4
  barn().full.count.Poke(barn().full.count.Peek() + 1);
  ExpectFound("length");
}

TEST_F(SheavesInvariantsDeathTest, AnObjectInTwoPlaces) {  // 5
  SlabSheaf& sheaf = *barn().full.first.Peek();
  sheaf.objects[0] = sheaf.objects[1];
  ExpectFound("objects_.insert");
}

TEST_F(SheavesInvariantsDeathTest, AnObjectThatItsSlabKnowsOtherwise) {  // 5
  const SlabSheaf& sheaf = *barn().full.first.Peek();
  Slab& slab = *m_.model().SlabOf(sheaf.objects[0]);
  slab.free_pointer[slab.cache->IndexOf(slab, sheaf.objects[0])] = kInUse;
  ExpectFound("kInSheaf");
}

TEST_F(SheavesInvariantsDeathTest, AnObjectThatASheafHasLost) {  // 5
  --barn().full.first.Peek()->size;
  ExpectFound("in_sheaves_");
}

TEST_F(SheavesInvariantsDeathTest, ObjectsThatWaitForNoGracePeriod) {  // 7
  KmemCache& cache = m_.model().cache(cache_);
  m_.model().Account(cache,
                     [&](Footprint& footprint) { footprint.BeginRcu(1, cache.geometry.size); });
  ExpectFound("rcu_objects");
}

TEST_F(SheavesInvariantsDeathTest, ASheafWhoseMemoryIsFree) {  // 6
  const PhysAddr free = m_.Kmalloc(0, 64).object;
  m_.Kfree(0, free);
  barn().full.first.Peek()->address = free;
  ExpectFound("kInUse");
}

}  // namespace
}  // namespace slablab
