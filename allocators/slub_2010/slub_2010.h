// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_2010_SLUB_2010_H_
#define SLABLAB_ALLOCATORS_SLUB_2010_SLUB_2010_H_

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "allocators/slub_2010/core.h"

// SLUB as of 2010 (Linux 2.6.36, mm/slub.c): before per-CPU partial lists and before
// compare-and-exchange.
//
// The idea. As in allocators/slub/slub.h, a slab's free objects are a list through the objects, and
// each CPU owns one slab of each cache, whose list it keeps for itself. But what a CPU does, it
// does with interrupts off, and what is done to a slab that others may reach, with the slab's own
// lock, a bit in its first page's flags. A slab that is given up goes to its node; there is nothing
// in between.
//
// The structures (allocators/slub_2010/structures.h and below).
//   ListCache    one cache; a ListCpu for each CPU, a Node2010 for each node
//   ListCpu      the list that its CPU allocates from, its slab and that slab's node, counters
//   ListSlab     {freelist, inuse, frozen}, guarded by the slab's lock
//
// Lock order. slab_lock(page), then kmem_cache_node->list_lock, then the page allocator's. Where a
// slab is looked for on a list it is the other way round, and the slab's lock is only tried. Before
// all these, and asleep if need be, slub_lock: creating, destroying and hotplug.
//
// Invariants (between operations).
//   1. Every slab is in exactly one place: a CPU's slab, its own node's partial list, or, if it has
//      no free object, nowhere. No slab on a list is empty, but for those that min_partial keeps.
//   2. A slab is frozen if and only if it is a CPU's.
//   3. Free lists are acyclic and complete: every object is in use, or on its slab's list, or on
//   the
//      list of the CPU whose slab it is, and in only one of these.
//   4. inuse is the number of the objects that are not on the slab's own list.
//   5. A node's nr_partial is the length of its partial list, and nr_slabs and total_objects count
//      the cache's slabs that lie on the node.
//   6. A CPU's `node` is that of its slab.
//   7. Each frame of a slab leads to it, and the slab names its cache.
//   8. The footprint is what adding up all slabs gives.

namespace slablab {

// SLUB_STATS of 2010, in the order of enum stat_item.
enum class Stat2010 : uint8_t {
  kAllocFastpath,
  kAllocSlowpath,
  kFreeFastpath,
  kFreeSlowpath,
  kFreeFrozen,
  kFreeAddPartial,
  kFreeRemovePartial,
  kAllocFromPartial,
  kAllocSlab,
  kAllocRefill,
  kFreeSlab,
  kCpuslabFlush,
  kDeactivateFull,
  kDeactivateEmpty,
  kDeactivateToHead,
  kDeactivateToTail,
  kDeactivateRemoteFrees,
  kOrderFallback,
};
inline constexpr int kStats2010 = 18;

struct ListSlab : Slab2010 {
  Guarded<ObjectIndex> freelist;
  Guarded<uint16_t> inuse;  // objects that are not on `freelist`
  Guarded<bool> frozen;
  ObjectIndex* free_pointer = nullptr;  // by object: what its free pointer holds, or kInUse
};

// struct kmem_cache_cpu. Made at the CPU's first use of the cache; before that it is as the kernel
// initialises it.
struct alignas(64) ListCpu {
  static constexpr uint32_t kSlabAt = 8;
  static constexpr uint32_t kNodeAt = 16;
  static constexpr uint32_t kStatsAt = 20;

  bool placed = false;
  PerCpu<ObjectIndex> freelist;
  PerCpu<ListSlab*> slab;
  PerCpu<NodeId> node;
  CpuCounters<kStats2010> stats;
};

struct ListCache : Cache2010 {
  explicit ListCache(int cpu_count) : cpus(static_cast<size_t>(cpu_count)) {}
  void PlaceAt(PhysAddr to) override;
  Place FreePointer(const ListSlab& slab, ObjectIndex object) const {
    return {AddressOf(slab, object) + geometry.free_pointer_offset, Structure::kFreePointer};
  }
  Settled<uint32_t> offset;  // of the free pointer
  LazyArray<ListCpu> cpus;
};

class Slub2010 : public Slub2010Core {
 public:
  Slub2010(Machine& machine, const AllocatorOptions& options);

  std::string_view name() const override { return "slub-2010"; }
  absl::Span<const PathInfo> paths() const override;
  Task<Placement> Alloc(Cpu& cpu, CacheId id, Gfp gfp, NodeId node) override;
  Task<void> Shrink(Cpu& cpu, CacheId id) override;
  Task<void> CpuDead(Cpu& cpu, CpuId dead) override;
  Task<absl::Status> Tune(Cpu& cpu, CacheId id, std::string_view key, int64_t value) override;
  std::vector<Figure> State(CacheId id) const override;
  void AddLayers(CacheId id, std::vector<CacheLayer>* layers) const override;
  void CheckInvariants() const override;

  // The way an operation went: an index of paths().
  enum class Way : PathId;

 private:
  friend class Flush2010;  // what flush_all() has each CPU do

