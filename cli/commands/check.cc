// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/interrupt.h"
#include "base/names.h"
#include "base/printable.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/output/junit.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "cli/worker_flags.h"
#include "fmt/format.h"
#include "reports/delta.h"
#include "reports/numbers.h"
#include "reports/result_io.h"
#include "reports/text/fitted_table.h"
#include "runs/experiments/printable.h"
#include "runs/experiments/suite.h"
#include "runs/experiments/worker_pool.h"
#include "runs/simulation/simulation.h"

ABSL_FLAG(bool, update, false,
          "store what the runs are now as the baselines, in SUITE.baselines.textproto.");
ABSL_FLAG(std::string, junit, "", "FILE: write the verdicts there too, as JUnit XML.");

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {"update", "junit", "workers"};

// The entries that the words after the suite name; all without any.
absl::Status Choose(const std::vector<std::string>& arguments, Suite* suite) {
  std::vector<std::string> names;
  for (const SuiteEntry& entry : suite->entries) names.push_back(entry.name);
  const std::vector<std::string> wanted(arguments.begin() + 1, arguments.end());
  for (const std::string& name : wanted) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    return absl::InvalidArgumentError(
        fmt::format("{}: {}", arguments[0], UnknownNameText("point", name, names)));
  }
  if (wanted.empty()) return absl::OkStatus();
  std::erase_if(suite->entries, [&](const SuiteEntry& entry) {
    return std::find(wanted.begin(), wanted.end(), entry.name) == wanted.end();
  });
  return absl::OkStatus();
}

// How a point's run ended, and how long it took.
struct PointEnd {
  absl::Status status;
  RunResult result;  // if that is OK
  uint64_t milliseconds = 0;
};

// Runs in a process of its own. The first byte of what it answers tells what follows the line with
// the time.
constexpr char kResult = '=';
constexpr char kOurFault = '!';
constexpr char kUsersFault = '?';
std::string DoEntry(const SuiteEntry& entry) {
  const auto start = std::chrono::steady_clock::now();
  absl::StatusOr<RunResult> result =
      Simulate(entry.options, {.progress = nullptr, .stop = InterruptRequested});
  const std::string time =
      fmt::format("{}\n", std::chrono::duration_cast<std::chrono::milliseconds>(
                              std::chrono::steady_clock::now() - start)
                              .count());
  if (!result.ok()) {
    return (absl::IsInternal(result.status()) ? kOurFault : kUsersFault) + time +
           std::string(result.status().message());
  }
  MakePrintable(&*result);
  return kResult + time + Serialize(*result);
}

PointEnd EndOf(const std::string& name, const JobEnd& end) {
  PointEnd outcome;
  if (!end.death.empty()) {
    outcome.status = end.DeathOf(fmt::format("{}: the run", name));
    return outcome;
  }
  const size_t line = end.answer.find('\n');
  CHECK(line != std::string::npos);
  CHECK(absl::SimpleAtoi(end.answer.substr(1, line - 1), &outcome.milliseconds));
  const std::string body = end.answer.substr(line + 1);
  if (end.answer[0] != kResult) {
    const std::string message = fmt::format("{}: {}", name, body);
    outcome.status = end.answer[0] == kOurFault ? absl::InternalError(message)
                                                : absl::InvalidArgumentError(message);
    return outcome;
  }
  absl::StatusOr<RunResult> result = ParseResult(body, name);
  if (result.ok()) {
    outcome.result = *std::move(result);
  } else {
    outcome.status = absl::InternalError(result.status().message());
  }
  return outcome;
}

// The end of every point; an error only if the whole was interrupted or could not be done.
absl::StatusOr<std::vector<PointEnd>> DoSuite(const Suite& suite, int workers) {
  const InterruptScope interrupts(2);
  Progress progress({.what = suite.name, .unit = "runs", .total = suite.entries.size()});
  std::vector<PointEnd> outcomes(suite.entries.size());
  uint64_t done = 0;
  const auto work = [&](size_t job) { return DoEntry(suite.entries[job]); };
  const auto on_end = [&](size_t job, const JobEnd& end) -> absl::Status {
    progress.Update(++done);
    outcomes[job] = EndOf(suite.entries[job].name, end);
    return absl::OkStatus();
  };
  const auto stop = [&] {
    progress.Update(done);
    return InterruptRequested();
  };
  const absl::Status status = RunInProcesses(
      {.jobs = suite.entries.size(), .workers = workers, .stop = stop}, work, on_end);
  if (!status.ok()) return status;
  return outcomes;
}

