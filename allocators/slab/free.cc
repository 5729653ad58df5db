// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLAB's freeing, from the CPU's array down to the slabs.

#include <algorithm>

#include "allocators/slab/slab.h"
#include "allocators/slab/transfer.h"
#include "base/check.h"

namespace slablab {

// kmem_cache_free().
Task<PathId> SlabAllocator::Free(Cpu& cpu, CacheId id, PhysAddr object) {
  SlabBlock* const slab = SlabOf(object);
  CHECK(slab != nullptr);
  CHECK(slab->cache == &cache(id));
  return FreeOne(cpu, *slab, object);
}

// kfree(): the page says whether it is a slab's, and the slab of which cache.
Task<PathId> SlabAllocator::Kfree(Cpu& cpu, PhysAddr object) {
  if (object <= kZeroSizePointer) return Task<PathId>(PathOf(Way::kFreeNull));
  SlabBlock* const slab = SlabOf(object);
  if (slab == nullptr) return kmalloc_.FreeLarge(cpu, object);
  {
    const SiteScope site(cpu, SiteOf(At::kFreeFast));
    cpu.Touch(slab->PageOf(object.frame()), Access::kRead);
    cpu.Touch(slab->Metadata(SlabBlock::kCacheAt), Access::kRead);
  }
  return FreeOne(cpu, *slab, object);
}

// __do_kmem_cache_free(): with interrupts off, to the end of the CPU's array. As long as nothing
// can come in between it needs no coroutine.
Task<PathId> SlabAllocator::FreeOne(Cpu& cpu, SlabBlock& slab, PhysAddr object) {
  SlabCache& s = *slab.cache;
  IrqFlags flags;
  FreeTo where;
  bool put = false;
  {
    const SiteScope site(cpu, SiteOf(At::kFreeFast));
    cpu.Execute(kSlabFastCycles);
    TakeBack(s, slab, object);
    flags = cpu.IrqSave();
    CpuArray& ac = ThisArray(cpu, s);
    where = WhereTo(cpu, ac, slab, object);
    put = where == FreeTo::kArray && !statistics_in_memory_;
    if (put) {
      Count(cpu, s, SlabStat::kFreeHit);
      PushEntry(cpu, ac, object);
      cpu.IrqRestore(flags);
      if (cpu.MayProceed()) return Task<PathId>(PathOf(Way::kFreeHit));
    }
  }
  if (put) return FreeEnd(cpu);
  return FreeFrom(cpu, slab, object, {.where = where, .flags = flags});
}

// The same from the array on.
Task<PathId> SlabAllocator::FreeFrom(Cpu& cpu, SlabBlock& slab, PhysAddr object, FreeBegun begun) {
  SlabCache& s = *slab.cache;
  const SiteScope site(cpu, SiteOf(At::kFreeFast));
  CpuArray& ac = ArrayOf(s, cpu.id());
  Way way = Way::kFreeHit;
  if (begun.where != FreeTo::kArray) {
    way = co_await FreeSlow(cpu, ac, slab, object, begun.where);
  } else {
    co_await CountAtomic(cpu, s, SlabStat::kFreeHit);
    PushEntry(cpu, ac, object);
  }
  co_await cpu.IrqRestore(begun.flags);
  co_return PathOf(way);
}

// The same from the end on: interrupts are as before, and something comes in.
Task<PathId> SlabAllocator::FreeEnd(Cpu& cpu) {
  const SiteScope site(cpu, SiteOf(At::kFreeFast));
  co_await cpu.Sync();
  co_return PathOf(Way::kFreeHit);
}

// ___cache_free(): an object of another node must not come into this CPU's array. Where there is
// one node only, its page need not be looked at.
SlabAllocator::FreeTo SlabAllocator::WhereTo(Cpu& cpu, const CpuArray& ac, const SlabBlock& slab,
                                             PhysAddr object) {
  if (node_count() > 1) {
    cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
    if (slab.node != LocalMemoryNode(cpu)) return FreeTo::kOtherNode;
  }
  const uint32_t available = cpu.Load(ac.available);
  const bool room = available < cpu.Load(ac.limit);
  return room ? FreeTo::kArray : FreeTo::kFullArray;
}

// __free_one() into the CPU's array.
void SlabAllocator::PushEntry(Cpu& cpu, CpuArray& ac, PhysAddr object) {
  const uint32_t available = cpu.Load(ac.available);
  CHECK_LT(available, ac.limit.Peek());
  cpu.Touch({ac.entries.AddressOf(available), Structure::kPerCpuArea}, Access::kWrite);
  ac.entries[available] = object;
  cpu.Store(ac.available, available + 1);
}

Task<SlabAllocator::Way> SlabAllocator::FreeSlow(Cpu& cpu, CpuArray& ac, SlabBlock& slab,
                                                 PhysAddr object, FreeTo where) {
  SlabCache& s = *slab.cache;
  if (where == FreeTo::kOtherNode) {
    const Way way = co_await FreeAlien(cpu, s, slab, object);
    co_return way;
  }
  if (statistics_in_memory_) {
    co_await CountAtomic(cpu, s, SlabStat::kFreeMiss);
  } else {
    Count(cpu, s, SlabStat::kFreeMiss);
  }
  const Way way = co_await FlushArray(cpu, s, ac);
  PushEntry(cpu, ac, object);
  co_return way;
}

// cache_flusharray(): the oldest of a full array go to the shared array, as many of a batch as it
// has room for; or if it has none, a batch to the slabs.
Task<SlabAllocator::Way> SlabAllocator::FlushArray(Cpu& cpu, SlabCache& s, CpuArray& ac) {
  const SiteScope site(cpu, SiteOf(At::kFlush));
  cpu.Execute(kSlabSlowCycles);
  uint32_t count = cpu.Load(ac.batch_count);
  SlabNode& n = *GetNode(cpu, s, LocalMemoryNode(cpu));
  DoomedSlabs doomed;
  Way way = Way::kFreeToSlabs;
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    SharedArray* const shared = cpu.Load(n.shared);
    uint32_t room = 0;
    if (shared != nullptr) {
      room = cpu.Load(shared->limit);
      room -= cpu.Load(shared->available);
    }
    if (room > 0) {
      way = Way::kFreeToShared;
      count = std::min(count, room);
      const uint32_t at = shared->available.Peek();
      TouchEntries(cpu, ac.entries, {.first = 0, .count = count}, Access::kRead);
      TouchEntries(cpu, shared->entries, {.first = at, .count = count}, Access::kWrite);
      std::copy_n(ac.entries.data(), count, shared->entries.data() + at);
      cpu.Store(shared->available, at + count);
    } else {
      FreeEntries(cpu, s, n, ac.entries, {.first = 0, .count = count}, &doomed);
    }
    // The statistics walk the list of free slabs, whichever way was gone.
    if (statistics_in_memory_) {
      for (SlabBlock* slab = cpu.Load(n.free.first); slab != nullptr;) {
        slab = cpu.Load(slab->list_next);
      }
    }
    RaiseTo(cpu, s, SlabStat::kMaxFreeable, n.free_slabs.Peek());
  }
  ShiftDown(cpu, ac, count);
  co_await DestroySlabs(cpu, s, doomed);
  co_return way;
}

