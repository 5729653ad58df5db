// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_CACHE_CONTENTS_H_
#define SLABLAB_ALLOCATORS_CACHE_CONTENTS_H_

#include <cstdint>
#include <vector>

namespace slablab {

// What stands where inside a cache of SLUB. Every vector is empty if the model or the cache has
// nothing of the kind.
struct CacheContents {
  struct CpuSlab {
    int64_t in_use = -1;        // by the slab's own count; -1: there is no slab
    uint64_t free_objects = 0;  // on the CPU's own list
    uint64_t cpu_partial_slabs = 0;
    friend bool operator==(const CpuSlab&, const CpuSlab&) = default;
  };
  // Objects in each of a CPU's sheaves; -1: it has none.
  struct PercpuSheaves {
    int64_t main = -1;
    int64_t spare = -1;
    int64_t rcu_free = -1;
    friend bool operator==(const PercpuSheaves&, const PercpuSheaves&) = default;
  };
  struct Barn {
    int node = 0;
    std::vector<uint32_t> full_sizes;  // objects in each full sheaf, in the order of the list
    uint64_t empty_sheaves = 0;
    friend bool operator==(const Barn&, const Barn&) = default;
  };
  struct PartialList {
    int node = 0;
    std::vector<uint32_t> in_use;  // of each slab, by its own count, first to last
    friend bool operator==(const PartialList&, const PartialList&) = default;
  };
  std::vector<CpuSlab> cpu_slabs;          // by CPU
  std::vector<PercpuSheaves> sheaves;      // by CPU
  std::vector<Barn> barns;                 // of the nodes that have one, ascending
  std::vector<PartialList> partial_lists;  // likewise
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_CACHE_CONTENTS_H_
