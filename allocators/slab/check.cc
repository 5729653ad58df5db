// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLAB's numbered invariants (allocators/slab/slab.h), checked from the structures' values alone.

#include "base/check.h"

#include <map>
#include <set>
#include <vector>

#include "allocators/slab/slab.h"

namespace slablab {

// One pass over one cache.
class SlabInspection {
 public:
  SlabInspection(const SlabAllocator& allocator, const SlabCache& cache)
      : allocator_(allocator), s_(cache) {}

  void Run() {
    for (size_t i = 0; i < s_.cpus->arrays.size(); ++i) {
      const CpuArray& ac = s_.cpus->arrays[i];
      if (!ac.placed) continue;
      const NodeId node = allocator_.NodeOfCpu(CpuId(static_cast<int32_t>(i)));
      VisitArray(ac, allocator_.LocalMemoryNode(node));
    }
    for (size_t i = 0; i < s_.nodes.size(); ++i) {
      if (s_.nodes[i] != nullptr) VisitNode(*s_.nodes[i], NodeId(static_cast<int32_t>(i)));
    }
    Footprint footprint;
    uint32_t waiting = 0;
    for (const SlabBlock& slab : allocator_.pool_.slabs()) {
      if (slab.cache != &s_) continue;
      VisitSlab(slab);
      waiting += slab.waits_for_rcu;
      footprint += FootprintOf(slab);
    }
    CHECK_EQ(s_.rcu_slabs, waiting);  // 1
    CheckFootprint(s_, footprint);    // 8
  }

 private:
  template <typename Array>
  void VisitArray(const Array& array, NodeId node) {
    CHECK_LE(array.available.Peek(), array.limit.Peek());  // 6
    for (uint32_t i = 0; i < array.available.Peek(); ++i) {
      const PhysAddr object = array.entries[i];
      const SlabBlock* const slab = allocator_.SlabOf(object);
      CHECK(slab != nullptr);
      CHECK(slab->cache == &s_);
      CHECK(slab->node == node);                // 4
      CHECK(in_arrays_.insert(object).second);  // 3
    }
  }

  void VisitNode(const SlabNode& n, NodeId node) {
    CHECK(!n.list_lock.held());
    if (n.shared_array != nullptr) VisitArray(*n.shared_array, node);
    if (n.alien_set != nullptr) {
      for (size_t i = 0; i < n.alien_set->caches.size(); ++i) {
        const AlienCache* const alien = n.alien_set->caches[i].get();
        if (alien == nullptr) continue;
        CHECK(!alien->lock.held());
        VisitArray(alien->array, NodeId(static_cast<int32_t>(i)));
      }
    }
    CHECK(n.shared.Peek() == n.shared_array.get());
    CHECK(n.alien.Peek() == n.alien_set.get());
    Tally tally;
    VisitList(n, n.partial, &tally);
    const uint64_t partial = tally.slabs;
    VisitList(n, n.full, &tally);
    const uint64_t full = tally.slabs - partial;
    VisitList(n, n.free, &tally);
    CHECK_EQ(n.total_slabs.Peek(), tally.slabs);                  // 5
    CHECK_EQ(n.free_slabs.Peek(), tally.slabs - partial - full);  // 5
    CHECK_EQ(n.free_objects.Peek(), tally.free_objects);          // 5
  }

  struct Tally {
    uint64_t slabs = 0;
    uint64_t free_objects = 0;
  };
  void VisitList(const SlabNode& n, const SlabList& list, Tally* tally) {
    const SlabBlock* previous = nullptr;
    for (const SlabBlock* slab = list.first.Peek(); slab != nullptr;
         slab = slab->list_next.Peek()) {
      CHECK(slab->cache == &s_);
      CHECK(slab->home == &n);             // 1
      CHECK(listed_.insert(slab).second);  // 1
      CHECK(slab->list_previous.Peek() == previous);
      const uint32_t active = slab->active.Peek();
      const SlabList& right = active == 0                     ? n.free
                              : active == s_.geometry.objects ? n.full
                                                              : n.partial;
      CHECK(&list == &right);  // 1
      previous = slab;
      ++tally->slabs;
      tally->free_objects += s_.geometry.objects - active;
    }
    CHECK(list.last.Peek() == previous);
  }

  void VisitSlab(const SlabBlock& slab) {
    CHECK_EQ(listed_.count(&slab), slab.waits_for_rcu ? 0u : 1u);  // 1
    const uint32_t objects = s_.geometry.objects;
    const uint32_t active = slab.active.Peek();
    CHECK_LE(active, objects);
    std::vector<bool> in_slab(objects);
    for (uint32_t i = active; i < objects; ++i) {
      CHECK_LT(slab.indices[i], objects);
      CHECK(!in_slab[slab.indices[i]]);  // 2
      in_slab[slab.indices[i]] = true;
    }
    for (uint32_t i = 0; i < objects; ++i) {
      const int places =
          in_slab[i] + slab.InUse(i) + static_cast<int>(in_arrays_.count(s_.AddressOf(slab, i)));
      CHECK_EQ(places, 1);  // 3
    }
    CheckFreelist(slab, active);
  }

  void CheckFreelist(const SlabBlock& slab, uint32_t active) const {
    if (slab.waits_for_rcu) {
      CHECK_EQ(active, 0u);
    } else if (s_.geometry.freelist != FreelistPlacement::kInObject) {
      CHECK(!slab.freelist.Peek().is_null());
    } else if (active == s_.geometry.objects) {
      CHECK(slab.freelist.Peek().is_null());  // 9
    } else {
      const uint8_t last = slab.indices[s_.geometry.objects - 1];
      CHECK(slab.freelist.Peek() == s_.AddressOf(slab, last));  // 9
    }
  }

  Footprint FootprintOf(const SlabBlock& slab) const {
    const uint32_t objects = s_.geometry.objects;
    uint64_t used = 0;
    for (uint32_t i = 0; i < objects; ++i) used += slab.InUse(i);
    Footprint footprint = FootprintOfSlab(
        s_, {.bytes = kPageSize << s_.geometry.order, .objects = objects, .used = used});
    if (slab.waits_for_rcu) footprint.rcu_free_bytes = footprint.free_bytes;
    return footprint;
  }

  const SlabAllocator& allocator_;
  const SlabCache& s_;
  std::set<PhysAddr> in_arrays_;
  std::set<const SlabBlock*> listed_;
};

void SlabAllocator::CheckInvariants() const {
  for (CacheId id : caches_.live()) SlabInspection(*this, cache(id)).Run();
  CheckTotals();  // 7, 8
}

}  // namespace slablab
