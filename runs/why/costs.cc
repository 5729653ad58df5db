// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/why/costs.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/callers.h"
#include "reports/numbers.h"
#include "reports/setting.h"
#include "runs/explain/explain.h"

namespace slablab {
namespace {

using Costs = google::protobuf::RepeatedPtrField<WhyCost>;

constexpr int kCallersMax = 100;

void Add(const OperationGroup& group, bool is_slow, WhyCost& cost) {
  cost.set_operations(cost.operations() + group.operations());
  cost.set_cycles(cost.cycles() + group.cycles());
  if (is_slow) {
    cost.set_slow_operations(cost.slow_operations() + group.operations());
    cost.set_slow_cycles(cost.slow_cycles() + group.cycles());
  }
  for (const AttributedWait& wait : group.waits()) {
    cost.set_wait_cycles(cost.wait_cycles() + wait.cycles());
  }
}

// Those with operations, most slow cycles first.
template <typename Key>
void Move(std::map<Key, WhyCost> costs, Costs* into) {
  std::vector<WhyCost> sorted;
  for (auto& [key, cost] : costs) {
    if (cost.operations() > 0) sorted.push_back(std::move(cost));
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const WhyCost& a, const WhyCost& b) {
    return std::make_pair(a.slow_cycles(), a.cycles()) >
           std::make_pair(b.slow_cycles(), b.cycles());
  });
  for (WhyCost& cost : sorted) *into->Add() = std::move(cost);
}

void FillGroups(const Attribution& attribution, WhyReport* report) {
  std::map<uint32_t, WhyCost> paths;
  std::map<uint32_t, WhyCost> caches;
  std::map<std::pair<uint32_t, uint32_t>, WhyCost> callers;  // and cache
  for (const OperationGroup& group : attribution.groups()) {
    const bool is_known = group.path() < static_cast<uint32_t>(attribution.paths_size());
    const PathName path = is_known ? attribution.paths(static_cast<int>(group.path())) : PathName();
    report->set_operation_cycles(report->operation_cycles() + group.cycles());
    if (path.is_slow()) {
      report->set_slow_operations(report->slow_operations() + group.operations());
      report->set_slow_cycles(report->slow_cycles() + group.cycles());
      WhyCost& cost = paths[group.path()];
      cost.set_name(path.name());
      Add(group, true, cost);
    }
    WhyCost& cache = caches[group.cache()];
    cache.set_name(CacheName(attribution, group.cache()));
    Add(group, path.is_slow(), cache);
    WhyCost& caller = callers[{group.caller(), group.cache()}];
    caller.set_name(CallerName(attribution, group.caller()));
    caller.set_cache(cache.name());
    caller.set_source(SourceOf(attribution, group.caller()));
    Add(group, path.is_slow(), caller);
  }
  for (const CallerMemory& memory : attribution.memory()) {
    for (WhyCost* cost : {&caches[memory.cache()], &callers[{memory.caller(), memory.cache()}]}) {
      cost->set_peak_bytes(cost->peak_bytes() + memory.peak_bytes());
    }
  }
  Move(std::move(paths), report->mutable_slow_paths());
  Move(std::move(caches), report->mutable_caches());
  Move(std::move(callers), report->mutable_callers());
  while (report->callers_size() > kCallersMax) report->mutable_callers()->RemoveLast();
}

}  // namespace

void FillCosts(const RunResult& result, WhyReport* report) {
  const Totals& totals = result.totals();
  report->set_allocator(result.config().allocator());
  report->set_machine(MachineInShort(result));
  report->set_kernel(KernelsSentence(result));
  report->set_agreement(AgreementSentence(result));
  if (std::string loss = LossSentence(totals.trace_lost_events(), totals.trace_lost_unknown());
      !loss.empty()) {
    report->add_reservations(fmt::format("LOST: {}, and every figure is of the rest.", loss));
  }
  if (totals.failed_allocations() > 0) {
    report->add_reservations(
        fmt::format("{} FAILED for want of memory.",
                    Counted(totals.failed_allocations(), "allocation", "allocations")));
  }
  for (std::string& sentence : OtherwiseSentences(result)) {
    report->add_reservations(std::move(sentence) + ".");
  }
  *report->mutable_figures() = FiguresOf(result);
  report->set_operations(totals.operations());
  report->set_use_cycles(totals.use_cycles());
  const uint64_t begin = std::min(totals.start_time_cycles(), totals.end_time_cycles());
  report->set_cpus(static_cast<uint32_t>(result.config().cpus()));
  report->set_cpu_cycles((totals.end_time_cycles() - begin) * report->cpus());
  report->set_duration_ns(totals.trace_duration_ns());
  for (const NamedSum& sum : BreakDown(result).allocator) {
    if (sum.value == 0) continue;
    WhyCost& cost = *report->add_causes();
    cost.set_name(sum.name);
    cost.set_cycles(sum.value);
  }
  std::stable_sort(report->mutable_causes()->begin(), report->mutable_causes()->end(),
                   [](const WhyCost& a, const WhyCost& b) { return a.cycles() > b.cycles(); });
  FillGroups(result.attribution(), report);
}

}  // namespace slablab
