// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_HISTOGRAM_H_
#define SLABLAB_WORKLOADS_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>

#include "base/types.h"

namespace slablab {

// Counts of durations in buckets whose width is at most 1/16 of their value: exact below 16.
class Histogram {
 public:
  void Add(Cycles value) {
    ++count_;
    total_ += value;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
    ++buckets_[BucketOf(value)];
  }

  void Add(const Histogram& other) {
    count_ += other.count_;
    total_ += other.total_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
    for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  }

  uint64_t count() const { return count_; }
  Cycles total() const { return total_; }
  Cycles min() const { return count_ == 0 ? 0 : min_; }
  Cycles max() const { return max_; }

  // Calls visit(upper, count) for each quarter of an octave that has durations, ascending: `count`
  // of them are <= upper and above the one before.
  template <typename Visit>
  void ForEachQuarterOctave(Visit visit) const {
    constexpr size_t kMerged = (1 << kSubBits) / 4;
    for (size_t first = 0; first < kBuckets; first += kMerged) {
      uint64_t count = 0;
      for (size_t bucket = first; bucket < first + kMerged; ++bucket) count += buckets_[bucket];
      if (count > 0) visit(UpperEnd(first + kMerged - 1), count);
    }
  }

  // The smallest duration v such that at least `per_mille` of the durations (and at least one) are
  // <= v, to the upper end of v's bucket, and never above max(). Zero if there are none.
  Cycles Quantile(int per_mille) const {
    const uint64_t rank =
        std::max<uint64_t>(1, (count_ * static_cast<uint64_t>(per_mille) + 999) / 1000);
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
      seen += buckets_[bucket];
      if (seen >= rank) return std::min(max_, UpperEnd(bucket));
    }
    return max_;
  }

 private:
  static constexpr int kSubBits = 4;
  static constexpr size_t kBuckets = (64 - kSubBits + 1) << kSubBits;

  static size_t BucketOf(Cycles value) {
    if (value < (1 << kSubBits)) return value;
    const int shift = std::bit_width(value) - 1 - kSubBits;
    return (static_cast<size_t>(shift + 1) << kSubBits) + ((value >> shift) - (1 << kSubBits));
  }
  static Cycles UpperEnd(size_t bucket) {
    if (bucket < (1 << kSubBits)) return bucket;
    const int shift = static_cast<int>(bucket >> kSubBits) - 1;
    const Cycles low = ((Cycles{1} << kSubBits) + (bucket & ((1 << kSubBits) - 1))) << shift;
    return low + (Cycles{1} << shift) - 1;
  }

  uint64_t count_ = 0;
  Cycles total_ = 0;
  Cycles min_ = std::numeric_limits<Cycles>::max();
  Cycles max_ = 0;
  std::array<uint64_t, kBuckets> buckets_{};
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_HISTOGRAM_H_
