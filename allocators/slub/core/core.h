// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_CORE_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_CORE_H_

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "allocators/allocator.h"
#include "allocators/common/slab_common.h"
#include "allocators/options.h"
#include "allocators/percpu/areas.h"
#include "allocators/slub/core/obj_exts.h"
#include "allocators/slub/core/policy.h"
#include "allocators/slub/core/slub_lock.h"
#include "allocators/slub/core/structures.h"
#include "allocators/slub/core/ways.h"
#include "base/random.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/machine.h"
#include "sim/pages/page_allocator.h"

// SLUB (mm/slub.c, mm/slab_common.c), as far as every era has it: slabs, the nodes' partial lists,
// the lives of caches, kmalloc, what is said in sysfs.
//
// The idea. A slab is a block of pages cut into objects of one size; its free objects are a list
// through the objects themselves. Slabs that are partly free wait on the partial list of their
// node, which a lock guards. What a CPU keeps in front of these lists, so that most operations need
// no lock, is the era's front (allocators/slub/model.h).
//
// The structures (allocators/slub/core/structures.h).
//   KmemCache   one cache: sizes, tunables, a CacheCpu for each CPU, a CacheNode for each node
//   CacheCpu    what the front has of it on one CPU, and the counters
//   CacheNode   the partial list of a node, its lock, how many slabs there are
//   Slab        the first struct page of a slab: {freelist, inuse, objects, frozen}, list links
//   SlabObjExts which memory cgroup each of a slab's objects is charged to (ObjExts)
// A pair that the kernel compares and exchanges as one is here also loaded as one.
//
// Lock order. kmem_cache_node->list_lock, then the zone's lock (a slab's pages are freed and
// allocated outside of list_lock, so they never meet). slab_mutex is not modelled: creating,
// destroying, tuning and hotplug calls must come one at a time. SLUB of 2010 has slab_lock() before
// list_lock, gives pages back under it, and before all takes slub_lock, asleep if need be.
//
// Invariants (between operations; CheckInvariants cites the numbers).
//   1. Every slab is in exactly one place: the front's, its own node's partial list, or, if it has
//      no free object, nowhere; or it is empty and waits for a grace period.
//   2. A slab is frozen if and only if the front says so.
//   3. Free lists are acyclic and complete: every object is in use, or on its slab's list (or in
//      its bitmap), or in the front's hands, and in only one of these.
//   4. inuse is the number of the objects that are not on the slab's own list.
//   5. A node's nr_partial is the length of its partial list, and nr_slabs and total_objects count
//      the cache's slabs that lie on the node, but for those that wait for a grace period.
//   6. Each frame of a slab leads to it, and no other frame does; in 2010 it names its cache.
//   7. The footprint is what adding up all slabs gives.
//   8. What is charged to a memory cgroup is not free.
//
// Not modelled, and why.
//   What debugging (red zones, poison, tracks) writes and checks: only the layout, and from Linux
//     6.2 on that such caches hand out single objects under list_lock. SLUB of 6.1 takes no such
//     cache.
//   Memory reserves (pfmemalloc): no workload here swaps over the network.
//   Preemption and migration within an operation: work stays on its CPU. Interrupts are there.
//   Memory hotplug; cpusets; mempolicies of whole pages by kmalloc.
//   Prefetches of the next free pointer: they hide latency that the machine charges at its use.
//   Waking of other CPUs' work items all at once: flushing visits CPUs one after another.

namespace slablab {

class SlubInspection;

// Objects of one slab, linked by their free pointers.
struct SlubChain {
  ObjectIndex head = kNoObject;
  ObjectIndex tail = kNoObject;
  uint16_t count = 0;
};

struct SlubAllocRequest {
  Gfp gfp = kGfpKernel;
  NodeId node = kAnyNode;
  // Of a new slab: its objects are linked only in the host's records, until LinkObjects.
  bool links_later = false;
  // The node came from the task's policy, which is asked once more below the sheaves.
  bool applies_policy_again = false;
};

class SlubCore : public SlabCommon<KmemCache, Slab, SlubSlabs> {
 public:
  std::string_view name() const final { return policy_.name; }
  absl::Span<const std::string_view> sites() const final { return policy_.sites(); }
  absl::Span<const PathInfo> paths() const final { return policy_.ways.infos(); }

