// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_DELTA_H_
#define SLABLAB_REPORTS_DELTA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "reports/metrics.h"

// A metric of one run against the same of another: how far it moved, and whether that is good.

namespace slablab {

// (candidate - base) / base in hundredths of a per cent, rounded half away from zero and capped at
// +-10^9; nullopt if base is 0 and candidate is not.
std::optional<int64_t> RelativeChange(uint64_t base, uint64_t candidate);

// The same, but of a percentage the difference in hundredths of a point.
std::optional<int64_t> ChangeInHundredths(const Metric& metric, uint64_t base, uint64_t candidate);
// Such a change as reports print it: "-30.4%", "x12.3", "+1.25 pt".
std::string HundredthsText(const Metric& metric, int64_t hundredths);

// candidate against base as reports print it: "-30.4%", "x12.3" for what grew tenfold or more,
// "+1.25 pt" of what is a percentage itself, "0" if they are equal, "from 0", "-" if either is
// unknown.
std::string ChangeText(const Metric& metric, std::optional<uint64_t> base,
                       std::optional<uint64_t> candidate);

enum class Mark : uint8_t {
  kUnknown,  // a value is missing
  kEqual,
  kAbout,  // moved by less than is worth a word
  kBetter,
  kWorse,
  kMoved,  // of a metric that says what was done, not how well
};
// What moved by less than `noise` hundredths of a per cent (of a percentage: of a point) is kAbout.
inline constexpr int64_t kNoiseHundredths = 100;
Mark MarkOf(const Metric& metric, std::optional<uint64_t> base, std::optional<uint64_t> candidate,
            int64_t noise = kNoiseHundredths);
std::string_view MarkText(Mark mark);  // "", "=", "~", "better", "WORSE", "moved"

// A value with one decimal at most: "431.4", "12,345,678", "-".
std::string ShortMetricText(const Metric& metric, std::optional<uint64_t> value);

// What a comparison lists, under headings, in order. Each is of Metrics().
struct DeltaRow {
  std::string_view group;
  std::string_view title;  // under its group
  const Metric* metric = nullptr;
};
absl::Span<const DeltaRow> DeltaRows();

}  // namespace slablab

#endif  // SLABLAB_REPORTS_DELTA_H_
