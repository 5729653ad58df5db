// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The switches of SLAB's policy, by name and in words.

#include "allocators/policies.h"
#include "allocators/slab/policy.h"

namespace slablab {
namespace {

using K = KmallocOptions;
using P = SlabPolicy;
using Words = PolicyWords<SlabPolicy>;

constexpr std::string_view kListAt[] = {"slab-start", "slab-end"};
constexpr std::string_view kSurplus[] = {"at-once", "after-batch"};

constexpr PolicyRow<P> kRows[] = {
    Switch<&P::percpu_arrays>(
        Words{.name = "arrays.percpu",
              .meaning = "The CPUs' arrays of a cache are one area of the percpu allocator; else "
                         "each is kmalloc'ed by SLAB itself."}),
    Switch<&P::list_in_objects>(
        Words{.name = "slabs.free-list",
              .meaning = "A slab's list of free objects lies at its start, behind the colour; or "
                         "at its end or in one of its free objects.",
              .words = kListAt}),
    Switch<&P::looks_before_locking>(
        Words{.name = "refill.looks-before-locking",
              .meaning = "A refill looks whether the node has anything before it takes the node's "
                         "lock."}),
    Switch<&P::takes_from_unlisted>(
        Words{.name = "refill.takes-from-unlisted",
              .meaning = "Objects of a new slab are taken before it is in any list; else it "
                         "becomes a free slab of the node, and whoever wanted it begins anew."}),
    Switch<&P::grows_without_waiting>(
        Words{.name = "refill.node-without-waiting",
              .meaning = "Growing on a certain node never waits for memory, even if the request "
                         "may."}),
    Switch<&P::advances_colour_first>(
        Words{.name = "slabs.colour-after-last",
              .meaning = "A slab has the colour after its node's last, and takes it without the "
                         "lock; else the node's next one, under the lock before there is a page."}),
    Switch<&P::frees_surplus_at_end>(
        Words{.name = "slabs.surplus-goes",
              .meaning = "Free slabs above a node's limit go each as it becomes free, or the "
                         "oldest first when all of a batch has come back.",
              .words = kSurplus}),
    Switch<&P::counts_slabs>(
        Words{.name = "slabs.counted",
              .meaning = "A node counts its slabs and its free slabs; else whoever wants to know "
                         "walks the lists."}),
    Switch<&P::kmalloc, &K::cgroup>(
        Words{.name = "kmalloc.accounted-caches",
              .meaning = "Memory that is accounted to cgroups has kmalloc caches of its own, "
                         "unless the quirk memcg-off says otherwise."}),
    Switch<&P::kmalloc, &K::reclaim>(
        Words{.name = "kmalloc.reclaimable-caches",
              .meaning = "Memory that can be reclaimed has kmalloc caches of its own."}),
    NumberSwitch<&P::kmalloc, &K::shift_high>(
        KmallocTable::kShiftHigh, KmallocTable::kShiftMost,
        Words{.name = "kmalloc.largest-shift",
              .meaning = "The logarithm of the largest kmalloc cache's size: what is larger is "
                         "whole pages."}),
    Switch<&P::kmalloc, &K::names_in_bytes>(
        Words{.name = "kmalloc.names-in-bytes",
              .meaning = "kmalloc caches are named in bytes: kmalloc-1024, not kmalloc-1k."}),
    Switch<&P::kmalloc, &K::odd_dma_sizes_first>(
        Words{.name = "kmalloc.odd-dma-sizes-first",
              .meaning = "The DMA caches of 96 and 192 bytes are made before the powers of two."}),
};

// Each goes with any other.
std::string Refusal(const P&) { return ""; }
void Derive(const P&, P&) {}

}  // namespace

constinit const PolicyTable<SlabPolicy> kSlabPolicies = {
    .rows = kRows, .refusal = Refusal, .derive = Derive};

}  // namespace slablab
