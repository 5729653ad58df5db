// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <vector>

#include "reports/breakdown.h"
#include "reports/numbers.h"
#include "reports/setting.h"
#include "reports/text/sections.h"
#include "runs/switches.h"

// The report's head: what was run and what came of it, in words.

namespace slablab {
namespace {

std::string OrUnknown(const std::string& name) { return name.empty() ? "unknown" : name; }

std::string WorkloadSentence(const RunConfig& config, const Totals& totals) {
  std::string text =
      fmt::format("{}: {}", config.workload(), Counted(totals.tasks(), "task", "tasks"));
  if (!totals.work_unit().empty()) {
    text += fmt::format(", {} {}", Grouped(totals.work()), totals.work_unit());
  }
  return text;
}

std::string ReplaySentence(const RunConfig& config) {
  std::string text =
      fmt::format("{} order, {} placement, {} start; seed {}", OrUnknown(config.order()),
                  OrUnknown(config.placement()), OrUnknown(config.start()), config.seed());
  if (config.scale() > 1) text += fmt::format("; {} copies at once", config.scale());
  if (!config.scenario().empty()) text += fmt::format("; scenario {}", config.scenario());
  if (config.events_max() > 0) {
    text += fmt::format("; the first {} only", Counted(config.events_max(), "event", "events"));
  }
  return text;
}

std::string SwitchesSentence(const RunConfig& config) {
  std::string text =
      fmt::format("cache merging {}, statistics {}", config.merge_caches() ? "on" : "off",
                  config.statistics() ? "on" : "off");
  text += config.object_touch_bytes_max() == 0
              ? "; objects are not touched by their users"
              : fmt::format("; users write at most {} bytes of each object",
                            Grouped(config.object_touch_bytes_max()));
  if (config.pressure_interval_us() > 0) {
    text += fmt::format("; memory short every {}", Duration(config.pressure_interval_us() * 1000));
  }
  if (config.spread_slab()) text += "; spread_slab";
  if (!config.boot().empty()) text += fmt::format("; {} boot", config.boot());
  for (const std::string& quirk : config.quirks()) text += fmt::format("; quirk {}", quirk);
  for (const PolicyValue& policy : config.policies()) {
    text += fmt::format("; policy {}={}", policy.name(), policy.value());
    text +=
        policy.value() == policy.own() ? " as ever" : fmt::format(" instead of {}", policy.own());
  }
  if (!config.percpu().empty() && config.percpu() != "percpu") {
    text += fmt::format("; per-CPU structures from {}", config.percpu());
  }
  for (const std::string& quirk : config.percpu_quirks()) {
    text += fmt::format("; quirk of percpu {}", quirk);
  }
  for (const NamedValue& tunable : config.tunables()) {
    text += fmt::format("; {}={}", tunable.name(), tunable.value());
  }
  const RunSpec defaults = WithDefaults(RunSpec());
  for (const RunSwitch& each : Switches()) {
    const std::string value = SwitchText(WithDefaults(config.run()), each);
    if (!each.flag->reported().empty() || value == SwitchText(defaults, each)) continue;
    text += fmt::format("; {} {}", each.name(), value);
  }
  return text;
}

std::string OperationsSentence(const Totals& totals) {
  std::string text = fmt::format("{}: {} and {}", Grouped(totals.operations()),
                                 Counted(totals.allocations(), "allocation", "allocations"),
                                 Counted(totals.frees(), "free", "frees"));
  if (totals.remote_frees() > 0) {
    text +=
        fmt::format(", {} of these ({}) on another node than the object's",
                    Grouped(totals.remote_frees()), Percent(totals.remote_frees(), totals.frees()));
  }
  if (totals.failed_allocations() > 0) {
    text += fmt::format("; {} FAILED",
                        Counted(totals.failed_allocations(), "allocation", "allocations"));
  }
  return text;
}

std::string CyclesSentence(const RunResult& result) {
  const Totals& totals = result.totals();
  const auto an_operation = [&](uint64_t cycles) {
    return Quotient(cycles, totals.operations(), 1);
  };
  std::string text =
      fmt::format("{} an operation in the allocator", an_operation(AllocatorCycles(result)));
  const std::vector<NamedSum> parts = AllocatorParts(result);
  for (size_t i = 0; i < parts.size() && parts.size() > 1; ++i) {
    text += fmt::format("{}{} {}",
                        i == 0                  ? ", of these "
                        : i + 1 == parts.size() ? " and "
                                                : ", ",
                        an_operation(parts[i].value), parts[i].name);
  }
  const FastShare allocations = FastPaths(result, /*frees=*/false);
  const FastShare frees = FastPaths(result, /*frees=*/true);
  if (allocations.fast + frees.fast == 0) return text;
  text += "; ";
  if (allocations.all > 0) {
    text += fmt::format("{} of the allocations", Percent(allocations.fast, allocations.all));
  }
  if (frees.all > 0) {
    text += fmt::format("{}{} of the frees", allocations.all > 0 ? " and " : "",
                        Percent(frees.fast, frees.all));
  }
  return text + " took a fast path";
}

// The three largest parts, largest first.
std::string MostSentence(const CycleBreakdown& breakdown) {
  std::vector<NamedSum> parts = breakdown.allocator;
  std::stable_sort(parts.begin(), parts.end(),
                   [](const NamedSum& a, const NamedSum& b) { return a.value > b.value; });
  std::string text = "most went to ";
  for (size_t i = 0; i < 3 && i < parts.size() && parts[i].value > 0; ++i) {
    if (i > 0) text += ", then ";
    text +=
        fmt::format("{} ({})", parts[i].name, Percent(parts[i].value, breakdown.allocator_total));
  }
  return text;
}

// What is held besides slabs, in one figure and by the largest part of it.
std::string HeldSentence(const FootprintSample& peak) {
  const MemoryHeld held = HeldBy(peak);
  const auto& most =
      *std::max_element(held.besides.begin(), held.besides.end(),
                        [](const NamedSum& a, const NamedSum& b) { return a.value < b.value; });
  std::string text = fmt::format("; {} held in all then", Bytes(held.total));
  if (most.value > 0) text += fmt::format(", {} of it in {}", Bytes(most.value), most.name);
  return text;
}

std::string MemorySentence(const FootprintSample& peak, bool is_workload) {
  const Waste waste = WasteOf(peak);
  const std::pair<std::string_view, uint64_t> causes[] = {
      {"free slots", waste.free},
      {"rounding up to objects", waste.internal},
      {"padding", waste.padding},
      {"ends of slabs", waste.tail}};
  const auto& most =
      *std::max_element(std::begin(causes), std::end(causes),
                        [](const auto& a, const auto& b) { return a.second < b.second; });
  std::string text = fmt::format("{} in {} at the peak, {} into the {}", Bytes(peak.slab_bytes()),
                                 Counted(peak.slabs(), "slab", "slabs"), Duration(peak.time_ns()),
                                 is_workload ? "run" : "trace");
  if (most.second > 0) {
    text += fmt::format("; {} of it is waste, the largest part {} ({})",
                        Percent(waste.total(), peak.slab_bytes()), most.first,
                        Percent(most.second, peak.slab_bytes()));
  }
  if (peak.own_object_bytes() > 0) {
    text += fmt::format("; {} ({}) are the allocator's own objects", Bytes(peak.own_object_bytes()),
                        Percent(peak.own_object_bytes(), peak.slab_bytes()));
  }
  return text + HeldSentence(peak);
}

uint64_t Nanoseconds(unsigned __int128 cycles, const RunConfig& config) {
  return static_cast<uint64_t>(cycles * 1000 / static_cast<uint64_t>(config.clock_mhz()));
}

// Of a run in closed order: how its tasks shared the CPUs.
std::string TasksSentence(const RunResult& result) {
  const Totals& totals = result.totals();
  return fmt::format(
      "{}, {} between them and {} to another CPU; in all {} of waiting for a CPU and {} of what "
      "they do besides",
      Counted(totals.tasks(), "task", "tasks"), Counted(totals.switches(), "switch", "switches"),
      Counted(totals.migrations(), "move", "moves"),
      Duration(Nanoseconds(totals.run_queue_wait_cycles(), result.config())),
      Duration(Nanoseconds(totals.think_cycles(), result.config())));
}

// Of a run in closed order: how long its tasks took, and what they did in it.
std::string ClosedTimeSentence(const RunResult& result) {
  const Totals& totals = result.totals();
  const uint64_t nanoseconds = Nanoseconds(
      totals.end_time_cycles() - std::min(totals.start_time_cycles(), totals.end_time_cycles()),
      result.config());
  std::string text = fmt::format("{} until the last task was over", Duration(nanoseconds));
  if (totals.trace_duration_ns() > 0) {
    text += fmt::format("; the recording took {}", Duration(totals.trace_duration_ns()));
  }
  if (totals.work() > 0 && nanoseconds > 0) {
    const auto rate = static_cast<unsigned __int128>(totals.work()) * 1'000'000'000 / nanoseconds;
    text += fmt::format("; {} {} a second", Grouped(static_cast<uint64_t>(rate)),
                        totals.work_unit().empty() ? "units of work" : totals.work_unit());
  }
  return text;
}

std::string TimeSentence(const RunResult& result) {
  if (result.config().order() == "closed") return ClosedTimeSentence(result);
  // A cycle is 1000 / MHz nanoseconds. Cycles of centuries would not fit: they are of no run.
  return fmt::format("{} of machine time; the recording took {}",
                     Duration(Nanoseconds(result.totals().end_time_cycles(), result.config())),
                     Duration(result.totals().trace_duration_ns()));
}

std::string KernelSentence(const KernelComparison& comparison) {
  const FastPathPair allocations = ComparedFastPaths(comparison, "alloc");
  const FastPathPair frees = ComparedFastPaths(comparison, "free");
  if (!allocations.has_both() || !frees.has_both()) return "its own counters are compared below";
  return fmt::format(
      "by its own counters {} of the allocations took a fast path (simulated: {} points) and {} of "
      "the frees ({} points)",
      allocations.kernel.Percent(), Points(allocations.points()), frees.kernel.Percent(),
      Points(frees.points()));
}

std::string ReclaimSentence(const ReclaimReport& reclaim) {
  std::string text;
  if (reclaim.calls() > 0) {
    text = fmt::format("asked {} for a node's memory, the allocator gave back {} bytes",
                       Counted(reclaim.calls(), "time", "times"), Grouped(reclaim.bytes()));
  }
  if (reclaim.direct_calls() > 0) {
    text += fmt::format("{}{} found no page and asked: {} bytes were given back",
                        text.empty() ? "" : "; ",
                        Counted(reclaim.direct_calls(), "allocation", "allocations"),
                        Grouped(reclaim.direct_bytes()));
  }
  return text;
}

std::string RcuSentence(const RcuReport& rcu) {
  const uint64_t objects = rcu.to_sheaves() + rcu.to_batches();
  std::string text = fmt::format("{} freed by kvfree_rcu", Counted(objects, "object", "objects"));
  if (rcu.to_sheaves() > 0) text += fmt::format(" ({} into sheaves)", Grouped(rcu.to_sheaves()));
  text += fmt::format("; at most {} of {} waited for a grace period, {} of {} at the end; {} ended",
                      Bytes(rcu.peak_bytes()), Counted(rcu.peak_objects(), "object", "objects"),
                      Bytes(rcu.end_bytes()), Counted(rcu.end_objects(), "object", "objects"),
                      Counted(rcu.grace_periods(), "grace period", "grace periods"));
  if (rcu.drains() > 0) {
    text += fmt::format(", and {} of what was noted", Counted(rcu.drains(), "drain", "drains"));
  }
  return text;
}

// The machine and the kernels: what the numbers are of.
void AppendSetting(const RunResult& result, TextPage& page) {
  page.Labelled("machine", MachineSentence(result));
  if (const std::string sources = SourcesSentence(result); !sources.empty()) {
    page.Labelled("", sources);
  }
  for (const std::string& note : result.machine().notes()) page.Labelled("", note);
  if (const std::string kernels = KernelsSentence(result); !kernels.empty()) {
    page.Labelled("kernels", kernels);
  }
  if (const std::string choice = ChoiceSentence(result); !choice.empty()) {
    page.Labelled("", choice);
  }
  const std::vector<std::string> otherwise = OtherwiseSentences(result);
  for (const std::string& sentence : otherwise) {
    page.Labelled(&sentence == &otherwise.front() ? "otherwise" : "", sentence);
  }
  const std::vector<std::string> rounding = RoundingSentences(result);
  for (const std::string& sentence : rounding) {
    page.Labelled(&sentence == &rounding.front() ? "rounding" : "", sentence);
  }
  if (const std::string folded = FoldedSentence(result); !folded.empty()) {
    page.Labelled("folded", folded);
  }
}

void AppendReservations(const RunResult& result, const TextOptions& options, TextPage& page) {
  const Totals& totals = result.totals();
  const size_t shown = ShownRows(static_cast<size_t>(totals.skipped_size()), options);
  for (size_t i = 0; i < shown; ++i) {
    const NamedCount& skipped = totals.skipped(static_cast<int>(i));
    page.Labelled(
        i == 0 ? "not replayed" : "",
        fmt::format("{}: {}", Counted(skipped.count(), "event", "events"), skipped.name()));
  }
  if (shown < static_cast<size_t>(totals.skipped_size())) {
    page.Labelled("", fmt::format("... and {} more reasons",
                                  static_cast<size_t>(totals.skipped_size()) - shown));
  }
  for (int i = 0; i < totals.import_changes_size(); ++i) {
    const NamedCount& change = totals.import_changes(i);
    page.Labelled(i == 0 ? "import" : "",
                  fmt::format("{}: {}", Counted(change.count(), "event", "events"), change.name()));
  }
  if (totals.order_inversions() > 0 && result.config().order() == "closed") {
    page.Labelled("waits",
                  fmt::format("{} had to wait for the object's own allocation, which "
                              "another task had yet to make: one in {} operations",
                              Counted(totals.order_inversions(), "free", "frees"),
                              Quotient(totals.operations(), totals.order_inversions(), 0)));
  } else if (totals.order_inversions() > 0) {
    page.Labelled("inversions",
                  fmt::format("{} had to wait for the allocation that the trace has before "
                              "them, since simulated time had come to order them otherwise: one "
                              "in {} operations, {} of waiting",
                              Counted(totals.order_inversions(), "event", "events"),
                              Quotient(totals.operations(), totals.order_inversions(), 0),
                              Counted(totals.order_inversion_wait_cycles(), "cycle", "cycles")));
  }
  if (!result.assumptions().empty()) {
    page.Labelled("assumed", fmt::format("{}, at the end",
                                         Counted(static_cast<uint64_t>(result.assumptions_size()),
                                                 "thing", "things")));
  }
}

}  // namespace

void AppendSummary(const RunResult& result, const TextOptions& options, TextPage& page) {
  const RunConfig& config = result.config();
  const Totals& totals = result.totals();
  const bool is_workload = !config.workload().empty();
  page.Heading("What was run, and what came of it");
  const std::string loss = LossSentence(totals.trace_lost_events(), totals.trace_lost_unknown());
  if (!loss.empty()) page.Labelled("LOST", loss + ": all that follows is of the rest");
  if (is_workload) {
    page.Labelled("workload", WorkloadSentence(config, totals));
  } else {
    page.Labelled("trace", fmt::format("{}: {} over {}", OrUnknown(config.trace()),
                                       Counted(totals.events(), "event", "events"),
                                       Duration(totals.trace_duration_ns())));
  }
  AppendSetting(result, page);
  page.Labelled(is_workload ? "run" : "replay", ReplaySentence(config));
  page.Labelled("switches", SwitchesSentence(config));
  page.Blank();
  page.Labelled("operations", OperationsSentence(totals));
  if (totals.operations() > 0) page.Labelled("cycles", CyclesSentence(result));
  const CycleBreakdown breakdown = BreakDown(result);
  if (breakdown.allocator_total > 0) page.Labelled("", MostSentence(breakdown));
  if (result.has_footprint_peak()) {
    page.Labelled("memory", MemorySentence(result.footprint_peak(), is_workload));
  }
  if (result.has_rcu()) page.Labelled("RCU", RcuSentence(result.rcu()));
  if (result.has_reclaim()) page.Labelled("pressure", ReclaimSentence(result.reclaim()));
  if (config.clock_mhz() > 0) {
    page.Labelled("time", TimeSentence(result));
    if (config.order() == "closed") page.Labelled("tasks", TasksSentence(result));
  }
  if (result.has_kernel()) page.Labelled("kernel", KernelSentence(result.kernel()));
  AppendReservations(result, options, page);
  page.Blank();
  page.Labelled("digests", fmt::format("trace {:016x}, configuration {:016x}, end state {:016x}",
                                       result.digests().trace(), result.digests().config(),
                                       result.digests().end_state()));
  if (!config.slablab_version().empty()) {
    page.Labelled("made by", fmt::format("slablab {}", config.slablab_version()));
  }
}

void AppendAssumptions(const RunResult& result, TextPage& page) {
  if (result.assumptions().empty()) return;
  page.Heading("What was assumed, and repaired in the trace");
  for (const std::string& assumption : result.assumptions()) page.Item(assumption);
}

}  // namespace slablab
