// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_UNSAID_MEANINGS_H_
#define SLABLAB_REPORTS_UNSAID_MEANINGS_H_

#include "reports/result.pb.h"

// Results of before PathStats.is_fast and FigureValue.role say nothing of what their paths and
// figures mean. There is one place that knows what their names meant, and this is it: results are
// completed when they are read (result_io.h), and nothing behind that looks at names.

namespace slablab {

// Says of a result that says it of no path which are fast, and what its figures are. Any other
// result stays as it is.
void SayMeanings(RunResult& result);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_UNSAID_MEANINGS_H_
