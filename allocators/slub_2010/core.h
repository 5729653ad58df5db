// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_2010_CORE_H_
#define SLABLAB_ALLOCATORS_SLUB_2010_CORE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/allocator.h"
#include "allocators/common/cache_table.h"
#include "allocators/common/kmalloc.h"
#include "allocators/common/slab_frames.h"
#include "allocators/options.h"
#include "allocators/percpu/areas.h"
#include "allocators/slub_2010/lock.h"
#include "allocators/slub_2010/structures.h"
#include "base/random.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/machine.h"

// What SLUB of 2010 and SLUB+Q, which was made from it, have in common: the lives of caches and
// slabs, the nodes' partial lists, kmalloc, boot. What a CPU keeps for itself and how the free
// objects of a slab are known is each model's own.
//
// Boot, in two forms.
//   static   The kernel before "slub: Dynamically size kmalloc cache allocations": kmalloc's caches
//            are two arrays in the kernel's image, dimensioned for MAX_NUMNODES nodes each; entry 0
//            is kmem_cache_node.
//   dynamic  With that patch (August 2010): struct kmem_cache comes from a cache of its own and has
//            as many node pointers as there can be nodes. The first two live in one block of the
//            page allocator's until there is a cache to copy them into.
// The patch's two faults are quirks; without them what it missed is made good.
//
// Not modelled, and why: what allocators/slub/slub.h says of SLUB, but that there are no memory
// reserves to treat specially in 2010. Tracking of full slabs (slub_debug=U) is debugging; the boot
// fix-up visits full slabs as if they were tracked.

namespace slablab {

// How a model of 2010 differs in what the core does.
struct Model2010 {
  SlubRules rules;
  CacheOffsets offsets;
  bool slab_locks = true;       // else what a slab says of itself is guarded by its node's lock
  bool uses_numa_mem = false;   // numa_mem_id() where 2.6.36 has numa_node_id()
  bool free_reads_page = true;  // kmem_cache_free() looks up what slab the object is of
};

class Slub2010Core : public Allocator {
 public:
  // MAX_NUMNODES: CONFIG_MAXSMP asked for the most there was in 2010 already.
  static constexpr int kMaxNumNodes = kPossibleNodesMax;
  // SLUB_PAGE_SHIFT: one more than the largest class's index.
  static constexpr int kSlubPageShift = KmallocTable::kShiftHigh + 1;

  absl::Span<const std::string_view> sites() const final;
  Task<void> Boot(Cpu& cpu) final;
  Task<absl::StatusOr<CacheId>> CreateCache(Cpu& cpu, const CacheSpec& spec) final;
  Task<void> DestroyCache(Cpu& cpu, CacheId id) final;
  Task<Placement> Kmalloc(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) final;
  Task<PathId> Kfree(Cpu& cpu, PhysAddr object) final;
  Task<PathId> Free(Cpu& cpu, CacheId id, PhysAddr object) final;

  int cache_count() const final { return caches_.count(); }
  CacheLayout Layout(CacheId id) const final;
  CacheId FindCache(std::string_view name) const final;
  Location Locate(PhysAddr object) const final;
  std::vector<Figure> Counters(CacheId id) const final;
  SlabInfoRow SlabInfo(CacheId id) const override;
  Footprint FootprintOf(CacheId id) const final { return cache(id).footprint; }
  const Footprint& TotalFootprint() const final { return caches_.total(); }
  const PercpuAreas* percpu_areas() const final { return areas_.get(); }
  absl::Status boot_status() const final { return boot_status_; }
  std::vector<Reference> References() const final;
  std::vector<std::string> KernelLog() const override;

  // What the code is doing (Ledger).
  enum class At : uint8_t;

 protected:
  struct AllocRequest {
    Gfp gfp = kGfpKernel;
    NodeId node = kAnyNode;
  };
  // A slab that the CPU has locked. Null: none.
  struct LockedSlab {
    Slab2010* slab = nullptr;
    SpinGuard guard;
  };

