// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A slab's life in SLUB: made and discarded.

#include <memory>
#include <utility>

#include "allocators/slub/core/core.h"
#include "base/check.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

// GFP_RECLAIM_MASK | GFP_CONSTRAINT_MASK (mm/internal.h): all of a request that its slab is made
// with.
constexpr Gfp kNewSlabMask = kGfpReclaim | Gfp::kHigh | Gfp::kIo | Gfp::kFs | Gfp::kNoWarn |
                             Gfp::kRetryMayFail | Gfp::kNoFail | Gfp::kNoRetry | Gfp::kNoMemalloc |
                             Gfp::kAtomic | Gfp::kHardwall | Gfp::kThisNode;

}  // namespace

// allocate_slab(): a block of the wanted order if one is to be had without trouble, else the least.
Task<Slab*> SlubCore::NewSlab(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  const SiteScope site(cpu, SiteOf(SlubAt::kNewSlab));
  const SlubGeometry& geometry = s.geometry;
  const Gfp gfp = (request.gfp & kNewSlabMask) | s.alloc_flags;
  Gfp careless = (gfp | Gfp::kNoWarn | Gfp::kNoRetry) & ~Gfp::kNoFail;
  if (policy_.lives.first_try_spares_reclaim && Has(gfp, Gfp::kDirectReclaim) &&
      geometry.order > geometry.min_order) {
    careless = (careless | Gfp::kNoMemalloc) & ~kGfpReclaim;
  }
  cpu.Touch({s.address + s.at.order, Structure::kCacheDescriptor}, Access::kRead);
  int order = geometry.order;
  const PageRequest wanted{.order = order, .node = request.node, .gfp = careless};
  PhysAddr block = co_await AllocPages(cpu, wanted);
  if (block.is_null()) {
    order = geometry.min_order;
    const PageRequest least{.order = order, .node = request.node, .gfp = gfp};
    block = co_await AllocPages(cpu, least);
    if (block.is_null()) co_return nullptr;
    // While it boots, there is nothing to count in yet.
    const bool counts = !s.cpu_slab.Peek().is_null() || !s.cpu_stats.Peek().is_null();
    if (counts) Count(cpu, s, SlubStat::kOrderFallback);
  }
  Slab& slab = SetUpSlab(cpu, s, request, block, order);
  if (obj_exts_.charges()) co_await obj_exts_.AccountSlab(cpu, s, slab, gfp);
  if (policy_.lives.counts_slabs_itself) co_await CountNewSlab(cpu, s, slab);
  co_return &slab;
}

// allocate_slab() once it has the pages.
Slab& SlubCore::SetUpSlab(Cpu& cpu, KmemCache& s, const SlubAllocRequest& request, PhysAddr block,
                          int order) {
  const auto objects = static_cast<uint16_t>(SlubObjectsIn(order, s.geometry.size, rules_));
  Slab& slab = pool_.Take(objects);
  const PhysAddr page = machine_.PageStruct(block.frame());
  const SlabWord word = {.freelist = 0, .inuse = 0, .objects = objects, .frozen = false};
  slab.word = Racy<SlabWord>({page + Slab::kWordAt, Structure::kSlabMetadata}, word);
  slab.order = static_cast<uint8_t>(order);
  EnterSlab(slab, s, {.block = block, .objects = objects});
  slab.first_object = block + s.geometry.red_left_pad;
  slab.cache_at = s.address;
  slab.lock = SpinLock(slab_lock_class_, {page + Slab::kFlagsAt, Structure::kLock});
  slab.guard = nullptr;
  if (policy_.marks_listed) {
    // Of kmem_cache_node's first slab the structure is still to come: AddPartial names its lock.
    const CacheNode* const n = s.nodes[slab.node.index()].get();
    slab.listed =
        Guarded<bool>(n == nullptr ? nullptr : &n->list_lock, slab.Metadata(Slab::kFlagsAt));
  }
  cpu.Touch(slab.Metadata(Slab::kFlagsAt), Access::kWrite);
  cpu.Touch(slab.Metadata(Slab::kCacheAt), Access::kWrite);
  cpu.Touch(slab.word.place(), Access::kWrite);
  FillSlab(cpu, s, slab, request);
  cpu.Execute(objects * kSlubPerObjectCycles);
  return slab;
}

// All objects in a list, in order of address.
void SlubCore::FillSlab(Cpu& cpu, KmemCache& s, Slab& slab, const SlubAllocRequest& request) {
  const uint16_t objects = slab.word.Peek().objects;
  for (ObjectIndex i = 0; i < objects; ++i) {
    // A constructor is taken to write the object once.
    if (s.spec.has_constructor) {
      cpu.TouchRange({s.AddressOf(slab, i), Structure::kObject}, s.geometry.object_size,
                     Access::kWrite);
    }
    const auto next = static_cast<ObjectIndex>(i + 1);
    slab.free_pointer[i] = next < objects ? next : kNoObject;
    if (!request.links_later) StoreFreePointer(cpu, s, slab, i, slab.free_pointer[i]);
  }
}

void SlubCore::ConstructObjects(Cpu& cpu, const KmemCache& s, const Slab& slab) const {
  if (!s.spec.has_constructor) return;
  for (ObjectIndex i = 0; i < slab.word.Peek().objects; ++i) {
    cpu.TouchRange({s.AddressOf(slab, i), Structure::kObject}, s.geometry.object_size,
                   Access::kWrite);
  }
}

