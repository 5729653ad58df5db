// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu/map.h"

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"
#include "sim/machine.h"

namespace slablab {
namespace {

constexpr int kBlock = PercpuMap::kBlockBits;

// A map on a machine of one CPU.
class MapOnMachine {
 public:
  explicit MapOnMachine(int pages, bool exact_free_hints = false) : machine_(ReferenceMachine({})) {
    const uint64_t bytes = PercpuMap::MetadataBytes(pages) + kPageSize;
    const PhysAddr base = machine_.boot_memory().Allocate(bytes, kPageSize, NodeId(0));
    for (uint64_t at = 0; at < bytes; at += kPageSize) metadata_.pages().push_back(base + at);
    map_ = std::make_unique<PercpuMap>(
        metadata_, 0, PercpuMap::Options{.pages = pages, .exact_free_hints = exact_free_hints});
  }
  PercpuMap& map() { return *map_; }
  Cpu& cpu() { return machine_.cpu(CpuId(0)); }

  // The area's first bit, or -1.
  int Alloc(int bits, int align = 1) {
    const PercpuMap::Need need = {.bits = bits, .align = align};
    const int from = map_->FindFit(cpu(), need, nullptr);
    return from < 0 ? -1 : map_->Take(cpu(), need, from).bit;
  }
  void Free(int bit) { map_->Give(cpu(), bit); }

 private:
  Machine machine_;
  PercpuMetadata metadata_;
  std::unique_ptr<PercpuMap> map_;
};

// Every area there is, and the free runs between them; knows nothing of hints.
class NaiveMap {
 public:
  explicit NaiveMap(int bits) : bits_(bits) {}
  bool IsFree(int bit, int bits) const {
    if (bit < 0 || bit + bits > bits_) return false;
    const auto behind = areas_.lower_bound(bit);
    if (behind != areas_.end() && behind->first < bit + bits) return false;
    return behind == areas_.begin() || std::prev(behind)->first + std::prev(behind)->second <= bit;
  }
  int FirstFit(int bits, int align) const {
    for (int bit = 0; bit + bits <= bits_; bit += align) {
      if (IsFree(bit, bits)) return bit;
    }
    return -1;
  }
  int FreeBits() const {
    int free = bits_;
    for (const auto& [bit, bits] : areas_) free -= bits;
    return free;
  }
  void Add(int bit, int bits) { areas_[bit] = bits; }
  void Remove(int bit) { areas_.erase(bit); }
  const std::map<int, int>& areas() const { return areas_; }