  Slub2010Core(Machine& machine, const AllocatorOptions& options, const Model2010& model);
  ~Slub2010Core() override;

  // --- What each model has of its own. ---
  virtual std::unique_ptr<Cache2010> NewCache() = 0;
  // Before the per-CPU structures are made: tunables' defaults.
  virtual void SetDefaults(Cache2010&) {}
  virtual uint32_t BytesPerCpu(const Cache2010& s) const = 0;
  // Once the per-CPU area is there.
  virtual void InitCpus(Cpu&, Cache2010&) {}
  // slab_state is UP: all kmalloc caches work.
  virtual Task<void> CachesAreUp(Cpu&) { co_return; }
  // A cache of its own begins or ends to be more than its slabs.
  virtual Task<void> Opened(Cpu&, Cache2010&) { co_return; }
  virtual Task<void> Closing(Cpu&, Cache2010&) { co_return; }
  virtual Slab2010& TakeRecord(uint32_t objects) = 0;
  virtual void GiveRecord(Slab2010& slab) = 0;
  virtual std::vector<Slab2010*> Slabs(const Cache2010& s) = 0;
  virtual bool IsCpuSlab(const Slab2010& slab) const = 0;
  // new_slab(): makes all objects of a slab that nobody else knows free.
  virtual void FillSlab(Cpu& cpu, Cache2010& s, Slab2010& slab) = 0;
  // early_kmem_cache_node_alloc(): takes an object of such a slab.
  virtual uint32_t TakeFirst(Cpu& cpu, Cache2010& s, Slab2010& slab) = 0;
  // Such a slab is now in the list of the node whose structure it holds.
  virtual void EarlyListed(Node2010&, Slab2010&) {}
  // Free objects on the slab, as its metadata says; without a look at the machine.
  virtual uint32_t FreeObjects(const Slab2010& slab) const = 0;
  // The same, with the touches it takes, and without any lock.
  virtual Task<uint32_t> CountFree(Cpu& cpu, const Slab2010& slab) = 0;
  // __SetPageSlubFrozen(), where slabs are frozen.
  virtual void Freeze(Cpu&, Slab2010&) {}
  // Whether a request that found nothing on its node goes no further.
  virtual bool StaysOnNode(const AllocRequest& request) const = 0;
  // slab_free() of an object that is the cache's.
  virtual Task<PathId> FreeObject(Cpu& cpu, Cache2010& s, Slab2010& slab, PhysAddr object) = 0;
  virtual Task<void> FlushAll(Cpu& cpu, Cache2010& s) = 0;
  virtual absl::Span<const FigureInfo> stat_infos() const = 0;
  virtual uint32_t StatOf(const Cache2010& s, CpuId cpu, int stat) const = 0;
  virtual void CountOrderFallback(Cpu& cpu, Cache2010& s) = 0;
  struct SpecialPaths {
    PathId alloc_failed = 0;
    PathId alloc_large = 0;
    PathId alloc_zero = 0;
    PathId free_large = 0;
    PathId free_null = 0;
  };
  virtual SpecialPaths special_paths() const = 0;

  // --- slub_2010_slab.cc: slabs and the nodes' lists. ---
  Task<LockedSlab> GetPartial(Cpu& cpu, Cache2010& s, AllocRequest request);
  Task<LockedSlab> GetPartialNode(Cpu& cpu, Cache2010& s, NodeId node);
  Task<LockedSlab> GetAnyPartial(Cpu& cpu, Cache2010& s);
  Task<Slab2010*> NewSlab(Cpu& cpu, Cache2010& s, AllocRequest request);
  Task<void> DiscardSlab(Cpu& cpu, Cache2010& s, Slab2010& slab);
  Task<void> AddToPartial(Cpu& cpu, Node2010& n, Slab2010& slab, ListEnd end);
  Task<void> RemoveFromPartial(Cpu& cpu, Node2010& n, Slab2010& slab);

