// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_WHY_COSTS_H_
#define SLABLAB_RUNS_WHY_COSTS_H_

#include "reports/result.pb.h"
#include "reports/why/why.pb.h"

namespace slablab {

// Fills in what a run spends and on what: fields 2 to 23 of the report. REQUIRES: it gathered its
// call sites.
void FillCosts(const RunResult& result, WhyReport* report);

}  // namespace slablab

#endif  // SLABLAB_RUNS_WHY_COSTS_H_
