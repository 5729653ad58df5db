// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// One object from the slabs, and new slabs.

#include <algorithm>

#include "allocators/slub/core/find_partial.h"
#include "allocators/slub/core/policy.h"
#include "allocators/slub/node_slabs/node_slabs.h"
#include "base/check.h"

namespace slablab {

NodeSlabs::NodeSlabs(SlubCore& core) : core_(core), policy_(core.policy().node_slabs) {}

// Counted as one, however often it is tried: a node that is only wished for is first tried alone,
// without waking anybody.
Task<Placement> NodeSlabs::Alloc(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocSlow));
  cpu.Execute(kSlubSlowCycles);
  core_.Count(cpu, s, SlubStat::kAllocSlowpath);
  Found found;
  if (request.node != kAnyNode && !Has(request.gfp, Gfp::kThisNode)) {
    const Gfp kept = request.gfp & (kGfpNoWait | Gfp::kNoMemalloc | Gfp::kAccount);
    found =
        co_await Find(cpu, s, {.gfp = kept | Gfp::kNoWarn | Gfp::kThisNode, .node = request.node});
  }
  if (found.slab == nullptr) found = co_await Find(cpu, s, request);
  if (found.slab == nullptr) co_return Placement{PhysAddr(), PathOf(SlubWay::kAllocFailed)};
  core_.HandOut(s, *found.slab, found.object);
  const PhysAddr object = s.AddressOf(*found.slab, found.object);
  core_.ZeroIfAsked(cpu, s, request.gfp, object);
  co_return Placement{object, PathOf(found.way)};
}

// A partial list's, else a new slab's.
Task<NodeSlabs::Found> NodeSlabs::Find(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  Found found = co_await GetFromPartial(cpu, s, request);
  if (found.slab != nullptr) co_return found;
  Slab* const slab = co_await NewSlab(cpu, s, request);
  if (slab == nullptr) co_return Found{};
  if (s.is_debug) {
    const ObjectIndex single = co_await core_.TakeSingleOfNew(cpu, s, *slab);
    co_return Found{.slab = slab, .object = single, .way = SlubWay::kAllocNewSlab};
  }
  PhysAddr object;
  co_await TakeFromNew(cpu, s, *slab, {&object, 1});
  co_return Found{.slab = slab, .object = s.IndexOf(*slab, object), .way = SlubWay::kAllocNewSlab};
}

// get_from_partial(): the node asked for, or the CPU's own; then any, if it need not be that one.
Task<NodeSlabs::Found> NodeSlabs::GetFromPartial(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  const bool wished = request.node != kAnyNode;
  return FindPartial<Found>(core_, cpu, s,
                            {.nearest = wished ? request.node : cpu.node(),
                             .only_there = wished && Has(request.gfp, Gfp::kThisNode)},
                            [this, &cpu, &s](NodeId from) { return GetFromNode(cpu, s, from); });
}

Task<NodeSlabs::Found> NodeSlabs::GetFromNode(Cpu& cpu, KmemCache& s, NodeId node) {
  Found found;
  co_await TakeFromList(core_, cpu, s, node, [this, &cpu, &s, &found](CacheNode& n) {
    return TakeFirst(cpu, s, n, &found);
  });
  co_return found;
}

// get_from_partial_node(), with the lock: of the list's first slab, which keeps its place unless it
// is full now.
Task<void> NodeSlabs::TakeFirst(Cpu& cpu, KmemCache& s, CacheNode& n, Found* found) {
  found->slab = cpu.Load(n.first);
  if (found->slab == nullptr) co_return;
  Slab& slab = *found->slab;
  if (s.is_debug) {
    found->object = core_.TakeSingle(cpu, s, n, slab);
    co_return;
  }
  found->object = co_await PopObject(cpu, s, slab);
  if (slab.word.Peek().freelist == kNoObject) core_.RemovePartial(cpu, n, slab);
}

// REQUIRES: the slab is on the list whose lock is held, so that only frees can come in between.
Task<ObjectIndex> NodeSlabs::PopObject(Cpu& cpu, KmemCache& s, Slab& slab) {
  for (;;) {
    const SlabWord seen = co_await cpu.Load(slab.word);
    CHECK(seen.freelist != kNoObject);
    SlabWord popped = seen;
    popped.freelist = core_.LoadFreePointer(cpu, s, slab, seen.freelist);
    ++popped.inuse;
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, popped);
    if (done) co_return seen.freelist;
    core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
  }
}

Task<Slab*> NodeSlabs::NewSlab(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  request.links_later = policy_.new_slab == NodeSlabsPolicy::NewSlab::kLinksRest;
  Slab* const slab = co_await core_.NewSlab(cpu, s, request);
  if (slab != nullptr) core_.Count(cpu, s, SlubStat::kAllocSlab);
  co_return slab;
}

// alloc_from_new_slab(): the first objects of a new slab, in order of address; if there are more,
// it becomes the first of its node's list. Answers how many were taken.
Task<uint32_t> NodeSlabs::TakeFromNew(Cpu& cpu, KmemCache& s, Slab& slab,
                                      absl::Span<PhysAddr> into) {
  SlabWord word = slab.word.Peek();
  const auto count = static_cast<uint16_t>(std::min<size_t>(into.size(), word.objects));
  for (uint16_t i = 0; i < count; ++i) {
    if (policy_.new_slab == NodeSlabsPolicy::NewSlab::kLinksAll) {
      core_.LoadFreePointer(cpu, s, slab, i);
    }
    into[i] = s.AddressOf(slab, i);
    slab.free_pointer[i] = kInSheaf;
  }
  if (policy_.new_slab == NodeSlabsPolicy::NewSlab::kLinksRest) {
    core_.LinkObjects(cpu, s, slab, count);
  }
  // Nobody else knows of the slab yet: plain stores.
  word.freelist = count < word.objects ? count : kNoObject;
  word.inuse = count;
  cpu.Touch(slab.word.place(), Access::kWrite);
  slab.word.Poke(word);
  if (count < word.objects) {
    CacheNode& n = *core_.GetNode(cpu, s, core_.NodeOf(cpu, slab));
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
      core_.AddPartial(cpu, n, slab, ListEnd::kHead);
    }
    co_await cpu.IrqRestore(flags);
  }
  co_await core_.CountSlab(cpu, s, slab);
  co_return count;
}

// The node structures, and the counters, which have an area of their own.
Task<bool> NodeSlabs::Open(Cpu& cpu, KmemCache& s) {
  bool opened = co_await core_.InitNodes(cpu, s);
  if (opened && core_.counter_bytes() > 0) {
    opened = co_await core_.AllocPercpu(cpu, s, &s.cpu_stats,
                                        {.bytes = core_.counter_bytes(), .align = 8});
  }
  co_return opened;
}

Task<void> NodeSlabs::Close(Cpu& cpu, KmemCache& s) {
  if (!s.cpu_stats.Peek().is_null()) co_await core_.FreePercpu(cpu, s, &s.cpu_stats);
}

}  // namespace slablab
