// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/sweep_folder.h"
#include "cli/worker_flags.h"
#include "fmt/format.h"
#include "runs/cluster/batch_plan.h"
#include "runs/cluster/batch_scripts.h"
#include "runs/cluster/command_output.h"
#include "runs/cluster/point_cost.h"
#include "runs/cluster/slurm.h"
#include "runs/cluster/staging.h"
#include "runs/experiments/sweep_plan.h"
#include "runs/experiments/sweep_store.h"

ABSL_FLAG(bool, slurm, false, "submit an array of Slurm's, and a job that merges after it.");
ABSL_FLAG(bool, snakemake, false, "write rules of Snakemake and a profile for it.");
ABSL_FLAG(bool, parallel, false, "write a line a task, for GNU parallel.");
ABSL_FLAG(bool, dry_run, false, "print what would be written and submitted, and do nothing.");
ABSL_FLAG(uint64_t, minutes, 30, "N: how long a task takes, about, as far as can be predicted.");
ABSL_FLAG(uint64_t, tasks, 0, "N: so many tasks, whatever they take; 0: as --minutes makes them.");
ABSL_FLAG(
    slablab::SemicolonList, sbatch, {},
    "OPTION,...: further options of sbatch, --sbatch=--partition=long; several with ';' between "
    "them, or each by a flag.");

namespace slablab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSubmitFlags[] = {"slurm",   "snakemake", "parallel", "minutes", "tasks",
                                             "workers", "sbatch",    "dry_run",  "folder"};
constexpr std::string_view kFolderFlags[] = {"folder"};

absl::StatusOr<Launcher> LauncherOfFlags() {
  std::vector<Launcher> launchers;
  if (absl::GetFlag(FLAGS_slurm)) launchers.push_back(Launcher::kSlurm);
  if (absl::GetFlag(FLAGS_snakemake)) launchers.push_back(Launcher::kSnakemake);
  if (absl::GetFlag(FLAGS_parallel)) launchers.push_back(Launcher::kParallel);
  if (launchers.size() == 1) return launchers[0];
  return absl::InvalidArgumentError(
      "who starts the tasks? Say one of --slurm, --snakemake and --parallel");
}

absl::StatusOr<std::vector<std::string>> SbatchOptions() {
  const std::vector<std::string> options =
      absl::StrSplit(absl::GetFlag(FLAGS_sbatch).text, ';', absl::SkipEmpty());
  for (const std::string& option : options) {
    if (option.starts_with("-") && Printable(option) == option) continue;
    return absl::InvalidArgumentError(
        fmt::format("--sbatch={}: an option of sbatch begins with a dash", Printable(option)));
  }
  return options;
}

// "1 task", "200 points".
std::string Count(uint64_t count, std::string_view of) {
  return fmt::format("{} {}{}", count, of, count == 1 ? "" : "s");
}

