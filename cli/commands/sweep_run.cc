// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "base/gz_input.h"
#include "base/interrupt.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "cli/sweep_folder.h"
#include "cli/worker_flags.h"
#include "fmt/format.h"
#include "runs/cluster/batch_plan.h"
#include "runs/experiments/printable.h"
#include "runs/experiments/sweep_plan.h"
#include "runs/experiments/sweep_store.h"
#include "runs/experiments/worker_pool.h"
#include "runs/simulation/run_inputs.h"
#include "runs/simulation/simulation.h"

ABSL_FLAG(uint64_t, task, 0,
          "K: the points of task K of the batch that 'slablab sweep submit' has made; scripts of "
          "the batch say it.");

namespace slablab {
namespace {

constexpr std::string_view kRunFlags[] = {"folder", "shard", "task", "workers"};

std::string_view Text(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// Runs in a process of its own. What it answers is a SweepOutcome, or what to say to the user; the
// first byte tells which.
constexpr char kDone = '=';
constexpr char kOurFault = '!';
constexpr char kMomentsFault = '~';  // a file that is away: next time it may do

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

// What this process has taken of memory at most.
uint64_t PeakMebibytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) / 1024;
}

std::string DoPoint(const SweepPoint& point) {
  const auto begin = std::chrono::steady_clock::now();
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
  SweepOutcome outcome;
  if (result.ok()) {
    MakePrintable(&*result);
    *outcome.mutable_result() = *std::move(result);
  } else {
    outcome.set_refused(std::string(result.status().message()));
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  outcome.mutable_cost()->set_milliseconds(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  outcome.mutable_cost()->set_mebibytes(PeakMebibytes());
  return kDone + outcome.SerializeAsString();
}

// Who started the process keeps what it answers: of a shard there is one writer.
absl::Status Keep(const std::string& point, std::string_view answer, const SweepStore& store) {
  SweepOutcome outcome;
  CHECK(outcome.ParseFromArray(answer.data(), static_cast<int>(answer.size())));
  return store.PutOutcome(point, outcome);
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
  const auto work = [&](size_t job) { return DoPoint(plan.points[todo[job]]); };
  const auto on_end = [&](size_t job, const JobEnd& end) {
    progress.Update(++done);
    const std::string& name = plan.points[todo[job]].name;
    if (!end.death.empty()) {
      faults.Add(name, end.death, end.is_our_fault);
    } else if (!end.answer.empty() && end.answer[0] == kDone) {
      // What cannot be kept, on a full disk, ends it all.
      return Keep(name, std::string_view(end.answer).substr(1), store);
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

// What one file holds: of a task or a shard; empty: a file a point.
std::string ShardStem(const Shard& shard) {
  if (absl::GetFlag(FLAGS_task) > 0) return fmt::format("task-{}", absl::GetFlag(FLAGS_task));
  return shard.count > 1 ? fmt::format("shard-{}-of-{}", shard.index, shard.count) : "";
}

// Those of the task or shard, done or not.
absl::StatusOr<std::vector<size_t>> PointsAskedFor(const SweepPlan& plan, const Shard& shard,
                                                   const std::string& folder) {
  std::vector<size_t> points = PointsOf(plan, shard);
  const uint64_t task = absl::GetFlag(FLAGS_task);
  if (task == 0) return points;
  if (WasGiven("shard")) return absl::InvalidArgumentError("--task and --shard: say one of them");
  const std::string path = folder + "/batch/tasks";
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  const absl::StatusOr<std::set<std::string>> names = PointsOfTask(*text, task);
  if (!names.ok()) {
    return absl::Status(names.status().code(), fmt::format("{}: {}", path, Text(names.status())));
  }
  std::set<std::string> known;
  for (const SweepPoint& point : plan.points) known.insert(point.name);
  for (const std::string& name : *names) {
    if (known.contains(name)) continue;
    return absl::FailedPreconditionError(fmt::format(
        "{}: the point {} is none of this sweep, which has changed: submit it again", path, name));
  }
  std::erase_if(points, [&](size_t index) { return !names->contains(plan.points[index].name); });
  return points;
}

int RunSweepRun(const std::vector<std::string>& arguments) {
  const absl::StatusOr<int> workers = WorkersOfFlag();
  if (!workers.ok()) return Fail(workers.status());
  const absl::StatusOr<Shard> shard = ParseShard(absl::GetFlag(FLAGS_shard));
  if (!shard.ok()) return Fail(shard.status());
  const absl::StatusOr<SweepPlan> plan = PlanOfArguments(arguments);
  if (!plan.ok()) return Fail(plan.status());
  SweepStore store = StoreOf(arguments[0]);
  if (absl::Status status = store.Create(); !status.ok()) return Fail(status);
  const absl::StatusOr<std::vector<size_t>> chosen = PointsAskedFor(*plan, *shard, store.folder());
  if (!chosen.ok()) return Fail(chosen.status());
  const std::vector<size_t> todo = PointsToDo(*plan, store, *chosen);
  SayShardFaults(store);
  if (const std::string stem = ShardStem(*shard); !stem.empty() && !todo.empty()) {
    if (absl::Status status = store.OpenShard(stem); !status.ok()) return Fail(status);
  }
  const absl::Status status = DoPoints(*plan, store, todo, *workers);
  if (absl::IsCancelled(status)) {
    Print(stderr, "slablab: interrupted; what is done is kept in {}\n", Printable(store.folder()));
    return kExitInterrupted;
  }
  if (!status.ok()) return Fail(status);
  if (absl::GetFlag(FLAGS_task) > 0) {
    Print(stderr, "slablab: task {}: {} points done now of {}\n", absl::GetFlag(FLAGS_task),
          todo.size(), chosen->size());
    return kExitOk;
  }
  const size_t missing = PointsToDo(*plan, store, PointsOf(*plan, {})).size();
  Print(stderr, "slablab: {} points done now, results are in {}; {}\n", todo.size(),
        Printable(store.folder()),
        missing == 0 ? "all of the sweep are" : fmt::format("{} of other shards are not", missing));
  return kExitOk;
}

}  // namespace

extern const Command kSweepRunCommand = {
    .name = "sweep run",
    .synopsis = "SWEEP.textproto",
    .summary =
        "Does the points of a sweep that are not done yet, over this machine's CPUs; stopped by "
        "whatever means, it goes on where it was.",
    .flags = kRunFlags,
    .example =
        "slablab sweep run scaling.textproto\n"
        "slablab sweep run scaling.textproto --shard=1/8",
    .run = RunSweepRun,
};

}  // namespace slablab
