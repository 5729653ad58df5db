// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_KMALLOC_H_
#define SLABLAB_ALLOCATORS_KMALLOC_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/allocator.h"
#include "sim/cpu.h"
#include "sim/gfp.h"
#include "sim/lazy_array.h"
#include "sim/machine.h"
#include "sim/task.h"
#include "sim/types.h"

// kmalloc's size classes and its way round them for what is larger, as mm/slab_common.c of Linux
// 6.1 has them: the same for every slab allocator.

namespace slablab {

enum class KmallocType : uint8_t { kNormal, kCgroup, kReclaim, kDma };
inline constexpr int kKmallocTypes = 4;

struct KmallocOptions {
  int shift_low = 3;     // KMALLOC_SHIFT_LOW: 3 in SLUB, 5 in SLAB
  bool cgroup = true;    // CONFIG_MEMCG_KMEM, and not switched off at boot
  bool zone_dma = true;  // CONFIG_ZONE_DMA
  // Linux 2.6.36, mm/slub.c: no caches for cgroups or reclaimable objects; 96 and 192 are made
  // first; names are in bytes. The sizes are the same.
  bool of_2010 = false;
};

// The table of kmalloc caches: which there are, what they are called, and which one serves a
// request.
class KmallocTable {
 public:
  // KMALLOC_SHIFT_HIGH: a block of order 1 is the largest class.
  static constexpr int kShiftHigh = kPageShift + 1;
  static constexpr uint64_t kSizeMax = uint64_t{1} << kShiftHigh;

  // A cache that is to be made at boot.
  struct Class {
    KmallocType type = KmallocType::kNormal;
    int index = 0;  // n: 2^n bytes; 1: 96; 2: 192
    uint32_t size = 0;
    std::string name;
  };

  explicit KmallocTable(const KmallocOptions& options);

  // In the order that create_kmalloc_caches(), or kmem_cache_init() of 2010, makes them.
  std::vector<Class> Classes() const;
  // The cache that has the part of a class of Linux 6.1 by that name ("kmalloc-cg-1k"); kNoCache
  // for other names.
  CacheId CacheForModernName(std::string_view name) const;
  void Set(const Class& kmalloc_class, CacheId cache);
  bool IsSet(const Class& kmalloc_class) const;
  // kmalloc_slab(). kNoCache: not set yet. REQUIRES: 1 <= bytes <= kSizeMax.
  CacheId CacheFor(uint64_t bytes, Gfp gfp) const;
  // Where in kmalloc_caches[][] the answer stands, in bytes: the array is read on every call.
  uint64_t OffsetFor(uint64_t bytes, Gfp gfp) const;
  static constexpr uint64_t kTableBytes = kKmallocTypes * (kShiftHigh + 1) * 8;

 private:
  std::vector<int> IndicesInOrder() const;
  KmallocType TypeOf(Gfp gfp) const;
  int IndexOf(uint64_t bytes) const;

  const KmallocOptions options_;
  std::array<std::array<CacheId, kShiftHigh + 1>, kKmallocTypes> caches_{};
};

// Whole pages for what no class holds: __kmalloc_large_node() and free_large_kmalloc().
class KmallocLarge {
 public:
  explicit KmallocLarge(Machine& machine);

  // Null if there is no such block. REQUIRES: bytes > KmallocTable::kSizeMax.
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

#endif  // SLABLAB_ALLOCATORS_KMALLOC_H_
