// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLAB_POLICY_H_
#define SLABLAB_ALLOCATORS_SLAB_POLICY_H_

#include <string_view>

#include "allocators/common/kmalloc.h"
#include "allocators/policies.h"

namespace slablab {

// What changed in SLAB between two times: the shared code asks it where the ways part. What can be
// changed by itself is a row of kSlabPolicies too.
struct SlabPolicy {
  std::string_view name;
  // The CPUs' arrays are one area of the percpu allocator a cache; else each is kmalloc'ed by SLAB
  // itself, which therefore needs a size class before it can have its first cache.
  bool percpu_arrays;
  // A slab's list may lie in one of its free objects, or at the slab's end; else at its start,
  // behind the colour.
  bool list_in_objects;
  // A refill looks whether the node has anything before it takes the node's lock.
  bool looks_before_locking;
  // Objects of a new slab are taken before it is in any list; else it becomes a free slab of the
  // node, and whoever wanted it begins anew.
  bool takes_from_unlisted;
  // Growing on a certain node never waits, even if the request may.
  bool grows_without_waiting;
  // A slab has the colour after its node's last, and takes it without the lock; else the node's
  // next one, taken under the lock before there is a page.
  bool advances_colour_first;
  // Free slabs above a node's limit go when all of a batch has come back, the oldest first; else
  // each as it becomes free.
  bool frees_surplus_at_end;
  // A node counts its slabs and its free slabs; else whoever wants to know walks the lists.
  bool counts_slabs;
  // The size classes of kmalloc().
  KmallocOptions kmalloc;
};

// What can be switched.
extern const PolicyTable<SlabPolicy> kSlabPolicies;

// Linux 6.1.
inline constexpr SlabPolicy kSlabPolicy61 = {.name = "slab",
                                             .percpu_arrays = true,
                                             .list_in_objects = true,
                                             .looks_before_locking = true,
                                             .takes_from_unlisted = true,
                                             .grows_without_waiting = true,
                                             .advances_colour_first = true,
                                             .frees_surplus_at_end = true,
                                             .counts_slabs = true,
                                             .kmalloc = kKmallocOfSlab};

// Before "mm/slab: use percpu allocator for cpu cache" of 2014, as that patch shows it, and where
// it does not, as mm/slab.c of 2015 does.
inline constexpr SlabPolicy kSlabPolicy2014 = {.name = "slab-2014",
                                               .percpu_arrays = false,
                                               .list_in_objects = false,
                                               .looks_before_locking = false,
                                               .takes_from_unlisted = false,
                                               .grows_without_waiting = false,
                                               .advances_colour_first = false,
                                               .frees_surplus_at_end = false,
                                               .counts_slabs = false,
                                               .kmalloc = kKmallocOfSlab2014};

// With that patch, and nothing else changed: what it did by itself.
inline constexpr SlabPolicy kSlabPolicy2014Percpu = [] {
  SlabPolicy policy = kSlabPolicy2014;
  policy.name = "slab-2014-percpu";
  policy.percpu_arrays = true;
  return policy;
}();

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLAB_POLICY_H_
