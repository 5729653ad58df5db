// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <optional>

#include "workloads/closed/closed_loop.h"

// Into run queues and out of sleep.

namespace slablab {

void ClosedLoop::Wake(Cpu& by, TaskIndex task, Cycles time, TaskIndex waker, bool sync) {
  const TaskRecord& record = tasks_[task];
  CpuId wanted = record.home;
  if (record.may_move) {
    if (waker != kNoTask && tasks_[waker].priority != Priority::kTask) waker = kNoTask;
    wanted = fair_.ChooseCpu(task, {.cpu = by.id(), .task = waker, .sync = sync}, time);
  }
  PutInQueue(by, task, roster_.Standing(wanted), FairScheduler::Reason::kWake, time);
}

void ClosedLoop::GoOn(Cpu& by, TaskIndex task) {
  const TaskRecord& record = tasks_[task];
  const CpuId wanted = record.may_move ? fair_.CpuOf(task) : record.home;
  PutInQueue(by, task, roster_.Standing(wanted), FairScheduler::Reason::kAgain, by.now());
}

void ClosedLoop::PutInQueue(Cpu& by, TaskIndex task, CpuId cpu, FairScheduler::Reason reason,
                            Cycles time) {
  TaskRecord& record = tasks_[task];
  tasks_waiting_ -= record.state == TaskState::kWaiting;
  record.state = TaskState::kReady;
  record.since = time;
  fair_.Enqueue(task, cpu, reason, time);
  // Another CPU is told by an interrupt.
  if (cpu != by.id()) time += machine_.config().ipi_cycles;
  SendForCpu(cpu, time);
  if (fair_.MustYield(cpu)) machine_.scheduler().CutPass(machine_.cpu(cpu), time);
}

void ClosedLoop::WakeSleepers(Cpu& cpu) {
  while (sleepers_.IsDue(cpu.id(), cpu.now())) {
    const Sleepers::Sleeper sleeper = sleepers_.TakeFirst(cpu.id());
    Wake(cpu, sleeper.task, cpu.now(), kNoTask, false);
    tasks_[sleeper.task].since = sleeper.time;
  }
}

void ClosedLoop::HandOver(Cpu& cpu) {
  while (!fair_.empty(cpu.id())) GoOn(cpu, fair_.Remove(cpu.id()));
  sleepers_.MoveAll(cpu.id(), [this](const Sleepers::Sleeper& sleeper) {
    const TaskRecord& task = tasks_[sleeper.task];
    const CpuId there = roster_.Standing(task.may_move ? fair_.CpuOf(sleeper.task) : task.home);
    sleepers_.Add(there, sleeper);
    SendFor({.time = sleeper.time, .cpu = there, .kind = Agenda::Kind::kWake});
  });
  roster_.HandOver(cpu.id());
}

void ClosedLoop::Tick(Cpu& cpu) {
  const std::optional<CpuId> kicked = fair_.Tick(cpu.id(), cpu.now());
  if (kicked.has_value()) SendForCpu(*kicked, cpu.now() + machine_.config().ipi_cycles);
}

}  // namespace slablab
