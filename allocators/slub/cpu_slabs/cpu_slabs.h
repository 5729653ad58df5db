// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CPU_SLABS_CPU_SLABS_H_
#define SLABLAB_ALLOCATORS_SLUB_CPU_SLABS_CPU_SLABS_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "allocators/slub/core/check.h"
#include "allocators/slub/core/core.h"
#include "base/check.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"

// SLUB's front to Linux 6.19: a slab of its own for each CPU.
//
// The idea. Each CPU owns one slab of each cache and takes objects from it without locks: it moves
// the slab's whole free list into its own structure (`top`), and pops and pushes there with a
// compare-and-exchange that only an interrupt of its own can make fail. Who frees an object of a
// slab that is not his CPU's pushes it onto the slab's own list, with a compare-and-exchange that
// other CPUs can make fail. Slabs that are partly free wait on the CPU's partial list, and behind
// it on the partial list of their node; only the latter needs a lock.
//
// Linux 6.1 freezes a slab as it leaves the node's list or gets its first free object; Linux 6.8
// only when it becomes a CPU's slab, so that slabs on a CPU's partial list change hands without a
// compare-and-exchange, and whoever finds one empty must ask, under the lock, whether it is listed.
//
// The structure: kmem_cache_cpu (CacheCpu), {freelist, tid}, the CPU's slab, its partial list.
// `frozen` means that a CPU owns the slab: only that CPU takes objects from it, and no list's lock
// is needed for it. `tid` grows with each operation of a CPU, so that a list that was changed and
// changed back is not taken for the same. The local lock of kmem_cache_cpu is "interrupts off".
//
// Invariants, besides the core's (allocators/slub/core/core.h).
//   1. A CPU's slab is frozen, and so are the slabs of its partial list where the era freezes them.
//   2. A CPU without a slab has no free list.
//   3. A slab on a CPU's partial list counts itself and those behind it, or all that were there
//      when it came.

namespace slablab {

class CpuSlabs {
 public:
  // `core` outlives it.
  explicit CpuSlabs(SlubCore& core) : core_(core) {}
  CpuSlabs(const CpuSlabs&) = delete;

  // One object for a user: slab_alloc_node().
  Task<Placement> Alloc(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  // One object of a user's: slab_free().
  Task<PathId> Free(Cpu& cpu, Slab& slab, PhysAddr object);
  Task<size_t> AllocBulk(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> objects);
  Task<void> FreeBulk(Cpu& cpu, KmemCache& /*s*/, absl::Span<PhysAddr> objects) {
    return KfreeBulk(cpu, objects);
  }
  // Of any caches, and blocks of whole pages among them.
  Task<void> KfreeBulk(Cpu& cpu, absl::Span<PhysAddr> objects);

  // --- For sheaves on top: objects that no user has (kInSheaf). ---
  Task<PathId> FreeTaken(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex object);
  // As many as are wanted, or none.
  Task<uint32_t> Refill(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into);
  // __kmem_cache_alloc_bulk(): all or none.
  Task<bool> AllocArray(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into);
  // __kmem_cache_free_bulk().
  Task<void> FreeArray(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects);
  // has_cpu_slab(): a look at another CPU's structure, without its leave.
  bool UsedOn(Cpu& cpu, KmemCache& s, CpuId id);
  // flush_cpu_slab(): the CPU that runs gives up its slab and its partial list.
  Task<void> FlushOn(Cpu& cpu, KmemCache& s);

  // kmem_cache_open() and __kmem_cache_release(), as far as they are the front's.
  Task<bool> Open(Cpu& cpu, KmemCache& s);
  Task<void> Close(Cpu& cpu, KmemCache& s);
  // flush_all(): every CPU on line that has anything, in order of number, one at a time.
  Task<void> FlushAll(Cpu& cpu, KmemCache& s);
  // __flush_cpu_slab(): for another CPU that is off line, or at boot for this one.
  Task<void> FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner);
  void Inspect(const KmemCache& s, SlubInspection& inspection) const;
  void Layers(const KmemCache& s, std::vector<CacheLayer>* layers) const;
  void Describe(const KmemCache& s, CacheContents* contents) const;

