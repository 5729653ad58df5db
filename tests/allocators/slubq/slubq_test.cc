// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB+Q step by step. A slab is drawn as its objects, by address: "." free on the slab (a set
// bit), "q" in a queue, "u" in use. "C0 3" is CPU 0's queue with three objects, "S 4" a shared
// queue, "A1 2" the alien queue of node 1, "N0 [...]" a node's partial list.

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/slubq_machine.h"

namespace slablab {
namespace {

template <typename Model>
class SlubQTest : public ::testing::Test {
 protected:
  ~SlubQTest() override { m_.model().CheckInvariants(); }
  // Keeps shared queues out of the picture.
  CacheId MakeCache(int queue, uint32_t object_size = 8192) {
    return m_.MakeCache(queue, object_size);
  }
  QueueMachine<Model> m_{{.cpus = 1, .nodes = 1, .allocator = {.quirks = {"zone-dma-off"}}}};
};
TYPED_TEST_SUITE(SlubQTest, AllVersions);

// --- Constants. ---

TYPED_TEST(SlubQTest, QueuesAreOfSlabsSizesAndBatchesOfHalf) {
  const auto figure = [&](std::string_view cache, std::string_view name) {
    return this->m_.Count(this->m_.model().FindCache(cache), name);
  };
  struct Row {
    std::string_view cache;
    uint64_t queue;
    uint64_t batch;
  };
  for (const Row& row :
       {Row{"kmalloc-8", 120, 60}, Row{"kmalloc-256", 120, 60}, Row{"kmalloc-512", 54, 27},
        Row{"kmalloc-1024", 54, 27}, Row{"kmalloc-2048", 24, 12}, Row{"kmalloc-4096", 24, 12},
        Row{"kmalloc-8192", 8, 4}}) {
    EXPECT_EQ(figure(row.cache, "queue_size"), row.queue) << row.cache;
    EXPECT_EQ(figure(row.cache, "batch_size"), row.batch) << row.cache;
    // Rounded up to whole lines: some more fit than were asked for.
    EXPECT_GE(figure(row.cache, "cpu_queue_size"), row.queue);
    EXPECT_LT(figure(row.cache, "cpu_queue_size"), row.queue + 8);
  }
}

// floor(words * 64 / (words per object * 64 + 1)), above 64 objects.
TEST(SlubQGeometryTest, ASlabOfMoreThan64ObjectsHasItsBitmapBehindThem) {
  EXPECT_EQ(ObjectsWithBitmap(0, 64), 64u);  // The map is a word of struct page.
  EXPECT_EQ(ObjectsWithBitmap(0, 32), 127u);
  EXPECT_EQ(ObjectsWithBitmap(0, 16), 254u);
  EXPECT_EQ(ObjectsWithBitmap(0, 8), 504u);
  EXPECT_EQ(ObjectsWithBitmap(0, 96), 42u);
  EXPECT_EQ(ObjectsWithBitmap(1, 64), 127u);
  for (int order = 0; order < 4; ++order) {
    for (uint32_t size = 8; size <= 512; size += 8) {
      const uint32_t objects = ObjectsWithBitmap(order, size);
      if (objects <= 64) continue;
      EXPECT_LE(objects * size + (objects + 63) / 64 * 8, kPageSize << order) << size;
    }
  }
}

// --- Queue and bitmap. ---

TYPED_TEST(SlubQTest, ARefillTakesABatchSoThatTheLowestAddressComesFirst) {
  const CacheId cache = this->MakeCache(6);  // batch 3
  const Placement first = this->m_.AllocWithPath(0, cache);
  EXPECT_EQ(this->m_.Path(first.path), "alloc new slab");  // [uqq.]  C0 2  N0 [uqq.]
  EXPECT_EQ(this->m_.Count(cache, "per_cpu_caches"), 2u);
  EXPECT_EQ(this->m_.State(cache, "partial"), "1 N0=1");
  for (uint64_t i = 1; i < 3; ++i) {  // [uuq.] [uuu.]
    const Placement next = this->m_.AllocWithPath(0, cache);
    EXPECT_EQ(this->m_.Path(next.path), "alloc fast");
    EXPECT_EQ(next.object - first.object, i * 8192);
  }
  // The slab has one more; the batch is made up from a new slab in V3, not in V4.
  const Placement fourth = this->m_.AllocWithPath(0, cache);
  const bool v4 = std::is_same_v<TypeParam, SlubQV4>;
  EXPECT_EQ(this->m_.Count(cache, "slabs"), v4 ? 1u : 2u);           // V4 [uuuu]
  EXPECT_EQ(this->m_.Count(cache, "per_cpu_caches"), v4 ? 0u : 2u);  // V3 [uuuq] [uq..] : see below
  (void)fourth;
  EXPECT_EQ(this->m_.Count(cache, "alloc_slowpath"), 2u);
  EXPECT_EQ(this->m_.Count(cache, "alloc_fastpath"), 2u);
}

TYPED_TEST(SlubQTest, TheLastFreedIsTheFirstTaken) {
  const CacheId cache = this->MakeCache(6);
  const PhysAddr a = this->m_.Alloc(0, cache);
  const PhysAddr b = this->m_.Alloc(0, cache);
  EXPECT_EQ(this->m_.Free(0, cache, a), "free fast");
  EXPECT_EQ(this->m_.Free(0, cache, b), "free fast");
  EXPECT_EQ(this->m_.Alloc(0, cache), b);
  EXPECT_EQ(this->m_.Alloc(0, cache), a);
}

TYPED_TEST(SlubQTest, AFullQueueGivesItsOldestBatchBack) {
  const CacheId cache = this->MakeCache(6);
  const auto max = static_cast<size_t>(this->m_.Count(cache, "cpu_queue_size"));
  const auto batch = this->m_.Count(cache, "batch_size");
  std::vector<PhysAddr> objects;
  while (objects.size() <= max) objects.push_back(this->m_.Alloc(0, cache));
  // Take what is queued, so that it begins empty.
  while (this->m_.Count(cache, "per_cpu_caches") > 0) objects.push_back(this->m_.Alloc(0, cache));
  for (size_t i = 0; i < max; ++i) {
    EXPECT_EQ(this->m_.Free(0, cache, objects[i]), "free fast");
  }
  EXPECT_EQ(this->m_.Free(0, cache, objects[max]), "free drain");
  EXPECT_EQ(this->m_.Count(cache, "free_slowpath"), 1u);
  EXPECT_EQ(this->m_.Count(cache, "per_cpu_caches"), max + 1 - batch);
  // The oldest are on their slabs; the newest come back first.
  EXPECT_EQ(this->m_.Alloc(0, cache), objects[max]);
  this->m_.model().CheckInvariants();
}

// A free object is not touched, neither by freeing nor by allocating it.
TYPED_TEST(SlubQTest, NoOperationTouchesAnObject) {
  class ObjectTouches : public TouchObserver {
   public:
    void OnTouch(const Cpu&, Place place, Access, Outcome) override {
      if (place.structure == Structure::kObject || place.structure == Structure::kFreePointer) {
        ++touches;
      }
    }
    uint64_t touches = 0;
  };
  const CacheId cache = this->MakeCache(6, 256);
  ObjectTouches observer;
  this->m_.Run(0, [&](Cpu& cpu) -> Task<void> {
    cpu.set_observer(&observer);
    std::vector<PhysAddr> objects;
    for (int i = 0; i < 100; ++i) {
      const Placement placement = co_await this->m_.model().Alloc(cpu, cache, kGfpKernel, kAnyNode);
      objects.push_back(placement.object);
    }
    for (PhysAddr object : objects) co_await this->m_.model().Free(cpu, cache, object);
    cpu.set_observer(nullptr);
  });
  EXPECT_EQ(observer.touches, 0u);
  EXPECT_GT(this->m_.Count(cache, "free_slowpath"), 5u);
}

TYPED_TEST(SlubQTest, LargeBitmapsLieBehindTheObjects) {
  const CacheId cache = this->m_.model().FindCache("kmalloc-8");
  std::set<PhysAddr> objects;
  for (int i = 0; i < 1200; ++i) EXPECT_TRUE(objects.insert(this->m_.Alloc(0, cache)).second);
  this->m_.model().CheckInvariants();
  EXPECT_EQ(this->m_.model().Layout(cache).objects_per_slab, 504u);
  for (PhysAddr object : objects) this->m_.Free(0, cache, object);
}

// --- What becomes of empty slabs. ---

TEST(SlubQPolicyTest, V3FreesAnEmptySlabAtOnceAndV4KeepsMoreThanMinPartial) {
  QueueMachine<SlubQV3> v3({.cpus = 1, .nodes = 1});
  const CacheId cache = v3.MakeCache(4);
  std::vector<PhysAddr> objects;
  for (int i = 0; i < 40; ++i) objects.push_back(v3.Alloc(0, cache));
  for (PhysAddr object : objects) v3.Free(0, cache, object);
  EXPECT_LE(v3.Count(cache, "slabs"), 3u);      // What the queue holds.
  EXPECT_EQ(v3.Count(cache, "free_slab"), 0u);  // Nobody counts it.

  QueueMachine<SlubQV4> v4({.cpus = 1, .nodes = 1});
  const CacheId other = v4.MakeCache(4);
  EXPECT_TRUE(v4.Tune(other, "min_partial", 5).ok());
  objects.clear();
  for (int i = 0; i < 40; ++i) objects.push_back(v4.Alloc(0, other));
  for (PhysAddr object : objects) v4.Free(0, other, object);
  EXPECT_GE(v4.Count(other, "partial"), 5u);
  EXPECT_LE(v4.Count(other, "partial"), 6u);
  v4.model().CheckInvariants();
}

TEST(SlubQPolicyTest, V4RefillsSixteenUntilTheQueueIsTouched) {
  QueueMachine<SlubQV4> m({.cpus = 1, .nodes = 1});
  const CacheId cache = m.MakeCache(120, 64);
  m.Alloc(0, cache);
  EXPECT_EQ(m.Count(cache, "per_cpu_caches"), 15u);
  for (int i = 0; i < 15; ++i) m.Alloc(0, cache);
  m.Alloc(0, cache);                                 // Touched by the allocations in between.
  EXPECT_EQ(m.Count(cache, "per_cpu_caches"), 47u);  // The slab's other 48, of 60 wanted.
}

TEST(SlubQPolicyTest, V4GivesRareCachesLittle) {
  QueueMachine<SlubQV4> m({.cpus = 4, .nodes = 1});
  for (std::string_view name : {"kmem_cache", "kmem_cache_node", "dma-kmalloc-64"}) {
    const CacheId cache = m.model().FindCache(name);
    EXPECT_EQ(m.Count(cache, "queue_size"), 5u) << name;
    EXPECT_EQ(m.Count(cache, "min_partial"), 0u) << name;
    EXPECT_EQ(m.Count(cache, "shared_queue_size"), 0u) << name;
  }
  QueueMachine<SlubQV3> v3({.cpus = 4, .nodes = 1});
  EXPECT_EQ(v3.Count(v3.model().FindCache("kmem_cache_node"), "queue_size"), 120u);
  EXPECT_EQ(v3.Count(v3.model().FindCache("dma-kmalloc-64"), "shared_queue_size"), 0u);
}

// --- Shared queues. ---

TEST(SlubQSharedTest, SizesAreWhatKmallocHasAnyway) {
  QueueMachine<SlubQV3> v3({.cpus = 4, .nodes = 1});
  // 120 * 8 + 16 = 976 bytes: kmalloc-1024, of which 1008 are slots.
  EXPECT_EQ(v3.Count(v3.model().FindCache("kmalloc-64"), "shared_queue_size"), 126u);
  // 24 * 8 + 16 = 208: kmalloc-256.
  EXPECT_EQ(v3.Count(v3.model().FindCache("kmalloc-2048"), "shared_queue_size"), 30u);
  QueueMachine<SlubQV4> v4({.cpus = 4, .nodes = 1});
  // 600 * 8 + 16 = 4816 bytes: two pages.
  EXPECT_EQ(v4.Count(v4.model().FindCache("kmalloc-64"), "shared_queue_size"), (8192u - 16) / 8);
  EXPECT_EQ(v4.Count(v4.model().FindCache("kmalloc-4096"), "shared_queue_size"), 0u);
}

template <typename Model>
class SlubQSharedTypedTest : public ::testing::Test {
 protected:
  ~SlubQSharedTypedTest() override { m_.model().CheckInvariants(); }
  // Two domains of two CPUs.
  QueueMachine<Model> m_{{.cpus = 4, .nodes = 1, .cpus_per_domain = 2}};
};
TYPED_TEST_SUITE(SlubQSharedTypedTest, Versions);

// Frees on CPU 0 until its queue overflows: the oldest batch is what the neighbour is given.
TYPED_TEST(SlubQSharedTypedTest, WhatOverflowsGoesToTheNeighboursOfTheDomain) {
  const CacheId cache = this->m_.MakeCache(6, 512);
  EXPECT_TRUE(this->m_.Tune(cache, "shared_queue_size", 14).ok());
  const auto max = static_cast<size_t>(this->m_.Count(cache, "cpu_queue_size"));
  const auto batch = static_cast<size_t>(this->m_.Count(cache, "batch_size"));
  std::vector<PhysAddr> objects;
  while (objects.size() <= max) objects.push_back(this->m_.Alloc(0, cache));
  while (this->m_.Count(cache, "per_cpu_caches") > 0) objects.push_back(this->m_.Alloc(0, cache));
  for (size_t i = 0; i < max; ++i) this->m_.Free(0, cache, objects[i]);
  EXPECT_EQ(this->m_.Free(0, cache, objects[max]), "free to shared");
  EXPECT_EQ(this->m_.Count(cache, "shared_caches"), batch);  // S: objects 0 .. batch-1
  EXPECT_EQ(this->m_.Count(cache, "free_shared"), 1u);
  const bool v4 = std::is_same_v<TypeParam, SlubQV4>;
  // V3 calls it slow, V4 only what ended in the slabs.
  EXPECT_EQ(this->m_.Count(cache, "free_slowpath"), v4 ? 0u : 1u);
  const Placement there = this->m_.AllocWithPath(1, cache);
  EXPECT_EQ(this->m_.Path(there.path), "alloc from shared");
  EXPECT_EQ(there.object, objects[batch - 1]);  // The newest first.
  EXPECT_EQ(this->m_.Count(cache, "alloc_shared"), 1u);
  // Another last-level cache knows nothing of it.
  EXPECT_NE(this->m_.Path(this->m_.AllocWithPath(2, cache).path), "alloc from shared");
  EXPECT_EQ(this->m_.model().QueueBlocks().empty(), false);
}

TEST(SlubQSharedTest, WhoIsAloneSharesByNodeInV3AndWithTheOthersInV4) {
  QueueMachine<SlubQV3> v3({.cpus = 4, .nodes = 2, .cpus_per_domain = 1});
  QueueMachine<SlubQV4> v4({.cpus = 4, .nodes = 2, .cpus_per_domain = 1});
  for (const auto& blocks : {v3.model().QueueBlocks(), v4.model().QueueBlocks()}) {
    EXPECT_FALSE(blocks.empty());
  }
  QueueMachine<SlubQV3> single({.cpus = 1, .nodes = 1});
  EXPECT_TRUE(single.model().QueueBlocks().empty());
}

TYPED_TEST(SlubQTest, TheBatchIsBetweenFourAndTheQueue) {
  const CacheId cache = this->MakeCache(20);
  EXPECT_TRUE(this->m_.Tune(cache, "cpu_batch_size", 20).ok());
  EXPECT_TRUE(this->m_.Tune(cache, "cpu_batch_size", 4).ok());
  EXPECT_FALSE(this->m_.Tune(cache, "cpu_batch_size", 3).ok());
  EXPECT_FALSE(this->m_.Tune(cache, "cpu_batch_size", 21).ok());
}

}  // namespace
}  // namespace slablab
