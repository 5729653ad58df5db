// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_LIVES_ROWS_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_LIVES_ROWS_H_

#include <array>
#include <string>
#include <string_view>

#include "allocators/policies.h"
#include "allocators/slub/core/lives_policy.h"

// The switches of SlubLives, the same for every policy that has one. What guards a slab is not
// among them: with it goes the front.

namespace slablab {

// Of a policy that has it as the member `kLives`: how caches live,
template <auto kLives, typename Policy = typename policy_internal::First<kLives>::Policy>
constexpr auto CacheLivesRows() {
  using L = SlubLives;
  using Words = PolicyWords<Policy>;
  return std::array{
      Switch<kLives, &L::boots_as_2010>(
          Words{.name = "boot.as-2010",
                .meaning = "Two caches begin in the kernel's image or in a block of pages, as "
                           "--boot says; else in its image, and are moved into objects."}),
      Switch<kLives, &L::kmallocs_descriptors>(
          Words{.name = "caches.descriptors-kmalloced",
                .meaning = "The descriptor of a new cache is kmalloc'ed, with room for all nodes "
                           "that there can be; else an object of kmem_cache, with room for those "
                           "that there are."}),
      Switch<kLives, &L::slub_lock>(
          Words{.name = "caches.slub-lock",
                .meaning = "slub_lock is held, asleep if need be, while caches are made or "
                           "destroyed and where all are visited."}),
      Switch<kLives, &L::tuning_locks>(Words{.name = "caches.slub-lock-to-tune",
                                             .meaning = "Who writes a tunable holds slub_lock.",
                                             .idle = [](const Policy& policy) -> std::string_view {
                                               return (policy.*kLives).slub_lock
                                                          ? ""
                                                          : "nobody holds it (caches.slub-lock)";
                                             }}),
      Switch<kLives, &L::merges_into_newest>(
          Words{.name = "caches.merged-into-newest",
                .meaning = "A new cache is merged into the newest that fits, also one of "
                           "SLAB_NOLEAKTRACE; else into the oldest, and such a one never."}),
      Switch<kLives, &L::discards_under_lock>(
          Words{.name = "caches.end-under-list-lock",
                .meaning = "The slabs of a cache that ends are discarded under the lock of their "
                           "list; else once all are off it."}),
      Switch<kLives, &L::shrinks_by_inuse>(
          Words{.name = "caches.shrunk-in-array",
                .meaning = "Shrinking sorts a node's whole list by objects in use, in an array "
                           "that it kmallocs; else those slabs alone that have few free."}),
      Switch<kLives, &L::tunes_within_limits>(
          Words{.name = "caches.min-partial-bounded",
                .meaning = "min_partial is taken as from 5 to 10, whatever is written."}),
  };
}

// slabs, and what kmalloc() has;
template <auto kLives, typename Policy = typename policy_internal::First<kLives>::Policy>
constexpr auto SlabLivesRows() {
  using K = KmallocOptions;
  using L = SlubLives;
  using Words = PolicyWords<Policy>;
  return std::array{
      Switch<kLives, &L::counts_slabs_itself>(
          Words{.name = "slabs.counted-at-once",
                .meaning = "A new slab is counted on its node as part of making it; else by "
                           "whoever has asked for it."}),
      Switch<kLives, &L::first_try_spares_reclaim>(
          Words{.name = "slabs.first-try-spares-reclaim",
                .meaning = "The first try for a slab's pages goes without reclaim, if a smaller "
                           "block will do."}),
      Switch<kLives, &L::counts_possible_cpus>(
          Words{.name = "geometry.possible-cpus",
                .meaning = "Slabs are laid out for the CPUs that may come; else for those that "
                           "are there."}),
      Switch<kLives, &L::kmalloc, &K::odd_sizes_first>(
          Words{.name = "kmalloc.odd-sizes-first",
                .meaning = "kmalloc-96 and kmalloc-192 are made before the powers of two."}),
      Switch<kLives, &L::kmalloc, &K::cgroup>(
          Words{.name = "kmalloc.cgroup-caches",
                .meaning = "What is accounted to a memory cgroup has kmalloc caches of its own."}),
      Switch<kLives, &L::kmalloc, &K::reclaim>(
          Words{.name = "kmalloc.reclaim-caches",
                .meaning = "What can be reclaimed has kmalloc caches of its own."}),
      Switch<kLives, &L::kmalloc, &K::names_in_bytes>(
          Words{.name = "kmalloc.names-in-bytes",
                .meaning = "A cache is called kmalloc-1024; else kmalloc-1k."}),
      Switch<kLives, &L::plain_kmalloc_caches>(
          Words{.name = "kmalloc.plain-caches",
                .meaning = "kmalloc's caches are as others, aligned to words and merged; else "
                           "powers of two are aligned to themselves, and none is merged."}),
      Switch<kLives, &L::kfrees_own_by_page>(
          Words{.name = "kmalloc.own-freed-by-page",
                .meaning = "What SLUB has kmalloc'ed for itself it gives back by asking the page "
                           "whose it is, as users do; else straight to its cache."}),
  };
}

// and both.
template <auto kLives>
constexpr auto LivesRows() {
  return JoinRows(CacheLivesRows<kLives>(), SlabLivesRows<kLives>());
}

// What no kernel could be, as far as it is about these; empty: it can.
std::string LivesRefusal(const SlubLives& lives);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_LIVES_ROWS_H_
