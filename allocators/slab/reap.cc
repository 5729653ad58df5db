// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLAB's periodic reaping: what has not been used for a while goes back, a little at a time.

#include <algorithm>
#include <limits>

#include "allocators/slab/slab.h"
#include "allocators/slab/transfer.h"
#include "base/check.h"
#include "sim/core/boot_memory.h"

namespace slablab {
namespace {

constexpr Cycles kNever = std::numeric_limits<Cycles>::max();
// Of a second: by how much the timers of two CPUs are apart, three jiffies of 4 ms.
constexpr Cycles kStaggerDivisor = 83;

}  // namespace

// start_cpu_timer(), init_reap_node().
void SlabAllocator::StartTimer(CpuId id, Cycles now) {
  if (!reaps_) return;
  CpuTimer& timer = timers_[id.index()];
  timer.next = now + CyclesPerSecond() +
               static_cast<Cycles>(id.value()) * (CyclesPerSecond() / kStaggerDivisor);
  timer.node = NodeId((LocalMemoryNode(NodeOfCpu(id)).value() + 1) % node_count());
}

// slab_offline_cpu().
void SlabAllocator::StopTimer(CpuId id) { timers_[id.index()].next = kNever; }

Cycles SlabAllocator::NextWork(CpuId id) const { return timers_[id.index()].next; }

// cache_reap(): on this CPU, for every cache, the newest first: one of the alien caches of its
// node, its own array, and, where that is due, what its node shares and its free slabs.
Task<void> SlabAllocator::Work(Cpu& cpu) {
  const SiteScope site(cpu, SiteOf(At::kReap));
  CpuTimer& timer = timers_[cpu.id().index()];
  timer.next = cpu.now() + kSlabReapSeconds * CyclesPerSecond();
  // mutex_trylock(): the next round will do.
  const bool locked = co_await cpu.Cmpxchg(slab_mutex_, false, true);
  if (!locked) co_return;
  for (size_t i = caches_.live().size(); i > 0; --i) {
    SlabCache& s = cache(caches_.live()[i - 1]);
    SlabNode& n = *GetNode(cpu, s, LocalMemoryNode(cpu));
    co_await ReapAlien(cpu, s, n, timer.node);
    CpuArray& ac = ThisArray(cpu, s);
    if (cpu.Load(ac.available) > 0) {
      if (cpu.Load(ac.touched) != 0) {
        cpu.Store(ac.touched, 0);
      } else {
        co_await DrainSome(cpu, s, n, ac);
      }
    }
    const Cycles due = co_await cpu.Load(n.next_reap);
    if (due > cpu.now()) continue;
    co_await cpu.Store(n.next_reap, cpu.now() + kSlabReapNodeSeconds * CyclesPerSecond());
    co_await ReapNode(cpu, s, n);
  }
  co_await cpu.Store(slab_mutex_, false);
  timer.node = NodeId((timer.node.value() + 1) % node_count());
}

// reap_alien(): if somebody else has the lock, not this time.
Task<void> SlabAllocator::ReapAlien(Cpu& cpu, SlabCache& s, SlabNode& n, NodeId node) {
  AlienSet* const set = cpu.Load(n.alien);
  if (set == nullptr) co_return;
  cpu.Touch(set->PointerTo(node), Access::kRead);
  AlienCache* const alien = set->caches[node.index()].get();
  if (alien == nullptr) co_return;
  const uint32_t available = co_await cpu.LoadUnlocked(alien->array.available);
  if (available == 0) co_return;
  DoomedSlabs doomed;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await alien->lock.TryAcquire(cpu);
    if (guard) co_await DrainAlien(cpu, s, *alien, node, &doomed);
  }
  co_await cpu.IrqRestore(flags);
  co_await DestroySlabs(cpu, s, doomed);
}

// cache_reap(), what is done for a node every four seconds.
Task<void> SlabAllocator::ReapNode(Cpu& cpu, SlabCache& s, SlabNode& n) {
  SharedArray* const shared = co_await cpu.LoadUnlocked(n.shared);
  if (shared != nullptr) {
    const uint32_t available = co_await cpu.LoadUnlocked(shared->available);
    const uint32_t touched = co_await cpu.Load(shared->touched);
    if (available > 0 && touched != 0) {
      co_await cpu.Store(shared->touched, 0);
    } else if (available > 0) {
      co_await DrainSome(cpu, s, n, *shared);
    }
  }
  const bool free_touched = co_await cpu.Load(n.free_touched);
  if (free_touched) {
    co_await cpu.Store(n.free_touched, false);
    co_return;
  }
  const uint32_t fifth = 5 * s.geometry.objects;
  const uint32_t limit = co_await cpu.LoadUnlocked(n.free_limit);
  const uint64_t freed = co_await DrainFreelist(cpu, s, n, (limit + fifth - 1) / fifth);
  Count(cpu, s, SlabStat::kReaped, freed);
}

// drain_array(), drain_array_locked(): a fifth of the limit, the oldest; or half of what there is,
// if that is less.
template <typename Array>
Task<void> SlabAllocator::DrainSome(Cpu& cpu, SlabCache& s, SlabNode& n, Array& array) {
  DoomedSlabs doomed;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    const uint32_t available = cpu.Load(array.available);
    uint32_t count = (cpu.Load(array.limit) + 4) / 5;
    if (count > available) count = (available + 1) / 2;
    FreeEntries(cpu, s, n, array.entries, {.first = 0, .count = count}, &doomed);
    ShiftDown(cpu, array, count);
  }
  co_await cpu.IrqRestore(flags);
  co_await DestroySlabs(cpu, s, doomed);
}

}  // namespace slablab
