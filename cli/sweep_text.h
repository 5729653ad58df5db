// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_SWEEP_TEXT_H_
#define SLABLAB_CLI_SWEEP_TEXT_H_

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/flags.h"
#include "reports/tables.h"
#include "runs/experiments/sweep.pb.h"
#include "runs/experiments/sweep_plan.h"

namespace slablab {

struct SweepPlanView {
  std::set<size_t> chosen;  // of the shard in question
  std::set<size_t> done;
  size_t rows_max = 0;  // 0: all
};
// The points, a line each: name, values, and whether they are done, to do, of another shard or
// refused; then why.
std::string SweepPlanText(const SweepPlan& plan, const SweepPlanView& view);

// A row a point: its name, the axes' values, every metric. Values as they are, without grouping,
// for scripts.
DataTable SweepPointsTable(const SweepReport& report);

// InvalidArgument naming one that `slablab list metrics` has not.
absl::Status CheckSweepMetrics(const std::vector<std::string>& metrics);

// The report in one of the formats text, mail, tsv, csv, json, jsonl, proto, sqlite. Text: what
// all points have in common, then a line a point with the axes' values and `metrics` (by default a
// few); points that were refused, with their reasons, at the end. TSV and CSV: a row a point with
// every metric. JSON lines: a line a point, with its values by axis.
// Before it a headline, of what the sweep compares (cli/sweep_sides.h): `base` is the value that
// others are measured against, empty the first.
std::string SweepReportText(const SweepReport& report, Format format,
                            const std::vector<std::string>& metrics, const std::string& base);

}  // namespace slablab

#endif  // SLABLAB_CLI_SWEEP_TEXT_H_
