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
  const Cycles begin = cpu.task_clock();
  const Cycles start = cpu.now();
  cpu.set_caller(0);
  if (call_sites_ != nullptr) call_sites_->Begin(cpu);
  Task<Placement> allocation = allocator_.Kmalloc(cpu, bytes, gfp, kAnyNode);
  const Placement placement = co_await allocation;
  const Cycles cycles = cpu.task_clock() - begin;
  Account(cpu, kNoCache, placement.path, false, cycles);
  if (call_sites_ != nullptr) {
    call_sites_->End(cpu, {.task = kOfNoTask,
                           .path = placement.path,
                           .in_interrupt = cpu.in_interrupt(),
                           .object = placement.object,
                           .bytes = bytes,
                           .cycles = cycles});
  }
  if (observer_ != nullptr) {
    observer_->OnOperation({.event = result_.allocations + result_.frees - 1,
                            .task = kOfNoTask,
                            .cpu = cpu.id(),
                            .priority = PriorityOf(cpu),
                            .path = placement.path,
                            .object = placement.object,
                            .bytes = bytes,
                            .start = start,
                            .end = cpu.now(),
                            .cycles = cycles});
  }
  co_return placement.object;
}

Task<void> ClosedLoop::FreeAside(Cpu& cpu, PhysAddr object, uint32_t bytes, bool by_rcu) {
  EndObject(cpu, object, bytes, by_rcu);
  const Cycles begin = cpu.task_clock();
  const Cycles start = cpu.now();
  cpu.set_caller(0);
  if (call_sites_ != nullptr) call_sites_->BeginFree(cpu, object, bytes);
  Task<PathId> release =
      by_rcu ? rcu_frees_.Free(cpu, object, bytes) : allocator_.Kfree(cpu, object);
  const PathId path = co_await release;
  const Cycles cycles = cpu.task_clock() - begin;
  Account(cpu, kNoCache, path, true, cycles);
  if (call_sites_ != nullptr) {
    call_sites_->End(cpu, {.task = kOfNoTask,
                           .path = path,
                           .is_free = true,
                           .in_interrupt = cpu.in_interrupt(),
                           .object = object,
                           .cycles = cycles});
  }
  result_.placements.Add(~object.value());
  NoteFootprint(cpu.now());
  if (observer_ == nullptr) co_return;
  observer_->OnOperation({.event = result_.allocations + result_.frees - 1,
                          .task = kOfNoTask,
                          .cpu = cpu.id(),
                          .priority = PriorityOf(cpu),
                          .is_free = true,
                          .by_rcu = by_rcu,
                          .path = path,
                          .object = object,
                          .start = start,
                          .end = cpu.now(),
                          .cycles = cycles});
}

Task<void> ClosedLoop::RcuBarrier(Cpu& cpu) {
  co_await cpu.Sync();
  const PartScope part(cpu, Part::kTimer);
  Task<void> barrier = executor_.rcu_frees().Barrier(cpu);
  co_await barrier;
  NoteFootprint(cpu.now());
}

}  // namespace slablab
