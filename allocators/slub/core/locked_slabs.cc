// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/locked_slabs.h"

#include "allocators/slub/core/find_partial.h"

namespace slablab {

Task<LockedSlab> GetPartial(SlubCore& core, Cpu& cpu, KmemCache& s, LockedSearch search) {
  LockedSlab found = co_await GetPartialNode(core, cpu, s, search.nearest);
  if (found.slab != nullptr || search.only_there) co_return found;
  found = co_await FindOnAnyNode<LockedSlab>(
      core, cpu, s, [&](NodeId node) { return GetPartialNode(core, cpu, s, node); });
  co_return found;
}

// And lock_and_freeze_slab(): the first slab of the list whose lock is free. A slab's lock is taken
// before list_lock; here, where it is the other way round, it is only tried. A slab is frozen where
// it is to be a CPU's.
Task<LockedSlab> GetPartialNode(const SlubCore& core, Cpu& cpu, KmemCache& s, NodeId node) {
  const SiteScope site(cpu, SiteOf(SlubAt::kGetPartial));
  LockedSlab found;
  CacheNode* const n = core.GetNode(cpu, s, node);
  if (n == nullptr) co_return found;
  const uint64_t nr_partial = co_await cpu.LoadUnlocked(n->nr_partial);
  if (nr_partial == 0) co_return found;
  const SpinGuard guard = co_await n->list_lock.Acquire(cpu);
  for (Slab* slab = cpu.Load(n->first); slab != nullptr; slab = cpu.Load(slab->list_next)) {
    found.guard = co_await slab->lock.TryAcquire(cpu);
    if (!found.guard) continue;
    RemovePartial(cpu, *n, *slab);
    if (core.policy().cpu_slabs) LockedWord(cpu, *slab).set_frozen(true);
    found.slab = slab;
    break;
  }
  co_return found;
}

Task<void> AddToPartial(Cpu& cpu, CacheNode& n, Slab& slab, ListEnd end) {
  const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
  AddPartial(cpu, n, slab, end);
}

Task<void> RemoveFromPartial(Cpu& cpu, CacheNode& n, Slab& slab) {
  const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
  RemovePartial(cpu, n, slab);
}

}  // namespace slablab
