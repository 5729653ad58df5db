// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// One object from the slabs, and new slabs.

#include <algorithm>

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
  const NodeId node = request.node == kAnyNode ? cpu.node() : request.node;
  Found found = co_await GetFromNode(cpu, s, node);
  found.way = SlubWay::kAllocNodePartial;
  if (found.slab != nullptr) co_return found;
  if (request.node != kAnyNode && Has(request.gfp, Gfp::kThisNode)) co_return found;
  found = co_await GetFromAny(cpu, s);
  found.way = SlubWay::kAllocRemotePartial;
  co_return found;
}

// get_from_partial_node(): of the list's first slab, which keeps its place unless it is full now.
Task<NodeSlabs::Found> NodeSlabs::GetFromNode(Cpu& cpu, KmemCache& s, NodeId node) {
  const SiteScope site(cpu, SiteOf(SlubAt::kGetPartial));
  Found found;
  CacheNode* const n = core_.GetNode(cpu, s, node);
  if (n == nullptr) co_return found;
  const uint64_t nr_partial = co_await cpu.LoadUnlocked(n->nr_partial);
  if (nr_partial == 0) co_return found;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n->list_lock.Acquire(cpu);
    found.slab = cpu.Load(n->first);
    if (found.slab != nullptr && s.is_debug) {
      found.object = core_.TakeSingle(cpu, s, *n, *found.slab);
    } else if (found.slab != nullptr) {
      found.object = co_await PopObject(cpu, s, *found.slab);
      if (found.slab->word.Peek().freelist == kNoObject) core_.RemovePartial(cpu, *n, *found.slab);
    }
  }
  co_await cpu.IrqRestore(flags);
  co_return found;
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

// get_from_any_partial(): nodes in fallback order that have more partial slabs than they should
// keep.
Task<NodeSlabs::Found> NodeSlabs::GetFromAny(Cpu& cpu, KmemCache& s) {
  const SiteScope site(cpu, SiteOf(SlubAt::kGetAnyPartial));
  if (!core_.MayLookElsewhere(cpu, s)) co_return Found{};
  for (const NodeId node : core_.machine().FallbackOf(cpu.node())) {
    CacheNode* const n = core_.GetNode(cpu, s, node);
    if (n == nullptr) continue;
    const uint64_t nr_partial = co_await cpu.LoadUnlocked(n->nr_partial);
    if (nr_partial <= cpu.Load(s.min_partial)) continue;
    const Found found = co_await GetFromNode(cpu, s, node);
    if (found.slab != nullptr) co_return found;
  }
  co_return Found{};
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
