// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/text/text.h"

#include "reports/numbers.h"
#include "reports/text/sections.h"

namespace slablab {

void AppendRest(size_t rows, const TextOptions& options, std::string_view of_what,
                TextTable& table) {
  const size_t shown = ShownRows(rows, options);
  if (shown == rows) return;
  table.AddText(
      fmt::format("... and {} more of {} {}", Grouped(rows - shown), Grouped(rows), of_what));
}

std::string TextReport(const RunResult& result, const TextOptions& options) {
  TextPage head(options.colour);
  AppendHeadline(result, head);
  TextPage page(options.colour);
  AppendSummary(result, options, page);
  AppendOperations(result, page);
  AppendCycles(result, page);
  AppendSites(result, options, page);
  AppendTouches(result, page);
  AppendCallSites(result, options, page);
  AppendCallerMemory(result, options, page);
  AppendSharedLines(result, options, page);
  AppendTasks(result, options, page);
  AppendLocks(result, options, page);
  AppendCpus(result, options, page);
  AppendPageAllocator(result, page);
  AppendFootprintOverTime(result, page);
  AppendFootprint(result, page);
  AppendLayers(result, options, page);
  AppendLayersOverTime(result, page);
  AppendPercpu(result, options, page);
  AppendCachesBySize(result, options, page);
  AppendCachesByCycles(result, options, page);
  AppendQueueLists(result, options, page);
  AppendCounters(result, page);
  AppendCacheDetails(result, page);
  AppendKernelComparison(result, options, page);
  AppendAssumptions(result, page);
  return head.Take() + '\n' + Contents(page.headings()) + '\n' + page.Take();
}

std::string KernelComparisonText(const RunResult& result, const TextOptions& options) {
  TextPage page(options.colour);
  AppendKernelComparison(result, options, page);
  return page.Take();
}

}  // namespace slablab
