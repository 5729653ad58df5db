// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/scheduler.h"
#include "workloads/closed/closed_loop.h"

// What disturbances allocate and free, beside the tasks.

namespace slablab {

namespace {

Priority PriorityOf(const Cpu& cpu) {
  return cpu.in_interrupt() ? Priority::kHardirq : Priority::kTask;
}

}  // namespace

Task<PhysAddr> ClosedLoop::AllocateAside(Cpu& cpu, uint32_t bytes, Gfp gfp) {
  Placement placement;
  Task<void> allocation = executor_.Allocate(cpu, {.gfp = gfp, .bytes = bytes, .usable = bytes},
                                             User{this, kNoTask, 0, PriorityOf(cpu), &placement});
  co_await allocation;
  if (!placement.object.is_null()) {
    co_await cpu.Sync();
    NoteFootprint(cpu.now());
  }
  co_return placement.object;
}

Task<void> ClosedLoop::FreeAside(Cpu& cpu, PhysAddr object, uint32_t bytes, bool by_rcu) {
  return executor_.Free(cpu, {.object = object, .bytes = bytes, .by_rcu = by_rcu},
                        User{this, kNoTask, 0, PriorityOf(cpu)});
}

Task<void> ClosedLoop::RcuBarrier(Cpu& cpu) {
  co_await cpu.Sync();
  const PartScope part(cpu, Part::kTimer);
  Task<void> barrier = executor_.rcu_frees().Barrier(cpu);
  co_await barrier;
  NoteFootprint(cpu.now());
}

}  // namespace slablab
