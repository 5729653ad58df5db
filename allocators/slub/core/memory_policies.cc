// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What tasks' memory policies do to SLUB.

#include "allocators/slub/core/core.h"
#include "sim/core/memory_policy.h"
#include "sim/pages/page_allocator.h"

namespace slablab {

// mempolicy_slab_node(): interrupts have no policy, though they find that of what they interrupt.
NodeId SlubCore::PolicyNode(Cpu& cpu) const {
  const NodeId local = LocalMemoryNode(cpu);
  MemoryPolicy* const policy = cpu.memory_policy();
  if (policy == nullptr || cpu.in_interrupt()) return local;
  switch (policy->mode) {
    case MemoryPolicy::Mode::kLocal:
      return local;
    case MemoryPolicy::Mode::kPreferred:
      return policy->First();
    case MemoryPolicy::Mode::kInterleave:
      return policy->TakeTurn();
    case MemoryPolicy::Mode::kBind:
      for (const NodeId node : machine_.FallbackOf(local)) {
        if (policy->Allows(node)) return node;
      }
      return local;
  }
  return local;
}

// apply_strict_numa_policy(): where the task is bound to nodes and is on one of them, objects come
// as they would without.
NodeId SlubCore::StrictNode(Cpu& cpu) const {
  const MemoryPolicy* const policy = cpu.memory_policy();
  if (policy == nullptr) return kAnyNode;
  if (policy->mode == MemoryPolicy::Mode::kBind && policy->Allows(LocalMemoryNode(cpu))) {
    return kAnyNode;
  }
  return PolicyNode(cpu);
}

SlubAllocRequest SlubCore::ApplyStrictNuma(Cpu& cpu, const KmemCache& s,
                                           SlubAllocRequest request) const {
  if (!strict_numa_ || request.node != kAnyNode) return request;
  request.node = StrictNode(cpu);
  // Where CPU slabs are below, only what sheaves serve is looked at first.
  request.applies_policy_again = policy_.strict_numa_twice && cpu.memory_policy() != nullptr &&
                                 (!policy_.cpu_slabs || s.sheaf_capacity.Peek() > 0);
  return request;
}

// alloc_slab_page(): the page allocator heeds the task's policy wherever no node is asked for.
Task<PhysAddr> SlubCore::AllocPages(Cpu& cpu, const PageRequest& request) {
  MemoryPolicy* const policy = cpu.memory_policy();
  if (policy == nullptr || request.node != kAnyNode || cpu.in_interrupt() ||
      Has(request.gfp, Gfp::kThisNode)) {
    return machine_.pages().Alloc(cpu, request);
  }
  return AllocPagesBy(cpu, request, *policy);
}

// alloc_pages_mpol(). Of who is bound to nodes the zones of all others are left out.
Task<PhysAddr> SlubCore::AllocPagesBy(Cpu& cpu, PageRequest request, MemoryPolicy& policy) {
  if (policy.mode != MemoryPolicy::Mode::kBind) {
    if (policy.mode == MemoryPolicy::Mode::kPreferred) request.node = policy.First();
    if (policy.mode == MemoryPolicy::Mode::kInterleave) request.node = policy.TakeTurn();
    const PhysAddr block = co_await machine_.pages().Alloc(cpu, request);
    co_return block;
  }
  request.gfp = request.gfp | Gfp::kThisNode;
  for (const NodeId node : machine_.FallbackOf(cpu.node())) {
    if (!policy.Allows(node)) continue;
    request.node = node;
    const PhysAddr block = co_await machine_.pages().Alloc(cpu, request);
    if (!block.is_null()) co_return block;
  }
  co_return PhysAddr();
}

}  // namespace slablab
