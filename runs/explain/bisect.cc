// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/explain/bisect.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "fmt/format.h"
#include "reports/comparison/setting.h"
#include "reports/delta.h"
#include "reports/numbers.h"
#include "runs/experiments/printable.h"
#include "runs/experiments/run_diff.h"
#include "runs/simulation/simulation.h"

namespace slablab {
namespace {

using Value = std::optional<uint64_t>;

// `report`: whose head says what the run is of; null: no other than the runs before it.
absl::StatusOr<Value> Measure(const SimulationOptions& run, const std::string& what,
                              const BisectOptions& options, BisectReport* report) {
  SimulationHooks hooks;
  if (options.progress) hooks.progress = options.progress(what);
  hooks.stop = options.stop;
  const absl::StatusOr<RunResult> result = Simulate(run, hooks);
  if (!result.ok()) return result.status();
  if (report != nullptr) AddBisectHead(what, *result, report);
  return options.metric->of(*result);
}

bool Moved(Value base, Value value, const BisectOptions& options) {
  const Mark mark = MarkOf(*options.metric, base, value, int64_t{10} * options.per_mille);
  return mark == Mark::kBetter || mark == Mark::kWorse || mark == Mark::kMoved;
}

BisectReport ReportOf(std::string_view kind, size_t planned, const BisectOptions& options) {
  BisectReport report;
  report.set_kind(std::string(kind));
  report.set_metric(std::string(options.metric->name));
  report.set_unit(std::string(options.metric->unit));
  report.set_decimals(static_cast<uint32_t>(options.metric->decimals));
  report.set_per_mille(options.per_mille);
  report.set_planned(static_cast<uint32_t>(planned));
  return report;
}

// Whether it is the step that was looked for.
bool AddStep(std::string name, Value base, Value value, const BisectOptions& options,
             BisectReport* report) {
  BisectStep& step = *report->add_steps();
  step.set_name(std::move(name));
  if (base.has_value()) step.set_base(*base);
  if (value.has_value()) step.set_value(*value);
  report->set_moved(Moved(base, value, options));
  return report->moved();
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

absl::Status SayFirst(const SimulationOptions& before, const SimulationOptions& after,
                      BisectReport* report) {
  const absl::StatusOr<std::string> first =
      FirstOperation({DiffInput{.path = "before", .is_log = false, .options = before},
                      DiffInput{.path = "after", .is_log = false, .options = after}});
  if (!first.ok()) return first.status();
  report->set_first_operation(*first);
  return absl::OkStatus();
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

}  // namespace

void AddBisectHead(const std::string& label, const RunResult& result, BisectReport* report) {
  const std::vector<RunNamed> run = {{.label = label, .result = &result}};
  for (std::string& sentence : HeadInWords(run)) {
    if (std::find(report->head().begin(), report->head().end(), sentence) == report->head().end()) {
      report->add_head(std::move(sentence));
    }
  }
}

absl::StatusOr<BisectReport> BisectPolicies(const SimulationOptions& run, const PolicySide& from,
                                            const PolicySide& to, const BisectOptions& options) {
  const absl::StatusOr<std::vector<PolicyStep>> path = PolicyPath(from, to);
  if (!path.ok()) return path.status();
  BisectReport report = ReportOf("switches", path->size(), options);
  report.set_base(from.ToString());
  const absl::StatusOr<Value> base = Measure(from.Of(run), from.ToString(), options, &report);
  if (!base.ok()) return base.status();
  PolicySide before = from;
  for (const PolicyStep& step : *path) {
    const std::string what = fmt::format("{} of {}", report.steps_size() + 1, path->size());
    const absl::StatusOr<Value> value = Measure(step.side.Of(run), what, options, nullptr);
    if (!value.ok()) return value.status();
    if (AddStep(SettingsOf(step), *base, *value, options, &report)) {
      const absl::Status said = SayFirst(before.Of(run), step.side.Of(run), &report);
      if (!said.ok()) return said;
      break;
    }
    before = step.side;
  }
  MakePrintable(&report);
  return report;
}

absl::StatusOr<BisectReport> BisectSuites(const Suite& a, const Suite& b,
                                          const BisectOptions& options) {
  std::vector<std::pair<const SuiteEntry*, const SuiteEntry*>> points;
  for (const SuiteEntry& entry : a.entries) {
    const auto other =
        std::find_if(b.entries.begin(), b.entries.end(),
                     [&](const SuiteEntry& each) { return each.name == entry.name; });
    if (other == b.entries.end()) continue;
    for (const absl::Status& fault : {entry.fault, other->fault}) {
      if (!fault.ok()) return fault;
    }
    points.emplace_back(&entry, &*other);
  }
  if (points.empty()) {
    return absl::InvalidArgumentError("the suites have no point of one name");
  }
  BisectReport report = ReportOf("points", points.size(), options);
  for (const auto& [before, after] : points) {
    const absl::StatusOr<Value> base = Measure(before->options, before->name, options, &report);
    if (!base.ok()) return base.status();
    const absl::StatusOr<Value> value = Measure(after->options, after->name, options, &report);
    if (!value.ok()) return value.status();
    if (!AddStep(before->name, *base, *value, options, &report)) continue;
    const absl::Status said = SayFirst(before->options, after->options, &report);
    if (!said.ok()) return said;
    break;
  }
  MakePrintable(&report);
  return report;
}

absl::StatusOr<BisectReport> BisectedPrograms(const std::array<std::optional<uint64_t>, 2>& values,
                                              const std::array<DiffInput, 2>& logs,
                                              const BisectOptions& options) {
  BisectReport report = ReportOf("programs", 1, options);
  AddStep("the second program", values[0], values[1], options, &report);
  const absl::StatusOr<std::string> first = FirstOperation(logs);
  if (!first.ok()) return first.status();
  report.set_first_operation(*first);
  MakePrintable(&report);
  return report;
}

}  // namespace slablab
