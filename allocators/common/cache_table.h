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

#include "absl/status/status.h"
#include "allocators/allocator.h"
#include "base/check.h"
#include "base/types.h"
#include "fmt/format.h"
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

  // The object that begins `bytes` behind a slab's first one. Exact for multiples of the size: the
  // error of the reciprocal is below size / 2^32 for each, and number * size stays below 2^32.
  uint32_t IndexAt(uint64_t bytes) const {
    return static_cast<uint32_t>((bytes * reciprocal) >> 32);
  }
};

// slab_unmergeable() of 2010 and 2014; later ones have more reasons.
inline bool MayMerge(const CacheSpec& spec) {
  return !spec.no_merge && !spec.has_constructor && !spec.typesafe_by_rcu &&
         !spec.has_debug_flags();
}

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
  // kmem_cache_create() of `spec`: it needs a name, and sysfs refuses a second file of one name.
  absl::Status CheckName(const CacheSpec& spec) const {
    if (spec.name.empty()) return absl::InvalidArgumentError("a cache needs a name");
    if (FindLive(spec.name) == nullptr) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format("there is a cache '{}' already", spec.name));
  }
  static absl::Status Exhausted(const CacheSpec& spec) {
    return absl::ResourceExhaustedError(fmt::format("no memory for cache '{}'", spec.name));
  }
  // kmem_cache_destroy(): whether others still use the cache, which is one fewer then. REQUIRES: if
  // not, all its objects have come back.
  bool DropAlias(Cache& s) {
    CHECK(s.live);
    if (s.names.size() > 1) {
      s.names.pop_back();
      return true;
    }
    CHECK_EQ(s.footprint.objects, 0u);
    return false;
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
  // An object goes to its user, or comes back from him.
  void HandOut(Cache& s) {
    const uint64_t object_size = s.geometry.object_size;
    const uint64_t size = s.geometry.size;
    Account(s, [=](Footprint& footprint) { footprint.HandOut(object_size, size); });
  }
  void TakeBack(Cache& s) {
    const uint64_t object_size = s.geometry.object_size;
    const uint64_t size = s.geometry.size;
    Account(s, [=](Footprint& footprint) { footprint.TakeBack(object_size, size); });
  }
  // An object that was handed out is the model's own; one such is about to be freed.
  void AddOwn(Cache& s) {
    const uint64_t bytes = s.geometry.object_size;
    Account(s, [=](Footprint& footprint) { footprint.AddOwn(bytes); });
  }
  void RemoveOwn(Cache& s) {
    const uint64_t bytes = s.geometry.object_size;
    Account(s, [=](Footprint& footprint) { footprint.RemoveOwn(bytes); });
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

// One slab: its pages, what objects it has room for, and how many of these users have.
struct SlabUse {
  uint64_t bytes = 0;
  uint64_t objects = 0;
  uint64_t used = 0;
};
// What it adds to the footprint of `s`.
template <typename Cache>
Footprint FootprintOfSlab(const Cache& s, const SlabUse& slab) {
  const uint64_t size = s.geometry.size;
  Footprint footprint;
  footprint.slabs = 1;
  footprint.slab_bytes = slab.bytes;
  footprint.objects = slab.used;
  footprint.object_bytes = slab.used * s.geometry.object_size;
  footprint.padding_bytes = slab.used * (size - s.geometry.object_size);
  footprint.free_bytes = (slab.objects - slab.used) * size;
  footprint.tail_bytes = slab.bytes - slab.objects * size;
  return footprint;
}
// Aborts unless the footprint of `s` is that of its slabs, with what no slab tells.
template <typename Cache>
void CheckFootprint(const Cache& s, Footprint of_slabs) {
  of_slabs.percpu_bytes = s.footprint.percpu_bytes;
  of_slabs.own_objects = s.footprint.own_objects;
  of_slabs.own_object_bytes = of_slabs.own_objects * s.geometry.object_size;
  of_slabs.rcu_objects = s.footprint.rcu_objects;
  of_slabs.rcu_free_bytes += of_slabs.rcu_objects * s.geometry.size;
  CHECK_LE(of_slabs.own_objects, of_slabs.objects);
  CHECK_LE(of_slabs.rcu_free_bytes, of_slabs.free_bytes);
  CHECK(of_slabs == s.footprint);
}

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_CACHE_TABLE_H_
