// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_NODE_SLABS_NODE_SLABS_H_
#define SLABLAB_ALLOCATORS_SLUB_NODE_SLABS_NODE_SLABS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "allocators/cache_contents.h"
#include "allocators/slub/core/check.h"
#include "allocators/slub/core/core.h"
#include "allocators/slub/core/node_slabs_policy.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"

// SLUB as of Linux 7.0 and later without its sheaves: objects come straight from the slabs of the
// nodes' partial lists.
//
// The idea. No CPU owns a slab. One object is popped from the first slab of the node's partial
// list, under the list's lock; many are taken with the whole free lists of as many slabs as hold
// them, which leave the list for it. An object is freed onto its slab's own list with a
// compare-and-exchange; the list's lock is taken first where the slab may have to enter the partial
// list, because it was full, or to leave it, because it becomes empty.
//
// A slab is on its node's partial list; or full, on no list; or off the list for a moment, because
// someone empties it: who frees to it then leaves the lists alone.
//
// Invariants: the core's (allocators/slub/core/core.h). No slab is frozen.

namespace slablab {

class NodeSlabs {
 public:
  // `core` outlives it.
  explicit NodeSlabs(SlubCore& core);
  NodeSlabs(const NodeSlabs&) = delete;

  // ___slab_alloc(): one object for a user.
  Task<Placement> Alloc(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  // One object of a user's.
  Task<PathId> Free(Cpu& cpu, Slab& slab, PhysAddr object);
  Task<size_t> AllocBulk(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> objects);
  // kmem_cache_free_bulk(), kfree_bulk().
  Task<void> FreeBulk(Cpu& cpu, KmemCache& /*s*/, absl::Span<PhysAddr> objects) {
    return KfreeBulk(cpu, objects);
  }
  Task<void> KfreeBulk(Cpu& cpu, absl::Span<PhysAddr> objects);

  // --- For sheaves on top: objects that no user has (kInSheaf). ---
  Task<PathId> FreeTaken(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex object);
  // refill_objects(): as many as there is memory for.
  Task<uint32_t> Refill(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into);
  // __kmem_cache_alloc_bulk(): all or none.
  Task<bool> AllocArray(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into);
  // __kmem_cache_free_bulk(): counted nowhere.
  Task<void> FreeArray(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects);

  Task<bool> Open(Cpu& cpu, KmemCache& s);
  Task<void> Close(Cpu& cpu, KmemCache& s);
  // CPUs have nothing of their own.
  bool UsedOn(Cpu&, KmemCache&, CpuId) { return false; }
  Task<void> FlushOn(Cpu&, KmemCache&) { return {}; }
  Task<void> FlushAll(Cpu&, KmemCache&) { return {}; }
  Task<void> FlushCpuOf(Cpu&, KmemCache&, CpuId) { return {}; }
  void Inspect(const KmemCache&, SlubInspection&) const {}
  void Describe(const KmemCache&, CacheContents*) const {}
  void Layers(const KmemCache&, std::vector<CacheLayer>*) const {}

 private:
  // An object of a slab, or none.
  struct Found {
    Slab* slab = nullptr;
    ObjectIndex object = kNoObject;
    SlubWay way = SlubWay::kAllocFailed;
  };
  enum class Wait : bool { kTry, kSpin };

  // --- slub_node_slabs_alloc.cc. ---
  Task<Found> Find(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<Found> GetFromPartial(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<Found> GetFromNode(Cpu& cpu, KmemCache& s, NodeId node);
  Task<void> TakeFirst(Cpu& cpu, KmemCache& s, CacheNode& n, Found* found);
  Task<ObjectIndex> PopObject(Cpu& cpu, KmemCache& s, Slab& slab);
  Task<Slab*> NewSlab(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<uint32_t> TakeFromNew(Cpu& cpu, KmemCache& s, Slab& slab, absl::Span<PhysAddr> into);

  // --- slub_node_slabs_refill.cc. ---
  Task<uint32_t> RefillFromNode(Cpu& cpu, KmemCache& s, NodeId node, absl::Span<PhysAddr> into,
                                Wait wait);
  Task<uint32_t> RefillFromOthers(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> into);
  Task<Slab*> Detach(Cpu& cpu, CacheNode& n, uint32_t wanted, Wait wait);
  Task<uint32_t> Drain(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab, absl::Span<PhysAddr> into);
  Task<bool> PutBack(Cpu& cpu, CacheNode& n, KmemCache& s, Slab& slab, SlubChain rest);
  Task<void> ReturnUnneeded(Cpu& cpu, KmemCache& s, CacheNode& n, Slab* list);
  void LinkDetached(Cpu& cpu, Slab& slab, Slab* next);

  // --- slub_node_slabs_free.cc. ---
  Task<PathId> FreeChain(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain);
  SlubWay SettleList(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab, bool was_full);

  SlubCore& core_;
  const NodeSlabsPolicy& policy_;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_NODE_SLABS_NODE_SLABS_H_
