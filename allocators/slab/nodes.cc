// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The nodes' part of SLAB's caches: set up, resized, and when CPUs come and go.

#include <limits>

#include "allocators/slab/slab.h"
#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

void GuardBy(SpinLock* lock, SharedArray& shared) {
  for (Guarded<uint32_t>* field : {&shared.available, &shared.limit, &shared.batch_count}) {
    *field = Guarded<uint32_t>(lock, field->place(), field->Peek());
  }
}

}  // namespace

// Whether a CPU is on line. While the kernel boots only one is.
bool SlabAllocator::IsUp(CpuId id) const {
  if (state_ != BootState::kFull) return id == boot_cpu_;
  return machine_.scheduler().cpu(id).online();
}

// nr_cpus_node().
uint32_t SlabAllocator::CpusOn(NodeId node) const {
  uint32_t cpus = 0;
  for (int i = 0; i < machine_.config().cpu_count(); ++i) {
    if (NodeOfCpu(CpuId(i)) == node && IsUp(CpuId(i))) ++cpus;
  }
  return cpus;
}

// When a node of a cache is first reaped: after REAPTIMEOUT_NODE, and up to as much again that the
// kernel takes from the cache's address.
Cycles SlabAllocator::FirstReap(const Cpu& cpu) {
  const Cycles period = kSlabReapNodeSeconds * CyclesPerSecond();
  return cpu.now() + period + random_.Below(period);
}

// init_cache_node(): makes the node's structure, or for one that is there already computes its
// free_limit anew. Answers false if there is no memory.
Task<bool> SlabAllocator::InitNode(Cpu& cpu, SlabCache& s, AllocRequest request) {
  const uint32_t free_limit =
      (1 + CpusOn(request.node)) * cpu.Load(s.batch_count) + s.geometry.objects;
  if (SlabNode* const n = GetNode(cpu, s, request.node); n != nullptr) {
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await n->list_lock.Acquire(cpu);
      cpu.Store(n->free_limit, free_limit);
    }
    co_await cpu.IrqRestore(flags);
    co_return true;
  }
  const PhysAddr address = co_await KmallocOwn(cpu, NodeBytes(), request.gfp, request.node);
  if (address.is_null()) co_return false;
  cpu.TouchRange({address, Structure::kNode}, NodeBytes(), Access::kWrite);
  auto node = std::make_unique<SlabNode>(address, list_lock_class_, policy_.counts_slabs);
  node->next_reap.Poke(FirstReap(cpu));
  node->free_limit.Poke(free_limit);
  s.nodes[request.node.index()] = std::move(node);
  cpu.Touch(s.NodePointer(request.node), Access::kWrite);
  co_return true;
}

// setup_kmem_cache_node(): gives the node alien caches if it has none, and a shared array if it has
// none or is to have another. Answers false if there is no memory.
Task<bool> SlabAllocator::SetUpNode(Cpu& cpu, SlabCache& s, AllocRequest request, Change change) {
  std::unique_ptr<AlienSet> aliens;
  std::unique_ptr<SharedArray> shared;
  if (use_alien_caches_) {
    aliens = co_await AllocAlienSet(cpu, cpu.Load(s.limit), request);
    if (aliens == nullptr) co_return false;
  }
  if (const uint32_t batches = cpu.Load(s.shared); batches > 0) {
    const uint64_t entries = uint64_t{batches} * cpu.Load(s.batch_count);
    shared = co_await AllocShared(cpu, entries, request);
  }
  bool done = cpu.Load(s.shared) == 0 || shared != nullptr;
  if (done) done = co_await InitNode(cpu, s, request);
  bool replaced = false;
  if (done) {
    SlabNode& n = *GetNode(cpu, s, request.node);
    DoomedSlabs doomed;
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
      SharedArray* const before = cpu.Load(n.shared);
      if (before != nullptr && change == Change::kForce) {
        FreeEntries(cpu, s, n, before->entries, {.first = 0, .count = cpu.Load(before->available)},
                    &doomed);
        cpu.Store(before->available, 0);
      }
      if (before == nullptr || change == Change::kForce) {
        replaced = before != nullptr;
        if (shared != nullptr) GuardBy(&n.list_lock, *shared);
        n.shared_array.swap(shared);
        cpu.Store(n.shared, n.shared_array.get());
      }
      if (cpu.Load(n.alien) == nullptr) {
        n.alien_set.swap(aliens);
        cpu.Store(n.alien, n.alien_set.get());
      }
    }
    co_await cpu.IrqRestore(flags);
    co_await DestroySlabs(cpu, s, doomed);
    // Who reads `shared` without the lock has interrupts off.
    if (replaced && policy_.looks_before_locking) co_await Synchronize(cpu);
  }
  co_await FreeShared(cpu, shared);
  co_await FreeAlienSet(cpu, aliens);
  co_return done;
}

// setup_kmem_cache_nodes(): every node. If it fails for a cache that is not in use yet, what was
// done is undone.
Task<bool> SlabAllocator::SetUpNodes(Cpu& cpu, SlabCache& s, Gfp gfp) {
  for (int i = 0; i < node_count(); ++i) {
    const bool done = co_await SetUpNode(cpu, s, {.gfp = gfp, .node = NodeId(i)}, Change::kForce);
    if (done) continue;
    for (int undo = i - 1; undo >= 0 && !s.live; --undo) {
      co_await ReleaseNode(cpu, s, NodeId(undo));
    }
    co_return false;
  }
  co_return true;
}