 private:
  const int bits_;
  std::map<int, int> areas_;
};

// Where neither alignment nor hints are in play, the map is first fit.
//
//   |aaaa|bbbb|cccc|....  ->  |aaaa|....|cccc|....  ->  |aaaa|dd..|cccc|....
TEST(PercpuMapTest, TheFirstGapThatFitsIsTaken) {
  MapOnMachine on(2);
  EXPECT_EQ(on.Alloc(16), 0);
  EXPECT_EQ(on.Alloc(16), 16);
  EXPECT_EQ(on.Alloc(16), 32);
  on.Free(16);
  EXPECT_EQ(on.Alloc(8), 16);
  EXPECT_EQ(on.Alloc(16), 48);
  on.Free(0);
  EXPECT_EQ(on.Alloc(1, 16), 0);
}

TEST(PercpuMapTest, NeighboursMergeAcrossPages) {
  MapOnMachine on(4);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(on.Alloc(kBlock / 2), i * kBlock / 2);
  EXPECT_EQ(on.Alloc(1), -1);
  on.Free(kBlock / 2);
  on.Free(3 * kBlock / 2);
  on.Free(kBlock);
  EXPECT_EQ(on.map().hints().contig, 3 * kBlock / 2);
  EXPECT_EQ(on.Alloc(3 * kBlock / 2), kBlock / 2);
}

TEST(PercpuMapTest, PagesThatBecomeFreeOrBegunAreCounted) {
  MapOnMachine on(4);
  const PercpuMap::Need wide = {.bits = 3 * kBlock};
  EXPECT_EQ(on.map().Take(on.cpu(), wide, 0).pages_begun, 3);
  EXPECT_EQ(on.map().Take(on.cpu(), {.bits = 1}, 3 * kBlock).pages_begun, 1);
  EXPECT_EQ(on.map().Give(on.cpu(), 0).pages_freed, 3);
  EXPECT_EQ(on.map().Give(on.cpu(), 3 * kBlock).pages_freed, 1);
}

// The kernel's own: freeing part of a page other than the first does not tell the chunk's hints, so
// that a run that begins in it is not found before the page is wholly free.
TEST(PercpuMapTest, AFreeWithinAPageBehindTheFirstDoesNotReachTheChunksHints) {
  MapOnMachine on(2);
  ASSERT_EQ(on.Alloc(kBlock), 0);
  ASSERT_EQ(on.Alloc(8), kBlock);
  ASSERT_EQ(on.Alloc(kBlock - 8), kBlock + 8);
  on.Free(kBlock);
  EXPECT_EQ(on.Alloc(8), -1);
  on.Free(kBlock + 8);
  EXPECT_EQ(on.Alloc(8), kBlock);

  MapOnMachine exact(2, /*exact_free_hints=*/true);
  ASSERT_EQ(exact.Alloc(kBlock), 0);
  ASSERT_EQ(exact.Alloc(8), kBlock);
  ASSERT_EQ(exact.Alloc(kBlock - 8), kBlock + 8);
  exact.Free(kBlock);
  EXPECT_EQ(exact.Alloc(8), kBlock);
}

// Whatever comes: areas are free, aligned and within the chunk, what hints claim is there, and what
// fits the largest run that they claim is found, unless they make the search begin within it.
TEST(PercpuMapTest, AgreesWithANaiveMap) {
  constexpr int kSizes[] = {1, 2, 3, 4, 8, 16, 34, 64, 100, 256, 700, 1024, 1500, 3000, 8192};
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    Random random(seed);
    const int pages = 1 + static_cast<int>(random.Below(24));
    MapOnMachine on(pages, /*exact_free_hints=*/seed % 2 == 0);
    NaiveMap naive(pages * kBlock);
    int missed = 0;
    for (int step = 0; step < 3000; ++step) {
      const bool grows = random.Chance(step / 500 % 2 == 0 ? 6 : 4, 10);
      if (grows || naive.areas().empty()) {
        const int bits = kSizes[random.Below(std::size(kSizes))];
        const int align = 1 << random.Below(random.Chance(1, 10) ? 11 : 4);
        const PercpuHints hints = on.map().hints();
        const int bit = on.Alloc(bits, align);
        if (bit < 0) {
          // Only the hints' own knowledge is owed; and if the run of `scan` has since grown into
          // that of `contig`, whose end it does not know, the search begins behind both.
          const bool begins_before = hints.SearchFrom(bits) <= hints.contig_start;
          EXPECT_FALSE(align == 1 && bits <= hints.contig && begins_before);
          missed += naive.FirstFit(bits, align) >= 0 ? 1 : 0;
          continue;
        }
        ASSERT_TRUE(naive.IsFree(bit, bits));
        ASSERT_EQ(bit % align, 0);
        naive.Add(bit, bits);
      } else {
        auto area = naive.areas().begin();
        std::advance(area, static_cast<ptrdiff_t>(random.Below(naive.areas().size())));
        const int bit = area->first;
        const PercpuMap::Given given = on.map().Give(on.cpu(), bit);
        ASSERT_EQ(given.bits, area->second);
        naive.Remove(bit);
      }
      on.map().CheckInvariants();
      int clear = 0;
      for (int bit = 0; bit < on.map().bits(); ++bit) {
        clear += on.map().allocated().Peek(bit) ? 0 : 1;
      }
      ASSERT_EQ(clear, naive.FreeBits());
    }
    EXPECT_LT(missed, 1500);
    while (!naive.areas().empty()) {
      const int bit = naive.areas().begin()->first;
      on.Free(bit);
      naive.Remove(bit);
    }
    EXPECT_EQ(on.map().hints().contig, pages * kBlock);
    EXPECT_EQ(on.map().hints().contig_start, 0);
  }
}

// An atomic search takes populated pages only.
//
//   pages  0    1    2    3
//          pop  -    pop  pop
TEST(PercpuMapTest, OnlyPopulatedPagesServeThoseWhoCannotWait) {
  MapOnMachine on(4);
  PercpuMetadata metadata(
      {on.cpu().config().memory[0].frames > 0 ? PhysAddr(kPageSize) : PhysAddr()});
  PercpuBitmap populated(metadata, 0, 4);
  populated.Set(on.cpu(), 0, 1);
  populated.Set(on.cpu(), 2, 2);
  EXPECT_EQ(on.map().FindFit(on.cpu(), {.bits = kBlock}, &populated), 0);
  EXPECT_EQ(on.map().FindFit(on.cpu(), {.bits = kBlock + 1}, &populated), 2 * kBlock);
  EXPECT_EQ(on.map().FindFit(on.cpu(), {.bits = 2 * kBlock + 1}, &populated), -1);
  EXPECT_EQ(on.map().FindFit(on.cpu(), {.bits = 2 * kBlock + 1}, nullptr), 0);
}

}  // namespace
}  // namespace slablab
