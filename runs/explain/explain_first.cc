// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/explain/explain_first.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/printable.h"
#include "fmt/format.h"
#include "runs/experiments/run_diff.h"
#include "runs/simulation/simulation.h"
#include "runs/simulation/slowest_result.h"
#include "sim/core/spinlock.h"
#include "sim/machine.h"
#include "workloads/observed/operation_names.h"
#include "workloads/rcu_frees.h"

namespace slablab {
namespace {

// One operation of a run, by its place in the order in which they end.
struct Probed {
  OperationEnd operation;
  Nanos start = 0;
  std::string path, cache, caller, comm, lock;
  std::vector<SlowCause> causes;
};

class Probe : public OperationObserver {
 public:
  explicit Probe(uint64_t index) : index_(index) {}

  void OnNames(const OperationNames& names) override { names_ = &names; }
  void OnBegin(const Machine& machine, const Allocator& allocator) override {
    machine_ = &machine;
    allocator_ = &allocator;
    begin_ = machine.scheduler().now();
  }
  void OnOperation(const OperationEnd& operation) override {
    if (seen_++ != index_) return;
    Probed probed;
    probed.operation = operation;
    probed.start = (operation.start - std::min(operation.start, begin_)) * 1000 /
                   static_cast<uint64_t>(machine_->config().clock_mhz);
    probed.path = std::string(PathOf(*allocator_, operation.path).name);
    CacheId cache = operation.cache;
    if (cache == kNoCache && !operation.object.is_null()) {
      cache = allocator_->Locate(operation.object).cache;
    }
    if (cache != kNoCache) probed.cache = Printable(allocator_->Layout(cache).name);
    probed.caller = Printable(names_->Caller(operation));
    probed.comm = Printable(names_->Task(operation.task, probed.start));
    const OperationTally& tally = machine_->scheduler().cpu(operation.cpu).tally();
    probed.causes = CausesOf(tally, operation.cycles);
    if (tally.lock_waits() > 0) probed.lock = tally.longest_wait().lock->name;
    found_ = std::move(probed);
  }
  bool done() const { return found_.has_value(); }
  std::optional<Probed> Take() { return std::move(found_); }

 private:
  const uint64_t index_;
  uint64_t seen_ = 0;
  const OperationNames* names_ = nullptr;
  const Machine* machine_ = nullptr;
  const Allocator* allocator_ = nullptr;
  Cycles begin_ = 0;
  std::optional<Probed> found_;
};

absl::StatusOr<std::optional<Probed>> ProbeAt(const SimulationOptions& options, uint64_t index) {
  Probe probe(index);
  SimulationHooks hooks;
  hooks.observer = &probe;
  hooks.stop = [&] { return probe.done() || InterruptRequested(); };
  const absl::StatusOr<RunResult> result = Simulate(options, hooks);
  if (!result.ok() && !(absl::IsCancelled(result.status()) && probe.done())) {
    return result.status();
  }
  return probe.Take();
}

std::string NameOf(const SlowCause& cause) {
  return cause.cause().empty() ? fmt::format("{} of {}", cause.outcome(), cause.structure())
                               : cause.cause();
}

void FillCause(const Probed& before, const Probed& after, ExplainFirst& first) {
  std::map<std::string, int64_t> change;
  for (const SlowCause& cause : after.causes) {
    change[NameOf(cause)] += static_cast<int64_t>(cause.cycles());
  }
  for (const SlowCause& cause : before.causes) {
    change[NameOf(cause)] -= static_cast<int64_t>(cause.cycles());
  }
  for (const auto& [name, cycles] : change) {
    if (std::abs(cycles) <= std::abs(first.cause_cycles())) continue;
    first.set_cause(name);
    first.set_cause_cycles(cycles);
  }
}

}  // namespace

absl::StatusOr<std::optional<ExplainFirst>> FirstDifference(const SimulationOptions& before,
                                                            const SimulationOptions& after) {
  const auto input = [](const SimulationOptions& options) {
    return DiffInput{.path = options.run.allocator(), .is_log = false, .options = options};
  };
  const absl::StatusOr<RunDiff> diff = DiffInputs({input(before), input(after)}, DiffUntil::kFirst);
  if (!diff.ok()) return diff.status();
  if (!diff->first.has_value()) return std::optional<ExplainFirst>();
  const absl::StatusOr<std::optional<Probed>> left = ProbeAt(before, diff->operations);
  if (!left.ok()) return left.status();
  const absl::StatusOr<std::optional<Probed>> right = ProbeAt(after, diff->operations);
  if (!right.ok()) return right.status();
  // Where one has ended, it is the other's next.
  const Probed& shown = left->has_value() ? **left : **right;
  ExplainFirst first;
  first.set_event(shown.operation.event);
  first.set_time_ns(shown.start);
  first.set_cpu(shown.operation.cpu.value());
  first.set_task(shown.operation.task);
  first.set_comm(shown.comm);
  first.set_caller(shown.caller);
  first.set_kind(shown.operation.is_free ? "free" : "alloc");
  first.set_cache(shown.cache);
  if (left->has_value()) {
    first.set_path_before((*left)->path);
    first.set_cycles_before((*left)->operation.cycles);
    first.set_lock_before((*left)->lock);
  }
  if (right->has_value()) {
    first.set_path_after((*right)->path);
    first.set_cycles_after((*right)->operation.cycles);
    first.set_lock_after((*right)->lock);
  }
  if (left->has_value() && right->has_value()) FillCause(**left, **right, first);
  return std::optional<ExplainFirst>(std::move(first));
}

}  // namespace slablab
