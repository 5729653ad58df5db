// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_2010_STRUCTURES_H_
#define SLABLAB_ALLOCATORS_SLUB_2010_STRUCTURES_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "allocators/allocator.h"
#include "allocators/common/cache_table.h"
#include "allocators/common/slub_geometry.h"
#include "allocators/common/slub_list.h"
#include "allocators/common/slub_pool.h"
#include "allocators/percpu/areas.h"
#include "allocators/slub/core/structures.h"
#include "base/types.h"
#include "sim/cache/lazy_array.h"
#include "sim/core/fields.h"
#include "sim/core/spinlock.h"

// The structures that SLUB of 2010 and what was made from it have in common. Offsets are those of
// Linux 2.6.36 on x86-64 with CONFIG_SLUB_DEBUG and CONFIG_NUMA (include/linux/slub_def.h,
// include/linux/mm_types.h); struct page, of 56 bytes then, has a line of its own here.

namespace slablab {

struct Cache2010;

// A slab: the first struct page of its block.
struct Slab2010 {
  static constexpr uint64_t kFlagsAt = 0;  // page flags: node, lock bit, SlubFrozen
  static constexpr uint64_t kCountsAt = 12;
  static constexpr uint64_t kCacheAt = 16;
  static constexpr uint64_t kFreelistAt = 32;  // or a bitmap, or where that is
  static constexpr uint64_t kListAt = 40;

  SpinLock lock;                 // slab_lock(): the lock bit
  PhysAddr page;                 // its struct page
  PhysAddr base;                 // its block
  PhysAddr cache_at;             // what page->slab says: where the cache's descriptor is
  Cache2010* cache = nullptr;    // null: this record describes no slab now
  Guarded<Slab2010*> list_next;  // in the node's partial list; null: the list's head
  Guarded<Slab2010*> list_previous;
  NodeId node;
  uint8_t order = 0;
  uint32_t objects = 0;
  uint64_t serial = 0;  // of all slabs ever made, from 1

  Place Metadata(uint64_t at) const { return {page + at, Structure::kSlabMetadata}; }
  Place PageOf(uint64_t frame) const { return Metadata((frame - base.frame()) << kLineShift); }
};
using Node2010 = SlubNode<Slab2010>;

// Where struct kmem_cache has what: it grew with every version.
struct CacheOffsets {
  uint64_t min_partial = 80;
  uint64_t defrag_ratio = 176;
  uint64_t nodes = 184;
};

// struct kmem_cache, as far as every model of 2010 has it; each adds its own.
struct Cache2010 : CacheBase {
  static constexpr uint64_t kCpuAt = 0;
  static constexpr uint64_t kSizesAt = 16;
  static constexpr uint64_t kOffsetAt = 24;
  static constexpr uint64_t kOrderAt = 32;

  Cache2010() = default;
  Cache2010(const Cache2010&) = delete;
  virtual ~Cache2010() = default;

  SlubGeometry geometry;
  uint32_t objects_max = 0;  // that a slab of it has ever been made for
  CacheOffsets offsets;

  Settled<PercpuArea> cpu;
  Settled<uint64_t> min_partial;
  Settled<uint32_t> remote_node_defrag_ratio;
  std::vector<std::unique_ptr<Node2010>> nodes;  // null: a node without memory

  // Moves the structure to `to`: the fields keep their values.
  virtual void PlaceAt(PhysAddr to);
  Place Field(uint64_t at) const { return {address + at, Structure::kCacheDescriptor}; }
  Place NodePointer(NodeId node) const { return Field(offsets.nodes + node.index() * 8); }
  PhysAddr AddressOf(const Slab2010& slab, uint32_t object) const {
    return slab.base + uint64_t{object} * geometry.size;
  }
  // REQUIRES: `object` is an object of `slab`; checked.
  uint32_t IndexOf(const Slab2010& slab, PhysAddr object) const;
};

// The counters in a per-CPU structure. An area may cross a page's end, behind which it goes on
// elsewhere.
template <int kCount>
struct CpuCounters {
  static constexpr uint32_t kBytes = 4;  // each

  std::array<uint32_t, kCount> values;
  int before_page_end = 0;
  PhysAddr base;
  PhysAddr base_behind;  // as `base`, of those behind the page's end

  // `at`: where in the area they begin.
  void PlaceAt(const PercpuAreas& areas, PercpuArea area, CpuId cpu, uint32_t at) {
    base = areas.AddressOn(area, cpu, at);
    before_page_end = kCount;
    for (int i = kCount - 1; i > 0; --i) {
      const auto offset = static_cast<uint32_t>(i) * kBytes;
      const PhysAddr here = areas.AddressOn(area, cpu, at + offset);
      if (here == base + offset) break;
      before_page_end = i;
      base_behind = PhysAddr(here.value() - offset);
    }
  }
  Place PlaceOf(int i) const {
    const PhysAddr from = i < before_page_end ? base : base_behind;
    return {from + static_cast<uint64_t>(i) * kBytes, Structure::kPerCpuArea};
  }
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_2010_STRUCTURES_H_
