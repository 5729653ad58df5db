// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
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
#include "reports/text/fitted_table.h"
#include "reports/text/text_page.h"
#include "runs/experiments/diff_input.h"
#include "runs/experiments/policy_path.h"
#include "runs/experiments/run_diff.h"
#include "runs/simulation/simulation.h"

ABSL_FLAG(std::string, metric, "cycles_per_operation",
          "NAME: the metric to watch; `slablab list metrics` has the names.");
ABSL_FLAG(uint32_t, per_mille, 10,
          "N: how far it has to move from A's to count, in thousandths of it, or in tenths of a "
          "point of a percentage.");

namespace slablab {
namespace {

constexpr std::string_view kOwnFlags[] = {"metric", "per_mille"};
constexpr auto kFlags = Joined(kOwnFlags, kSimulationFlags);

SimulationOptions Of(SimulationOptions options, const PolicySide& side) {
  options.allocator = side.model;
  options.allocator_options.policies = side.policies;
  return options;
}

absl::StatusOr<std::optional<uint64_t>> Measure(const SimulationOptions& options,
                                                const Metric& metric, const std::string& what) {
  std::unique_ptr<Progress> progress;
  const SimulationHooks hooks = {
      .progress =
          [&](uint64_t events, uint64_t total) {
            if (progress == nullptr) {
              progress = std::make_unique<Progress>(ProgressOfSimulation(what, total));
            }
            progress->Update(events);
          },
      .stop = InterruptRequested};
  const absl::StatusOr<RunResult> result = Simulate(options, hooks);
  if (!result.ok()) return result.status();
  return metric.of(*result);
}

// The first operation that is another than before, in a sentence.
absl::StatusOr<std::string> FirstOperation(const SimulationOptions& before,
                                           const SimulationOptions& after) {
  std::array<std::unique_ptr<OperationStream>, 2> streams;
  const std::array<const SimulationOptions*, 2> options = {&before, &after};
  for (size_t i = 0; i < streams.size(); ++i) {
    absl::StatusOr<std::unique_ptr<OperationStream>> stream = OperationStream::Open(
        {.path = i == 0 ? "before" : "after", .is_log = false, .options = *options[i]});
    if (!stream.ok()) return stream.status();
    streams[i] = *std::move(stream);
  }
  const absl::StatusOr<RunDiff> diff =
      DiffRuns([&] { return streams[0]->Next(); }, [&] { return streams[1]->Next(); });
  if (!diff.ok()) return diff.status();
  const RunDifference* first = diff->done.has_value()    ? &*diff->done
                               : diff->first.has_value() ? &*diff->first
                                                         : nullptr;
  if (first == nullptr) return "No operation is another for it.";
  const auto said = [](const DiffSide& side) {
    if (!side.operation.has_value()) return std::string("it has ended");
    const LoggedOperation& operation = *side.operation;
    return fmt::format("{} of {} on CPU {} by '{}' in {} cycles", operation.kind,
                       Printable(operation.cache), operation.cpu, operation.path,
                       Grouped(operation.cycles));
  };
  return fmt::format("{} operations are alike but for time; then, before it, {}, and with it {}.",
                     Grouped(first->sides[0].operations - (first->sides[0].operation ? 1 : 0)),
                     said(first->sides[0]), said(first->sides[1]));
}

std::string Setting(const PolicyStep& step) {
  return fmt::format("{} of {}", fmt::join(step.moved, ", "), step.era);
}

struct Walked {
  std::optional<size_t> found;                  // the step that moved it
  std::vector<std::optional<uint64_t>> values;  // of A, then of each step that was run
};

absl::StatusOr<Walked> Walk(const SimulationOptions& options, const PolicySide& from,
                            const std::vector<PolicyStep>& path, const Metric& metric) {
  const int64_t least = int64_t{10} * absl::GetFlag(FLAGS_per_mille);
  Walked walked;
  const absl::StatusOr<std::optional<uint64_t>> base =
      Measure(Of(options, from), metric, from.model);
  if (!base.ok()) return base.status();
  walked.values.push_back(*base);
  for (size_t i = 0; i < path.size() && !walked.found.has_value(); ++i) {
    const absl::StatusOr<std::optional<uint64_t>> value =
        Measure(Of(options, path[i].side), metric, fmt::format("{} of {}", i + 1, path.size()));
    if (!value.ok()) return value.status();
    walked.values.push_back(*value);
    const Mark mark = MarkOf(metric, *base, *value, least);
    if (mark != Mark::kEqual && mark != Mark::kAbout && mark != Mark::kUnknown) walked.found = i;
  }
  return walked;
}

std::string TableOf(const PolicySide& from, const std::vector<PolicyStep>& path,
                    const Walked& walked, const Metric& metric) {
  FittedTable table;
  table.AddColumn({{"step"}, FittedTable::Column::kLeft});
  table.AddColumn({{std::string(metric.name)}});
  table.AddColumn({{"from A"}});
  table.AddRow({from.model, ShortMetricText(metric, walked.values[0]), ""});
  for (size_t i = 1; i < walked.values.size(); ++i) {
    table.AddRow({Setting(path[i - 1]), ShortMetricText(metric, walked.values[i]),
                  ChangeText(metric, walked.values[0], walked.values[i])});
  }
  return table.Text();
}

absl::StatusOr<int> Bisect(const SimulationOptions& options, const PolicySide& from,
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
                             metric.name, Setting((*path)[at]), at + 1, path->size(),
                             ShortMetricText(metric, walked->values.back()),
                             ShortMetricText(metric, walked->values.front()),
                             ChangeText(metric, walked->values.front(), walked->values.back())));
  const absl::StatusOr<std::string> first = FirstOperation(
      Of(options, at == 0 ? from : (*path)[at - 1].side), Of(options, (*path)[at].side));
  if (!first.ok()) return first.status();
  page.Paragraph(*first);
  Print(stdout, "{}", page.Take());
  return kExitDifference;
}

