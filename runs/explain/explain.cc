// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/explain/explain.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/digest.h"
#include "base/interrupt.h"
#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/comparison/setting.h"
#include "reports/result_io.h"
#include "runs/experiments/printable.h"
#include "runs/explain/answered_jobs.h"
#include "runs/explain/explain_first.h"
#include "runs/simulation/run_inputs.h"
#include "runs/simulation/simulation.h"
#include "runs/simulation/version.h"

namespace slablab {
namespace {

// A model to run; several steps may want the same.
struct Point {
  PolicySide side;
  std::string name;  // of what is kept
  std::optional<RunResult> result;
  std::string refused;  // why there is none
};

class Explainer {
 public:
  Explainer(const SimulationOptions& base, const ExplainOptions& options)
      : base_(base), options_(options) {}

  absl::StatusOr<ExplainReport> Run(const PolicySide& a, const PolicySide& b) {
    a_ = PointOf(a);
    b_ = PointOf(b);
    if (AreOneFamily(a.model, b.model)) {
      absl::StatusOr<std::vector<PolicyStep>> path = PolicyPath(a, b);
      if (!path.ok()) return path.status();
      steps_ = *std::move(path);
    }
    for (const PolicyStep& step : steps_) {
      on_top_.push_back(PointOf(step.side));
      alone_.push_back(step.not_alone.empty() ? PointOf(step.alone) : kNoPoint);
    }
    if (absl::Status named = NamePoints(); !named.ok()) return named;
    if (absl::Status ran = RunPoints(); !ran.ok()) return ran;
    for (const size_t point : Needed()) {
      if (!points_[point].result.has_value()) {
        return absl::InvalidArgumentError(
            fmt::format("{}: {}", points_[point].side.ToString(), points_[point].refused));
      }
    }
    ExplainReport report = Attribute();
    if (absl::Status status = FindFirsts(report); !status.ok()) return status;
    if (options_.on_ends) options_.on_ends(ResultOf(a_), ResultOf(b_));
    return report;
  }

 private:
  static constexpr size_t kNoPoint = ~size_t{0};

  size_t PointOf(const PolicySide& side) {
    for (size_t i = 0; i < points_.size(); ++i) {
      if (points_[i].side == side) return i;
    }
    points_.push_back({.side = side, .name = {}, .result = {}, .refused = {}});
    return points_.size() - 1;
  }
  const RunResult& ResultOf(size_t point) const { return *points_[point].result; }
  // All but those that are by themselves.
  std::vector<size_t> Needed() const {
    std::vector<size_t> needed = on_top_;
    needed.push_back(a_);
    needed.push_back(b_);
    return needed;
  }

  absl::Status NamePoints();
  absl::Status RunPoints();
  AnsweredJobs Jobs(size_t jobs) const {
    return {.jobs = jobs,
            .workers = options_.workers,
            .stop = options_.stop,
            .progress = options_.progress};
  }
  absl::StatusOr<std::string> RunPoint(const Point& point) const;
  ExplainReport Attribute() const;
  absl::Status FindFirsts(ExplainReport& report);

