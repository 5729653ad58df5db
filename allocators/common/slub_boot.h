// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_SLUB_BOOT_H_
#define SLABLAB_ALLOCATORS_COMMON_SLUB_BOOT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "allocators/common/slub_geometry.h"
#include "allocators/options.h"
#include "allocators/switches.h"
#include "sim/pages/page_allocator.h"

// SLUB's boot parameters about the orders of slabs: in every kernel since 2.6.22, to 6.6 spelled
// slub_ alone, later slab_ with the older spelling as another name. Here every era takes both.

namespace slablab {

inline constexpr TunableInfo kSlabMinOrder = {
    "slab_min_order",
    0,
    kMaxPageOrder,
    "0",
    "The least order of a slab. slub_min_order is the same.",
    true};
inline constexpr TunableInfo kSlabMaxOrder = {
    "slab_max_order",
    0,
    kMaxPageOrder,
    "3",
    "The greatest order of a slab, unless one object needs more. slub_max_order is the same.",
    true};
inline constexpr TunableInfo kSlabMinObjects = {
    "slab_min_objects",
    0,
    INT32_MAX,
    "0: four for each bit of the number of CPUs, and four",
    "Objects that a slab is to have, as far as slab_max_order allows. slub_min_objects is the "
    "same.",
    true};
inline constexpr TunableInfo kSlubMinOrder = {
    "slub_min_order", 0, kMaxPageOrder, "0", "slab_min_order by its older name.", true};
inline constexpr TunableInfo kSlubMaxOrder = {
    "slub_max_order", 0, kMaxPageOrder, "3", "slab_max_order by its older name.", true};
inline constexpr TunableInfo kSlubMinObjects = {
    "slub_min_objects", 0, INT32_MAX, "0", "slab_min_objects by its older name.", true};

// What a cache of 2010 lets be written, whatever is in front of its slabs.
inline constexpr TunableInfo kMinPartialBounded = {
    "min_partial", 0, INT64_MAX, "5 to 10, by the object's size",
    "Partial slabs that a node keeps though they are empty; taken as at least 5 and at most 10."};
inline constexpr TunableInfo kSlabOrder = {
    "order", 0, kMaxPageOrder, "by the object's size and the number of CPUs",
    "Order of the cache's slabs from now on, from slab_min_order to slab_max_order."};

// `rules` with those that are about orders written, one after another.
SlubRules WithBootParameters(SlubRules rules, absl::Span<const BootParameter> parameters);

// InvalidArgument if with these rules some cache would have slabs of more objects than the kernel
// can count, which it does not look for.
absl::Status CheckOrders(const SlubRules& rules, SlubCpus cpus);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_SLUB_BOOT_H_
