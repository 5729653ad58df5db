// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Each numbered invariant of SLUB of 2010 (allocators/slub/locked_cpu_slabs/locked_cpu_slabs.h) and
// of SLUB+Q (allocators/slubq/slubq.h), broken by hand, is found. That no queue is longer than its
// memory is not among them: a queue lets nobody make it so. Those of their core:
// tests/allocators/slub/slub_invariants_test.cc.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"
#include "tests/allocators/slub_2010/slub_2010_machine.h"
#include "tests/allocators/slubq_machine.h"

namespace slablab {
namespace {

// CPU 0's slab [uucc]: two objects in use, two on the CPU's list.
class Slub2010InvariantsDeathTest : public ::testing::Test {
 protected:
  Slub2010InvariantsDeathTest()
      : m_({.cpus = 2, .nodes = 2}),
        cache_(m_.Create({.name = "x", .object_size = 8192, .no_merge = true}).value()) {
    m_.AllocMany(0, cache_, 2);
    m_.model().CheckInvariants();
  }
  CacheCpu& cpu() { return m_.model().cache(cache_).cpus[0]; }
  void ExpectFound(const std::string& check) { EXPECT_DEATH(m_.model().CheckInvariants(), check); }

  ModelMachine<Slub2010> m_;
  const CacheId cache_;
};

TEST_F(Slub2010InvariantsDeathTest, ACpuSlabThatIsNotFrozen) {  // 1
  SlabWord word = cpu().slab.Peek()->word.Peek();
  word.frozen = false;
  cpu().slab.Peek()->word.Poke(word);
  ExpectFound("word.frozen");
}

TEST_F(Slub2010InvariantsDeathTest, AFreeListWithoutASlab) {  // 2
  cpu().slab.Poke(nullptr);
  ExpectFound("freelist");
}

TEST_F(Slub2010InvariantsDeathTest, ACpuThatTakesItsSlabForAnotherNodes) {  // 3
  cpu().node.Poke(NodeId(1));
  ExpectFound("c.node");
}

// The core's 6, of 2010: since quirks of the boot leave it so, the kernel's log has it.
TEST_F(Slub2010InvariantsDeathTest, APageThatNamesAnotherCache) {
  EXPECT_TRUE(m_.model().KernelLog().empty());
  cpu().slab.Peek()->cache_at = PhysAddr();
  EXPECT_EQ(m_.model().KernelLog().size(), 1u);
}

// CPU 0, of node 0, has objects in its queue, and some of node 1 in the alien queue of those that
// share its cache.
template <typename Model>
class SlubQInvariantsDeathTest : public ::testing::Test {
 protected:
  SlubQInvariantsDeathTest()
      : m_({.cpus = 4, .nodes = 2}), cache_(m_.MakeCache(8, /*object_size=*/256)) {
    own_ = m_.AllocMany(0, cache_, 4);
    const std::vector<PhysAddr> remote = m_.AllocMany(2, cache_, 4);
    for (const PhysAddr object : {own_[0], own_[1], remote[0], remote[1]}) {
      m_.Free(0, cache_, object);
    }
    m_.model().CheckInvariants();
  }
  QueueCache& cache() { return static_cast<QueueCache&>(*m_.model().cache(cache_).front); }
  QueueCpu& cpu() { return cache().cpus->cpus[0]; }
  ObjectQueue& alien() { return cpu().shared.Peek()->aliens[0].q; }
  static PhysAddr& ObjectOf(ObjectQueue& q, size_t at) {
    return const_cast<PhysAddr&>(q.objects()[at]);
  }
  Slab& SlabOf(PhysAddr object) { return *m_.model().SlabOf(object); }
  void ExpectFound(const std::string& check) { EXPECT_DEATH(m_.model().CheckInvariants(), check); }

  QueueMachine<Model> m_;
  const CacheId cache_;
  std::vector<PhysAddr> own_;
};
TYPED_TEST_SUITE(SlubQInvariantsDeathTest, Versions);

TYPED_TEST(SlubQInvariantsDeathTest, TheSetUpHasOneOfEverything) {
  EXPECT_GE(this->cpu().q.count(), 2);
  ASSERT_NE(this->cpu().shared.Peek(), nullptr);
  EXPECT_EQ(this->alien().count(), 2);
}

TYPED_TEST(SlubQInvariantsDeathTest, ASlabThatIsListedWithoutRoom) {  // 1
  Slab& slab = this->SlabOf(this->own_[2]);
  if (!slab.listed.Peek() && slab.word.Peek().inuse == slab.word.Peek().objects) {
    slab.listed.Poke(true);
  } else {
    slab.listed.Poke(!slab.listed.Peek());
  }
  if (std::is_same_v<TypeParam, SlubQV4>) {
    this->ExpectFound("slab.listed");
  } else {
    this->m_.model().CheckInvariants();  // V3 keeps no such flag.
  }
}

TYPED_TEST(SlubQInvariantsDeathTest, AnObjectInTwoPlacesOfAQueue) {  // 2
  this->ObjectOf(this->cpu().q, 0) = this->ObjectOf(this->cpu().q, 1);
  this->ExpectFound("queued_.insert");
}

TYPED_TEST(SlubQInvariantsDeathTest, AnObjectThatItsSlabKnowsOtherwise) {  // 2
  const PhysAddr object = this->cpu().q.objects()[0];
  Slab& slab = this->SlabOf(object);
  slab.free_pointer[slab.cache->IndexOf(slab, object)] = kInUse;
  this->ExpectFound("kInSheaf");
}

TYPED_TEST(SlubQInvariantsDeathTest, AnAlienQueueWithAnObjectOfAnotherNode) {  // 3
  this->SlabOf(this->alien().objects()[0]).node = NodeId(0);
  this->ExpectFound("slab->node");
}

TYPED_TEST(SlubQInvariantsDeathTest, ASharedQueueOfAnotherNode) {  // 5
  this->cpu().shared.Peek()->node = NodeId(1);
  this->ExpectFound("queues->node");
}

}  // namespace
}  // namespace slablab
