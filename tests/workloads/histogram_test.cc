// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/histogram.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

Histogram Of(const std::vector<Cycles>& values) {
  Histogram histogram;
  for (Cycles value : values) histogram.Add(value);
  return histogram;
}

// What Quantile approximates, from the definition.
Cycles TrueQuantile(const std::vector<Cycles>& sorted, uint64_t per_mille) {
  for (size_t i = 0; i < sorted.size(); ++i) {
    if ((i + 1) * 1000 >= sorted.size() * per_mille) return sorted[i];
  }
  return sorted.back();
}

void ExpectAgreement(std::vector<Cycles> values) {
  const Histogram histogram = Of(values);
  std::sort(values.begin(), values.end());
  ASSERT_EQ(histogram.count(), values.size());
  ASSERT_EQ(histogram.total(), std::accumulate(values.begin(), values.end(), Cycles{0}));
  ASSERT_EQ(histogram.min(), values.front());
  ASSERT_EQ(histogram.max(), values.back());
  for (int per_mille : {0, 1, 10, 250, 499, 500, 501, 900, 990, 999, 1000}) {
    const Cycles exact = TrueQuantile(values, static_cast<uint64_t>(per_mille));
    const Cycles answer = histogram.Quantile(per_mille);
    ASSERT_GE(answer, exact) << per_mille;
    ASSERT_LE(answer - exact, exact / 16) << per_mille;
    ASSERT_LE(answer, values.back()) << per_mille;
  }
  ASSERT_EQ(histogram.Quantile(1000), values.back());
}

TEST(HistogramTest, AnEmptyOneIsAllZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.min(), 0u);
  EXPECT_EQ(histogram.max(), 0u);
  for (int per_mille : {0, 500, 1000}) EXPECT_EQ(histogram.Quantile(per_mille), 0u);
}

// A value just above another's bucket end must not be taken for it: with the two in one histogram
// the lower quantile tells the end of the lower one's bucket.
TEST(HistogramTest, EveryPowerOfTwoAndItsNeighboursAreWithinASixteenth) {
  std::vector<Cycles> edges = {0, std::numeric_limits<Cycles>::max()};
  for (int shift = 0; shift < 64; ++shift) {
    const Cycles power = Cycles{1} << shift;
    for (Cycles value : {power - 1, power, power + 1}) edges.push_back(value);
    // The ends of buckets within this power of two.
    for (Cycles part = 1; part < 16 && shift >= 4; ++part) {
      const Cycles end = power + (part << (shift - 4));
      edges.push_back(end);
      edges.push_back(end - 1);
    }
  }
  for (Cycles low : edges) {
    ExpectAgreement({low});
    for (Cycles high : {low + 1, low + low / 16 + 1, 2 * low, Cycles{1} << 63}) {
      if (high >= low) ExpectAgreement({low, high});
    }
  }
}

TEST(HistogramTest, EverySmallValueIsExact) {
  Histogram histogram;
  for (Cycles value = 0; value < 16; ++value) histogram.Add(value);
  for (int i = 1; i <= 16; ++i) {
    EXPECT_EQ(histogram.Quantile(i * 1000 / 16), static_cast<Cycles>(i - 1)) << i;
  }
}

TEST(HistogramTest, AgreesWithASortedListOfAnyValues) {
  Random random(7);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Cycles> values(1 + random.Below(round % 50 == 0 ? 2000 : 30));
    const uint64_t bits = 1 + random.Below(50);
    for (Cycles& value : values) value = random.Next() >> (64 - 1 - random.Below(bits));
    ExpectAgreement(std::move(values));
  }
}

}  // namespace
}  // namespace slablab