  Task<void> Boot(Cpu& cpu) final;
  Task<absl::StatusOr<CacheId>> CreateCache(Cpu& cpu, const CacheSpec& spec) final;
  Task<void> DestroyCache(Cpu& cpu, CacheId id) final;
  Task<void> Shrink(Cpu& cpu, CacheId id) final;
  Task<void> CpuDead(Cpu& cpu, CpuId dead) final;
  Task<bool> CpuComing(Cpu& cpu, CpuId coming) override;
  Task<absl::Status> Tune(Cpu& cpu, CacheId id, std::string_view key, int64_t value) final;

  CacheLayout Layout(CacheId id) const final;
  std::vector<Figure> Counters(CacheId id) const final;
  std::vector<Figure> State(CacheId id) const final;
  SlabInfoRow SlabInfo(CacheId id) const final;
  CacheContents Contents(CacheId id) const final;
  void AddLayers(CacheId id, std::vector<CacheLayer>* layers) const final;
  Offers offers() const final;
  const PercpuAreas* percpu_areas() const final { return areas_.get(); }
  absl::Status boot_status() const final { return boot_status_; }
  std::vector<Reference> References() const final;
  std::vector<std::string> KernelLog() const final;
  void CheckInvariants() const final;

  // --- What the front builds on: a slab's life. ---
  // Null if there is no memory. The slab is in no list and, but in 2010, counted nowhere; all its
  // objects are on its own list.
  Task<Slab*> NewSlab(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  // Writes the free pointers of a new slab's objects from `first` on.
  void LinkObjects(Cpu& cpu, KmemCache& s, Slab& slab, uint32_t first) const;
  // Whoever has a new slab counts it so, where NewSlab has not.
  Task<void> CountSlab(Cpu& cpu, KmemCache& s, const Slab& slab);
  Task<void> DiscardSlab(Cpu& cpu, KmemCache& s, Slab& slab);
  // A cache's constructor is taken to write each object once.
  void ConstructObjects(Cpu& cpu, const KmemCache& s, const Slab& slab) const;

  // --- Of the nodes' partial lists: under list_lock. ---
  // __add_partial() and remove_partial(), with the mark in the page's flags where the era has it.
  void AddPartial(Cpu& cpu, CacheNode& n, Slab& slab, ListEnd end) const;
  void RemovePartial(Cpu& cpu, CacheNode& n, Slab& slab) const;

  // --- Of caches with debugging: whose objects come and go one by one, under list_lock. ---
  // The first object of a slab in the node's list: alloc_single_from_partial(). REQUIRES: the lock.
  ObjectIndex TakeSingle(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab);
  // The first object of a new slab, which is then in its node's list and counted.
  Task<ObjectIndex> TakeSingleOfNew(Cpu& cpu, KmemCache& s, Slab& slab);
  // free_to_partial_list().
  Task<PathId> FreeSingles(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain);

  // --- Of 2010: kmem_cache_shrink(). ---
  // The array of list heads that a shrinking of one list sorts slabs into. Null: no memory.
  Task<PhysAddr> AllocSlabsByInuse(Cpu& cpu, const KmemCache& s);
  Task<void> ShrinkPartialList(Cpu& cpu, KmemCache& s, CacheNode& n, PhysAddr heads);

  // --- Of a cache's life. ---
  // The node structures.
  Task<bool> InitNodes(Cpu& cpu, KmemCache& s);
  // An area for all possible CPUs, entered in `field` of struct kmem_cache; and its end.
  Task<bool> AllocPercpu(Cpu& cpu, KmemCache& s, Settled<PercpuArea>* field,
                         const PercpuRequest& request);
  Task<void> FreePercpu(Cpu& cpu, KmemCache& s, Settled<PercpuArea>* field);
  uint32_t counter_bytes() const {
    return options_.statistics ? static_cast<uint32_t>(counters_.size()) * SlubCpuCounters::kBytes
                               : 0;
  }
  Task<PathId> KfreeOwn(Cpu& cpu, PhysAddr object) final;

  // --- Of bulk operations. ---
  // Objects of a request that lie in one slab: struct detached_freelist.
  struct Detached {
    Slab* slab = nullptr;  // null: it is a block of whole pages, the last of the request
    SlubChain chain;       // the last of the array is its tail
    size_t left = 0;       // of the request
  };
  // REQUIRES: nobody has the objects any more.
  Detached BuildDetachedFreelist(Cpu& cpu, absl::Span<PhysAddr> objects);
  // kmem_cache_free_bulk() and kfree_bulk() without sheaves: users give back objects of any caches,
  // and blocks of whole pages. Objects of one slab are freed together, as far as a short look finds
  // them, and the hooks turn each such chain round: Task free_chain(Slab&, SlubChain) has it then.
  template <typename FreeChain>
  Task<void> FreeSlabBySlab(Cpu& cpu, absl::Span<PhysAddr> objects, FreeChain free_chain);
  // slab_free_freelist_hook(): builds the chain anew, and so in the opposite order.
  void ReverseChain(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain* chain) const;
  // Users give back these objects, of whichever caches; not their blocks of whole pages.
  void TakeBackAll(absl::Span<const PhysAddr> objects);

  // A block of whole pages.
  Task<PathId> FreeLarge(Cpu& cpu, PhysAddr block) { return kmalloc_.FreeLarge(cpu, block); }

  // --- Small things on every path. ---
  const SlubPolicy& policy() const { return policy_; }
  PercpuAreas& areas() const { return *areas_; }
  void Log(std::string line) { log_.push_back(std::move(line)); }
  SlubLock& slub_lock() { return slub_lock_; }
  bool is_up() const { return up_; }  // slab_state UP: all kmalloc caches work
  int nr_node_ids() const { return nr_node_ids_; }
  // Whether the era has such a counter.
  bool Counts(SlubStat stat) const { return is_counted_[static_cast<size_t>(stat)]; }
  // gfp_allowed_mask of 2010: a word that every CPU reads and boot alone writes.
  void ReadGfpMask(Cpu& cpu) const {
    const SiteScope site(cpu, SiteOf(SlubAt::kGfpMask));
    cpu.Touch({gfp_allowed_mask_, Structure::kCacheDescriptor}, Access::kRead);
  }
  // this_cpu_ptr(s->cpu_slab).
  CacheCpu& ThisCpu(Cpu& cpu, KmemCache& s) const {
    cpu.Load(s.cpu_slab);
    return On(s, cpu.id());
  }
  CacheCpu& On(KmemCache& s, CpuId id) const {
    CacheCpu& c = s.cpus[id.index()];
    if (!c.placed) [[unlikely]] {
      PlaceCpu(s, id);
    }
    return c;
  }
  // get_node().
  CacheNode* GetNode(Cpu& cpu, KmemCache& s, NodeId node) const {
    cpu.Touch(s.NodePointer(node), Access::kRead);
    return s.nodes[node.index()].get();
  }
  // slab_nid(): the node stands in the page's flags.
  NodeId NodeOf(Cpu& cpu, const Slab& slab) const {
    cpu.Touch(slab.Metadata(Slab::kFlagsAt), Access::kRead);
    return slab.node;
  }
  // mempolicy_slab_node(): where the task's policy turns first; its next turn, if it takes turns.
  NodeId PolicyNode(Cpu& cpu) const;
  // With slab_strict_numa: the node that an object has to come from; kAnyNode: as without.
  NodeId StrictNode(Cpu& cpu) const;
  SlubAllocRequest ApplyStrictNuma(Cpu& cpu, const KmemCache& s, SlubAllocRequest request) const;
  // Whether single objects are looked at besides: by ApplyStrictNuma(), or obj_exts().
  bool has_hooks() const { return has_hooks_; }
  ObjExts& obj_exts() { return obj_exts_; }
  // get_any_partial()'s throttle, which the kernel takes from the cycle counter.
  bool MayLookElsewhere(Cpu& cpu, KmemCache& s) {
    const uint32_t ratio = cpu.Load(s.remote_node_defrag_ratio);
    return ratio != 0 && random_.Below(1024) <= ratio;
  }
  // stat() and stat_add(): on the CPU that runs.
  void Count(Cpu& cpu, KmemCache& s, SlubStat stat, uint32_t by = 1) const {
    Count(cpu, On(s, cpu.id()), stat, by);
  }
  void Count(Cpu& cpu, CacheCpu& c, SlubStat stat, uint32_t by = 1) const {
    if (!options_.statistics) return;
    const int place = counter_places_[static_cast<size_t>(stat)];
    c.counters.values[static_cast<size_t>(place)] += by;
    cpu.Touch({c.counters.AddressOf(place), Structure::kPerCpuArea}, Access::kWrite);
  }
  // get_freepointer() and set_freepointer(): the cache says where, the object what.
  ObjectIndex LoadFreePointer(Cpu& cpu, KmemCache& s, const Slab& slab, ObjectIndex object) const {
    cpu.Load(s.offset);
    cpu.Touch(s.FreePointer(slab, object), Access::kRead);
    return slab.free_pointer[object];
  }
  void StoreFreePointer(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex object,
                        ObjectIndex next) const {
    cpu.Load(s.offset);
    cpu.Touch(s.FreePointer(slab, object), Access::kWrite);
    slab.free_pointer[object] = next;
  }
  // An object goes to its user, or comes back from him.
  void HandOut(KmemCache& s, Slab& slab, ObjectIndex object);
  void TakeBack(KmemCache& s, Slab& slab, ObjectIndex object);

 protected:
  SlubCore(Machine& machine, const AllocatorOptions& options, const SlubPolicy& policy);

  // --- The front's part (allocators/slub/model.h). ---
  // Node structures and the front's own, in the era's order. Answers false, with what it got still
  // there, if there is no memory.
  virtual Task<bool> OpenFront(Cpu& cpu, KmemCache& s) = 0;
  virtual Task<void> CloseFront(Cpu& cpu, KmemCache& s) = 0;
  // Every CPU on line that has anything gives it to the slabs.
  virtual Task<void> FlushAll(Cpu& cpu, KmemCache& s) = 0;
  // The same of a CPU that is off line, or at boot of this one.
  virtual Task<void> FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner) = 0;
  // kvfree_rcu_barrier_on_cache(): what waits for a grace period is freed.
  virtual Task<void> RcuBarrier(Cpu& /*cpu*/, KmemCache& /*s*/) { return {}; }
  // What the nodes have besides their partial lists goes to the slabs, after a grace period if the
  // cache is to be destroyed.
  enum class Ending : bool { kNo, kYes };
  virtual Task<void> EmptyBarns(Cpu& /*cpu*/, KmemCache& /*s*/, Ending /*ending*/) { return {}; }
  // A cache's structure is about to be filled in, as far as the front has a part in it; again, if
  // it turns out to be for DMA.
  virtual void BeginCache(KmemCache& /*s*/) {}
  // All objects of a new slab, which nobody else knows, become free.
  virtual void FillSlab(Cpu& cpu, KmemCache& s, Slab& slab, const SlubAllocRequest& request);
  // early_kmem_cache_node_alloc(): takes an object of such a slab; and the slab is then in the list
  // of the node whose structure it holds.
  virtual ObjectIndex TakeFirst(Cpu& cpu, KmemCache& s, Slab& slab);
  virtual void EarlyListed(CacheNode& /*n*/, Slab& /*slab*/) {}
  // All kmalloc caches are there.
  virtual Task<void> CachesAreUp(Cpu& /*cpu*/) { return {}; }
  // Free objects of a listed slab, with the touches that it takes, and without the slab's lock.
  virtual Task<uint32_t> CountFree(Cpu& cpu, const Slab& slab);
  // Once all kmalloc caches are there. False: there is no memory.
  virtual Task<bool> BootstrapKmalloc(Cpu& /*cpu*/, KmemCache& /*s*/) { return Task<bool>(true); }
  // Of a tunable of the front's own, whose value is in its range.
  virtual Task<absl::Status> TuneFront(Cpu& /*cpu*/, KmemCache& /*s*/, std::string_view /*key*/,
                                       int64_t /*value*/) {
    return Task<absl::Status>(absl::OkStatus());
  }
  virtual bool has_prefilled_sheaves() const = 0;
  virtual void FillContents(const KmemCache& s, CacheContents* contents) const = 0;
  // Files of sysfs that the front has. Answers whether it has, with all that it wants said.
  virtual bool FillState(const KmemCache& /*s*/, std::vector<Figure>* /*figures*/) const {
    return false;
  }
  virtual void FillSlabInfo(const KmemCache& /*s*/, SlabInfoRow* /*row*/) const {}
  // Of a cache that lives.
  virtual void FillLayers(const KmemCache& s, std::vector<CacheLayer>* layers) const = 0;
  // Claims what the front holds.
  virtual void InspectFront(const KmemCache& s, SlubInspection& inspection) const = 0;

