// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_SLAB_FRAMES_H_
#define SLABLAB_ALLOCATORS_COMMON_SLAB_FRAMES_H_

#include <cstdint>

#include "allocators/allocator.h"
#include "allocators/common/kmalloc.h"
#include "base/check.h"
#include "base/types.h"
#include "sim/cache/lazy_array.h"

namespace slablab {

// Whose slab a page frame is of: virt_to_slab(). `Slab` is a record that has `base`, `cache` and
// `serial`. What it costs to read a struct page, the model says itself.
template <typename Slab>
class SlabFrames {
 public:
  explicit SlabFrames(const MachineConfig& config)
      : slabs_(FrameCount(config), LazyUse::kSparse) {}

  // Null: no slab's. REQUIRES: `object` is in memory.
  Slab* Of(PhysAddr object) const { return slabs_[object.frame()]; }
  // As Of, of any address.
  Allocator::Location Locate(PhysAddr object) const {
    if (object.frame() >= slabs_.size()) return {};
    const Slab* const slab = Of(object);
    if (slab == nullptr) return {};
    return {.cache = slab->cache->id, .slab = slab->base, .serial = slab->serial};
  }
  // The 2^order frames from the slab's base on. It gets the next serial number.
  void Enter(Slab& slab, int order) {
    slab.serial = ++made_;
    for (uint64_t frame = 0; frame < uint64_t{1} << order; ++frame) {
      CHECK(slabs_[slab.base.frame() + frame] == nullptr);
      slabs_[slab.base.frame() + frame] = &slab;
    }
  }
  void Remove(const Slab& slab, int order) {
    for (uint64_t frame = 0; frame < uint64_t{1} << order; ++frame) {
      slabs_[slab.base.frame() + frame] = nullptr;
    }
  }
  // Whether all frames of `slab` say so.
  bool Has(const Slab& slab, int order) const {
    for (uint64_t frame = 0; frame < uint64_t{1} << order; ++frame) {
      if (slabs_[slab.base.frame() + frame] != &slab) return false;
    }
    return true;
  }

 private:
  LazyArray<Slab*> slabs_;
  uint64_t made_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_SLAB_FRAMES_H_
