// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/why/why.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "allocators/registry.h"
#include "base/check.h"
#include "reports/breakdown.h"
#include "reports/comparison/spread.h"
#include "reports/delta.h"
#include "runs/experiments/printable.h"
#include "runs/explain/answered_jobs.h"
#include "runs/explain/explain.h"
#include "runs/simulation/kernel_match.h"
#include "runs/simulation/model_choice.h"
#include "runs/simulation/simulation.h"
#include "runs/why/costs.h"
#include "runs/why/trial.pb.h"
#include "runs/why/tries.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

// What operations took, by so many events one after another: the parts of a recording whose length
// is known only at its end.
class BlockCycles : public OperationObserver {
 public:
  static constexpr uint64_t kEvents = 64;

  void OnOperation(const OperationEnd& operation) override {
    const size_t block = operation.event / kEvents;
    if (block >= cycles_.size()) cycles_.resize(block + 1);
    cycles_[block] += operation.cycles;
  }
  const std::vector<uint64_t>& cycles() const { return cycles_; }

 private:
  std::vector<uint64_t> cycles_;
};

// The values in kWhyParts parts of as many, each put together by `add`; none if there are fewer.
template <typename Values, typename Add>
std::vector<uint64_t> InParts(const Values& values, Add add) {
  const auto count = static_cast<size_t>(values.size());
  if (count < kWhyParts) return {};
  std::vector<uint64_t> parts(kWhyParts);
  for (size_t i = 0; i < count; ++i) {
    uint64_t& part = parts[i * kWhyParts / count];
    part = add(part, uint64_t{values[static_cast<int>(i)]});
  }
  return parts;
}
std::vector<uint64_t> CyclesInParts(const WhyTrial& trial) {
  return InParts(trial.block_cycles(), std::plus<uint64_t>());
}
std::vector<uint64_t> HeldInParts(const WhyTrial& trial) {
  return InParts(trial.held_bytes(), [](uint64_t a, uint64_t b) { return std::max(a, b); });
}

// The recorded kernel's own allocator, where "slub" is asked for and SLAB was recorded.
std::string OwnAllocator(const SimulationOptions& base) {
  const std::string& asked = base.run.allocator();
  if (asked != kSlubOfKernel) return asked;
  const absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      TraceReader::Open(base.run.trace(), TraceReader::Options());
  if (!reader.ok()) return asked;
  const TraceHeader& header = (*reader)->header();
  if (RecordedAllocator(header) != "SLAB") return asked;
  const absl::StatusOr<std::string_view> slab = ModelOfKernel("slab", header.kernel_release);
  return slab.ok() ? std::string(*slab) : asked;
}

class Analyst {
 public:
  Analyst(const SimulationOptions& base, const WhyOptions& options)
      : base_(base), options_(options) {}

  absl::StatusOr<WhyReport> Run() {
    base_.run.set_allocator(OwnAllocator(base_));
    ModelChooser().Choose(&base_);
    absl::StatusOr<std::vector<WhyTry>> tries = WhyTries(base_, options_.further);
    if (!tries.ok()) return tries.status();
    tries_ = *std::move(tries);
    if (absl::Status status = RunAll(); !status.ok()) return status;
    FillCosts(before_.result(), &report_);
    report_.set_subject(options_.subject.empty() ? before_.result().config().trace()
                                                 : options_.subject);
    report_.set_parts(CyclesInParts(before_).empty() ? 0 : kWhyParts);
    for (size_t i = 0; i < tries_.size(); ++i) Fill(tries_[i], trials_[i], refusals_[i]);
    if (absl::Status status = RunTogether(); !status.ok()) return status;
    Rank();
    MakePrintable(&report_);
    return std::move(report_);
  }

 private:
  AnsweredJobs Jobs(size_t jobs) const {
    return {.jobs = jobs,
            .workers = options_.workers,
            .stop = options_.stop,
            .progress = options_.progress};
  }
  // `is_base`: its whole result is wanted.
  absl::StatusOr<std::string> Answer(SimulationOptions options, bool is_base) const;
  absl::Status RunAll();
  absl::Status RunTogether();
  void Fill(const WhyTry& tried, const WhyTrial& trial, const std::string& refusal);
  void Rank();

  SimulationOptions base_;
  const WhyOptions& options_;
  std::vector<WhyTry> tries_;
  std::vector<WhyTrial> trials_;       // of each of these
  std::vector<std::string> refusals_;  // likewise; empty: it ran
  WhyTrial before_;
  WhyReport report_;
};

absl::StatusOr<std::string> Analyst::Answer(SimulationOptions options, bool is_base) const {
  // Nothing else depends on it.
  options.run.set_call_sites(is_base);
  BlockCycles blocks;
  absl::StatusOr<RunResult> result =
      Simulate(options, {.progress = nullptr, .stop = options_.stop, .observer = &blocks});
  if (!result.ok()) return result.status();
  WhyTrial trial;
  *trial.mutable_figures() = FiguresOf(*result);
  trial.mutable_block_cycles()->Add(blocks.cycles().begin(), blocks.cycles().end());
  for (const FootprintSample& sample : result->footprint()) {
    trial.add_held_bytes(HeldBy(sample).total);
  }
  if (is_base) {
    MakePrintable(&*result);
    *trial.mutable_result() = *std::move(result);
  }
  return trial.SerializeAsString();
}

