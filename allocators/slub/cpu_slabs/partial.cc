// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB's partial lists: those of the nodes, under list_lock, and those of the CPUs, under
// "interrupts off".

#include "allocators/slub/core/find_partial.h"
#include "allocators/slub/cpu_slabs/cpu_slabs.h"
#include "base/check.h"

namespace slablab {

// get_partial(): the node asked for, or the nearest; then any, unless that node alone will do.
Task<CpuSlabs::Loot> CpuSlabs::GetPartial(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
  const NodeId node = request.node;
  const bool only_there =
      node != kAnyNode && (!core_.policy().wish_in_two_passes || Has(request.gfp, Gfp::kThisNode));
  const NodeId nearest = node == kAnyNode ? core_.LocalMemoryNode(cpu) : node;
  return FindPartial<Loot>(core_, cpu, s, {.nearest = nearest, .only_there = only_there},
                           [this, &cpu, &s](NodeId from) { return GetPartialNode(cpu, s, from); });
}

Task<CpuSlabs::Loot> CpuSlabs::GetPartialNode(Cpu& cpu, KmemCache& s, NodeId node) {
  Loot found;
  co_await TakeFromList(core_, cpu, s, node, [this, &cpu, &s, &found](CacheNode& n) {
    return TakePartials(cpu, s, n, &found);
  });
  co_return found;
}

// get_partial_node(), with the lock: the first slab of the node's list for the caller, and further
// ones for the CPU's partial list, until they are more than half of what that may hold.
Task<void> CpuSlabs::TakePartials(Cpu& cpu, KmemCache& s, CacheNode& n, Loot* found) {
  uint32_t extra = 0;
  Slab* slab = cpu.Load(n.first);
  while (slab != nullptr) {
    Slab* const following = cpu.Load(slab->list_next);
    if (s.is_debug) {
      *found = {.slab = slab, .single = core_.TakeSingle(cpu, s, n, *slab)};
      break;
    }
    const bool is_extra = found->slab != nullptr;
    if (core_.policy().freezes_cpu_partials) {
      const bool acquired = co_await AcquireSlab(cpu, s, n, *slab, found);
      if (!acquired) break;
    } else {
      core_.RemovePartial(cpu, n, *slab);
      if (!is_extra) found->slab = slab;
    }
    if (is_extra) {
      co_await PutCpuPartial(cpu, s, *slab, Drain::kNo);
      core_.Count(cpu, s, SlubStat::kCpuPartialNode);
      ++extra;
    } else {
      core_.Count(cpu, s, SlubStat::kAllocFromPartial);
    }
    const uint32_t limit = cpu.Load(s.cpu_partial_slabs);
    const bool takes_one = limit == 0 && !core_.policy().freezes_cpu_partials;
    if (takes_one || extra > limit / 2) break;
    slab = following;
  }
}

// acquire_slab(): freezes a slab and takes it off the node's list. The caller's own slab, the
// first, gives up its objects at once; an extra one keeps them. Answers false if a free came in
// between.
Task<bool> CpuSlabs::AcquireSlab(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab, Loot* loot) {
  const SlabWord seen = co_await cpu.Load(slab.word);
  CHECK(!seen.frozen);
  SlabWord taken = seen;
  taken.frozen = true;
  const bool is_first = loot->slab == nullptr;
  if (is_first) {
    taken.freelist = kNoObject;
    taken.inuse = seen.objects;
  }
  const bool done = co_await cpu.Cmpxchg(slab.word, seen, taken);
  if (!done) {
    core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
    co_return false;
  }
  core_.RemovePartial(cpu, n, slab);
  CHECK(seen.freelist != kNoObject);
  if (is_first) *loot = {.slab = &slab, .freelist = seen.freelist};
  co_return true;
}

// freeze_slab(): a slab that is off its node's list becomes a CPU's. Answers its objects.
Task<ObjectIndex> CpuSlabs::FreezeSlab(Cpu& cpu, KmemCache& s, Slab& slab) {
  for (;;) {
    const SlabWord seen = co_await cpu.Load(slab.word);
    CHECK(!seen.frozen);
    CHECK(seen.freelist != kNoObject);
    const SlabWord taken = {
        .freelist = kNoObject, .inuse = seen.objects, .objects = seen.objects, .frozen = true};
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, taken);
    if (done) co_return seen.freelist;
    core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
  }
}

