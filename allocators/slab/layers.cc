// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the arrays hold.

#include "allocators/slab/slab.h"
#include "sim/core/scheduler.h"

namespace slablab {

void SlabAllocator::AddLayers(CacheId id, std::vector<CacheLayer>* layers) const {
  const SlabCache& s = cache(id);
  if (!s.live) return;
  CacheLayer cpus{.name = "CPU arrays", .holders = "arrays"};
  CacheLayer shared{.name = "shared arrays", .holders = "arrays"};
  CacheLayer aliens{.name = "alien arrays", .holders = "arrays"};
  const auto add = [&s](uint64_t objects, uint64_t room, uint64_t bytes, NodeId node,
                        CacheLayer* layer) {
    layer->Add({.node = node.value(), .objects = objects, .room = room, .bytes = bytes},
               s.geometry.size);
  };
  const Scheduler& scheduler = machine_.scheduler();
  const CpuArrays& arrays = *s.cpus;
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    const CpuArray& array = arrays.arrays[static_cast<size_t>(i)];
    if (!policy_.percpu_arrays && array.block.is_null()) continue;
    add(array.placed ? array.available.Peek() : 0, arrays.limit, CpuArray::BytesFor(arrays.limit),
        scheduler.cpu(CpuId(i)).node(), &cpus);
  }
  for (size_t i = 0; i < s.nodes.size(); ++i) {
    const SlabNode* const n = s.nodes[i].get();
    if (n == nullptr) continue;
    const NodeId node(static_cast<int32_t>(i));
    if (const SharedArray* const array = n->shared_array.get(); array != nullptr) {
      const uint32_t limit = array->limit.Peek();
      add(array->available.Peek(), limit, SharedArray::BytesFor(limit), node, &shared);
    }
    if (n->alien_set == nullptr) continue;
    for (const std::unique_ptr<AlienCache>& alien : n->alien_set->caches) {
      if (alien == nullptr) continue;
      const uint32_t limit = alien->array.limit.Peek();
      add(alien->array.available.Peek(), limit, AlienCache::BytesFor(limit), node, &aliens);
    }
  }
  for (const CacheLayer& layer : {cpus, shared, aliens}) layers->push_back(layer);
}

}  // namespace slablab
