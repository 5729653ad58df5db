// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A slab's life in SLAB: made, put into lists, destroyed.

#include <memory>
#include <utility>

#include "allocators/slab/slab.h"
#include "base/check.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

// GFP_RECLAIM_MASK and GFP_CONSTRAINT_MASK (mm/internal.h): all of a request that its slab is made
// with.
constexpr Gfp kReclaimMask = kGfpReclaim | Gfp::kHigh | Gfp::kIo | Gfp::kFs | Gfp::kNoWarn |
                             Gfp::kRetryMayFail | Gfp::kNoFail | Gfp::kNoRetry | Gfp::kNoMemalloc |
                             Gfp::kAtomic;
constexpr Gfp kConstraintMask = Gfp::kHardwall | Gfp::kThisNode;

}  // namespace

// cache_grow_begin(): a new slab, in no list yet. Interrupts are on meanwhile if the request may
// sleep. REQUIRES: interrupts are off. Null if there are no pages.
Task<SlabBlock*> SlabAllocator::GrowBegin(Cpu& cpu, SlabCache& s, AllocRequest request) {
  const SiteScope site(cpu, SiteOf(At::kGrow));
  const Gfp gfp = request.gfp & (kReclaimMask | kConstraintMask);
  const bool may_sleep = Has(gfp, Gfp::kDirectReclaim);
  uint32_t colour = 0;
  // Where pages may come from other nodes, the colour has to wait until there are any.
  const bool colour_first = !policy_.advances_colour_first && Has(gfp, Gfp::kThisNode);
  if (colour_first) colour = co_await NextColour(cpu, s, *GetNode(cpu, s, request.node));
  if (may_sleep) co_await cpu.IrqRestore(IrqFlags::kWereOn);
  // kmem_getpages().
  cpu.Touch(s.At(SlabCache::kOrderAt), Access::kRead);
  const PageRequest pages{
      .order = s.geometry.order, .node = request.node, .gfp = gfp | s.alloc_flags};
  const PhysAddr block = co_await machine_.pages().Alloc(cpu, pages);
  SlabBlock* slab = nullptr;
  if (!block.is_null()) {
    slab = &SetUpSlab(s, block);
    cpu.Touch(slab->Metadata(SlabBlock::kFlagsAt), Access::kWrite);
    if (!colour_first) colour = co_await NextColour(cpu, s, *slab->home);
    slab->first_object = block + uint64_t{colour} * s.geometry.colour_step;
    const PhysAddr freelist = co_await PlaceFreelist(cpu, s, *slab, gfp & ~kConstraintMask);
    if (freelist.is_null()) {
      co_await FreePages(cpu, s, *slab);
      slab = nullptr;
    } else {
      InitObjects(cpu, s, *slab, freelist);
    }
  }
  if (may_sleep) cpu.IrqSave();
  co_return slab;
}

// The first object's place changes from slab to slab, so that not all slabs' objects are in the
// same sets of the caches. Without the lock, others may change the next colour meanwhile.
Task<uint32_t> SlabAllocator::NextColour(Cpu& cpu, SlabCache& s, SlabNode& n) {
  SpinGuard guard;
  IrqFlags flags = IrqFlags::kWereOff;
  if (!policy_.advances_colour_first) {
    flags = cpu.IrqSave();
    guard = co_await n.list_lock.Acquire(cpu);
  }
  cpu.Touch(s.At(SlabCache::kColourAt), Access::kRead);
  const uint32_t seen = co_await cpu.Load(n.colour_next);
  const uint32_t next = seen + 1 >= s.geometry.colours ? 0 : seen + 1;
  co_await cpu.Store(n.colour_next, next);
  if (policy_.advances_colour_first) co_return next;
  guard.Unlock();
  co_await cpu.IrqRestore(flags);
  co_return seen;
}

// alloc_slabmgmt(): where the slab's list is, and behind it, in 2014, the objects. Null if it would
// have to be elsewhere and there is no memory.
Task<PhysAddr> SlabAllocator::PlaceFreelist(Cpu& cpu, SlabCache& s, SlabBlock& slab, Gfp gfp) {
  cpu.Touch(slab.Metadata(SlabBlock::kFirstObjectAt), Access::kWrite);
  cpu.Touch(slab.Metadata(SlabBlock::kActiveAt), Access::kWrite);
  if (s.geometry.freelist == FreelistPlacement::kOffSlab) {
    const PhysAddr freelist = co_await KmallocOwn(cpu, s.geometry.freelist_size, gfp, slab.node);
    co_return freelist;
  }
  if (!policy_.list_in_objects) {
    const PhysAddr freelist = slab.first_object;
    slab.first_object = freelist + s.geometry.freelist_size;
    co_return freelist;
  }
  if (s.geometry.freelist == FreelistPlacement::kOnSlab) {
    co_return slab.base + ((kPageSize << s.geometry.order) - s.geometry.freelist_size);
  }
  co_return s.AddressOf(slab, s.geometry.objects - 1);
}

