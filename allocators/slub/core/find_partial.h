// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_FIND_PARTIAL_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_FIND_PARTIAL_H_

#include <cstdint>

#include "allocators/slub/core/core.h"
#include "allocators/slub/core/structures.h"
#include "allocators/slub/core/ways.h"
#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/spinlock.h"
#include "sim/core/task.h"

// The search through the nodes' partial lists, which every front has: in which order the nodes come
// and when a list is not worth its lock. What is taken from a list is the front's.

namespace slablab {

// One node's list: Task<void> take(CacheNode&) is called with its lock held and interrupts off,
// unless a look without the lock says that it is empty.
template <typename Take>
Task<void> TakeFromList(const SlubCore& core, Cpu& cpu, KmemCache& s, NodeId node, Take take) {
  const SiteScope site(cpu, SiteOf(SlubAt::kGetPartial));
  CacheNode* const n = core.GetNode(cpu, s, node);
  if (n == nullptr) co_return;
  const uint64_t nr_partial = co_await cpu.LoadUnlocked(n->nr_partial);
  if (nr_partial == 0) co_return;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n->list_lock.Acquire(cpu);
    co_await take(*n);
  }
  co_await cpu.IrqRestore(flags);
}

// get_any_partial(), get_from_any_partial(): nodes in fallback order that have more partial slabs
// than they should keep, until Task<Found> from_node(NodeId) answers one with a slab.
template <typename Found, typename FromNode>
Task<Found> FindOnAnyNode(SlubCore& core, Cpu& cpu, KmemCache& s, FromNode from_node) {
  const SiteScope site(cpu, SiteOf(SlubAt::kGetAnyPartial));
  if (!core.MayLookElsewhere(cpu, s)) co_return Found{};
  for (const NodeId node : core.machine().FallbackOf(core.PolicyNode(cpu))) {
    CacheNode* const n = core.GetNode(cpu, s, node);
    if (n == nullptr) continue;
    const uint64_t nr_partial = co_await cpu.LoadUnlocked(n->nr_partial);
    if (nr_partial <= cpu.Load(s.min_partial)) continue;
    Found found = co_await from_node(node);
    if (found.slab != nullptr) co_return found;
  }
  co_return Found{};
}

// get_partial(), get_from_partial(): the list of the node `nearest`; then any, unless that node
// alone will do.
struct PartialSearch {
  NodeId nearest;
  bool only_there = false;
};

template <typename Found, typename FromNode>
Task<Found> FindPartial(SlubCore& core, Cpu& cpu, KmemCache& s, PartialSearch search,
                        FromNode from_node) {
  Found found = co_await from_node(search.nearest);
  found.way = SlubWay::kAllocNodePartial;
  if (found.slab != nullptr || search.only_there) co_return found;
  found = co_await FindOnAnyNode<Found>(core, cpu, s, from_node);
  found.way = SlubWay::kAllocRemotePartial;
  co_return found;
}

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_FIND_PARTIAL_H_
