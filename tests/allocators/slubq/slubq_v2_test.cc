// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What SLUB+Q V2 has to itself: one queue per CPU, in which objects of all nodes stand side by
// side. "C0 1 1 0" is CPU 0's queue, oldest first, each object as the node that it is of; "c0 1"
// that the CPU thinks it is on node 1. Slabs are drawn as in slubq_test.cc.

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/core/scheduler.h"
#include "tests/allocators/slubq_machine.h"

namespace slablab {
namespace {

class SlubQV2Test : public ::testing::Test {
 protected:
  ~SlubQV2Test() override { m_.model().CheckInvariants(); }

  NodeId NodeOf(PhysAddr object) { return m_.machine().NodeOf(object); }
  uint64_t Queued() { return m_.Count(cache_, "per_cpu_caches"); }
  uint64_t Flushes() { return m_.Count(cache_, "queue_flush"); }
  // Objects of `count` different slabs, all of whose objects are in use then.
  std::vector<PhysAddr> OneOfEachSlab(int cpu, size_t count) {
    std::vector<PhysAddr> firsts;
    std::vector<uint64_t> slabs;
    while (firsts.size() < count) {
      const PhysAddr object = m_.Alloc(cpu, cache_);
      if (std::find(slabs.begin(), slabs.end(), m_.SlabOf(object)) != slabs.end()) continue;
      slabs.push_back(m_.SlabOf(object));
      firsts.push_back(object);
    }
    while (m_.State(cache_, "partial") != "0" || Queued() > 0) m_.Alloc(cpu, cache_);
    return firsts;
  }

