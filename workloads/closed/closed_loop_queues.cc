// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <functional>
#include <optional>

#include "workloads/closed/closed_loop.h"

// Where a task waits: in a run queue, asleep, behind a queue.

namespace slablab {

void ClosedLoop::Append(TaskList& list, TaskIndex task) {
  tasks_[task].next = kNoTask;
  (list.empty() ? list.first : tasks_[list.last].next) = task;
  list.last = task;
}

TaskIndex ClosedLoop::TakeFirst(TaskList& list) {
  const TaskIndex task = list.first;
  CHECK_NE(task, kNoTask);
  list.first = tasks_[task].next;
  return task;
}

TaskIndex ClosedLoop::TakeFirstOf(TaskList& list, uint32_t objects_max) {
  TaskIndex before = kNoTask;
  for (TaskIndex task = list.first; task != kNoTask; before = task, task = tasks_[task].next) {
    if (tasks_[task].step.bytes > objects_max) continue;
    (before == kNoTask ? list.first : tasks_[before].next) = tasks_[task].next;
    if (list.last == task) list.last = before;
    return task;
  }
  return kNoTask;
}

// Where a task of `wanted` is to be: there, or else on the next CPU of that node, or of any.
CpuId ClosedLoop::OnlineFor(CpuId wanted) const {
  if (!cpus_[wanted.index()].leaving) return wanted;
  const int count = machine_.config().cpu_count();
  const std::vector<CpuPlace>& places = machine_.config().cpus;
  CpuId any(-1);
  for (int i = 1; i < count; ++i) {
    const CpuId cpu((wanted.value() + i) % count);
    if (cpus_[cpu.index()].leaving) continue;
    if (places[cpu.index()].node == places[wanted.index()].node) return cpu;
    if (any.value() < 0) any = cpu;
  }
  CHECK_GE(any.value(), 0);
  return any;
}

void ClosedLoop::Wake(Cpu& by, TaskIndex task, Cycles time, TaskIndex waker, bool sync) {
  const TaskRecord& record = tasks_[task];
  CpuId wanted = record.home;
  if (record.may_move) {
    if (waker != kNoTask && tasks_[waker].priority != Priority::kTask) waker = kNoTask;
    wanted = fair_.ChooseCpu(task, {.cpu = by.id(), .task = waker, .sync = sync}, time);
  }
  PutInQueue(by, task, OnlineFor(wanted), FairScheduler::Reason::kWake, time);
}

void ClosedLoop::GoOn(Cpu& by, TaskIndex task) {
  const TaskRecord& record = tasks_[task];
  const CpuId wanted = record.may_move ? fair_.CpuOf(task) : record.home;
  PutInQueue(by, task, OnlineFor(wanted), FairScheduler::Reason::kAgain, by.now());
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

void ClosedLoop::SleepUntil(Cpu& cpu, TaskIndex task, Cycles time) {
  tasks_[task].state = TaskState::kSleeping;
  std::vector<Sleeper>& sleepers = cpus_[cpu.id().index()].sleepers;
  sleepers.push_back({.time = time, .task = task});
  std::push_heap(sleepers.begin(), sleepers.end(), std::greater<>());
}

bool ClosedLoop::SleeperIsDue(const Cpu& cpu) const {
  const std::vector<Sleeper>& sleepers = cpus_[cpu.id().index()].sleepers;
  return !sleepers.empty() && sleepers.front().time <= cpu.now();
}

void ClosedLoop::WakeSleepers(Cpu& cpu) {
  std::vector<Sleeper>& sleepers = cpus_[cpu.id().index()].sleepers;
  while (SleeperIsDue(cpu)) {
    const Sleeper sleeper = sleepers.front();
    std::pop_heap(sleepers.begin(), sleepers.end(), std::greater<>());
    sleepers.pop_back();
    Wake(cpu, sleeper.task, cpu.now(), kNoTask, false);
    tasks_[sleeper.task].since = sleeper.time;
  }
}

void ClosedLoop::HandOver(Cpu& cpu) {
  CpuRecord& here = cpus_[cpu.id().index()];
  while (!fair_.empty(cpu.id())) GoOn(cpu, fair_.Remove(cpu.id()));
  for (const Sleeper& sleeper : here.sleepers) {
    const TaskRecord& task = tasks_[sleeper.task];
    const CpuId there = OnlineFor(task.may_move ? fair_.CpuOf(sleeper.task) : task.home);
    SleepUntil(machine_.cpu(there), sleeper.task, sleeper.time);
    SendFor({.time = sleeper.time, .cpu = there, .kind = Timer::Kind::kWake});
  }
  here.sleepers.clear();
  here.handed_over = true;
}

void ClosedLoop::Tick(Cpu& cpu) {
  const std::optional<CpuId> kicked = fair_.Tick(cpu.id(), cpu.now());
  if (kicked.has_value()) SendForCpu(*kicked, cpu.now() + machine_.config().ipi_cycles);
}

}  // namespace slablab
