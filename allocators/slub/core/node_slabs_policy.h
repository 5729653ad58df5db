// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_NODE_SLABS_POLICY_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_NODE_SLABS_POLICY_H_

#include <cstdint>

namespace slablab {

// What changed in how SLUB without CPU slabs takes objects from slabs: the shared code
// (allocators/slub/node_slabs/node_slabs.h) asks it where the ways part. The defaults are those of
// Linux 7.2 and 7.3.
struct NodeSlabsPolicy {
  // Many objects at once come from the first slabs of a partial list: in which order these are
  // emptied. Reversed, the last one taken comes first (to 7.1).
  enum class RefillOrder : uint8_t { kReversed, kOfList };
  // What the last slab of a refill has left over: freed as a user would (to 7.1), or put back as it
  // was, to the list's tail, counted nowhere, unless somebody has freed to it meanwhile.
  enum class Surplus : uint8_t { kFreed, kPutBack };
  // Slabs that were taken and not needed: to the head, or discarded if empty and there are enough
  // (to 7.1); or all to the tail.
  enum class Unneeded : uint8_t { kHeadOrDiscarded, kTail };
  // Whether a refill looks at other nodes' lists, and whether it waits for their locks.
  enum class OtherNodes : uint8_t { kNever, kTryLock, kLock };
  // Which objects of a new slab are linked: all (to 7.1), or those that are not taken at once.
  enum class NewSlab : uint8_t { kLinksAll, kLinksRest };

  RefillOrder refill_order = RefillOrder::kOfList;
  Surplus surplus = Surplus::kPutBack;
  Unneeded unneeded = Unneeded::kTail;
  OtherNodes other_nodes = OtherNodes::kTryLock;
  NewSlab new_slab = NewSlab::kLinksRest;
};

// Linux 7.2 and 7.3; 7.0 and 7.1.
inline constexpr NodeSlabsPolicy kNodeSlabs72 = {};
inline constexpr NodeSlabsPolicy kNodeSlabs70 = {
    .refill_order = NodeSlabsPolicy::RefillOrder::kReversed,
    .surplus = NodeSlabsPolicy::Surplus::kFreed,
    .unneeded = NodeSlabsPolicy::Unneeded::kHeadOrDiscarded,
    .new_slab = NodeSlabsPolicy::NewSlab::kLinksAll};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_NODE_SLABS_POLICY_H_