// __cache_free_alien(): to this node's alien cache for the object's node; if that is full, all of
// it goes home first. Without alien caches, straight into the slab.
Task<SlabAllocator::Way> SlabAllocator::FreeAlien(Cpu& cpu, SlabCache& s, SlabBlock& slab,
                                                  PhysAddr object) {
  const SiteScope site(cpu, SiteOf(At::kFreeAlien));
  cpu.Execute(kSlabFastCycles);
  const NodeId home = slab.node;
  SlabNode& here = *GetNode(cpu, s, LocalMemoryNode(cpu));
  Count(cpu, s, SlabStat::kRemoteFrees);
  DoomedSlabs doomed;
  AlienCache* alien = nullptr;
  if (AlienSet* const set = cpu.Load(here.alien); set != nullptr) {
    cpu.Touch(set->PointerTo(home), Access::kRead);
    alien = set->caches[home.index()].get();
  }
  Way way = Way::kFreeAlien;
  if (alien != nullptr) {
    const SpinGuard guard = co_await alien->lock.Acquire(cpu);
    const uint32_t before = cpu.Load(alien->array.available);
    if (before == cpu.Load(alien->array.limit)) {
      way = Way::kFreeAlienDrain;
      Count(cpu, s, SlabStat::kAlienOverflow);
      co_await DrainAlien(cpu, s, *alien, home, &doomed);
    }
    const uint32_t available = cpu.Load(alien->array.available);
    cpu.Touch({alien->array.entries.AddressOf(available), Structure::kNode}, Access::kWrite);
    alien->array.entries[available] = object;
    cpu.Store(alien->array.available, available + 1);
  } else {
    way = Way::kFreeRemoteSlab;
    SlabNode& n = *GetNode(cpu, s, home);
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    FreeBlock(cpu, s, n, absl::MakeConstSpan(&object, 1), &doomed);
  }
  co_await DestroySlabs(cpu, s, doomed);
  co_return way;
}