  // --- slub_2010_shrink.cc. ---
  // The array of list heads that shrinking sorts slabs into. Null: there is no memory.
  Task<PhysAddr> AllocSlabsByInuse(Cpu& cpu, const Cache2010& s);
  // One node; answers how many slabs it freed.
  Task<uint32_t> ShrinkPartialList(Cpu& cpu, Cache2010& s, Node2010& n, PhysAddr heads);
  Task<void> ShrinkCache(Cpu& cpu, Cache2010& s);
  // order_store(): slabs from now on. Those that are there stay as they are.
  absl::Status SetOrder(Cpu& cpu, Cache2010& s, int64_t order);

  // --- slub_2010_report.cc. ---
  Figure PerNode(const FigureInfo& info, const std::vector<uint64_t>& values) const;
  // objects, objects_partial, partial, slabs, total_objects.
  std::vector<Figure> SlabFigures(const Cache2010& s) const;
  Figure PlainFigure(std::string_view name, uint64_t value) const;
  // What every model has: lists and counts of nodes (numbers 5 and 8 of each model's invariants),
  // frames and back pointers (7). `at_node` is told of each slab on a node's list.
  void CheckCore(const Cache2010& s, const std::function<void(const Slab2010&)>& at_node) const;
  void CheckTotals() const;

  // --- Small things on every path. ---
  Cache2010& cache(CacheId id) const { return caches_.at(id); }
  Node2010* GetNode(Cpu& cpu, Cache2010& s, NodeId node) {
    cpu.Touch(s.NodePointer(node), Access::kRead);
    return s.nodes[node.index()].get();
  }
  // page_to_nid().
  NodeId NodeOf(Cpu& cpu, const Slab2010& slab) {
    cpu.Touch(slab.Metadata(Slab2010::kFlagsAt), Access::kRead);
    return slab.node;
  }
  NodeId LocalMemoryNode(NodeId node) const { return machine_.FallbackOf(node).front(); }
  bool HasMemory(NodeId node) const { return machine_.config().memory[node.index()].frames > 0; }
  Slab2010* SlabOf(PhysAddr object) const { return frames_.Of(object); }
  // gfp_allowed_mask: a word that every CPU reads and boot alone writes.
  void ReadGfpMask(Cpu& cpu);
  bool HasQuirk(std::string_view quirk) const;
  void Log(std::string line) { log_.push_back(std::move(line)); }
  // An object goes to its user, or comes back from him.
  void AccountHandOut(Cache2010& s);
  void AccountTakeBack(Cache2010& s);
  // What the model needs for itself: by kmalloc(), or of one of its caches.
  Task<PhysAddr> KmallocOwn(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node);
  Task<PathId> KfreeOwn(Cpu& cpu, PhysAddr object);
  template <typename Change>
  void Account(Cache2010& s, Change change) {
    caches_.Account(s, change);
  }
  int nr_node_ids() const { return nr_node_ids_; }
  void Clear(Cpu& cpu, const Cache2010& s, PhysAddr object) const;

  Machine& machine_;
  // Of the records in use among `records`.
  template <typename Records>
  static std::vector<SlabPlace> PlacesOf(const Records& records) {
    std::vector<SlabPlace> places;
    for (const auto& slab : records) {
      if (slab.cache == nullptr) continue;
      places.push_back({.cache = slab.cache->id, .base = slab.base, .order = slab.order});
    }
    return places;
  }

  const AllocatorOptions options_;
  const Model2010 model_;
  LockClass* const list_lock_class_;
  LockClass* const slab_lock_class_;
  std::unique_ptr<PercpuAreas> areas_;
  absl::Status boot_status_;
  KmallocTable kmalloc_;
  KmallocLarge kmalloc_large_;
  CacheTable<Cache2010> caches_;
  Cache2010* node_cache_ = nullptr;
  Cache2010* cache_cache_ = nullptr;  // kmem_cache; null with the static boot
  bool up_ = false;                   // slab_state UP
  SlubLock slub_lock_;                // of the caches, and of what tunables replace

