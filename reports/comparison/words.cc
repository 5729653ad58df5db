// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/comparison/words.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/comparison/comparison.h"
#include "reports/comparison/setting.h"
#include "reports/delta.h"
#include "reports/numbers.h"

// What differs and why, in words.

namespace slablab {
namespace {

// Sets up to this size are told run by run.
constexpr size_t kToldRunByRun = 8;

// " Of slab's, 66.0 are spent in timers and put-off work." Nothing where operations have it all.
std::string OutsideSentence(const LabelledResult& run) {
  std::vector<std::string> parts;
  for (const NamedSum& part : AllocatorParts(run.result)) {
    const int64_t cycles = PerOperation(run.result, part.value);
    if (part.name == PartName(Part::kOperation) || cycles < 100) continue;
    parts.push_back(fmt::format("{} {}", Amount(cycles), part.name));
  }
  if (parts.empty()) return "";
  return fmt::format(" Of these, {} spends outside operations: {}.", run.label, Listed(parts));
}

std::string CyclesParagraph(const LabelledResult& base, const LabelledResult& candidate) {
  const uint64_t from = CyclesOf(base.result);
  const uint64_t to = CyclesOf(candidate.result);
  const std::string of_each = fmt::format(
      "{} spends {} cycles an operation in the allocator, {} {}", candidate.label,
      ShortMetricText(CyclesMetric(), to), base.label, ShortMetricText(CyclesMetric(), from));
  const Mark mark = MarkOf(CyclesMetric(), from, to);
  std::string text =
      mark == Mark::kEqual
          ? fmt::format("{} spends as many cycles an operation as {}, {}.", candidate.label,
                        base.label, ShortMetricText(CyclesMetric(), to))
          : fmt::format("{}: {}.", of_each, ChangeText(CyclesMetric(), from, to));
  const std::vector<Contribution> causes = ByCause(base.result, candidate.result);
  int64_t whole = 0;
  for (const Contribution& part : causes) whole += part.difference;
  text += OutsideSentence(base) + OutsideSentence(candidate);
  text += CausesSentence(causes, whole);
  const std::vector<Contribution> structures = ByStructure(base.result, candidate.result);
  const std::string less = Largest(structures, false, whole);
  const std::string more = Largest(structures, true, whole);
  if (!less.empty() || !more.empty()) {
    text += fmt::format(" By what is touched: {}{}{}.", whole > 0 ? more : less,
                        less.empty() || more.empty() ? "" : "; ", whole > 0 ? less : more);
  }
  return text;
}

// A metric that moved, as a half sentence, or nothing.
void AppendMoved(std::string_view name, std::string_view what, std::string_view unit,
                 const LabelledResult& base, const LabelledResult& candidate,
                 std::vector<std::string>& parts) {
  const Metric& metric = *FindMetric(name);
  const std::optional<uint64_t> from = metric.of(base.result);
  const std::optional<uint64_t> to = metric.of(candidate.result);
  const Mark mark = MarkOf(metric, from, to);
  if (mark == Mark::kUnknown || mark == Mark::kEqual || mark == Mark::kAbout) return;
  parts.push_back(fmt::format("{} {}{} instead of {}{}", what, ShortMetricText(metric, to), unit,
                              ShortMetricText(metric, from), unit));
}

std::string BehindParagraph(const LabelledResult& base, const LabelledResult& candidate) {
  std::vector<std::string> parts;
  AppendMoved("alloc_fast_share", "fast allocations", "%", base, candidate, parts);
  AppendMoved("free_fast_share", "fast frees", "%", base, candidate, parts);
  AppendMoved("alloc_cycles_p99", "one allocation in a hundred takes more than", " cycles", base,
              candidate, parts);
  AppendMoved("free_cycles_p99", "one free in a hundred more than", " cycles", base, candidate,
              parts);
  const Metric& wait = *FindMetric("lock_wait_cycles");
  const uint64_t from = wait.of(base.result).value_or(0);
  const uint64_t to = wait.of(candidate.result).value_or(0);
  const int64_t waited = PerOperation(candidate.result, to) - PerOperation(base.result, from);
  if (std::abs(waited) >= 100) {
    parts.push_back(fmt::format("{} cycles of waiting for locks an operation instead of {}",
                                Amount(PerOperation(candidate.result, to)),
                                Amount(PerOperation(base.result, from))));
  }
  AppendMoved("failed_allocations", "allocations that failed:", "", base, candidate, parts);
  if (parts.empty()) return "";
  return fmt::format("{} beside {}: {}.", candidate.label, base.label, Listed(parts));
}

// What users of the objects pay or save, where it is worth a word beside the allocator's own.
std::string UseSentence(const LabelledResult& base, const LabelledResult& candidate) {
  const int64_t from = PerOperation(base.result, base.result.totals().use_cycles());
  const int64_t to = PerOperation(candidate.result, candidate.result.totals().use_cycles());
  const int64_t whole = Told(CyclesOf(base.result));
  if (std::abs(to - from) * 20 < whole || to == from) return "";
  const int64_t together_from = from + whole;
  const int64_t together_to = to + Told(CyclesOf(candidate.result));
  return fmt::format(
      "Its users touch {} objects: they spend {} cycles an operation on that instead of {}. With "
      "the allocator's own that is {} instead of {} ({}).",
      to < from ? "warmer" : "colder", Amount(to), Amount(from), Amount(together_to),
      Amount(together_from),
      ChangeText(CyclesMetric(), static_cast<uint64_t>(together_from),
                 static_cast<uint64_t>(together_to)));
}

std::string AxisName(std::string name) {
  if (name == "cpus") return "number of CPUs";
  if (name == "nodes") return "number of nodes";
  if (name == "set") return "workload's parameters";
  if (name.ends_with("_textproto")) {
    return fmt::format("{}'s description", name.substr(0, name.find('_')));
  }
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

// The names of the values of an axis, each once, in order.
std::vector<std::string> Distinct(const std::vector<std::string>& values) {
  std::vector<std::string> distinct;
  for (const std::string& value : values) {
    if (!value.empty() && std::find(distinct.begin(), distinct.end(), value) == distinct.end()) {
      distinct.push_back(value);
    }
  }
  return distinct;
}

std::string ComparedParagraph(ResultSet set) {
  std::vector<const RunResult*> results;
  for (const LabelledResult& labelled : set) results.push_back(&labelled.result);
  const std::vector<Axis> axes = AxesOf(results);
  const RunConfig& first = set.front().result.config();
  if (set.size() == 1) return "";
  if (axes.empty()) {
    return fmt::format("{} runs of one configuration.", Grouped(set.size()));
  }
  std::vector<std::string> names;
  for (const Axis& axis : axes) {
    const std::vector<std::string> values = Distinct(axis.values);
    names.push_back(values.size() < 2 || values.size() > kToldRunByRun
                        ? AxisName(axis.name)
                        : fmt::format("{} ({})", AxisName(axis.name), Listed(values)));
  }
  std::string text =
      fmt::format("{} runs that differ in the {}.", Grouped(set.size()), Listed(names));
  const auto same = [&](std::string_view name) {
    return std::none_of(axes.begin(), axes.end(),
                        [&](const Axis& axis) { return axis.name == name; });
  };
  std::vector<std::string> alike;
  if (same("trace") && !first.trace().empty()) alike.push_back(first.trace());
  if (same("workload") && !first.workload().empty()) alike.push_back(first.workload());
  if (same("machine") && !first.machine().empty()) alike.push_back("on " + first.machine());
  if (same("order") && !first.order().empty())
    alike.push_back(fmt::format("in {} order", first.order()));
  if (!alike.empty()) {
    text += " All: ";
    for (size_t i = 0; i < alike.size(); ++i) text += (i > 0 ? ", " : "") + alike[i];
    text += ".";
  }
  return text;
}

void AppendReservations(ResultSet set, std::vector<std::string>& words) {
  std::set<uint64_t> traces;
  std::set<int64_t> clocks;
  std::set<std::string> versions;
  for (const LabelledResult& labelled : set) {
    traces.insert(labelled.result.digests().trace());
    clocks.insert(labelled.result.config().clock_mhz());
    versions.insert(labelled.result.config().slablab_version());
    const Totals& totals = labelled.result.totals();
    if (totals.failed_allocations() > 0) {
      words.push_back(fmt::format(
          "WARNING: in {}, {} failed for want of memory, and their frees were left out.",
          labelled.label, Counted(totals.failed_allocations(), "allocation", "allocations")));
    }
  }
  if (traces.size() > 1) {
    words.push_back(
        "The runs are not of one trace: their operations differ, and so does what is counted per "
        "operation.");
  }
  if (clocks.size() > 1) {
    words.push_back(
        "The machines' clocks differ: cycles of one are not as long as cycles of the other.");
  }
  if (versions.size() > 1) {
    words.push_back("WARNING: the runs were made by different versions of slablab.");
  }
}

// "Cycles an operation, fewest first: a (1.0) and b (2.0, +100.0%)."
std::string RankingParagraph(ResultSet set, const Metric& metric, const std::string& what) {
  const bool more = metric.better == Better::kMore;
  std::vector<size_t> order(set.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto value = [&](size_t run) { return metric.of(set[run].result).value_or(0); };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return more ? value(a) > value(b) : value(a) < value(b);
  });
  const uint64_t first = value(order.front());
  std::vector<std::string> parts;
  for (const size_t run : order) {
    const std::string text = ShortMetricText(metric, value(run));
    parts.push_back(run == order.front() ? fmt::format("{} ({})", set[run].label, text)
                                         : fmt::format("{} ({}, {})", set[run].label, text,
                                                       ChangeText(metric, first, value(run))));
  }
  const std::string_view best = more ? "most" : "fewest";
  const std::string_view worst = more ? "fewest" : "most";
  return parts.size() > kToldRunByRun
             ? fmt::format("{}: {} {}, {} {}.", what, best, parts.front(), worst, parts.back())
             : fmt::format("{}, {} first: {}.", what, best, Listed(parts));
}

// What it comes to for the user: only where all count the same work.
std::string WorkParagraph(ResultSet set) {
  const Metric& rate = *FindMetric("work_per_second");
  const std::string& unit = set[0].result.totals().work_unit();
  for (const LabelledResult& run : set) {
    if (!rate.of(run.result).has_value() || run.result.totals().work_unit() != unit) return "";
  }
  std::string what = unit + " a second";
  if (what[0] >= 'a' && what[0] <= 'z') what[0] = static_cast<char>(what[0] - 'a' + 'A');
  return RankingParagraph(set, rate, what);
}

std::string ScalingParagraph(ResultSet set, const Series& series) {
  const RunResult& first = set[series.runs.front()].result;
  const RunResult& last = set[series.runs.back()].result;
  const uint64_t from = CyclesOf(first);
  const uint64_t to = CyclesOf(last);
  std::string text =
      fmt::format("{}, from {} to {}: {} to {} cycles an operation ({}).", series.name,
                  Grouped(static_cast<uint64_t>(std::max(first.config().cpus(), 0))),
                  Counted(static_cast<uint64_t>(std::max(last.config().cpus(), 0)), "CPU", "CPUs"),
                  ShortMetricText(CyclesMetric(), from), ShortMetricText(CyclesMetric(), to),
                  ChangeText(CyclesMetric(), from, to));
  const std::string causes =
      Largest(ByCause(first, last), to > from, Told(to) - Told(from));
  if (!causes.empty()) text += fmt::format(" The change is mostly {}.", causes);
  return text;
}

// Of a run that stands alone: what it cost, and why.
std::vector<std::string> CostInWords(const LabelledResult& run) {
  const RunResult& result = run.result;
  std::vector<std::string> words;
  std::vector<Contribution> parts;
  for (const NamedSum& sum : BreakDown(result).allocator) {
    parts.push_back({.name = sum.name, .difference = PerOperation(result, sum.value)});
  }
  std::stable_sort(parts.begin(), parts.end(), [](const Contribution& a, const Contribution& b) {
    return a.difference > b.difference;
  });
  if (parts.size() > 3) parts.resize(3);
  std::vector<std::string> largest;
  for (const Contribution& part : parts) {
    if (part.difference == 0) continue;
    largest.push_back(fmt::format("{} ({})", part.name, Amount(part.difference)));
  }
  const std::string most = Listed(largest);
  words.push_back(fmt::format("{}, {} cycles an operation in the allocator{}.",
                              Counted(result.totals().operations(), "operation", "operations"),
                              Quotient(CyclesOf(result), 1000, 1),
                              most.empty() ? "" : fmt::format("; most go to {}", most)));
  if (result.totals().use_cycles() > 0) {
    words.push_back(fmt::format("Users spend {} more on touching their objects.",
                                Amount(PerOperation(result, result.totals().use_cycles()))));
  }
  if (result.has_footprint_peak()) {
    const FootprintSample& peak = result.footprint_peak();
    words.push_back(fmt::format(
        "{} in slabs at the peak, {} of it waste; {} held in all then.", Bytes(peak.slab_bytes()),
        Percent(WasteOf(peak).total(), peak.slab_bytes()), Bytes(HeldBy(peak).total)));
  }
  return words;
}

// The values of an axis in a heading, or how many there are.
std::string Heading(const std::vector<std::string>& values, std::string_view many,
                    size_t names_max) {
  const std::vector<std::string> distinct = Distinct(values);
  if (distinct.size() > names_max) return fmt::format("{} {}", distinct.size(), many);
  std::string text;
  for (const std::string& value : distinct) text += (text.empty() ? "" : ", ") + value;
  return text;
}

}  // namespace

std::string ComparisonTitle(ResultSet set, size_t names_max) {
  std::vector<std::string> allocators;
  std::vector<std::string> machines;
  std::vector<std::string> workloads;
  for (const LabelledResult& run : set) {
    const RunConfig& config = run.result.config();
    allocators.push_back(config.allocator());
    machines.push_back(config.machine());
    std::string workload = config.trace().empty() ? config.workload() : config.trace();
    if (workload.ends_with(".slt")) workload.resize(workload.size() - 4);
    workloads.push_back(std::move(workload));
  }
  std::string title = Heading(allocators, "allocators", names_max);
  const std::string on = Heading(machines, "machines", names_max);
  const std::string of = Heading(workloads, "workloads", names_max);
  if (!on.empty()) title += " on " + on;
  if (!of.empty()) title += ": " + of;
  return title.empty() ? "No run" : title;
}

std::string ShortTitle(ResultSet set, size_t columns) {
  std::string title = ComparisonTitle(set);
  return title.size() <= columns ? title : ComparisonTitle(set, 3);
}

std::vector<std::string> DifferencesInWords(ResultSet set) {
  std::vector<std::string> words;
  if (set.empty()) return words;
  const auto say = [&](std::string text) {
    if (!text.empty()) words.push_back(std::move(text));
  };
  std::vector<RunNamed> runs;
  for (const LabelledResult& run : set) runs.push_back({run.label, &run.result});
  for (std::string& sentence : LossesInWords(runs)) say(std::move(sentence));
  if (set.size() == 1) {
    for (std::string sentence : CostInWords(set[0])) words.push_back(std::move(sentence));
  }
  say(ComparedParagraph(set));
  for (std::string& sentence : SettingInWords(set)) say(std::move(sentence));
  AppendReservations(set, words);
  if (set.size() > 1) say(WorkParagraph(set));
  if (set.size() > 2) {
    say(RankingParagraph(set, CyclesMetric(), "Cycles an operation in the allocator"));
  }
  if (set.size() <= kToldRunByRun) {
    for (size_t i = 1; i < set.size(); ++i) {
      std::string text = CyclesParagraph(set[0], set[i]);
      const std::string use = UseSentence(set[0], set[i]);
      say(use.empty() ? text : text + " " + use);
      say(BehindParagraph(set[0], set[i]));
      say(MemoryParagraph(set[0], set[i]));
    }
    return words;
  }
  for (const Series& series : ScalingSeries(set)) {
    if (series.runs.size() > 1) say(ScalingParagraph(set, series));
  }
  return words;
}

}  // namespace slablab