// __drain_alien_cache(): into the shared array of the objects' node, and what that does not hold
// into their slabs. REQUIRES: the alien cache's lock is held.
Task<void> SlabAllocator::DrainAlien(Cpu& cpu, SlabCache& s, AlienCache& alien, NodeId node,
                                     DoomedSlabs* doomed) {
  SlabNode& n = *GetNode(cpu, s, node);
  if (cpu.Load(alien.array.available) == 0) co_return;
  const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
  if (SharedArray* const shared = cpu.Load(n.shared); shared != nullptr) {
    TransferObjects(cpu, *shared, alien.array, cpu.Load(alien.array.limit));
  }
  const uint32_t left = cpu.Load(alien.array.available);
  FreeEntries(cpu, s, n, alien.array.entries, {.first = 0, .count = left}, doomed);
  cpu.Store(alien.array.available, 0);
}

void SlabAllocator::FreeEntries(Cpu& cpu, SlabCache& s, SlabNode& n, const ArrayEntries& entries,
                                Run run, DoomedSlabs* doomed) {
  TouchEntries(cpu, entries, run, Access::kRead);
  FreeBlock(cpu, s, n, absl::MakeConstSpan(entries.data() + run.first, run.count), doomed);
}

// free_block(): objects back into their slabs. A slab that gets one goes to the end of the partial
// list, and to the front of the free list with its last. While the node has more free objects than
// it should, free slabs are taken off the list's end, to be destroyed outside the lock; in 2014,
// slabs that become free while it has more. REQUIRES: the node's lock is held.
void SlabAllocator::FreeBlock(Cpu& cpu, SlabCache& s, SlabNode& n,
                              absl::Span<const PhysAddr> objects, DoomedSlabs* doomed) {
  if (policy_.frees_surplus_at_end) {
    cpu.Store(n.free_objects, cpu.Load(n.free_objects) + objects.size());
  }
  for (PhysAddr object : objects) {
    SlabBlock& slab = *SlabOf(object);
    CHECK(slab.cache == &s);
    CHECK(slab.home == &n);
    cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
    Unlink(cpu, slab.active.Peek() == s.geometry.objects ? n.full : n.partial, slab);
    PutIntoSlab(cpu, s, slab, object);
    Count(cpu, s, SlabStat::kActive, uint64_t{0} - 1);
    if (!policy_.frees_surplus_at_end) {
      cpu.Store(n.free_objects, cpu.Load(n.free_objects) + 1);
    }
    if (slab.active.Peek() > 0) {
      AddTail(cpu, n.partial, slab);
    } else if (!policy_.frees_surplus_at_end && HasSurplus(cpu, n)) {
      Doom(cpu, s, n);
      doomed->AddLast(slab);
    } else {
      AddHead(cpu, n.free, slab);
      Adjust(cpu, n.free_slabs, 1);
    }
  }
  while (policy_.frees_surplus_at_end && HasSurplus(cpu, n)) {
    SlabBlock* const last = cpu.Load(n.free.last);
    if (last == nullptr) break;
    Unlink(cpu, n.free, *last);
    Adjust(cpu, n.free_slabs, -1);
    Doom(cpu, s, n);
    doomed->AddFirst(*last);
  }
}

// Whether a node has more free objects than it should.
bool SlabAllocator::HasSurplus(Cpu& cpu, const SlabNode& n) {
  const uint64_t free_objects = cpu.Load(n.free_objects);
  return free_objects > cpu.Load(n.free_limit);
}

// A free slab of the node's is no longer the node's.
void SlabAllocator::Doom(Cpu& cpu, const SlabCache& s, SlabNode& n) {
  cpu.Store(n.free_objects, cpu.Load(n.free_objects) - s.geometry.objects);
  Adjust(cpu, n.total_slabs, -1);
}

// slab_put_obj(): the object will be the next to be given out. A list that lies in objects begins
// anew in the first that comes back.
void SlabAllocator::PutIntoSlab(Cpu& cpu, SlabCache& s, SlabBlock& slab, PhysAddr object) {
  cpu.Touch(slab.Metadata(SlabBlock::kFirstObjectAt), Access::kRead);
  const uint32_t index = s.IndexOf(slab, object);
  CHECK(!slab.InUse(index));
  const uint32_t active = cpu.Load(slab.active) - 1;
  CHECK_LT(active, s.geometry.objects);
  cpu.Store(slab.active, active);
  if (cpu.Load(slab.freelist).is_null()) cpu.Store(slab.freelist, object);
  cpu.Touch({slab.freelist.Peek() + active, Structure::kFreePointer}, Access::kWrite);
  slab.indices[active] = static_cast<uint8_t>(index);
  cpu.Execute(kSlabPerObjectCycles);
}

}  // namespace slablab
