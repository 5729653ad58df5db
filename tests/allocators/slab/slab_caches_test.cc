// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLAB's caches and boot, in both eras.

#include <set>
#include <string>
#include <vector>

#include "allocators/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/slab_machine.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SlabCachesTest : public ::testing::TestWithParam<const SlabPolicy*> {
 protected:
  SlabCachesTest() : m_({.cpus = 4, .nodes = 2}, *GetParam()) {}
  ~SlabCachesTest() override { m_.model().CheckInvariants(); }
  bool IsOf61() const { return GetParam() == &kSlabPolicy61; }
  SlabMachine m_;
};

INSTANTIATE_TEST_SUITE_P(Eras, SlabCachesTest, ::testing::Values(&kSlabPolicy61, &kSlabPolicy2014),
                         [](const auto& info) {
                           return info.param == &kSlabPolicy61 ? "Of61" : "Of2014";
                         });

// "This simplifies the initialization step" (the message of the patch between the eras).
TEST(SlabBootTest, ThePatchTookAStateFromTheBoot) {
  const auto states = [](const SlabPolicy& policy) {
    SlabMachine m({}, policy);
    const absl::Span<const std::string_view> states = m.model().boot_states();
    return std::vector<std::string_view>(states.begin(), states.end());
  };
  EXPECT_THAT(states(kSlabPolicy2014),
              ElementsAre("DOWN", "PARTIAL", "PARTIAL_ARRAYCACHE", "PARTIAL_NODE", "UP", "FULL"));
  const auto fewer = ElementsAre("DOWN", "PARTIAL", "PARTIAL_NODE", "UP", "FULL");
  EXPECT_THAT(states(kSlabPolicy2014Percpu), fewer);
  EXPECT_THAT(states(kSlabPolicy61), fewer);
}

TEST(SlabBootTest, TheFirstCachesAreMadeInTheKernelsOrder) {
  SlabMachine now({}, kSlabPolicy61);
  EXPECT_EQ(now.model().FindCache("kmem_cache").value(), 0);
  EXPECT_EQ(now.model().FindCache("kmalloc-128").value(), 1);  // node structures
  EXPECT_EQ(now.model().FindCache("kmalloc-32").value(), 2);
  SlabMachine then({}, kSlabPolicy2014);
  EXPECT_EQ(then.model().FindCache("kmalloc-32").value(), 1);  // arrays of one object
  EXPECT_EQ(then.model().FindCache("kmalloc-128").value(), 2);
  EXPECT_EQ(then.model().FindCache("kmalloc-64").value(), 3);
}

}  // namespace

// Has SLAB make an array for a CPU, whatever state the boot is in.
class SlabBootPeer {
 public:
  static Task<void> MakeArray(SlabAllocator& slab, Cpu& cpu) {
    CpuArrays arrays(1);
    arrays.limit = 1;
    arrays.batch_count = 1;
    const bool done = co_await slab.AllocArray(cpu, arrays, cpu.id(), kGfpNoWait);
    EXPECT_TRUE(done);
    co_await slab.FreeArray(cpu, arrays.arrays[cpu.id().index()]);
  }
};

namespace {

// The chicken and the egg of 2014: an array is kmalloc'ed, and what kmalloc takes from has arrays.
TEST(SlabBootDeathTest, AnArrayBeforeItsSizeClassIsACheck) {
  Machine machine(ReferenceMachine({}));
  SlabAllocator slab(machine, {}, kSlabPolicy2014);
  const auto make_array = [&] {
    machine.scheduler().RunOn(CpuId(0),
                              [&](Cpu& cpu) { return SlabBootPeer::MakeArray(slab, cpu); });
  };
  EXPECT_DEATH(make_array(), "CHECK.*state_ >= BootState::kPartialArrayCache");
  machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return slab.Boot(cpu); });
  make_array();
  slab.CheckInvariants();
}

TEST(SlabBootDeathTest, NothingElseIsThereBeforeTheBootIsThrough) {
  for (const SlabPolicy* policy : {&kSlabPolicy61, &kSlabPolicy2014}) {
    Machine machine(ReferenceMachine({}));
    SlabAllocator slab(machine, {}, *policy);
    const auto kmalloc = [&] {
      machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
        co_await slab.Kmalloc(cpu, CpuArray::BytesFor(1), kGfpNoWait, kAnyNode);
      });
    };
    EXPECT_DEATH(kmalloc(), "kNoCache");
    const auto create = [&] {
      machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
        (void)co_await slab.CreateCache(cpu, {.name = "early", .object_size = 64});
      });
    };
    EXPECT_DEATH(create(), "kFull");
  }
}

TEST_P(SlabCachesTest, KmallocServesFromTheSmallestClassThatFits) {
  const std::pair<uint64_t, std::string_view> classes[] = {
      {1, "kmalloc-32"},    {32, "kmalloc-32"},   {33, "kmalloc-64"},   {65, "kmalloc-96"},
      {97, "kmalloc-128"},  {129, "kmalloc-192"}, {193, "kmalloc-256"}, {1025, "kmalloc-2k"},
      {4096, "kmalloc-4k"}, {8192, "kmalloc-8k"}};
  for (const auto& [bytes, name] : classes) {
    const PhysAddr object = m_.Kmalloc(0, bytes).object;
    EXPECT_EQ(m_.model().Locate(object).cache, m_.model().FindCache(name)) << bytes;
    EXPECT_EQ(m_.Kfree(0, object), "free fast hit");
  }
}

