// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_CHECK_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_CHECK_H_

#include <cstdint>
#include <map>
#include <vector>

#include "allocators/slub/core/structures.h"

namespace slablab {

class SlubCore;

// One pass over one cache: checks the core's numbered invariants (allocators/slub/core/core.h) from
// the structures' values alone.
class SlubInspection {
 public:
  SlubInspection(const SlubCore& core, const KmemCache& cache);

  void Run();

  // --- For the front, which is asked what it holds. ---
  // A slab that no other claims, and those of its objects that are on a list of the front's.
  struct Held {
    bool frozen = false;
    ObjectIndex freelist = kNoObject;
  };
  void Claim(const Slab& slab, Held held);
  // Objects that the front has in arrays (kInSheaf).
  void ClaimInSheaves(uint64_t objects) { in_sheaves_ += objects; }

 private:
  void VisitNode(const CacheNode& n);
  void VisitSlab(const Slab& slab);
  uint32_t CountFree(const Slab& slab);
  uint32_t Walk(const Slab& slab, ObjectIndex object);
  Footprint FootprintOf(const Slab& slab) const;

  struct Owner {
    bool on_node = false;
    Held held;
  };
  const SlubCore& core_;
  const KmemCache& s_;
  const bool has_bitmaps_;
  const bool names_caches_;
  std::map<const Slab*, Owner> owners_;
  std::vector<bool> seen_;
  uint64_t in_sheaves_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_CHECK_H_
