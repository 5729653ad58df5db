// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_LIVES_POLICY_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_LIVES_POLICY_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "allocators/common/kmalloc.h"

namespace slablab {

// How caches and slabs come and go, as far as that changed between 2.6.36 and 6.1. As it stands,
// Linux 6.1. What can be changed by itself is a row of LivesRows() too.
struct SlubLives {
  // What guards what a slab says of itself: nothing, since it changes as one word; the slab's own
  // lock, a bit of its page's flags; or the lock of its node.
  enum class SlabGuard : uint8_t { kNone, kSlabLock, kNodeLock };
  SlabGuard slab_guard = SlabGuard::kNone;
  // kmem_cache_init(): two caches begin in the kernel's image and are moved into objects; else by
  // AllocatorOptions::boot, static or dynamic (allocators/slub/core/boot_2010.cc).
  bool boots_as_2010 = false;
  // slub_lock is held, asleep if need be, while caches are made or destroyed and where all are
  // visited; and by whoever tunes one.
  bool slub_lock = false;
  bool tuning_locks = false;
  // The descriptor of a new cache is kmalloc()'ed, with room for all nodes there can be; else an
  // object of kmem_cache, with room for those that there are.
  bool kmallocs_descriptors = false;
  // What SLUB kmalloc()s for itself it gives back as users do, by a kfree() that asks the page
  // whose it is; else straight to its cache.
  bool kfrees_own_by_page = false;
  // kmalloc's classes, and whether their caches are as others: aligned to words, and merged.
  KmallocOptions kmalloc = {};
  bool plain_kmalloc_caches = false;
  // A new cache is merged into the newest that fits, else the oldest; more kinds never are.
  bool merges_into_newest = false;
  // Slabs are laid out for the CPUs that may come; else for those that are there.
  bool counts_possible_cpus = false;
  // The first try for a slab's pages gives way to others: without reclaim, if a smaller block will
  // do.
  bool first_try_spares_reclaim = true;
  // new_slab() counts the slab on its node, and discard_slab() no longer; else their callers.
  bool counts_slabs_itself = false;
  // free_partial() discards slabs while it holds the list's lock, in the list's order.
  bool discards_under_lock = false;
  // Shrinking sorts a node's whole list by objects in use, in an array that it kmalloc()s.
  bool shrinks_by_inuse = false;
  // min_partial is taken as from 5 to 10, and a remote_node_defrag_ratio above 100 ignored.
  bool tunes_within_limits = false;
  // CacheLayout::cpu_holds. No switch: the front says it.
  std::string_view cpu_holds = "";
};

// The ways in which a kernel can boot; none: one way only.
absl::Span<const std::string_view> BootsOf(const SlubLives& lives);

// Linux 2.6.36.
inline constexpr SlubLives kLivesOf2010 = {.slab_guard = SlubLives::SlabGuard::kSlabLock,
                                           .boots_as_2010 = true,
                                           .slub_lock = true,
                                           .kmallocs_descriptors = true,
                                           .kfrees_own_by_page = true,
                                           .kmalloc = kKmallocOfSlub2010,
                                           .plain_kmalloc_caches = true,
                                           .merges_into_newest = true,
                                           .counts_possible_cpus = true,
                                           .first_try_spares_reclaim = false,
                                           .counts_slabs_itself = true,
                                           .discards_under_lock = true,
                                           .shrinks_by_inuse = true,
                                           .tunes_within_limits = true};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_LIVES_POLICY_H_