  std::unique_ptr<Cache2010> NewCache() override;
  uint32_t BytesPerCpu(const Cache2010& s) const override;
  Slab2010& TakeRecord(uint32_t objects) override { return pool_.Take(objects); }
  void GiveRecord(Slab2010& slab) override;
  std::vector<Slab2010*> Slabs(const Cache2010& s) override;
  std::vector<SlabPlace> SlabPlaces() const override { return PlacesOf(pool_.slabs()); }
  bool IsCpuSlab(const Slab2010& slab) const override { return AsList(slab).frozen.Peek(); }
  void FillSlab(Cpu& cpu, Cache2010& s, Slab2010& slab) override;
  uint32_t TakeFirst(Cpu& cpu, Cache2010& s, Slab2010& slab) override;
  uint32_t FreeObjects(const Slab2010& slab) const override;
  Task<uint32_t> CountFree(Cpu& cpu, const Slab2010& slab) override;
  void Freeze(Cpu& cpu, Slab2010& slab) override { cpu.Store(AsList(slab).frozen, true); }
  bool StaysOnNode(const AllocRequest& request) const override { return request.node != kAnyNode; }
  Task<PathId> FreeObject(Cpu& cpu, Cache2010& s, Slab2010& slab, PhysAddr object) override;
  Task<void> FlushAll(Cpu& cpu, Cache2010& s) override;
  absl::Span<const FigureInfo> stat_infos() const override;
  uint32_t StatOf(const Cache2010& s, CpuId cpu, int stat) const override;
  void CountOrderFallback(Cpu& cpu, Cache2010& s) override;
  SpecialPaths special_paths() const override;

  // An object for the caller and how it was come by.
  struct Found {
    ListSlab* slab = nullptr;  // null: there is no memory
    ObjectIndex object = kNoObject;
    Way way{};
  };
  Task<Placement> AllocFurther(Cpu& cpu, ListCache& s, AllocRequest request, IrqFlags flags);
  Task<Placement> EndAlloc(Cpu& cpu, ListCache& s, Gfp gfp, Found found);
  void HandOut(ListCache& s, const Found& found);
  Placement Hand(Cpu& cpu, const ListCache& s, Gfp gfp, const Found& found) const;
  Task<PathId> FreeFurther(Cpu& cpu, ListCache& s, ListSlab& slab, ObjectIndex object,
                           IrqFlags flags);
  Task<PathId> EndFree(Cpu& cpu, Way way);
  Task<Found> AllocSlow(Cpu& cpu, ListCache& s, AllocRequest request);
  Task<Found> NewCpuSlab(Cpu& cpu, ListCache& s, AllocRequest request);
  ObjectIndex LoadFreelist(Cpu& cpu, ListCache& s, ListSlab& slab);
  Task<Way> FreeSlow(Cpu& cpu, ListCache& s, ListSlab& slab, ObjectIndex object);
  Task<void> DeactivateSlab(Cpu& cpu, ListCache& s, ListCpu& c, SpinGuard guard);
  Task<void> UnfreezeSlab(Cpu& cpu, ListCache& s, ListSlab& slab, ListEnd end, SpinGuard guard);
  Task<void> FlushSlab(Cpu& cpu, ListCache& s, CpuId owner);

  static ListSlab& AsList(Slab2010& slab) { return static_cast<ListSlab&>(slab); }
  static const ListSlab& AsList(const Slab2010& slab) { return static_cast<const ListSlab&>(slab); }
  ListCache& list_cache(CacheId id) const { return static_cast<ListCache&>(cache(id)); }
  // this_cpu_ptr(s->cpu_slab).
  ListCpu& ThisCpu(Cpu& cpu, ListCache& s) {
    cpu.Load(s.cpu);
    return On(s, cpu.id());
  }
  ListCpu& On(ListCache& s, CpuId id) const {
    ListCpu& c = s.cpus[id.index()];
    if (!c.placed) [[unlikely]] {
      PlaceCpu(s, id);
    }
    return c;
  }
  void PlaceCpu(ListCache& s, CpuId id) const;
  void Count(Cpu& cpu, ListCache& s, Stat2010 stat) {
    if (!options_.statistics) return;
    ListCpu& c = On(s, cpu.id());
    ++c.stats.values[static_cast<size_t>(stat)];
    cpu.Touch(c.stats.PlaceOf(static_cast<int>(stat)), Access::kWrite);
  }
  ObjectIndex LoadFreePointer(Cpu& cpu, ListCache& s, const ListSlab& slab, ObjectIndex object) {
    cpu.Load(s.offset);
    cpu.Touch(s.FreePointer(slab, object), Access::kRead);
    return slab.free_pointer[object];
  }
  void StoreFreePointer(Cpu& cpu, ListCache& s, ListSlab& slab, ObjectIndex object,
                        ObjectIndex next) {
    cpu.Load(s.offset);
    cpu.Touch(s.FreePointer(slab, object), Access::kWrite);
    slab.free_pointer[object] = next;
  }
  void CheckSlab(const ListSlab& slab, const ListCpu* owner) const;

  const bool gfp_mask_in_hot_path_;
  SlubPool<ListSlab, &ListSlab::free_pointer> pool_;
};

enum class Slub2010::Way : PathId {
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
constexpr PathId PathOf(Slub2010::Way way) { return static_cast<PathId>(way); }

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_2010_SLUB_2010_H_
