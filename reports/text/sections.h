// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_TEXT_SECTIONS_H_
#define SLABLAB_REPORTS_TEXT_SECTIONS_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "reports/result.pb.h"
#include "reports/text/text.h"
#include "reports/text/text_page.h"

// The sections of the text report, in its order. Each appends itself to the page, or nothing if the
// result has nothing for it.

namespace slablab {

// What all that is told of the run is subject to, in a sentence; empty: to nothing.
std::string ReservationsSentence(const RunResult& result);

// Before all sections, at most 25 lines.
void AppendHeadline(const RunResult& result, TextPage& page);
void AppendSummary(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendOperations(const RunResult& result, TextPage& page);
void AppendCycles(const RunResult& result, TextPage& page);
void AppendSites(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendTouches(const RunResult& result, TextPage& page);
void AppendLocks(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendCallSites(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendCallerMemory(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendSharedLines(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendTasks(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendCpus(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendPageAllocator(const RunResult& result, TextPage& page);
void AppendFootprintOverTime(const RunResult& result, TextPage& page);
void AppendFootprint(const RunResult& result, TextPage& page);
void AppendLayers(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendLayersOverTime(const RunResult& result, TextPage& page);
void AppendPercpu(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendCachesBySize(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendCachesByCycles(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendQueueLists(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendCounters(const RunResult& result, TextPage& page);
void AppendCacheDetails(const RunResult& result, TextPage& page);
void AppendKernelComparison(const RunResult& result, const TextOptions& options, TextPage& page);
void AppendAssumptions(const RunResult& result, TextPage& page);

// How many of `rows` a table shows.
inline size_t ShownRows(size_t rows, const TextOptions& options) {
  return options.rows_max == 0 ? rows : std::min(rows, options.rows_max);
}

// "... and 12 more of 24 caches" if not all of `rows` are shown.
void AppendRest(size_t rows, const TextOptions& options, std::string_view of_what,
                TextTable& table);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_TEXT_SECTIONS_H_
