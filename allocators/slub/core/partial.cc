// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The nodes' partial lists, and what caches with debugging do on them.

#include "allocators/slub/core/core.h"
#include "base/check.h"

namespace slablab {

// set_node_partial_state() writes the flag with a locked instruction: other bits of the flags are
// others'.
void SlubCore::AddPartial(Cpu& cpu, CacheNode& n, Slab& slab, ListEnd end) const {
  slablab::AddPartial(cpu, n, slab, end);
  if (!policy_.marks_listed) return;
  CHECK(!slab.listed.Peek());
  slab.listed = Guarded<bool>(&n.list_lock, slab.Metadata(Slab::kFlagsAt), true);
  cpu.TouchAtomic(slab.listed.place());
}

void SlubCore::RemovePartial(Cpu& cpu, CacheNode& n, Slab& slab) const {
  slablab::RemovePartial(cpu, n, slab);
  if (!policy_.marks_listed) return;
  CHECK(slab.listed.Peek());
  slab.listed.Poke(false);
  cpu.TouchAtomic(slab.listed.place());
}

// alloc_single_from_partial(). All that change the slab's word hold the lock: plain stores.
ObjectIndex SlubCore::TakeSingle(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab) {
  CHECK(n.list_lock.HeldBy(cpu));
  cpu.Touch(slab.word.place(), Access::kRead);
  SlabWord word = slab.word.Peek();
  const ObjectIndex object = word.freelist;
  word.freelist = LoadFreePointer(cpu, s, slab, object);
  ++word.inuse;
  cpu.Touch(slab.word.place(), Access::kWrite);
  slab.word.Poke(word);
  if (word.inuse == word.objects) RemovePartial(cpu, n, slab);
  return object;
}

// alloc_single_from_new_slab().
Task<ObjectIndex> SlubCore::TakeSingleOfNew(Cpu& cpu, KmemCache& s, Slab& slab) {
  CacheNode& n = *GetNode(cpu, s, NodeOf(cpu, slab));
  const ObjectIndex object = SlubCore::TakeFirst(cpu, s, slab);
  const SlabWord word = slab.word.Peek();
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    if (word.inuse < word.objects) AddPartial(cpu, n, slab, ListEnd::kHead);
    co_await CountSlab(cpu, s, slab);
  }
  co_await cpu.IrqRestore(flags);
  co_return object;
}

// free_to_partial_list().
Task<PathId> SlubCore::FreeSingles(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain chain) {
  CacheNode& n = *GetNode(cpu, s, NodeOf(cpu, slab));
  bool discard = false;
  bool was_full = false;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    cpu.Touch(slab.word.place(), Access::kRead);
    SlabWord word = slab.word.Peek();
    was_full = word.freelist == kNoObject;
    StoreFreePointer(cpu, s, slab, chain.tail, word.freelist);
    word.freelist = chain.head;
    CHECK_GE(word.inuse, chain.count);
    word.inuse = static_cast<uint16_t>(word.inuse - chain.count);
    cpu.Touch(slab.word.place(), Access::kWrite);
    slab.word.Poke(word);
    discard = word.inuse == 0 && cpu.Load(n.nr_partial) >= cpu.Load(s.min_partial);
    if (was_full && !discard) {
      AddPartial(cpu, n, slab, ListEnd::kTail);
      Count(cpu, s, SlubStat::kFreeAddPartial);
    } else if (!was_full && discard) {
      RemovePartial(cpu, n, slab);
      Count(cpu, s, SlubStat::kFreeRemovePartial);
    }
    if (discard) co_await UncountSlab(cpu, s, slab);
  }
  co_await cpu.IrqRestore(flags);
  if (!discard) co_return PathOf(was_full ? SlubWay::kFreeFull : SlubWay::kFreePartial);
  Count(cpu, s, SlubStat::kFreeSlab);
  co_await FreeSlab(cpu, s, slab);
  co_return PathOf(SlubWay::kFreeSlab);
}

}  // namespace slablab
