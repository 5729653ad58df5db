// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_KMALLOC_FRONT_H_
#define SLABLAB_ALLOCATORS_COMMON_KMALLOC_FRONT_H_

#include "allocators/allocator.h"
#include "allocators/common/cache_table.h"
#include "allocators/common/kmalloc.h"
#include "allocators/common/slab_frames.h"
#include "allocators/options.h"
#include "allocators/switches.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/machine.h"

namespace slablab {

// What kmalloc() answers and charges: paths and sites of the model's own.
struct KmallocWays {
  PathId alloc_failed = 0;
  PathId alloc_large = 0;
  PathId alloc_zero = 0;
  PathId free_large = 0;
  PathId free_null = 0;
  Site table_site{};  // of the look into the table
  Site large_site{};
  Cycles large_cycles = 0;
};

// Kernels that were built or booted otherwise.
inline constexpr QuirkInfo kMemcgOff = {
    "memcg-off",
    "The kernel was built or booted without accounting to memory cgroups: no kmalloc-cg caches.",
    /*is_plain=*/true, /*is_recorded=*/true};
inline constexpr QuirkInfo kZoneDmaOff = {
    "zone-dma-off", "The kernel was built without CONFIG_ZONE_DMA: no dma-kmalloc caches.",
    /*is_plain=*/true, /*is_recorded=*/true};
KmallocOptions WithQuirks(KmallocOptions kmalloc, const AllocatorOptions& options);

// kmalloc() in front of a model's caches, the same for every model: the table of size classes,
// where it lies, whole pages, nothing; and what of all this the model has for itself.
class KmallocFront : public KmallocTable {
 public:
  // `model` and `total`, the footprint of all, outlive it.
  KmallocFront(Machine& machine, const KmallocOptions& options, const KmallocWays& ways,
               Allocator& model, Footprint& total)
      : KmallocTable(options),
        machine_(machine),
        ways_(ways),
        model_(model),
        total_(total),
        large_(machine) {}

  // At boot: kmalloc_caches[][] lies in the memory of the CPU's node.
  void Place(const Cpu& cpu);

  // kmalloc() and kmalloc_node().
  Task<Placement> Alloc(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) {
    return AllocFor(cpu, cpu.caller(), bytes, gfp, node);
  }
  // On behalf of another caller than the CPU's.
  Task<Placement> AllocFor(Cpu& cpu, uint32_t caller, uint64_t bytes, Gfp gfp, NodeId node);
  const KmallocWays& ways() const { return ways_; }
  // free_large_kmalloc(), put_page() of 2010: a block of whole pages.
  Task<PathId> FreeLarge(Cpu& cpu, PhysAddr block);

  // `object`, which may be null, was handed out to the model itself; it is about to be freed.
  template <typename Cache, typename Slab>
  void AddOwn(CacheTable<Cache>& caches, const SlabFrames<Slab>& frames, PhysAddr object) {
    if (object.is_null()) return;
    if (Slab* const slab = frames.Of(object); slab != nullptr) {
      caches.AddOwn(*slab->cache);
    } else {
      large_.AddOwn(object);
      large_.Fill(total_);
    }
  }
  template <typename Cache, typename Slab>
  void RemoveOwn(CacheTable<Cache>& caches, const SlabFrames<Slab>& frames, PhysAddr object) {
    if (Slab* const slab = frames.Of(object); slab != nullptr) {
      caches.RemoveOwn(*slab->cache);
    } else {
      large_.RemoveOwn(object);
    }
  }
  // Writes what is held in whole pages into `footprint`.
  void Fill(Footprint& footprint) const { large_.Fill(footprint); }

 private:
  Task<Placement> AllocLarge(Cpu& cpu, KmallocLarge::Request request);

  Machine& machine_;
  const KmallocWays ways_;
  Allocator& model_;
  Footprint& total_;
  KmallocLarge large_;
  PhysAddr table_;  // kmalloc_caches[][]
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_KMALLOC_FRONT_H_
