// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_STRUCTURES_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_STRUCTURES_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/allocator.h"
#include "allocators/common/cache_table.h"
#include "allocators/common/slab_pool.h"
#include "allocators/common/slub_geometry.h"
#include "allocators/common/slub_list.h"
#include "allocators/percpu/areas.h"
#include "allocators/slub/core/counters.h"
#include "base/check.h"
#include "base/types.h"
#include "sim/cache/lazy_array.h"
#include "sim/core/fields.h"
#include "sim/core/rcu.h"
#include "sim/core/spinlock.h"

// SLUB's structures, each where the kernel keeps it, field by field. Offsets are those of Linux 6.1
// on x86-64 with CONFIG_SLUB_DEBUG, CONFIG_SLUB_CPU_PARTIAL, CONFIG_NUMA and CONFIG_SYSFS, without
// free-list hardening or randomisation, KASAN and lockdep (include/linux/slub_def.h, mm/slab.h). A
// struct page has a line of its own, so that where in it Linux 2.6.36 has what is the same.

namespace slablab {

class SlubCore;
struct KmemCache;

// An object of a slab by its number, or one of the two values a free pointer can have besides.
using ObjectIndex = uint16_t;
inline constexpr ObjectIndex kNoObject = 0xffff;  // the null pointer
inline constexpr ObjectIndex kInUse = 0xfffe;     // not a free pointer: the object is allocated
inline constexpr ObjectIndex kInSheaf = 0xfffd;   // not a free pointer: a sheaf has the object

// The two words of struct slab that change as one: freelist and counters. Where a lock guards the
// slab they are fields, and where a bitmap says which objects are free, `freelist` is none that has
// a free one before it.
struct SlabWord {
  ObjectIndex freelist = kNoObject;
  uint16_t inuse = 0;  // objects that are not on `freelist`
  uint16_t objects = 0;
  bool frozen = false;  // a CPU has taken it out of the lists' hands
  friend bool operator==(const SlabWord&, const SlabWord&) = default;
};

struct Slab;

// What a slab keeps of the memory cgroups that its objects are charged to (ObjExts).
struct SlabObjExts {
  PhysAddr first;              // the first object's pointer
  uint64_t stride = 0;         // from one object's to the next's
  bool is_own = false;         // kmalloc()ed; else it lies in the slab
  std::vector<bool> charged;   // by object
};

// What a frozen slab on a CPU's partial list says of the rest of that list.
struct CpuPartialLink {
  Slab* next = nullptr;
  int32_t slabs = 0;  // this one and those behind it
};

// struct slab: the first struct page of the slab's block. What every operation asks lies in one
// line of the host's.
struct alignas(64) Slab {
  static constexpr uint64_t kFlagsAt = 0;  // page flags, which name the node
  static constexpr uint64_t kListAt = 8;   // slab_list, or next and slabs
  static constexpr uint64_t kCacheAt = 24;
  static constexpr uint64_t kWordAt = 32;
  static constexpr uint64_t kObjExtsAt = 56;

  Racy<SlabWord> word;
  PhysAddr base;                        // the block
  PhysAddr first_object;                // behind its red zone, if it has one in front
  ObjectIndex* free_pointer = nullptr;  // by object: what its free pointer holds
  KmemCache* cache = nullptr;           // null: this Slab describes no slab now
  NodeId node;
  uint8_t order = 0;
  bool waits_for_rcu = false;  // empty and in no list: its pages are free after a grace period
  Guarded<Slab*> list_next;    // in the node's partial list; null: the list's head
  Guarded<Slab*> list_previous;
  // SL_partial of the page's flags: the slab is in its node's list.
  Guarded<bool> listed;
  PerCpu<CpuPartialLink> partial;   // in a CPU's partial list: touched by that CPU
  SpinLock lock;                    // slab_lock() of 2010: a bit of the page's flags
  const SpinLock* guard = nullptr;  // of the bitmap; null: only its maker knows the slab
  SlabObjExts* obj_exts = nullptr;  // null: none of its objects was ever charged
  PhysAddr cache_at;                // what the page says: where the cache's descriptor is
  uint64_t serial = 0;              // of all slabs ever made, from 1

  // Byte `at` of the struct page, and the struct page of any frame of the block.
  Place Metadata(uint64_t at) const {
    return {PhysAddr(word.place().address.value() - kWordAt + at), Structure::kSlabMetadata};
  }
  Place PageOf(uint64_t frame) const { return Metadata((frame - base.frame()) << kLineShift); }
};

// A slab of a typesafe_by_rcu cache whose pages go back after a grace period. The kernel's rcu_head
// lies in the place of the list's links.
struct RcuSlab final : RcuHead {
  explicit RcuSlab(SlubCore& of) : core(of) {}

  SlubCore& core;
  Slab* slab = nullptr;

  // RcuHead.
  Task<void> RunCallback(Cpu& cpu) override;
  std::string_view function() const override { return "rcu_free_slab"; }
  Place rcu_place() const override { return slab->Metadata(Slab::kListAt); }
};

// The two words of kmem_cache_cpu that change as one.
struct CpuTop {
  uint64_t tid = 0;
  ObjectIndex freelist = kNoObject;  // of the CPU's slab: allocated from without locks
  friend bool operator==(const CpuTop&, const CpuTop&) = default;
};

// What one CPU has of a cache: struct kmem_cache_cpu, of 32 bytes, where the era has it, and the
// counters, behind it or apart. Made at the CPU's first use of the cache; before that it is as the
// kernel initialises it.
struct alignas(64) CacheCpu {
  static constexpr uint32_t kFreelistAt = 0;
  static constexpr uint32_t kSlabAt = 16;
  static constexpr uint32_t kPartialAt = 24;
  static constexpr uint32_t kNodeAt = 16;  // 2010

