// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_TEXT_SLOWEST_H_
#define SLABLAB_REPORTS_TEXT_SLOWEST_H_

#include <string>

#include "reports/result.pb.h"
#include "reports/text/text.h"

namespace slablab {

// What a run's slowest operations spent their time on: `rows_max` of those that the result has.
std::string SlowestText(const RunResult& result, const TextOptions& options);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_TEXT_SLOWEST_H_