 private:
  friend class CoreInspection;

  // --- slub_2010_caches.cc. ---
  Task<absl::StatusOr<CacheId>> CreateLocked(Cpu& cpu, const CacheSpec& spec);
  Task<void> DestroyLocked(Cpu& cpu, CacheId id);
  Task<void> BootStatic(Cpu& cpu);
  Task<void> BootDynamic(Cpu& cpu);
  Task<void> OpenBootCache(Cpu& cpu, const CacheSpec& spec, PhysAddr at);
  Task<void> MoveBootCache(Cpu& cpu, Cache2010& s);
  void FixUpBootCache(Cpu& cpu, Cache2010& s);
  Task<void> CreateKmallocCaches(Cpu& cpu);
  Task<void> CreateKmallocCache(Cpu& cpu, const KmallocTable::Class& kmalloc_class);
  Task<PhysAddr> KmallocDescriptor(Cpu& cpu, const KmallocTable::Class& kmalloc_class);
  Task<void> DuplicateDmaCache(Cpu& cpu);
  Task<bool> OpenCache(Cpu& cpu, Cache2010& s);
  Task<bool> InitNodes(Cpu& cpu, Cache2010& s);
  Task<void> EarlyNodeAlloc(Cpu& cpu, NodeId node);
  Task<void> ReleaseCache(Cpu& cpu, Cache2010& s);
  Task<void> FreePartial(Cpu& cpu, Cache2010& s, Node2010& n);
  absl::StatusOr<SlubGeometry> GeometryOf(const CacheSpec& spec) const;
  Cache2010& AddCache(const CacheSpec& spec, const SlubGeometry& geometry);
  Cache2010* FindMergeable(const CacheSpec& spec, const SlubGeometry& geometry) const;
  uint64_t DescriptorBytes() const;

  // --- slub_2010_slab.cc. ---
  Slab2010& SetUpSlab(Cpu& cpu, Cache2010& s, PhysAddr block, int order);

  // --- slub_2010_kmalloc.cc. ---
  Task<PhysAddr> AllocOwn(Cpu& cpu, Cache2010& s, Gfp gfp, NodeId node);
  Task<PathId> FreeOwn(Cpu& cpu, Cache2010& s, PhysAddr object);
  // `object`, which may be null, was handed out to the model itself; it is about to be freed.
  void AddOwn(PhysAddr object);
  void RemoveOwn(PhysAddr object);
  Task<Placement> AllocLarge(Cpu& cpu, KmallocLarge::Request request);
  Task<PathId> FreeLarge(Cpu& cpu, PhysAddr block);

  const bool static_boot_;
  const int nr_node_ids_;
  bool down_ = true;  // slab_state DOWN: no node structure can be allocated yet
  PhysAddr kmalloc_table_;
  PhysAddr static_caches_;  // the arrays in the kernel's image
  uint64_t static_bytes_ = 0;
  PhysAddr gfp_allowed_mask_;
  PhysAddr temporary_;  // where the first two caches were until they moved
  Random random_;       // for get_any_partial's throttle
  SlabFrames<Slab2010> frames_;
  std::vector<std::string> log_;
};

// What the code is doing: the sites that these models charge, in the order of sites().
enum class Slub2010Core::At : uint8_t {
  kAllocFast = kFirstModelSite,
  kAllocSlow,
  kAllocNode,
  kGetPartial,
  kGetAnyPartial,
  kNewSlab,
  kDeactivate,
  kFreeFast,
  kFreeSlow,
  kFreeAlien,
  kShared,
  kDrain,
  kDiscard,
  kLarge,
  kFlush,
  kShrink,
  kExpire,
  kGfpMask,
  kCreate,
  kDestroy,
};
constexpr Site SiteOf(Slub2010Core::At at) { return static_cast<Site>(at); }

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_2010_CORE_H_
