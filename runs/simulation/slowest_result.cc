// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/slowest_result.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "runs/simulation/run_result.h"
#include "sim/core/spinlock.h"
#include "workloads/observed/operation_names.h"
#include "workloads/rcu_frees.h"

namespace slablab {

namespace {

void FillWait(const OperationTally& tally, const Allocator& allocator, SlowWait& wait) {
  const OperationTally::LockWait& longest = tally.longest_wait();
  wait.set_lock(longest.lock->name);
  wait.set_holder_cpu(longest.holder.cpu.value());
  wait.set_holder_site(SiteName(allocator.sites(), static_cast<int>(longest.holder.site)));
  wait.set_cycles(longest.cycles);
  wait.set_waits(tally.lock_waits());
  wait.set_cycles_total(tally.cycles(Cause::kLockWait));
}

}  // namespace

std::vector<SlowCause> CausesOf(const OperationTally& tally, Cycles cycles) {
  std::vector<SlowCause> causes;
  const auto cells = tally.Sums();
  for (int s = 0; s < kStructures; ++s) {
    for (int o = 0; o < kOutcomes; ++o) {
      const auto structure = static_cast<Structure>(s);
      const auto outcome = static_cast<Outcome>(o);
      const Cycles spent = cells[OperationTally::CellOf(structure, outcome)].cycles;
      if (spent == 0) continue;
      SlowCause& cause = causes.emplace_back();
      cause.set_structure(std::string(StructureName(structure)));
      cause.set_outcome(std::string(OutcomeName(outcome)));
      cause.set_cycles(spent);
    }
  }
  const auto add = [&](std::string_view name, Cycles spent) {
    if (spent == 0) return;
    SlowCause& cause = causes.emplace_back();
    cause.set_cause(std::string(name));
    cause.set_cycles(spent);
  };
  for (int c = 0; c < kCauses; ++c) {
    const auto cause = static_cast<Cause>(c);
    add(CauseName(cause), cells[OperationTally::CellOf(cause)].cycles);
  }
  CHECK_LE(tally.total(), cycles);
  add(kCodeAndL1, cycles - tally.total());
  std::stable_sort(causes.begin(), causes.end(),
                   [](const SlowCause& a, const SlowCause& b) { return a.cycles() > b.cycles(); });
  return causes;
}

void GatherSlowest(const SlowestOperations& slowest, const OperationNames& names,
                   const Machine& machine, const Allocator& allocator, RunResult& result) {
  for (const SlowestOperations::Entry* entry : slowest.InOrder()) {
    const OperationEnd& operation = entry->operation;
    SlowOperation& slow = *result.add_slowest();
    slow.set_rank(static_cast<uint64_t>(result.slowest_size()));
    slow.set_time_ns(slowest.StartOf(operation));
    slow.set_cpu(operation.cpu.value());
    slow.set_node(machine.config().cpus[operation.cpu.index()].node.value());
    slow.set_task(operation.task);
    slow.set_comm(names.Task(operation.task, slow.time_ns()));
    slow.set_context(std::string(ContextName(operation.priority)));
    slow.set_caller(names.Caller(operation));
    slow.set_kind(operation.is_free ? "free" : "alloc");
    slow.set_path(std::string(PathOf(allocator, operation.path).name));
    if (entry->cache != kNoCache) slow.set_cache(allocator.Layout(entry->cache).name);
    slow.set_object(operation.object.value());
    slow.set_bytes(operation.bytes);
    slow.set_event(operation.event);
    slow.set_cycles(operation.cycles);
    for (SlowCause& cause : CausesOf(entry->tally, operation.cycles)) {
      *slow.add_causes() = std::move(cause);
    }
    if (entry->tally.lock_waits() > 0) {
      FillWait(entry->tally, allocator, *slow.mutable_waited_for());
    }
  }
}

}  // namespace slablab
