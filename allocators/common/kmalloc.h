// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_KMALLOC_H_
#define SLABLAB_ALLOCATORS_COMMON_KMALLOC_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/allocator.h"
#include "base/types.h"
#include "sim/cache/lazy_array.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/machine.h"
#include "sim/pages/gfp.h"

// kmalloc's size classes and its way round them for what is larger: mm/slab_common.c of Linux 6.1
// and 3.17, mm/slub.c of 2.6.36.

namespace slablab {

enum class KmallocType : uint8_t { kNormal, kCgroup, kReclaim, kDma };
inline constexpr int kKmallocTypes = 4;
inline constexpr int kKmallocCopies = 15;  // RANDOM_KMALLOC_CACHES_NR

// Which classes a kernel has and how it makes them; as it stands, SLUB of Linux 6.1.
struct KmallocOptions {
  int shift_low = 3;                // KMALLOC_SHIFT_LOW: 3 in SLUB, 5 in SLAB
  int shift_high = kPageShift + 1;  // KMALLOC_SHIFT_HIGH: the largest class, 2^shift_high bytes
  bool cgroup = true;    // Linux 5.14: kmalloc-cg. CONFIG_MEMCG_KMEM, and not switched off at boot
  bool reclaim = true;   // Linux 4.20: kmalloc-rcl
  bool zone_dma = true;  // CONFIG_ZONE_DMA
  bool names_in_bytes = false;  // before Linux 4.20: kmalloc-1024, not kmalloc-1k
  // 96 and 192 are made before the powers of two, not after 64 and 128; and so of the DMA caches.
  bool odd_sizes_first = false;
  bool odd_dma_sizes_first = false;
  // CONFIG_RANDOM_KMALLOC_CACHES: what its copies of the ordinary classes are called, without
  // number and size; empty: there are none.
  std::string_view copies = "";
  uint64_t copy_seed = 0;  // random_kmalloc_seed
};

// kmem_cache_init() of mm/slub.c, Linux 2.6.36.
inline constexpr KmallocOptions kKmallocOfSlub2010 = {.cgroup = false,
                                                      .reclaim = false,
                                                      .names_in_bytes = true,
                                                      .odd_sizes_first = true,
                                                      .odd_dma_sizes_first = true};
// SLAB of Linux 6.1.
inline constexpr KmallocOptions kKmallocOfSlab = {.shift_low = 5};
// create_kmalloc_caches() of Linux 3.17, with SLAB: KMALLOC_SHIFT_HIGH is MAX_ORDER + PAGE_SHIFT
// - 1.
inline constexpr KmallocOptions kKmallocOfSlab2014 = {.shift_low = 5,
                                                      .shift_high = 22,
                                                      .cgroup = false,
                                                      .reclaim = false,
                                                      .names_in_bytes = true,
                                                      .odd_dma_sizes_first = true};

// The table of kmalloc caches: which there are, what they are called, and which one serves a
// request.
class KmallocTable {
 public:
  // KMALLOC_SHIFT_HIGH of SLUB, and of SLAB of Linux 6.1: a block of order 1 is the largest class.
  static constexpr int kShiftHigh = kPageShift + 1;
  static constexpr uint64_t kSizeMax = uint64_t{1} << kShiftHigh;
  // Of SLAB of Linux 3.17, which has the most.
  static constexpr int kShiftMost = 22;

  // A cache that is to be made at boot.
  struct Class {
    KmallocType type = KmallocType::kNormal;
    int index = 0;  // n: 2^n bytes; 1: 96; 2: 192
    int copy = 0;   // of an ordinary class, from 1; 0: the class itself
    uint32_t size = 0;
    std::string name;
  };

  explicit KmallocTable(const KmallocOptions& options);

  // What is larger has no class.
  uint64_t size_max() const { return uint64_t{1} << options_.shift_high; }
  // In the order that create_kmalloc_caches(), or kmem_cache_init() of 2010, makes them.
  std::vector<Class> Classes() const;
  // The cache that has the part of a class of Linux 6.1 by that name ("kmalloc-cg-1k"), where
  // classes have other names (names_in_bytes); kNoCache for all others.
  CacheId CacheForModernName(std::string_view name) const;
  void Set(const Class& kmalloc_class, CacheId cache);
  bool IsSet(const Class& kmalloc_class) const { return Get(kmalloc_class) != kNoCache; }
  // kNoCache: not set yet.
  CacheId Get(const Class& kmalloc_class) const;
  // kmalloc_slab(). `caller` says which copy. kNoCache: not set yet. REQUIRES: 1 <= bytes <=
  // size_max().
  CacheId CacheFor(uint64_t bytes, Gfp gfp, uint32_t caller = 0) const;
  // Where in kmalloc_caches[][] the answer stands, in bytes: the array is read on every call.
  uint64_t OffsetFor(uint64_t bytes, Gfp gfp, uint32_t caller = 0) const;
  bool has_copies() const { return !options_.copies.empty(); }
  static constexpr uint64_t kTableBytes = kKmallocTypes * (kShiftHigh + 1) * 8;
  // Of this table: the above, where it has SLUB's classes.
  uint64_t table_bytes() const { return caches_.size() * RowBytes(); }

 private:
  uint64_t RowBytes() const { return (static_cast<uint64_t>(options_.shift_high) + 1) * 8; }
  std::vector<int> IndicesInOrder(KmallocType type) const;
  Class ClassOf(KmallocType type, int copy, int index) const;
  KmallocType TypeOf(Gfp gfp) const;
  int IndexOf(uint64_t bytes) const;
  size_t RowOf(const Class& kmalloc_class) const;
  size_t RowFor(Gfp gfp, uint32_t caller) const;
  int CopyOf(uint32_t caller) const;

  const KmallocOptions options_;
  // By type; then, where there are copies, the ordinary classes' copies.
  std::vector<std::array<CacheId, kShiftMost + 1>> caches_;
};

// Whole pages for what no class holds: __kmalloc_large_node() and free_large_kmalloc().
class KmallocLarge {
 public:
  explicit KmallocLarge(Machine& machine);

  // Null if there is no such block. REQUIRES: bytes > KmallocTable::kSizeMax, as the largest class
  // of every table is at least.
  struct Request {
    uint64_t bytes = 0;
    Gfp gfp = kGfpKernel;
    NodeId node = kAnyNode;
  };
  Task<PhysAddr> Alloc(Cpu& cpu, Request request);
  Task<void> Free(Cpu& cpu, PhysAddr block);
  // Whether `address` is the start of a block that Alloc answered.
  bool Holds(PhysAddr address) const { return blocks_[address.frame()].order_plus_1 != 0; }
  // A block is the allocator's own, or is about to be freed as that.
  void AddOwn(PhysAddr block);
  void RemoveOwn(PhysAddr block);
  // Writes what is held into the fields of `footprint` that are about such blocks.
  void Fill(Footprint& footprint) const;

 private:
  // At the first frame of a block.
  struct Block {
    uint32_t requested = 0;
    uint8_t order_plus_1 = 0;  // 0: no block begins here
    uint64_t bytes() const { return kPageSize << (order_plus_1 - 1); }
  };
  struct Held {
    uint64_t blocks = 0;
    uint64_t bytes = 0;
    uint64_t requested = 0;
    void Add(const Block& block);
    void Remove(const Block& block);
  };
  Machine& machine_;
  LazyArray<Block> blocks_;  // by frame
  Held all_;
  Held own_;
};

// Frames of all nodes together: the length of an array by frame.
uint64_t FrameCount(const MachineConfig& config);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_KMALLOC_H_
