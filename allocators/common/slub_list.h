// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_SLUB_LIST_H_
#define SLABLAB_ALLOCATORS_COMMON_SLUB_LIST_H_

#include <cstdint>

#include "base/check.h"
#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/fields.h"
#include "sim/core/spinlock.h"

// A node's list of partial slabs, as every SLUB has it. `SlabType` has the list's links,
// list_next and list_previous, at byte kListAt of its metadata.

namespace slablab {

// struct kmem_cache_node with CONFIG_SLUB_DEBUG: 64 bytes, in 2010 as in Linux 6.1.
template <typename SlabType>
struct SlubNode {
  static constexpr uint64_t kBytes = 64;

  SlubNode(PhysAddr where, LockClass* lock_class)
      : list_lock(lock_class, {where, Structure::kLock}),
        nr_partial(&list_lock, {where + 8, Structure::kNode}),
        first(&list_lock, {where + 16, Structure::kNode}),
        last(&list_lock, {where + 24, Structure::kNode}),
        nr_slabs({where + 32, Structure::kNode}),
        total_objects({where + 40, Structure::kNode}),
        address(where) {}
  SlubNode(const SlubNode&) = delete;

  SpinLock list_lock;
  Guarded<uint64_t> nr_partial;
  Guarded<SlabType*> first;  // of the partial list
  Guarded<SlabType*> last;
  Racy<uint64_t> nr_slabs;
  Racy<uint64_t> total_objects;
  PhysAddr address;
};

enum class ListEnd : bool { kHead, kTail };

// list_add() and list_add_tail().
template <typename SlabType>
void LinkInto(Cpu& cpu, SlubNode<SlabType>& n, SlabType& slab, ListEnd end) {
  SlabType* const next = end == ListEnd::kHead ? cpu.Load(n.first) : nullptr;
  SlabType* const previous = end == ListEnd::kHead ? nullptr : cpu.Load(n.last);
  slab.list_next = Guarded<SlabType*>(&n.list_lock, slab.Metadata(SlabType::kListAt));
  slab.list_previous = Guarded<SlabType*>(&n.list_lock, slab.Metadata(SlabType::kListAt + 8));
  cpu.Store(next == nullptr ? n.last : next->list_previous, &slab);
  cpu.Store(slab.list_next, next);
  cpu.Store(slab.list_previous, previous);
  cpu.Store(previous == nullptr ? n.first : previous->list_next, &slab);
}

// list_del().
template <typename SlabType>
void Unlink(Cpu& cpu, SlubNode<SlabType>& n, SlabType& slab) {
  SlabType* const next = cpu.Load(slab.list_next);
  SlabType* const previous = cpu.Load(slab.list_previous);
  cpu.Store(next == nullptr ? n.last : next->list_previous, previous);
  cpu.Store(previous == nullptr ? n.first : previous->list_next, next);
  cpu.Store(slab.list_next, nullptr);
  cpu.Store(slab.list_previous, nullptr);
}

// __add_partial(); add_partial() of 2010, which takes the lock itself, without that.
template <typename SlabType>
void AddPartial(Cpu& cpu, SlubNode<SlabType>& n, SlabType& slab, ListEnd end) {
  cpu.Store(n.nr_partial, cpu.Load(n.nr_partial) + 1);
  LinkInto(cpu, n, slab, end);
}

// remove_partial(), likewise.
template <typename SlabType>
void RemovePartial(Cpu& cpu, SlubNode<SlabType>& n, SlabType& slab) {
  Unlink(cpu, n, slab);
  const uint64_t nr_partial = cpu.Load(n.nr_partial);
  CHECK_GT(nr_partial, 0u);
  cpu.Store(n.nr_partial, nr_partial - 1);
}

// Aborts unless the list hangs together and nobody has its lock; `visit(slab)` for each of it.
template <typename SlabType, typename Visit>
void CheckPartialList(const SlubNode<SlabType>& n, Visit visit) {
  CHECK(!n.list_lock.held());
  uint64_t length = 0;
  const SlabType* previous = nullptr;
  for (const SlabType* slab = n.first.Peek(); slab != nullptr; slab = slab->list_next.Peek()) {
    CHECK(slab->list_previous.Peek() == previous);
    visit(*slab);
    previous = slab;
    ++length;
  }
  CHECK(n.last.Peek() == previous);
  CHECK_EQ(n.nr_partial.Peek(), length);
}

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_SLUB_LIST_H_