int RunBisect(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) {
    return Fail(absl::InvalidArgumentError(
        "bisect wants two models, as in 'slablab bisect slub-6.12 slub-7.3 mine.slt'"));
  }
  for (const char* name : {"allocator", "policy"}) {
    if (!WasGiven(name)) continue;
    return Fail(absl::InvalidArgumentError(
        fmt::format("--{}: A and B say that, as 'slub-7.3:sheaves.which=none'", name)));
  }
  const Metric* metric = FindMetric(absl::GetFlag(FLAGS_metric));
  if (metric == nullptr) {
    const std::string name = absl::GetFlag(FLAGS_metric);
    return Fail(BadFlag("metric", name, UnknownNameText("metric", name, NamesOf(Metrics()))));
  }
  std::vector<PolicySide> sides;
  for (size_t i = 0; i < 2; ++i) {
    absl::StatusOr<PolicySide> side = ParsePolicySide(arguments[i]);
    if (!side.ok()) return Fail(side.status());
    sides.push_back(*std::move(side));
  }
  const absl::StatusOr<SimulationOptions> options =
      SimulationOptionsFromFlags("bisect", {arguments.begin() + 2, arguments.end()});
  if (!options.ok()) return Fail(options.status());
  const InterruptScope interrupts;
  const absl::StatusOr<int> end = Bisect(*options, sides[0], sides[1], *metric);
  if (absl::IsCancelled(end.status())) return kExitInterrupted;
  return end.ok() ? *end : Fail(end.status());
}

}  // namespace

extern const Command kBisectCommand = {
    .name = "bisect",
    .synopsis = "A B TRACE | A B --workload=WORKLOAD",
    .summary =
        "Walks from one model to another by their named differences, in the order of history, and "
        "ends at the first that moves a metric. A and B are models of one family, with policies if "
        "wanted: slub-7.3:sheaves.which=none. Exit status 1 if one moved it.",
    .flags = kFlags,
    .example = "slablab bisect slub-6.12 slub-7.3 mine.slt --metric=peak_held_bytes",
    .run = RunBisect,
};

}  // namespace slablab
