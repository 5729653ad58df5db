// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/numbers.h"

#include <cstdint>
#include <limits>
#include <string>

#include "base/random.h"
#include "fmt/format.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

TEST(NumbersTest, IntegersAreGrouped) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1'000), "1,000");
  EXPECT_EQ(Grouped(kMax), "18,446,744,073,709,551,615");
  EXPECT_EQ(GroupedDifference(-12'345), "-12,345");
  EXPECT_EQ(GroupedDifference(7), "+7");
  EXPECT_EQ(GroupedDifference(0), "0");
  EXPECT_EQ(GroupedDifference(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(NumbersTest, QuotientsAreRoundedHalfUp) {
  EXPECT_EQ(Quotient(10, 3, 1), "3.3");
  EXPECT_EQ(Quotient(20, 3, 1), "6.7");
  EXPECT_EQ(Quotient(1, 4, 1), "0.3");
  EXPECT_EQ(Quotient(3, 40, 2), "0.08");
  EXPECT_EQ(Quotient(1'999, 1'000, 2), "2.00");
  EXPECT_EQ(Quotient(1'995, 10, 0), "200");
  EXPECT_EQ(Quotient(kMax, 1, 3), "18,446,744,073,709,551,615.000");
  EXPECT_EQ(Quotient(kMax, kMax, 3), "1.000");
  EXPECT_EQ(Quotient(5, 0, 1), "-");
}

// Against long division by hand, digit by digit.
TEST(NumbersTest, EveryDigitOfAQuotientIsRight) {
  Random random(1);
  for (int i = 0; i < 2'000; ++i) {
    const uint64_t denominator = 1 + random.Below(1'000'000);
    const uint64_t numerator = random.Below(1'000'000'000);
    const uint64_t thousandths = (numerator * 1'000 * 2 + denominator) / (2 * denominator);
    std::string digits = fmt::format("{:04}", thousandths);
    digits.insert(digits.size() - 3, ".");
    std::string written = Quotient(numerator, denominator, 3);
    std::erase(written, ',');
    EXPECT_EQ(written, digits) << numerator << "/" << denominator;
  }
}

TEST(NumbersTest, SharesArePercentsAndPoints) {
  EXPECT_EQ(Percent(1, 3), "33.3%");
  EXPECT_EQ(Percent(2, 3), "66.7%");
  EXPECT_EQ(Percent(0, 3), "0.0%");
  EXPECT_EQ(Percent(3, 0), "-");
  EXPECT_EQ(Percent(kMax, kMax), "100.0%");
  EXPECT_EQ(Percent(3, 2), "150.0%");
  EXPECT_EQ(Percent(kMax, 1), ">999%");
  EXPECT_EQ(HundredthsOfPercent(1, 3), 3'333u);
  EXPECT_EQ(HundredthsOfPercent(kMax, kMax), 10'000u);
  EXPECT_EQ(HundredthsOfPercent(0, 0), 0u);
  EXPECT_EQ(Points(125), "+1.25");
  EXPECT_EQ(Points(-5), "-0.05");
  EXPECT_EQ(Points(0), "0.00");
}

TEST(NumbersTest, BytesGoOnToTheNextUnitWhereRoundingCarries) {
  EXPECT_EQ(Bytes(0), "0");
  EXPECT_EQ(Bytes(1'023), "1023");
  EXPECT_EQ(Bytes(1'024), "1.0K");
  EXPECT_EQ(Bytes(1'536), "1.5K");
  EXPECT_EQ(Bytes(1'048'524), "1023.9K");
  EXPECT_EQ(Bytes(1'048'525), "1.0M");
  EXPECT_EQ(Bytes(1'048'576), "1.0M");
  EXPECT_EQ(Bytes(kMax), "16.0E");
}

TEST(NumbersTest, NumbersFitTheirColumnsAndKeepTheirValue) {
  EXPECT_EQ(Fitted(1'234'567, 9), "1,234,567");
  EXPECT_EQ(Fitted(1'234'567, 8), "1.235M");
  EXPECT_EQ(Fitted(1'234'567, 5), "1.23M");
  EXPECT_EQ(Fitted(123'456, 6), "123.5K");
  EXPECT_EQ(Fitted(999'999'600, 6), "1.000G");
  EXPECT_EQ(Fitted(999'600'000, 5), "1.00G");
  EXPECT_EQ(Fitted(kMax, 5), "18.4E");
  Random random(2);
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t value = random.Next() >> random.Below(64);
    for (size_t width = 5; width <= 26; ++width) {
      const std::string text = Fitted(value, width);
      ASSERT_LE(text.size(), width) << value;
      if (text == Grouped(value)) continue;
      ASSERT_GT(Grouped(value).size(), width) << text;
      // Three digits at least are right: within half a unit of the third.
      const double units[] = {1e3, 1e6, 1e9, 1e12, 1e15, 1e18};
      const double read = std::stod(text) * units[std::string("KMGTPE").find(text.back())];
      EXPECT_NEAR(read / static_cast<double>(value), 1.0, 0.0051) << value << " " << text;
    }
  }
}

TEST(NumbersTest, DurationsChooseTheirUnit) {
  EXPECT_EQ(Duration(999), "999 ns");
  EXPECT_EQ(Duration(1'000), "1.000 us");
  EXPECT_EQ(Duration(12'345'678), "12.346 ms");
  EXPECT_EQ(Duration(3'213'000'000), "3.213 s");
}

TEST(NumbersTest, BarsAreProportionalAndShowWhatIsNotNothing) {
  EXPECT_EQ(Bar(0, 10, 10), "");
  EXPECT_EQ(Bar(5, 10, 10), "#####");
  EXPECT_EQ(Bar(10, 10, 10), "##########");
  EXPECT_EQ(Bar(1, 1'000'000, 10), "#");
  EXPECT_EQ(Bar(20, 10, 10), "##########");
  EXPECT_EQ(Bar(kMax, kMax, 4), "####");
}

}  // namespace
}  // namespace slablab
