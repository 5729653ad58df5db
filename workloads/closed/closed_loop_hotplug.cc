// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "absl/strings/str_cat.h"
#include "base/internal_error.h"
#include "sim/core/scheduler.h"
#include "sim/pages/buddy_allocator.h"
#include "workloads/closed/closed_loop.h"

// CPUs that leave and come.

namespace slablab {

namespace {

// A CPU that is to leave is waited for so many microseconds, if no task does anything meanwhile.
constexpr uint64_t kPausesMax = 4'000'000;

}  // namespace

Task<bool> ClosedLoop::TakeOffline(Cpu& cpu, CpuId target) {
  if (target == cpu.id() || !roster_.Leave(target)) co_return false;
  fair_.SetAvailable(target, false);
  co_await cpu.Sync();
  // It may have seen that it is to leave while this CPU was in interrupts.
  if (!roster_.has_handed_over(target)) SendForCpu(target, cpu.now());
  machine_.scheduler().CutPass(machine_.cpu(target), cpu.now() + machine_.config().ipi_cycles);
  // It leaves what it does at the end of a step, or in the middle of a think.
  const Cycles pause = static_cast<Cycles>(machine_.config().clock_mhz);
  const uint64_t progress = Progress();
  for (uint64_t pauses = 0; !roster_.has_handed_over(target) || !machine_.cpu(target).idle();
       ++pauses) {
    if (pauses >= kPausesMax && Progress() == progress) {
      InternalError(absl::StrCat("CPU ", target.value(), " does not leave: CPU ", cpu.id().value(),
                                 " has waited for it for ", kPausesMax / 1'000'000, " s. ",
                                 DescribeTasks()));
    }
    cpu.Pass(pause);
    co_await cpu.Sync();
    // It is a thread that waits: what the other is at may need a grace period.
    if (Rcu* const rcu = machine_.rcu_in_use(); rcu != nullptr) rcu->NoteSwitch(cpu);
    LookUp();
    if (stopped_) co_return false;
  }
  roster_.Go(target);
  cpus_[target.index()].active = false;  // What was sent for it does not come.
  cpus_[target.index()].wake_at = 0;
  machine_.scheduler().Announce(0);  // What is on its way there goes elsewhere.
  machine_.scheduler().SetOnline(target, false);
  const PartScope part(cpu, Part::kHotplug);
  Task<void> drain = machine_.buddy().DrainCpu(cpu, target);
  co_await drain;
  Task<void> callback = allocator_.CpuDead(cpu, target);
  co_await callback;
  co_return true;
}

Task<bool> ClosedLoop::BringOnline(Cpu& cpu, CpuId target) {
  if (!roster_.is_gone(target)) co_return false;
  const PartScope part(cpu, Part::kHotplug);
  Task<bool> callback = allocator_.CpuComing(cpu, target);
  const bool has_memory = co_await callback;
  if (!has_memory) co_return false;
  co_await cpu.Sync();
  machine_.scheduler().SetOnline(target, true);
  Task<void> admit = machine_.buddy().AdmitCpu(cpu, target);
  co_await admit;
  roster_.Come(target);
  fair_.SetAvailable(target, true);
  co_return true;
}

}  // namespace slablab
