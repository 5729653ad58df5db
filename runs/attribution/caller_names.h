// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_ATTRIBUTION_CALLER_NAMES_H_
#define SLABLAB_RUNS_ATTRIBUTION_CALLER_NAMES_H_

#include <string>

#include "reports/attribution.pb.h"
#include "traces/symbols/symbols.h"

namespace slablab {

// Names the callers of a result's recorded call sites, and their sources, as far as `symbols` have
// them; what they were called stays. Says of how many: a sentence; empty if the callers are no call
// sites.
std::string NameCallers(const Symbols& symbols, Attribution* attribution);

}  // namespace slablab

#endif  // SLABLAB_RUNS_ATTRIBUTION_CALLER_NAMES_H_
