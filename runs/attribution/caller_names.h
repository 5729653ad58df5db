// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_ATTRIBUTION_CALLER_NAMES_H_
#define SLABLAB_RUNS_ATTRIBUTION_CALLER_NAMES_H_

#include "reports/attribution.pb.h"
#include "traces/symbols/symbols.h"

namespace slablab {

// Names the callers of a result's recorded call sites, and their sources, as far as `symbols` have
// them; what they were called stays.
void NameCallers(const Symbols& symbols, Attribution* attribution);

}  // namespace slablab

#endif  // SLABLAB_RUNS_ATTRIBUTION_CALLER_NAMES_H_