  // CPUs 0 and 1 on node 0, 2 and 3 on node 1; four objects a slab, batches of 4.
  QueueMachine<SlubQV2> m_{{.cpus = 4, .nodes = 2}};
  const CacheId cache_ = m_.MakeCache(8);
};

TEST_F(SlubQV2Test, WhatIsFreedHereIsHandedOutHereWhereverItLies) {
  const PhysAddr remote = m_.Alloc(2, cache_);
  m_.Alloc(0, cache_);  // C0 0 0 0
  const uint64_t queued = Queued();
  EXPECT_EQ(m_.Free(0, cache_, remote), "free fast");  // C0 0 0 0 1
  EXPECT_EQ(Queued(), queued + 1);
  const Placement back = m_.AllocWithPath(0, cache_);
  EXPECT_EQ(m_.Path(back.path), "alloc fast");
  EXPECT_EQ(back.object, remote);
  EXPECT_EQ(NodeOf(back.object), NodeId(1));
  EXPECT_EQ(m_.Count(cache_, "free_fastpath"), 1u);
}

// kmem_cache_free() does not ask where an object lies: its struct page is left alone, too.
TEST_F(SlubQV2Test, AFreeToTheQueueReadsNothingOfTheSlab) {
  class SlabTouches : public TouchObserver {
   public:
    void OnTouch(const Cpu&, Place place, Access, Outcome) override {
      if (place.structure == Structure::kSlabMetadata) ++touches;
    }
    uint64_t touches = 0;
  };
  const PhysAddr object = m_.Alloc(2, cache_);
  SlabTouches observer;
  m_.Run(0, [&](Cpu& cpu) -> Task<void> {
    cpu.set_observer(&observer);
    co_await m_.model().Free(cpu, cache_, object);
    cpu.set_observer(nullptr);
  });
  EXPECT_EQ(observer.touches, 0u);
}

TEST_F(SlubQV2Test, ARequestForAnotherNodeFlushesTheQueue) {
  m_.Alloc(0, cache_);  // c0 0  C0 0 0 0
  EXPECT_EQ(Flushes(), 0u);
  const Placement there = m_.AllocWithPath(0, cache_, NodeId(1));  // c0 1  C0 1 1 1
  EXPECT_EQ(m_.Path(there.path), "alloc new slab");
  EXPECT_EQ(NodeOf(there.object), NodeId(1));
  EXPECT_EQ(Flushes(), 1u);
  EXPECT_EQ(Queued(), 3u);
  EXPECT_EQ(m_.State(cache_, "partial"), "1 N0=1");  // [u...]
  // The same node again is no reason to, nor is none at all; what is handed out is of that node.
  EXPECT_EQ(m_.Path(m_.AllocWithPath(0, cache_, NodeId(1)).path), "alloc fast");  // C0 1 1
  EXPECT_EQ(NodeOf(m_.Alloc(0, cache_)), NodeId(1));                              // C0 1
  EXPECT_EQ(Flushes(), 1u);
  const Placement home = m_.AllocWithPath(0, cache_, NodeId(0));  // c0 0  C0 0 0 0
  EXPECT_EQ(m_.Path(home.path), "alloc new slab");                // [uuuu] and one that is new
  EXPECT_EQ(NodeOf(home.object), NodeId(0));
  EXPECT_EQ(Flushes(), 2u);
  EXPECT_EQ(m_.Count(cache_, "alloc_slowpath"), 3u);
}

// The per-CPU area is zeroed and no more: every CPU takes itself for one of node 0.
TEST_F(SlubQV2Test, ACpuBelievesToBeOnNodeZeroUntilAnotherIsAskedFor) {
  m_.Alloc(2, cache_);  // c2 0  C2 1 1 1
  const Placement zero = m_.AllocWithPath(2, cache_, NodeId(0));
  EXPECT_EQ(m_.Path(zero.path), "alloc fast");
  EXPECT_EQ(NodeOf(zero.object), NodeId(1));  // Not what was asked for.
  EXPECT_EQ(Flushes(), 0u);
  const Placement own = m_.AllocWithPath(2, cache_, NodeId(1));  // c2 1
  EXPECT_EQ(NodeOf(own.object), NodeId(1));
  EXPECT_EQ(Flushes(), 1u);  // Though all was of that node.
}

// C0 0 1 0 1 0 1 0 1, all of different slabs, and the ninth drains the oldest four.
TEST_F(SlubQV2Test, ADrainGivesEachNodeItsOwn) {
  const std::vector<PhysAddr> near = OneOfEachSlab(0, 5);
  const std::vector<PhysAddr> far = OneOfEachSlab(2, 4);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(m_.Free(0, cache_, near[i]), "free fast");
    EXPECT_EQ(m_.Free(0, cache_, far[i]), "free fast");
  }
  EXPECT_EQ(m_.State(cache_, "partial"), "0");
  uint64_t locks = 0;
  m_.Run(0, [&](Cpu& cpu) -> Task<void> {
    cpu.CountTouches();
    co_await m_.model().Free(cpu, cache_, near[4]);
    locks = cpu.counts().lock_acquisitions;
  });
  EXPECT_EQ(m_.State(cache_, "partial"), "4 N0=2 N1=2");  // [.uuu] [.uuu]  [.uuu] [.uuu]
  EXPECT_EQ(locks, 8u);                                   // each slab's, and its list's
  EXPECT_EQ(m_.Count(cache_, "free_slowpath"), 1u);
  EXPECT_EQ(m_.Count(cache_, "free_add_partial"), 4u);
  EXPECT_EQ(Queued(), 5u);
  EXPECT_EQ(m_.Alloc(0, cache_), near[4]);  // C0 0 1 0 1
  EXPECT_EQ(m_.Alloc(0, cache_), far[3]);
}

TEST_F(SlubQV2Test, ASlabThatADrainEmptiesGoesAtOnce) {
  const std::vector<PhysAddr> objects = m_.AllocSlab(2, cache_);  // [uuuu] of node 1
  const uint64_t slabs = m_.Count(cache_, "slabs");
  for (PhysAddr object : objects) m_.Free(0, cache_, object);  // C0 1 1 1 1
  EXPECT_EQ(m_.Count(cache_, "slabs"), slabs);
  m_.Alloc(0, cache_, NodeId(1));               // Flushes them.
  EXPECT_EQ(m_.Count(cache_, "slabs"), slabs);  // One went, another came.
  EXPECT_EQ(m_.Count(cache_, "alloc_slab"), 2u);
  EXPECT_EQ(m_.State(cache_, "partial"), "0");
}

// --- What it has, and what only came with V3. ---

TEST_F(SlubQV2Test, AQueueHoldsWhatWasAskedForToTheObject) {
  for (const int size : {4, 7, 50, 125}) {
    EXPECT_TRUE(m_.Tune(cache_, "cpu_queue_size", size).ok());
    EXPECT_EQ(m_.Count(cache_, "cpu_queue_size"), static_cast<uint64_t>(size));
    std::vector<PhysAddr> objects;
    for (int i = 0; i < size + 1; ++i) objects.push_back(m_.Alloc(1, cache_));
    const std::string last = m_.Free(0, cache_, objects.back());
    EXPECT_EQ(last, "free fast");
    for (int i = 1; i < size; ++i) {
      EXPECT_EQ(m_.Free(0, cache_, objects[static_cast<size_t>(i)]), "free fast");
    }
    EXPECT_EQ(m_.Free(0, cache_, objects[0]), "free drain");
  }
}

TEST_F(SlubQV2Test, ItHasTheTunablesAndCountersOfItsTime) {
  struct Row {
    std::string_view key;
    int64_t value;
    bool ok;
  };
  for (const Row& row :
       {Row{"cpu_queue_size", 4, true}, Row{"cpu_queue_size", 3, false},
        Row{"cpu_queue_size", 10'001, false}, Row{"cpu_queue_size", 40, true},
        Row{"cpu_batch_size", 40, true}, Row{"cpu_batch_size", 41, false},
        Row{"cpu_batch_size", 3, false}, Row{"min_partial", 5, true}, Row{"shrink", 1, true},
        Row{"shared_queue_size", 40, false}, Row{"alien_queue_size", 40, false},
        Row{"expire", -1, false}, Row{"queue_flush", 0, true}, Row{"alloc_remote", 0, false},
        Row{"alloc_shared", 0, false}, Row{"free_alien", 0, false}}) {
    EXPECT_EQ(m_.Tune(cache_, row.key, row.value).ok(), row.ok) << row.key << " " << row.value;
  }
  EXPECT_THAT(std::string(m_.Tune(cache_, "expire", -1).message()),
              testing::StartsWith("unknown tunable of slubq-v2 'expire'; valid are: "
                                  "cpu_queue_size, cpu_batch_size, batch_size, min_partial, "));
  std::vector<std::string> names;
  for (const Figure& figure : m_.model().Counters(cache_)) names.push_back(figure.name);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "alloc_fastpath", "alloc_slowpath", "free_fastpath", "free_slowpath",
                       "free_add_partial", "free_remove_partial", "alloc_from_partial",
                       "alloc_slab", "free_slab", "queue_flush", "order_fallback"}));
  for (const Figure& figure : m_.model().State(cache_)) {
    EXPECT_EQ(figure.name.find("shared"), std::string::npos) << figure.name;
    EXPECT_EQ(figure.name.find("alien"), std::string::npos) << figure.name;
  }
  EXPECT_TRUE(m_.model().QueueBlocks().empty());
}

