// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_QUEUE_POLICY_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_QUEUE_POLICY_H_

#include <cstdint>
#include <string_view>

#include "allocators/common/slub_list.h"
#include "allocators/policies.h"
#include "allocators/slub/core/lives_policy.h"
#include "allocators/slub/core/structures.h"

namespace slablab {

// What changed in SLUB+Q from one posting to another: the shared code asks it where the ways part.
// What can be changed by itself is a row of kQueuePolicies too.
struct QueuePolicy {
  // What guards a slab's bitmap, and so how queues and slabs meet: slab by slab, new ones once the
  // lists are empty; or as many slabs as it takes under the lock of the node, new ones if its list
  // had nothing.
  enum class SlabGuard : uint8_t { kSlabLock, kNodeLock };
  // The shared queue's first size: as a CPU's queue, or ten batches of small objects.
  enum class SharedSize : uint8_t { kAsQueue, kTenBatches };
  // What gives way when memory is short: nothing; each cache's least important level that has
  // anything; or all levels, but for what was touched since the last time.
  enum class Expiry : uint8_t { kNone, kUntilFound, kUntouched };
  // struct kmem_cache_queue: the number of objects alone, or also room, flag and a link, on whole
  // lines.
  enum class QueueHead : uint8_t { kCountAlone, kFull };
  // enum stat_item of a version.
  enum class Counters : uint8_t { kOfV2, kOfV3, kOfV4 };

  std::string_view name;
  SlabGuard slab_guard;
  // Where a slab goes that has a rest after a refill, or its first free object after a drain.
  ListEnd rest_to;
  // An empty slab stays while its node has no more than min_partial partial ones; else it goes at
  // once.
  bool keeps_empty_slabs;
  // A CPU's queue is for its own node's objects; a request for another node gets one object from
  // there, and what is freed of another goes there. Else it is for any: who asks for another node
  // than the last flushes it.
  bool queues_by_node;
  // CPUs of a last-level cache share a queue for their node's objects, and one for each other.
  bool shared_queues;
  SharedSize shared_size;
  // Whether the shared queue has anything, or room, is asked before its lock is taken.
  bool looks_before_sharing;
  // A CPU that is alone with its cache and node has such queues of its own.
  bool lone_cpus_have_shared;
  // A block of queues of half a page is a kmalloc class's; else whole pages.
  bool half_page_is_class;
  // Queues remember whether they were used of late: one that was not is refilled by less.
  bool marks_touched;
  // DMA caches and those that all others need have short queues and share nothing (SLAB_LOWMEM).
  bool low_memory_caches;
  Expiry expiry;
  // gfp_allowed_mask is read for a new slab; else for every request that finds the queue empty.
  bool gfp_mask_at_new_slab;
  // A counter says where objects came from or went; else what was tried.
  bool counts_outcomes;
  // How caches and slabs live, but for what guards a slab, which is above.
  SlubLives lives;

  Counters counters;
  QueueHead queue_head;
  KmemCacheOffsets cache_offsets;
};

// What can be switched. Structures and counters follow from it.
extern const PolicyTable<QueuePolicy> kQueuePolicies;

// V2's struct kmem_cache has queue and batch for the free pointer's offset, and grows by nothing.
inline constexpr KmemCacheOffsets kQueueCacheOffsets = {.min_partial = 96,
                                                        .offset = 24,
                                                        .order = 32,
                                                        .defrag_ratio = 204,
                                                        .stats_in_cpu = 0,
                                                        .per_node = 208};

inline constexpr SlubLives kLivesOfQueues = [] {
  SlubLives lives = kLivesOf2010;
  lives.tuning_locks = true;
  lives.cpu_holds = "CPU queues";
  return lives;
}();

inline constexpr QueuePolicy kQueuePolicyV3 = {.name = "slubq",
                                               .slab_guard = QueuePolicy::SlabGuard::kSlabLock,
                                               .rest_to = ListEnd::kTail,
                                               .keeps_empty_slabs = false,
                                               .queues_by_node = true,
                                               .shared_queues = true,
                                               .shared_size = QueuePolicy::SharedSize::kAsQueue,
                                               .looks_before_sharing = true,
                                               .lone_cpus_have_shared = false,
                                               .half_page_is_class = false,
                                               .marks_touched = false,
                                               .low_memory_caches = false,
                                               .expiry = QueuePolicy::Expiry::kUntilFound,
                                               .gfp_mask_at_new_slab = true,
                                               .counts_outcomes = false,
                                               .lives = kLivesOfQueues,
                                               .counters = QueuePolicy::Counters::kOfV3,
                                               .queue_head = QueuePolicy::QueueHead::kFull,
                                               .cache_offsets = kQueueCacheOffsets};

inline constexpr QueuePolicy kQueuePolicyV2 = [] {
  QueuePolicy policy = kQueuePolicyV3;
  policy.name = "slubq-v2";
  policy.queues_by_node = false;
  policy.shared_queues = false;
  policy.expiry = QueuePolicy::Expiry::kNone;
  policy.gfp_mask_at_new_slab = false;
  policy.counters = QueuePolicy::Counters::kOfV2;
  policy.queue_head = QueuePolicy::QueueHead::kCountAlone;
  policy.cache_offsets.min_partial = 80;
  policy.cache_offsets.defrag_ratio = 176;
  policy.cache_offsets.per_node = 184;
  return policy;
}();

inline constexpr QueuePolicy kQueuePolicyV4 = [] {
  QueuePolicy policy = kQueuePolicyV3;
  policy.name = "slubq-v4";
  policy.slab_guard = QueuePolicy::SlabGuard::kNodeLock;
  policy.rest_to = ListEnd::kHead;
  policy.keeps_empty_slabs = true;
  policy.shared_size = QueuePolicy::SharedSize::kTenBatches;
  policy.looks_before_sharing = false;
  policy.lone_cpus_have_shared = true;
  policy.half_page_is_class = true;
  policy.marks_touched = true;
  policy.low_memory_caches = true;
  policy.expiry = QueuePolicy::Expiry::kUntouched;
  policy.counts_outcomes = true;
  policy.counters = QueuePolicy::Counters::kOfV4;
  return policy;
}();

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_QUEUE_POLICY_H_
