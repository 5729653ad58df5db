// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// kmalloc's size classes, as each kernel has them.

#include "allocators/common/kmalloc.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<std::string> NamesOf(const KmallocOptions& options, KmallocType type) {
  std::vector<std::string> names;
  for (const KmallocTable::Class& each : KmallocTable(options).Classes()) {
    if (each.type == type) names.push_back(each.name);
  }
  return names;
}

TEST(KmallocTest, SlubOf61HasClassesOfEightBytesToEightKib) {
  EXPECT_THAT(NamesOf({}, KmallocType::kReclaim),
              ElementsAre("kmalloc-rcl-8", "kmalloc-rcl-16", "kmalloc-rcl-32", "kmalloc-rcl-64",
                          "kmalloc-rcl-96", "kmalloc-rcl-128", "kmalloc-rcl-192", "kmalloc-rcl-256",
                          "kmalloc-rcl-512", "kmalloc-rcl-1k", "kmalloc-rcl-2k", "kmalloc-rcl-4k",
                          "kmalloc-rcl-8k"));
  EXPECT_EQ(KmallocTable(KmallocOptions()).Classes().size(), 4 * 13u);
  EXPECT_EQ(KmallocTable(KmallocOptions()).table_bytes(), KmallocTable::kTableBytes);
}

TEST(KmallocTest, SlabOf61HasNoneBelowThirtyTwoBytes) {
  EXPECT_THAT(NamesOf(kKmallocOfSlab, KmallocType::kNormal),
              ElementsAre("kmalloc-32", "kmalloc-64", "kmalloc-96", "kmalloc-128", "kmalloc-192",
                          "kmalloc-256", "kmalloc-512", "kmalloc-1k", "kmalloc-2k", "kmalloc-4k",
                          "kmalloc-8k"));
  EXPECT_EQ(KmallocTable(kKmallocOfSlab).Classes().size(), 4 * 11u);
}

// In the order of create_kmalloc_caches() of 3.17: 96 and 192 behind 64 and 128, and of the DMA
// caches, which are made by index, in front.
TEST(KmallocTest, SlabOf2014HasClassesToFourMibAndNoneForCgroupsOrReclaimableObjects) {
  std::vector<std::string> normal = {"kmalloc-32", "kmalloc-64", "kmalloc-96", "kmalloc-128",
                                     "kmalloc-192"};
  std::vector<std::string> dma = {"dma-kmalloc-96", "dma-kmalloc-192"};
  for (int size = 32; size <= 4 << 20; size *= 2) {
    dma.push_back("dma-kmalloc-" + std::to_string(size));
    if (size > 128) normal.push_back("kmalloc-" + std::to_string(size));
  }
  EXPECT_THAT(NamesOf(kKmallocOfSlab2014, KmallocType::kNormal), ElementsAreArray(normal));
  EXPECT_THAT(NamesOf(kKmallocOfSlab2014, KmallocType::kDma), ElementsAreArray(dma));
  EXPECT_EQ(KmallocTable(kKmallocOfSlab2014).Classes().size(), normal.size() + dma.size());
}

TEST(KmallocTest, SlubOf2010MakesTheOddSizesFirst) {
  EXPECT_THAT(NamesOf(kKmallocOfSlub2010, KmallocType::kNormal),
              ElementsAre("kmalloc-96", "kmalloc-192", "kmalloc-8", "kmalloc-16", "kmalloc-32",
                          "kmalloc-64", "kmalloc-128", "kmalloc-256", "kmalloc-512", "kmalloc-1024",
                          "kmalloc-2048", "kmalloc-4096", "kmalloc-8192"));
  EXPECT_EQ(KmallocTable(kKmallocOfSlub2010).Classes().size(), 2 * 13u);
}

// Every size around each class, with every flag that chooses a type: the smallest class of the
// type that the kernel has, and no two classes at one place of the table.
TEST(KmallocTest, EverySizeHasTheSmallestClassThatHoldsIt) {
  for (const KmallocOptions& options :
       {KmallocOptions(), kKmallocOfSlab, kKmallocOfSlab2014, kKmallocOfSlub2010}) {
    KmallocTable table(options);
    const std::vector<KmallocTable::Class> classes = table.Classes();
    std::map<KmallocType, std::map<uint64_t, CacheId>> of_type;  // by size
    for (size_t i = 0; i < classes.size(); ++i) {
      table.Set(classes[i], CacheId(static_cast<int32_t>(i)));
      of_type[classes[i].type][classes[i].size] = CacheId(static_cast<int32_t>(i));
    }
    const std::pair<Gfp, KmallocType> flags[] = {{Gfp::kNone, KmallocType::kNormal},
                                                 {Gfp::kReclaimable, KmallocType::kReclaim},
                                                 {Gfp::kAccount, KmallocType::kCgroup},
                                                 {Gfp::kDma, KmallocType::kDma}};
    for (const auto& [gfp, asked] : flags) {
      const KmallocType type = of_type.contains(asked) ? asked : KmallocType::kNormal;
      std::map<uint64_t, CacheId> by_offset;
      for (const KmallocTable::Class& each : classes) {
        for (const uint64_t bytes :
             {uint64_t{each.size} - 1, uint64_t{each.size}, uint64_t{each.size} + 1}) {
          if (bytes > table.size_max()) continue;
          const CacheId cache = table.CacheFor(bytes, gfp);
          EXPECT_EQ(cache, of_type[type].lower_bound(bytes)->second) << bytes;
          const uint64_t offset = table.OffsetFor(bytes, gfp);
          EXPECT_LT(offset, table.table_bytes());
          EXPECT_EQ(by_offset.try_emplace(offset, cache).first->second, cache) << bytes;
        }
      }
      EXPECT_EQ(of_type[type].rbegin()->first, table.size_max());
    }
  }
}

