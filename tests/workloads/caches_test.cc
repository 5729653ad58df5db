// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Caches of a recording are laid out as its events and slabinfo say, in every model.

#include "workloads/caches.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "allocators/common/slub_geometry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TraceCache Seen(const std::string& name, uint32_t bytes_req, uint32_t bytes_alloc) {
  TraceCache cache;
  cache.name = name;
  cache.object_size = bytes_req;
  cache.slab_size = bytes_alloc;
  return cache;
}

TraceSidecar SlabinfoOfSlab(const std::string& lines) {
  return {.name = "slabinfo.after", .contents = absl::StrCat("slabinfo - version: 2.1\n", lines)};
}

class CachesTest : public ::testing::TestWithParam<std::string> {
 protected:
  CachesTest() : m_(GetParam(), {}) {}

  std::vector<CacheId> CachesOf(const TraceHeader& trace) {
    absl::StatusOr<std::vector<CacheId>> caches =
        FindOrCreateCaches(trace, m_.machine(), m_.allocator());
    EXPECT_TRUE(caches.ok()) << caches.status();
    return caches.ok() ? *caches : std::vector<CacheId>(trace.caches.size(), kNoCache);
  }

  AllocatorMachine m_;
};

// Every size, and every slot that a kernel can have made of it.
TEST_P(CachesTest, ObjectsLieAsFarApartAsRecorded) {
  TraceHeader trace;
  for (uint32_t bytes : {16u, 20u, 56u, 96u, 100u, 224u, 396u, 712u, 1000u, 3000u}) {
    const uint32_t words = (bytes + 7) / 8 * 8;
    std::vector<uint32_t> slots = {words, words + 8, words + 104};
    for (uint32_t align = 16; align <= 256; align *= 2) {
      slots.push_back((words + align - 1) / align * align);
    }
    for (uint32_t slot : slots) {
      trace.caches.push_back(
          Seen(absl::StrCat("c-", trace.caches.size(), "-", bytes), bytes, slot));
    }
  }
  const std::vector<CacheId> caches = CachesOf(trace);
  for (size_t i = 1; i < caches.size(); ++i) {
    const CacheLayout layout = m_.allocator().Layout(caches[i]);
    EXPECT_EQ(layout.slab_size, trace.caches[i].slab_size) << layout.name;
    EXPECT_EQ(layout.object_size, trace.caches[i].object_size) << layout.name;
    EXPECT_LE(uint64_t{layout.objects_per_slab} * layout.slab_size, kPageSize << layout.order);
  }
}

TEST_P(CachesTest, AFileIsInASlotOf256Bytes) {
  TraceHeader trace;
  trace.caches.push_back(Seen("filp", 224, 256));
  const std::vector<CacheId> caches = CachesOf(trace);
  const CacheLayout layout = m_.allocator().Layout(caches[1]);
  EXPECT_EQ(layout.slab_size, 256u);
  EXPECT_EQ(layout.align, 64u);
  EXPECT_LE(layout.objects_per_slab >> layout.order, 16u);
  const std::vector<std::string> said = GeometrySentences(trace, caches, m_.allocator());
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_THAT(said[0], AllOf(HasSubstr("aligned"), HasSubstr("1, namely filp (224 bytes in 256)")));
}

// What cannot be made is counted and said, not guessed.
TEST_P(CachesTest, SlotsThatNoKernelOfOursMakesAreSaid) {
  TraceHeader trace;
  trace.caches.push_back(Seen("of-32-bits", 36, 36));  // Words are of eight bytes here.
  const std::vector<CacheId> caches = CachesOf(trace);
  const std::vector<std::string> said = GeometrySentences(trace, caches, m_.allocator());
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_THAT(said[0], AllOf(HasSubstr("other slots"), HasSubstr("of-32-bits (40 instead of 36")));
  trace.caches = {TraceCache(), Seen("plain", 64, 64)};
  EXPECT_THAT(GeometrySentences(trace, CachesOf(trace), m_.allocator()), IsEmpty());
}

