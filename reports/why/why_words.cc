// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "reports/delta.h"
#include "reports/numbers.h"
#include "reports/why/candidates.h"
#include "reports/why/why_text.h"

namespace slablab {
namespace {

using Costs = google::protobuf::RepeatedPtrField<WhyCost>;

uint64_t Size(int64_t value) { return static_cast<uint64_t>(std::abs(value)); }

// "a (40.0%), b (30.0%) and c (10.0%)", those that are a twentieth of the whole.
template <typename Value, typename Name>
std::string Largest(const Costs& costs, uint64_t whole, Value value, Name name) {
  constexpr size_t kTold = 3;
  std::vector<std::string> parts;
  for (const WhyCost& cost : costs) {
    if (parts.size() == kTold || value(cost) == 0 || value(cost) < whole / 20) break;
    parts.push_back(fmt::format("{} ({})", name(cost), Percent(value(cost), whole)));
  }
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += i + 1 == parts.size() ? " and " : ", ";
    text += parts[i];
  }
  return text;
}

// Of the CPUs' time, which it may be little of: "12.3%", "0.012%".
std::string OfTime(uint64_t cycles, uint64_t all) {
  constexpr uint64_t kMost = UINT64_MAX / 100;
  if (cycles > kMost || cycles > all / 100) return Percent(cycles, all);
  return Quotient(100 * cycles, all, 3) + "%";
}

std::string CostSentence(const WhyReport& report) {
  const auto cycles = static_cast<uint64_t>(report.figures().cycles());
  if (report.operations() == 0) return "There was no operation to do.";
  std::string text = fmt::format(
      "{} takes {} cycles an operation in the allocator, {} of the CPUs' time", report.allocator(),
      Quotient(cycles, report.operations(), 1), OfTime(cycles, report.cpu_cycles()));
  const std::string most = Largest(
      report.causes(), cycles, [](const WhyCost& cost) { return uint64_t{cost.cycles()}; },
      [](const WhyCost& cost) { return cost.name(); });
  if (!most.empty()) text += fmt::format(", most of it in {}", most);
  return text + ".";
}

std::string SlowSentence(const WhyReport& report) {
  if (report.slow_operations() == 0) return "No operation took a slow path.";
  const uint64_t slow = report.slow_cycles();
  const auto slow_cycles = [](const WhyCost& cost) { return uint64_t{cost.slow_cycles()}; };
  std::string text = fmt::format(
      "{} of the operations take slow paths, and these take {} of the operations' cycles, {} of "
      "the CPUs' time",
      Percent(report.slow_operations(), report.operations()),
      Percent(slow, report.operation_cycles()), OfTime(slow, report.cpu_cycles()));
  const std::string caches =
      Largest(report.caches(), slow, slow_cycles, [](const WhyCost& cost) { return cost.name(); });
  const std::string callers = Largest(report.callers(), slow, slow_cycles, [](const WhyCost& cost) {
    return fmt::format("{} with {}", cost.name(), cost.cache());
  });
  if (!caches.empty()) text += fmt::format(": of {}", caches);
  if (!callers.empty()) text += fmt::format("; by {}", callers);
  return text + ".";
}

bool IsKernel(const WhyCandidate& candidate) { return candidate.how() == "kernel"; }

// " Of other kernels' models slub-7.2 takes least (surely -17.4% of cycles, +560.0K).", if any was
// tried.
std::string KernelsSentence(const WhyReport& report) {
  for (const WhyCandidate* candidate : Ran(report)) {
    if (!IsKernel(*candidate)) continue;
    return fmt::format(" Of other kernels' models {} takes least ({}{} of cycles, {}).",
                       candidate->setting(), SurelySaves(*candidate) ? "surely " : "",
                       CyclesChange(report, *candidate), BytesChange(*candidate));
  }
  return "";
}

std::string BestSentence(const WhyReport& report) {
  const std::vector<const WhyCandidate*> ran = Ran(report);
  if (ran.empty()) return "Nothing was tried that would change it.";
  std::vector<std::string> sure;
  for (const WhyCandidate* candidate : ran) {
    if (IsKernel(*candidate) || !SurelySaves(*candidate)) continue;
    sure.push_back(fmt::format("{} ({} of cycles, {})", candidate->setting(),
                               CyclesChange(report, *candidate), BytesChange(*candidate)));
  }
  std::string text = Counted(ran.size(), "change was", "changes were") + " tried. ";
  if (sure.empty()) {
    text += "No setting surely saves 1% of the cycles.";
  } else {
    constexpr size_t kTold = 3;
    text += fmt::format(
        "{} surely {} 1% of the cycles or more: ", Counted(sure.size(), "setting", "settings"),
        sure.size() == 1 ? "saves" : "save");
    if (sure.size() > kTold) sure.resize(kTold);
    text += fmt::format("{}.", fmt::join(sure, "; "));
  }
  return text + KernelsSentence(report);
}

std::string MemorySentence(const WhyReport& report) {
  const std::vector<const WhyCandidate*> savers = MemorySavers(report);
  std::string text = fmt::format("It holds {} in all when most is in slabs",
                                 Bytes(Size(report.figures().bytes())));
  for (const WhyCandidate* candidate : savers) {
    // What costs more cycles than it can be told from nothing is no good advice.
    if (candidate->change().cycles() > report.figures().cycles() / 100) continue;
    return text + fmt::format("; {} ({} of cycles) would hold {} less.", candidate->setting(),
                              CyclesChange(report, *candidate),
                              Bytes(Size(candidate->change().bytes())));
  }
  return text + "; nothing that was tried holds less without costing cycles.";
}

std::string SureSentence(const WhyReport& report) {
  std::string text;
  for (const WhyCandidate* candidate : Ran(report)) {
    if (!candidate->has_cycles()) continue;
    text = fmt::format(
        "A change is a replay, set beside the one as recorded in {} parts of as many events: the "
        "true median of its changes is in the range with {}.{}%, and a change is sure if the range "
        "does not hold 0. One seed was run",
        report.parts(), candidate->cycles().confidence_per_mille() / 10,
        candidate->cycles().confidence_per_mille() % 10);
    break;
  }
  if (text.empty()) text = "Too little was recorded to say how sure changes are";
  if (!report.agreement().empty()) text += "; " + report.agreement();
  return text + ".";
}

}  // namespace

