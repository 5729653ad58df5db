// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_SLUB_POOL_H_
#define SLABLAB_ALLOCATORS_COMMON_SLUB_POOL_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"

namespace slablab {

// The host's records of slabs: recycled, so that after warm-up nothing is allocated. A record keeps
// its address, so that a stale pointer to it may be compared. Each has an array, whose pointer is
// the member `kArray`; a record whose `cache` is null describes no slab now.
template <typename SlabType, auto kArray>
class SlubPool {
 public:
  using Item = std::remove_reference_t<decltype(*(std::declval<SlabType>().*kArray))>;

  // A record with an array of at least `items` > 0.
  SlabType& Take(uint32_t items) {
    std::vector<Item*>& free = free_arrays_[SizeClassOf(items)];
    if (free.empty()) {
      arrays_.push_back(std::make_unique<Item[]>(size_t{1} << SizeClassOf(items)));
      free.push_back(arrays_.back().get());
    }
    if (free_slabs_.empty()) free_slabs_.push_back(&slabs_.emplace_back());
    SlabType& slab = *free_slabs_.back();
    free_slabs_.pop_back();
    slab.*kArray = free.back();
    free.pop_back();
    return slab;
  }
  // `items` as at Take.
  void Give(SlabType& slab, uint32_t items) {
    free_arrays_[SizeClassOf(items)].push_back(slab.*kArray);
    slab.*kArray = nullptr;
    slab.cache = nullptr;
    free_slabs_.push_back(&slab);
  }
  // All that were ever taken.
  const std::deque<SlabType>& slabs() const { return slabs_; }
  std::deque<SlabType>& slabs() { return slabs_; }

 private:
  static constexpr int kSizeClasses = 17;  // powers of two, up to 2^16

  size_t SizeClassOf(uint32_t items) const {
    CHECK_GT(items, 0u);
    const auto size_class = static_cast<size_t>(std::bit_width(items - 1));
    CHECK_LT(size_class, free_arrays_.size());
    return size_class;
  }

  std::deque<SlabType> slabs_;
  std::vector<SlabType*> free_slabs_;
  std::array<std::vector<Item*>, kSizeClasses> free_arrays_;
  std::vector<std::unique_ptr<Item[]>> arrays_;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_SLUB_POOL_H_