void SlubCore::LinkObjects(Cpu& cpu, KmemCache& s, Slab& slab, uint32_t first) const {
  for (uint32_t i = first; i < slab.word.Peek().objects; ++i) {
    const auto object = static_cast<ObjectIndex>(i);
    StoreFreePointer(cpu, s, slab, object, slab.free_pointer[object]);
  }
}

Task<void> SlubCore::CountSlab(Cpu& cpu, KmemCache& s, const Slab& slab) {
  if (policy_.lives.counts_slabs_itself) return {};
  return CountNewSlab(cpu, s, slab);
}

// inc_slabs_node().
Task<void> SlubCore::CountNewSlab(Cpu& cpu, KmemCache& s, const Slab& slab) {
  CacheNode* const n = GetNode(cpu, s, slab.node);
  if (n == nullptr) co_return;  // The very first slab will hold this node's structure.
  co_await CountSlabOn(cpu, *n, slab);
}

Task<void> SlubCore::CountSlabOn(Cpu& cpu, CacheNode& n, const Slab& slab) {
  co_await cpu.AddReturn(n.nr_slabs, 1);
  co_await cpu.AddReturn(n.total_objects, slab.word.Peek().objects);
}

// dec_slabs_node().
Task<void> SlubCore::UncountSlab(Cpu& cpu, KmemCache& s, const Slab& slab) {
  CacheNode* const n = GetNode(cpu, s, NodeOf(cpu, slab));
  const uint64_t objects = slab.word.Peek().objects;
  co_await cpu.AddReturn(n->nr_slabs, uint64_t{0} - 1);
  co_await cpu.AddReturn(n->total_objects, uint64_t{0} - objects);
}

// discard_slab().
Task<void> SlubCore::DiscardSlab(Cpu& cpu, KmemCache& s, Slab& slab) {
  if (policy_.lives.counts_slabs_itself) {
    const SiteScope site(cpu, SiteOf(SlubAt::kDiscard));
    co_await UncountSlab(cpu, s, slab);
  } else {
    co_await UncountSlab(cpu, s, slab);
  }
  co_await FreeSlab(cpu, s, slab);
}

// free_slab(): the pages go back, of a typesafe_by_rcu cache after a grace period: whoever still
// reads an object may find it free or another's, but of its type. REQUIRES: nobody can reach the
// slab, and all its objects are free.
Task<void> SlubCore::FreeSlab(Cpu& cpu, KmemCache& s, Slab& slab) {
  CHECK_EQ(slab.word.Peek().inuse, 0);
  CHECK(!slab.word.Peek().frozen);
  CHECK(!slab.lock.held());
  return s.spec.typesafe_by_rcu ? CallRcuSlab(cpu, s, slab) : ReleasePages(cpu, s, slab);
}

// call_rcu().
Task<void> SlubCore::CallRcuSlab(Cpu& cpu, KmemCache& s, Slab& slab) {
  const SiteScope site(cpu, SiteOf(SlubAt::kDiscard));
  if (rcu_slabs_free_.empty()) {
    rcu_slabs_free_.push_back(rcu_slabs_.emplace_back(std::make_unique<RcuSlab>(*this)).get());
  }
  RcuSlab& waits = *rcu_slabs_free_.back();
  rcu_slabs_free_.pop_back();
  waits.slab = &slab;
  slab.waits_for_rcu = true;
  ++s.rcu_slabs;
  const uint64_t usable = uint64_t{slab.word.Peek().objects} * s.geometry.size;
  Account(s, [usable](Footprint& footprint) { footprint.rcu_free_bytes += usable; });
  co_await machine_.rcu().Call(cpu, waits);
}

Task<void> RcuSlab::RunCallback(Cpu& cpu) { return core.RcuFreeSlab(cpu, *this); }

// rcu_free_slab().
Task<void> SlubCore::RcuFreeSlab(Cpu& cpu, RcuSlab& waited) {
  const SiteScope site(cpu, SiteOf(SlubAt::kRcuFreeSlab));
  cpu.Execute(kSlubFastCycles);
  Slab& slab = *std::exchange(waited.slab, nullptr);
  rcu_slabs_free_.push_back(&waited);
  CHECK(slab.waits_for_rcu);
  slab.waits_for_rcu = false;
  cpu.Touch(slab.Metadata(Slab::kCacheAt), Access::kRead);
  KmemCache& s = *slab.cache;
  --s.rcu_slabs;
  const uint64_t usable = uint64_t{slab.word.Peek().objects} * s.geometry.size;
  Account(s, [usable](Footprint& footprint) { footprint.rcu_free_bytes -= usable; });
  co_await ReleasePages(cpu, s, slab);
}

// __free_slab().
Task<void> SlubCore::ReleasePages(Cpu& cpu, KmemCache& s, Slab& slab) {
  const SiteScope site(cpu, SiteOf(SlubAt::kDiscard));
  const SlabWord word = slab.word.Peek();
  const PhysAddr block = slab.base;
  const int order = slab.order;
  cpu.Touch(slab.Metadata(Slab::kFlagsAt), Access::kWrite);
  if (obj_exts_.charges()) co_await obj_exts_.UnaccountSlab(cpu, slab);
  LeaveSlab(slab, word.objects);
  pool_.Give(slab, word.objects);
  co_await machine_.pages().Free(cpu, block, order);
}

}  // namespace slablab