 private:
  // A slab with the objects that whoever got it may take from it.
  struct Loot {
    Slab* slab = nullptr;  // null: none was found
    ObjectIndex freelist = kNoObject;
    ObjectIndex single = kNoObject;  // of a cache with debugging: this alone
    SlubWay way{};
  };
  // What ___slab_alloc answers: an object that nobody has yet.
  struct Found {
    Slab* slab = nullptr;  // null: there is no memory
    ObjectIndex object = kNoObject;
    SlubWay way = SlubWay::kAllocFailed;
  };
  // What ___slab_alloc found of the CPU's slab.
  struct CpuSlabUse {
    enum class Result : uint8_t { kObject, kReread, kNewSlab } result;
    ObjectIndex object = kNoObject;
  };
  struct NextPartial {
    bool reread = false;
    Slab* slab = nullptr;
    ObjectIndex object = kNoObject;  // of the slab: taken already
  };
  // What a fast path found before its compare-and-exchange.
  struct FastAlloc {
    CacheCpu* c = nullptr;
    Slab* slab = nullptr;
    CpuTop top;
    ObjectIndex next = kNoObject;
  };
  struct FastFree {
    CacheCpu* c = nullptr;
    CpuTop top;
  };
  // A compare-and-exchange of a slab's word, and what came of one that may empty the slab.
  struct Change {
    SlabWord seen;
    SlabWord freed;
  };
  struct Emptied {
    bool done = false;
    SlubWay way{};
  };
  enum class Drain : bool { kNo, kYes };
  // Of a slab that was a CPU's.
  enum class Fate : uint8_t { kListed, kFull, kEmpty };