 private:
  friend class SlubInspection;
  friend struct RcuSlab;

  // --- slub_slab.cc: a slab's life. ---
  Slab& SetUpSlab(Cpu& cpu, KmemCache& s, const SlubAllocRequest& request, PhysAddr block,
                  int order);
  Task<void> CountNewSlab(Cpu& cpu, KmemCache& s, const Slab& slab);
  Task<void> CountSlabOn(Cpu& cpu, CacheNode& n, const Slab& slab);
  Task<void> UncountSlab(Cpu& cpu, KmemCache& s, const Slab& slab);
  Task<void> FreeSlab(Cpu& cpu, KmemCache& s, Slab& slab);
  Task<void> CallRcuSlab(Cpu& cpu, KmemCache& s, Slab& slab);
  Task<void> RcuFreeSlab(Cpu& cpu, RcuSlab& waited);
  Task<void> ReleasePages(Cpu& cpu, KmemCache& s, Slab& slab);
  Task<PhysAddr> AllocPages(Cpu& cpu, const PageRequest& request);
  Task<PhysAddr> AllocPagesBy(Cpu& cpu, PageRequest request, MemoryPolicy& policy);

  // --- slub_control.cc: shrink, tune. ---
  Task<void> ShrinkNode(Cpu& cpu, KmemCache& s, CacheNode& n);
  void ClearCounter(Cpu& cpu, KmemCache& s, std::string_view name);

