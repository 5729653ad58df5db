// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Many objects at a time from the slabs.

#include "allocators/slub/node_slabs/node_slabs.h"
#include "base/check.h"

namespace slablab {

// The own node's partial list, other nodes', new slabs.
Task<uint32_t> NodeSlabs::Refill(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into) {
  const SiteScope site(cpu, SiteOf(SlubAt::kSheafRefill));
  cpu.Execute(kSlubSlowCycles);
  uint32_t got = co_await RefillFromNode(cpu, s, cpu.node(), into, Wait::kSpin);
  if (got < into.size()) {
    const uint32_t more = co_await RefillFromOthers(cpu, s, into.subspan(got));
    got += more;
  }
  while (got < into.size()) {
    Slab* const slab = co_await NewSlab(cpu, s, {.gfp = gfp, .node = cpu.node()});
    if (slab == nullptr) break;
    const uint32_t more = co_await TakeFromNew(cpu, s, *slab, into.subspan(got));
    got += more;
  }
  co_return got;
}

// __refill_objects_any(): in fallback order, the own node's list once more.
Task<uint32_t> NodeSlabs::RefillFromOthers(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> into) {
  using OtherNodes = NodeSlabsPolicy::OtherNodes;
  const SiteScope site(cpu, SiteOf(SlubAt::kGetAnyPartial));
  if (policy_.other_nodes == OtherNodes::kNever || !core_.MayLookElsewhere(cpu, s)) co_return 0;
  const Wait wait = policy_.other_nodes == OtherNodes::kLock ? Wait::kSpin : Wait::kTry;
  uint32_t got = 0;
  for (const NodeId node : core_.machine().FallbackOf(core_.PolicyNode(cpu))) {
    CacheNode* const n = core_.GetNode(cpu, s, node);
    if (n == nullptr) continue;
    const uint64_t nr_partial = co_await cpu.LoadUnlocked(n->nr_partial);
    if (nr_partial <= cpu.Load(s.min_partial)) continue;
    const uint32_t more = co_await RefillFromNode(cpu, s, node, into.subspan(got), wait);
    got += more;
    if (got == into.size()) break;
  }
  co_return got;
}

// __refill_objects_node(): whole free lists of the list's first slabs.
Task<uint32_t> NodeSlabs::RefillFromNode(Cpu& cpu, KmemCache& s, NodeId node,
                                         absl::Span<PhysAddr> into, Wait wait) {
  CacheNode* const n = core_.GetNode(cpu, s, node);
  if (n == nullptr) co_return 0;
  const uint64_t nr_partial = co_await cpu.LoadUnlocked(n->nr_partial);
  if (nr_partial == 0) co_return 0;
  Slab* list = co_await Detach(cpu, *n, static_cast<uint32_t>(into.size()), wait);
  uint32_t got = 0;
  while (list != nullptr && got < into.size()) {
    Slab& slab = *list;
    list = cpu.Load(slab.partial).next;
    const uint32_t more = co_await Drain(cpu, s, *n, slab, into.subspan(got));
    got += more;
  }
  if (list != nullptr) co_await ReturnUnneeded(cpu, s, *n, list);
  co_return got;
}

// get_partial_node_bulk(): slabs off the list until they hold `wanted` objects, the one that goes
// beyond it included. Frees may come in at any time: there may be more.
Task<Slab*> NodeSlabs::Detach(Cpu& cpu, CacheNode& n, uint32_t wanted, Wait wait) {
  const SiteScope site(cpu, SiteOf(SlubAt::kGetPartial));
  const bool reversed = policy_.refill_order == NodeSlabsPolicy::RefillOrder::kReversed;
  Slab* first = nullptr;
  Slab* last = nullptr;
  const IrqFlags flags = cpu.IrqSave();
  {
    SpinGuard guard;
    if (wait == Wait::kSpin) {
      guard = co_await n.list_lock.Acquire(cpu);
    } else {
      guard = co_await n.list_lock.TryAcquire(cpu);
    }
    uint32_t total = 0;
    while (guard && total < wanted) {
      Slab* const slab = cpu.Load(n.first);
      if (slab == nullptr) break;
      const SlabWord word = co_await cpu.Load(slab->word);
      total += static_cast<uint32_t>(word.objects - word.inuse);
      core_.RemovePartial(cpu, n, *slab);
      LinkDetached(cpu, *slab, reversed ? first : nullptr);
      if (!reversed && last != nullptr) cpu.Store(last->partial, {.next = slab});
      if (reversed || first == nullptr) first = slab;
      last = slab;
    }
  }
  co_await cpu.IrqRestore(flags);
  co_return first;
}

// Into a list that only this CPU knows of.
void NodeSlabs::LinkDetached(Cpu& cpu, Slab& slab, Slab* next) {
  slab.partial = PerCpu<CpuPartialLink>(cpu.id(), slab.Metadata(Slab::kListAt));
  cpu.Store(slab.partial, {.next = next});
}

// get_freelist_nofreeze() and what follows: the slab's whole list, as far as there is room, in its
// order. Answers how many were taken.
Task<uint32_t> NodeSlabs::Drain(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab,
                                absl::Span<PhysAddr> into) {
  SlabWord seen;
  for (;;) {
    seen = co_await cpu.Load(slab.word);
    SlabWord taken = seen;
    taken.freelist = kNoObject;
    taken.inuse = seen.objects;
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, taken);
    if (done) break;
    core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
  }
  SlubChain rest{.head = seen.freelist, .count = static_cast<uint16_t>(seen.objects - seen.inuse)};
  uint32_t got = 0;
  while (rest.count > 0 && got < into.size()) {
    const ObjectIndex object = rest.head;
    into[got++] = s.AddressOf(slab, object);
    rest.head = core_.LoadFreePointer(cpu, s, slab, object);
    slab.free_pointer[object] = kInSheaf;
    --rest.count;
  }
  cpu.Execute(got * kSlubPerObjectCycles);
  if (rest.count == 0) co_return got;
  if (policy_.surplus == NodeSlabsPolicy::Surplus::kPutBack) {
    const bool put_back = co_await PutBack(cpu, n, s, slab, rest);
    if (put_back) co_return got;
  }
  for (ObjectIndex object = rest.head; object != kNoObject;) {
    rest.tail = object;
    object = core_.LoadFreePointer(cpu, s, slab, object);
  }
  co_await FreeChain(cpu, s, slab, rest);
  co_return got;
}

