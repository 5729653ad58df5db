// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "base/interrupt.h"
#include "base/printable.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "cli/result_output.h"
#include "cli/sweep_sides.h"
#include "cli/sweep_text.h"
#include "cli/worker_flags.h"
#include "fmt/format.h"
#include "reports/comparison/comparison.h"
#include "runs/experiments/printable.h"
#include "runs/experiments/sweep_plan.h"
#include "runs/experiments/sweep_store.h"
#include "runs/experiments/worker_pool.h"
#include "runs/simulation/run_inputs.h"
#include "runs/simulation/simulation.h"

ABSL_FLAG(std::string, folder, "",
          "FOLDER: where the points' results are; by default beside the sweep, as its name with "
          ".results for its ending.");
ABSL_FLAG(std::string, shard, "1/1",
          "K/N: the K-th of N parts of the points, for a machine or array task each.");
ABSL_FLAG(slablab::CommaList, metrics, {},
          "NAME,...: the columns of the text; `slablab list metrics` has the names. TSV, CSV and "
          "JSON have all.");

namespace slablab {
namespace {

constexpr std::string_view kPlanFlags[] = {"folder", "shard", "limit"};
constexpr std::string_view kRunFlags[] = {"folder", "shard", "workers"};
constexpr std::string_view kMergeFlags[] = {"folder", "format", "metrics", "base", "output"};
constexpr Format kMergeFormats[] = {Format::kText, Format::kMail,  Format::kTsv, Format::kCsv,
                                    Format::kJson, Format::kProto, Format::kHtml};

std::string_view Text(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

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
// byte of that tells what is the matter.
constexpr char kOurFault = '!';
constexpr char kMomentsFault = '~';  // a file that is away: next time it may do
constexpr char kCannotKeep = '?';    // a full disk: of no further point either

// Whether such a run is refused whenever it is tried: by the model or by what is in its inputs.
bool IsRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

std::string DoPoint(const SweepPoint& point, const SweepStore& store) {
  const auto answer = [](char what, const absl::Status& status) {
    return what + std::string(status.message());
  };
  SimulationOptions options = point.options;
  if (absl::Status taken = TakeInputs(point.inputs, &options); !taken.ok()) {
    return answer(kMomentsFault, taken);
  }
  absl::StatusOr<RunResult> result =
      Simulate(options, {.progress = nullptr, .stop = InterruptRequested});
  if (absl::IsCancelled(result.status())) return answer(kMomentsFault, result.status());
  if (absl::IsInternal(result.status())) return answer(kOurFault, result.status());
  // Only now it is known that all of the trace was the one that the point is named for.
  if (absl::Status same = CheckTrace(point.inputs, options); !same.ok()) {
    return answer(kMomentsFault, same);
  }
  if (!result.ok() && !IsRefusal(result.status())) return answer(kMomentsFault, result.status());
  absl::Status kept;
  if (result.ok()) {
    MakePrintable(&*result);
    kept = store.PutResult(point.name, *std::move(result));
  } else {
    kept = store.PutRefusal(point.name,
                            {result.status().message().data(), result.status().message().size()});
  }
  return kept.ok() ? "" : answer(kCannotKeep, kept);
}

// Those of `shard` that are not done. Says which were, and are no more to be relied on.
std::vector<size_t> PointsToDo(const SweepPlan& plan, const SweepStore& store, const Shard& shard) {
  std::vector<size_t> todo;
  for (const size_t index : PointsOf(plan, shard)) {
    const absl::StatusOr<std::optional<SweepStore::Outcome>> outcome =
        store.Get(plan.points[index].name);
    if (outcome.ok() && outcome->has_value()) continue;
    todo.push_back(index);
    if (outcome.ok()) continue;
    Print(stderr, "slablab: {}; the point is to be done again\n",
          Printable(Text(outcome.status())));
  }
  return todo;
}

// How the points of this time went wrong, a line each to the user as they come.
class Faults {
 public:
  explicit Faults(Progress& progress) : progress_(progress) {}

  void Add(const std::string& point, std::string_view why, bool ours) {
    ours_ += ours ? 1 : 0;
    if (++count_ > kLinesMax) return;
    progress_.Erase();
    Print(stderr, "slablab: point {}: {}\n", point, PrintableLines(why.substr(0, why.find('\n'))));
  }
  absl::Status Summary(size_t points) const {
    if (count_ == 0) return absl::OkStatus();
    const std::string text = fmt::format(
        "{} of {} points failed{} and are not done; 'slablab sweep run' tries them again", count_,
        points, count_ > kLinesMax ? fmt::format(" (the first {} are above)", kLinesMax) : "");
    return ours_ > 0 ? absl::InternalError(text) : absl::UnavailableError(text);
  }

 private:
  static constexpr size_t kLinesMax = 20;
  Progress& progress_;
  size_t count_ = 0;
  size_t ours_ = 0;
};

absl::Status DoPoints(const SweepPlan& plan, const SweepStore& store,
                      const std::vector<size_t>& todo, int workers) {
  const InterruptScope interrupts(2);
  Progress progress({.what = plan.name, .unit = "points", .total = todo.size()});
  size_t done = 0;
  Faults faults(progress);
  const auto work = [&](size_t job) { return DoPoint(plan.points[todo[job]], store); };
  const auto on_end = [&](size_t job, const JobEnd& end) {
    progress.Update(++done);
    const std::string& name = plan.points[todo[job]].name;
    if (!end.death.empty()) {
      faults.Add(name, end.death, end.is_our_fault);
    } else if (!end.answer.empty() && end.answer[0] == kCannotKeep) {
      return absl::Status(absl::UnavailableError(end.answer.substr(1)));
    } else if (!end.answer.empty() && !InterruptRequested()) {
      faults.Add(name, std::string_view(end.answer).substr(1), end.answer[0] == kOurFault);
    }
    return absl::OkStatus();
  };
  const auto stop = [&] {
    progress.Update(done);
    return InterruptRequested();
  };
  const absl::Status status =
      RunInProcesses({.jobs = todo.size(), .workers = workers, .stop = stop}, work, on_end);
  return status.ok() ? faults.Summary(todo.size()) : status;
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
  const absl::Status status = DoPoints(*plan, store, todo, *workers);
  if (absl::IsCancelled(status)) {
    Print(stderr, "slablab: interrupted; what is done is kept in {}\n", Printable(store.folder()));
    return kExitInterrupted;
  }
  if (!status.ok()) return Fail(status);
  const size_t missing = PointsToDo(*plan, store, {}).size();
  Print(stderr, "slablab: {} points done now, results are in {}; {}\n", todo.size(),
        Printable(store.folder()),
        missing == 0 ? "all of the sweep are" : fmt::format("{} of other shards are not", missing));
  return kExitOk;
}

int RunSweepMerge(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Format> format = FormatAmong(kMergeFormats);
  if (!format.ok()) return Fail(format.status());
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

extern const Command kSweepRunCommand = {
    .name = "sweep run",
    .synopsis = "SWEEP.textproto",
    .summary =
        "Does the points of a sweep that are not done yet, over this machine's CPUs; stopped by "
        "whatever means, it goes on where it was.",
    .flags = kRunFlags,
    .example =
        "slablab sweep run scaling.textproto\n"
        "sbatch --array=1-8 --wrap \\\n"
        "  'slablab sweep run scaling.textproto --shard=$SLURM_ARRAY_TASK_ID/8'",
    .run = RunSweepRun,
};

}  // namespace slablab
