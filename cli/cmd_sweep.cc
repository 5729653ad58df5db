// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/cmd_sweep.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "base/interrupt.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/print.h"
#include "cli/printable.h"
#include "cli/progress.h"
#include "cli/result_output.h"
#include "cli/simulation.h"
#include "cli/sweep_plan.h"
#include "cli/sweep_store.h"
#include "cli/sweep_text.h"
#include "cli/worker_flags.h"
#include "cli/worker_pool.h"
#include "fmt/format.h"
#include "reports/comparison.h"

ABSL_FLAG(std::string, folder, "",
          "FOLDER: where the points' results are; by default beside the sweep, as its name with "
          ".results for its ending.");
ABSL_FLAG(std::string, shard, "1/1",
          "K/N: the K-th of N parts of the points, for a machine or array task each.");
ABSL_FLAG(std::string, metrics, "",
          "NAME,...: the columns of the text; `slablab list metrics` has the names. TSV, CSV and "
          "JSON have all.");

namespace slablab {
namespace {

absl::StatusOr<SweepPlan> PlanOfArguments(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1) return PlanSweep(arguments[0]);
  return absl::InvalidArgumentError("one sweep is wanted: SWEEP.textproto");
}

SweepStore StoreOf(const std::string& sweep_path) {
  const std::string folder = absl::GetFlag(FLAGS_folder);
  if (!folder.empty()) return SweepStore(folder);
  return SweepStore(std::filesystem::path(sweep_path).replace_extension(".results").string());
}

// Runs in a process of its own. What it answers is empty, or what to say to the user; the first
// byte of that tells whose fault it is.
constexpr char kOurFault = '!';
constexpr char kUsersFault = '?';
std::string DoPoint(const SweepPoint& point, const SweepStore& store) {
  absl::StatusOr<RunResult> result =
      Simulate(point.options, {.progress = nullptr, .stop = InterruptRequested});
  absl::Status status = result.status();
  if (absl::IsCancelled(status)) return "";
  if (status.ok()) {
    MakePrintable(&*result);
    status = store.PutResult(point.name, *result);
  } else if (status.code() != absl::StatusCode::kInternal) {
    status = store.PutRefusal(point.name, {status.message().data(), status.message().size()});
  }
  if (status.ok()) return "";
  return (absl::IsInternal(status) ? kOurFault : kUsersFault) + std::string(status.message());
}

// Those of `shard` that are not done.
std::vector<size_t> PointsToDo(const SweepPlan& plan, const SweepStore& store, const Shard& shard) {
  std::vector<size_t> todo;
  for (const size_t index : PointsOf(plan, shard)) {
    if (!store.Get(plan.points[index].name).has_value()) todo.push_back(index);
  }
  return todo;
}

absl::Status DoPoints(const SweepPlan& plan, const SweepStore& store,
                      const std::vector<size_t>& todo, int workers) {
  const InterruptScope interrupts(2);
  Progress progress({.what = plan.name, .unit = "points", .total = todo.size()});
  size_t done = 0;
  size_t failed = 0;
  const auto work = [&](size_t job) { return DoPoint(plan.points[todo[job]], store); };
  const auto on_end = [&](size_t job, const JobEnd& end) {
    progress.Update(++done);
    const SweepPoint& point = plan.points[todo[job]];
    if (!end.answer.empty() && end.answer[0] == kUsersFault) {
      return absl::Status(absl::UnavailableError(end.answer.substr(1)));
    }
    const std::string why =
        end.death.empty() ? end.answer.substr(0, end.answer.find('\n')) : end.death;
    if (why.empty()) return absl::OkStatus();
    ++failed;
    progress.Erase();
    Print(stderr, "slablab: point {}: {}\n", point.name,
          PrintableLines(why[0] == kOurFault ? why.substr(1) : why));
    return absl::OkStatus();
  };
  const auto stop = [&] {
    progress.Update(done);
    return InterruptRequested();
  };
  const absl::Status status =
      RunInProcesses({.jobs = todo.size(), .workers = workers, .stop = stop}, work, on_end);
  if (!status.ok() || failed == 0) return status;
  return absl::InternalError(fmt::format("{} of {} points failed", failed, todo.size()));
}

// The points that have results, as one page of charts.
absl::Status WriteSweepHtml(const SweepReport& report) {
  std::vector<RunResult> results;
  for (const SweepPointReport& point : report.points()) {
    if (point.has_result()) results.push_back(point.result());
  }
  if (results.empty()) return absl::InvalidArgumentError("no point has a result to be drawn");
  return WriteHtml(Labelled(std::move(results)), absl::GetFlag(FLAGS_output));
}

}  // namespace

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
    if (store.Get(plan->points[index].name).has_value()) done.insert(index);
  }
  Print(stdout, "{}",
        SweepPlanText(
            *plan,
            {.chosen = chosen, .done = done, .rows_max = absl::GetFlag(FLAGS_limit).value_or(0)}));
  return kExitOk;
}

int RunSweepRun(const std::vector<std::string>& arguments) {
  const absl::StatusOr<int> workers = WorkersOfFlag();
  if (!workers.ok()) return Fail(workers.status());
  const absl::StatusOr<Shard> shard = ParseShard(absl::GetFlag(FLAGS_shard));
  if (!shard.ok()) return Fail(shard.status());
  const absl::StatusOr<SweepPlan> plan = PlanOfArguments(arguments);
  if (!plan.ok()) return Fail(plan.status());
  const SweepStore store = StoreOf(arguments[0]);
  if (absl::Status status = store.Create(); !status.ok()) return Fail(status);
  const std::vector<size_t> todo = PointsToDo(*plan, store, *shard);
  for (const size_t index : todo) store.Sweep(plan->points[index].name);
  const absl::Status status = DoPoints(*plan, store, todo, *workers);
  if (absl::IsCancelled(status)) {
    Print(stderr, "slablab: interrupted; what is done is kept in {}\n", store.folder());
    return kExitInterrupted;
  }
  if (!status.ok()) return Fail(status);
  const size_t missing = PointsToDo(*plan, store, {}).size();
  Print(stderr, "{} points done now, results are in {}; {}\n", todo.size(), store.folder(),
        missing == 0 ? "all of the sweep are" : fmt::format("{} of other shards are not", missing));
  return kExitOk;
}

int RunSweepMerge(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Format> format = FormatAmong(
      {Format::kText, Format::kTsv, Format::kCsv, Format::kJson, Format::kProto, Format::kHtml});
  if (!format.ok()) return Fail(format.status());
  const std::vector<std::string> metrics =
      absl::StrSplit(absl::GetFlag(FLAGS_metrics), ',', absl::SkipEmpty());
  if (absl::Status status = CheckSweepMetrics(metrics); !status.ok()) return Fail(status);
  const absl::StatusOr<SweepPlan> plan = PlanOfArguments(arguments);
  if (!plan.ok()) return Fail(plan.status());
  const absl::StatusOr<SweepReport> report = MergeSweep(*plan, StoreOf(arguments[0]));
  if (!report.ok()) return Fail(report.status());
  const absl::Status written =
      *format == Format::kHtml
          ? WriteSweepHtml(*report)
          : WriteOutput(absl::GetFlag(FLAGS_output), SweepReportText(*report, *format, metrics));
  return written.ok() ? kExitOk : Fail(written);
}

}  // namespace slablab