TEST_P(SlabCachesTest, SizeClassesAreAlignedToLines) {
  EXPECT_EQ(m_.model().Layout(m_.model().FindCache("kmalloc-96")).slab_size, 128u);
  EXPECT_EQ(m_.model().Layout(m_.model().FindCache("kmalloc-192")).slab_size, 192u);
}

TEST_P(SlabCachesTest, BeyondTheClassesAreWholePagesAndNothingIsNothing) {
  // In 2014 the largest class is the largest block that there is.
  const bool has_class = !IsOf61();
  const Placement large = m_.Kmalloc(0, 8193);
  EXPECT_EQ(m_.Path(large.path), has_class ? "alloc new slab" : "alloc large");
  EXPECT_EQ(m_.model().TotalFootprint().large_bytes, has_class ? 0u : 16384u);
  EXPECT_EQ(m_.Kfree(1, large.object), has_class ? "free fast hit" : "free large");
  EXPECT_EQ(m_.model().TotalFootprint().large_bytes, 0u);
  EXPECT_TRUE(m_.Kmalloc(0, uint64_t{1} << 23).object.is_null());
  EXPECT_EQ(m_.Kfree(0, m_.Kmalloc(0, 0).object), "free of null");
  EXPECT_EQ(m_.Kfree(0, PhysAddr()), "free of null");
}

// A list outside the slab is an object of a size class, and goes with its slab.
TEST_P(SlabCachesTest, ListsOutsideTheirSlabsComeAndGoWithThem) {
  const CacheId cache =
      m_.Create({.name = "x", .object_size = 256, .has_constructor = true, .no_merge = true})
          .value();
  const CacheId lists = m_.model().FindCache("kmalloc-32");
  const uint64_t before = m_.model().FootprintOf(lists).objects;
  const std::vector<PhysAddr> o = m_.AllocMany(0, cache, 64);  // Four slabs of 16.
  EXPECT_EQ(m_.model().FootprintOf(lists).objects, before + 4);
  m_.FreeAll(0, cache, o);
  m_.Shrink(0, cache);
  EXPECT_EQ(m_.model().FootprintOf(lists).objects, before);
}

TEST_P(SlabCachesTest, TheFirstObjectsPlaceChangesFromSlabToSlab) {
  const CacheId cache =
      m_.Create({.name = "x", .object_size = 640, .no_merge = true}).value();  // 6 a slab, 256 left
  EXPECT_TRUE(m_.Tune(cache, {1, 1, 0}).ok());
  std::vector<uint64_t> firsts;
  for (int i = 0; i < 5; ++i) firsts.push_back(m_.OffsetOf(m_.AllocMany(0, cache, 6).front()));
  if (IsOf61()) {
    // The node's last colour is advanced before it is used.
    EXPECT_THAT(firsts, ElementsAre(64, 128, 192, 0, 64));
  } else {
    // The list of eight bytes lies in front, behind the colour.
    EXPECT_THAT(firsts, ElementsAre(8, 72, 136, 8, 72));
  }
}

// A new CPU's node limit is computed while the CPU is not yet counted, so what a CPU that goes
// takes does not come back with it.
TEST_P(SlabCachesTest, ACpuThatComesBackDoesNotRaiseTheLimitAgain) {
  const auto kept = [this](CacheId cache) {
    m_.FreeAll(0, cache, m_.AllocMany(0, cache, 60));
    return m_.Count(cache, "num_objs") - m_.Count(cache, "active_objs");
  };
  const CacheId cache = m_.MakeCache("x");
  EXPECT_TRUE(m_.Tune(cache, {4, 4, 0}).ok());
  EXPECT_EQ(kept(cache), 16u);  // (1 + 2) * 4 + 4
  m_.TakeOffLine(1);
  EXPECT_EQ(kept(cache), 12u);
  m_.BringOnLine(1);
  EXPECT_EQ(kept(cache), 12u);
  EXPECT_TRUE(m_.Tune(cache, {4, 4, 0}).ok());
  EXPECT_EQ(kept(cache), 16u);
}