std::string Duration(uint64_t milliseconds) {
  if (milliseconds < 120'000) return Count((milliseconds + 999) / 1000, "second");
  const uint64_t minutes = (milliseconds + 30'000) / 60'000;
  if (minutes < 120) return Count(minutes, "minute");
  return fmt::format("{}.{} hours", minutes / 60, minutes % 60 / 6);
}

std::string Summary(const BatchPlan& batch, int workers) {
  return fmt::format(
      "{} of {}; predicted: {} of CPU time in all, {} the longest task, {} MiB of memory the "
      "largest point; asked for: {} minutes and {} MiB a task",
      Count(batch.tasks.size(), "task"), Count(batch.points, "point"), Duration(batch.milliseconds),
      Duration(batch.task_milliseconds), batch.mebibytes, LimitMinutes(batch),
      LimitMebibytes(batch, workers));
}

// Two batches in one folder would do the same points twice.
absl::Status CheckNoneRuns(const Staged& staged) {
  const absl::StatusOr<std::optional<SlurmJobs>> jobs = JobsOf(staged);
  if (!jobs.ok() || !jobs->has_value()) return jobs.status();
  const absl::StatusOr<SlurmQueue> queue = QueueOf(**jobs);
  // Submitting will say why.
  if (!queue.ok() || queue->empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("jobs {} and {} of this sweep wait or run; 'slablab sweep status' shows them, "
                  "'slablab sweep cancel' ends them",
                  (*jobs)->array, (*jobs)->merge));
}

void PrintFiles(const std::vector<std::pair<std::string, std::string>>& files, Launcher launcher,
                const Staged& staged) {
  for (const auto& [name, text] : files) {
    if (name == "tasks") continue;
    Print(stdout, "==> {}/{} <==\n{}\n", Printable(staged.folder), name, PrintableLines(text));
  }
  Print(stdout, "{}", PrintableLines(StartCommand(launcher, staged)));
}

absl::Status Start(Launcher launcher, const Staged& staged) {
  if (launcher != Launcher::kSlurm) {
    Print(stderr, "slablab: written to {}; this does it:\n", Printable(staged.folder));
    Print(stdout, "{}", PrintableLines(StartCommand(launcher, staged)));
    return absl::OkStatus();
  }
  const absl::StatusOr<SlurmJobs> jobs = SubmitToSlurm(staged);
  if (!jobs.ok()) return jobs.status();
  Print(stderr, "slablab: submitted: array {}, and after it merge {}\n", jobs->array, jobs->merge);
  return absl::OkStatus();
}

// What a batch of before has left of how far it came.
void ForgetBefore(const Staged& staged) {
  std::error_code error;
  for (const char* name : {"done", "joblog", ".snakemake", "jobs"}) {
    fs::remove_all(fs::path(staged.folder) / name, error);
  }
}

absl::Status SubmitSweep(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Launcher> launcher = LauncherOfFlags();
  if (!launcher.ok()) return launcher.status();
  const absl::StatusOr<std::vector<std::string>> sbatch = SbatchOptions();
  if (!sbatch.ok()) return sbatch.status();
  const int workers = WasGiven("workers") ? *WorkersOfFlag() : 1;
  const absl::StatusOr<SweepPlan> plan = PlanOfArguments(arguments);
  if (!plan.ok()) return plan.status();
  const SweepStore store = StoreOf(arguments[0]);
  const absl::StatusOr<Staged> staged = StagedPlaces(arguments[0], store.folder());
  if (!staged.ok()) return staged.status();
  if (*launcher == Launcher::kSlurm && !absl::GetFlag(FLAGS_dry_run)) {
    if (absl::Status status = CheckNoneRuns(*staged); !status.ok()) return status;
  }
  const std::vector<size_t> todo = PointsToDo(*plan, store, PointsOf(*plan, {}));
  SayShardFaults(store);
  if (todo.empty()) {
    return absl::FailedPreconditionError(
        "all points of the sweep are done; 'slablab sweep merge' reports them");
  }
  CostModel costs(*plan, store.Costs());
  const absl::StatusOr<BatchPlan> batch = PlanBatch(*plan, todo,
                                                    {.minutes = absl::GetFlag(FLAGS_minutes),
                                                     .workers = workers,
                                                     .tasks = absl::GetFlag(FLAGS_tasks)},
                                                    costs);
  if (!batch.ok()) return batch.status();
  const auto files = BatchScripts(*launcher, *batch, *staged,
                                  {.name = plan->name,
                                   .results = fs::path(staged->folder).parent_path().string(),
                                   .points = plan->points.size(),
                                   .workers = workers,
                                   .sbatch = *sbatch});
  Print(stderr, "slablab: {}\n", Summary(*batch, workers));
  if (absl::GetFlag(FLAGS_dry_run)) {
    PrintFiles(files, *launcher, *staged);
    return absl::OkStatus();
  }
  // Said before anything is copied.
  if (*launcher == Launcher::kSlurm) {
    if (absl::Status status = CheckSlurm(); !status.ok()) return status;
  }
  if (absl::Status status = store.Create(); !status.ok()) return status;
  if (absl::Status status = StageSweep(*plan, arguments[0], *staged); !status.ok()) return status;
  ForgetBefore(*staged);
  if (absl::Status status = WriteBatchScripts(files, *staged); !status.ok()) return status;
  return Start(*launcher, *staged);
}

int RunSweepSubmit(const std::vector<std::string>& arguments) {
  const absl::Status status = SubmitSweep(arguments);
  return status.ok() ? kExitOk : Fail(status);
}

std::string StatesText(const std::map<std::string, int>& states) {
  std::vector<std::string> parts;
  for (const auto& [state, count] : states) parts.push_back(fmt::format("{} {}", count, state));
  return parts.empty() ? "ended" : fmt::format("{}", fmt::join(parts, ", "));
}

// Of what was submitted to Slurm, if anything was.
absl::Status PrintJobs(const Staged& staged) {
  const absl::StatusOr<std::optional<SlurmJobs>> jobs = JobsOf(staged);
  if (!jobs.ok() || !jobs->has_value()) return jobs.status();
  const absl::StatusOr<SlurmQueue> queue = QueueOf(**jobs);
  if (!queue.ok()) return queue.status();
  Print(stdout, "array {}: {}\nmerge {}: {}\n", (*jobs)->array, Printable(StatesText(queue->array)),
        (*jobs)->merge, Printable(StatesText(queue->merge)));
  return absl::OkStatus();
}

int RunSweepStatus(const std::vector<std::string>& arguments) {
  const absl::StatusOr<SweepPlan> plan = PlanOfArguments(arguments);
  if (!plan.ok()) return Fail(plan.status());
  const SweepStore store = StoreOf(arguments[0]);
  const absl::StatusOr<Staged> staged = StagedPlaces(arguments[0], store.folder());
  if (!staged.ok()) return Fail(staged.status());
  const std::vector<size_t> points = PointsOf(*plan, {});
  const std::vector<size_t> todo = PointsToDo(*plan, store, points);
  SayShardFaults(store);
  size_t refused = 0;
  for (const SweepPoint& point : plan->points) refused += point.refused.empty() ? 0 : 1;
  Print(stdout, "{}: {}: {} done, {} to do, {} refused\n", Printable(plan->name),
        Count(plan->points.size(), "point"), points.size() - todo.size(), todo.size(), refused);
  CostModel costs(*plan, store.Costs());
  uint64_t left = 0;
  for (const size_t index : todo) {
    const absl::StatusOr<PointCost> cost = costs.Of(plan->points[index]);
    if (cost.ok()) left += cost->milliseconds;
  }
  if (!todo.empty()) Print(stdout, "to do: {} of CPU time, predicted\n", Duration(left));
  const absl::Status jobs = PrintJobs(*staged);
  return jobs.ok() ? kExitOk : Fail(jobs);
}

int RunSweepCancel(const std::vector<std::string>& arguments) {
  const absl::StatusOr<std::string> sweep = SweepOfArguments(arguments);
  if (!sweep.ok()) return Fail(sweep.status());
  const absl::StatusOr<Staged> staged = StagedPlaces(*sweep, SweepFolder(*sweep));
  if (!staged.ok()) return Fail(staged.status());
  const absl::StatusOr<std::optional<SlurmJobs>> jobs = JobsOf(*staged);
  if (!jobs.ok()) return Fail(jobs.status());
  if (!jobs->has_value()) {
    return Fail(absl::NotFoundError(
        fmt::format("{}: no jobs of this sweep were submitted", Printable(staged->folder))));
  }
  if (absl::Status status = CancelJobs(**jobs); !status.ok()) return Fail(status);
  Print(stderr, "slablab: cancelled jobs {} and {}; what is done is kept\n", (*jobs)->array,
        (*jobs)->merge);
  return kExitOk;
}

}  // namespace

extern const Command kSweepCancelCommand = {
    .name = "sweep cancel",
    .synopsis = "SWEEP.textproto",
    .summary = "Ends the jobs that 'sweep submit --slurm' has submitted; what is done is kept.",
    .flags = kFolderFlags,
    .example = "slablab sweep cancel scaling.textproto",
    .run = RunSweepCancel,
};

extern const Command kSweepStatusCommand = {
    .name = "sweep status",
    .synopsis = "SWEEP.textproto",
    .summary = "Says how many points are done, and what the jobs do that were submitted.",
    .flags = kFolderFlags,
    .example = "slablab sweep status scaling.textproto",
    .run = RunSweepStatus,
};

extern const Command kSweepSubmitCommand = {
    .name = "sweep submit",
    .synopsis = "SWEEP.textproto",
    .summary =
        "Gives what is not done of a sweep to Slurm, Snakemake or GNU parallel, in tasks of about "
        "equal length.",
    .flags = kSubmitFlags,
    .example =
        "slablab sweep submit scaling.textproto --slurm --minutes=30\n"
        "slablab sweep submit scaling.textproto --slurm --sbatch=--partition=long",
    .run = RunSweepSubmit,
};

}  // namespace slablab
