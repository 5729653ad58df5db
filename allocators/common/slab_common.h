// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_SLAB_COMMON_H_
#define SLABLAB_ALLOCATORS_COMMON_SLAB_COMMON_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "allocators/allocator.h"
#include "allocators/common/cache_table.h"
#include "allocators/common/kmalloc_front.h"
#include "allocators/common/slab_frames.h"
#include "allocators/options.h"
#include "base/check.h"
#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/machine.h"
#include "sim/pages/gfp.h"

// What every model does alike, as mm/slab_common.c does it for every kernel allocator: the order in
// which a cache is made and destroyed, kmalloc(), what the model has for itself, whose slab an
// object is of, and what is said of all this. A model is this and what it does with objects.

namespace slablab {

// `CacheType` is as CacheTable wants it, and has PlaceAt(PhysAddr descriptor). `SlabType` is a
// record as SlabFrames wants it, and `Pool` (allocators/common/slab_pool.h) has all of them.
template <typename CacheType, typename SlabType, typename Pool>
class SlabCommon : public Allocator {
 public:
  using Geometry = decltype(CacheType::geometry);

  Task<absl::StatusOr<CacheId>> CreateCache(Cpu& cpu, const CacheSpec& spec) override {
    const SiteScope site(cpu, sites_.create);
    const absl::StatusOr<CacheId> created = co_await Create(cpu, spec);
    co_return created;
  }
  Task<void> DestroyCache(Cpu& cpu, CacheId id) override {
    const SiteScope site(cpu, sites_.destroy);
    co_await Destroy(cpu, cache(id));
  }
  Task<Placement> Kmalloc(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) override {
    return kmalloc_.Alloc(cpu, bytes, gfp, node);
  }

  int cache_count() const final { return caches_.count(); }
  CacheLayout Layout(CacheId id) const override {
    const CacheType& s = cache(id);
    CacheLayout layout{.name = s.names.front(),
                       .object_size = s.geometry.object_size,
                       .slab_size = s.geometry.size,
                       .align = s.geometry.align,
                       .order = s.geometry.order,
                       .objects_per_slab = s.geometry.objects};
    if constexpr (requires { s.geometry.free_pointer_offset; }) {
      layout.free_pointer_offset = s.geometry.free_pointer_offset;
    }
    return layout;
  }
  // Where a kmalloc cache had another name than today, also by that, so that later kernels' traces
  // find theirs.
  CacheId FindCache(std::string_view name) const final {
    const CacheType* const s = caches_.FindLive(name);
    return s != nullptr ? s->id : kmalloc_.CacheForModernName(name);
  }
  Location Locate(PhysAddr object) const final { return frames_.Locate(object); }
  std::vector<SlabPlace> SlabPlaces() const final {
    std::vector<SlabPlace> places;
    for (const SlabType& slab : pool_.slabs()) {
      if (slab.cache == nullptr) continue;
      places.push_back({.cache = slab.cache->id, .base = slab.base, .order = OrderOf(slab)});
    }
    return places;
  }
  // Of a model that counts as active what users have. Others begin with RowOf.
  SlabInfoRow SlabInfo(CacheId id) const override {
    const CacheType& s = cache(id);
    SlabInfoRow row = RowOf(s);
    row.active_objects = s.footprint.objects;
    row.objects = s.footprint.slabs * s.geometry.objects;
    row.active_slabs = row.slabs = s.footprint.slabs;
    return row;
  }
  Footprint FootprintOf(CacheId id) const final { return cache(id).footprint; }
  const Footprint& TotalFootprint() const final { return caches_.total(); }

