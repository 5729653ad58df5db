// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/numbers.h"

#include <algorithm>

#include "base/check.h"
#include "fmt/format.h"

namespace slablab {
namespace {

using Wide = unsigned __int128;

constexpr uint64_t kPowersOfTen[] = {1, 10, 100, 1000};

// numerator * scale / denominator, rounded half up. REQUIRES: denominator > 0; the result fits.
uint64_t Scaled(uint64_t numerator, uint64_t scale, uint64_t denominator) {
  return static_cast<uint64_t>((Wide{numerator} * scale * 2 + denominator) /
                               (Wide{denominator} * 2));
}

// A value in units of 10^-decimals.
std::string Decimal(uint64_t scaled, int decimals) {
  const uint64_t power = kPowersOfTen[decimals];
  const std::string whole = Grouped(scaled / power);
  return decimals == 0 ? whole : fmt::format("{}.{:0{}}", whole, scaled % power, decimals);
}

uint64_t Magnitude(int64_t value) {
  return value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

std::string_view Sign(int64_t value) { return value < 0 ? "-" : value > 0 ? "+" : ""; }

}  // namespace

std::string Grouped(uint64_t value) {
  const std::string digits = fmt::format("{}", value);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string Counted(uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", Grouped(count), count == 1 ? one : many);
}

std::string LossSentence(uint64_t events, uint64_t unknown_places) {
  const std::string in_places =
      unknown_places == 1 ? "in one place" : fmt::format("in {} places", Grouped(unknown_places));
  if (events == 0) {
    if (unknown_places == 0) return "";
    return fmt::format("events were lost in recording {}, how many is not known", in_places);
  }
  std::string text =
      fmt::format("{} lost in recording", Counted(events, "event was", "events were"));
  if (unknown_places > 0) text += fmt::format(", and {} more, how many is not known", in_places);
  return text;
}

std::string GroupedDifference(int64_t value) {
  return fmt::format("{}{}", Sign(value), Grouped(Magnitude(value)));
}

std::string Quotient(uint64_t numerator, uint64_t denominator, int decimals) {
  CHECK_LE(decimals, 3);
  if (denominator == 0) return "-";
  // The whole part and the rest apart: the whole may fill 64 bits, as a small part of it may.
  uint64_t whole = numerator / denominator;
  const uint64_t power = kPowersOfTen[decimals];
  uint64_t rest = Scaled(numerator % denominator, power, denominator);
  if (rest == power) {
    rest = 0;
    ++whole;
  }
  return decimals == 0 ? Grouped(whole) : fmt::format("{}.{:0{}}", Grouped(whole), rest, decimals);
}

std::string Percent(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  const Wide tenths = (Wide{part} * 2000 + whole) / (Wide{whole} * 2);
  if (tenths > 9'999) return ">999%";
  return Decimal(static_cast<uint64_t>(tenths), 1) + "%";
}

uint64_t HundredthsOfPercent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : Scaled(std::min(part, whole), 10'000, whole);
}

std::string Points(int64_t hundredths) {
  return fmt::format("{}{}", Sign(hundredths), Decimal(Magnitude(hundredths), 2));
}

std::string Bytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{}", bytes);
  constexpr std::string_view kUnits = "KMGTPE";
  size_t unit = 0;
  uint64_t divisor = 1024;
  // 1023.96K would print as 1024.0K: go on to the next unit where rounding carries.
  while (unit + 1 < kUnits.size() && Scaled(bytes, 10, divisor) >= 10'240) {
    divisor *= 1024;
    ++unit;
  }
  const uint64_t tenths = Scaled(bytes, 10, divisor);
  return fmt::format("{}.{}{}", tenths / 10, tenths % 10, kUnits[unit]);
}

std::string Fitted(uint64_t value, size_t width) {
  CHECK_GE(width, 5u);
  const std::string exact = Grouped(value);
  if (exact.size() <= width) return exact;
  uint64_t divisor = 1000;
  for (const char unit : {'K', 'M', 'G', 'T', 'P', 'E'}) {
    for (int decimals = 3; value / divisor < 1000 && decimals >= 0; --decimals) {
      const std::string text = Quotient(value, divisor, decimals);
      const size_t digits = text.size() - (decimals > 0 ? 1 : 0);
      const bool carried = text.find(',') != std::string::npos;  // 999.9996 is 1.000 of the next
      if (!carried && digits <= 4 && text.size() < width) return text + unit;
    }
    divisor *= 1000;
  }
  return exact;  // Not reached: 64 bits end at 18E.
}

std::string Duration(uint64_t nanoseconds) {
  if (nanoseconds < 1'000) return fmt::format("{} ns", nanoseconds);
  if (nanoseconds < 1'000'000) return Quotient(nanoseconds, 1'000, 3) + " us";
  if (nanoseconds < 1'000'000'000) return Quotient(nanoseconds, 1'000'000, 3) + " ms";
  return Quotient(nanoseconds, 1'000'000'000, 3) + " s";
}

std::string Bar(uint64_t part, uint64_t whole, size_t width) {
  if (part == 0 || whole == 0) return "";
  const uint64_t length = Scaled(std::min(part, whole), width, whole);
  return std::string(std::max<uint64_t>(length, 1), '#');
}

}  // namespace slablab
