// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The switches of SLUB+Q's policy, by name and in words.

#include <array>

#include "allocators/policies.h"
#include "allocators/slub/core/lives_rows.h"
#include "allocators/slub/core/queue_policy.h"

namespace slablab {
namespace {

using P = QueuePolicy;
using Words = PolicyWords<QueuePolicy>;

std::string_view WithoutShared(const P& policy) {
  return policy.shared_queues ? "" : "no queues are shared (shared-queues)";
}
std::string_view WithoutOtherQueues(const P& policy) {
  return policy.shared_queues || policy.queues_by_node
             ? ""
             : "nothing goes past the CPU's queue (shared-queues, queues-by-node)";
}

constexpr std::string_view kSlabGuard[] = {"slab-lock", "node-lock"};
constexpr std::string_view kRestTo[] = {"head", "tail"};
constexpr std::string_view kSharedSize[] = {"as-queue", "ten-batches"};
constexpr std::string_view kExpiry[] = {"none", "until-found", "untouched"};

constexpr std::array kOwnRows = {
    Switch<&P::slab_guard>(
        Words{.name = "slab-guard",
              .meaning = "What guards a slab's bitmap. Under its own lock queues are refilled slab "
                         "by slab, from new ones once the lists are empty; under its node's, by "
                         "what the list has, and from new ones only if that was nothing.",
              .words = kSlabGuard}),
    Switch<&P::rest_to>(Words{.name = "slabs.rest-to",
                              .meaning = "Where in the list a slab goes that has a rest after a "
                                         "refill, or its first free object after a drain.",
                              .words = kRestTo}),
    Switch<&P::keeps_empty_slabs>(
        Words{.name = "slabs.empty-kept",
              .meaning = "An empty slab stays while its node has no more than min_partial partial "
                         "ones; else it goes at once."}),
    Switch<&P::queues_by_node>(
        Words{.name = "queues-by-node",
              .meaning = "A CPU's queue is for its own node's objects, and others come from their "
                         "node and go there one by one; else it is for any, and who asks for "
                         "another node than the last flushes it."}),
    Switch<&P::marks_touched>(
        Words{.name = "queues.marked-touched",
              .meaning = "Queues remember whether they were used of late: one that was not is "
                         "refilled by less."}),
    Switch<&P::low_memory_caches>(
        Words{.name = "queues.low-memory-caches",
              .meaning = "DMA caches, kmem_cache and kmem_cache_node have short queues and share "
                         "nothing."}),
    Switch<&P::shared_queues>(
        Words{.name = "shared-queues",
              .meaning = "CPUs of a last-level cache share a queue for their node's objects, and "
                         "one for each other node's."}),
    Switch<&P::shared_size>(
        Words{.name = "shared-queues.size",
              .meaning = "A shared queue begins as long as a CPU's, or with ten batches of objects "
                         "below 4,096 bytes and none of others.",
              .words = kSharedSize,
              .idle = WithoutShared}),
    Switch<&P::looks_before_sharing>(
        Words{.name = "shared-queues.looks-before-locking",
              .meaning = "Whether the shared queue has anything, or room, is asked before its lock "
                         "is taken.",
              .idle = WithoutShared}),
    Switch<&P::lone_cpus_have_shared>(
        Words{.name = "shared-queues.of-lone-cpus",
              .meaning = "A CPU that is alone with its cache and node has shared queues too.",
              .idle = WithoutShared}),
    Switch<&P::half_page_is_class>(
        Words{.name = "shared-queues.half-page-is-class",
              .meaning = "Queues of just half a page lie in an object of a kmalloc cache; else in "
                         "whole pages.",
              .idle = WithoutShared}),
    Switch<&P::expiry>(
        Words{.name = "expiry",
              .meaning = "What is given back when memory is short: nothing; of each cache the "
                         "least important level that has anything; or of all levels a batch, but "
                         "for what was touched since the last time.",
              .words = kExpiry}),
    Switch<&P::gfp_mask_at_new_slab>(
        Words{.name = "gfp-mask-at-new-slab",
              .meaning = "gfp_allowed_mask is read for a new slab; else by every request that "
                         "finds the queue empty."}),
    Switch<&P::counts_outcomes>(
        Words{.name = "statistics.outcomes",
              .meaning = "Counters say where objects came from or went; else what was tried.",
              .idle = WithoutOtherQueues}),
};

constexpr auto kRows = JoinRows(kOwnRows, LivesRows<&P::lives>());

std::string Refusal(const P& policy) {
  if (!policy.shared_queues || policy.queues_by_node) return LivesRefusal(policy.lives);
  return "a shared queue is for its node's objects, which a CPU's queue of any node's cannot tell: "
         "shared-queues=yes needs queues-by-node=yes";
}

// Structures have what the queues need, and stay as they are where they would need less.
void Derive(const P& own, P& policy) {
  if (policy.shared_queues || policy.marks_touched) policy.queue_head = P::QueueHead::kFull;
  if (policy.shared_queues) policy.cache_offsets = kQueueCacheOffsets;
  if (policy.counts_outcomes != own.counts_outcomes) {
    policy.counters = policy.counts_outcomes ? P::Counters::kOfV4 : P::Counters::kOfV3;
  } else if (policy.counters == P::Counters::kOfV2 && WithoutOtherQueues(policy).empty()) {
    policy.counters = P::Counters::kOfV3;
  }
}

}  // namespace

constinit const PolicyTable<QueuePolicy> kQueuePolicies = {
    .rows = kRows, .refusal = Refusal, .derive = Derive};

}  // namespace slablab
