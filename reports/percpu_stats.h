// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_PERCPU_STATS_H_
#define SLABLAB_REPORTS_PERCPU_STATS_H_

#include <string>

#include "reports/result.pb.h"

namespace slablab {

// debugfs' percpu_stats as a kernel in the run's end state would print it: byte for byte what tools
// that parse it expect (Linux 6.1, mm/percpu-stats.c, percpu_stats_show). REQUIRES: has_percpu().
std::string PercpuStatsText(const RunResult& result);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_PERCPU_STATS_H_
