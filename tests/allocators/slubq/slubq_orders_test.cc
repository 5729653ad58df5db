// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The orders in which SLUB+Q works through slabs and lists, and where V3 and V4 differ in them. V2
// is as V3 in those that it has. Drawn as in slubq_test.cc.

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "allocators/common/slub_geometry.h"
#include "gtest/gtest.h"
#include "sim/core/scheduler.h"
#include "sim/pages/page_frames.h"
#include "tests/allocators/slubq_machine.h"

namespace slablab {
namespace {

template <typename Model>
constexpr bool kIsV4 = std::is_same_v<Model, SlubQV4>;

// Flushes what CPU `dead` has queued, in the queue's order, keeping empty slabs.
template <typename Model>
void Flush(QueueMachine<Model>& m, int dead) {
  m.machine().scheduler().SetOnline(CpuId(dead), false);
  m.Run(0, [&](Cpu& cpu) { return m.model().CpuDead(cpu, CpuId(dead)); });
  m.machine().scheduler().SetOnline(CpuId(dead), true);
}

// Full slabs of four objects, and nothing in any queue.
template <typename Model>
std::vector<std::vector<PhysAddr>> FullSlabs(QueueMachine<Model>& m, CacheId cache, size_t slabs) {
  std::vector<PhysAddr> objects;
  while (objects.size() < slabs * 4 || m.Count(cache, "per_cpu_caches") > 0) {
    objects.push_back(m.Alloc(0, cache));
  }
  std::vector<std::vector<PhysAddr>> full;
  for (PhysAddr object : objects) {
    const auto same = [&](const std::vector<PhysAddr>& slab) {
      return m.SlabOf(slab[0]) == m.SlabOf(object);
    };
    const auto at = std::find_if(full.begin(), full.end(), same);
    std::vector<PhysAddr>& slab = at == full.end() ? full.emplace_back() : *at;
    slab.push_back(object);
  }
  // The last one may have objects that nobody took.
  full.resize(slabs);
  for (const std::vector<PhysAddr>& slab : full) EXPECT_EQ(slab.size(), 4u);
  return full;
}

template <typename Model>
class SlubQOrdersTest : public ::testing::Test {
 protected:
  ~SlubQOrdersTest() override { m_.model().CheckInvariants(); }
  // No shared queues: objects of 8 KiB have none in V4, and CPUs none in V3 once they are removed.
  QueueMachine<Model> m_{{.cpus = 2, .nodes = 1, .allocator = {.quirks = {"zone-dma-off"}}}};
};
TYPED_TEST_SUITE(SlubQOrdersTest, Versions);

// What is asked of V2, too.
template <typename Model>
class SlubQSlabOrdersTest : public SlubQOrdersTest<Model> {};
TYPED_TEST_SUITE(SlubQSlabOrdersTest, AllVersions);

// --- Refilling. ---

// N0 [u...] [u...], batches of 2. V3 puts what is left of a slab behind the other, V4 in front.
TYPED_TEST(SlubQSlabOrdersTest, WhatARefillLeavesOfASlabIsLastInV3AndFirstInV4) {
  auto& m = this->m_;
  const CacheId cache = m.MakeCache(4);
  const auto slabs = FullSlabs(m, cache, 2);
  for (size_t i = 1; i < 4; ++i) {
    for (const auto& slab : slabs) m.Free(1, cache, slab[i]);
  }
  Flush(m, 1);
  m.Shrink(0, cache);  // N0 [u...] [u...]
  ASSERT_GE(m.Count(cache, "partial"), 2u);
  const uint64_t first = m.SlabOf(m.Alloc(0, cache));  // [uuq.]  C0 1
  EXPECT_EQ(m.SlabOf(m.Alloc(0, cache)), first);       // [uuu.]  C0 0
  // The next batch, the last refilled popped first.
  const std::vector<uint64_t> next = {m.SlabOf(m.Alloc(0, cache)), m.SlabOf(m.Alloc(0, cache))};
  if (kIsV4<TypeParam>) {
    EXPECT_NE(next[0], first);  // [uuuq] [uuu.]
    EXPECT_EQ(next[1], first);  // [uuuu] [uu..]
  } else {
    EXPECT_NE(next[0], first);  // [uuu.] [uuq.]
    EXPECT_NE(next[1], first);  // [uuu.] [uuu.]
  }
}

// One lock for all of a refill from lists in V4; the list's and each slab's in V3.
TYPED_TEST(SlubQOrdersTest, ARefillTakesOneLockInV4) {
  auto& m = this->m_;
  const CacheId cache = m.MakeCache(8);  // batch 4
  EXPECT_TRUE(m.Tune(cache, "shared_queue_size", kIsV4<TypeParam> ? 0 : 4).ok());
  const auto slabs = FullSlabs(m, cache, 2);
  for (const auto& slab : slabs) {
    m.Free(1, cache, slab[0]);
    m.Free(1, cache, slab[1]);
  }
  m.Shrink(0, cache);  // N0 [..uu] [..uu]
  uint64_t locks = 0;
  m.Run(0, [&](Cpu& cpu) -> Task<void> {
    cpu.CountTouches();
    co_await m.model().Alloc(cpu, cache, kGfpKernel, kAnyNode);  // [uquu] [qquu]
    locks = cpu.counts().lock_acquisitions;
  });
  EXPECT_EQ(m.Count(cache, "per_cpu_caches"), 3u);
  // V3: for each slab the list's lock and its own.
  EXPECT_EQ(locks, kIsV4<TypeParam> ? 1u : 4u);
}

// V4 makes do with what the lists gave, be it one object; V3 makes the batch full from new slabs.
TYPED_TEST(SlubQSlabOrdersTest, NewSlabsAreMadeOnlyIfListsGaveNothingInV4) {
  auto& m = this->m_;
  const CacheId cache = m.MakeCache(8);  // batch 4
  const auto slabs = FullSlabs(m, cache, 1);
  m.Free(1, cache, slabs[0][2]);
  m.Shrink(0, cache);  // N0 [uu.u]
  const uint64_t before = m.Count(cache, "alloc_slab");
  const PhysAddr object = m.Alloc(0, cache);
  const bool v4 = kIsV4<TypeParam>;
  EXPECT_EQ(m.Count(cache, "alloc_slab") - before, v4 ? 0u : 1u);
  EXPECT_EQ(m.Count(cache, "per_cpu_caches"), v4 ? 0u : 3u);
  if (v4) {
    EXPECT_EQ(object, slabs[0][2]);  // [uuuu]
    return;
  }
  // [uuqu] [uqq.]: what was refilled last is popped first.
  for (int i = 0; i < 2; ++i) EXPECT_EQ(m.SlabOf(m.Alloc(0, cache)), m.SlabOf(object));
  EXPECT_EQ(m.Alloc(0, cache), slabs[0][2]);
}

// --- Draining. ---

// What lies side by side in the queue and in one slab is given back under one lock in V3; V4 keeps
// the node's lock as long as the slabs are of one node.
TYPED_TEST(SlubQSlabOrdersTest, ADrainMergesNeighboursOfOneSlab) {
  std::vector<uint64_t> locks;
  for (const bool alternating : {false, true}) {
    QueueMachine<TypeParam> m({.cpus = 1, .nodes = 1});
    const CacheId cache = m.MakeCache(8);  // batch 4
    const auto max = static_cast<size_t>(m.Count(cache, "cpu_queue_size"));
    const auto slabs = FullSlabs(m, cache, 2 + max);
    const PhysAddr a[] = {slabs[0][0], slabs[0][1]};
    const PhysAddr b[] = {slabs[1][0], slabs[1][1]};
    // C0 a a b b x x ..  or  C0 a b a b x x ..
    m.Free(0, cache, a[0]);
    m.Free(0, cache, alternating ? b[0] : a[1]);
    m.Free(0, cache, alternating ? a[1] : b[0]);
    m.Free(0, cache, b[1]);
    for (size_t i = 4; i < max; ++i) m.Free(0, cache, slabs[i][0]);
    m.Run(0, [&](Cpu& cpu) -> Task<void> {
      cpu.CountTouches();
      co_await m.model().Free(cpu, cache, slabs[2][0]);
      locks.push_back(cpu.counts().lock_acquisitions);
    });
    EXPECT_EQ(m.Count(cache, "per_cpu_caches"), max - 4 + 1);
    EXPECT_EQ(m.Count(cache, "free_add_partial"), 2u);  // N0 [..uu] [..uu]
    m.model().CheckInvariants();
  }
  if (kIsV4<TypeParam>) {
    EXPECT_EQ(locks, (std::vector<uint64_t>{1, 1}));
  } else {
    EXPECT_EQ(locks, (std::vector<uint64_t>{4, 6}));  // Two for the list, and one a run.
  }
}

// "if (nr_partial > min_partial)": SLUB has >= there, and would leave four.
TEST(SlubQOrdersV4Test, EmptySlabsGoWhileThereAreMoreThanMinPartial) {
  QueueMachine<SlubQV4> m({.cpus = 2, .nodes = 1});
  const CacheId cache = m.MakeCache(40);
  EXPECT_TRUE(m.Tune(cache, "min_partial", 5).ok());
  auto slabs = FullSlabs(m, cache, 7);
  for (size_t i = 0; i < 3; ++i) {
    for (const auto& slab : slabs) m.Free(1, cache, slab[i]);
  }
  Flush(m, 1);  // N0 [...u] x 7
  EXPECT_EQ(m.Count(cache, "partial"), 7u);
  for (const auto& slab : slabs) m.Free(1, cache, slab[3]);
  Flush(m, 1);  // N0 [....] x 5
  EXPECT_EQ(m.Count(cache, "partial"), 5u);
  m.model().CheckInvariants();
}

// --- Other nodes. ---

// N1 [u...] [u...]. One object for another node comes from the list's tail in V4, from its head in
// V3; a CPU of that node begins at the head.
TYPED_TEST(SlubQOrdersTest, ASingleObjectForAnotherNodeComesFromTheTailInV4) {
  QueueMachine<TypeParam> m({.cpus = 4, .nodes = 2});
  const CacheId cache = m.MakeCache(4);
  EXPECT_TRUE(m.Tune(cache, "alien_queue_size", 0).ok());
  std::vector<PhysAddr> objects;
  for (int i = 0; i < 8; ++i) objects.push_back(m.Alloc(0, cache, NodeId(1)));
  for (size_t i = 0; i < 8; ++i) {
    if (i % 4 != 0) m.Free(3, cache, objects[i]);
  }
  m.Shrink(0, cache);
  const Placement direct = m.AllocWithPath(0, cache, NodeId(1));
  EXPECT_EQ(m.Path(direct.path), "alloc from node");
  const bool v4 = kIsV4<TypeParam>;
  EXPECT_EQ(m.Count(cache, v4 ? "alloc_direct" : "alloc_remote"), 9u);
  const uint64_t head = m.SlabOf(m.Alloc(2, cache));
  if (v4) {
    EXPECT_NE(m.SlabOf(direct.object), head);
  } else {
    EXPECT_EQ(m.SlabOf(direct.object), head);
  }
  m.model().CheckInvariants();
}

// Who is alone with his last-level cache shares with the others of his node that are.
TYPED_TEST(SlubQOrdersTest, EachNodesLoneCpusShareOneQueue) {
  QueueMachine<TypeParam> m({.cpus = 4, .nodes = 2, .cpus_per_domain = 1});
  const CacheId cache = m.model().FindCache("kmalloc-2048");
  const std::string room = m.State(cache, "shared_caches");
  const uint64_t each = m.Count(cache, "shared_queue_size");
  EXPECT_EQ(room, "0(" + std::to_string(2 * each) + ")");
}

// cpuset.memory_spread_slab: objects from all nodes in turn, of the caches that are marked; a CPU's
// own queue has none of other nodes.
TYPED_TEST(SlubQOrdersTest, SpreadCachesTakeObjectsFromAllNodesInTurn) {
  QueueMachine<TypeParam> m({.cpus = 4, .nodes = 2, .allocator = {.spread_slab = true}});
  const CacheId spread =
      m.Create({.name = "spread", .object_size = 512, .mem_spread = true, .no_merge = true})
          .value();
  const CacheId plain = m.Create({.name = "plain", .object_size = 512, .no_merge = true}).value();
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(m.machine().NodeOf(m.Alloc(0, spread)), NodeId((i + 1) % 2)) << i;
    EXPECT_EQ(m.machine().NodeOf(m.Alloc(0, plain)), NodeId(0)) << i;
  }
  // A node that was named stays that.
  EXPECT_EQ(m.machine().NodeOf(m.Alloc(0, spread, NodeId(0))), NodeId(0));
  EXPECT_EQ(m.machine().NodeOf(m.Alloc(0, spread, NodeId(0))), NodeId(0));
  QueueMachine<TypeParam> off({.cpus = 4, .nodes = 2});
  const CacheId cache =
      off.Create({.name = "spread", .object_size = 512, .mem_spread = true, .no_merge = true})
          .value();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(off.machine().NodeOf(off.Alloc(0, cache)), NodeId(0));
}

// --- What V4 remembers of use. ---

TEST(SlubQOrdersV4Test, ASlowFreeClearsTheMarkSoThatExpiryDoesNotSpareTheQueue) {
  QueueMachine<SlubQV4> m({.cpus = 1, .nodes = 1});
  const CacheId cache = m.MakeCache(8);
  const auto max = static_cast<size_t>(m.Count(cache, "cpu_queue_size"));
  const auto slabs = FullSlabs(m, cache, max + 1);
  for (size_t i = 0; i < max; ++i) EXPECT_EQ(m.Free(0, cache, slabs[i][0]), "free fast");
  EXPECT_EQ(m.Free(0, cache, slabs[max][0]), "free drain");
  const uint64_t queued = m.Count(cache, "per_cpu_caches");
  // Level by level: the lists were touched by the drain and are spared, the queue is not.
  EXPECT_TRUE(m.Tune(cache, "expire", 0).ok());
  EXPECT_EQ(m.Count(cache, "per_cpu_caches"), queued - m.Count(cache, "batch_size"));
  m.model().CheckInvariants();
}

// --- The tunables' limits. ---

TEST(SlubQKnobsTest, EachVersionRefusesWhatItsFilesRefuse) {
  QueueMachine<SlubQV3> v3({.cpus = 4, .nodes = 2});
  QueueMachine<SlubQV4> v4({.cpus = 4, .nodes = 2});
  const CacheId c3 = v3.MakeCache(40, 512);
  const CacheId c4 = v4.MakeCache(40, 512);  // batch 20
  struct Row {
    std::string_view key;
    int64_t value;
    bool v3;
    bool v4;
  };
  for (const Row& row :
       {Row{"shared_queue_size", 0, false, true}, Row{"shared_queue_size", 19, true, false},
        Row{"shared_queue_size", 20, true, true}, Row{"shared_queue_size", 10'001, false, false},
        Row{"alien_queue_size", 1000, true, true}, Row{"alien_queue_size", 1001, true, false},
        Row{"alien_queue_size", -1, false, false}, Row{"alien_queue_size", 0, true, true},
        Row{"expire", 1, true, true}, Row{"expire", 2, false, false},
        Row{"expire", -2, false, false}, Row{"cpu_queue_size", 4, true, true},
        Row{"cpu_queue_size", 3, false, false}, Row{"shrink", 0, false, false},
        // What is there to be read.
        Row{"shared_caches", 1, false, false}, Row{"per_cpu_caches", 1, false, false},
        Row{"alien_caches", 1, false, false},
        // Counters can be cleared, each under its name; V4 has three more.
        Row{"alloc_fastpath", 0, true, true}, Row{"alloc_fastpath", 1, false, false},
        Row{"alloc_direct", 0, false, true}, Row{"free_direct", 0, false, true},
        Row{"alloc_alien", 0, false, true}, Row{"alloc_remote", 0, true, false}}) {
    EXPECT_EQ(v3.Tune(c3, row.key, row.value).ok(), row.v3) << row.key << " " << row.value;
    EXPECT_EQ(v4.Tune(c4, row.key, row.value).ok(), row.v4) << row.key << " " << row.value;
  }
  v3.model().CheckInvariants();
  v4.model().CheckInvariants();
}

std::vector<std::string> NamesOf(const std::vector<Figure>& figures) {
  std::vector<std::string> names;
  for (const Figure& figure : figures) names.push_back(figure.name);
  return names;
}

TEST(SlubQKnobsTest, CountersHaveTheirNamesInTheOrderOfEachVersion) {
  QueueMachine<SlubQV3> v3({.cpus = 1, .nodes = 1});
  QueueMachine<SlubQV4> v4({.cpus = 1, .nodes = 1});
  EXPECT_EQ(
      NamesOf(v3.model().Counters(v3.model().FindCache("kmalloc-64"))),
      (std::vector<std::string>{
          "alloc_fastpath", "alloc_slowpath", "free_fastpath", "free_slowpath", "free_add_partial",
          "free_remove_partial", "alloc_from_partial", "alloc_slab", "alloc_remote", "alloc_shared",
          "free_shared", "free_alien", "free_slab", "queue_flush", "order_fallback"}));
  EXPECT_EQ(NamesOf(v4.model().Counters(v4.model().FindCache("kmalloc-64"))),
            (std::vector<std::string>{
                "alloc_fastpath", "alloc_shared", "alloc_alien", "alloc_direct", "alloc_slowpath",
                "free_fastpath", "free_shared", "free_alien", "free_direct", "free_slowpath",
                "free_add_partial", "free_remove_partial", "alloc_from_partial", "alloc_slab",
                "free_slab", "queue_flush", "order_fallback"}));
}

// --- Geometry. ---

// min(64, 4 * (fls(nr_cpu_ids) + 1)): slabs of larger machines have no more than one word of map.
TEST(SlubQKnobsTest, SlabsAreSizedForAtMost64Objects) {
  const SlubRules rules{
      .free_link = SlubRules::FreeLink::kNone, .min_partial_halved = false, .min_objects_max = 64};
  const auto order = [](int cpus, const SlubRules& with) {
    return ComputeSlubGeometry({.object_size = 256, .align = 8},
                               {.present = cpus, .possible = cpus}, with)
        ->order;
  };
  EXPECT_EQ(order(1, rules), 0);      // 8 objects wanted, 16 fit
  EXPECT_EQ(order(16, rules), 1);     // 24 wanted
  EXPECT_EQ(order(1024, rules), 2);   // 48 wanted
  EXPECT_EQ(order(65536, rules), 2);  // 64 wanted
  SlubRules unlimited = rules;
  unlimited.min_objects_max = UINT32_MAX;
  EXPECT_EQ(order(65536, unlimited), 3);  // 72 wanted
  // Counts of objects have 32 bits.
  EXPECT_GT(ObjectsWithBitmap(kMaxPageOrder, 8), 65535u);
}

}  // namespace
}  // namespace slablab
