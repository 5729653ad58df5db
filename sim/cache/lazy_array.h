// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CACHE_LAZY_ARRAY_H_
#define SLABLAB_SIM_CACHE_LAZY_ARRAY_H_

#include <sys/mman.h>

#include <cstddef>
#include <type_traits>
#include <utility>

#include "base/out_of_memory.h"

namespace slablab {

enum class LazyUse : bool {
  kDense,   // what is used lies side by side: large pages of the host pay
  kSparse,  // it is scattered
};

// A fixed-size array of zeroes that takes host memory only where it is written: the machine's
// memory is large and a workload touches little of it. T must be all-zero when default-constructed
// and needs no destructor.
template <typename T>
class LazyArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  explicit LazyArray(size_t size, LazyUse use = LazyUse::kDense) : size_(size) {
    if (size == 0) return;
    void* memory = mmap(nullptr, size * sizeof(T), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) OutOfMemory();
    data_ = static_cast<T*>(memory);
    // Where the host grants it, a hundredth of the page faults, and fewer TLB misses.
    if (use == LazyUse::kDense && size * sizeof(T) >= kHugePage) {
      madvise(memory, size * sizeof(T), MADV_HUGEPAGE);
    }
  }
  ~LazyArray() {
    if (data_ != nullptr) munmap(data_, size_ * sizeof(T));
  }
  LazyArray(LazyArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  LazyArray& operator=(LazyArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  LazyArray(const LazyArray&) = delete;
  LazyArray& operator=(const LazyArray&) = delete;

  // Takes the host memory for all of it now, unless it is large: for an array that will be in use
  // all over.
  void Populate() {
    constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, since Linux 5.14; else no harm done
    if (size_ * sizeof(T) <= kPopulateMost) madvise(data_, size_ * sizeof(T), kPopulateWrite);
  }

  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;
  static constexpr size_t kPopulateMost = size_t{256} << 20;
  T* data_ = nullptr;
  size_t size_ = 0;
};

// Arrays of zeroes, all of one size and all soon in use, in one piece of host memory: large pages
// pay. They lie an odd number of the host's cache lines apart, or the same element of each would
// compete for the same set of the host's caches.
template <typename T>
class EqualArrays {
 public:
  EqualArrays(size_t count, size_t size)
      : spacing_(((size * sizeof(T) + kHostLine - 1) / kHostLine | 1) * kHostLine / sizeof(T)),
        all_(size == 0 ? 0 : count * spacing_) {
    all_.Populate();
  }
  // Where array number `i` begins. If they are of no size, nowhere.
  T* operator[](size_t i) { return all_.size() == 0 ? nullptr : &all_[i * spacing_]; }
  const T* operator[](size_t i) const { return all_.size() == 0 ? nullptr : &all_[i * spacing_]; }

 private:
  static constexpr size_t kHostLine = 64;
  size_t spacing_;
  LazyArray<T> all_;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CACHE_LAZY_ARRAY_H_
