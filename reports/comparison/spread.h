// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_COMPARISON_SPREAD_H_
#define SLABLAB_REPORTS_COMPARISON_SPREAD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

// How far a change varies over runs that differ in chance alone.
//
// The interval is that of the sign test: between two order statistics of the differences, so far
// out that the true median lies between them with 95 %, or as near to that as so few allow. It
// supposes nothing of how the differences are distributed, and takes integers alone. (W. R.
// Thompson, "On confidence ranges for the median and other expectation distributions for
// populations of unknown distribution form", Annals of Mathematical Statistics 7, 1936.)

namespace slablab {

// More would not fit into what confidences are computed in.
inline constexpr size_t kSpreadMost = 100;
// Less is too weak to say that something has changed: five values have 937.
inline constexpr uint32_t kTellingPerMille = 900;

struct Spread {
  int64_t median = 0;
  int64_t low = 0;
  int64_t high = 0;
  size_t count = 0;
  uint32_t confidence_per_mille = 0;  // that the true median is in low..high, rounded down

  // Whether it is telling, and holds nothing-changed not.
  bool excludes_zero() const {
    return confidence_per_mille >= kTellingPerMille && (low > 0 || high < 0);
  }
};

// REQUIRES: 1 to kSpreadMost values. The median of an even number is the middle of the two in the
// middle, rounded towards zero.
Spread SpreadOf(std::vector<int64_t> values);

// The median, the least and the greatest of what is no sample: that has no confidence.
// REQUIRES: values.
Spread RangeOf(std::vector<int64_t> values);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_COMPARISON_SPREAD_H_