  const SimulationOptions& base_;
  const ExplainOptions& options_;
  std::vector<PolicyStep> steps_;
  std::vector<Point> points_;
  size_t a_ = 0;
  size_t b_ = 0;
  std::vector<size_t> on_top_;  // by step: with all up to it
  std::vector<size_t> alone_;   // likewise, with it alone; kNoPoint: that cannot be
};

absl::Status Explainer::NamePoints() {
  if (!options_.store.has_value()) return absl::OkStatus();
  if (absl::Status made = options_.store->Create(); !made.ok()) return made;
  const absl::StatusOr<RunInputs> inputs = RunInputsReader().Of(base_);
  if (!inputs.ok()) return inputs.status();
  for (Point& point : points_) {
    Digest digest;
    digest.AddString(kVersion);
    digest.AddString(options_.base_text);
    for (const uint64_t input :
         {inputs->trace, inputs->workload, inputs->scenario, inputs->machine}) {
      digest.Add(input);
    }
    digest.AddString(point.side.ToString());
    point.name = fmt::format("{:016x}", digest.value());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Explainer::RunPoint(const Point& point) const {
  absl::StatusOr<RunResult> result =
      Simulate(point.side.Of(base_), {.progress = nullptr, .stop = InterruptRequested});
  if (!result.ok()) return result.status();
  MakePrintable(&*result);
  if (options_.store.has_value()) {
    const absl::Status kept = options_.store->PutResult(point.name, *result);
    if (!kept.ok()) return kept;
  }
  return Serialize(*result);
}

absl::Status Explainer::RunPoints() {
  std::vector<size_t> todo;
  for (size_t i = 0; i < points_.size(); ++i) {
    if (options_.store.has_value()) {
      absl::StatusOr<std::optional<SweepStore::Outcome>> kept =
          options_.store->Get(points_[i].name);
      if (kept.ok() && kept->has_value()) {
        points_[i].result = std::move((*kept)->result);
        continue;
      }
    }
    todo.push_back(i);
  }
  const auto work = [&](size_t job) { return RunPoint(points_[todo[job]]); };
  const auto take = [&](size_t job, const absl::StatusOr<std::string>& answer) -> absl::Status {
    Point& point = points_[todo[job]];
    if (!answer.ok()) {
      point.refused = std::string(answer.status().message());
      return absl::OkStatus();
    }
    absl::StatusOr<RunResult> result = ParseResult(*answer, point.side.ToString());
    if (!result.ok()) return absl::InternalError(result.status().message());
    point.result = *std::move(result);
    return absl::OkStatus();
  };
  return RunAnswered(Jobs(todo.size()), work, take);
}

// By cause, the largest change first.
void FillCauses(const RunResult& a, const RunResult& b, ExplainReport& report) {
  std::vector<ExplainCause> causes;
  const auto at = [&](const std::string& name) -> ExplainCause& {
    for (ExplainCause& cause : causes) {
      if (cause.name() == name) return cause;
    }
    causes.emplace_back().set_name(name);
    return causes.back();
  };
  for (const NamedSum& sum : BreakDown(a).allocator) at(sum.name).set_cycles_a(sum.value);
  for (const NamedSum& sum : BreakDown(b).allocator) at(sum.name).set_cycles_b(sum.value);
  const auto change = [](const ExplainCause& cause) {
    return cause.cycles_b() > cause.cycles_a() ? cause.cycles_b() - cause.cycles_a()
                                               : cause.cycles_a() - cause.cycles_b();
  };
  std::stable_sort(causes.begin(), causes.end(),
                   [&](const auto& x, const auto& y) { return change(x) > change(y); });
  for (ExplainCause& cause : causes) {
    if (cause.cycles_a() + cause.cycles_b() > 0) *report.add_causes() = std::move(cause);
  }
}

void FillLock(const RunResult& before, const RunResult& after, ExplainStep& step) {
  std::map<std::string, std::pair<int64_t, int64_t>> change;  // waits, acquisitions
  for (const auto& [result, sign] : {std::pair(&after, 1), std::pair(&before, -1)}) {
    for (const LockStats& lock : result->locks()) {
      change[lock.name()].first += sign * static_cast<int64_t>(lock.wait_total_cycles());
      change[lock.name()].second += sign * static_cast<int64_t>(lock.acquisitions());
    }
  }
  for (const auto& [name, of_lock] : change) {
    const auto& [wait, acquisitions] = of_lock;
    if (wait == 0 && acquisitions == 0) continue;
    const ExplainLock& most = step.lock();
    if (step.has_lock() && std::make_pair(std::abs(wait), std::abs(acquisitions)) <=
                               std::make_pair(std::abs(int64_t{most.wait_cycles()}),
                                              std::abs(int64_t{most.acquisitions()}))) {
      continue;
    }
    ExplainLock& lock = *step.mutable_lock();
    lock.set_name(name);
    lock.set_wait_cycles(wait);
    lock.set_acquisitions(acquisitions);
  }
}

void FillLine(const RunResult& before, const RunResult& after, ExplainStep& step) {
  using Cell = std::tuple<std::string, std::string, std::string>;
  std::map<Cell, std::pair<int64_t, int64_t>> change;  // cycles, count
  for (const auto& [result, sign] : {std::pair(&after, 1), std::pair(&before, -1)}) {
    for (const TouchCell& cell : result->touches()) {
      if (cell.site() == "use" || cell.site() == "interrupt") continue;
      auto& of_cell = change[{cell.site(), cell.structure(), cell.outcome()}];
      of_cell.first += sign * static_cast<int64_t>(cell.cycles());
      of_cell.second += sign * static_cast<int64_t>(cell.count());
    }
  }
  for (const auto& [cell, of_cell] : change) {
    if (std::abs(of_cell.first) <= std::abs(int64_t{step.line().cycles()})) continue;
    ExplainLine& line = *step.mutable_line();
    line.set_site(std::get<0>(cell));
    line.set_structure(std::get<1>(cell));
    line.set_outcome(std::get<2>(cell));
    line.set_cycles(of_cell.first);
    line.set_count(of_cell.second);
  }
}

void FillSide(const PolicySide& model, const RunResult& result, ExplainSide& side) {
  side.set_label(model.ToString());
  side.set_allocator(model.model);
  for (const std::string& policy : model.policies) side.add_policies(policy);
  *side.mutable_figures() = FiguresOf(result);
}

ExplainReport Explainer::Attribute() const {
  ExplainReport report;
  const RunResult& a = ResultOf(a_);
  const RunResult& b = ResultOf(b_);
  FillSide(points_[a_].side, a, *report.mutable_a());
  FillSide(points_[b_].side, b, *report.mutable_b());
  report.set_workload(a.config().workload().empty() ? a.config().trace() : a.config().workload());
  report.set_machine(a.config().machine());
  const std::vector<RunNamed> sides = {{.label = report.a().label(), .result = &a},
                                       {.label = report.b().label(), .result = &b}};
  for (std::string& sentence : HeadInWords(sides)) report.add_head(std::move(sentence));
  report.set_one_family(AreOneFamily(points_[a_].side.model, points_[b_].side.model));
  FillCauses(a, b, report);
  if (!report.one_family()) return report;
  size_t before = a_;
  ExplainFigures interaction = Less(FiguresOf(b), FiguresOf(a));
  for (size_t i = 0; i < steps_.size(); ++i) {
    const PolicyStep& planned = steps_[i];
    ExplainStep& step = *report.add_steps();
    for (const SwitchChange& change : planned.switches) {
      ExplainSwitch& filled = *step.add_switches();
      filled.set_name(change.name);
      filled.set_from(change.from);
      filled.set_to(change.to);
      filled.set_since(change.since);
      filled.set_meaning(change.meaning);
    }
    *step.mutable_change() = Less(FiguresOf(ResultOf(on_top_[i])), FiguresOf(ResultOf(before)));
    FillLock(ResultOf(before), ResultOf(on_top_[i]), step);
    FillLine(ResultOf(before), ResultOf(on_top_[i]), step);
    step.set_not_alone(planned.not_alone);
    if (alone_[i] != kNoPoint && !points_[alone_[i]].result.has_value()) {
      step.set_not_alone(points_[alone_[i]].refused);
    }
    if (step.not_alone().empty()) {
      *step.mutable_alone() = Less(FiguresOf(ResultOf(alone_[i])), FiguresOf(a));
      interaction = Less(interaction, step.alone());
    }
    before = on_top_[i];
  }
  *report.mutable_left_over() = Less(FiguresOf(b), FiguresOf(ResultOf(before)));
  *report.mutable_interaction() = interaction;
  return report;
}

// Only where anything is different at all.
absl::Status Explainer::FindFirsts(ExplainReport& report) {
  struct Pair {
    size_t before = 0;
    size_t after = 0;
    int step = -1;  // -1: A and B
  };
  std::vector<Pair> pairs;
  const auto add = [&](size_t before, size_t after, int step) {
    const RunResult& x = ResultOf(before);
    const RunResult& y = ResultOf(after);
    if (x.digests().end_state() == y.digests().end_state() &&
        FiguresOf(x).SerializeAsString() == FiguresOf(y).SerializeAsString()) {
      return;
    }
    pairs.push_back({before, after, step});
  };
  add(a_, b_, -1);
  size_t before = a_;
  for (size_t i = 0; i < on_top_.size(); ++i) {
    add(before, on_top_[i], static_cast<int>(i));
    before = on_top_[i];
  }
  const auto work = [&](size_t job) -> absl::StatusOr<std::string> {
    const absl::StatusOr<std::optional<ExplainFirst>> first = FirstDifference(
        points_[pairs[job].before].side.Of(base_), points_[pairs[job].after].side.Of(base_));
    if (!first.ok()) return first.status();
    // Nothing, if they are alike to their ends.
    return first->has_value() ? (*first)->SerializeAsString() : std::string();
  };
  const auto take = [&](size_t job, const absl::StatusOr<std::string>& answer) -> absl::Status {
    if (!answer.ok()) return answer.status();
    if (answer->empty()) return absl::OkStatus();
    ExplainFirst& first = pairs[job].step < 0
                              ? *report.mutable_first()
                              : *report.mutable_steps(pairs[job].step)->mutable_first();
    CHECK(first.ParseFromString(*answer));
    return absl::OkStatus();
  };
  return RunAnswered(Jobs(pairs.size()), work, take);
}

}  // namespace

ExplainFigures FiguresOf(const RunResult& result) {
  ExplainFigures figures;
  figures.set_cycles(static_cast<int64_t>(AllocatorCycles(result)));
  figures.set_bytes(static_cast<int64_t>(HeldBy(result.footprint_peak()).total));
  int64_t wait = 0;
  for (const LockStats& lock : result.locks()) {
    wait += static_cast<int64_t>(lock.wait_total_cycles());
  }
  figures.set_wait_cycles(wait);
  return figures;
}

ExplainFigures Less(const ExplainFigures& a, const ExplainFigures& b) {
  ExplainFigures change;
  change.set_cycles(a.cycles() - b.cycles());
  change.set_bytes(a.bytes() - b.bytes());
  change.set_wait_cycles(a.wait_cycles() - b.wait_cycles());
  return change;
}

absl::StatusOr<ExplainReport> Explain(const PolicySide& a, const PolicySide& b,
                                      const SimulationOptions& base,
                                      const ExplainOptions& options) {
  return Explainer(base, options).Run(a, b);
}

}  // namespace slablab
