// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Slabs of 2010 and the nodes' lists of partial ones.

#include "allocators/slub_2010/core.h"
#include "base/check.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

// GFP_RECLAIM_MASK | GFP_CONSTRAINT_MASK: all of a request that its slab is made with.
constexpr Gfp kNewSlabMask = kGfpReclaim | Gfp::kHigh | Gfp::kIo | Gfp::kFs | Gfp::kNoWarn |
                             Gfp::kRetryMayFail | Gfp::kNoFail | Gfp::kNoRetry | Gfp::kNoMemalloc |
                             Gfp::kAtomic | Gfp::kHardwall | Gfp::kThisNode;
constexpr Cycles kPerObjectCycles = 1;

}  // namespace

// get_partial(): the node asked for, or the nearest; then any.
Task<Slub2010Core::LockedSlab> Slub2010Core::GetPartial(Cpu& cpu, Cache2010& s,
                                                        AllocRequest request) {
  NodeId nearest = request.node;
  if (nearest == kAnyNode) {
    nearest = model_.uses_numa_mem ? LocalMemoryNode(cpu.node()) : cpu.node();
  }
  LockedSlab found = co_await GetPartialNode(cpu, s, nearest);
  if (found.slab == nullptr && !StaysOnNode(request)) found = co_await GetAnyPartial(cpu, s);
  co_return found;
}

// get_partial_node() and lock_and_freeze_slab(): the first slab of the list whose lock is free. A
// slab's lock is taken before list_lock; here, where it is the other way round, it is only tried.
Task<Slub2010Core::LockedSlab> Slub2010Core::GetPartialNode(Cpu& cpu, Cache2010& s, NodeId node) {
  const SiteScope site(cpu, SiteOf(At::kGetPartial));
  LockedSlab found;
  Node2010* const n = GetNode(cpu, s, node);
  if (n == nullptr) co_return found;
  const uint64_t nr_partial = co_await cpu.LoadUnlocked(n->nr_partial);
  if (nr_partial == 0) co_return found;
  const SpinGuard guard = co_await n->list_lock.Acquire(cpu);
  for (Slab2010* slab = cpu.Load(n->first); slab != nullptr; slab = cpu.Load(slab->list_next)) {
    found.guard = co_await slab->lock.TryAcquire(cpu);
    if (!found.guard) continue;
    RemovePartial(cpu, *n, *slab);
    Freeze(cpu, *slab);
    found.slab = slab;
    break;
  }
  co_return found;
}

// get_any_partial(): nodes in fallback order that have more partial slabs than they should keep.
Task<Slub2010Core::LockedSlab> Slub2010Core::GetAnyPartial(Cpu& cpu, Cache2010& s) {
  const SiteScope site(cpu, SiteOf(At::kGetAnyPartial));
  LockedSlab found;
  const uint32_t ratio = cpu.Load(s.remote_node_defrag_ratio);
  // The kernel throttles by the cycle counter.
  if (ratio == 0 || random_.Below(1024) > ratio) co_return found;
  for (NodeId node : machine_.FallbackOf(cpu.node())) {
    Node2010* const n = GetNode(cpu, s, node);
    if (n == nullptr) continue;
    const uint64_t nr_partial = co_await cpu.LoadUnlocked(n->nr_partial);
    if (nr_partial <= cpu.Load(s.min_partial)) continue;
    found = co_await GetPartialNode(cpu, s, node);
    if (found.slab != nullptr) break;
  }
  co_return found;
}

// add_partial() and remove_partial(). REQUIRES: interrupts are off, and the slab is locked or
// otherwise kept from others.
Task<void> Slub2010Core::AddToPartial(Cpu& cpu, Node2010& n, Slab2010& slab, ListEnd end) {
  const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
  AddPartial(cpu, n, slab, end);
}

Task<void> Slub2010Core::RemoveFromPartial(Cpu& cpu, Node2010& n, Slab2010& slab) {
  const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
  RemovePartial(cpu, n, slab);
}

