// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Many objects at a time.

#include <utility>

#include "allocators/slub/core/core.h"
#include "base/check.h"

namespace slablab {

// build_detached_freelist(): from the end of the array, the last object and those of its slab,
// until three of other slabs were met. What is left stands in front afterwards.
SlubCore::Detached SlubCore::BuildDetachedFreelist(Cpu& cpu, absl::Span<PhysAddr> objects) {
  int lookahead = 3;
  size_t at = objects.size() - 1;
  const PhysAddr last = objects[at];
  if (SlabOf(last) == nullptr) return {.slab = nullptr, .chain = {}, .left = at};
  Slab& slab = *SlabOf(last);
  KmemCache& s = *slab.cache;
  cpu.Touch(slab.PageOf(last.frame()), Access::kRead);
  const ObjectIndex tail = s.IndexOf(slab, last);
  StoreFreePointer(cpu, s, slab, tail, kNoObject);
  Detached detached{.slab = &slab, .chain = {.head = tail, .tail = tail, .count = 1}, .left = at};
  while (at > 0) {
    const PhysAddr object = objects[--at];
    Slab* const its_slab = SlabOf(object);
    if (its_slab != nullptr) cpu.Touch(its_slab->PageOf(object.frame()), Access::kRead);
    if (its_slab == &slab) {
      const ObjectIndex index = s.IndexOf(slab, object);
      StoreFreePointer(cpu, s, slab, index, detached.chain.head);
      detached.chain.head = index;
      ++detached.chain.count;
      --detached.left;
      if (at != detached.left) std::swap(objects[at], objects[detached.left]);
      continue;
    }
    if (--lookahead == 0) break;
  }
  return detached;
}

void SlubCore::ReverseChain(Cpu& cpu, KmemCache& s, Slab& slab, SlubChain* chain) const {
  ObjectIndex following = chain->head;
  ObjectIndex head = kNoObject;
  for (uint16_t i = 0; i < chain->count; ++i) {
    const ObjectIndex object = following;
    following = LoadFreePointer(cpu, s, slab, object);
    StoreFreePointer(cpu, s, slab, object, head);
    head = object;
  }
  chain->tail = chain->head;
  chain->head = head;
}

void SlubCore::TakeBackAll(absl::Span<const PhysAddr> objects) {
  for (PhysAddr object : objects) {
    Slab* const slab = SlabOf(object);
    if (slab == nullptr) continue;
    KmemCache& s = *slab->cache;
    TakeBack(s, *slab, s.IndexOf(*slab, object));
  }
}

}  // namespace slablab
