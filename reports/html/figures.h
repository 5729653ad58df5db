// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_HTML_FIGURES_H_
#define SLABLAB_REPORTS_HTML_FIGURES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reports/comparison/comparison.h"
#include "reports/html_page.pb.h"

// The figures of an HTML report. Each appends itself to the page, or nothing if the set has nothing
// for it.

namespace slablab {

// Larger sets have no figures of each run alone: they are told by series.
inline constexpr size_t kRunsShownAlone = 8;

void AppendDeltaFigure(ResultSet set, HtmlPage& page);
void AppendRunsFigure(ResultSet set, HtmlPage& page);
void AppendScalingFigures(ResultSet set, HtmlPage& page);
void AppendCyclesFigure(ResultSet set, HtmlPage& page);
void AppendMissesFigure(ResultSet set, HtmlPage& page);
void AppendLocksFigure(ResultSet set, HtmlPage& page);
void AppendLatencyFigure(ResultSet set, HtmlPage& page);
void AppendPathsFigure(ResultSet set, HtmlPage& page);
void AppendFootprintFigure(ResultSet set, HtmlPage& page);
void AppendWaitingFigure(ResultSet set, HtmlPage& page);
void AppendPeakFigure(ResultSet set, HtmlPage& page);
void AppendOccupancyFigure(ResultSet set, HtmlPage& page);
void AppendLayersFigure(ResultSet set, HtmlPage& page);
void AppendLayersOverTimeFigure(ResultSet set, HtmlPage& page);
void AppendInputsFigure(ResultSet set, HtmlPage& page);

// --- For the above. ---

// A row of a chart or table, cell by cell. Numbers are thousandths, so that the page's bytes depend
// on integers alone.
class HtmlRow {
 public:
  explicit HtmlRow(google::protobuf::ListValue& row) : row_(row) {}
  HtmlRow& Text(const std::string& text);
  HtmlRow& Thousandths(uint64_t value);
  HtmlRow& Number(uint64_t value);
  HtmlRow& Nothing();
  // numerator / denominator; nothing of nothing.
  HtmlRow& Quotient(uint64_t numerator, uint64_t denominator);

 private:
  google::protobuf::ListValue& row_;
};

HtmlFigure& AddFigure(HtmlPage& page, const std::string& id, const std::string& title,
                      const std::string& lede);
void AddColumn(HtmlTable& table, const std::string& title, const std::string& unit,
               int decimals = 0);
inline HtmlRow AddRow(HtmlTable& table) { return HtmlRow(*table.add_rows()); }
inline HtmlRow AddRow(HtmlChart& chart) { return HtmlRow(*chart.add_rows()); }

// A table of one number a run and name, names downwards, and the same as stacked bars.
struct PartsByRun {
  std::vector<std::string> parts;
  // [part][run]: thousandths; nullopt: the run does not have it.
  std::vector<std::vector<std::optional<uint64_t>>> values;
  // The row of that part; appended if there is none.
  std::vector<std::optional<uint64_t>>& Row(const std::string& part, size_t runs);
};
// Its rows: a part, and a cell for each run.
void FillPartRows(const PartsByRun& parts, HtmlTable& table);
void FillPartsTable(ResultSet set, const PartsByRun& parts, const std::string& unit, int decimals,
                    HtmlTable& table);
void FillBars(ResultSet set, const PartsByRun& parts, HtmlChart& chart);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_HTML_FIGURES_H_
