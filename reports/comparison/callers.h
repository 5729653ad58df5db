// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_COMPARISON_CALLERS_H_
#define SLABLAB_REPORTS_COMPARISON_CALLERS_H_

#include "reports/comparison/comparison.h"
#include "reports/text/text_page.h"

namespace slablab {

// Which callers and caches cost more or less than with the base, the largest change first; nothing
// if one of the runs does not say on whose behalf its operations were.
void AppendCallerChanges(const LabelledResult& base, const LabelledResult& candidate,
                         const TextOptions& options, TextPage& page);

// "callers_delta": a row a run but the base, caller and cache.
DataTable CallersDeltaTable(ResultSet set);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_COMPARISON_CALLERS_H_
