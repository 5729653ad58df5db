// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the CPUs' slabs hold.

#include <utility>

#include "allocators/slub/cpu_slabs/cpu_slabs.h"

namespace slablab {

void CpuSlabs::Layers(const KmemCache& s, std::vector<CacheLayer>* layers) const {
  CacheLayer own{.name = "CPU slabs", .holders = "slabs"};
  CacheLayer partial{.name = "CPU partial lists", .holders = "slabs"};
  const auto add = [&s](const Slab& slab, uint64_t at_hand, CacheLayer* layer) {
    const SlabWord word = slab.word.Peek();
    const auto free = static_cast<uint64_t>(word.objects - word.inuse);
    layer->Add(
        {.node = slab.node.value(), .objects = free + at_hand, .room = word.objects, .bytes = 0},
        s.geometry.size);
  };
  for (size_t i = 0; i < s.cpus.size(); ++i) {
    const CacheCpu& c = s.cpus[i];
    if (!c.placed) continue;
    if (const Slab* const slab = c.slab.Peek(); slab != nullptr) {
      uint64_t at_hand = 0;
      // An operation under way may have left the list half changed.
      const uint32_t objects = slab->word.Peek().objects;
      for (ObjectIndex object = c.top.Peek().freelist; object < objects && at_hand < objects;
           object = slab->free_pointer[object]) {
        ++at_hand;
      }
      add(*slab, at_hand, &own);
    }
    for (const Slab* slab = c.partial.Peek(); slab != nullptr; slab = slab->partial.Peek().next) {
      add(*slab, 0, &partial);
    }
  }
  layers->push_back(std::move(own));
  layers->push_back(std::move(partial));
}

}  // namespace slablab
