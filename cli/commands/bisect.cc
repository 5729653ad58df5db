// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/child_process.h"
#include "base/interrupt.h"
#include "base/names.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "cli/simulation_flags.h"
#include "fmt/format.h"
#include "reports/delta.h"
#include "reports/metrics.h"
#include "reports/numbers.h"
#include "reports/result_io.h"
#include "reports/text/fitted_table.h"
#include "reports/text/text_page.h"
#include "runs/experiments/diff_input.h"
#include "runs/experiments/policy_path.h"
#include "runs/experiments/run_diff.h"
#include "runs/experiments/suite.h"
#include "runs/simulation/simulation.h"

ABSL_FLAG(std::string, metric, "cycles_per_operation",
          "NAME: the metric to watch; `slablab list metrics` has the names.");
ABSL_FLAG(uint32_t, per_mille, 10,
          "N: how far it has to move from A's to count, in thousandths of it, or in tenths of a "
          "point of a percentage.");

namespace slablab {
namespace {

constexpr std::string_view kOwnFlags[] = {"metric", "per_mille"};
constexpr auto kFlags = Joined(kOwnFlags, kEverySwitch);

absl::StatusOr<std::optional<uint64_t>> Measure(const SimulationOptions& options,
                                                const Metric& metric, const std::string& what) {
  const absl::StatusOr<RunResult> result =
      Simulate(options, {.progress = SimulationProgress(what), .stop = InterruptRequested});
  if (!result.ok()) return result.status();
  return metric.of(*result);
}

// Whether a metric is further from its base than --per-mille allows.
bool Moved(const Metric& metric, std::optional<uint64_t> base, std::optional<uint64_t> value) {
  const Mark mark = MarkOf(metric, base, value, int64_t{10} * absl::GetFlag(FLAGS_per_mille));
  return mark == Mark::kBetter || mark == Mark::kWorse || mark == Mark::kMoved;
}

// The first operation that is another in the second of two runs, in a sentence.
absl::StatusOr<std::string> FirstOperation(const std::array<DiffInput, 2>& inputs) {
  const absl::StatusOr<RunDiff> diff = DiffInputs(inputs);
  if (!diff.ok()) return diff.status();
  if (!diff->first.has_value()) return "All operations are alike.";
  const bool in_time = !diff->done.has_value();
  const RunDifference& first = in_time ? *diff->first : *diff->done;
  const auto said = [](const DiffSide& side) {
    if (!side.operation.has_value()) return std::string("the run has ended");
    const LoggedOperation& operation = *side.operation;
    return fmt::format("{} of {} on CPU {} by '{}' in {} cycles", operation.kind,
                       Printable(operation.cache), operation.cpu, operation.path,
                       Grouped(operation.cycles));
  };
  return fmt::format("{} operations are alike{}; then the first of the two has {}, the second {}.",
                     Grouped(first.sides[0].operations - (first.sides[0].operation ? 1 : 0)),
                     in_time ? ", and all that follow but for time" : " but for time",
                     said(first.sides[0]), said(first.sides[1]));
}

absl::StatusOr<std::string> FirstOperation(const SimulationOptions& before,
                                           const SimulationOptions& after) {
  return FirstOperation({DiffInput{.path = "before", .is_log = false, .options = before},
                         DiffInput{.path = "after", .is_log = false, .options = after}});
}

// "sheaves.which=default of slub-7.0".
std::string SettingsOf(const PolicyStep& step) {
  std::string text;
  for (const SwitchChange& change : step.switches) {
    if (!text.empty()) text += ", ";
    text += change.Setting();
    if (!change.since.empty()) text += " of " + change.since;
  }
  return text;
}

struct Walked {
  std::optional<size_t> found;                  // the step that moved it
  std::vector<std::optional<uint64_t>> values;  // of A, then of each step that was run
};

absl::StatusOr<Walked> Walk(const SimulationOptions& options, const PolicySide& from,
                            const std::vector<PolicyStep>& path, const Metric& metric) {
  Walked walked;
  const absl::StatusOr<std::optional<uint64_t>> base =
      Measure(from.Of(options), metric, from.ToString());
  if (!base.ok()) return base.status();
  walked.values.push_back(*base);
  for (size_t i = 0; i < path.size() && !walked.found.has_value(); ++i) {
    const absl::StatusOr<std::optional<uint64_t>> value =
        Measure(path[i].side.Of(options), metric, fmt::format("{} of {}", i + 1, path.size()));
    if (!value.ok()) return value.status();
    walked.values.push_back(*value);
    if (Moved(metric, *base, *value)) walked.found = i;
  }
  return walked;
}

std::string TableOf(const PolicySide& from, const std::vector<PolicyStep>& path,
                    const Walked& walked, const Metric& metric) {
  FittedTable table;
  table.AddColumn({{"step"}, FittedTable::Column::kLeft});
  table.AddColumn({{std::string(metric.name)}});
  table.AddColumn({{"from A"}});
  table.AddRow({from.ToString(), ShortMetricText(metric, walked.values[0]), ""});
  for (size_t i = 1; i < walked.values.size(); ++i) {
    table.AddRow({SettingsOf(path[i - 1]), ShortMetricText(metric, walked.values[i]),
                  ChangeText(metric, walked.values[0], walked.values[i])});
  }
  return table.Text();
}

absl::StatusOr<int> BisectPolicies(const SimulationOptions& options, const PolicySide& from,
                                   const PolicySide& to, const Metric& metric) {
  const absl::StatusOr<std::vector<PolicyStep>> path = PolicyPath(from, to);
  if (!path.ok()) return path.status();
  const absl::StatusOr<Walked> walked = Walk(options, from, *path, metric);
  if (!walked.ok()) return walked.status();
  Print(stdout, "{}\n", TableOf(from, *path, *walked, metric));
  TextPage page(/*colour=*/false);
  if (!walked->found.has_value()) {
    page.Paragraph(fmt::format("None of {} moved {} so far.",
                               Counted(path->size(), "step", "steps"), metric.name));
    Print(stdout, "{}", page.Take());
    return kExitOk;
  }
  const size_t at = *walked->found;
  page.Paragraph(fmt::format("The first that moved {} is {}, step {} of {}: {} instead of {} ({}).",
                             metric.name, SettingsOf((*path)[at]), at + 1, path->size(),
                             ShortMetricText(metric, walked->values.back()),
                             ShortMetricText(metric, walked->values.front()),
                             ChangeText(metric, walked->values.front(), walked->values.back())));
  const absl::StatusOr<std::string> first = FirstOperation(
      (at == 0 ? from : (*path)[at - 1].side).Of(options), (*path)[at].side.Of(options));
  if (!first.ok()) return first.status();
  page.Paragraph(*first);
  Print(stdout, "{}", page.Take());
  return kExitDifference;
}

// --- Two suites: the points of one name, in the first's order. ---

absl::StatusOr<int> BisectSuites(const std::vector<std::string>& arguments, const Metric& metric) {
  const absl::StatusOr<Suite> a = ReadSuite(arguments[0]);
  if (!a.ok()) return a.status();
  const absl::StatusOr<Suite> b = ReadSuite(arguments[1]);
  if (!b.ok()) return b.status();
  size_t compared = 0;
  for (const SuiteEntry& entry : a->entries) {
    const auto other =
        std::find_if(b->entries.begin(), b->entries.end(),
                     [&](const SuiteEntry& each) { return each.name == entry.name; });
    if (other == b->entries.end()) continue;
    for (const absl::Status& fault : {entry.fault, other->fault}) {
      if (!fault.ok()) return fault;
    }
    const auto base = Measure(entry.options, metric, entry.name);
    if (!base.ok()) return base.status();
    const auto value = Measure(other->options, metric, entry.name);
    if (!value.ok()) return value.status();
    ++compared;
    Print(stdout, "{}: {}, {} ({})\n", Printable(entry.name), ShortMetricText(metric, *base),
          ShortMetricText(metric, *value), ChangeText(metric, *base, *value));
    if (!Moved(metric, *base, *value)) continue;
    const absl::StatusOr<std::string> first = FirstOperation(entry.options, other->options);
    if (!first.ok()) return first.status();
    TextPage page(/*colour=*/false);
    page.Blank();
    page.Paragraph(
        fmt::format("The first point that moved {} is {}. {}", metric.name, entry.name, *first));
    Print(stdout, "{}", page.Take());
    return kExitDifference;
  }
  if (compared == 0) return absl::InvalidArgumentError("the suites have no point of one name");
  Print(stdout, "\nNone of {} moved {} so far.\n", Counted(compared, "point", "points"),
        metric.name);
  return kExitOk;
}

// --- Two builds of this program, of one run. ---

// A folder that is away again when its owner is.
class Scratch {
 public:
  static absl::StatusOr<std::unique_ptr<Scratch>> Make() {
    std::error_code error;
    std::string path = (std::filesystem::temp_directory_path(error) / "slablab-XXXXXX").string();
    if (error || mkdtemp(path.data()) == nullptr) {
      return absl::UnavailableError(fmt::format("{}: {}", path, std::strerror(errno)));
    }
    return std::unique_ptr<Scratch>(new Scratch(std::move(path)));
  }
  ~Scratch() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

absl::StatusOr<int> BisectPrograms(const std::vector<std::string>& arguments,
                                   const Metric& metric) {
  const absl::StatusOr<std::unique_ptr<Scratch>> scratch = Scratch::Make();
  if (!scratch.ok()) return scratch.status();
  std::array<DiffInput, 2> logs;
  std::array<std::optional<uint64_t>, 2> values;
  for (size_t i = 0; i < logs.size(); ++i) {
    const std::string result = (*scratch)->File(fmt::format("{}.result", i));
    logs[i] = {.path = (*scratch)->File(fmt::format("{}.log", i)), .is_log = true, .options = {}};
    std::vector<std::string> words = {arguments[i], "run"};
    words.insert(words.end(), arguments.begin() + 2, arguments.end());
    for (std::string& flag : FlagsAsGiven(kOwnFlags)) words.push_back(std::move(flag));
    for (std::string word : {std::string("--operations=") + logs[i].path,
                             std::string("--format=proto"), "--output=" + result}) {
      words.push_back(std::move(word));
    }
    const absl::StatusOr<int> status = RunChildProcess(
        {.words = words, .interrupts = [] { return InterruptRequested() ? 1 : 0; }});
    if (!status.ok()) return status.status();
    if (InterruptRequested()) return absl::CancelledError("interrupted");
    if (const std::string end = DescribeWaitStatus(*status); !end.empty()) {
      return absl::InvalidArgumentError(fmt::format("{}: {}", arguments[i], end));
    }
    const absl::StatusOr<RunResult> read = ReadResult(result);
    if (!read.ok()) return read.status();
    values[i] = metric.of(*read);
  }
  const absl::StatusOr<std::string> first = FirstOperation(logs);
  if (!first.ok()) return first.status();
  TextPage page(/*colour=*/false);
  page.Paragraph(fmt::format("{} is {} with the first program and {} with the second ({}).",
                             metric.name, ShortMetricText(metric, values[0]),
                             ShortMetricText(metric, values[1]),
                             ChangeText(metric, values[0], values[1])));
  page.Paragraph(*first);
  Print(stdout, "{}", page.Take());
  return Moved(metric, values[0], values[1]) ? kExitDifference : kExitOk;
}

bool IsProgram(const std::string& word) {
  std::error_code error;
  return word.find('/') != std::string::npos && std::filesystem::is_regular_file(word, error) &&
         access(word.c_str(), X_OK) == 0;
}

absl::StatusOr<int> BisectModels(const std::vector<std::string>& arguments, const Metric& metric) {
  std::vector<PolicySide> sides;
  for (size_t i = 0; i < 2; ++i) {
    absl::StatusOr<PolicySide> side = ParsePolicySide(arguments[i]);
    if (!side.ok()) return side.status();
    sides.push_back(*std::move(side));
  }
  for (const char* name : {"allocator", "policy"}) {
    if (!WasGiven(name)) continue;
    return absl::InvalidArgumentError(
        fmt::format("--{}: A and B say that, as 'slub-7.3:sheaves.which=none'", name));
  }
  const absl::StatusOr<SimulationOptions> options =
      SimulationOptionsFromFlags("bisect", {arguments.begin() + 2, arguments.end()});
  if (!options.ok()) return options.status();
  return BisectPolicies(*options, sides[0], sides[1], metric);
}

absl::StatusOr<int> Bisect(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) {
    return absl::InvalidArgumentError(
        "bisect wants two models, suites or programs, as in 'slablab bisect slub-6.12 slub-7.3 "
        "mine.slt'");
  }
  const std::string name = absl::GetFlag(FLAGS_metric);
  const Metric* metric = FindMetric(name);
  if (metric == nullptr) {
    return BadFlag("metric", name, UnknownNameText("metric", name, NamesOf(Metrics())));
  }
  const auto both = [&](auto is) { return is(arguments[0]) && is(arguments[1]); };
  if (both([](const std::string& word) { return word.ends_with(".textproto"); })) {
    if (arguments.size() > 2) return absl::InvalidArgumentError("suites say what they run");
    return BisectSuites(arguments, *metric);
  }
  return both(IsProgram) ? BisectPrograms(arguments, *metric) : BisectModels(arguments, *metric);
}

int RunBisect(const std::vector<std::string>& arguments) {
  const InterruptScope interrupts;
  const absl::StatusOr<int> end = Bisect(arguments);
  if (absl::IsCancelled(end.status())) return kExitInterrupted;
  return end.ok() ? *end : Fail(end.status());
}

}  // namespace

extern const Command kBisectCommand = {
    .name = "bisect",
    .synopsis = "A B TRACE | A B --workload=WORKLOAD | SUITE SUITE",
    .summary =
        "Ends at the first that moves a metric. Of two models of one family, each "
        "MODEL[:NAME=VALUE,...], it walks their named differences in the order of history; of two "
        "builds of slablab (files) it says whether and where a run parts; of two suites it takes "
        "the points of one name. Exit status 1 if one moved it.",
    .flags = kFlags,
    .example = "slablab bisect slub-6.12 slub-7.3 mine.slt --metric=peak_held_bytes",
    .run = RunBisect,
};

}  // namespace slablab
