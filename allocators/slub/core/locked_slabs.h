// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_LOCKED_SLABS_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_LOCKED_SLABS_H_

#include "allocators/slub/core/core.h"
#include "allocators/slub/core/structures.h"
#include "base/check.h"
#include "sim/core/cpu.h"
#include "sim/core/spinlock.h"
#include "sim/core/task.h"

// Slabs with locks of their own, as SLUB had them in 2010: the way to one through the nodes' lists,
// and into these. slab_lock() comes before list_lock.

namespace slablab {

// A slab that the CPU has locked. Null: none.
struct LockedSlab {
  Slab* slab = nullptr;
  SpinGuard guard;
};

// Where a slab is looked for: the list of the node `nearest`; then any, unless that node alone will
// do.
struct LockedSearch {
  NodeId nearest;
  bool only_there = false;
};

// get_partial(), get_partial_node(). REQUIRES, of all here: interrupts are off.
Task<LockedSlab> GetPartial(SlubCore& core, Cpu& cpu, KmemCache& s, LockedSearch search);
Task<LockedSlab> GetPartialNode(const SlubCore& core, Cpu& cpu, KmemCache& s, NodeId node);

// add_partial() and remove_partial(). REQUIRES: the slab is locked or otherwise kept from others.
Task<void> AddToPartial(Cpu& cpu, CacheNode& n, Slab& slab, ListEnd end);
Task<void> RemoveFromPartial(Cpu& cpu, CacheNode& n, Slab& slab);

// kfree(): the object's page says whether it is a slab's, and the slab of which cache.
inline void LookUpSlab(Cpu& cpu, const Slab& slab, PhysAddr object) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
  cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
  cpu.Touch(slab.Metadata(Slab::kFlagsAt), Access::kRead);
  cpu.Touch(slab.Metadata(Slab::kCacheAt), Access::kRead);
}

// What a slab says of itself, field by field. REQUIRES: the slab is locked; checked.
class LockedWord {
 public:
  LockedWord(Cpu& cpu, Slab& slab) : cpu_(cpu), slab_(slab) {}

  ObjectIndex freelist() const { return Load().freelist; }
  uint16_t inuse() const { return Load().inuse; }
  bool frozen() const { return Load().frozen; }
  void set_freelist(ObjectIndex freelist) const {
    Store([=](SlabWord& word) { word.freelist = freelist; });
  }
  void set_inuse(uint16_t inuse) const {
    Store([=](SlabWord& word) { word.inuse = inuse; });
  }
  void set_frozen(bool frozen) const {
    Store([=](SlabWord& word) { word.frozen = frozen; });
  }

 private:
  const SlabWord& Load() const {
    CHECK(slab_.lock.HeldBy(cpu_));
    cpu_.Touch(slab_.word.place(), Access::kRead);
    return slab_.word.Peek();
  }
  template <typename Change>
  void Store(Change change) const {
    CHECK(slab_.lock.HeldBy(cpu_));
    cpu_.Touch(slab_.word.place(), Access::kWrite);
    SlabWord word = slab_.word.Peek();
    change(word);
    slab_.word.Poke(word);
  }

  Cpu& cpu_;
  Slab& slab_;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_LOCKED_SLABS_H_