  Task<void> ShrinkByInuse(Cpu& cpu, KmemCache& s);
  Task<absl::Status> TuneOne(Cpu& cpu, KmemCache& s, std::string_view key, int64_t value);
  absl::Status SetOrder(Cpu& cpu, KmemCache& s, int64_t order);

  // --- slub_caches.cc: caches' lives. ---
  absl::StatusOr<SlubGeometry> GeometryOf(const CacheSpec& spec) const final;
  KmemCache* FindMergeable(const CacheSpec& spec, const SlubGeometry& geometry) const final;
  Task<PhysAddr> AllocDescriptor(Cpu& cpu, Gfp gfp) final;
  Task<void> FreeDescriptor(Cpu& cpu, PhysAddr descriptor) final;
  KmemCache& AddCache(const CacheSpec& spec, const SlubGeometry& geometry) final;
  Task<bool> OpenCache(Cpu& cpu, KmemCache& s) final;
  Task<void> ReleaseCache(Cpu& cpu, KmemCache& s) final;
  Task<void> ShutDown(Cpu& cpu, KmemCache& s) final;
  uint64_t DescriptorBytes() const;
  bool MayMergeCache(const CacheSpec& spec) const;
  Task<void> ShutdownNode(Cpu& cpu, KmemCache& s, CacheNode& n);
  void PlaceCpu(KmemCache& s, CpuId id) const;
  uint64_t PercpuBytes(const PercpuArea& area) const;
  bool AsksForSheaves(const CacheSpec& spec) const;