  // --- slub_cpu_slabs_alloc.cc: allocation, from the fast path down. ---
  Task<Placement> AllocFrom(Cpu& cpu, KmemCache& s, SlubAllocRequest request, FastAlloc fast,
                            bool serves);
  bool PrepareFastAlloc(Cpu& cpu, KmemCache& s, NodeId node, FastAlloc* fast);
  bool CommitFastAlloc(Cpu& cpu, KmemCache& s, const FastAlloc& fast);
  Task<Found> FindObject(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<CpuSlabUse> UseCpuSlab(Cpu& cpu, KmemCache& s, Slab& slab, NodeId* node);
  Task<ObjectIndex> GetFreelist(Cpu& cpu, KmemCache& s, Slab& slab);
  Task<NextPartial> TakeCpuPartial(Cpu& cpu, KmemCache& s, NodeId node);
  Task<Loot> FindSlab(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<Loot> SearchOnce(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<ObjectIndex> LoadSlab(Cpu& cpu, KmemCache& s, Loot loot);
  ObjectIndex LoadFreelist(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex freelist);
  bool NodeMatch(Cpu& cpu, const Slab& slab, NodeId node);

  // --- slub_cpu_slabs_partial.cc: partial lists of nodes and CPUs. ---
  Task<Loot> GetPartial(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<Loot> GetPartialNode(Cpu& cpu, KmemCache& s, NodeId node);
  Task<void> TakePartials(Cpu& cpu, KmemCache& s, CacheNode& n, Loot* found);
  Task<bool> AcquireSlab(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab, Loot* loot);
  Task<ObjectIndex> FreezeSlab(Cpu& cpu, KmemCache& s, Slab& slab);
  Task<bool> PutCpuPartial(Cpu& cpu, KmemCache& s, Slab& slab, Drain drain);
  Task<void> PutPartials(Cpu& cpu, KmemCache& s, Slab* list);
  Task<bool> PutOnto(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab);

  // --- slub_cpu_slabs_free.cc: freeing. ---
  Task<PathId> FreeChain(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain);
  Task<PathId> FreeObjects(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain);
  Task<PathId> FreeFrom(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain, FastFree fast);
  bool PrepareFastFree(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain, FastFree* fast);
  bool CommitFastFree(Cpu& cpu, const FastFree& fast, SlubChain chain);
  Task<PathId> FreeSlow(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain);
  Task<Emptied> FreeEmptying(Cpu& cpu, KmemCache& s, Slab& slab, Change change);

  // --- slub_cpu_slabs_flush.cc: what takes a CPU's slabs from it. ---
  Task<void> DeactivateSlab(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex freelist);
  Task<Fate> ThawUnderLock(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab, SlubChain local,
                           ListEnd end);
  Task<Fate> ThawThenList(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab, SlubChain local,
                          ListEnd end);
  SlabWord ThawedWord(Cpu& cpu, KmemCache& s, Slab& slab, const SlabWord& seen,
                      const SlubChain& local);
  SlubChain CountFreelist(Cpu& cpu, KmemCache& s, const Slab& slab, ObjectIndex freelist);

  // TID_STEP: above every CPU's number, so that no two CPUs' tids ever meet.
  static constexpr uint64_t kTidStep = 8192;

  SlubCore& core_;
};

// --- The fast paths. ---

// node_match().
inline bool CpuSlabs::NodeMatch(Cpu& cpu, const Slab& slab, NodeId node) {
  return node == kAnyNode || core_.NodeOf(cpu, slab) == node;
}

// What the fast path reads. Answers whether the CPU has a slab that serves.
inline bool CpuSlabs::PrepareFastAlloc(Cpu& cpu, KmemCache& s, NodeId node, FastAlloc* fast) {
  CacheCpu& c = core_.ThisCpu(cpu, s);
  fast->c = &c;
  fast->top = cpu.Load(c.top);
  fast->slab = cpu.Load(c.slab);
  if (fast->top.freelist == kNoObject || fast->slab == nullptr) return false;
  if (!NodeMatch(cpu, *fast->slab, node)) return false;
  fast->next = core_.LoadFreePointer(cpu, s, *fast->slab, fast->top.freelist);
  return true;
}

// And what it does with it, if that is still so.
inline bool CpuSlabs::CommitFastAlloc(Cpu& cpu, KmemCache& s, const FastAlloc& fast) {
  const CpuTop after = {.tid = fast.top.tid + kTidStep, .freelist = fast.next};
  if (!cpu.ThisCpuCmpxchgNow(fast.c->top, fast.top, after)) return false;
  core_.Count(cpu, *fast.c, SlubStat::kAllocFastpath);
  core_.HandOut(s, *fast.slab, fast.top.freelist);
  return true;
}

// slab_alloc_node(): the fast path takes the first object of the CPU's own list, without locks and
// without switching interrupts off. As long as nothing can come in between it needs no coroutine.
[[gnu::always_inline]] inline Task<Placement> CpuSlabs::Alloc(Cpu& cpu, KmemCache& s,
                                                              SlubAllocRequest request) {
  FastAlloc fast;
  bool serves;
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
    cpu.Execute(kSlubFastCycles);
    serves = PrepareFastAlloc(cpu, s, request.node, &fast);
    if (serves && cpu.MayProceed()) {
      CHECK(CommitFastAlloc(cpu, s, fast));
      const PhysAddr object = s.AddressOf(*fast.slab, fast.top.freelist);
      core_.ZeroIfAsked(cpu, s, request.gfp, object);
      return Task<Placement>(Placement{object, PathOf(SlubWay::kAllocFast)});
    }
  }
  return AllocFrom(cpu, s, request, fast, serves);
}

// What the fast path reads and links. Answers whether the slab is this CPU's.
inline bool CpuSlabs::PrepareFastFree(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain,
                                      FastFree* fast) {
  CacheCpu& c = core_.ThisCpu(cpu, s);
  fast->c = &c;
  fast->top = cpu.Load(c.top);
  if (cpu.Load(c.slab) != &slab) return false;
  core_.StoreFreePointer(cpu, s, slab, chain.tail, fast->top.freelist);
  return true;
}

inline bool CpuSlabs::CommitFastFree(Cpu& cpu, const FastFree& fast, SlubChain chain) {
  const CpuTop after = {.tid = fast.top.tid + kTidStep, .freelist = chain.head};
  if (!cpu.ThisCpuCmpxchgNow(fast.c->top, fast.top, after)) return false;
  core_.Count(cpu, *fast.c, SlubStat::kFreeFastpath,
              core_.policy().counts_bulk_objects ? chain.count : 1);
  return true;
}

// do_slab_free(): into the CPU's own slab without locks, the mirror image of the fast allocation.
// Inline, because that is what most frees are.
[[gnu::always_inline]] inline Task<PathId> CpuSlabs::FreeObjects(Cpu& cpu, KmemCache& s, Slab& slab,
                                                                 SlubChain chain) {
  FastFree fast;
  bool is_mine;
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
    cpu.Execute(kSlubFastCycles);
    is_mine = PrepareFastFree(cpu, s, slab, chain, &fast);
    if (is_mine && cpu.MayProceed()) {
      CHECK(CommitFastFree(cpu, fast, chain));
      return Task<PathId>(PathOf(SlubWay::kFreeFast));
    }
  }
  if (!is_mine) return FreeSlow(cpu, s, slab, chain);
  return FreeFrom(cpu, s, slab, chain, fast);
}

[[gnu::always_inline]] inline Task<PathId> CpuSlabs::FreeTaken(Cpu& cpu, KmemCache& s, Slab& slab,
                                                               ObjectIndex object) {
  return FreeObjects(cpu, s, slab, {.head = object, .tail = object, .count = 1});
}

// slab_free() of one object.
[[gnu::always_inline]] inline Task<PathId> CpuSlabs::Free(Cpu& cpu, Slab& slab, PhysAddr object) {
  KmemCache& s = *slab.cache;
  const ObjectIndex index = s.IndexOf(slab, object);
  core_.TakeBack(s, slab, index);
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
    cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
    if (core_.policy().every_free_builds_chain) {
      core_.LoadFreePointer(cpu, s, slab, index);
      core_.StoreFreePointer(cpu, s, slab, index, kNoObject);
    }
  }
  return FreeObjects(cpu, s, slab, {.head = index, .tail = index, .count = 1});
}

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CPU_SLABS_CPU_SLABS_H_
