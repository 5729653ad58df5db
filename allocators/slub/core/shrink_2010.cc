// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// kmem_cache_shrink() of 2010.

#include <vector>

#include "allocators/slub/core/core.h"

namespace slablab {

Task<PhysAddr> SlubCore::AllocSlabsByInuse(Cpu& cpu, const KmemCache& s) {
  constexpr uint64_t kListHeadBytes = 16;
  const PhysAddr heads =
      co_await KmallocOwn(cpu, kListHeadBytes * s.objects_max, kGfpKernel, kAnyNode);
  co_return heads;
}

// One node. Frees the empty slabs, and sorts the others by how many objects are in use, fullest
// first, so that they fill up and leave the list.
Task<void> SlubCore::ShrinkPartialList(Cpu& cpu, KmemCache& s, CacheNode& n, PhysAddr heads) {
  const bool has_locks = policy_.lives.slab_guard == SlubLives::SlabGuard::kSlabLock;
  const uint64_t nr_partial = co_await cpu.LoadUnlocked(n.nr_partial);
  if (nr_partial == 0) co_return;
  const uint32_t objects = s.objects_max;
  const Place lists{heads, Structure::kObject};
  cpu.TouchRange(lists, uint64_t{objects} * 16, Access::kWrite);
  std::vector<std::vector<Slab*>> by_inuse(objects + 1);
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    for (Slab *slab = cpu.Load(n.first), *following; slab != nullptr; slab = following) {
      following = cpu.Load(slab->list_next);
      // Frees may come in at any time: what is in use is an upper limit.
      const uint32_t free = co_await CountFree(cpu, *slab);
      const uint32_t in_slab = slab->word.Peek().objects;
      if (free == in_slab) {
        // Its last free may still be about to let go of it.
        SpinGuard slab_guard;
        if (has_locks) slab_guard = co_await slab->lock.TryAcquire(cpu);
        if (slab_guard || !has_locks) {
          RemovePartial(cpu, n, *slab);
          slab_guard.Unlock();
          co_await DiscardSlab(cpu, s, *slab);
          continue;
        }
      }
      Unlink(cpu, n, *slab);
      by_inuse[in_slab - free].push_back(slab);
    }
    // list_move() put each in front of its list, and list_splice() puts the lists in order behind
    // one another.
    cpu.TouchRange(lists, uint64_t{objects} * 16, Access::kRead);
    for (size_t inuse = objects + 1; inuse > 0; --inuse) {
      std::vector<Slab*>& list = by_inuse[inuse - 1];
      for (size_t i = list.size(); i > 0; --i) LinkInto(cpu, n, *list[i - 1], ListEnd::kTail);
    }
  }
  co_await cpu.IrqRestore(flags);
}

Task<void> SlubCore::ShrinkByInuse(Cpu& cpu, KmemCache& s) {
  const PhysAddr heads = co_await AllocSlabsByInuse(cpu, s);
  if (heads.is_null()) co_return;
  co_await FlushAll(cpu, s);
  co_await EmptyBarns(cpu, s, Ending::kNo);
  for (const std::unique_ptr<CacheNode>& n : s.nodes) {
    if (n != nullptr) co_await ShrinkPartialList(cpu, s, *n, heads);
  }
  co_await KfreeOwn(cpu, heads);
}

}  // namespace slablab
