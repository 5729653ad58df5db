// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The switches of SLUB's policy, by name and in words.

#include <array>

#include "allocators/policies.h"
#include "allocators/slub/core/lives_rows.h"
#include "allocators/slub/core/policy.h"
#include "allocators/slub/locked_cpu_slabs/locked_cpu_slabs.h"

namespace slablab {
namespace {

using N = NodeSlabsPolicy;
using P = SlubPolicy;
using R = SlubRules;
using L = SlubLives;
using S = SheafPolicy;
using Words = PolicyWords<SlubPolicy>;

// --- Where a switch decides nothing. ---

bool HasSheaves(const P& policy) { return policy.sheaves.which != S::Which::kNone; }
bool HasBarns(const P& policy) {
  return HasSheaves(policy) && policy.sheaves.barns != S::Barns::kNone;
}

bool HasSlabLocks(const P& policy) { return policy.lives.slab_guard == L::SlabGuard::kSlabLock; }

std::string_view WithoutFreeCpuSlabs(const P& policy) {
  if (!policy.cpu_slabs) return "there are no CPU slabs (cpu-slabs)";
  return HasSlabLocks(policy) ? "CPU slabs with locks have no such thing (slabs.guard)" : "";
}
std::string_view WithCpuSlabs(const P& policy) {
  return policy.cpu_slabs ? "there are CPU slabs (cpu-slabs)" : "";
}
std::string_view WithoutSheaves(const P& policy) {
  return HasSheaves(policy) ? "" : "there are no sheaves (sheaves.which)";
}
std::string_view WithoutBarns(const P& policy) {
  if (!HasSheaves(policy)) return WithoutSheaves(policy);
  return HasBarns(policy) ? "" : "there are no barns (barns)";
}
std::string_view WithOneCapacity(const P& policy) {
  if (!HasSheaves(policy)) return WithoutSheaves(policy);
  return policy.sheaves.capacity > 0 ? "all sheaves have one capacity (sheaves.capacity)" : "";
}

// --- Values, in the order of the enumerations. ---

constexpr std::string_view kWhich[] = {"none", "opt-in", "default"};
constexpr std::string_view kCapacityRule[] = {"as-asked", "by-class"};
constexpr std::string_view kBarns[] = {"none", "memory-nodes", "all-nodes"};
constexpr std::string_view kBarnPointer[] = {"in-node", "in-cache"};
constexpr std::string_view kRefillWhen[] = {"may-sleep", "always"};
constexpr std::string_view kEmptyMain[] = {"to-barn", "becomes-spare"};
constexpr std::string_view kRemoteFree[] = {"past-sheaves", "past-unless-memoryless",
                                            "into-sheaves"};
constexpr std::string_view kBulkFree[] = {"set-aside", "partition"};
constexpr std::string_view kUnneededRcu[] = {"to-barn", "freed"};
constexpr std::string_view kCountedAs[] = {"cpu-sheaf", "fastpath"};
constexpr std::string_view kRefillOrder[] = {"reversed", "of-list"};
constexpr std::string_view kSurplus[] = {"freed", "put-back"};
constexpr std::string_view kUnneeded[] = {"head-or-discarded", "to-tail"};
constexpr std::string_view kOtherNodes[] = {"never", "try-lock", "lock"};
constexpr std::string_view kNewSlab[] = {"links-all", "links-rest"};
constexpr std::string_view kGuard[] = {"none", "slab-lock"};
constexpr std::string_view kFreeLink[] = {"middle", "first-word"};
constexpr std::string_view kOrderSearch[] = {"fewer-objects", "more-waste"};

constexpr uint32_t kBarnMax = 1 << 20;

constexpr std::array kOwnRows = {
    Switch<&P::cpu_slabs>(
        Words{.name = "cpu-slabs",
              .meaning = "A CPU owns a slab of each cache and allocates from it without locks; "
                         "else objects come from the slabs in the nodes' lists."}),
    Switch<&P::cpu_partials>(
        Words{.name = "cpu-partials",
              .meaning = "A CPU has a list of partial slabs behind its own, as long as the tunable "
                         "cpu_partial says; else caches begin with a cpu_partial of 0.",
              .idle = WithoutFreeCpuSlabs}),
    Switch<&P::freezes_cpu_partials>(
        Words{.name = "cpu-partials.frozen",
              .meaning = "Slabs in a CPU's partial list are frozen, as its own is; else frees to "
                         "them go on as if nobody had them.",
              .idle = WithoutFreeCpuSlabs}),
    Switch<&P::wish_in_two_passes>(
        Words{.name = "cpu-slabs.node-in-two-passes",
              .meaning = "Who asks for a node but takes another gets at first only what that node "
                         "has at once; else its list is passed by for any node's.",
              .idle = WithoutFreeCpuSlabs}),
    Switch<&P::every_free_builds_chain>(
        Words{.name = "cpu-slabs.frees-rebuild-chain",
              .meaning = "Every free links its objects anew first, which turns a chain round; "
                         "else only a user's free of many does.",
              .idle = WithoutFreeCpuSlabs}),
    Switch<&P::lives, &L::slab_guard>(
        Words{.name = "slabs.guard",
              .meaning = "What guards what a slab says of itself: nothing, since it is compared "
                         "and exchanged as one word; or the slab's own lock, with interrupts off "
                         "in all that a CPU does to its slab.",
              .words = kGuard}),
    Switch<&P::marks_listed>(
        Words{.name = "slabs.marked-listed",
              .meaning = "A slab's page flags say whether it is in its node's list."}),
    Switch<&P::node_slabs, &N::refill_order>(
        Words{.name = "node-slabs.refill-order",
              .meaning = "Many objects at once come from the first slabs of a list: the one "
                         "taken last is emptied first, or they are emptied in their order.",
              .words = kRefillOrder,
              .idle = WithCpuSlabs}),
    Switch<&P::node_slabs, &N::surplus>(
        Words{.name = "node-slabs.surplus",
              .meaning = "What the last slab of a refill has left over is freed to it as a "
                         "user would, or put back as it was.",
              .words = kSurplus,
              .idle = WithCpuSlabs}),
    Switch<&P::node_slabs, &N::unneeded>(
        Words{.name = "node-slabs.unneeded",
              .meaning = "Slabs that were taken and not needed go to the list's head, or are "
                         "discarded if empty and there are enough; or all go to the tail.",
              .words = kUnneeded,
              .idle = WithCpuSlabs}),
    Switch<&P::node_slabs, &N::other_nodes>(
        Words{.name = "node-slabs.other-nodes",
              .meaning = "Whether a refill looks at other nodes' lists before it makes a "
                         "slab, and whether it waits for their locks.",
              .words = kOtherNodes,
              .idle = WithCpuSlabs}),
    Switch<&P::node_slabs, &N::new_slab>(
        Words{.name = "node-slabs.new-slab",
              .meaning = "Of a new slab all objects are linked, or those that are not taken "
                         "at once.",
              .words = kNewSlab,
              .idle = WithCpuSlabs}),
    Switch<&P::sheaves, &S::which>(
        Words{.name = "sheaves.which",
              .meaning = "Which caches have sheaves: none, those that ask for a capacity, or "
                         "nearly all.",
              .words = kWhich}),
    Switch<&P::sheaves, &S::capacity_rule>(
        Words{.name = "sheaves.capacity-rule",
              .meaning = "A sheaf holds what the cache asks for, or what its objects' size "
                         "gives, and more only if more is asked for.",
              .words = kCapacityRule,
              .idle = WithOneCapacity}),
    NumberSwitch<&P::sheaves, &S::capacity>(
        0, kSheafCapacityMax,
        Words{.name = "sheaves.capacity",
              .meaning = "Objects that a sheaf of every cache with sheaves holds, unless the "
                         "cache asks for more; 0: by the rule.",
              .idle = WithoutSheaves}),
    Switch<&P::sheaves, &S::refill_when>(
        Words{.name = "sheaves.refill-when",
              .meaning = "An allocation fills a sheaf only if it may sleep, or always.",
              .words = kRefillWhen,
              .idle = WithoutSheaves}),
    Switch<&P::sheaves, &S::empty_main>(
        Words{.name = "sheaves.empty-main",
              .meaning = "The empty main sheaf, once there is a filled one, goes to the "
                         "barn, or becomes the spare sheaf if there is none.",
              .words = kEmptyMain,
              .idle = WithoutBarns}),
    Switch<&P::sheaves, &S::remote_free>(
        Words{.name = "sheaves.remote-free",
              .meaning = "An object of another node goes past the sheaves to its slab; or so "
                         "but on CPUs whose node has no memory; or into a sheaf as any "
                         "other.",
              .words = kRemoteFree,
              .idle = WithoutSheaves}),
    Switch<&P::sheaves, &S::bulk_free>(
        Words{.name = "sheaves.bulk-free",
              .meaning = "How a bulk free parts objects that go past the sheaves from the "
                         "others: in an array of their own, or by moving them to the front.",
              .words = kBulkFree,
              .idle = WithoutSheaves}),
    Switch<&P::sheaves, &S::unneeded_rcu_sheaf>(
        Words{.name = "sheaves.unneeded-rcu",
              .meaning = "A sheaf that was allocated for kvfree_rcu() and is not needed goes "
                         "to the barn, or is freed.",
              .words = kUnneededRcu,
              .idle = WithoutBarns}),
    Switch<&P::sheaves, &S::free_wakes_kswapd>(
        Words{.name = "sheaves.free-wakes-kswapd",
              .meaning = "A free that needs a sheaf may wake kswapd for its memory.",
              .idle = WithoutSheaves}),
    Switch<&P::sheaves, &S::barns>(
        Words{.name = "barns",
              .meaning = "Which nodes have a barn for their CPUs' sheaves: none, those with "
                         "memory, or all.",
              .words = kBarns,
              .idle = WithoutSheaves}),
    Switch<&P::sheaves, &S::barn_pointer>(
        Words{.name = "barns.pointer",
              .meaning = "The pointer to a barn stands behind struct kmem_cache_node, or in "
                         "struct kmem_cache beside the pointer to that.",
              .words = kBarnPointer,
              .idle = WithoutBarns}),
    NumberSwitch<&P::sheaves, &S::barn_full_max>(0, kBarnMax,
                                                 Words{.name = "barns.full-max",
                                                       .meaning = "Full sheaves that a barn takes.",
                                                       .idle = WithoutBarns}),
    NumberSwitch<&P::sheaves, &S::barn_empty_max>(
        0, kBarnMax,
        Words{.name = "barns.empty-max",
              .meaning = "Empty sheaves that a barn takes from grace periods.",
              .idle = WithoutBarns}),
    Switch<&P::rules, &R::free_link>(
        Words{.name = "geometry.free-pointer",
              .meaning = "Where a free object's pointer to the next lies in it.",
              .words = kFreeLink}),
    Switch<&P::rules, &R::order_search>(
        Words{.name = "geometry.order-search",
              .meaning = "Where no order of slabs wastes little, the next ones tried are for "
                         "fewer objects, or with more waste.",
              .words = kOrderSearch}),
    Switch<&P::rules, &R::constructor_takes_offset>(
        Words{.name = "geometry.constructor-offset",
              .meaning = "A cache with a constructor may say where its free pointer lies."}),
    Switch<&P::rules, &R::min_partial_halved>(
        Words{.name = "geometry.min-partial-halved",
              .meaning = "min_partial begins with half of the logarithm of the objects' "
                         "size; else with all of it."}),
    Switch<&P::counts_bulk_objects>(
        Words{.name = "statistics.bulk-objects",
              .meaning = "alloc_fastpath and free_fastpath count the objects of bulk "
                         "operations; else allocations are not counted, and frees by slab.",
              .idle = WithoutFreeCpuSlabs}),
    Switch<&P::sheaves, &S::counted_as>(
        Words{.name = "statistics.sheaf-objects",
              .meaning = "An object that a sheaf gives or takes counts as alloc_cpu_sheaf "
                         "and free_cpu_sheaf, or as alloc_fastpath and free_fastpath.",
              .words = kCountedAs,
              .idle = WithoutSheaves}),
    Switch<&P::sheaves, &S::counts_oversize>(
        Words{.name = "statistics.oversize-sheaves",
              .meaning = "sheaf_alloc and sheaf_free count sheaves of a prefill beyond the "
                         "capacity too.",
              .idle = WithoutSheaves}),
    Switch<&P::sheaves, &S::counts_node_mismatch>(
        Words{.name = "statistics.node-mismatch",
              .meaning = "alloc_node_mismatch counts what the sheaves cannot serve.",
              .idle = WithoutSheaves}),
    Switch<&P::slabinfo_guesses>(
        Words{.name = "statistics.slabinfo-guesses",
              .meaning = "/proc/slabinfo guesses the free objects of a very long partial "
                         "list from its ends."}),
};

constexpr auto kRows = JoinRows(kOwnRows, LivesRows<&P::lives>());

// What slabs with locks of their own do without.
std::string RefusalOfLocks(const P& policy) {
  if (!policy.cpu_slabs) {
    return "no era without CPU slabs has locks of slabs: slabs.guard=slab-lock needs cpu-slabs=yes";
  }
  if (policy.marks_listed) {
    return "who holds a slab's lock need not ask whether it is listed: slabs.guard=slab-lock needs "
           "slabs.marked-listed=no";
  }
  if (HasSheaves(policy)) {
    return "sheaves are filled from slabs without locks: slabs.guard=slab-lock needs "
           "sheaves.which=none";
  }
  return "";
}

// What no kernel could be.
std::string Refusal(const P& policy) {
  if (const std::string refusal = LivesRefusal(policy.lives); !refusal.empty()) return refusal;
  if (policy.lives.boots_as_2010 && HasSheaves(policy)) {
    return "the boot of 2010 has no step in which kmalloc's caches get sheaves: boot.as-2010=yes "
           "needs sheaves.which=none";
  }
  if (HasSlabLocks(policy)) return RefusalOfLocks(policy);
  if (!policy.marks_listed && !policy.cpu_slabs) {
    return "without CPU slabs, a free asks the page's flags whether the slab is in its node's "
           "list, and slabs.marked-listed is no";
  }
  if (!policy.marks_listed && !policy.freezes_cpu_partials) {
    return "a slab in a CPU's partial list could not be told from one in its node's list, as both "
           "cpu-partials.frozen and slabs.marked-listed are no";
  }
  if (!HasSheaves(policy)) return "";
  if (policy.sheaves.which == S::Which::kDefault && policy.sheaves.capacity == 0 &&
      policy.sheaves.capacity_rule == S::CapacityRule::kAsAsked) {
    return "caches that ask for no capacity would have sheaves of none: sheaves.capacity or "
           "sheaves.capacity-rule=by-class gives them one";
  }
  if (policy.sheaves.barns == S::Barns::kAllNodes &&
      policy.sheaves.barn_pointer == S::BarnPointer::kInNode) {
    return "a node without memory has no struct kmem_cache_node to keep a pointer to its barn: "
           "barns=all-nodes needs barns.pointer=in-cache";
  }
  return "";
}

// A kernel's structures stay as they are when a layer is switched off. One with a layer more is
// laid out, and counts, as the era that has such layers; and who has a barn has a pointer to it.
void Derive(const P& own, P& policy) {
  if (policy.lives.slab_guard != own.lives.slab_guard) {
    const P& like = HasSlabLocks(policy) ? kSlub2010 : kSlub61;
    policy.cache_offsets = like.cache_offsets;
    policy.counters = like.counters;
    policy.sites = like.sites;
    policy.ways = like.ways;
    policy.switches = like.switches;
    policy.debug_caches = policy.debug_caches && !HasSlabLocks(policy);
  }
  if (policy.cpu_slabs != own.cpu_slabs || (HasSheaves(policy) && !HasSheaves(own))) {
    const P& like = policy.cpu_slabs ? kSlub618 : kSlub73;
    policy.cache_offsets = like.cache_offsets;
    policy.counters = like.counters;
  }
  if (!HasSheaves(policy)) return;
  if (policy.sheaves.counted_as == S::CountedAs::kCpuSheaf) policy.counters = SlubCountersOfBoth;
  const bool in_cache = policy.sheaves.barn_pointer == S::BarnPointer::kInCache;
  policy.cache_offsets.per_node_bytes = in_cache ? 16 : 8;
  policy.cache_offsets.node = in_cache ? 8 : 0;
  policy.node_bytes = in_cache ? 64 : 72;
}

}  // namespace

constinit const PolicyTable<SlubPolicy> kSlubPolicies = {
    .rows = kRows, .refusal = Refusal, .derive = Derive};

}  // namespace slablab
