// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What caching in sheaves costs: which there are, what is in them, what they take.

#include <bit>
#include <utility>

#include "allocators/slub/sheaves/layer.h"
#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {

void SheafLayer::SetAway(SlabSheaf& sheaf, SlabSheaf::State state) {
  std::vector<SlabSheaf*>& away = Of(*sheaf.cache).away;
  sheaf.state = state;
  sheaf.away = static_cast<int32_t>(away.size());
  away.push_back(&sheaf);
}

void SheafLayer::EndAway(SlabSheaf& sheaf) {
  std::vector<SlabSheaf*>& away = Of(*sheaf.cache).away;
  const auto place = static_cast<size_t>(sheaf.away);
  CHECK(away[place] == &sheaf);
  away[place] = away.back();
  away[place]->away = sheaf.away;
  away.pop_back();
  sheaf.state = SlabSheaf::State::kHeld;
}

// Its memory is an object of a kmalloc cache, or whole pages.
void SheafLayer::AddHolder(const KmemCache& s, const SlabSheaf& sheaf, NodeId node,
                           CacheLayer* layer) const {
  const Slab* const home = core_.SlabOf(sheaf.address);
  const uint64_t pages = (SlabSheaf::BytesFor(sheaf.capacity) + kPageSize - 1) >> kPageShift;
  const uint64_t bytes =
      home != nullptr ? home->cache->geometry.size : kPageSize * std::bit_ceil(pages);
  layer->Add({.node = node.value(), .objects = sheaf.size, .room = sheaf.capacity, .bytes = bytes},
             s.geometry.size);
}

void SheafLayer::Layers(const KmemCache& s, std::vector<CacheLayer>* layers) const {
  if (!HasSheaves(s)) return;
  CacheLayer main{.name = "main sheaves", .holders = "sheaves"};
  CacheLayer spare{.name = "spare sheaves", .holders = "sheaves"};
  CacheLayer rcu_free{.name = "rcu_free sheaves", .holders = "sheaves"};
  CacheLayer full{.name = "full sheaves in barns", .holders = "sheaves"};
  CacheLayer empty{.name = "empty sheaves in barns", .holders = "sheaves"};
  CacheLayer waiting{.name = "sheaves awaiting RCU", .holders = "sheaves"};
  CacheLayer users{.name = "prefilled sheaves", .holders = "sheaves"};
  const CacheSheaves& sheaves = Of(s);
  const Scheduler& scheduler = core_.machine().scheduler();
  for (size_t i = 0; i < sheaves.first_main.size(); ++i) {
    const CpuId id(static_cast<int32_t>(i));
    const NodeId node = id.value() < scheduler.cpu_count() ? scheduler.cpu(id).node() : NodeId(0);
    const auto add = [&](const SlabSheaf* sheaf, CacheLayer* layer) {
      if (sheaf != nullptr && sheaf != bootstrap_) AddHolder(s, *sheaf, node, layer);
    };
    const CpuSheaves& pcs = sheaves.cpus[i];
    add(pcs.placed ? pcs.main.Peek() : sheaves.first_main[i], &main);
    if (!pcs.placed) continue;
    add(pcs.spare.Peek(), &spare);
    add(pcs.rcu_free.Peek(), &rcu_free);
  }
  for (size_t i = 0; i < sheaves.barns.size(); ++i) {
    const NodeBarn* const barn = sheaves.barns[i].get();
    if (barn == nullptr) continue;
    const NodeId node(static_cast<int32_t>(i));
    const SlabSheaf* sheaf = barn->full.first.Peek();
    for (; sheaf != nullptr; sheaf = sheaf->next) AddHolder(s, *sheaf, node, &full);
    sheaf = barn->empty.first.Peek();
    for (; sheaf != nullptr; sheaf = sheaf->next) AddHolder(s, *sheaf, node, &empty);
  }
  for (const SlabSheaf* sheaf : sheaves.away) {
    const bool waits = sheaf->state == SlabSheaf::State::kRcu;
    const NodeId node = core_.machine().NodeOf(sheaf->address);
    AddHolder(s, *sheaf, node, waits ? &waiting : &users);
  }
  for (CacheLayer* layer : {&main, &spare, &rcu_free, &full, &empty, &waiting, &users}) {
    layers->push_back(std::move(*layer));
  }
}

}  // namespace slablab
