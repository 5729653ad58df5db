// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/explain/explain.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/interrupt.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/progress.h"
#include "cli/output/terminal.h"
#include "cli/simulation_flags.h"
#include "cli/worker_flags.h"
#include "fmt/format.h"
#include "reports/comparison/comparison.h"
#include "reports/explain/explain_text.h"
#include "reports/html/html_report.h"
#include "reports/message_json.h"
#include "runs/experiments/policy_path.h"
#include "runs/simulation/run_check.h"

ABSL_DECLARE_FLAG(std::string, folder);

namespace slablab {
namespace {

// A and B say which models.
constexpr std::string_view kFlags[] = {kEverySwitch[0], "-allocator", "-policy", "folder",
                                       "workers",       "format",     "output"};
constexpr Format kFormats[] = {Format::kText, Format::kJson, Format::kCsv, Format::kTsv,
                               Format::kHtml};

// What names and files do not say of the run: in the names of what is kept.
std::string FlagsText(const RunSpec& run) {
  std::string text;
  for (const RunSwitch& each : Switches()) {
    if (each.name() == "trace") continue;
    text += fmt::format("{}={}\n", each.name(), SwitchText(run, each));
  }
  return text;
}

struct Explained {
  ExplainReport report;
  std::vector<LabelledResult> ends;  // A and B
};

std::string TextOf(const Explained& explained, Format format) {
  const ExplainReport& report = explained.report;
  switch (format) {
    case Format::kJson:
      return MessageToJson(report);
    case Format::kCsv:
      return WideText(ExplainTable(report), Delimiter::kComma);
    case Format::kTsv:
      return WideText(ExplainTable(report), Delimiter::kTab);
    case Format::kHtml:
      return HtmlReport(explained.ends, ComparisonTitle(explained.ends), &report);
    default:
      break;
  }
  const std::string output = absl::GetFlag(FLAGS_output);
  return ExplainText(report, (output.empty() || output == "-") && ColourWanted(stdout));
}

absl::StatusOr<Explained> ExplainRuns(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) {
    return absl::InvalidArgumentError(
        "explain takes two models, A and B, each MODEL[:NAME=VALUE,...], and a trace or "
        "--workload");
  }
  const absl::StatusOr<PolicySide> a = ParsePolicySide(arguments[0]);
  if (!a.ok()) return a.status();
  const absl::StatusOr<PolicySide> b = ParsePolicySide(arguments[1]);
  if (!b.ok()) return b.status();
  const absl::StatusOr<SimulationOptions> base = SimulationOptionsFromFlags(
      "explain", std::vector<std::string>(arguments.begin() + 2, arguments.end()));
  if (!base.ok()) return base.status();
  const absl::StatusOr<int> workers = WorkersOfFlag();
  if (!workers.ok()) return workers.status();
  const InterruptScope interrupts(2);
  ExplainOptions options;
  options.workers = *workers;
  options.stop = InterruptRequested;
  options.progress = RunsProgress("explain");
  if (const std::string folder = absl::GetFlag(FLAGS_folder); !folder.empty()) {
    options.store.emplace(folder);
  }
  options.base_text = FlagsText(WithDefaults(*RunOfFlags()));
  Explained explained;
  options.on_ends = [&](const RunResult& of_a, const RunResult& of_b) {
    const std::string again = *a == *b ? " #2" : "";  // labels are unique
    explained.ends = {{.label = a->ToString(), .result = of_a},
                      {.label = b->ToString() + again, .result = of_b}};
  };
  absl::StatusOr<ExplainReport> report = Explain(*a, *b, *base, options);
  if (!report.ok()) return report.status();
  explained.report = *std::move(report);
  return explained;
}

int RunExplain(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Format> format = FormatAmong(kFormats);
  if (!format.ok()) return Fail(format.status());
  const absl::StatusOr<Explained> explained = ExplainRuns(arguments);
  if (absl::IsCancelled(explained.status())) return kExitInterrupted;
  if (!explained.ok()) return Fail(explained.status());
  const absl::Status written =
      WriteOutput(absl::GetFlag(FLAGS_output), TextOf(*explained, *format));
  return written.ok() ? kExitOk : Fail(written);
}

}  // namespace

extern const Command kExplainCommand = {
    .name = "explain",
    .synopsis = "A B TRACE | A B --workload=WORKLOAD",
    .summary =
        "Attributes the change from one model to another to the switches in which they differ. A "
        "and B are each MODEL[:NAME=VALUE,...], a model with some of its policies set.",
    .flags = kFlags,
    .formats = kFormats,
    .example =
        "slablab explain slub-6.12 slub-7.3 linux-7.3-slub-c4n2-hackbench\n"
        "slablab explain slub-7.3 slub-7.3:sheaves.capacity=4 --workload=larson",
    .run = RunExplain,
};

}  // namespace slablab