std::vector<const WhyCandidate*> Ran(const WhyReport& report) {
  std::vector<const WhyCandidate*> ran;
  for (const WhyCandidate& candidate : report.candidates()) {
    if (candidate.refused().empty()) ran.push_back(&candidate);
  }
  return ran;
}

std::vector<const WhyCandidate*> MemorySavers(const WhyReport& report) {
  std::vector<const WhyCandidate*> savers = Ran(report);
  std::erase_if(savers, [](const WhyCandidate* each) { return each->change().bytes() >= 0; });
  std::stable_sort(savers.begin(), savers.end(), [](const WhyCandidate* a, const WhyCandidate* b) {
    return a->change().bytes() < b->change().bytes();
  });
  return savers;
}

bool SurelySaves(const WhyCandidate& candidate) {
  return candidate.cycles().is_sure() && candidate.cycles().median() <= -kNoiseHundredths;
}

std::string CyclesChange(const WhyReport& report, const WhyCandidate& candidate) {
  const int64_t change = candidate.change().cycles();
  if (change == 0) return "0";
  return (change < 0 ? "-" : "+") +
         Percent(Size(change), static_cast<uint64_t>(report.figures().cycles()));
}

std::string BytesChange(const WhyCandidate& candidate) {
  const int64_t change = candidate.change().bytes();
  if (change == 0) return "0";
  return (change < 0 ? "-" : "+") + Bytes(Size(change));
}

std::string RangeText(const WhySpread& spread, std::string_view metric) {
  const Metric& of = *FindMetric(metric);
  return fmt::format("{} to {}", HundredthsText(of, spread.low()),
                     HundredthsText(of, spread.high()));
}

std::vector<std::string> WhyWords(const WhyReport& report) {
  std::vector<std::string> words(report.reservations().begin(), report.reservations().end());
  for (std::string sentence : {CostSentence(report), SlowSentence(report), BestSentence(report),
                               MemorySentence(report), SureSentence(report)}) {
    words.push_back(std::move(sentence));
  }
  return words;
}

}  // namespace slablab
