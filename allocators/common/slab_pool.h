// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_SLAB_POOL_H_
#define SLABLAB_ALLOCATORS_COMMON_SLAB_POOL_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/types.h"
#include "sim/core/fields.h"

namespace slablab {

// What is said of any slab. One that models lay out otherwise has members of these names.
template <typename CacheType>
struct SlabRecord {
  PhysAddr base;               // the block
  PhysAddr page;               // its first struct page
  CacheType* cache = nullptr;  // null: this record describes no slab now
  NodeId node;
  uint64_t serial = 0;  // of all slabs ever made, from 1

  Place Metadata(uint64_t at) const { return {page + at, Structure::kSlabMetadata}; }
  // The struct page of any frame of the block.
  Place PageOf(uint64_t frame) const { return Metadata((frame - base.frame()) << kLineShift); }
};

// The host's records of slabs: recycled, so that after warm-up nothing is allocated. A record keeps
// its address, so that a stale pointer to it may be compared. One whose `cache` is null describes
// no slab now.
template <typename SlabType>
class SlabPool {
 public:
  SlabType& Take() {
    if (free_slabs_.empty()) free_slabs_.push_back(&slabs_.emplace_back());
    SlabType& slab = *free_slabs_.back();
    free_slabs_.pop_back();
    return slab;
  }
  void Give(SlabType& slab) {
    slab.cache = nullptr;
    free_slabs_.push_back(&slab);
  }
  // All that were ever taken.
  const std::deque<SlabType>& slabs() const { return slabs_; }
  std::deque<SlabType>& slabs() { return slabs_; }

 private:
  std::deque<SlabType> slabs_;
  std::vector<SlabType*> free_slabs_;
};

// The same of records that each have an array, whose pointer is the member `kArray`.
template <typename SlabType, auto kArray>
class SlabArrayPool : private SlabPool<SlabType> {
 public:
  using Item = std::remove_reference_t<decltype(*(std::declval<SlabType>().*kArray))>;

  // A record with an array of at least `items` > 0.
  SlabType& Take(uint32_t items) {
    std::vector<Item*>& free = free_arrays_[SizeClassOf(items)];
    if (free.empty()) {
      arrays_.push_back(std::make_unique<Item[]>(size_t{1} << SizeClassOf(items)));
      free.push_back(arrays_.back().get());
    }
    SlabType& slab = SlabPool<SlabType>::Take();
    slab.*kArray = free.back();
    free.pop_back();
    return slab;
  }
  // `items` as at Take.
  void Give(SlabType& slab, uint32_t items) {
    free_arrays_[SizeClassOf(items)].push_back(slab.*kArray);
    slab.*kArray = nullptr;
    SlabPool<SlabType>::Give(slab);
  }
  using SlabPool<SlabType>::slabs;

 private:
  static constexpr int kSizeClasses = 17;  // powers of two, up to 2^16

  size_t SizeClassOf(uint32_t items) const {
    CHECK_GT(items, 0u);
    const auto size_class = static_cast<size_t>(std::bit_width(items - 1));
    CHECK_LT(size_class, free_arrays_.size());
    return size_class;
  }

  std::array<std::vector<Item*>, kSizeClasses> free_arrays_;
  std::vector<std::unique_ptr<Item[]>> arrays_;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_SLAB_POOL_H_