absl::Status Analyst::RunAll() {
  trials_.resize(tries_.size());
  refusals_.resize(tries_.size());
  const auto work = [&](size_t job) {
    return job == 0 ? Answer(base_, true) : Answer(tries_[job - 1].options, false);
  };
  const auto take = [&](size_t job, const absl::StatusOr<std::string>& answer) -> absl::Status {
    if (answer.ok()) {
      CHECK((job == 0 ? before_ : trials_[job - 1]).ParseFromString(*answer));
    } else if (job == 0) {
      return answer.status();
    } else {
      refusals_[job - 1] = std::string(answer.status().message());
    }
    return absl::OkStatus();
  };
  return RunAnswered(Jobs(tries_.size() + 1), work, take);
}

// The best settings of all names together, each of which surely saves cycles by itself.
absl::Status Analyst::RunTogether() {
  std::map<std::string, size_t> best;  // by name
  const auto cycles = [&](size_t i) { return report_.candidates(static_cast<int>(i)).change(); };
  for (size_t i = 0; i < tries_.size(); ++i) {
    const WhyCandidate& candidate = report_.candidates(static_cast<int>(i));
    const std::string& how = candidate.how();
    if (how == kByKernel || how == kByRun || !candidate.cycles().is_sure() ||
        candidate.cycles().median() > -kNoiseHundredths) {
      continue;
    }
    const std::string name = candidate.setting().substr(0, candidate.setting().find('='));
    const auto [at, added] = best.try_emplace(name, i);
    if (!added && cycles(i).cycles() < cycles(at->second).cycles()) at->second = i;
  }
  if (best.size() < 2) return absl::OkStatus();
  std::vector<const WhyTry*> chosen;
  for (const auto& [name, i] : best) chosen.push_back(&tries_[i]);
  const WhyTry together = Together(base_, chosen);
  const auto take = [&](size_t, const absl::StatusOr<std::string>& answer) -> absl::Status {
    WhyTrial trial;
    CHECK(!answer.ok() || trial.ParseFromString(*answer));
    Fill(together, trial, answer.ok() ? "" : std::string(answer.status().message()));
    return absl::OkStatus();
  };
  return RunAnswered(
      Jobs(1), [&](size_t) { return Answer(together.options, false); }, take);
}

void Analyst::Fill(const WhyTry& tried, const WhyTrial& trial, const std::string& refusal) {
  WhyCandidate& candidate = *report_.add_candidates();
  candidate.set_how(tried.how);
  candidate.set_setting(tried.setting);
  candidate.set_meaning(tried.meaning);
  candidate.set_refused(refusal);
  if (!refusal.empty()) return;
  *candidate.mutable_change() = Less(trial.figures(), before_.figures());
  if (auto spread = WhySpreadOf(CyclesInParts(before_), CyclesInParts(trial)); spread) {
    *candidate.mutable_cycles() = *std::move(spread);
  }
  if (auto spread = WhySpreadOf(HeldInParts(before_), HeldInParts(trial)); spread) {
    *candidate.mutable_bytes() = *std::move(spread);
  }
}

void Analyst::Rank() {
  std::stable_sort(report_.mutable_candidates()->begin(), report_.mutable_candidates()->end(),
                   [](const WhyCandidate& a, const WhyCandidate& b) {
                     if (a.refused().empty() != b.refused().empty()) return a.refused().empty();
                     return a.change().cycles() < b.change().cycles();
                   });
}

}  // namespace

std::optional<WhySpread> WhySpreadOf(const std::vector<uint64_t>& before,
                                     const std::vector<uint64_t>& after) {
  constexpr size_t kLeast = 5;  // with which something can be telling
  std::vector<int64_t> changes;
  for (size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    const std::optional<int64_t> change = RelativeChange(before[i], after[i]);
    if (change.has_value() && before[i] != 0) changes.push_back(*change);
  }
  if (changes.size() < kLeast) return std::nullopt;
  const auto less = std::count_if(changes.begin(), changes.end(), [](int64_t c) { return c < 0; });
  const Spread spread = SpreadOf(std::move(changes));
  WhySpread filled;
  filled.set_median(spread.median);
  filled.set_low(spread.low);
  filled.set_high(spread.high);
  filled.set_confidence_per_mille(spread.confidence_per_mille);
  filled.set_parts(static_cast<uint32_t>(spread.count));
  filled.set_less(static_cast<uint32_t>(less));
  filled.set_is_sure(spread.excludes_zero());
  return filled;
}

absl::StatusOr<WhyReport> Why(const SimulationOptions& base, const WhyOptions& options) {
  return Analyst(base, options).Run();
}

}  // namespace slablab
