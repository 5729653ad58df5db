// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "base/printable.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/result_output.h"
#include "cli/sweep_folder.h"
#include "cli/sweep_sides.h"
#include "cli/sweep_text.h"
#include "fmt/format.h"
#include "reports/comparison/comparison.h"
#include "runs/experiments/sweep_plan.h"
#include "runs/experiments/sweep_store.h"

ABSL_FLAG(slablab::CommaList, metrics, {},
          "NAME,...: the columns of the text; `slablab list metrics` has the names. TSV, CSV and "
          "JSON have all.");

namespace slablab {
namespace {

constexpr std::string_view kPlanFlags[] = {"folder", "shard", "limit"};
constexpr std::string_view kMergeFlags[] = {"folder", "format", "metrics", "base", "output"};
constexpr Format kMergeFormats[] = {
    Format::kText, Format::kMail,      Format::kTsv,   Format::kCsv,
    Format::kJson, Format::kJsonLines, Format::kProto, Format::kSqlite, Format::kHtml};

std::string_view Text(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// The points that have results, as one page of charts.
absl::Status WriteSweepHtml(const SweepReport& report) {
  std::vector<RunResult> results;
  const SweepReport sorted = WithBaseFirst(report, absl::GetFlag(FLAGS_base));
  for (const SweepPointReport& point : sorted.points()) {
    if (point.has_result()) results.push_back(point.result());
  }
  if (results.empty()) return absl::InvalidArgumentError("no point has a result to be drawn");
  return WriteHtml(Labelled(std::move(results)), absl::GetFlag(FLAGS_output));
}

int RunSweepPlan(const std::vector<std::string>& arguments) {
  const absl::StatusOr<SweepPlan> plan = PlanOfArguments(arguments);
  if (!plan.ok()) return Fail(plan.status());
  const absl::StatusOr<Shard> shard = ParseShard(absl::GetFlag(FLAGS_shard));
  if (!shard.ok()) return Fail(shard.status());
  const SweepStore store = StoreOf(arguments[0]);
  std::set<size_t> done;
  std::set<size_t> chosen;
  for (const size_t index : PointsOf(*plan, *shard)) {
    chosen.insert(index);
    const absl::StatusOr<std::optional<SweepStore::Outcome>> outcome =
        store.Get(plan->points[index].name);
    if (outcome.ok() && outcome->has_value()) done.insert(index);
    if (!outcome.ok()) Print(stderr, "slablab: {}\n", Printable(Text(outcome.status())));
  }
  Print(stdout, "{}",
        SweepPlanText(
            *plan,
            {.chosen = chosen, .done = done, .rows_max = absl::GetFlag(FLAGS_limit).value_or(0)}));
  return kExitOk;
}

int RunSweepMerge(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Format> format = FormatAmong(kMergeFormats);
  if (!format.ok()) return Fail(format.status());
  if (absl::Status status = CheckDestination(*format); !status.ok()) return Fail(status);
  const std::vector<std::string> metrics =
      absl::StrSplit(absl::GetFlag(FLAGS_metrics).text, ',', absl::SkipEmpty());
  if (absl::Status status = CheckSweepMetrics(metrics); !status.ok()) return Fail(status);
  const absl::StatusOr<SweepPlan> plan = PlanOfArguments(arguments);
  if (!plan.ok()) return Fail(plan.status());
  const absl::StatusOr<SweepReport> report = MergeSweep(*plan, StoreOf(arguments[0]));
  if (!report.ok()) return Fail(report.status());
  const std::string base = absl::GetFlag(FLAGS_base);
  if (absl::Status status = CheckSweepBase(*report, base); !status.ok()) return Fail(status);
  const absl::Status written = *format == Format::kHtml
                                   ? WriteSweepHtml(*report)
                                   : WriteOutput(absl::GetFlag(FLAGS_output),
                                                 SweepReportText(*report, *format, metrics, base));
  return written.ok() ? kExitOk : Fail(written);
}

}  // namespace

extern const Command kSweepMergeCommand = {
    .name = "sweep merge",
    .synopsis = "SWEEP.textproto",
    .summary = "Prints one report of all points of a sweep; the same bytes however they were done.",
    .flags = kMergeFlags,
    .formats = kMergeFormats,
    .example = "slablab sweep merge scaling.textproto --metrics=cycles_per_operation",
    .run = RunSweepMerge,
};

extern const Command kSweepPlanCommand = {
    .name = "sweep plan",
    .synopsis = "SWEEP.textproto",
    .summary = "Lists the points of a sweep: allocators, machines, sizes and what else it varies.",
    .flags = kPlanFlags,
    .example = "slablab sweep plan scaling.textproto --shard=1/8",
    .run = RunSweepPlan,
};

}  // namespace slablab