  // --- For all parts of the model. ---
  Machine& machine() const { return machine_; }
  const AllocatorOptions& options() const { return options_; }
  bool HasQuirk(std::string_view quirk) const { return slablab::HasQuirk(options_, quirk); }
  const KmallocFront& kmalloc() const { return kmalloc_; }
  CacheType& cache(CacheId id) const { return caches_.at(id); }
  // slab_caches: those that live, newest last.
  const std::vector<CacheId>& live_caches() const { return caches_.live(); }
  // All records of slabs, in use or not.
  const Pool& records() const { return pool_; }
  // Null: no slab's.
  SlabType* SlabOf(PhysAddr object) const { return frames_.Of(object); }
  int node_count() const { return machine_.config().node_count(); }
  bool HasMemory(NodeId node) const { return machine_.config().memory[node.index()].frames > 0; }
  // numa_mem_id(): the CPU's node, or where a node without memory turns first.
  NodeId LocalMemoryNode(const Cpu& cpu) const { return LocalMemoryNode(cpu.node()); }
  NodeId LocalMemoryNode(NodeId node) const { return machine_.FallbackOf(node).front(); }
  // init_on_alloc of one object; null: nothing.
  static void ZeroIfAsked(Cpu& cpu, const CacheType& s, Gfp gfp, PhysAddr object) {
    if (!Has(gfp, Gfp::kZero) || object.is_null()) return;
    cpu.TouchRange({object, Structure::kObject}, s.geometry.object_size, Access::kWrite);
  }
  template <typename Change>
  void Account(CacheType& s, Change change) {
    caches_.Account(s, change);
  }

  // What the model needs for itself: an object of one of its caches.
  Task<PhysAddr> AllocOwn(Cpu& cpu, CacheType& s, Gfp gfp, NodeId node) {
    const Placement placement = co_await Alloc(cpu, s.id, gfp, node);
    if (!placement.object.is_null()) caches_.AddOwn(s);
    co_return placement.object;
  }
  Task<PathId> FreeOwn(Cpu& cpu, CacheType& s, PhysAddr object) {
    caches_.RemoveOwn(s);
    return Free(cpu, s.id, object);
  }
  // The same by kmalloc(), whole pages too. Null: no memory.
  Task<PhysAddr> KmallocOwn(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) {
    // The caller is the allocator's own code, not whoever has called that.
    Task<Placement> task = kmalloc_.has_copies()
                               ? kmalloc_.AllocFor(cpu, /*caller=*/0, bytes, gfp, node)
                               : Kmalloc(cpu, bytes, gfp, node);
    const Placement placement = co_await task;
    kmalloc_.AddOwn(caches_, frames_, placement.object);
    co_return placement.object;
  }
  virtual Task<PathId> KfreeOwn(Cpu& cpu, PhysAddr object) {
    kmalloc_.RemoveOwn(caches_, frames_, object);
    return Kfree(cpu, object);
  }

 protected:
  struct Sites {
    Site create{};
    Site destroy{};
  };
  // The quirks of KmallocFront are switched on in `kmalloc`.
  SlabCommon(Machine& machine, const AllocatorOptions& options, const Sites& sites,
             const KmallocOptions& kmalloc, const KmallocWays& ways)
      : machine_(machine),
        options_(options),
        sites_(sites),
        kmalloc_(machine, WithQuirks(kmalloc, options), ways, *this, caches_.total()),
        frames_(machine.config()) {}

