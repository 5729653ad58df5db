// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_HTML_FIGURES_H_
#define SLABLAB_REPORTS_HTML_FIGURES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reports/comparison/comparison.h"
#include "reports/explain/explain.pb.h"
#include "reports/html/page_data.h"

// The views of an HTML report. Each appends itself to the page, or nothing if the set has nothing
// for it. The page's tables are there by then.

namespace slablab {

// Larger sets have no figures of each run alone: they are told by series.
inline constexpr size_t kRunsShownAlone = 8;

void AppendScalingFigures(ResultSet set, PageData& page);
void AppendDeltaFigure(ResultSet set, PageData& page);
void AppendRunsFigure(ResultSet set, PageData& page);
void AppendCyclesFigure(ResultSet set, PageData& page);
void AppendMissesFigure(ResultSet set, PageData& page);
void AppendLocksFigure(ResultSet set, PageData& page);
void AppendLatencyFigure(ResultSet set, PageData& page);
void AppendPathsFigure(ResultSet set, PageData& page);
void AppendFootprintFigure(ResultSet set, PageData& page);
void AppendWaitingFigure(ResultSet set, PageData& page);
void AppendPeakFigure(ResultSet set, PageData& page);
void AppendOccupancyFigure(ResultSet set, PageData& page);
void AppendLayersFigure(ResultSet set, PageData& page);
void AppendLayersOverTimeFigure(ResultSet set, PageData& page);
void AppendInputsFigure(ResultSet set, PageData& page);
void AppendCachesFigure(ResultSet set, PageData& page);
// Who and where: by caller, cache, path, structure and outcome; lines; the slowest.
void AppendIcicleFigure(ResultSet set, PageData& page);
void AppendCallersFigure(ResultSet set, PageData& page);
void AppendPinnedFigure(ResultSet set, PageData& page);
void AppendSharingFigure(ResultSet set, PageData& page);
void AppendSlowestFigure(ResultSet set, PageData& page);
// Over the run, how many CPUs waited for locks.
void AppendContentionFigure(ResultSet set, PageData& page);
void AppendSitesFigure(ResultSet set, PageData& page);
void AppendEndFigure(ResultSet set, PageData& page);
// The sections of the text that are a table each.
void AppendSectionFigures(ResultSet set, PageData& page);
// Since which switch: of the page's first run, that has so many operations, to its second.
void AppendSinceFigure(const ExplainReport& report, uint64_t operations, PageData& page);

// What differs in words, with each run as the base.
void AppendWords(ResultSet set, PageData& page);
// The command that says since which switch, if there is one.
void AppendExplainCommand(ResultSet set, PageData& page);

// --- For the above. ---

// sum * times an operation, in thousandths; nothing of a run without operations.
std::optional<uint64_t> PerOperation(const RunResult& result, uint64_t sum, uint64_t times = 1);

// One number a run and name: a row each of a table, and the same as stacked bars.
struct PartsByRun {
  std::vector<std::string> parts;
  // [part][run]: thousandths; nullopt: the run does not have it.
  std::vector<std::vector<std::optional<uint64_t>>> values;
  // The row of that part; appended if there is none.
  std::vector<std::optional<uint64_t>>& Row(const std::string& part, size_t runs);
};
// Columns "run", `part` and `value`: a row a run and part.
struct PartsTitles {
  std::string part;
  std::string value;
  std::string unit;
  int decimals = 0;
};
void StartPartsTable(const PartsTitles& titles, HtmlTable& table);
void FillPartRows(ResultSet set, const PartsByRun& parts, PageData& page, HtmlTable& table);
void SetBars(const PartsTitles& titles, const std::vector<std::string>& parts, HtmlChart& chart);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_HTML_FIGURES_H_