// new_slab(): a block of the wanted order if one is to be had without trouble, else the least.
Task<Slab2010*> Slub2010Core::NewSlab(Cpu& cpu, Cache2010& s, AllocRequest request) {
  const SiteScope site(cpu, SiteOf(At::kNewSlab));
  const SlubGeometry& geometry = s.geometry;
  const Gfp gfp = (request.gfp & kNewSlabMask) | s.alloc_flags;
  cpu.Touch(s.Field(Cache2010::kOrderAt), Access::kRead);
  int order = geometry.order;
  const PageRequest wanted{.order = order,
                           .node = request.node,
                           .gfp = (gfp | Gfp::kNoWarn | Gfp::kNoRetry) & ~Gfp::kNoFail};
  PhysAddr block = co_await machine_.pages().Alloc(cpu, wanted);
  if (block.is_null()) {
    order = geometry.min_order;
    const PageRequest least{.order = order, .node = request.node, .gfp = gfp};
    block = co_await machine_.pages().Alloc(cpu, least);
    if (block.is_null()) co_return nullptr;
    CountOrderFallback(cpu, s);
  }
  Slab2010& slab = SetUpSlab(cpu, s, block, order);
  // inc_slabs_node(); the very first slab of all will hold its node's structure itself.
  if (Node2010* const n = GetNode(cpu, s, slab.node); n != nullptr) {
    co_await cpu.AddReturn(n->nr_slabs, 1);
    co_await cpu.AddReturn(n->total_objects, slab.objects);
  }
  co_return &slab;
}

Slab2010& Slub2010Core::SetUpSlab(Cpu& cpu, Cache2010& s, PhysAddr block, int order) {
  const uint64_t bytes = kPageSize << order;
  const uint32_t objects = SlubObjectsIn(order, s.geometry.size, model_.rules);
  Slab2010& slab = TakeRecord(objects);
  slab.page = machine_.PageStruct(block.frame());
  slab.lock = SpinLock(slab_lock_class_, {slab.page + Slab2010::kFlagsAt, Structure::kLock});
  slab.base = block;
  slab.cache = &s;
  slab.cache_at = s.address;
  slab.node = machine_.NodeOf(block);
  slab.order = static_cast<uint8_t>(order);
  slab.objects = objects;
  frames_.Enter(slab, order);
  cpu.Touch(slab.Metadata(Slab2010::kCountsAt), Access::kWrite);
  cpu.Touch(slab.Metadata(Slab2010::kCacheAt), Access::kWrite);
  cpu.Touch(slab.Metadata(Slab2010::kFlagsAt), Access::kWrite);
  if (s.spec.has_constructor) {
    // Taken to write each object once.
    for (uint32_t i = 0; i < objects; ++i) Clear(cpu, s, s.AddressOf(slab, i));
  }
  FillSlab(cpu, s, slab);
  cpu.Execute(objects * kPerObjectCycles);
  const uint64_t usable = uint64_t{objects} * s.geometry.size;
  caches_.AccountSlab(s, bytes, usable);
  return slab;
}

// discard_slab(). REQUIRES: nobody can reach the slab, and all its objects are free.
Task<void> Slub2010Core::DiscardSlab(Cpu& cpu, Cache2010& s, Slab2010& slab) {
  const SiteScope site(cpu, SiteOf(At::kDiscard));
  CHECK_EQ(FreeObjects(slab), slab.objects);
  CHECK(!slab.lock.held());
  // dec_slabs_node().
  Node2010* const n = GetNode(cpu, s, NodeOf(cpu, slab));
  co_await cpu.AddReturn(n->nr_slabs, uint64_t{0} - 1);
  co_await cpu.AddReturn(n->total_objects, uint64_t{0} - slab.objects);
  // free_slab().
  const PhysAddr block = slab.base;
  const int order = slab.order;
  cpu.Touch(slab.Metadata(Slab2010::kFlagsAt), Access::kWrite);
  frames_.Remove(slab, order);
  const uint64_t bytes = kPageSize << order;
  const uint64_t usable = uint64_t{slab.objects} * s.geometry.size;
  caches_.UnaccountSlab(s, bytes, usable);
  GiveRecord(slab);
  co_await machine_.pages().Free(cpu, block, order);
}

}  // namespace slablab
