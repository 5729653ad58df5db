// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/cmd_check.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/interrupt.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/junit.h"
#include "cli/nearest.h"
#include "cli/print.h"
#include "cli/printable.h"
#include "cli/progress.h"
#include "cli/simulation.h"
#include "cli/suite.h"
#include "cli/worker_flags.h"
#include "cli/worker_pool.h"
#include "fmt/format.h"
#include "reports/delta.h"
#include "reports/numbers.h"
#include "reports/result_io.h"

ABSL_FLAG(bool, update, false,
          "make what the runs are now the baselines, in SUITE.baselines.textproto.");
ABSL_FLAG(std::string, junit, "", "FILE: write the verdicts there too, as JUnit XML.");

namespace slablab {
namespace {

// The entries that the words after the suite name; all without any.
absl::Status Choose(const std::vector<std::string>& arguments, Suite* suite) {
  std::vector<std::string> names;
  for (const SuiteEntry& entry : suite->entries) names.push_back(entry.name);
  const std::vector<std::string> wanted(arguments.begin() + 1, arguments.end());
  for (const std::string& name : wanted) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    return absl::InvalidArgumentError(
        fmt::format("{}: there is no point '{}'{}", arguments[0], name, DidYouMean(name, names)));
  }
  if (wanted.empty()) return absl::OkStatus();
  std::erase_if(suite->entries, [&](const SuiteEntry& entry) {
    return std::find(wanted.begin(), wanted.end(), entry.name) == wanted.end();
  });
  return absl::OkStatus();
}

// Runs in a process of its own. The first byte of what it answers tells what follows.
constexpr char kResult = '=';
constexpr char kOurFault = '!';
constexpr char kUsersFault = '?';
std::string DoEntry(const SuiteEntry& entry) {
  absl::StatusOr<RunResult> result =
      Simulate(entry.options, {.progress = nullptr, .stop = InterruptRequested});
  if (!result.ok()) {
    return (absl::IsInternal(result.status()) ? kOurFault : kUsersFault) +
           std::string(result.status().message());
  }
  MakePrintable(&*result);
  return kResult + Serialize(*result);
}

absl::StatusOr<std::vector<RunResult>> DoSuite(const Suite& suite, int workers) {
  const InterruptScope interrupts(2);
  Progress progress({.what = suite.name, .unit = "runs", .total = suite.entries.size()});
  std::vector<RunResult> results(suite.entries.size());
  uint64_t done = 0;
  const auto work = [&](size_t job) { return DoEntry(suite.entries[job]); };
  const auto on_end = [&](size_t job, const JobEnd& end) -> absl::Status {
    progress.Update(++done);
    const std::string& name = suite.entries[job].name;
    if (!end.death.empty()) return absl::InternalError(fmt::format("{}: {}", name, end.death));
    const std::string body = end.answer.substr(1);
    if (end.answer[0] != kResult) {
      const std::string message = fmt::format("{}: {}", name, body);
      return end.answer[0] == kOurFault ? absl::InternalError(message)
                                        : absl::InvalidArgumentError(message);
    }
    absl::StatusOr<RunResult> result = ParseResult(body, name);
    if (!result.ok()) return absl::InternalError(result.status().message());
    results[job] = *std::move(result);
    return absl::OkStatus();
  };
  const auto stop = [&] {
    progress.Update(done);
    return InterruptRequested();
  };
  const absl::Status status = RunInProcesses(
      {.jobs = suite.entries.size(), .workers = workers, .stop = stop}, work, on_end);
  if (!status.ok()) return status;
  return results;
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
    Print(stderr, "slablab: {}: {} without a checksum, taken as they are\n", path,
          Counted(static_cast<uint64_t>(without), "baseline", "baselines"));
  }
  return absl::OkStatus();
}