// CONFIG_RANDOM_KMALLOC_CACHES: the ordinary classes fifteen times more, behind them.
TEST(KmallocTest, CopiesAreOfOrdinaryClassesAndOnesCallerHasOne) {
  const KmallocTable plain{KmallocOptions()};
  KmallocTable table({.copies = "kmalloc-rnd-", .copy_seed = 1});
  const std::vector<KmallocTable::Class> classes = table.Classes();
  EXPECT_EQ(classes.size(), (4 + kKmallocCopies) * 13u);
  EXPECT_EQ(classes[12].name, "kmalloc-8k");
  EXPECT_EQ(classes[13].name, "kmalloc-rnd-01-8");
  EXPECT_EQ(classes[16 * 13 - 1].name, "kmalloc-rnd-15-8k");
  std::map<CacheId, std::string> names;
  for (size_t i = 0; i < classes.size(); ++i) {
    table.Set(classes[i], CacheId(static_cast<int32_t>(i)));
    names[CacheId(static_cast<int32_t>(i))] = classes[i].name;
  }
  std::map<CacheId, int> callers;
  for (uint32_t caller = 0; caller < 1000; ++caller) {
    const CacheId cache = table.CacheFor(64, Gfp::kNone, caller);
    ++callers[cache];
    EXPECT_EQ(table.CacheFor(64, Gfp::kNone, caller), cache);
    EXPECT_EQ(classes[static_cast<size_t>(cache.value())].size, 64u);
    EXPECT_LT(table.OffsetFor(64, Gfp::kNone, caller), table.table_bytes());
    EXPECT_EQ(names[table.CacheFor(64, Gfp::kAccount, caller)], "kmalloc-cg-64");
    EXPECT_EQ(names[table.CacheFor(64, Gfp::kReclaimable, caller)], "kmalloc-rcl-64");
  }
  EXPECT_EQ(callers.size(), 16u);
  for (const auto& [cache, count] : callers) EXPECT_GT(count, 1000 / 16 / 3) << names[cache];
  EXPECT_EQ(plain.table_bytes(), KmallocTable::kTableBytes);
}

TEST(KmallocTest, AKernelWithCopiesHasThemUnderItsOwnNames) {
  for (const auto& [name, copy] : {std::pair("slub-6.12", "kmalloc-rnd-15-8k"),
                                   std::pair("slub-7.1", "kmalloc-rnd-07-96"),
                                   std::pair("slub-7.3", "kmalloc-part-07-96")}) {
    AllocatorMachine with(name, {.allocator = {.quirks = {"kmalloc-copies"}}});
    EXPECT_NE(with.allocator().FindCache(copy), kNoCache) << name;
    EXPECT_EQ(AllocatorMachine(name).allocator().FindCache(copy), kNoCache) << name;
    std::map<CacheId, int> caches;
    for (uint32_t caller = 1; caller <= 64; ++caller) {
      PhysAddr object;
      with.Run(0, [&](Cpu& cpu) -> Task<void> {
        cpu.set_caller(caller);
        const Placement placement =
            co_await with.allocator().Kmalloc(cpu, 96, kGfpKernel, kAnyNode);
        object = placement.object;
      });
      ++caches[with.allocator().Locate(object).cache];
      with.Kfree(0, object);
    }
    EXPECT_GT(caches.size(), 8u) << name;
    with.allocator().CheckInvariants();
  }
}

// What later kernels give whole pages has a slab in 2014, up to the largest block that there is.
TEST(KmallocTest, SlabOf2014ServesFourMibFromASlab) {
  for (const char* name : {"slab-2014", "slab-2014-percpu"}) {
    AllocatorMachine model(name);
    const CacheId largest = model.allocator().FindCache("kmalloc-4194304");
    ASSERT_NE(largest, kNoCache) << name;
    EXPECT_EQ(model.allocator().Layout(largest).order, 10);
    for (const uint64_t bytes : {(8u << 10) + 1, 4u << 20}) {
      const PhysAddr object = model.Kmalloc(0, bytes).object;
      ASSERT_FALSE(object.is_null()) << name;
      EXPECT_NE(model.allocator().Locate(object).cache, kNoCache) << name << " " << bytes;
    }
    EXPECT_TRUE(model.Kmalloc(0, (4u << 20) + 1).object.is_null()) << name;
    EXPECT_EQ(model.allocator().TotalFootprint().large_blocks, 0u);
  }
}

// A trace of Linux 6.1 names its caches; they are found by what has their part.
TEST(KmallocTest, ModelsBefore420KnowTheLaterNames) {
  for (const char* name : {"slab-2014", "slub-2010"}) {
    AllocatorMachine model(name);
    const Allocator& allocator = model.allocator();
    for (const char* later : {"kmalloc-1k", "kmalloc-cg-1k", "kmalloc-rcl-1k"}) {
      EXPECT_EQ(allocator.FindCache(later), allocator.FindCache("kmalloc-1024")) << name;
    }
    EXPECT_NE(allocator.FindCache("kmalloc-1024"), kNoCache);
    EXPECT_EQ(allocator.FindCache("kmalloc-3k"), kNoCache);
  }
  AllocatorMachine now("slab");
  EXPECT_EQ(now.allocator().FindCache("kmalloc-1024"), kNoCache);
}

}  // namespace
}  // namespace slablab