// __slab_try_return_freelist(), as it was mended in 7.2 and 7.3: all under the list's lock. Answers
// false if somebody has freed to the slab meanwhile.
Task<bool> NodeSlabs::PutBack(Cpu& cpu, CacheNode& n, KmemCache& s, Slab& slab, SlubChain rest) {
  const SlabWord seen = co_await cpu.Load(slab.word);
  if (seen.freelist != kNoObject) co_return false;
  SlabWord back = seen;
  back.freelist = rest.head;
  back.inuse = static_cast<uint16_t>(seen.inuse - rest.count);
  bool done = false;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    done = co_await cpu.Cmpxchg(slab.word, seen, back);
    if (done) {
      core_.AddPartial(cpu, n, slab, ListEnd::kTail);
    } else {
      core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
    }
  }
  co_await cpu.IrqRestore(flags);
  co_return done;
}

// Slabs of `list` go back to their node's: others have freed to those before them meanwhile, or the
// last of them was emptied first.
Task<void> NodeSlabs::ReturnUnneeded(Cpu& cpu, KmemCache& s, CacheNode& n, Slab* list) {
  const bool may_discard = policy_.unneeded == NodeSlabsPolicy::Unneeded::kHeadOrDiscarded;
  Slab* discard = nullptr;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    while (list != nullptr) {
      Slab& slab = *list;
      list = cpu.Load(slab.partial).next;
      const SlabWord word = co_await cpu.Load(slab.word);
      if (may_discard && word.inuse == 0 && cpu.Load(n.nr_partial) >= cpu.Load(s.min_partial)) {
        LinkDetached(cpu, slab, discard);
        discard = &slab;
      } else {
        core_.AddPartial(cpu, n, slab, may_discard ? ListEnd::kHead : ListEnd::kTail);
      }
    }
  }
  co_await cpu.IrqRestore(flags);
  while (discard != nullptr) {
    Slab& slab = *discard;
    discard = cpu.Load(slab.partial).next;
    co_await core_.DiscardSlab(cpu, s, slab);
  }
}

// Debugging caches give one object at a time.
Task<bool> NodeSlabs::AllocArray(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into) {
  uint32_t got = 0;
  if (s.is_debug) {
    while (got < into.size()) {
      core_.Count(cpu, s, SlubStat::kAllocSlowpath);
      const Found found = co_await Find(cpu, s, {.gfp = gfp});
      if (found.slab == nullptr) break;
      found.slab->free_pointer[found.object] = kInSheaf;
      into[got++] = s.AddressOf(*found.slab, found.object);
    }
  } else {
    got = co_await Refill(cpu, s, gfp, into);
    if (got == into.size()) core_.Count(cpu, s, SlubStat::kAllocSlowpath, got);
  }
  if (got == into.size()) co_return true;
  co_await FreeArray(cpu, s, into.subspan(0, got));
  co_return false;
}

// kmem_cache_alloc_bulk().
Task<size_t> NodeSlabs::AllocBulk(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> objects) {
  const SiteScope site(cpu, SiteOf(SlubAt::kBulkAlloc));
  cpu.Execute(kSlubFastCycles);
  const bool got = co_await AllocArray(cpu, s, gfp, objects);
  if (!got) co_return 0;
  for (const PhysAddr object : objects) {
    Slab& slab = *core_.SlabOf(object);
    core_.HandOut(s, slab, s.IndexOf(slab, object));
    core_.ZeroIfAsked(cpu, s, gfp, object);
  }
  co_return objects.size();
}

}  // namespace slablab