SlabBlock& SlabAllocator::SetUpSlab(SlabCache& s, PhysAddr block) {
  SlabBlock& slab = pool_.Take();
  EnterSlab(slab, s, {.block = block, .objects = s.geometry.objects});
  slab.home = s.nodes[slab.node.index()].get();
  CHECK(slab.home != nullptr);
  slab.in_use.fill(0);
  slab.next_to_destroy = nullptr;
  const SpinLock* const lock = &slab.home->list_lock;
  slab.list_next = Guarded<SlabBlock*>(lock, slab.Metadata(SlabBlock::kListAt));
  slab.list_previous = Guarded<SlabBlock*>(lock, slab.Metadata(SlabBlock::kListAt + 8));
  slab.freelist = Guarded<PhysAddr>(lock, slab.Metadata(SlabBlock::kFreelistAt));
  slab.active = Guarded<uint32_t>(lock, slab.Metadata(SlabBlock::kActiveAt));
  return slab;
}

// cache_init_objs(): free objects are given out in order of address.
void SlabAllocator::InitObjects(Cpu& cpu, SlabCache& s, SlabBlock& slab, PhysAddr freelist) {
  cpu.Touch(slab.Metadata(SlabBlock::kCacheAt), Access::kWrite);
  Unlisted::Store(cpu, slab.freelist, freelist);
  for (uint32_t i = 0; i < s.geometry.objects; ++i) {
    // A constructor is taken to write the object once.
    if (s.spec.has_constructor) {
      cpu.TouchRange({s.AddressOf(slab, i), Structure::kObject}, s.geometry.object_size,
                     Access::kWrite);
    }
    slab.indices[i] = static_cast<uint8_t>(i);
  }
  cpu.TouchRange({freelist, Structure::kFreePointer}, s.geometry.freelist_size, Access::kWrite);
  cpu.Execute(s.geometry.objects * kSlabPerObjectCycles);
}

// cache_grow_end(): enters a new slab in its node's lists.
Task<void> SlabAllocator::GrowEnd(Cpu& cpu, SlabCache& s, SlabBlock* slab) {
  if (slab == nullptr) co_return;
  const SiteScope site(cpu, SiteOf(At::kGrow));
  CHECK(!cpu.irqs_enabled());
  SlabNode& n = *GetNode(cpu, s, slab->node);
  const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
  Adjust(cpu, n.total_slabs, 1);
  const uint32_t active = cpu.Load(slab->active);
  if (active == 0) {
    AddTail(cpu, n.free, *slab);
    Adjust(cpu, n.free_slabs, 1);
  } else {
    FixUpList(cpu, s, n, *slab, nullptr);
  }
  Count(cpu, s, SlabStat::kGrown);
  cpu.Store(n.free_objects, cpu.Load(n.free_objects) + s.geometry.objects - active);
}

// fixup_slab_list(): a slab that objects were taken from goes to the full list, or to the front of
// the partial one. A full slab's list is no longer in an object: it is a user's now. `from`: the
// list that it is in; null: in none.
void SlabAllocator::FixUpList(Cpu& cpu, SlabCache& s, SlabNode& n, SlabBlock& slab,
                              SlabList* from) {
  if (from != nullptr) Unlink(cpu, *from, slab);
  if (cpu.Load(slab.active) < s.geometry.objects) {
    AddHead(cpu, n.partial, slab);
    return;
  }
  AddHead(cpu, n.full, slab);
  if (s.geometry.freelist == FreelistPlacement::kInObject) {
    cpu.Store(slab.freelist, PhysAddr());
  }
}

// list_add().
void SlabAllocator::AddHead(Cpu& cpu, SlabList& list, SlabBlock& slab) {
  SlabBlock* const next = cpu.Load(list.first);
  cpu.Store(next == nullptr ? list.last : next->list_previous, &slab);
  cpu.Store(slab.list_next, next);
  cpu.Store(slab.list_previous, nullptr);
  cpu.Store(list.first, &slab);
}

// list_add_tail().
void SlabAllocator::AddTail(Cpu& cpu, SlabList& list, SlabBlock& slab) {
  SlabBlock* const previous = cpu.Load(list.last);
  cpu.Store(list.last, &slab);
  cpu.Store(slab.list_next, nullptr);
  cpu.Store(slab.list_previous, previous);
  cpu.Store(previous == nullptr ? list.first : previous->list_next, &slab);
}

// list_del().
void SlabAllocator::Unlink(Cpu& cpu, SlabList& list, SlabBlock& slab) {
  SlabBlock* const next = cpu.Load(slab.list_next);
  SlabBlock* const previous = cpu.Load(slab.list_previous);
  cpu.Store(next == nullptr ? list.last : next->list_previous, previous);
  cpu.Store(previous == nullptr ? list.first : previous->list_next, next);
}

