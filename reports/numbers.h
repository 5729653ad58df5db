// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_NUMBERS_H_
#define SLABLAB_REPORTS_NUMBERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// How reports write numbers. Integer arithmetic only, rounded half up, so that a report is the same
// bytes whatever compiler made the program. Where a quotient has no meaning (nothing to divide by),
// "-" is written.

namespace slablab {

// "12,345,678".
std::string Grouped(uint64_t value);

// "1 page", "12,345 pages".
std::string Counted(uint64_t count, std::string_view one, std::string_view many);

// "849,163 events were lost in recording", "events were lost in recording in 3 places, how many is
// not known", or both; empty if none was. `unknown_places` are those of the second kind.
std::string LossSentence(uint64_t events, uint64_t unknown_places);

// "+12,345", "-7", "0".
std::string GroupedDifference(int64_t value);

// numerator / denominator: Quotient(10, 3, 1) is "3.3", Quotient(10'000, 3, 0) is "3,333".
// REQUIRES: decimals <= 3.
std::string Quotient(uint64_t numerator, uint64_t denominator, int decimals);

// "93.4%", six columns at most: from 1,000 % on it is ">999%".
std::string Percent(uint64_t part, uint64_t whole);

// part / whole in hundredths of a per cent, 9,340 for 93.40 %; 0 of nothing is 0, and
// more than the whole is the whole.
uint64_t HundredthsOfPercent(uint64_t part, uint64_t whole);

// A difference of two such shares, in points: "+1.25".
std::string Points(int64_t hundredths);

// In binary multiples: "960", "5.8K", "12.3M", "1.0G".
std::string Bytes(uint64_t bytes);

// Exact where `width` columns allow it, else rounded in decimal multiples with as many digits as
// fit, four at most: Fitted(1'234'567, 9) is "1,234,567", Fitted(1'234'567, 8) is "1.235M".
// REQUIRES: width >= 5.
std::string Fitted(uint64_t value, size_t width);

// "1.234 s", "56.789 ms", "12.345 us", "999 ns".
std::string Duration(uint64_t nanoseconds);

// '#' in proportion, `width` of them for the whole, and at least one for what is not nothing.
std::string Bar(uint64_t part, uint64_t whole, size_t width);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_NUMBERS_H_
