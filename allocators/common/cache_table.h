// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_CACHE_TABLE_H_
#define SLABLAB_ALLOCATORS_COMMON_CACHE_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "allocators/allocator.h"
#include "base/check.h"
#include "base/types.h"
#include "sim/pages/gfp.h"

// The caches of a model, as mm/slab_common.c keeps them for every kernel allocator: the list, names
// and aliases, merging, and what all caches hold together.

namespace slablab {

// What a model's own struct kmem_cache begins with. Call order: CacheTable::Add, then the model
// opens it, then CacheTable::Open or RemoveNewest; in the end Close.
struct CacheBase {
  CacheId id;
  bool live = false;
  CacheSpec spec;
  std::vector<std::string> names;  // spec.name first, then the aliases merged into it
  bool may_merge = false;
  Gfp alloc_flags = Gfp::kNone;
  uint32_t reciprocal = 0;  // ceil(2^32 / bytes from one object to the next)
  PhysAddr address;         // of the descriptor
  Footprint footprint;
};

// `Cache` is a CacheBase that has a `geometry` with `object_size` and `size`, in bytes.
template <typename Cache>
class CacheTable {
 public:
  // All that there ever were, by id.
  int count() const { return static_cast<int>(caches_.size()); }
  Cache& at(CacheId id) const { return *caches_[id.index()]; }
  // slab_caches: those that live, newest last.
  const std::vector<CacheId>& live() const { return live_; }
  // What all live caches hold, and what is of no cache.
  const Footprint& total() const { return total_; }
  Footprint& total() { return total_; }

  // Not live yet. `geometry` is that of `spec`.
  template <typename Geometry>
  Cache& Add(std::unique_ptr<Cache> made, const CacheSpec& spec, const Geometry& geometry) {
    Cache& s = *caches_.emplace_back(std::move(made));
    s.id = CacheId(static_cast<int32_t>(caches_.size() - 1));
    s.spec = spec;
    s.names = {spec.name};
    s.geometry = geometry;
    s.reciprocal = static_cast<uint32_t>(((uint64_t{1} << 32) + geometry.size - 1) / geometry.size);
    if (spec.reclaim_account) s.alloc_flags = s.alloc_flags | Gfp::kReclaimable;
    return s;
  }
  // Of a cache that could not be opened. REQUIRES: it is the last that was added.
  void RemoveNewest(const Cache& s) {
    CHECK(&s == caches_.back().get());
    caches_.pop_back();
  }
  void Open(Cache& s) {
    live_.push_back(s.id);
    s.live = true;
  }
  void Close(Cache& s) {
    s.live = false;
    live_.erase(std::find(live_.begin(), live_.end(), s.id));
  }

  // By its own name or one merged into it; null: there is none.
  Cache* FindLive(std::string_view name) const {
    for (CacheId id : live_) {
      const std::vector<std::string>& names = at(id).names;
      if (std::find(names.begin(), names.end(), name) != names.end()) return &at(id);
    }
    return nullptr;
  }
  // find_mergeable(): the oldest, or newest, live cache that `fits`; null: none does.
  template <typename Fits>
  Cache* OldestThat(Fits fits) const {
    const auto found =
        std::find_if(live_.begin(), live_.end(), [&](CacheId id) { return fits(at(id)); });
    return found == live_.end() ? nullptr : &at(*found);
  }
  template <typename Fits>
  Cache* NewestThat(Fits fits) const {
    const auto found =
        std::find_if(live_.rbegin(), live_.rend(), [&](CacheId id) { return fits(at(id)); });
    return found == live_.rend() ? nullptr : &at(*found);
  }
  // __kmem_cache_alias(): `spec` is served by `s` from now on.
  CacheId AddAlias(Cache& s, const CacheSpec& spec) {
    s.names.push_back(spec.name);
    const uint64_t larger = std::max<uint64_t>(s.geometry.object_size, spec.object_size);
    const uint64_t growth = larger - s.geometry.object_size;
    const uint64_t moved = growth * s.footprint.objects;
    const uint64_t moved_own = growth * s.footprint.own_objects;
    Account(s, [=](Footprint& footprint) {
      footprint.object_bytes += moved;
      footprint.padding_bytes -= moved;
      footprint.own_object_bytes += moved_own;
    });
    s.geometry.object_size = static_cast<uint32_t>(larger);
    return s.id;
  }

  // Makes `change` to the footprint of `s` and to the total.
  template <typename Change>
  void Account(Cache& s, Change change) {
    change(s.footprint);
    change(total_);
  }
  // A slab of `bytes`, of which objects can have `usable`, is the cache's, or no longer. REQUIRES:
  // none of its objects is handed out.
  void AccountSlab(Cache& s, uint64_t bytes, uint64_t usable) {
    Account(s, [=](Footprint& footprint) {
      ++footprint.slabs;
      footprint.slab_bytes += bytes;
      footprint.free_bytes += usable;
      footprint.tail_bytes += bytes - usable;
    });
  }
  void UnaccountSlab(Cache& s, uint64_t bytes, uint64_t usable) {
    Account(s, [=](Footprint& footprint) {
      --footprint.slabs;
      footprint.slab_bytes -= bytes;
      footprint.free_bytes -= usable;
      footprint.tail_bytes -= bytes - usable;
    });
  }
  // The sum of what live caches hold.
  Footprint SumOfCaches() const {
    Footprint sum;
    for (CacheId id : live_) sum += at(id).footprint;
    return sum;
  }

 private:
  std::vector<std::unique_ptr<Cache>> caches_;
  std::vector<CacheId> live_;
  Footprint total_;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_CACHE_TABLE_H_