  // In the host's first line, which is all that eras without CPU slabs need of it.
  bool placed = false;
  SlubCpuCounters counters;
  alignas(64) PerCpu<CpuTop> top;
  PerCpu<Slab*> slab;     // allocated from; null: none
  PerCpu<Slab*> partial;  // further slabs
  PerCpu<NodeId> node;    // 2010: of `slab`
};

using CacheNode = SlubNode<Slab>;

// Where struct kmem_cache has what differs from era to era.
struct KmemCacheOffsets {
  uint32_t min_partial = 16;
  uint32_t offset = 40;
  uint32_t cpu_partial_slabs = 0;
  uint32_t order = 0;  // struct kmem_cache_order_objects oo
  uint32_t defrag_ratio = 0;
  uint32_t cpu_stats = 0;      // 0: the counters lie in kmem_cache_cpu,
  uint32_t stats_in_cpu = 32;  // there
  uint32_t cpu_sheaves = 0;
  uint32_t sheaf_capacity = 0;
  // An array by node of so many bytes each, in which the node structure's pointer stands at `node`.
  uint32_t per_node = 0;
  uint32_t per_node_bytes = 8;
  uint32_t node = 0;
};

// What a front keeps of a cache besides: its own kind.
struct FrontCache {
  virtual ~FrontCache() = default;
  // KmemCache::PlaceAt.
  virtual void PlaceAt(PhysAddr /*cache*/) {}
};

// struct kmem_cache.
struct KmemCache : CacheBase {
  static constexpr uint64_t kCpuSlabAt = 0;

  // `offsets` outlives the cache.
  KmemCache(const KmemCacheOffsets& offsets, int cpus)
      : at(offsets), cpus(static_cast<size_t>(cpus)) {}
  KmemCache(const KmemCache&) = delete;

  const KmemCacheOffsets& at;
  bool is_kmalloc = false;  // SLAB_KMALLOC
  bool no_sheaves = false;  // one of the two caches that all others need
  bool is_debug = false;    // kmem_cache_debug(): one object at a time, under list_lock
  SlubGeometry geometry;
  uint32_t objects_max = 0;  // that a slab of it has ever been made for
  uint32_t cpu_partial = 0;  // as written; cpu_partial_slabs is what counts
  uint32_t rcu_slabs = 0;    // that wait for a grace period
  // Where in an object there is room for its obj_ext (SLAB_OBJ_EXT_IN_OBJ); 0: nowhere.
  uint32_t obj_exts_at = 0;

  Settled<PercpuArea> cpu_slab;
  Settled<PercpuArea> cpu_stats;     // null: the counters are behind cpu_slab's
  Settled<PercpuArea> cpu_sheaves;   // null: the cache has nothing that stands for sheaves
  Settled<uint32_t> sheaf_capacity;  // 0: no sheaves
  Settled<uint64_t> min_partial;
  Settled<uint32_t> offset;  // of the free pointer
  Settled<uint32_t> cpu_partial_slabs;
  Settled<uint32_t> remote_node_defrag_ratio;
  std::vector<std::unique_ptr<CacheNode>> nodes;  // null: a node without memory

  LazyArray<CacheCpu> cpus;
  std::unique_ptr<FrontCache> front;  // null: the front keeps nothing

  // Moves the structure to `to`: the fields keep their values.
  void PlaceAt(PhysAddr to);
  Place Field(uint64_t where) const { return {address + where, Structure::kCacheDescriptor}; }
  Place NodePointer(NodeId node) const {
    return {address + at.per_node + node.index() * at.per_node_bytes + at.node,
            Structure::kCacheDescriptor};
  }

  // Where an era that has the pointer to a node's barn beside that to its structure has it.
  Place BarnPointer(NodeId node) const {
    return {address + at.per_node + node.index() * at.per_node_bytes, Structure::kCacheDescriptor};
  }

  PhysAddr AddressOf(const Slab& slab, ObjectIndex object) const {
    return slab.first_object + uint64_t{object} * geometry.size;
  }
  // REQUIRES: `object` is an object of `slab`; checked.
  ObjectIndex IndexOf(const Slab& slab, PhysAddr object) const;
  Place FreePointer(const Slab& slab, ObjectIndex object) const {
    return {AddressOf(slab, object) + geometry.free_pointer_offset, Structure::kFreePointer};
  }
};

using SlubSlabs = SlabArrayPool<Slab, &Slab::free_pointer>;

inline ObjectIndex KmemCache::IndexOf(const Slab& slab, PhysAddr object) const {
  const uint32_t index = IndexAt(object - slab.first_object);
  CHECK_LT(index, slab.word.Peek().objects);
  CHECK(AddressOf(slab, static_cast<ObjectIndex>(index)) == object);
  return static_cast<ObjectIndex>(index);
}

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_STRUCTURES_H_
