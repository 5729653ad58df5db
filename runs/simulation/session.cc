// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/session.h"

#include <string>
#include <utility>

#include "allocators/registry.h"
#include "runs/simulation/run_config.h"
#include "runs/simulation/run_result.h"
#include "sim/pages/buddy_allocator.h"

namespace slablab {

absl::StatusOr<std::unique_ptr<Session>> Session::Boot(const SimulationOptions& options,
                                                       const MachineConfig& config) {
  auto session = std::make_unique<Session>(config);
  absl::StatusOr<std::unique_ptr<Allocator>> allocator =
      MakeAllocator(options.run.allocator(), session->machine(), BootOptions(options.run));
  if (!allocator.ok()) return allocator.status();
  Allocator& model = **allocator;
  session->model_ = *std::move(allocator);
  session->machine().scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return model.Boot(cpu); });
  if (absl::Status status = model.boot_status(); !status.ok()) return status;
  return session;
}

absl::Status Session::WriteTunables(const SimulationOptions& options) {
  return slablab::WriteTunables(TunablesOf(options.run), *machine_, *model_);
}

void Session::Run(ArrivalSource& source, const SimulationHooks& hooks, const PressureKnob& knob) {
  machine_->scheduler().set_observer(hooks.machine_observer);
  start_ = machine_->scheduler().now();
  machine_->ledger().Reset();
  machine_->scheduler().ResetLockStats();
  if (model_ == nullptr) return machine_->scheduler().Run(source);
  pressure_.emplace(*machine_, *model_, source, knob.interval);
  machine_->buddy().set_reclaimer(&*pressure_);
  if (knob.interval > 0) {
    pressure_->set_done(knob.progress);
    machine_->scheduler().Run(*pressure_);
  } else {
    machine_->scheduler().Run(source);
  }
  machine_->buddy().set_reclaimer(nullptr);
}

void Session::Gather(Executor& executor, absl::Span<const SkippedEvents> skipped,
                     RunResult& result) {
  for (const Allocator::Reference& reference : model_->References()) {
    executor.auditor().OnReference(*model_, reference);
  }
  GatherResult(*machine_, *model_, executor.account(), executor.rcu_frees(), skipped, result);
  GatherOccupancy(*machine_, *model_, executor.auditor(), executor.rcu_frees(), result);
  result.mutable_totals()->set_start_time_cycles(start_);
}

void Session::GatherReclaim(const KswapdTally& kswapd, Cycles ran, RunResult& result) const {
  if (kswapd.runs + pressure_->direct_calls() > 0) {
    ReclaimReport& reclaim = *result.mutable_reclaim();
    reclaim.set_calls(kswapd.runs);
    reclaim.set_bytes(kswapd.bytes);
    reclaim.set_direct_calls(pressure_->direct_calls());
    reclaim.set_direct_bytes(pressure_->direct_bytes());
  }
  if (std::string sentence = KswapdSentence(kswapd, ran); !sentence.empty()) {
    *result.add_assumptions() = std::move(sentence);
  }
}

}  // namespace slablab