TEST_P(CachesTest, AHugeSlotIsNoReasonToRefuseTheTrace) {
  TraceHeader trace;
  trace.caches.push_back(Seen("huge", 64, 0xffffffff));
  const std::vector<CacheId> caches = CachesOf(trace);
  EXPECT_EQ(m_.allocator().Layout(caches[1]).slab_size, 64u);
  EXPECT_THAT(GeometrySentences(trace, caches, m_.allocator()), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(EveryModel, CachesTest, ::testing::ValuesIn(TestedModels()),
                         [](const auto& info) { return TestName(info.param); });

// 96 bytes in 104: the free pointer is behind the object, in a kernel of SLUB. SLAB has none.
TEST(SpecOfTest, TheFreePointerIsBehindWhatHasAConstructor) {
  EXPECT_TRUE(SpecOf(Seen("anon_vma", 96, 104), std::nullopt).has_constructor);
  EXPECT_FALSE(SpecOf(Seen("shmem_inode_cache", 712, 720), std::nullopt).has_constructor);
  EXPECT_EQ(SpecOf(Seen("shmem_inode_cache", 712, 720), std::nullopt).align, 16u);
  TraceHeader trace;
  trace.sidecars.push_back(
      SlabinfoOfSlab("anon_vma 32 39 104 39 1 : tunables 120 60 8 : slabdata 1 1 0\n"));
  EXPECT_FALSE(SpecOf(Seen("anon_vma", 96, 104), SlabinfoOf(trace)).has_constructor);
}

// Without sysfs, the kernel's source says whose slabs wait for a grace period: by name and kernel.
TEST(SpecOfTest, WhatIsTypesafeIsKnownByName) {
  EXPECT_TRUE(SpecOf(Seen("anon_vma", 96, 104), std::nullopt, "6.1.192").typesafe_by_rcu);
  EXPECT_TRUE(SpecOf(Seen("tw_sock_TCPv6", 248, 256), std::nullopt, "6.12.1").typesafe_by_rcu);
  EXPECT_TRUE(SpecOf(Seen("bio-264", 264, 320), std::nullopt, "7.3.4").typesafe_by_rcu);
  EXPECT_FALSE(SpecOf(Seen("filp", 232, 256), std::nullopt, "6.1.192").typesafe_by_rcu);
  EXPECT_TRUE(SpecOf(Seen("filp", 184, 192), std::nullopt, "6.12.1").typesafe_by_rcu);
  EXPECT_FALSE(SpecOf(Seen("dentry", 192, 192), std::nullopt, "7.3.4").typesafe_by_rcu);
  EXPECT_FALSE(SpecOf(Seen("anon_vma", 96, 104), std::nullopt, "3.17.0").typesafe_by_rcu);
  EXPECT_FALSE(SpecOf(Seen("anon_vma", 96, 104), std::nullopt).typesafe_by_rcu) << "which kernel?";
  // There is no room for the free pointer but in the object.
  EXPECT_EQ(SpecOf(Seen("filp", 192, 192), std::nullopt, "6.12.1").free_pointer_offset, 0);
  TraceCache cache = Seen("anon_vma", 96, 104);
  cache.align = 8;  // sysfs stood beside it, and does not say so
  EXPECT_FALSE(SpecOf(cache, std::nullopt, "6.1.192").typesafe_by_rcu);
}

TEST(SpecOfTest, WhatIsAccountedIsKnownByName) {
  EXPECT_TRUE(SpecOf(Seen("dentry", 192, 192), std::nullopt).account);
  EXPECT_TRUE(SpecOf(Seen("ext4_inode_cache", 1000, 1000), std::nullopt).account);
  EXPECT_FALSE(SpecOf(Seen("buffer_head", 104, 104), std::nullopt).account);
}

TEST_P(CachesTest, WhatIsTakenToBeTypesafeIsSaidAndCounted) {
  TraceHeader trace;
  trace.kernel_release = "6.1.192";
  trace.caches = {TraceCache(), Seen("anon_vma", 96, 104), Seen("jbd2_journal_head", 120, 128)};
  const std::vector<std::string> sentences =
      GeometrySentences(trace, CachesOf(trace), m_.allocator());
  ASSERT_FALSE(sentences.empty());
  EXPECT_THAT(sentences.front(), HasSubstr("after a grace period"));
  EXPECT_THAT(sentences.front(), HasSubstr("Linux 6.1.192"));
  EXPECT_THAT(sentences.front(), HasSubstr(": 2, namely anon_vma, jbd2_journal_head."));
}

// Where sysfs stood beside the recording, the model's own rules say how far apart objects lie.
TEST(SpecOfTest, KnownFlagsAreNotSecondGuessed) {
  TraceCache cache = Seen("shmem_inode_cache", 712, 720);
  cache.align = 8;
  cache.has_constructor = true;
  EXPECT_EQ(SpecOf(cache, std::nullopt).slot_size, 0u);
  cache.slab_size = 832;  // With red zones and owners.
  EXPECT_EQ(SpecOf(cache, std::nullopt).slot_size, 832u);
}

// Without /sys/kernel/slab of a kernel with sheaves beside it, a recording does not say which
// caches ask for some; 6.18 gives none to those that do not.
TEST(SheavesTest, CachesThatAskForSomeAreKnownByName) {
  TraceHeader trace;
  trace.caches = {TraceCache(), Seen("maple_node", 256, 256), Seen("other", 256, 256)};
  for (const auto& [model, asked] : {std::pair("slub-6.12", 0u), {"slub-6.18", 32u}}) {
    AllocatorMachine m(model, {});
    const auto caches = FindOrCreateCaches(trace, m.machine(), m.allocator());
    ASSERT_TRUE(caches.ok()) << caches.status();
    EXPECT_EQ(m.allocator().Layout((*caches)[1]).sheaf_capacity, asked) << model;
    EXPECT_EQ(m.allocator().Layout((*caches)[2]).sheaf_capacity, 0u) << model;
    const std::vector<std::string> said = GeometrySentences(trace, *caches, m.allocator());
    if (asked == 0) {
      EXPECT_THAT(said, IsEmpty()) << model;
    } else {
      EXPECT_THAT(said, ElementsAre(HasSubstr("1, namely maple_node (32 objects)"))) << model;
    }
  }
}

TEST(SlabinfoTest, OtherSlabsThanItSaysAreSaid) {
  AllocatorMachine m("slub-6.1", {});
  TraceHeader trace;
  trace.caches.push_back(Seen("filp", 224, 256));
  trace.sidecars.push_back(
      SlabinfoOfSlab("filp 1 16 256 7 1 : tunables 120 60 8 : slabdata 1 1 0\n"));
  const auto caches = FindOrCreateCaches(trace, m.machine(), m.allocator());
  ASSERT_TRUE(caches.ok());
  const std::vector<std::string> said = GeometrySentences(trace, *caches, m.allocator());
  ASSERT_THAT(said, SizeIs(2));
  EXPECT_THAT(said[1], AllOf(HasSubstr("other slabs"), HasSubstr("instead of 7 in 1")));
}

}  // namespace
}  // namespace slablab