// put_cpu_partial(): a slab that no list has goes to the front of the CPU's partial list. If that
// is full and may be drained, all that was in it goes to the nodes. Answers whether it was drained.
Task<bool> CpuSlabs::PutCpuPartial(Cpu& cpu, KmemCache& s, Slab& slab, Drain drain) {
  const SiteScope site(cpu, SiteOf(SlubAt::kPutCpuPartial));
  CacheCpu& c = core_.On(s, cpu.id());
  const IrqFlags flags = cpu.IrqSave();
  Slab* old = cpu.Load(c.partial);
  Slab* to_put = nullptr;
  int32_t slabs = 0;
  if (old != nullptr) {
    slabs = cpu.Load(old->partial).slabs;
    if (drain == Drain::kYes && static_cast<uint32_t>(slabs) >= cpu.Load(s.cpu_partial_slabs)) {
      to_put = old;
      old = nullptr;
      slabs = 0;
    }
  }
  slab.partial = PerCpu<CpuPartialLink>(cpu.id(), slab.Metadata(Slab::kListAt));
  cpu.Store(slab.partial, {.next = old, .slabs = slabs + 1});
  cpu.Store(c.partial, &slab);
  co_await cpu.IrqRestore(flags);
  if (to_put == nullptr) co_return false;
  co_await PutPartials(cpu, s, to_put);
  core_.Count(cpu, s, SlubStat::kCpuPartialDrain);
  co_return true;
}

// __unfreeze_partials(), later __put_partials(): a CPU's former partial list goes to the tails of
// the nodes' lists, each lock held for as long as the slabs are on one node. Empty slabs that the
// node need not keep are freed afterwards.
Task<void> CpuSlabs::PutPartials(Cpu& cpu, KmemCache& s, Slab* list) {
  const SiteScope site(cpu, SiteOf(SlubAt::kUnfreeze));
  Slab* to_discard = nullptr;
  CacheNode* n = nullptr;
  IrqFlags flags = IrqFlags::kWereOff;
  SpinGuard guard;
  while (list != nullptr) {
    Slab& slab = *list;
    list = cpu.Load(slab.partial).next;
    CacheNode* const home = core_.GetNode(cpu, s, core_.NodeOf(cpu, slab));
    if (n != home) {
      if (n != nullptr) {
        guard.Unlock();
        co_await cpu.IrqRestore(flags);
      }
      n = home;
      flags = cpu.IrqSave();
      guard = co_await n->list_lock.Acquire(cpu);
    }
    const bool kept = co_await PutOnto(cpu, s, *n, slab);
    if (!kept) {
      cpu.Store(slab.partial, {.next = to_discard});
      to_discard = &slab;
    }
  }
  if (n != nullptr) {
    guard.Unlock();
    co_await cpu.IrqRestore(flags);
  }
  while (to_discard != nullptr) {
    Slab& slab = *to_discard;
    to_discard = cpu.Load(slab.partial).next;
    core_.Count(cpu, s, SlubStat::kDeactivateEmpty);
    co_await core_.DiscardSlab(cpu, s, slab);
    core_.Count(cpu, s, SlubStat::kFreeSlab);
  }
}

// The same, one slab: thawed first if it is frozen. Answers false if it is empty and not to be
// kept.
Task<bool> CpuSlabs::PutOnto(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab) {
  SlabWord thawed;
  for (;;) {
    thawed = co_await cpu.Load(slab.word);
    CHECK_EQ(thawed.frozen, core_.policy().freezes_cpu_partials);
    if (!thawed.frozen) break;
    const SlabWord seen = thawed;
    thawed.frozen = false;
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, thawed);
    if (done) break;
    core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
  }
  if (thawed.inuse == 0) {
    const auto partial = cpu.Load(n.nr_partial);
    if (partial >= cpu.Load(s.min_partial)) co_return false;
  }
  core_.AddPartial(cpu, n, slab, ListEnd::kTail);
  core_.Count(cpu, s, SlubStat::kFreeAddPartial);
  co_return true;
}

}  // namespace slablab
