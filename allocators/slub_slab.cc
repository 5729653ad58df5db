// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A slab's life in SLUB: made, deactivated, discarded.

#include "allocators/slub.h"
#include "sim/check.h"
#include "sim/page_allocator.h"

namespace slablab {
namespace {

// GFP_RECLAIM_MASK | GFP_CONSTRAINT_MASK (mm/internal.h): all of a request that its slab is made
// with.
constexpr Gfp kNewSlabMask = kGfpReclaim | Gfp::kHigh | Gfp::kIo | Gfp::kFs | Gfp::kNoWarn |
                             Gfp::kRetryMayFail | Gfp::kNoFail | Gfp::kNoRetry | Gfp::kNoMemalloc |
                             Gfp::kAtomic | Gfp::kHardwall | Gfp::kThisNode;

}  // namespace

// allocate_slab(): a block of the wanted order if one is to be had without trouble, else the least.
Task<Slab*> Slub::NewSlab(Cpu& cpu, KmemCache& s, AllocRequest request) {
  const SiteScope site(cpu, SiteOf(At::kNewSlab));
  const SlubGeometry& geometry = s.geometry;
  const Gfp gfp = (request.gfp & kNewSlabMask) | s.alloc_flags;
  Gfp careless = (gfp | Gfp::kNoWarn | Gfp::kNoRetry) & ~Gfp::kNoFail;
  if (Has(gfp, Gfp::kDirectReclaim) && geometry.order > geometry.min_order) {
    careless = (careless | Gfp::kNoMemalloc) & ~kGfpReclaim;
  }
  cpu.Touch({s.address + KmemCache::kOrderAt, Structure::kCacheDescriptor}, Access::kRead);
  int order = geometry.order;
  const PageRequest wanted{.order = order, .node = request.node, .gfp = careless};
  PhysAddr block = co_await machine_.pages().Alloc(cpu, wanted);
  if (block.is_null()) {
    order = geometry.min_order;
    const PageRequest least{.order = order, .node = request.node, .gfp = gfp};
    block = co_await machine_.pages().Alloc(cpu, least);
    if (block.is_null()) co_return nullptr;
    Count(cpu, s, SlubStat::kOrderFallback);
  }
  co_return &SetUpSlab(cpu, s, block, order);
}

// allocate_slab() once it has the pages: all objects in a list, in order of address.
Slab& Slub::SetUpSlab(Cpu& cpu, KmemCache& s, PhysAddr block, int order) {
  const uint64_t bytes = kPageSize << order;
  const auto objects = static_cast<uint16_t>(bytes / s.geometry.size);
  Slab& slab = pool_.Take(objects);
  const PhysAddr page = machine_.PageStruct(block.frame());
  const SlabWord word = {.freelist = 0, .inuse = 0, .objects = objects, .frozen = false};
  slab.word = Racy<SlabWord>({page + Slab::kWordAt, Structure::kSlabMetadata}, word);
  slab.base = block;
  slab.cache = &s;
  slab.node = machine_.NodeOf(block);
  slab.order = static_cast<uint8_t>(order);
  slab.serial = ++slabs_made_;
  for (uint64_t frame = 0; frame < uint64_t{1} << order; ++frame) {
    CHECK(slab_of_frame_[block.frame() + frame] == nullptr);
    slab_of_frame_[block.frame() + frame] = &slab;
  }
  cpu.Touch(slab.Metadata(Slab::kFlagsAt), Access::kWrite);
  cpu.Touch(slab.Metadata(Slab::kCacheAt), Access::kWrite);
  cpu.Touch(slab.word.place(), Access::kWrite);
  for (ObjectIndex i = 0; i < objects; ++i) {
    // A constructor is taken to write the object once.
    if (s.spec.has_constructor) {
      cpu.TouchRange({s.AddressOf(slab, i), Structure::kObject}, s.geometry.object_size,
                     Access::kWrite);
    }
    StoreFreePointer(cpu, s, slab, i,
                     i + 1 < objects ? static_cast<ObjectIndex>(i + 1) : kNoObject);
  }
  cpu.Execute(objects * kSlubPerObjectCycles);
  const uint64_t usable = uint64_t{objects} * s.geometry.size;
  Account(s, [=](Footprint& footprint) {
    ++footprint.slabs;
    footprint.slab_bytes += bytes;
    footprint.free_bytes += usable;
    footprint.tail_bytes += bytes - usable;
  });
  return slab;
}

// inc_slabs_node().
Task<void> Slub::CountSlab(Cpu& cpu, KmemCache& s, const Slab& slab) {
  CacheNode* const n = GetNode(cpu, s, slab.node);
  if (n == nullptr) co_return;  // The very first slab will hold this node's structure.
  co_await cpu.AddReturn(n->nr_slabs, 1);
  co_await cpu.AddReturn(n->total_objects, slab.word.Peek().objects);
}

// dec_slabs_node().
Task<void> Slub::UncountSlab(Cpu& cpu, KmemCache& s, const Slab& slab) {
  CacheNode* const n = GetNode(cpu, s, NodeOf(cpu, slab));
  const uint64_t objects = slab.word.Peek().objects;
  co_await cpu.AddReturn(n->nr_slabs, uint64_t{0} - 1);
  co_await cpu.AddReturn(n->total_objects, uint64_t{0} - objects);
}

// discard_slab().
Task<void> Slub::DiscardSlab(Cpu& cpu, KmemCache& s, Slab& slab) {
  co_await UncountSlab(cpu, s, slab);
  co_await FreeSlab(cpu, s, slab);
}

// free_slab(): the pages go back. REQUIRES: nobody can reach the slab, and all its objects are
// free.
Task<void> Slub::FreeSlab(Cpu& cpu, KmemCache& s, Slab& slab) {
  const SiteScope site(cpu, SiteOf(At::kDiscard));
  const SlabWord word = slab.word.Peek();
  CHECK_EQ(word.inuse, 0);
  CHECK(!word.frozen);
  const PhysAddr block = slab.base;
  const int order = slab.order;
  cpu.Touch(slab.Metadata(Slab::kFlagsAt), Access::kWrite);
  for (uint64_t frame = 0; frame < uint64_t{1} << order; ++frame) {
    slab_of_frame_[block.frame() + frame] = nullptr;
  }
  const uint64_t bytes = kPageSize << order;
  const uint64_t usable = uint64_t{word.objects} * s.geometry.size;
  Account(s, [=](Footprint& footprint) {
    --footprint.slabs;
    footprint.slab_bytes -= bytes;
    footprint.free_bytes -= usable;
    footprint.tail_bytes -= bytes - usable;
  });
  pool_.Give(slab, word.objects);
  co_await machine_.pages().Free(cpu, block, order);
}

// deactivate_slab(): a slab that is the CPU's no longer. What was left on the CPU's list goes in
// front of the slab's own, and the slab to its node's partial list, unless it is full, or empty and
// the node has enough.
Task<void> Slub::DeactivateSlab(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex freelist) {
  const SiteScope site(cpu, SiteOf(At::kDeactivate));
  CacheNode& n = *GetNode(cpu, s, NodeOf(cpu, slab));
  ListEnd end = ListEnd::kHead;
  const SlabWord first = co_await cpu.Load(slab.word);
  if (first.freelist != kNoObject) {
    Count(cpu, s, SlubStat::kDeactivateRemoteFrees);
    end = ListEnd::kTail;
  }
  const Chain local = CountFreelist(cpu, s, slab, freelist);
  for (;;) {
    const SlabWord seen = co_await cpu.Load(slab.word);
    CHECK(seen.frozen);
    SlabWord thawed = seen;
    thawed.frozen = false;
    if (local.count > 0) {
      thawed.inuse = static_cast<uint16_t>(seen.inuse - local.count);
      thawed.freelist = freelist;
      StoreFreePointer(cpu, s, slab, local.tail, seen.freelist);
    }
    bool empty_not_kept = false;
    if (thawed.inuse == 0) {
      const uint64_t nr_partial = co_await cpu.LoadUnlocked(n.nr_partial);
      empty_not_kept = nr_partial >= cpu.Load(s.min_partial);
    }
    const bool partial = !empty_not_kept && thawed.freelist != kNoObject;
    IrqFlags flags = IrqFlags::kWereOff;
    SpinGuard guard;
    if (partial) {
      // Held from before the slab is thawed, so that nobody acquires one that is not in the list.
      flags = cpu.IrqSave();
      guard = co_await n.list_lock.Acquire(cpu);
    }
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, thawed);
    if (!done) Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
    if (done && partial) AddPartial(cpu, n, slab, end);
    if (partial) {
      guard.Unlock();
      co_await cpu.IrqRestore(flags);
    }
    if (!done) continue;
    if (partial) {
      Count(cpu, s,
            end == ListEnd::kHead ? SlubStat::kDeactivateToHead : SlubStat::kDeactivateToTail);
    } else if (empty_not_kept) {
      Count(cpu, s, SlubStat::kDeactivateEmpty);
      co_await DiscardSlab(cpu, s, slab);
      Count(cpu, s, SlubStat::kFreeSlab);
    } else {
      Count(cpu, s, SlubStat::kDeactivateFull);
    }
    co_return;
  }
}

// deactivate_slab(), stage one: how many objects, and the last one.
Slub::Chain Slub::CountFreelist(Cpu& cpu, KmemCache& s, const Slab& slab, ObjectIndex freelist) {
  Chain chain{.head = freelist};
  for (ObjectIndex i = freelist; i != kNoObject; i = LoadFreePointer(cpu, s, slab, i)) {
    chain.tail = i;
    ++chain.count;
    CHECK_LE(chain.count, slab.word.Peek().objects);
  }
  return chain;
}

}  // namespace slablab
