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
// Nothing that would be later is begun.
constexpr Cycles kLatest = Scheduler::kTimeEnd / 8 * 7;

// A token is its timer's kind and what that is about.
constexpr int kTokenShift = 60;

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
      cpus_(static_cast<size_t>(machine.config().cpu_count())),
      fair_(machine.config(), steps.task_count(), options.fair),
      objects_(steps.object_count()),
      steps_until_look_(kStepsBetweenLooks),
      executor_({.object_touch_bytes_max = options.object_touch_bytes_max,
                 .footprint = {.interval = CyclesOf(machine.config(), kFirstSampleNs),
                               .clock_mhz = static_cast<uint64_t>(machine.config().clock_mhz),
                               .samples_max = kFootprintSamplesMax}},
                machine, allocator) {
  for (const QueueShape& shape : steps.queues()) {
    CHECK_GT(shape.capacity, 0u);
    queues_.push_back({.capacity = shape.capacity,
                       .resume_at = shape.resume_at,
                       .ring = std::vector<ObjectRecord>(shape.capacity)});
  }
  for (const uint32_t expected : steps.barriers()) barriers_.push_back({.expected = expected});
}

void ClosedLoop::Begin() {
  start_ = machine_.scheduler().now();
  closed_.end = start_;
  executor_.account().start = start_;
  for (size_t i = 0; i < cpus_.size(); ++i) {
    const bool online = machine_.cpu(CpuId(static_cast<int32_t>(i))).online();
    cpus_[i].leaving = cpus_[i].handed_over = cpus_[i].gone = !online;
    cpus_staying_ += online;
    fair_.SetAvailable(CpuId(static_cast<int32_t>(i)), online);
  }
  for (TaskIndex i = 0; i < tasks_.size(); ++i) {
    const TaskStart start = steps_.StartOf(i);
    TaskRecord& task = tasks_[i];
    task.priority = start.priority;
    task.home = start.cpu;
    if (task.priority != Priority::kTask) {
      ++interrupts_alive_;
      SendForInterrupt(i);
      continue;
    }
    ++tasks_alive_;
    task.may_move = start.may_move;
    if (task.may_move) fair_.SetMovable(i);
    const CpuId cpu = OnlineFor(task.home);
    task.since = start_;
    fair_.Enqueue(i, cpu, FairScheduler::Reason::kStart, start_);
    SendForCpu(cpu, start_);
  }
  AskDisturbance();
  if (executor_.observer() != nullptr) executor_.observer()->OnBegin(machine_, allocator_);
  asked_ = true;
}

// --- What comes to CPUs. ---

void ClosedLoop::SendFor(Timer timer) {
  timer.sequence = ++sequence_;
  if (timer.time >= kLatest) {
    too_long_ = true;
    return;
  }
  timers_.push_back(timer);
  std::push_heap(timers_.begin(), timers_.end(), std::greater<>());
  if (asked_) machine_.scheduler().Announce(timer.time);
}

void ClosedLoop::SendForCpu(CpuId cpu, Cycles time) {
  CpuRecord& target = cpus_[cpu.index()];
  if (target.active) return;
  target.active = true;
  SendFor({.time = time, .cpu = cpu, .kind = Timer::Kind::kWake});
}