std::string Summary(const Verdict& verdict) {
  if (!verdict.has_baseline) return "no baseline; --update makes one";
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
  std::string text =
      fmt::format("    {:<27} {:>15} {:>15} {:>9}\n", "metric", "baseline", "now", "");
  for (const bool within : {false, true}) {
    for (const MovedMetric& moved : verdict.moved) {
      if (moved.within != within) continue;
      text += fmt::format(
          "    {:<27} {:>15} {:>15} {:>9}  {}\n", moved.metric->name,
          MetricText(*moved.metric, moved.base), MetricText(*moved.metric, moved.now),
          ChangeText(*moved.metric, moved.base, moved.now),
          within ? "allowed" : MarkText(MarkOf(*moved.metric, moved.base, moved.now, 0)));
    }
  }
  return text;
}

absl::Status UpdateBaselines(const std::string& suite_path, const Suite& whole, const Suite& chosen,
                             const std::vector<RunResult>& results, const Baselines& stored) {
  Baselines updated;
  for (const SuiteEntry& entry : whole.entries) {
    const auto run = std::find_if(chosen.entries.begin(), chosen.entries.end(),
                                  [&](const SuiteEntry& each) { return each.name == entry.name; });
    if (run != chosen.entries.end()) {
      const auto index = static_cast<size_t>(run - chosen.entries.begin());
      *updated.add_point() = BaselineOf(entry.name, results[index]);
    } else if (const Baseline* kept = FindBaseline(stored, entry.name); kept != nullptr) {
      *updated.add_point() = *kept;
    }
  }
  return WriteOutput(BaselinesPath(suite_path), BaselinesText(updated));
}

// Prints the verdicts and answers how many failed.
size_t PrintVerdicts(const Suite& suite, const std::vector<Verdict>& verdicts) {
  size_t failed = 0;
  for (size_t i = 0; i < verdicts.size(); ++i) {
    const Verdict& verdict = verdicts[i];
    failed += verdict.passed ? 0 : 1;
    const std::string summary = Summary(verdict);
    const std::string_view word = verdict.passed ? "ok" : verdict.has_baseline ? "CHANGED" : "NEW";
    Print(stdout, "{:<7} {}{}{}\n", word, suite.entries[i].name, summary.empty() ? "" : ": ",
          summary);
    Print(stdout, "{}", MovedText(verdict));
  }
  Print(stdout, "{} as before, {} changed or new\n", verdicts.size() - failed, failed);
  return failed;
}

absl::Status WriteJunit(const Suite& suite, const std::vector<Verdict>& verdicts) {
  const std::string path = absl::GetFlag(FLAGS_junit);
  if (path.empty()) return absl::OkStatus();
  std::vector<JunitCase> cases;
  for (size_t i = 0; i < verdicts.size(); ++i) {
    JunitCase& each = cases.emplace_back();
    each.name = suite.entries[i].name;
    if (verdicts[i].passed) continue;
    each.failure = Summary(verdicts[i]);
    each.details = "\n" + MovedText(verdicts[i]);
  }
  return WriteOutput(path, JunitXml(suite.name, cases));
}

}  // namespace

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
  const absl::StatusOr<std::vector<RunResult>> results = DoSuite(suite, *workers);
  if (absl::IsCancelled(results.status())) return kExitInterrupted;
  if (!results.ok()) return Fail(results.status());

  std::vector<Verdict> verdicts;
  for (size_t i = 0; i < results->size(); ++i) {
    const SuiteEntry& entry = suite.entries[i];
    verdicts.push_back(Judge(entry, FindBaseline(*baselines, entry.name), (*results)[i]));
  }
  const size_t failed = PrintVerdicts(suite, verdicts);
  if (absl::Status status = WriteJunit(suite, verdicts); !status.ok()) return Fail(status);
  if (!absl::GetFlag(FLAGS_update)) return failed == 0 ? kExitOk : kExitDifference;
  const absl::Status written = UpdateBaselines(path, *whole, suite, *results, *baselines);
  if (!written.ok()) return Fail(written);
  Print(stdout, "{} written\n", BaselinesPath(path));
  return kExitOk;
}

}  // namespace slablab
