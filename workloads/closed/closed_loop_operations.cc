// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "workloads/closed/closed_loop.h"

// What the steps of a task do to objects, and what a disturbance does to its own.

namespace slablab {

namespace {

Priority PriorityOf(const Cpu& cpu) {
  return cpu.in_interrupt() ? Priority::kHardirq : Priority::kTask;
}

}  // namespace

Task<void> ClosedLoop::Allocate(Cpu& cpu, TaskIndex task, const Step& step) {
  const Executor::Allocation what = {.cache = step.cache,
                                     .gfp = step.gfp,
                                     .node = step.node,
                                     .bytes = step.bytes,
                                     .usable = step.bytes,
                                     .written = step.touch_bytes,
                                     .number = step.object};
  Placement placement;
  cpu.set_caller(step.caller);
  Task<void> allocation = executor_.Allocate(
      cpu, what, User{this, task, step.label, tasks_[task].priority, &placement});
  co_await allocation;
  // Others see the object in global time order.
  co_await cpu.Sync();
  Publish(cpu, task, step, placement);
}

void ClosedLoop::Publish(Cpu& cpu, TaskIndex task, const Step& step, Placement placement) {
  const ObjectPlaces::Waiter waiter =
      objects_.Publish(step.object, placement, step.cache, step.bytes);
  NoteFootprint(cpu.now());
  if (waiter.task == kNoTask) return;
  if (!waiter.frees_late) return Wake(cpu, waiter.task, cpu.now(), task, false);
  const TaskRecord& interrupt = tasks_[waiter.task];
  SendFor({.time = cpu.now(),
           .about = step.object,
           .cpu = interrupt.home,
           .kind = Agenda::Kind::kLateFree,
           .priority = interrupt.priority});
}

// Whether what the task's step is to free is there.
bool ClosedLoop::MayFree(TaskIndex task, Priority priority) {
  const Step& step = tasks_[task].step;
  if (!objects_.empty(step.object)) return true;
  if (priority == Priority::kTask) {
    ++closed_.free_waits;
    objects_.Await(step.object, task);
    Wait(task);
  } else {
    ++closed_.late_interrupts;
    objects_.FreeLate(step.object, task, step);
  }
  return false;
}

Task<void> ClosedLoop::Free(Cpu& cpu, TaskIndex task, const Step& step) {
  const ObjectPlaces::Kept kept = objects_.Take(step.object);
  if (kept.state == ObjectPlaces::Kept::State::kFailed) {
    ++closed_.frees_of_nothing;
    return Task<void>();
  }
  CHECK(kept.state == ObjectPlaces::Kept::State::kLive);
  const Executor::Release what = {.object = kept.address,
                                  .cache = kept.cache(),
                                  .bytes = kept.bytes,
                                  .read = std::min(step.touch_bytes, kept.bytes),
                                  .kfree = step.kfree,
                                  .by_rcu = step.by_rcu};
  cpu.set_caller(step.caller);
  return executor_.Free(cpu, what, User{this, task, step.label, tasks_[task].priority});
}

void ClosedLoop::Touch(Cpu& cpu, const Step& step) {
  const ObjectPlaces::Kept& kept = objects_.at(step.object);
  if (!objects_.is_live(step.object) || step.offset >= kept.bytes) return;
  const uint64_t bytes = std::min(step.bytes, kept.bytes - step.offset);
  if (bytes == 0) return;
  executor_.Touch(cpu, kept.address + step.offset, bytes,
                  step.write ? Access::kWrite : Access::kRead);
}

void ClosedLoop::NoteFootprint(Cycles now) {
  const Cycles since = now - std::min(now, start_);
  executor_.footprint().NotePeak(since);
  if (executor_.footprint().IsDue(since)) executor_.footprint().Sample(since);
}

// --- Of no task. ---

Task<PhysAddr> ClosedLoop::AllocateAside(Cpu& cpu, uint32_t bytes, Gfp gfp) {
  Placement placement;
  starved_.OnOperation(cpu.id());
  cpu.set_caller(0);
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
  starved_.OnOperation(cpu.id());
  cpu.set_caller(0);
  return executor_.Free(cpu, {.object = object, .bytes = bytes, .by_rcu = by_rcu},
                        User{this, kNoTask, 0, PriorityOf(cpu)});
}

}  // namespace slablab