TEST_F(SlubQV2Test, ShortMemoryLeavesItsQueuesAlone) {
  m_.Free(0, cache_, m_.Alloc(0, cache_));
  const uint64_t queued = Queued();
  EXPECT_GT(queued, 0u);
  EXPECT_EQ(m_.Expire(0, kAnyNode), 0u);
  EXPECT_EQ(Queued(), queued);
}

// Slabs are placed then, not objects.
TEST(SlubQV2SpreadTest, SpreadingSlabsSpreadsNoObjects) {
  QueueMachine<SlubQV2> m({.cpus = 4, .nodes = 2, .allocator = {.spread_slab = true}});
  const CacheId cache =
      m.Create({.name = "spread", .object_size = 512, .mem_spread = true, .no_merge = true})
          .value();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(m.machine().NodeOf(m.Alloc(2, cache)), NodeId(1));
}

// Without counters the number of objects begins the area, and still no touch goes astray.
TEST(SlubQV2LayoutTest, QueuesWorkWithoutStatistics) {
  QueueMachine<SlubQV2> m({.cpus = 2, .nodes = 1, .allocator = {.statistics = false}});
  const CacheId cache = m.MakeCache(600, 512);  // more than a page of slots
  std::vector<PhysAddr> objects;
  for (int i = 0; i < 1500; ++i) objects.push_back(m.Alloc(0, cache));
  for (PhysAddr object : objects) m.Free(1, cache, object);
  m.model().CheckInvariants();
  EXPECT_EQ(m.Count(cache, "objects"), m.Count(cache, "per_cpu_caches"));
}

}  // namespace
}  // namespace slablab
