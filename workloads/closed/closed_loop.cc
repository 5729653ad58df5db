// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/closed/closed_loop.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "sim/core/scheduler.h"

namespace slablab {

namespace {

constexpr uint64_t kStepsBetweenLooks = 1 << 13;
constexpr Cycles kFirstSampleNs = 1'000;
constexpr size_t kFootprintSamplesMax = 200;
Cycles CyclesOf(const MachineConfig& config, uint64_t nanos) {
  return nanos * static_cast<uint64_t>(config.clock_mhz) / 1000;
}

}  // namespace

ClosedLoop::ClosedLoop(StepSource& steps, Machine& machine, Allocator& allocator,
                       const ClosedLoopOptions& options)
    : steps_(steps),
      machine_(machine),
      allocator_(allocator),
      has_work_(allocator.has_work()),
      options_(options),
      switch_cycles_(CyclesOf(machine.config(), options.switch_ns)),
      tasks_(steps.task_count()),
      cpus_(machine.config().cpus.size()),
      roster_(machine.config()),
      fair_(machine.config(), steps.task_count(), options.fair),
      sleepers_(cpus_.size()),
      meeting_(steps.queues(), steps.barriers(), steps.task_count()),
      objects_(steps.object_count()),
      starved_(cpus_.size()),
      steps_until_look_(kStepsBetweenLooks),
      executor_({.object_touch_bytes_max = options.object_touch_bytes_max,
                 .footprint = {.interval = CyclesOf(machine.config(), kFirstSampleNs),
                               .clock_mhz = static_cast<uint64_t>(machine.config().clock_mhz),
                               .samples_max = kFootprintSamplesMax}},
                machine, allocator) {}

void ClosedLoop::Begin() {
  start_ = machine_.scheduler().now();
  closed_.end = start_;
  executor_.account().start = start_;
  for (size_t i = 0; i < cpus_.size(); ++i) {
    const CpuId cpu(static_cast<int32_t>(i));
    const bool online = machine_.cpu(cpu).online();
    if (online) roster_.Come(cpu);
    fair_.SetAvailable(cpu, online);
  }
  for (TaskIndex i = 0; i < tasks_.size(); ++i) {
    const TaskStart start = steps_.StartOf(i);
    TaskRecord& task = tasks_[i];
    task.priority = start.priority;
    task.memory_policy = start.memory_policy;
    task.home = start.cpu;
    if (task.priority != Priority::kTask) {
      ++interrupts_alive_;
      SendForInterrupt(i);
      continue;
    }
    ++tasks_alive_;
    task.may_move = start.may_move;
    if (task.may_move) fair_.SetMovable(i);
    const CpuId cpu = roster_.Standing(task.home);
    task.since = start_;
    fair_.Enqueue(i, cpu, FairScheduler::Reason::kStart, start_);
    SendForCpu(cpu, start_);
  }
  AskDisturbance();
  if (executor_.observer() != nullptr) executor_.observer()->OnBegin(machine_, allocator_);
  asked_ = true;
}

// --- What comes to CPUs. ---

void ClosedLoop::SendFor(const Agenda::Item& item) {
  if (!agenda_.Add(item)) {
    too_long_ = true;
  } else if (asked_) {
    machine_.scheduler().Announce(item.time);
  }
}

void ClosedLoop::SendForCpu(CpuId cpu, Cycles time) {
  CpuRecord& target = cpus_[cpu.index()];
  if (target.active) return;
  target.active = true;
  SendFor({.time = time, .cpu = cpu, .kind = Agenda::Kind::kWake});
}

void ClosedLoop::AskDisturbance() {
  if (disturbance_ == nullptr || tasks_alive_ == 0) return;
  // Nobody is left who could end what they wait for: what comes would come for ever.
  if (tasks_waiting_ == tasks_alive_ && interrupts_alive_ == 0) return;
  while (const std::optional<Disturbance::Next> next = disturbance_->Take()) {
    SendFor({.time = start_ + next->time,
             .about = next->token,
             .cpu = next->cpu,
             .kind = Agenda::Kind::kDisturbance,
             .priority = next->priority});
  }
}

void ClosedLoop::SendForInterrupt(TaskIndex task) {
  TaskRecord& record = tasks_[task];
  steps_.NextStep(task, &record.step);
  if (record.step.kind == Step::Kind::kEnd) {
    record.state = TaskState::kOver;
    --interrupts_alive_;
    return;
  }
  CHECK(record.step.kind == Step::Kind::kAt);
  if (record.step.cpu.value() >= 0) record.home = record.step.cpu;
  SendFor({.time = start_ + record.step.cycles,
           .about = task,
           .cpu = record.home,
           .kind = Agenda::Kind::kInterrupt,
           .priority = record.priority});
}

bool ClosedLoop::Next(Arrival* arrival) {
  if (!asked_) Begin();
  while (!agenda_.empty() && !stopped_ && !too_long_) {
    const Agenda::Item& item = agenda_.Take();
    CpuId cpu = item.cpu;
    CpuRecord& target = cpus_[cpu.index()];
    const bool is_gone = roster_.is_gone(cpu);
    if (item.kind == Agenda::Kind::kWake && (is_gone || target.running)) {
      target.wake_at = 0;  // It looks at its sleepers itself, and sends again.
      continue;
    }
    const bool is_disturbance = item.kind == Agenda::Kind::kDisturbance;
    if (is_disturbance && !disturbed_.MayCome(item.sequence, tasks_alive_ == 0)) continue;
    // One that is to leave takes no more work that could keep it from leaving.
    if (is_gone || (is_disturbance && roster_.leaves(cpu))) cpu = roster_.Standing(cpu);
    *arrival = {
        .time = item.time, .token = Agenda::TokenOf(item), .cpu = cpu, .priority = item.priority};
    return true;
  }
  return false;
}

void ClosedLoop::PutBack(const Arrival& arrival) {
  CHECK_EQ(arrival.time, agenda_.taken().time);
  disturbed_.PutBack(agenda_.taken().sequence);
  agenda_.PutBack();
}

Task<void> ClosedLoop::Start(Cpu& cpu, uint64_t token) {
  const uint64_t about = Agenda::AboutOf(token);
  switch (Agenda::KindOf(token)) {
    case Agenda::Kind::kWake:
      return RunCpu(cpu);
    case Agenda::Kind::kInterrupt:
      return RunInterrupt(cpu, static_cast<TaskIndex>(about));
    case Agenda::Kind::kLateFree:
      return FreeLate(cpu, about);
    case Agenda::Kind::kDisturbance:
      return Disturb(cpu, about);
    case Agenda::Kind::kRcuBarrier:
      return RunRcuThread(cpu, static_cast<uint32_t>(about));
  }
  CHECK(false);
}

Task<void> ClosedLoop::Disturb(Cpu& cpu, uint64_t token) {
  disturbed_.Begin(token, tasks_alive_ == 0, steps_done_);
  disturbance_->Begin(token);
  NoteDisturbance(cpu, token);
  AskDisturbance();
  steps_until_look_ = 1;  // They may leave tasks no time.
  LookUp();
  return disturbance_->Run(*this, cpu, token);
}

bool ClosedLoop::MayInterrupt(const Cpu& /*cpu*/, uint64_t /*token*/) const { return true; }

Task<void> ClosedLoop::RunCpu(Cpu& cpu) {
  CpuRecord& here = cpus_[cpu.id().index()];
  here.active = here.running = true;
  for (;;) {
    co_await cpu.Sync();
    if (here.wake_at <= cpu.now()) here.wake_at = 0;
    if (cpu.has_queued_task()) {
      Task<void> queued = ServeQueued(cpu);
      co_await queued;
    }
    if (roster_.leaves(cpu.id())) HandOver(cpu);
    if (stopped_ || too_long_) break;
    WakeSleepers(cpu);
    if (fair_.empty(cpu.id()) && !fair_.Pull(cpu.id(), cpu.now())) break;
    const TaskIndex task = fair_.Take(cpu.id(), cpu.now());
    closed_.run_queue_wait_cycles += cpu.now() - std::min(cpu.now(), tasks_[task].since);
    if (here.last != task) {
      closed_.switches += here.last != kNoTask;
      here.last = task;
      cpu.Pass(switch_cycles_);
      if (Rcu* const rcu = machine_.rcu_in_use(); rcu != nullptr) rcu->NoteSwitch(cpu);
    }
    Task<void> turn = RunTask(cpu, task);
    co_await turn;
    fair_.Stop(cpu.id(), cpu.now());
  }
  here.active = here.running = false;
  const Cycles time = sleepers_.Next(cpu.id());
  if (time == Sleepers::kNever) co_return;
  if (here.wake_at != 0 && here.wake_at <= time) co_return;
  here.wake_at = time;
  SendFor({.time = time, .cpu = cpu.id(), .kind = Agenda::Kind::kWake});
}

// Wakes have done their work by having come: its loop runs.
Task<void> ClosedLoop::ServeQueued(Cpu& cpu) {
  const uint64_t token = cpu.TakeQueuedTask();
  if (Agenda::KindOf(token) == Agenda::Kind::kWake) co_return;
  Task<void> work = Start(cpu, token);
  co_await work;
}

bool ClosedLoop::GivesUp(Cpu& cpu, const TaskRecord& task) {
  if (roster_.leaves(cpu.id()) || stopped_ || too_long_) return true;
  if (!task.may_move && task.home != cpu.id() && roster_.Standing(task.home) != cpu.id())
    return true;
  return fair_.MustYield(cpu.id());
}

bool ClosedLoop::HasWork(const Cpu& cpu) const {
  return cpu.has_queued_task() || (has_work_ && cpu.now() >= allocator_.NextWork(cpu.id()));
}

Task<void> ClosedLoop::DoWork(Cpu& cpu) {
  if (cpu.has_queued_task()) {
    co_await cpu.Sync();
    Task<void> queued = ServeQueued(cpu);
    co_await queued;
  }
  if (has_work_ && cpu.now() >= allocator_.NextWork(cpu.id())) {
    const PartScope part(cpu, Part::kTimer);
    Task<void> work = allocator_.Work(cpu);
    co_await work;
  }
}

bool ClosedLoop::TimerIsDue(const Cpu& cpu) const {
  return sleepers_.IsDue(cpu.id(), cpu.now()) || fair_.TickIsDue(cpu.id(), cpu.now());
}

Task<void> ClosedLoop::LookAtTimers(Cpu& cpu) {
  if (sleepers_.IsDue(cpu.id(), cpu.now())) {
    co_await cpu.Sync();
    WakeSleepers(cpu);
  }
  if (fair_.TickIsDue(cpu.id(), cpu.now())) {
    co_await cpu.Sync();
    Tick(cpu);
  }
}

Task<void> ClosedLoop::RunTask(Cpu& cpu, TaskIndex task) {
  TaskRecord& record = tasks_[task];
  record.state = TaskState::kRunning;
  for (;;) {
    LookUp();
    if (HasWork(cpu)) {
      Task<void> work = DoWork(cpu);
      co_await work;
    }
    if (Rcu* const rcu = machine_.rcu_in_use(); rcu != nullptr) rcu->NoteUserMode(cpu);
    if (!record.has_step) {
      steps_.NextStep(task, &record.step);
      record.has_step = true;
      if (record.step.cpu.value() >= 0) record.home = record.step.cpu;
    }
    if (TimerIsDue(cpu)) {
      Task<void> look = LookAtTimers(cpu);
      co_await look;
    }
    if (GivesUp(cpu, record)) {
      co_await cpu.Sync();
      fair_.Stop(cpu.id(), cpu.now());
      GoOn(cpu, task);
      co_return;
    }
    const Step& step = record.step;
    // It is the task's own work only from here on to the step's end.
    MemoryPolicy* const policy =
        record.memory_policy.has_value() ? &*record.memory_policy : nullptr;
    if (step.kind == Step::Kind::kThink) {
      if (step.cycles >= Agenda::kLatest - std::min(cpu.now(), Agenda::kLatest)) {
        too_long_ = true;
        continue;
      }
      const Cycles span = std::min(step.cycles, UntilLook(cpu));
      const Cycles left = co_await cpu.PassInterruptibly(span);
      closed_.think_cycles += span - left;
      if (span > left) starved_.OnProgress(cpu.id());
      record.step.cycles -= span - left;
      if (record.step.cycles > 0) continue;  // Once others have had what is theirs.
    } else if (step.kind == Step::Kind::kAllocate) {
      cpu.set_memory_policy(policy);
      Task<void> allocation = Allocate(cpu, task, step);
      co_await allocation;
    } else if (step.kind == Step::Kind::kFree) {
      co_await cpu.Sync();
      if (!MayFree(task, Priority::kTask)) co_return;
      cpu.set_memory_policy(policy);
      Task<void> release = Free(cpu, task, step);
      co_await release;
    } else if (step.kind == Step::Kind::kRcuBarrier) {
      Task<bool> wait = AwaitRcu(cpu, task);
      const bool over = co_await wait;
      if (!over) co_return;
    } else {
      if (OthersSee(step.kind)) co_await cpu.Sync();
      if (!TakeStep(cpu, task)) co_return;
    }
    cpu.set_memory_policy(nullptr);
    record.has_step = false;
    NoteStep(cpu, task);
  }
}

bool ClosedLoop::OthersSee(Step::Kind kind) {
  return kind != Step::Kind::kSleep && kind != Step::Kind::kWork;
}

bool ClosedLoop::TakeStep(Cpu& cpu, TaskIndex task) {
  TaskRecord& record = tasks_[task];
  const Step& step = record.step;
  const auto wake = [&](TaskIndex other) { Wake(cpu, other, cpu.now(), task, /*sync=*/true); };
  bool done = true;
  switch (step.kind) {
    case Step::Kind::kEnd:
      Over(cpu, task);
      return false;
    case Step::Kind::kSleep:
      record.state = TaskState::kSleeping;
      sleepers_.Add(cpu.id(), {.time = cpu.now() + step.cycles, .task = task});
      record.has_step = false;
      NoteStep(cpu, task);
      return false;
    case Step::Kind::kTouch:
      Touch(cpu, step);
      return true;
    case Step::Kind::kSend:
      done = meeting_.Send(task, step, objects_, wake);
      break;
    case Step::Kind::kReceive:
      done = meeting_.Receive(task, step, objects_, wake);
      break;
    case Step::Kind::kBarrier:
      done = meeting_.MeetAt(step.queue, task, [&](TaskIndex other) {
        Wake(cpu, other, cpu.now(), task, /*sync=*/false);
      });
      // It goes on behind the barrier.
      record.has_step = false;
      steps_done_ += !done;
      break;
    case Step::Kind::kWork:
      closed_.work += step.bytes;
      return true;
    default:
      CHECK(false);  // In RunTask(), or of interrupts.
  }
  if (!done) Wait(task);
  return done;
}

Cycles ClosedLoop::UntilLook(const Cpu& cpu) const {
  const Cycles look = std::min(fair_.NextTick(cpu.id()), sleepers_.Next(cpu.id()));
  return look - std::min(look, cpu.now());
}

void ClosedLoop::Over(Cpu& cpu, TaskIndex task) {
  tasks_[task].state = TaskState::kOver;
  --tasks_alive_;
  closed_.end = std::max(closed_.end, cpu.now());
}

// --- Interrupts. ---

Task<void> ClosedLoop::RunInterrupt(Cpu& cpu, TaskIndex task) {
  TaskRecord& record = tasks_[task];
  for (;;) {
    LookUp();
    steps_.NextStep(task, &record.step);
    ++steps_done_;
    const Step& step = record.step;
    if (step.kind == Step::Kind::kAllocate) {
      Task<void> allocation = Allocate(cpu, task, step);
      co_await allocation;
    } else if (step.kind == Step::Kind::kFree) {
      co_await cpu.Sync();
      if (!MayFree(task, record.priority)) continue;
      Task<void> release = Free(cpu, task, step);
      co_await release;
    } else if (step.kind == Step::Kind::kAt) {
      if (step.cpu.value() >= 0) record.home = step.cpu;
      const Cycles due = start_ + step.cycles;
      co_await cpu.Sync();
      SendFor({.time = std::max(due, cpu.now()),
               .about = task,
               .cpu = record.home,
               .kind = Agenda::Kind::kInterrupt,
               .priority = record.priority});
      co_return;
    } else {
      CHECK(step.kind == Step::Kind::kEnd);
      record.state = TaskState::kOver;
      --interrupts_alive_;
      co_return;
    }
  }
}

Task<void> ClosedLoop::FreeLate(Cpu& cpu, uint64_t object) {
  const Step step = objects_.LateFree(object);
  Task<void> release = Free(cpu, objects_.LateInterrupt(object), step);
  co_await release;
}

// Now and then: is anybody to be told, or does anybody want it to end?
void ClosedLoop::LookUp() {
  if (--steps_until_look_ > 0) return;
  steps_until_look_ = kStepsBetweenLooks;
  if (progress_) progress_(executor_.account().operations(), steps_done_);
  if (stop_ && stop_()) stopped_ = true;
}

}  // namespace slablab
