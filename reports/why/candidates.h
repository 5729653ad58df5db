// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_WHY_CANDIDATES_H_
#define SLABLAB_REPORTS_WHY_CANDIDATES_H_

#include <string>
#include <string_view>
#include <vector>

#include "reports/why/why.pb.h"

// What sentences and tables say alike of the changes that were tried.

namespace slablab {

// Those that ran, most cycles saved first; of these, those that hold less, most bytes saved first.
std::vector<const WhyCandidate*> Ran(const WhyReport& report);
std::vector<const WhyCandidate*> MemorySavers(const WhyReport& report);

// By 1 % of the cycles or more, in the median of the parts.
bool SurelySaves(const WhyCandidate& candidate);

// "-12.3%", of all cycles; "+1.2M".
std::string CyclesChange(const WhyReport& report, const WhyCandidate& candidate);
std::string BytesChange(const WhyCandidate& candidate);
// "-14.0% to -3.1%", of a metric of Metrics().
std::string RangeText(const WhySpread& spread, std::string_view metric);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_WHY_CANDIDATES_H_
