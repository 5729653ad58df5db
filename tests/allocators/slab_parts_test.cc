// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The parts that models are made of (allocators/common), each without any model: a node's list of
// slabs, whose slab a frame is of, the host's records of slabs.

#include <cstdint>
#include <deque>
#include <set>
#include <vector>

#include "allocators/common/slab_frames.h"
#include "allocators/common/slab_pool.h"
#include "allocators/common/slub_list.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/script.h"
#include "tests/sim/test_machine.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

constexpr int kListLockRank = 10;

struct Cache {
  CacheId id{7};
};
struct Slab : SlabRecord<Cache> {
  static constexpr uint64_t kListAt = 8;
  uint32_t* links = nullptr;
  Guarded<Slab*> list_next;
  Guarded<Slab*> list_previous;
};

// A node's list against one of the library's.
class NodeListTest : public ::testing::Test {
 protected:
  NodeListTest()
      : core_(TestMachine({})),
        node_(PhysAddr(kPageSize), core_.scheduler.AddLockClass("list_lock", kListLockRank)),
        slabs_(20) {
    for (size_t i = 0; i < slabs_.size(); ++i) slabs_[i].page = PhysAddr(kPageSize * (i + 2));
  }
  std::vector<const Slab*> Listed() const {
    std::vector<const Slab*> listed;
    CheckPartialList(node_, [&](const Slab& slab) { listed.push_back(&slab); });
    return listed;
  }
  // `start(cpu)` with the list's lock.
  template <typename Start>
  void Locked(Start start) {
    core_.scheduler.RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
      const IrqFlags flags = cpu.IrqSave();
      {
        const SpinGuard guard = co_await node_.list_lock.Acquire(cpu);
        start(cpu);
      }
      co_await cpu.IrqRestore(flags);
    });
  }

  Core core_;
  SlubNode<Slab> node_;
  std::vector<Slab> slabs_;
};

TEST_F(NodeListTest, SlabsComeToEitherEndAndGoFromAnywhere) {
  Slab& a = slabs_[0];
  Slab& b = slabs_[1];
  Slab& c = slabs_[2];
  Locked([&](Cpu& cpu) {
    AddPartial(cpu, node_, a, ListEnd::kHead);  // a
    AddPartial(cpu, node_, b, ListEnd::kTail);  // a b
    AddPartial(cpu, node_, c, ListEnd::kHead);  // c a b
  });
  EXPECT_THAT(Listed(), ElementsAre(&c, &a, &b));
  Locked([&](Cpu& cpu) { RemovePartial(cpu, node_, a); });
  EXPECT_THAT(Listed(), ElementsAre(&c, &b));
  EXPECT_EQ(node_.nr_partial.Peek(), 2u);
}

TEST_F(NodeListTest, AnyOrderOfChangesIsThatOfAListOfTheLibrary) {
  Random random(1, /*stream=*/5);
  std::deque<const Slab*> expected;
  std::set<size_t> listed;
  for (int round = 0; round < 400; ++round) {
    const size_t at = random.Below(slabs_.size());
    Slab& slab = slabs_[at];
    Locked([&](Cpu& cpu) {
      if (listed.erase(at) == 1) {
        RemovePartial(cpu, node_, slab);
        std::erase(expected, &slab);
        return;
      }
      const bool head = random.Below(2) == 0;
      AddPartial(cpu, node_, slab, head ? ListEnd::kHead : ListEnd::kTail);
      listed.insert(at);
      head ? expected.push_front(&slab) : expected.push_back(&slab);
    });
    ASSERT_THAT(Listed(), ElementsAreArray(expected));
  }
}

using NodeListDeathTest = NodeListTest;

TEST_F(NodeListDeathTest, AListThatDoesNotHangTogetherIsFound) {
  Locked([&](Cpu& cpu) {
    for (Slab& slab : slabs_) AddPartial(cpu, node_, slab, ListEnd::kTail);
  });
  const auto check = [&] { Listed(); };
  EXPECT_DEATH((slabs_[3].list_previous.Poke(&slabs_[1]), check()), "list_previous");
  EXPECT_DEATH((slabs_[3].list_next.Poke(nullptr), check()), "n.last");
  EXPECT_DEATH((node_.nr_partial.Poke(19), check()), "nr_partial");
}

TEST_F(NodeListDeathTest, WithoutItsLockNobodyMayChangeIt) {
  EXPECT_DEATH(core_.scheduler.RunOn(CpuId(0),
                                     [&](Cpu& cpu) -> Task<void> {
                                       AddPartial(cpu, node_, slabs_[0], ListEnd::kHead);
                                       co_return;
                                     }),
               "");
}

TEST(SlabFramesTest, EachFrameOfASlabLeadsToItUntilItGoes) {
  SlabFrames<Slab> frames(TestMachine({}));
  Cache cache;
  std::vector<Slab> slabs(2);
  for (size_t i = 0; i < 2; ++i) {
    slabs[i].base = PhysAddr::OfFrame(8 * (i + 1));
    slabs[i].cache = &cache;
    frames.Enter(slabs[i], /*order=*/2);
    EXPECT_EQ(slabs[i].serial, i + 1);
  }
  for (uint64_t frame = 0; frame < 24; ++frame) {
    const PhysAddr inside = PhysAddr::OfFrame(frame) + 100;
    const Slab* const expected = frame >= 8 && frame % 8 < 4 ? &slabs[frame / 8 - 1] : nullptr;
    EXPECT_EQ(frames.Of(inside), expected) << frame;
    EXPECT_EQ(frames.Locate(inside).cache, expected == nullptr ? kNoCache : cache.id) << frame;
  }
  EXPECT_EQ(frames.Locate(PhysAddr(uint64_t{1} << 40)).cache, kNoCache);
  EXPECT_TRUE(frames.Has(slabs[0], 2));
  EXPECT_FALSE(frames.Has(slabs[0], 3));
  frames.Remove(slabs[0], 2);
  EXPECT_EQ(frames.Of(slabs[0].base), nullptr);
  frames.Enter(slabs[0], 2);
  EXPECT_EQ(slabs[0].serial, 3u);  // Another slab than the one before.
}

TEST(SlabArrayPoolTest, RecordsAndArraysAreUsedAgain) {
  SlabArrayPool<Slab, &Slab::links> pool;
  Slab& small = pool.Take(5);
  Slab& large = pool.Take(100);
  uint32_t* const small_array = small.links;
  EXPECT_NE(small_array, large.links);
  Cache cache;
  small.cache = &cache;
  pool.Give(small, 5);
  EXPECT_EQ(small.cache, nullptr);
  EXPECT_EQ(small.links, nullptr);
  Slab& again = pool.Take(8);  // of the same size class
  EXPECT_EQ(&again, &small);
  EXPECT_EQ(again.links, small_array);
  EXPECT_NE(&pool.Take(8), &small);
  EXPECT_EQ(pool.slabs().size(), 3u);
}

}  // namespace
}  // namespace slablab
