// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/comparison/spread.h"

#include <algorithm>

#include "base/check.h"

namespace slablab {
namespace {

using Wide = unsigned __int128;

// As many values may be left out at each end that the rest still holds the median with 95 %.
struct Cut {
  size_t values = 0;
  uint32_t confidence_per_mille = 0;
};
Cut CutOf(size_t count) {
  constexpr uint32_t kWanted = 950;
  const Wide all = Wide{1} << count;
  Wide ways = 1;  // to have so many of `count` below the median
  Wide outside = 0;
  Cut cut;
  for (size_t below = 0; 2 * below < count; ++below) {
    outside += 2 * ways;
    const auto confidence = static_cast<uint32_t>(outside > all ? 0 : (all - outside) * 1000 / all);
    if (below > 0 && confidence < kWanted) break;
    cut = {.values = below, .confidence_per_mille = confidence};
    ways = ways * (count - below) / (below + 1);
  }
  return cut;
}

// The median, and what is left when so many are cut off at each end of the sorted `values`.
Spread Middle(const std::vector<int64_t>& values, size_t cut) {
  const size_t count = values.size();
  const auto lower = static_cast<__int128>(values[(count - 1) / 2]);
  return {.median = static_cast<int64_t>((lower + values[count / 2]) / 2),
          .low = values[cut],
          .high = values[count - 1 - cut],
          .count = count};
}

}  // namespace

Spread SpreadOf(std::vector<int64_t> values) {
  CHECK_GE(values.size(), 1u);
  CHECK_LE(values.size(), kSpreadMost);
  std::sort(values.begin(), values.end());
  const Cut cut = CutOf(values.size());
  Spread spread = Middle(values, cut.values);
  spread.confidence_per_mille = cut.confidence_per_mille;
  return spread;
}

Spread RangeOf(std::vector<int64_t> values) {
  CHECK_GE(values.size(), 1u);
  std::sort(values.begin(), values.end());
  return Middle(values, 0);
}

}  // namespace slablab