TEST_P(SlabCachesTest, ImpossibleCachesAndTunablesAreRefused) {
  EXPECT_FALSE(m_.Create({.name = "zero", .object_size = 0}).ok());
  EXPECT_FALSE(m_.Create({.name = "", .object_size = 8}).ok());
  const CacheId cache = m_.MakeCache("x");
  EXPECT_THAT(std::string(m_.Create({.name = "x", .object_size = 8}).status().message()),
              HasSubstr("'x'"));
  absl::Status status;
  m_.Run(0, [&](Cpu& cpu) -> Task<void> {
    status = co_await m_.model().Tune(cpu, cache, "colour", 1);
  });
  EXPECT_THAT(std::string(status.message()), HasSubstr("colour"));
  // More than the largest area, or block, there is.
  EXPECT_EQ(m_.Tune(cache, {100'000'000, 1, 0}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(m_.Tune(cache, {2000, 2000, 2'000'000'000}).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_P(SlabCachesTest, ManyCachesComeAndGoWithoutATrace) {
  // Free slabs that the size classes keep may have lists in other size classes.
  const auto shrink_all = [this] {
    for (int i = m_.model().cache_count() - 1; i >= 0; --i) {
      if (!m_.model().State(CacheId(i)).empty()) m_.Shrink(0, CacheId(i));
    }
  };
  shrink_all();
  const uint64_t objects = m_.model().TotalFootprint().objects;
  const uint64_t percpu = m_.model().TotalFootprint().percpu_bytes;
  std::vector<CacheId> caches;
  for (int i = 0; i < 100; ++i) {
    caches.push_back(m_.Create({.name = "c" + std::to_string(i),
                                .object_size = 50u + 40u * static_cast<uint32_t>(i),
                                .no_merge = true})
                         .value());
    for (int cpu = 0; cpu < 4; ++cpu) m_.Free(cpu, caches.back(), m_.Alloc(cpu, caches.back()));
  }
  m_.model().CheckInvariants();
  if (IsOf61()) {
    EXPECT_GT(m_.model().TotalFootprint().percpu_bytes, percpu);
  } else {
    EXPECT_EQ(m_.model().TotalFootprint().percpu_bytes, 0u);
  }
  for (CacheId cache : caches) m_.Destroy(cache);
  shrink_all();
  EXPECT_EQ(m_.model().TotalFootprint().objects, objects);
  EXPECT_EQ(m_.model().TotalFootprint().percpu_bytes, percpu);
}

// An array of the default limit: 16 bytes and 120 pointers, for every possible CPU.
TEST(SlabFootprintTest, ArraysCostWhatTheirLimitsSay) {
  SlabMachine m({.cpus = 4, .nodes = 2});
  const CacheId small = m.Create({.name = "small", .object_size = 64, .no_merge = true}).value();
  EXPECT_EQ(m.model().FootprintOf(small).percpu_bytes, 4u * 976);
  const CacheId large = m.Create({.name = "large", .object_size = 8192, .no_merge = true}).value();
  EXPECT_EQ(m.model().FootprintOf(large).percpu_bytes, 4u * 80);
  EXPECT_TRUE(m.Tune(small, {8, 4, 0}).ok());
  EXPECT_EQ(m.model().FootprintOf(small).percpu_bytes, 4u * 80);
}

TEST(SlabMergeTest, OnlyCachesOfFittingAlignmentAreMerged) {
  SlabMachine m({.allocator = {.merge_caches = true}});
  const CacheId a = m.Create({.name = "a", .object_size = 200}).value();
  EXPECT_EQ(m.Create({.name = "b", .object_size = 196}).value(), a);
  EXPECT_NE(m.Create({.name = "c", .object_size = 192}).value(), a);
  // 192 bytes aligned to 64 would fit into 192 + 8, but not where these lie.
  const CacheId d = m.Create({.name = "d", .object_size = 256, .align = 8}).value();
  EXPECT_NE(m.Create({.name = "e", .object_size = 256, .align = 64}).value(), d);
  m.Destroy(a);  // "a" and "b" were two users.
  EXPECT_EQ(m.model().FindCache("a"), a);
  m.Destroy(a);
  EXPECT_EQ(m.model().FindCache("a"), kNoCache);
  m.model().CheckInvariants();
}

TEST(SlabStatisticsTest, InMemoryTheyCostWhatSharedAtomicsCost) {
  const auto cycles_of_a_hit = [](const AllocatorOptions& options) {
    SlabMachine m({.cpus = 2, .nodes = 1, .allocator = options});
    const CacheId cache = m.MakeCache("x");
    m.AllocMany(0, cache, 3);
    m.AllocMany(1, cache, 3);
    uint64_t atomics = 0;
    m.Run(0, [&](Cpu& cpu) -> Task<void> {
      cpu.CountTouches();
      co_await m.model().Alloc(cpu, cache, kGfpKernel, kAnyNode);
      atomics = cpu.counts().atomics;
    });
    return atomics;
  };
  EXPECT_EQ(cycles_of_a_hit({}), 0u);
  EXPECT_EQ(cycles_of_a_hit({.quirks = {"statistics-in-memory"}}), 1u);
  SlabMachine without({.allocator = {.statistics = false}});
  EXPECT_TRUE(without.model().Counters(CacheId(0)).empty());
}

TEST(SlabRegistryTest, BothErasAreThere) {
  Machine machine(ReferenceMachine({}));
  EXPECT_EQ((*MakeAllocator("slab", machine, {}))->name(), "slab");
  Machine other(ReferenceMachine({}));
  EXPECT_EQ((*MakeAllocator("slab-2014", other, {}))->name(), "slab-2014");
  Machine between(ReferenceMachine({}));
  EXPECT_EQ((*MakeAllocator("slab-2014-percpu", between, {}))->name(), "slab-2014-percpu");
}

}  // namespace
}  // namespace slablab