  // --- slub_boot_2010.cc. ---
  Task<void> Boot2010(Cpu& cpu);
  Task<void> BootStatic(Cpu& cpu);
  Task<void> BootDynamic(Cpu& cpu);
  Task<void> OpenBootCache(Cpu& cpu, const CacheSpec& spec, PhysAddr at);
  Task<void> MoveBootCache(Cpu& cpu, KmemCache& s);
  void FixUpBootCache(Cpu& cpu, KmemCache& s);
  Task<void> CreateKmallocCaches2010(Cpu& cpu);
  Task<void> DuplicateDmaCache(Cpu& cpu);
  Task<PhysAddr> KmallocDescriptor(Cpu& cpu, const KmallocTable::Class& kmalloc_class);
  uint64_t StaticEntryBytes() const;

  // --- slub_boot.cc. ---
  Task<void> CreateKmallocCache(Cpu& cpu, const KmallocTable::Class& kmalloc_class,
                                PhysAddr descriptor);
  Task<bool> EarlyNodeAlloc(Cpu& cpu, NodeId node);
  Task<bool> Bootstrap(Cpu& cpu, KmemCache& s);
  void Panic(std::string_view cache);
  Task<void> CreateKmallocCaches(Cpu& cpu);

  const SlubPolicy policy_;
  const SlubRules rules_;  // the policy's, with the boot parameters
  const absl::Span<const SlubStat> counters_;
  std::array<uint8_t, kSlubStats> counter_places_{};  // by counter: its place in `counters_`
  std::array<bool, kSlubStats> is_counted_{};
  const bool defrag_always_;
  LockClass* const list_lock_class_;
  LockClass* const slab_lock_class_;  // null: slabs have no locks
  const int nr_node_ids_;
  const bool strict_numa_;
  ObjExts obj_exts_;
  const bool has_hooks_;
  std::unique_ptr<PercpuAreas> areas_;
  absl::Status boot_status_;
  bool lacks_area_ = false;  // a cache was not created since there is no per-CPU memory for it
  Random random_;            // for MayLookElsewhere
  KmemCache* node_cache_ = nullptr;  // kmem_cache_node
  bool down_ = true;                 // slab_state DOWN: no node structure can be allocated yet
  bool up_ = false;
  std::vector<std::unique_ptr<RcuSlab>> rcu_slabs_;  // all that there ever were
  std::vector<RcuSlab*> rcu_slabs_free_;
  std::vector<std::string> log_;
  // Of 2010.
  PhysAddr gfp_allowed_mask_;
  SlubLock slub_lock_;
  PhysAddr static_caches_;  // the arrays in the kernel's image
  uint64_t static_bytes_ = 0;
  PhysAddr temporary_;  // where the first two caches were until they moved
};

inline void SlubCore::HandOut(KmemCache& s, Slab& slab, ObjectIndex object) {
  CHECK(slab.free_pointer[object] != kInUse);
  slab.free_pointer[object] = kInUse;
  caches_.HandOut(s);
}

inline void SlubCore::TakeBack(KmemCache& s, Slab& slab, ObjectIndex object) {
  CHECK(slab.free_pointer[object] == kInUse);  // Else it is free already.
  slab.free_pointer[object] = kNoObject;
  caches_.TakeBack(s);
}

template <typename FreeChain>
Task<void> SlubCore::FreeSlabBySlab(Cpu& cpu, absl::Span<PhysAddr> objects, FreeChain free_chain) {
  const SiteScope site(cpu, SiteOf(SlubAt::kBulkFree));
  cpu.Execute(kSlubFastCycles);
  TakeBackAll(objects);
  while (!objects.empty()) {
    Detached detached = BuildDetachedFreelist(cpu, objects);
    if (detached.slab == nullptr) {
      co_await FreeLarge(cpu, objects.back());
    } else {
      ReverseChain(cpu, *detached.slab->cache, *detached.slab, &detached.chain);
      co_await free_chain(*detached.slab, detached.chain);
    }
    objects = objects.subspan(0, detached.left);
  }
}

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_CORE_H_
