// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/explain/bisect.h"

#include <unistd.h>

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
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/progress.h"
#include "cli/simulation_flags.h"
#include "fmt/format.h"
#include "reports/explain/bisect_text.h"
#include "reports/message_json.h"
#include "reports/result_io.h"

ABSL_FLAG(std::string, metric, "cycles_per_operation",
          "NAME: the metric to watch; `slablab list metrics` has the names.");
ABSL_FLAG(uint32_t, per_mille, 10,
          "N: how far it has to move from A's to count, in thousandths of it, or in tenths of a "
          "point of a percentage.");

namespace slablab {
namespace {

constexpr std::string_view kOwnFlags[] = {"metric", "per_mille", "format", "output"};
constexpr auto kFlags = Joined(kOwnFlags, kEverySwitch);
constexpr Format kFormats[] = {Format::kText, Format::kJson, Format::kCsv, Format::kTsv,
                               Format::kHtml};

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

// Two builds of this program, of one run.
absl::StatusOr<BisectReport> BisectPrograms(const std::vector<std::string>& arguments,
                                            const BisectOptions& options) {
  const absl::StatusOr<std::unique_ptr<Scratch>> scratch = Scratch::Make();
  if (!scratch.ok()) return scratch.status();
  std::array<DiffInput, 2> logs;
  std::array<std::optional<uint64_t>, 2> values;
  BisectReport head;
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
    values[i] = options.metric->of(*read);
    AddBisectHead(arguments[i], *read, &head);
  }
  absl::StatusOr<BisectReport> report = BisectedPrograms(values, logs, options);
  if (report.ok()) report->MergeFrom(head);
  return report;
}

bool IsProgram(const std::string& word) {
  std::error_code error;
  return word.find('/') != std::string::npos && std::filesystem::is_regular_file(word, error) &&
         access(word.c_str(), X_OK) == 0;
}

absl::StatusOr<BisectReport> BisectModels(const std::vector<std::string>& arguments,
                                          const BisectOptions& options) {
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
  const absl::StatusOr<SimulationOptions> run =
      SimulationOptionsFromFlags("bisect", {arguments.begin() + 2, arguments.end()});
  if (!run.ok()) return run.status();
  return BisectPolicies(*run, sides[0], sides[1], options);
}

absl::StatusOr<BisectReport> OfSuites(const std::vector<std::string>& arguments,
                                      const BisectOptions& options) {
  if (arguments.size() > 2) return absl::InvalidArgumentError("suites say what they run");
  const absl::StatusOr<Suite> a = ReadSuite(arguments[0]);
  if (!a.ok()) return a.status();
  const absl::StatusOr<Suite> b = ReadSuite(arguments[1]);
  if (!b.ok()) return b.status();
  return BisectSuites(*a, *b, options);
}

absl::StatusOr<BisectReport> Bisect(const std::vector<std::string>& arguments) {
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
  const BisectOptions options = {.metric = metric,
                                 .per_mille = absl::GetFlag(FLAGS_per_mille),
                                 .stop = InterruptRequested,
                                 .progress = SimulationProgress};
  const auto both = [&](auto is) { return is(arguments[0]) && is(arguments[1]); };
  if (both([](const std::string& word) { return word.ends_with(".textproto"); })) {
    return OfSuites(arguments, options);
  }
  return both(IsProgram) ? BisectPrograms(arguments, options) : BisectModels(arguments, options);
}

std::string TextOf(const BisectReport& report, Format format) {
  switch (format) {
    case Format::kJson:
      return MessageToJson(report);
    case Format::kCsv:
      return WideText(BisectTable(report), Delimiter::kComma);
    case Format::kTsv:
      return WideText(BisectTable(report), Delimiter::kTab);
    case Format::kHtml:
      return BisectPage(report);
    default:
      return BisectText(report);
  }
}

int RunBisect(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Format> format = FormatAmong(kFormats);
  if (!format.ok()) return Fail(format.status());
  const InterruptScope interrupts;
  const absl::StatusOr<BisectReport> report = Bisect(arguments);
  if (absl::IsCancelled(report.status())) return kExitInterrupted;
  if (!report.ok()) return Fail(report.status());
  const absl::Status written = WriteOutput(absl::GetFlag(FLAGS_output), TextOf(*report, *format));
  if (!written.ok()) return Fail(written);
  return report->moved() ? kExitDifference : kExitOk;
}

}  // namespace

extern const Command kBisectCommand = {
    .name = "bisect",
    .synopsis = "A B TRACE | A B --workload=WORKLOAD | SUITE SUITE | PROGRAM PROGRAM TRACE",
    .summary =
        "Ends at the first that moves a metric. Of two models of one family, each "
        "MODEL[:NAME=VALUE,...], it walks their named differences in the order of history; of two "
        "builds of slablab (files) it says whether and where a run parts; of two suites it takes "
        "the points of one name. Exit status 1 if one moved it.",
    .flags = kFlags,
    .formats = kFormats,
    .example = "slablab bisect slub-6.12 slub-7.3 mine.slt --metric=peak_held_bytes",
    .run = RunBisect,
};

}  // namespace slablab