// slabs_destroy().
Task<void> SlabAllocator::DestroySlabs(Cpu& cpu, SlabCache& s, DoomedSlabs doomed) {
  while (doomed.first != nullptr) {
    SlabBlock& slab = *doomed.first;
    cpu.Touch(slab.Metadata(SlabBlock::kListAt), Access::kRead);
    doomed.first = slab.next_to_destroy;
    co_await DestroySlab(cpu, s, slab);
  }
}

// slab_destroy(): the pages go back, of a typesafe_by_rcu cache after a grace period, and the list
// at once, if it has an object of its own.
Task<void> SlabAllocator::DestroySlab(Cpu& cpu, SlabCache& s, SlabBlock& slab) {
  const SiteScope site(cpu, SiteOf(At::kDestroySlab));
  CHECK_EQ(slab.active.Peek(), 0u);
  const PhysAddr freelist = Unlisted::Load(cpu, slab.freelist);
  if (s.spec.typesafe_by_rcu) {
    co_await CallRcuSlab(cpu, s, slab);
  } else {
    co_await FreePages(cpu, s, slab);
  }
  if (s.geometry.freelist == FreelistPlacement::kOffSlab) co_await KfreeOwn(cpu, freelist);
}

// call_rcu().
Task<void> SlabAllocator::CallRcuSlab(Cpu& cpu, SlabCache& s, SlabBlock& slab) {
  if (rcu_slabs_free_.empty()) {
    rcu_slabs_free_.push_back(
        rcu_slabs_.emplace_back(std::make_unique<RcuSlabBlock>(*this)).get());
  }
  RcuSlabBlock& waits = *rcu_slabs_free_.back();
  rcu_slabs_free_.pop_back();
  waits.slab = &slab;
  slab.waits_for_rcu = true;
  ++s.rcu_slabs;
  const uint64_t usable = uint64_t{s.geometry.objects} * s.geometry.size;
  Account(s, [usable](Footprint& footprint) { footprint.rcu_free_bytes += usable; });
  co_await machine_.rcu().Call(cpu, waits);
}

Task<void> RcuSlabBlock::RunCallback(Cpu& cpu) { return allocator.RcuFreeSlab(cpu, *this); }

// kmem_rcu_free().
Task<void> SlabAllocator::RcuFreeSlab(Cpu& cpu, RcuSlabBlock& waited) {
  const SiteScope site(cpu, SiteOf(At::kRcuFree));
  cpu.Execute(kSlabFastCycles);
  SlabBlock& slab = *std::exchange(waited.slab, nullptr);
  rcu_slabs_free_.push_back(&waited);
  CHECK(slab.waits_for_rcu);
  slab.waits_for_rcu = false;
  cpu.Touch(slab.Metadata(SlabBlock::kCacheAt), Access::kRead);
  SlabCache& s = *slab.cache;
  --s.rcu_slabs;
  const uint64_t usable = uint64_t{s.geometry.objects} * s.geometry.size;
  Account(s, [usable](Footprint& footprint) { footprint.rcu_free_bytes -= usable; });
  co_await FreePages(cpu, s, slab);
}

// kmem_freepages(). REQUIRES: nobody can reach the slab.
Task<void> SlabAllocator::FreePages(Cpu& cpu, SlabCache& s, SlabBlock& slab) {
  for (uint64_t word : slab.in_use) CHECK_EQ(word, 0u);
  const PhysAddr block = slab.base;
  cpu.Touch(slab.Metadata(SlabBlock::kFlagsAt), Access::kWrite);
  LeaveSlab(slab, s.geometry.objects);
  pool_.Give(slab);
  co_await machine_.pages().Free(cpu, block, s.geometry.order);
}

// drain_freelist(): frees free slabs from the list's end, each under the lock for itself. Answers
// how many.
Task<uint64_t> SlabAllocator::DrainFreelist(Cpu& cpu, SlabCache& s, SlabNode& n,
                                            uint64_t slabs_max) {
  uint64_t freed = 0;
  while (freed < slabs_max) {
    SlabBlock* const seen = co_await cpu.LoadUnlocked(n.free.first);
    if (seen == nullptr) break;
    SlabBlock* slab = nullptr;
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
      slab = cpu.Load(n.free.last);
      if (slab != nullptr) {
        Unlink(cpu, n.free, *slab);
        Adjust(cpu, n.free_slabs, -1);
        Doom(cpu, s, n);
      }
    }
    co_await cpu.IrqRestore(flags);
    if (slab == nullptr) break;
    co_await DestroySlab(cpu, s, *slab);
    ++freed;
  }
  co_return freed;
}

}  // namespace slablab
