// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_TEXT_H_
#define SLABLAB_REPORTS_TEXT_H_

#include <cstddef>
#include <string>

#include "reports/result.pb.h"

namespace slablab {

struct TextOptions {
  bool colour = false;
  // Rows of a table whose length depends on the input (caches, CPUs, locks, skipped reasons); the
  // rest is counted in a last line. 0: all of them.
  size_t rows_max = 12;
};

// The report of one run, for people: 80 columns of ASCII, the same bytes for the same result and
// options. docs/report.md explains every number. Sections that a result has nothing for are left
// out.
std::string TextReport(const RunResult& result, const TextOptions& options);

// Of that, the comparison with the kernel's own counters alone; empty if the result has none.
std::string KernelComparisonText(const RunResult& result, const TextOptions& options);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_TEXT_H_
