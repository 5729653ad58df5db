// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_LOCKED_CPU_SLABS_LOCKED_CPU_SLABS_H_
#define SLABLAB_ALLOCATORS_SLUB_LOCKED_CPU_SLABS_LOCKED_CPU_SLABS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "allocators/slub/core/check.h"
#include "allocators/slub/core/core.h"
#include "allocators/slub/core/locked_slabs.h"
#include "sim/core/cpu.h"
#include "sim/core/spinlock.h"
#include "sim/core/task.h"

// SLUB as of 2010 (Linux 2.6.36, mm/slub.c): before per-CPU partial lists and before
// compare-and-exchange.
//
// The idea. As since (allocators/slub/cpu_slabs/cpu_slabs.h), a slab's free objects are a list
// through the objects, and each CPU owns one slab of each cache, whose list it keeps for itself.
// But what a CPU does, it does with interrupts off, and what is done to a slab that others may
// reach, with the slab's own lock, a bit in its first page's flags. A slab that is given up goes to
// its node; there is nothing in between.
//
// The structure: kmem_cache_cpu (CacheCpu), the list that its CPU allocates from, its slab and that
// slab's node, counters.
//
// Lock order. slab_lock(page), then kmem_cache_node->list_lock, then the page allocator's. Where a
// slab is looked for on a list it is the other way round, and the slab's lock is only tried.
//
// Invariants, besides the core's (allocators/slub/core/core.h).
//   1. A CPU's slab is frozen, and no other. No slab on a list is empty, but for those that
//      min_partial keeps.
//   2. A CPU without a slab has no free list.
//   3. A CPU's `node` is that of its slab.

namespace slablab {

// The front: a slab for each CPU, with interrupts off.
class LockedCpuSlabs {
 public:
  // The way an operation went: an index of the model's paths().
  enum class Way : PathId;

  // `core` outlives it.
  explicit LockedCpuSlabs(SlubCore& core)
      : core_(core), gfp_mask_in_hot_path_(!core.HasQuirk("gfp-mask-in-slow-path")) {}
  LockedCpuSlabs(const LockedCpuSlabs&) = delete;

  // As SlubModel has them.
  Task<Placement> Alloc(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<PathId> Free(Cpu& cpu, Slab& slab, PhysAddr object);
  Task<PathId> FreeObject(Cpu& cpu, Slab& slab, PhysAddr object);
  Task<bool> Open(Cpu& cpu, KmemCache& s);
  Task<void> Close(Cpu& cpu, KmemCache& s);
  void Fill(Cpu& cpu, KmemCache& s, Slab& slab);
  // flush_all(): every CPU on line, whether it has anything or not.
  Task<void> FlushAll(Cpu& cpu, KmemCache& s);
  Task<void> FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner);
  void Inspect(const KmemCache& s, SlubInspection& inspection) const;
  void FillState(const KmemCache& s, std::vector<Figure>* figures) const;
  void Layers(const KmemCache& s, std::vector<CacheLayer>* layers) const;

 private:
  friend class Flush2010;  // what flush_all() has each CPU do

  // An object for the caller and how it was come by.
  struct Found {
    Slab* slab = nullptr;  // null: there is no memory
    ObjectIndex object = kNoObject;
    Way way{};
  };
  Task<Placement> AllocFurther(Cpu& cpu, KmemCache& s, SlubAllocRequest request, IrqFlags flags);
  Task<Placement> EndAlloc(Cpu& cpu, KmemCache& s, Gfp gfp, Found found);
  Placement Hand(Cpu& cpu, const KmemCache& s, Gfp gfp, const Found& found) const;
  Task<Found> AllocSlow(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<Found> NewCpuSlab(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  ObjectIndex LoadFreelist(Cpu& cpu, KmemCache& s, Slab& slab);

  Task<PathId> FreeFurther(Cpu& cpu, Slab& slab, ObjectIndex object, IrqFlags flags);
  Task<PathId> EndFree(Cpu& cpu, Way way);
  Task<Way> FreeSlow(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex object);

  Task<void> DeactivateSlab(Cpu& cpu, KmemCache& s, CacheCpu& c, SpinGuard guard);
  Task<void> UnfreezeSlab(Cpu& cpu, KmemCache& s, Slab& slab, ListEnd end, SpinGuard guard);
  Task<void> FlushSlab(Cpu& cpu, KmemCache& s, CpuId owner);

  SlubCore& core_;
  const bool gfp_mask_in_hot_path_;
};

enum class LockedCpuSlabs::Way : PathId {
  kAllocFast,
  kAllocRefill,
  kAllocNodePartial,
  kAllocNewSlab,
  kAllocFailed,
  kAllocLarge,
  kAllocZero,
  kFreeFast,
  kFreeFrozen,
  kFreeAddPartial,
  kFreePartial,
  kFreeSlab,
  kFreeLarge,
  kFreeNull,
};
constexpr PathId PathOf(LockedCpuSlabs::Way way) { return static_cast<PathId>(way); }
absl::Span<const PathInfo> LockedCpuSlabsPaths();

inline constexpr SlubPolicy kSlub2010 = [] {
  SlubPolicy policy = kSlubOf2010;
  policy.ways = {.infos = LockedCpuSlabsPaths,
                 .alloc_failed = PathOf(LockedCpuSlabs::Way::kAllocFailed),
                 .alloc_large = PathOf(LockedCpuSlabs::Way::kAllocLarge),
                 .alloc_zero = PathOf(LockedCpuSlabs::Way::kAllocZero),
                 .free_large = PathOf(LockedCpuSlabs::Way::kFreeLarge),
                 .free_null = PathOf(LockedCpuSlabs::Way::kFreeNull)};
  policy.switches = Slub2010Switches;
  return policy;
}();

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_LOCKED_CPU_SLABS_LOCKED_CPU_SLABS_H_
