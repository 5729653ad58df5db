// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/ways.h"

#include <array>

namespace slablab {
namespace {

constexpr std::array<std::string_view, 26> kSites = {
    "slub: alloc fast",      "slub: alloc slow",
    "slub: get_partial",     "slub: get_any_partial",
    "slub: new slab",        "slub: deactivate_slab",
    "slub: free fast",       "slub: free slow",
    "slub: put_cpu_partial", "slub: unfreeze_partials",
    "slub: discard_slab",    "slub: alloc bulk",
    "slub: free bulk",       "slub: kmalloc large",
    "slub: flush",           "slub: shrink",
    "slub: create cache",    "slub: destroy cache",
    "slub: empty main",      "slub: full main",
    "slub: refill sheaf",    "slub: flush sheaf",
    "slub: sheaf memory",    "slub: free rcu",
    "slub: rcu_free_sheaf",  "slub: prefilled sheaf",
};
static_assert(static_cast<int>(SlubAt::kPrefill) == kFirstModelSite + kSites.size() - 1);
static_assert(static_cast<int>(SlubAt::kPrefill) < kMaxSites);

constexpr std::array<std::string_view, 27> kPaths = {
    "alloc fast",           "alloc cpu slab refill",
    "alloc cpu partial",    "alloc node partial",
    "alloc remote partial", "alloc new slab",
    "alloc failed",         "alloc large",
    "alloc of 0 bytes",     "free fast",
    "free slow frozen",     "free to cpu partial",
    "free drain",           "free slow partial",
    "free slow empty kept", "free slab",
    "free large",           "free of null",
    "free slow full",       "alloc spare sheaf",
    "alloc barn sheaf",     "alloc filled sheaf",
    "alloc prefilled",      "free spare sheaf",
    "free barn sheaf",      "free new sheaf",
    "free flushed sheaf",
};
static_assert(PathOf(SlubWay::kFreeFlushedSheaf) == kPaths.size() - 1);

}  // namespace

absl::Span<const std::string_view> SlubSiteNames() { return kSites; }
absl::Span<const std::string_view> SlubWayNames() { return kPaths; }

}  // namespace slablab
