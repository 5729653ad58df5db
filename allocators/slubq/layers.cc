// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the queues hold.

#include "allocators/slubq/slubq.h"
#include "sim/core/scheduler.h"

namespace slablab {

void Queues::Layers(const KmemCache& s, std::vector<CacheLayer>* layers) const {
  CacheLayer cpus{.name = "CPU queues", .holders = "queues"};
  CacheLayer shared{.name = "shared queues", .holders = "queues"};
  CacheLayer aliens{.name = "alien queues", .holders = "queues"};
  const auto add = [&s](const ObjectQueue& q, int32_t max, NodeId node, CacheLayer* layer) {
    const auto room = static_cast<uint64_t>(max);
    layer->Add({.node = node.value(),
                .objects = static_cast<uint64_t>(q.count()),
                .room = room,
                .bytes = ObjectQueue::kSlotsAt + room * ObjectQueue::kSlotBytes},
               s.geometry.size);
  };
  const Scheduler& scheduler = core_.machine().scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    const QueueCpu& c = Of(s).cpus->cpus[static_cast<size_t>(i)];
    add(c.q, Of(s).cpus->max, scheduler.cpu(CpuId(i)).node(), &cpus);
  }
  for (const std::unique_ptr<SharedQueues>& queues : Of(s).shared) {
    add(queues->shared.q, queues->shared.q.max(), queues->node, &shared);
    for (const LockedQueue& alien : queues->aliens) {
      add(alien.q, alien.q.max(), queues->node, &aliens);
    }
  }
  if (!policy_.shared_queues) {
    layers->push_back(cpus);
    return;
  }
  for (const CacheLayer& layer : {cpus, shared, aliens}) layers->push_back(layer);
}

}  // namespace slablab
