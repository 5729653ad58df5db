// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/ways.h"

#include <array>

namespace slablab {
namespace {

constexpr std::array<std::string_view, 34> kSites = {
    "slub: alloc fast",      "slub: alloc slow",
    "slub: alloc from node", "slub: get_partial",
    "slub: get_any_partial", "slub: new slab",
    "slub: deactivate_slab", "slub: free fast",
    "slub: free slow",       "slub: free to alien",
    "slub: shared queue",    "slub: drain",
    "slub: put_cpu_partial", "slub: unfreeze_partials",
    "slub: discard_slab",    "slub: alloc bulk",
    "slub: free bulk",       "slub: kmalloc large",
    "slub: flush",           "slub: shrink",
    "slub: expire",          "slub: gfp_allowed_mask",
    "slub: create cache",    "slub: destroy cache",
    "slub: empty main",      "slub: full main",
    "slub: refill sheaf",    "slub: flush sheaf",
    "slub: sheaf memory",    "slub: free rcu",
    "slub: rcu_free_sheaf",  "slub: prefilled sheaf",
    "slub: rcu_free_slab",   "slub: obj_exts",
};
static_assert(static_cast<int>(SlubAt::kObjExts) == kFirstModelSite + kSites.size() - 1);
static_assert(static_cast<int>(SlubAt::kObjExts) < kMaxSites);

constexpr auto kSites2010 = [] {
  auto sites = kSites;
  sites[static_cast<size_t>(SlubAt::kDeactivate) - kFirstModelSite] = "slub: deactivate";
  return sites;
}();

constexpr std::array<PathInfo, 27> kPaths = {
    FastAllocPath("alloc fast"),
    AllocPath("alloc cpu slab refill"),
    AllocPath("alloc cpu partial"),
    AllocPath("alloc node partial"),
    AllocPath("alloc remote partial"),
    AllocPath("alloc new slab"),
    AllocPath("alloc failed"),
    AllocPath("alloc large"),
    AllocPath("alloc of 0 bytes"),
    FastFreePath("free fast"),
    FreePath("free slow frozen"),
    FreePath("free to cpu partial"),
    FreePath("free drain"),
    FreePath("free slow partial"),
    FreePath("free slow empty kept"),
    FreePath("free slab"),
    FreePath("free large"),
    FreePath("free of null"),
    FreePath("free slow full"),
    AllocPath("alloc spare sheaf"),
    AllocPath("alloc barn sheaf"),
    AllocPath("alloc filled sheaf"),
    AllocPath("alloc prefilled"),
    FreePath("free spare sheaf"),
    FreePath("free barn sheaf"),
    FreePath("free new sheaf"),
    FreePath("free flushed sheaf"),
};
static_assert(PathOf(SlubWay::kFreeFlushedSheaf) == kPaths.size() - 1);

}  // namespace

absl::Span<const std::string_view> SlubSiteNames() { return kSites; }
absl::Span<const std::string_view> SlubSiteNames2010() { return kSites2010; }
absl::Span<const PathInfo> SlubPaths() { return kPaths; }

}  // namespace slablab