const Baseline* FindBaseline(const Baselines& baselines, const std::string& name) {
  for (const Baseline& baseline : baselines.point()) {
    if (baseline.name() == name) return &baseline;
  }
  return nullptr;
}

// Baselines that are judged by, or kept, must be what was stored.
absl::Status CheckKept(const Baselines& baselines, const Suite& chosen, const std::string& path) {
  std::vector<std::string> damaged = DamagedBaselines(baselines);
  if (absl::GetFlag(FLAGS_update)) {
    for (const SuiteEntry& entry : chosen.entries) std::erase(damaged, entry.name);
  }
  if (!damaged.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: damaged, or changed by hand: the checksum of {} is of something else; "
                    "--update makes it again",
                    path, fmt::join(damaged, ", ")));
  }
  const auto without =
      std::count_if(baselines.point().begin(), baselines.point().end(),
                    [](const Baseline& baseline) { return baseline.checksum().empty(); });
  if (without > 0) {
    Print(stderr, "slablab: {}: {} without a checksum, taken as they are\n", Printable(path),
          Counted(static_cast<uint64_t>(without), "baseline", "baselines"));
  }
  return absl::OkStatus();
}

std::string Summary(const Verdict& verdict) {
  if (!verdict.has_baseline) {
    return absl::GetFlag(FLAGS_update)
               ? "no baseline, and none is stored, since not every point ran"
               : "no baseline; --update stores one";
  }
  std::vector<std::string> words;
  if (!verdict.same_trace) words.emplace_back("the workload is another");
  if (!verdict.same_config) words.emplace_back("the configuration is another");
  if (!verdict.same_end_state) words.emplace_back("the end state differs");
  if (!verdict.moved.empty()) {
    words.push_back(Counted(verdict.moved.size(), "metric moved", "metrics moved"));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

// What moved, a line each, those that count before those within their tolerance.
std::string MovedText(const Verdict& verdict) {
  if (verdict.moved.empty()) return "";
  FittedTable table;
  table.AddColumn({{"metric"}, FittedTable::Column::kLeft});
  table.AddColumn({{"baseline"}});
  table.AddColumn({{"now"}});
  table.AddColumn({{"change"}});
  table.AddColumn({{""}, FittedTable::Column::kLeft});
  for (const bool within : {false, true}) {
    for (const MovedMetric& moved : verdict.moved) {
      if (moved.within != within) continue;
      const std::string_view mark =
          within ? "allowed" : MarkText(MarkOf(*moved.metric, moved.base, moved.now, 0));
      table.AddRow({std::string(moved.metric->name), MetricText(*moved.metric, moved.base),
                    MetricText(*moved.metric, moved.now),
                    ChangeText(*moved.metric, moved.base, moved.now), std::string(mark)});
    }
  }
  constexpr size_t kIndent = 4;
  return table.Text(kIndent);
}

// The entry `name`, or null.
const SuiteEntry* FindEntry(const Suite& suite, const std::string& name) {
  const auto found = std::find_if(suite.entries.begin(), suite.entries.end(),
                                  [&](const SuiteEntry& each) { return each.name == name; });
  return found == suite.entries.end() ? nullptr : &*found;
}

// One point with all that is known of it.
struct Judged {
  const SuiteEntry* entry = nullptr;
  const PointEnd* outcome = nullptr;
  Verdict verdict;  // if the outcome is OK
};

absl::Status UpdateBaselines(const std::string& suite_path, const Suite& whole,
                             const std::vector<Judged>& points, const Baselines& stored) {
  Baselines updated;
  for (const SuiteEntry& entry : whole.entries) {
    const auto run = std::find_if(points.begin(), points.end(), [&](const Judged& point) {
      return point.entry->name == entry.name;
    });
    if (run != points.end()) {
      *updated.add_point() = BaselineOf(entry.name, run->outcome->result);
    } else if (const Baseline* kept = FindBaseline(stored, entry.name); kept != nullptr) {
      *updated.add_point() = *kept;
    }
  }
  return WriteOutput(BaselinesPath(suite_path), BaselinesText(updated));
}

// What is done with a point, as its line says it.
enum class Word { kAsBefore, kChanged, kNew, kStored, kUpdated, kRefused };
constexpr std::string_view kWords[] = {"ok", "CHANGED", "NEW", "STORED", "UPDATED", "REFUSED"};
constexpr std::string_view kCounts[] = {"as before", "changed", "without a baseline",
                                        "stored",    "updated", "refused"};

// `update`: what the runs are now becomes the baselines.
Word WordOf(const Judged& point, bool update) {
  if (!point.outcome->status.ok()) return Word::kRefused;
  if (!point.verdict.has_baseline) return update ? Word::kStored : Word::kNew;
  const bool same = point.verdict.passed && point.verdict.moved.empty();
  if (update && !same) return Word::kUpdated;
  return point.verdict.passed ? Word::kAsBefore : Word::kChanged;
}

// Prints a line a point with what moved, and how many there are of each kind.
void PrintVerdicts(const std::vector<Judged>& points, const Suite& whole, const Baselines& stored,
                   bool update) {
  std::map<Word, size_t> counts = {{Word::kAsBefore, 0},
                                   {update ? Word::kUpdated : Word::kChanged, 0},
                                   {update ? Word::kStored : Word::kNew, 0}};
  for (const Judged& point : points) {
    const Word word = WordOf(point, update);
    ++counts[word];
    std::string summary = word == Word::kRefused  ? std::string(point.outcome->status.message())
                          : word == Word::kStored ? std::string()
                                                  : Summary(point.verdict);
    // A refusal names its point already.
    const std::string name = word == Word::kRefused ? "" : point.entry->name;
    if (!name.empty() && !summary.empty()) summary = ": " + summary;
    Print(stdout, "{:<7} {}{}\n", kWords[static_cast<size_t>(word)], name, Printable(summary));
    if (point.outcome->status.ok()) Print(stdout, "{}", MovedText(point.verdict));
  }
  for (const Baseline& baseline : stored.point()) {
    if (FindEntry(whole, baseline.name()) != nullptr) continue;
    Print(stdout, "{:<7} {}: a baseline of no point{}\n", update ? "REMOVED" : "STALE",
          Printable(baseline.name()), update ? "" : "; --update removes it");
  }
  std::string line;
  for (const auto& [word, count] : counts) {
    line +=
        fmt::format("{}{} {}", line.empty() ? "" : ", ", count, kCounts[static_cast<size_t>(word)]);
  }
  Print(stdout, "{}\n", line);
}

absl::Status WriteJunit(const Suite& suite, const std::vector<JunitCase>& cases) {
  const std::string path = absl::GetFlag(FLAGS_junit);
  return path.empty() ? absl::OkStatus() : WriteOutput(path, JunitXml(suite.name, cases));
}

JunitCase CaseOf(const Judged& point, bool update) {
  JunitCase each;
  each.name = point.entry->name;
  each.milliseconds = point.outcome->milliseconds;
  const Word word = WordOf(point, update);
  if (word == Word::kRefused) {
    each.outcome = JunitCase::Outcome::kError;
    each.message = std::string(point.outcome->status.message());
  } else if (word == Word::kChanged || word == Word::kNew) {
    each.outcome = JunitCase::Outcome::kFailed;
    each.message = Summary(point.verdict);
    each.details = "\n" + MovedText(point.verdict);
  }
  return each;
}

// What is known to be wrong before anything runs is said before anything runs, of every point.
// Answers whether there is such.
absl::StatusOr<bool> RefuseBeforehand(const Suite& suite) {
  std::vector<JunitCase> cases;
  bool refused = false;
  for (const SuiteEntry& entry : suite.entries) {
    JunitCase& each = cases.emplace_back();
    each.name = entry.name;
    each.outcome = JunitCase::Outcome::kSkipped;
    each.message = "not run, since another point cannot be";
    if (entry.fault.ok()) continue;
    refused = true;
    Fail(entry.fault);
    each.outcome = JunitCase::Outcome::kError;
    each.message = std::string(entry.fault.message());
  }
  if (!refused) return false;
  if (absl::Status status = WriteJunit(suite, cases); !status.ok()) return status;
  return true;
}

// The status of the whole: our fault before the user's before a difference.
int ExitStatus(const std::vector<Judged>& points, bool update) {
  int exit_status = kExitOk;
  for (const Judged& point : points) {
    const absl::Status& status = point.outcome->status;
    const bool differs = !update && status.ok() && !point.verdict.passed;
    const int own = absl::IsInternal(status) ? kExitInternal
                    : !status.ok()           ? kExitUsage
                    : differs                ? kExitDifference
                                             : kExitOk;
    exit_status = std::max(exit_status, own);
  }
  return exit_status;
}

int RunCheck(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    return Fail(absl::InvalidArgumentError("check wants a suite: SUITE.textproto [POINT...]"));
  }
  const absl::StatusOr<int> workers = WorkersOfFlag();
  if (!workers.ok()) return Fail(workers.status());
  const std::string& path = arguments[0];
  const absl::StatusOr<Suite> whole = ReadSuite(path);
  if (!whole.ok()) return Fail(whole.status());
  Suite suite = *whole;
  if (absl::Status status = Choose(arguments, &suite); !status.ok()) return Fail(status);
  const absl::StatusOr<Baselines> baselines = ReadBaselines(BaselinesPath(path));
  if (!baselines.ok()) return Fail(baselines.status());
  if (absl::Status kept = CheckKept(*baselines, suite, BaselinesPath(path)); !kept.ok()) {
    return Fail(kept);
  }
  const absl::StatusOr<bool> refused = RefuseBeforehand(suite);
  if (!refused.ok()) return Fail(refused.status());
  if (*refused) return kExitUsage;
  const absl::StatusOr<std::vector<PointEnd>> outcomes = DoSuite(suite, *workers);
  if (absl::IsCancelled(outcomes.status())) return kExitInterrupted;
  if (!outcomes.ok()) return Fail(outcomes.status());

  std::vector<Judged> points;
  bool all_ran = true;
  for (size_t i = 0; i < outcomes->size(); ++i) {
    const SuiteEntry& entry = suite.entries[i];
    Judged& point = points.emplace_back();
    point.entry = &entry;
    point.outcome = &(*outcomes)[i];
    all_ran &= point.outcome->status.ok();
    if (!point.outcome->status.ok()) continue;
    point.verdict = Judge(entry, FindBaseline(*baselines, entry.name), point.outcome->result);
  }
  // Baselines are stored of all that was asked for, or of none.
  const bool update = absl::GetFlag(FLAGS_update) && all_ran;
  PrintVerdicts(points, *whole, *baselines, update);
  std::vector<JunitCase> cases;
  for (const Judged& point : points) cases.push_back(CaseOf(point, update));
  if (absl::Status status = WriteJunit(suite, cases); !status.ok()) return Fail(status);
  if (update) {
    const absl::Status written = UpdateBaselines(path, *whole, points, *baselines);
    if (!written.ok()) return Fail(written);
    Print(stdout, "{} written\n", Printable(BaselinesPath(path)));
  } else if (absl::GetFlag(FLAGS_update)) {
    Print(stderr, "slablab: no baseline is stored, since not every point ran\n");
  }
  return ExitStatus(points, update);
}

}  // namespace

extern const Command kCheckCommand = {
    .name = "check",
    .synopsis = "SUITE.textproto [POINT...]",
    .summary =
        "Runs a suite and holds each run to its baseline: the end state exactly, and metrics "
        "within their tolerances. Exit status 1 if any moved.",
    .flags = kFlags,
    .example =
        "slablab check tests/regression/suite.textproto --junit=check.xml\n"
        "slablab check tests/regression/suite.textproto --update",
    .run = RunCheck,
};

}  // namespace slablab
