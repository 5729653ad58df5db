// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLAB's allocation, from the CPU's array down to the page allocator.

#include <algorithm>

#include "allocators/slab/slab.h"
#include "allocators/slab/transfer.h"
#include "base/check.h"

namespace slablab {
namespace {

// A CPU whose array was not touched since the last reaping gets no more than this:
// BATCHREFILL_LIMIT.
constexpr uint32_t kQuietRefill = 16;

}  // namespace

// gfp_exact_node(): from this node or not at all, and without effort. In 2014 GFP_THISNODE, which
// does not keep from waiting.
Gfp SlabAllocator::ExactNode(Gfp gfp) const {
  if (!policy_.grows_without_waiting) {
    return gfp | Gfp::kThisNode | Gfp::kNoWarn | Gfp::kNoRetry;
  }
  return (gfp | Gfp::kThisNode | Gfp::kNoWarn) & ~(kGfpReclaim | Gfp::kNoFail);
}

// slab_alloc_node(): with interrupts off, the newest object of the CPU's array. As long as nothing
// can come in between it needs no coroutine.
Task<Placement> SlabAllocator::Alloc(Cpu& cpu, CacheId id, Gfp gfp, NodeId node) {
  SlabCache& s = cache(id);
  const AllocRequest request = {.gfp = gfp, .node = node};
  Found found{.way = Way::kAllocHit};
  IrqFlags flags;
  bool taken = false;
  {
    const SiteScope site(cpu, SiteOf(At::kAllocFast));
    cpu.Execute(kSlabFastCycles);
    flags = cpu.IrqSave();
    const bool local = node == kAnyNode || node == LocalMemoryNode(cpu);
    if (local) found.object = PopEntry(cpu, ThisArray(cpu, s));
    taken = !found.object.is_null() && !statistics_in_memory_;
    if (taken) {
      Count(cpu, s, SlabStat::kAllocHit);
      HandOut(s, found.object);
      cpu.IrqRestore(flags);
      if (cpu.MayProceed()) {
        ZeroIfAsked(cpu, s, gfp, found.object);
        return Task<Placement>(Placement{found.object, PathOf(found.way)});
      }
    }
  }
  if (taken) return AllocEnd(cpu, s, request, found);
  return AllocFrom(cpu, s, request, found, flags);
}

// The same from the array on, where counting a hit may take its time and a miss does.
Task<Placement> SlabAllocator::AllocFrom(Cpu& cpu, SlabCache& s, AllocRequest request, Found found,
                                         IrqFlags flags) {
  const SiteScope site(cpu, SiteOf(At::kAllocFast));
  if (found.object.is_null()) {
    found = co_await AllocSlow(cpu, s, request);
  } else {
    co_await CountAtomic(cpu, s, SlabStat::kAllocHit);
  }
  if (!found.object.is_null()) HandOut(s, found.object);
  co_await cpu.IrqRestore(flags);
  ZeroIfAsked(cpu, s, request.gfp, found.object);
  co_return Placement{found.object, PathOf(found.way)};
}

// The same from the end on: interrupts are as before, and something comes in.
Task<Placement> SlabAllocator::AllocEnd(Cpu& cpu, SlabCache& s, AllocRequest request, Found found) {
  const SiteScope site(cpu, SiteOf(At::kAllocFast));
  co_await cpu.Sync();
  ZeroIfAsked(cpu, s, request.gfp, found.object);
  co_return Placement{found.object, PathOf(found.way)};
}

// ____cache_alloc(), while there is something. Null if there is not.
PhysAddr SlabAllocator::PopEntry(Cpu& cpu, CpuArray& ac) {
  const uint32_t available = cpu.Load(ac.available);
  if (available == 0) return PhysAddr();
  cpu.Store(ac.touched, 1);
  cpu.Store(ac.available, available - 1);
  cpu.Touch({ac.entries.AddressOf(available - 1), Structure::kPerCpuArea}, Access::kRead);
  return ac.entries[available - 1];
}

// __do_cache_alloc() but for the hit: refill, and where the node has nothing, other nodes.
Task<SlabAllocator::Found> SlabAllocator::AllocSlow(Cpu& cpu, SlabCache& s, AllocRequest request) {
  const NodeId here = LocalMemoryNode(cpu);
  if (request.node == kAnyNode || request.node == here) {
    if (statistics_in_memory_) {
      co_await CountAtomic(cpu, s, SlabStat::kAllocMiss);
    } else {
      Count(cpu, s, SlabStat::kAllocMiss);
    }
    const Found found = co_await Refill(cpu, s, request.gfp);
    if (!found.object.is_null()) co_return found;
    request.node = here;
  } else if (GetNode(cpu, s, request.node) == nullptr) {
    const Found found = co_await FallBack(cpu, s, request.gfp);
    co_return found;
  }
  const Found found = co_await AllocOnNode(cpu, s, request);
  co_return found;
}

// cache_alloc_refill(): fills the CPU's array with a batch from the node, else with what a new slab
// has, and takes one of it.
Task<SlabAllocator::Found> SlabAllocator::Refill(Cpu& cpu, SlabCache& s, Gfp gfp) {
  const SiteScope site(cpu, SiteOf(At::kRefill));
  cpu.Execute(kSlabSlowCycles);
  CHECK(!cpu.irqs_enabled());
  const NodeId node = LocalMemoryNode(cpu);
  bool grew = false;
  for (;;) {
    CpuArray* ac = &ThisArray(cpu, s);
    CHECK_EQ(ac->available.Peek(), 0u);
    uint32_t want = cpu.Load(ac->batch_count);
    if (cpu.Load(ac->touched) == 0) want = std::min(want, kQuietRefill);
    SlabNode& n = *GetNode(cpu, s, node);
    const bool from_shared = co_await RefillFromNode(cpu, s, n, *ac, &want);
    Way way = from_shared ? Way::kAllocFromShared : Way::kAllocFromSlabs;
    if (cpu.Load(ac->available) == 0) {
      grew = true;
      SlabBlock* const slab = co_await GrowBegin(cpu, s, {.gfp = ExactNode(gfp), .node = node});
      // Interrupts may have been on meanwhile.
      ac = &ThisArray(cpu, s);
      if (slab != nullptr && policy_.takes_from_unlisted && cpu.Load(ac->available) == 0) {
        AllocBlock<Unlisted>(cpu, s, *ac, *slab, want);
      }
      co_await GrowEnd(cpu, s, slab);
      if (cpu.Load(ac->available) == 0) {
        if (slab != nullptr && !policy_.takes_from_unlisted) continue;
        co_return Found{.way = Way::kAllocFailed};
      }
    }
    if (grew) way = Way::kAllocGrow;
    const PhysAddr object = PopEntry(cpu, *ac);
    co_return Found{.object = object, .way = way};
  }
}

// cache_alloc_refill(), under the node's lock: from the shared array, or if it has nothing from
// partial slabs, then free ones. Answers whether it was from the shared array; `want` is what is
// still wanted.
Task<bool> SlabAllocator::RefillFromNode(Cpu& cpu, SlabCache& s, SlabNode& n, CpuArray& ac,
                                         uint32_t* want) {
  if (policy_.looks_before_locking) {
    SharedArray* const seen = co_await cpu.LoadUnlocked(n.shared);
    const uint64_t free_objects = co_await cpu.LoadUnlocked(n.free_objects);
    if (free_objects == 0) {
      if (seen == nullptr) co_return false;
      const uint32_t available = co_await cpu.LoadUnlocked(seen->available);
      if (available == 0) co_return false;
    }
  }
  const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
  SharedArray* const shared = cpu.Load(n.shared);
  if (shared != nullptr && TransferObjects(cpu, ac, *shared, *want) > 0) {
    co_await cpu.Store(shared->touched, 1);
    co_return true;
  }
  while (*want > 0) {
    const FirstSlab first = co_await GetFirstSlab(cpu, n);
    if (first.slab == nullptr) break;
    *want = AllocBlock<Listed>(cpu, s, ac, *first.slab, *want);
    FixUpList(cpu, s, n, *first.slab, first.list);
  }
  const uint64_t free_objects = cpu.Load(n.free_objects);
  cpu.Store(n.free_objects, free_objects - cpu.Load(ac.available));
  co_return false;
}

// get_first_slab(): the first partial slab, else the first free one, which is then no longer
// counted as free.
Task<SlabAllocator::FirstSlab> SlabAllocator::GetFirstSlab(Cpu& cpu, SlabNode& n) {
  if (SlabBlock* const slab = cpu.Load(n.partial.first); slab != nullptr) {
    co_return FirstSlab{slab, &n.partial};
  }
  co_await cpu.Store(n.free_touched, true);
  SlabBlock* const slab = cpu.Load(n.free.first);
  if (slab == nullptr) co_return FirstSlab{};
  Adjust(cpu, n.free_slabs, -1);
  co_return FirstSlab{slab, &n.free};
}

// alloc_block(): up to `want` objects of one slab into the CPU's array. Answers how many are still
// wanted.
template <typename Reach>
uint32_t SlabAllocator::AllocBlock(Cpu& cpu, SlabCache& s, CpuArray& ac, SlabBlock& slab,
                                   uint32_t want) {
  const uint32_t left = s.geometry.objects - slab.active.Peek();
  CHECK_GT(left, 0u);
  const uint32_t count = std::min(left, want);
  const uint32_t at = cpu.Load(ac.available);
  for (uint32_t i = 0; i < count; ++i) {
    Count(cpu, s, SlabStat::kListAllocs);
    CountActive(cpu, s);
    ac.entries[at + i] = TakeFromSlab<Reach>(cpu, s, slab);
  }
  TouchEntries(cpu, ac.entries, {.first = at, .count = count}, Access::kWrite);
  cpu.Store(ac.available, at + count);
  return want - count;
}

// slab_get_obj().
template <typename Reach>
PhysAddr SlabAllocator::TakeFromSlab(Cpu& cpu, SlabCache& s, SlabBlock& slab) {
  const uint32_t active = Reach::Load(cpu, slab.active);
  const PhysAddr freelist = Reach::Load(cpu, slab.freelist);
  CHECK_LT(active, s.geometry.objects);
  cpu.Touch({freelist + active, Structure::kFreePointer}, Access::kRead);
  cpu.Execute(kSlabPerObjectCycles);
  const PhysAddr object = s.AddressOf(slab, slab.indices[active]);
  Reach::Store(cpu, slab.active, active + 1);
  return object;
}

// ____cache_alloc_node(): one object of a certain node, not by way of any array.
Task<SlabAllocator::Found> SlabAllocator::AllocOnNode(Cpu& cpu, SlabCache& s,
                                                      AllocRequest request) {
  const SiteScope site(cpu, SiteOf(At::kAllocNode));
  cpu.Execute(kSlabSlowCycles);
  SlabNode& n = *GetNode(cpu, s, request.node);
  const AllocRequest exact{.gfp = ExactNode(request.gfp), .node = request.node};
  bool grew = false;
  for (;;) {
    {
      const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
      const FirstSlab first = co_await GetFirstSlab(cpu, n);
      if (first.slab != nullptr) {
        Count(cpu, s, SlabStat::kNodeAllocs);
        CountActive(cpu, s);
        const PhysAddr object = TakeFromSlab<Listed>(cpu, s, *first.slab);
        cpu.Store(n.free_objects, cpu.Load(n.free_objects) - 1);
        FixUpList(cpu, s, n, *first.slab, first.list);
        co_return Found{.object = object, .way = grew ? Way::kAllocNodeGrow : Way::kAllocNodeSlab};
      }
    }
    SlabBlock* const slab = co_await GrowBegin(cpu, s, exact);
    PhysAddr object;
    // Neither counted as active nor as taken from the node.
    if (slab != nullptr && policy_.takes_from_unlisted) {
      object = TakeFromSlab<Unlisted>(cpu, s, *slab);
    }
    co_await GrowEnd(cpu, s, slab);
    if (!object.is_null()) co_return Found{.object = object, .way = Way::kAllocNodeGrow};
    if (slab == nullptr) break;
    grew = true;
  }
  const Found found = co_await FallBack(cpu, s, request.gfp);
  co_return found;
}

// fallback_alloc(): the nodes in fallback order that have free objects; then a slab from wherever
// the page allocator finds pages.
Task<SlabAllocator::Found> SlabAllocator::FallBack(Cpu& cpu, SlabCache& s, Gfp gfp) {
  if (Has(gfp, Gfp::kThisNode)) co_return Found{.way = Way::kAllocFailed};
  const AllocRequest exact{.gfp = ExactNode(gfp)};
  for (;;) {
    for (NodeId node : machine_.FallbackOf(cpu.node())) {
      SlabNode* const n = GetNode(cpu, s, node);
      if (n == nullptr) continue;
      const uint64_t free_objects = co_await cpu.LoadUnlocked(n->free_objects);
      if (free_objects == 0) continue;
      Found found = co_await AllocOnNode(cpu, s, {.gfp = exact.gfp, .node = node});
      found.way = Way::kAllocFallback;
      if (!found.object.is_null()) co_return found;
    }
    SlabBlock* const slab = co_await GrowBegin(cpu, s, {.gfp = gfp, .node = LocalMemoryNode(cpu)});
    if (slab == nullptr) co_return Found{.way = Way::kAllocFailed};
    const NodeId node = slab->node;
    co_await GrowEnd(cpu, s, slab);
    Found found = co_await AllocOnNode(cpu, s, {.gfp = exact.gfp, .node = node});
    found.way = Way::kAllocFallback;
    if (!found.object.is_null()) co_return found;
    // Others were faster.
  }
}

}  // namespace slablab