void ClosedLoop::AskDisturbance() {
  if (disturbance_ == nullptr || tasks_alive_ == 0) return;
  // Nobody is left who could end what they wait for: what comes would come for ever.
  if (tasks_waiting_ == tasks_alive_ && interrupts_alive_ == 0) return;
  while (const std::optional<Disturbance::Next> next = disturbance_->Take()) {
    SendFor({.time = start_ + next->time,
             .token = next->token,
             .cpu = next->cpu,
             .kind = Timer::Kind::kDisturbance,
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
           .token = task,
           .cpu = record.home,
           .kind = Timer::Kind::kInterrupt,
           .priority = record.priority});
}

bool ClosedLoop::Next(Arrival* arrival) {
  if (!asked_) Begin();
  while (!timers_.empty() && !stopped_ && !too_long_) {
    std::pop_heap(timers_.begin(), timers_.end(), std::greater<>());
    taken_ = timers_.back();
    timers_.pop_back();
    CpuId cpu = taken_.cpu;
    CpuRecord& target = cpus_[cpu.index()];
    if (taken_.kind == Timer::Kind::kWake && (target.gone || target.running)) {
      target.wake_at = 0;  // It looks at its sleepers itself, and sends again.
      continue;
    }
    if (taken_.kind == Timer::Kind::kDisturbance) {
      // When all tasks are over, one comes that was on its way, and no more.
      const bool another = disturbance_out_ != 0 && disturbance_out_ != taken_.sequence;
      if (tasks_alive_ == 0 && (disturbed_after_end_ || another)) continue;
      disturbance_out_ = taken_.sequence;
    }
    // One that is to leave takes no more work that could keep it from leaving.
    const bool leaves = target.leaving && taken_.kind == Timer::Kind::kDisturbance;
    if (target.gone || leaves) cpu = OnlineFor(cpu);
    *arrival = {.time = taken_.time,
                .token = taken_.token | static_cast<uint64_t>(taken_.kind) << kTokenShift,
                .cpu = cpu,
                .priority = taken_.priority};
    return true;
  }
  return false;
}

void ClosedLoop::PutBack(const Arrival& arrival) {
  CHECK_EQ(arrival.time, taken_.time);
  if (disturbance_out_ == taken_.sequence) disturbance_out_ = 0;
  timers_.push_back(taken_);
  std::push_heap(timers_.begin(), timers_.end(), std::greater<>());
}

Task<void> ClosedLoop::Start(Cpu& cpu, uint64_t token) {
  const uint64_t about = token & ((uint64_t{1} << kTokenShift) - 1);
  switch (static_cast<Timer::Kind>(token >> kTokenShift)) {
    case Timer::Kind::kWake:
      return RunCpu(cpu);
    case Timer::Kind::kInterrupt:
      return RunInterrupt(cpu, static_cast<TaskIndex>(about));
    case Timer::Kind::kLateFree:
      return FreeLate(cpu, about);
    case Timer::Kind::kDisturbance:
      disturbance_out_ = 0;
      disturbed_after_end_ = tasks_alive_ == 0;
      if (disturbed_at_ != steps_done_) disturbances_ = 0;
      disturbed_at_ = steps_done_;
      ++disturbances_;
      disturbing_ = about;
      disturbance_->Begin(about);
      AskDisturbance();
      steps_until_look_ = 1;  // They may leave tasks no time.
      LookUp();
      return disturbance_->Run(*this, cpu, about);
  }
  CHECK(false);
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
    if (here.leaving) HandOver(cpu);
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
  if (here.sleepers.empty()) co_return;
  const Cycles time = here.sleepers.front().time;
  if (here.wake_at != 0 && here.wake_at <= time) co_return;
  here.wake_at = time;
  SendFor({.time = time, .cpu = cpu.id(), .kind = Timer::Kind::kWake});
}

// Wakes have done their work by having come: its loop runs.
Task<void> ClosedLoop::ServeQueued(Cpu& cpu) {
  const uint64_t token = cpu.TakeQueuedTask();
  if (static_cast<Timer::Kind>(token >> kTokenShift) == Timer::Kind::kWake) co_return;
  Task<void> work = Start(cpu, token);
  co_await work;
}

bool ClosedLoop::GivesUp(Cpu& cpu, const TaskRecord& task) {
  if (cpus_[cpu.id().index()].leaving || stopped_ || too_long_) return true;
  if (!task.may_move && task.home != cpu.id() && OnlineFor(task.home) != cpu.id()) return true;
  return fair_.MustYield(cpu.id());
}

Task<void> ClosedLoop::RunTask(Cpu& cpu, TaskIndex task) {
  TaskRecord& record = tasks_[task];
  record.state = TaskState::kRunning;
  for (;;) {
    LookUp();
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
    if (Rcu* const rcu = machine_.rcu_in_use(); rcu != nullptr) rcu->NoteUserMode(cpu);
    if (!record.has_step) {
      steps_.NextStep(task, &record.step);
      record.has_step = true;
      if (record.step.cpu.value() >= 0) record.home = record.step.cpu;
    }
    if (SleeperIsDue(cpu)) {
      co_await cpu.Sync();
      WakeSleepers(cpu);
    }
    if (fair_.TickIsDue(cpu.id(), cpu.now())) {
      co_await cpu.Sync();
      Tick(cpu);
    }
    if (GivesUp(cpu, record)) {
      co_await cpu.Sync();
      fair_.Stop(cpu.id(), cpu.now());
      GoOn(cpu, task);
      co_return;
    }
    const Step& step = record.step;
    switch (step.kind) {
      case Step::Kind::kEnd:
        co_await cpu.Sync();
        Over(cpu, task);
        co_return;
      case Step::Kind::kThink: {
        if (step.cycles >= kLatest - std::min(cpu.now(), kLatest)) {
          too_long_ = true;
          continue;
        }
        const Cycles span = std::min(step.cycles, UntilLook(cpu));
        const Cycles left = co_await cpu.PassInterruptibly(span);
        closed_.think_cycles += span - left;
        record.step.cycles -= span - left;
        if (record.step.cycles > 0) continue;  // Once others have had what is theirs.
        break;
      }
      case Step::Kind::kSleep:
        SleepUntil(cpu, task, cpu.now() + step.cycles);
        record.has_step = false;
        ++steps_done_;
        co_return;
      case Step::Kind::kAllocate: {
        Task<void> allocation = Allocate(cpu, task, step);
        co_await allocation;
        break;
      }
      case Step::Kind::kFree: {
        co_await cpu.Sync();
        if (!MayFree(task, Priority::kTask)) co_return;
        Task<void> release = Free(cpu, task, step);
        co_await release;
        break;
      }
      case Step::Kind::kTouch:
        co_await cpu.Sync();
        Touch(cpu, step);
        break;
      case Step::Kind::kSend:
        co_await cpu.Sync();
        if (!Send(cpu, task)) co_return;
        break;
      case Step::Kind::kReceive:
        co_await cpu.Sync();
        if (!Receive(cpu, task)) co_return;
        break;
      case Step::Kind::kBarrier:
        co_await cpu.Sync();
        record.has_step = false;
        ++steps_done_;
        if (!MeetAt(cpu, task)) co_return;
        break;
      case Step::Kind::kRcuBarrier: {
        Task<void> barrier = RcuBarrier(cpu);
        co_await barrier;
        break;
      }
      case Step::Kind::kWork:
        closed_.work += step.bytes;
        break;
      case Step::Kind::kAt:
        CHECK(false);  // Of interrupts.
    }
    record.has_step = false;
    ++steps_done_;
  }
}

Cycles ClosedLoop::UntilLook(const Cpu& cpu) const {
  const std::vector<Sleeper>& sleepers = cpus_[cpu.id().index()].sleepers;
  Cycles look = fair_.NextTick(cpu.id());
  if (!sleepers.empty()) look = std::min(look, sleepers.front().time);
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
               .token = task,
               .cpu = record.home,
               .kind = Timer::Kind::kInterrupt,
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
  const ObjectRecord& record = objects_[object];
  const Step step = {.kind = Step::Kind::kFree,
                     .kfree = record.late_kfree,
                     .by_rcu = record.late_by_rcu,
                     .touch_bytes = 1,
                     .object = object};
  const TaskIndex task = record.waiter - 1;
  Task<void> release = Free(cpu, task, step);
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
