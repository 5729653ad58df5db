// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// kmem_cache_shrink() of 2010.

#include <vector>

#include "allocators/slub_2010/core.h"
#include "base/check.h"

namespace slablab {

Task<PhysAddr> Slub2010Core::AllocSlabsByInuse(Cpu& cpu, const Cache2010& s) {
  constexpr uint64_t kListHeadBytes = 16;
  const PhysAddr heads =
      co_await KmallocOwn(cpu, kListHeadBytes * s.objects_max, kGfpKernel, kAnyNode);
  co_return heads;
}

// Frees the empty slabs, and sorts the others by how many objects are in use, fullest first, so
// that they fill up and leave the list.
Task<uint32_t> Slub2010Core::ShrinkPartialList(Cpu& cpu, Cache2010& s, Node2010& n,
                                               PhysAddr heads) {
  uint32_t freed = 0;
  const uint64_t nr_partial = co_await cpu.LoadUnlocked(n.nr_partial);
  if (nr_partial == 0) co_return freed;
  const uint32_t objects = s.objects_max;
  const Place lists{heads, Structure::kObject};
  cpu.TouchRange(lists, uint64_t{objects} * 16, Access::kWrite);
  std::vector<std::vector<Slab2010*>> by_inuse(objects + 1);
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    for (Slab2010 *slab = cpu.Load(n.first), *following; slab != nullptr; slab = following) {
      following = cpu.Load(slab->list_next);
      // Frees may come in at any time: what is in use is an upper limit.
      const uint32_t free = co_await CountFree(cpu, *slab);
      if (free == slab->objects) {
        // Its last free may still be about to let go of it.
        SpinGuard slab_guard;
        if (model_.slab_locks) slab_guard = co_await slab->lock.TryAcquire(cpu);
        if (slab_guard || !model_.slab_locks) {
          RemovePartial(cpu, n, *slab);
          slab_guard.Unlock();
          co_await DiscardSlab(cpu, s, *slab);
          ++freed;
          continue;
        }
      }
      Unlink(cpu, n, *slab);
      by_inuse[slab->objects - free].push_back(slab);
    }
    // list_move() put each in front of its list, and list_splice() puts the lists in order behind
    // one another.
    cpu.TouchRange(lists, uint64_t{objects} * 16, Access::kRead);
    for (size_t inuse = objects + 1; inuse > 0; --inuse) {
      std::vector<Slab2010*>& list = by_inuse[inuse - 1];
      for (size_t i = list.size(); i > 0; --i) LinkInto(cpu, n, *list[i - 1], ListEnd::kTail);
    }
  }
  co_await cpu.IrqRestore(flags);
  co_return freed;
}

Task<void> Slub2010Core::ShrinkCache(Cpu& cpu, Cache2010& s) {
  const SiteScope site(cpu, SiteOf(At::kShrink));
  const PhysAddr heads = co_await AllocSlabsByInuse(cpu, s);
  if (heads.is_null()) co_return;
  co_await FlushAll(cpu, s);
  for (const std::unique_ptr<Node2010>& n : s.nodes) {
    if (n != nullptr) co_await ShrinkPartialList(cpu, s, *n, heads);
  }
  co_await KfreeOwn(cpu, heads);
}

}  // namespace slablab
