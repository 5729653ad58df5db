// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_METRICS_H_
#define SLABLAB_REPORTS_METRICS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "reports/result.pb.h"

// The numbers of a result that comparisons, sweeps and regression checks speak of: one table of
// them, so that a name means the same everywhere. `slablab list metrics` prints it.

namespace slablab {

enum class Better : uint8_t {
  kLess,
  kMore,
  kNeither,  // it says what was done, not how well
};

struct Metric {
  std::string_view name;     // stays what it is: baselines and scripts know it
  std::string_view unit;     // "cycles", "bytes", "%"; empty for a plain count
  std::string_view summary;  // one line
  Better better = Better::kNeither;
  // Values are integers of 10^-decimals of the unit, rounded half up: 431.4 cycles with three
  // decimals is 431400. So equal results have equal values.
  int decimals = 0;
  // Nothing where the result cannot say (a mean of no operations). Ratios saturate at 2^64 - 1.
  std::optional<uint64_t> (*of)(const RunResult& result) = nullptr;
};

// In the order of a report: what was done, what it cost, why, and what it held.
absl::Span<const Metric> Metrics();

// Null if there is none of that name.
const Metric* FindMetric(std::string_view name);

// The values that one unit has: 10^decimals.
uint64_t ScaleOf(const Metric& metric);

// A value in its unit: "431.400", "12,345"; "-" for none.
std::string MetricText(const Metric& metric, std::optional<uint64_t> value);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_METRICS_H_