Task<void> SlabAllocator::ReleaseNode(Cpu& cpu, SlabCache& s, NodeId node) {
  std::unique_ptr<SlabNode>& n = s.nodes[node.index()];
  if (n == nullptr) co_return;
  CHECK_EQ(n->total_slabs.Peek(), 0u);
  co_await FreeShared(cpu, n->shared_array);
  co_await FreeAlienSet(cpu, n->alien_set);
  const PhysAddr address = n->address;
  const bool is_static = n->is_static;
  n = nullptr;
  cpu.Touch(s.NodePointer(node), Access::kWrite);
  if (!is_static) co_await KfreeOwn(cpu, address);
}

// slab_prepare_cpu(), cpuup_prepare(): the node's structures of every cache, the newest first. The
// CPU's own arrays are there, or are made now. The node's free_limit is computed without the CPU
// that comes.
Task<bool> SlabAllocator::CpuComing(Cpu& cpu, CpuId coming) {
  const SiteScope site(cpu, SiteOf(At::kHotplug));
  const AllocRequest request{.gfp = kGfpKernel, .node = LocalMemoryNode(NodeOfCpu(coming))};
  bool done = true;
  for (size_t i = caches_.live().size(); i > 0 && done; --i) {
    done = co_await InitNode(cpu, cache(caches_.live()[i - 1]), request);
  }
  for (size_t i = caches_.live().size(); i > 0 && done; --i) {
    SlabCache& s = cache(caches_.live()[i - 1]);
    if (!policy_.percpu_arrays) done = co_await AllocArray(cpu, *s.cpus, coming, kGfpKernel);
    if (done) done = co_await SetUpNode(cpu, s, request, Change::kKeep);
  }
  if (!done) {
    co_await CpuCanceled(cpu, coming);
    co_return false;
  }
  StartTimer(coming, cpu.now());
  co_return true;
}

// slab_dead_cpu().
Task<void> SlabAllocator::CpuDead(Cpu& cpu, CpuId dead) {
  const SiteScope site(cpu, SiteOf(At::kHotplug));
  CHECK(!cpu.scheduler().cpu(dead).online());
  StopTimer(dead);
  co_await CpuCanceled(cpu, dead);
}

// cpuup_canceled(): what the CPU had goes back to the slabs, then the node's free slabs of every
// cache to the page allocator.
Task<void> SlabAllocator::CpuCanceled(Cpu& cpu, CpuId gone) {
  const NodeId node = LocalMemoryNode(NodeOfCpu(gone));
  for (size_t i = caches_.live().size(); i > 0; --i) {
    co_await CancelCpuOf(cpu, cache(caches_.live()[i - 1]), gone, node);
  }
  for (size_t i = caches_.live().size(); i > 0; --i) {
    SlabCache& s = cache(caches_.live()[i - 1]);
    SlabNode* const n = GetNode(cpu, s, node);
    if (n == nullptr) continue;
    co_await DrainFreelist(cpu, s, *n, std::numeric_limits<uint64_t>::max());
  }
}

// cpuup_canceled(), one cache. A node that has lost its last CPU loses its shared array and alien
// caches too.
Task<void> SlabAllocator::CancelCpuOf(Cpu& cpu, SlabCache& s, CpuId gone, NodeId node) {
  SlabNode* const n = GetNode(cpu, s, node);
  if (n == nullptr) co_return;
  const bool was_last = CpusOn(node) == 0;
  std::unique_ptr<SharedArray> shared;
  std::unique_ptr<AlienSet> aliens;
  DoomedSlabs doomed;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n->list_lock.Acquire(cpu);
    const uint32_t free_limit = cpu.Load(n->free_limit);
    cpu.Store(n->free_limit, free_limit - cpu.Load(s.batch_count));
    CpuArray& ac = s.cpus->arrays[gone.index()];
    if (ac.placed) {
      FreeEntries(cpu, s, *n, ac.entries, {.first = 0, .count = cpu.Load(ac.available)}, &doomed);
      cpu.Store(ac.available, 0);
    }
    if (was_last) {
      shared = std::move(n->shared_array);
      aliens = std::move(n->alien_set);
      if (shared != nullptr) {
        FreeEntries(cpu, s, *n, shared->entries, {.first = 0, .count = cpu.Load(shared->available)},
                    &doomed);
        cpu.Store(shared->available, 0);
        cpu.Store(n->shared, nullptr);
      }
      cpu.Store(n->alien, nullptr);
    }
  }
  co_await cpu.IrqRestore(flags);
  co_await FreeShared(cpu, shared);
  if (aliens != nullptr) {
    co_await DrainAlienSet(cpu, s, *aliens);
    co_await FreeAlienSet(cpu, aliens);
  }
  co_await DestroySlabs(cpu, s, doomed);
  CpuArray& ac = s.cpus->arrays[gone.index()];
  if (policy_.percpu_arrays || !ac.placed) co_return;
  cpu.Touch(s.ArrayPointer(gone), Access::kWrite);
  co_await FreeArray(cpu, ac);
}

}  // namespace slablab