  // --- A cache's life, in the model's own steps. ---
  // kmem_cache_create(): another cache takes it in, or it gets a descriptor and is opened.
  Task<absl::StatusOr<CacheId>> Create(Cpu& cpu, const CacheSpec& spec) {
    const absl::StatusOr<Geometry> geometry = GeometryOf(spec);
    if (!geometry.ok()) co_return geometry.status();
    if (absl::Status named = caches_.CheckName(spec); !named.ok()) co_return named;
    if (CacheType* const mergeable = FindMergeable(spec, *geometry); mergeable != nullptr) {
      co_return caches_.AddAlias(*mergeable, spec);
    }
    const PhysAddr descriptor = co_await AllocDescriptor(cpu, kGfpKernel);
    if (descriptor.is_null()) co_return caches_.Exhausted(spec);
    CacheType& s = AddCache(spec, *geometry);
    s.PlaceAt(descriptor);
    const bool opened = co_await OpenCache(cpu, s);
    if (!opened) {
      co_await ReleaseCache(cpu, s);
      co_await FreeDescriptor(cpu, descriptor);
      caches_.RemoveNewest(s);
      co_return caches_.Exhausted(spec);
    }
    caches_.Open(s);
    co_await Opened(cpu, s);
    co_return s.id;
  }
  // kmem_cache_destroy().
  Task<void> Destroy(Cpu& cpu, CacheType& s) {
    if (caches_.DropAlias(s)) co_return;
    co_await ShutDown(cpu, s);
    CHECK_EQ(s.footprint.slabs, 0u);
    caches_.Close(s);
    const PhysAddr descriptor = s.address;
    co_await ReleaseCache(cpu, s);
    co_await FreeDescriptor(cpu, descriptor);
  }
  // What the cache's slabs will look like, or why it cannot be.
  virtual absl::StatusOr<Geometry> GeometryOf(const CacheSpec& spec) const = 0;
  // find_mergeable(): the cache that is to serve `spec` as well; null: none.
  virtual CacheType* FindMergeable(const CacheSpec& /*spec*/, const Geometry& /*geometry*/) const {
    return nullptr;
  }
  // An object of kmem_cache, cleared. Null: no memory.
  virtual Task<PhysAddr> AllocDescriptor(Cpu& cpu, Gfp gfp) {
    return AllocOwn(cpu, *cache_cache_, gfp | Gfp::kZero, kAnyNode);
  }
  virtual Task<void> FreeDescriptor(Cpu& cpu, PhysAddr descriptor) {
    co_await FreeOwn(cpu, *cache_cache_, descriptor);
  }
  // In the table and not live yet: CacheTable::Add.
  virtual CacheType& AddCache(const CacheSpec& spec, const Geometry& geometry) = 0;
  // __kmem_cache_create(). Answers false, with what it got still there, if there is no memory; and
  // ReleaseCache, __kmem_cache_release(), gives that back.
  virtual Task<bool> OpenCache(Cpu& /*cpu*/, CacheType& /*s*/) { return Task<bool>(true); }
  virtual Task<void> ReleaseCache(Cpu& /*cpu*/, CacheType& /*s*/) { return {}; }
  // A cache that was created is among the live ones.
  virtual Task<void> Opened(Cpu& /*cpu*/, CacheType& /*s*/) { return {}; }
  // __kmem_cache_shutdown(): all slabs go back.
  virtual Task<void> ShutDown(Cpu& cpu, CacheType& s) { return Shrink(cpu, s.id); }

  // --- A slab's beginning and end. REQUIRES, of both: all its objects are free. ---
  struct NewSlab {
    PhysAddr block;
    uint64_t objects = 0;
  };
  void EnterSlab(SlabType& slab, CacheType& s, const NewSlab& made) {
    slab.base = made.block;
    if constexpr (requires { slab.page; }) slab.page = machine_.PageStruct(made.block.frame());
    slab.cache = &s;
    slab.node = machine_.NodeOf(made.block);
    frames_.Enter(slab, OrderOf(slab));
    caches_.AccountSlab(s, BytesOf(slab), made.objects * s.geometry.size);
  }
  void LeaveSlab(const SlabType& slab, uint64_t objects) {
    frames_.Remove(slab, OrderOf(slab));
    caches_.UnaccountSlab(*slab.cache, BytesOf(slab), objects * slab.cache->geometry.size);
  }

  // --- What is said and checked. ---
  SlabInfoRow RowOf(const CacheType& s) const {
    return {.name = s.names.front(),
            .object_size = s.geometry.size,
            .objects_per_slab = s.geometry.objects,
            .pages_per_slab = uint32_t{1} << s.geometry.order};
  }
  // Aborts unless the footprint of all is the sum of the caches', of blocks and of `further`, and
  // slabs are where the frames say so.
  void CheckTotals(const Footprint& further = {}) const {
    Footprint total = caches_.SumOfCaches();
    total += further;
    kmalloc_.Fill(total);
    CHECK(total == caches_.total());
    uint64_t bytes = 0;
    for (const SlabType& slab : pool_.slabs()) {
      if (slab.cache == nullptr) continue;
      bytes += BytesOf(slab);
      CHECK(frames_.Has(slab, OrderOf(slab)));
    }
    CHECK_EQ(bytes, caches_.total().slab_bytes);
  }

  Machine& machine_;
  const AllocatorOptions options_;
  const Sites sites_;
  CacheTable<CacheType> caches_;
  KmallocFront kmalloc_;
  Pool pool_;
  SlabFrames<SlabType> frames_;
  CacheType* cache_cache_ = nullptr;  // kmem_cache

 private:
  // Of its pages: less than the cache's if memory was fragmented.
  static int OrderOf(const SlabType& slab) {
    if constexpr (requires { slab.order; }) {
      return slab.order;
    } else {
      return slab.cache->geometry.order;
    }
  }
  static uint64_t BytesOf(const SlabType& slab) { return kPageSize << OrderOf(slab); }
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_SLAB_COMMON_H_
