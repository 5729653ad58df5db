// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <string>

#include "absl/strings/str_cat.h"
#include "sim/core/scheduler.h"
#include "workloads/closed/closed_loop.h"

// What is said of tasks that get nowhere, and whose fault it is: a workload's, whose tasks wait for
// each other by what they do; a scenario's, which leaves them no time; or our own, if a task is
// where nobody looks for it.

namespace slablab {

namespace {

constexpr int kTasksNamedMax = 5;
// A task that takes so many steps in a row at one point in time will not stop: some seconds of a
// core of the host's.
constexpr uint64_t kTimelessStepsMax = uint64_t{1} << 26;

}  // namespace

absl::Status ClosedLoop::status() const {
  if (!hopeless_.ok()) return hopeless_;
  if (stopped_) return absl::CancelledError("interrupted");
  if (too_long_) {
    constexpr char kTooLong[] = "it takes longer than the machine's clock can count";
    const TaskIndex task = FirstThatIsNotOver();
    return task == kNoTask ? absl::InvalidArgumentError(kTooLong) : steps_.ErrorOf(task, kTooLong);
  }
  if (absl::Status status = steps_.status(); !status.ok()) return status;
  if (tasks_alive_ == 0) return absl::OkStatus();
  bool lost = false;
  for (TaskIndex i = 0; i < tasks_.size(); ++i) lost |= IsLost(i);
  // Those of a recording wait from later to earlier events alone.
  const bool ours = lost || !steps_.MayWaitForEver();
  const std::string tasks = DescribeTasks();
  return ours ? absl::InternalError(tasks) : steps_.ErrorOf(FirstThatIsNotOver(), tasks);
}

TaskIndex ClosedLoop::FirstThatIsNotOver() const {
  for (TaskIndex i = 0; i < tasks_.size(); ++i) {
    const TaskRecord& task = tasks_[i];
    if (task.priority == Priority::kTask && task.state != TaskState::kOver) return i;
  }
  return kNoTask;
}

bool ClosedLoop::OnStall() {
  bool lost = false;
  for (TaskIndex i = 0; i < tasks_.size(); ++i) lost |= IsLost(i);
  if (lost || disturbance_ == nullptr || !disturbed_.LeaveNoTime(steps_done_)) return false;
  hopeless_ = absl::InvalidArgumentError(
      absl::StrCat("nothing is left of the CPUs' time for tasks: ", disturbed_.count(),
                   " disturbances came since one last took a step, the last by ",
                   disturbance_->NameOf(disturbed_.last()), ". ", DescribeTasks()));
  stopped_ = true;
  return true;
}

void ClosedLoop::NoteStep(const Cpu& cpu, TaskIndex task) {
  ++steps_done_;
  starved_.OnProgress(cpu.id());
  TaskRecord& record = tasks_[task];
  const bool took_time = cpu.now() != record.stepped_at;
  record.steps_then = took_time ? 0 : record.steps_then + 1;
  record.stepped_at = cpu.now();
  if (record.steps_then < kTimelessStepsMax || !hopeless_.ok()) return;
  hopeless_ = steps_.ErrorOf(
      task, absl::StrCat("this goes on and on: ", steps_.TaskName(task), " took ",
                         record.steps_then, " steps, of which none took any simulated time"));
  stopped_ = true;
}

void ClosedLoop::NoteDisturbance(const Cpu& cpu, uint64_t token) {
  if (!TaskWantsToRun(cpu)) return starved_.OnProgress(cpu.id());
  starved_.OnDisturbance(cpu.id(), token);
  if (!starved_.TooLong() || !hopeless_.ok()) return;
  const CpuId worst = starved_.Worst();
  hopeless_ = absl::InvalidArgumentError(
      absl::StrCat("nothing is left of the CPUs' time for tasks: ", starved_.disturbances(worst),
                   " disturbances came to CPU ", worst.value(),
                   " since a task last got on there, the last by ",
                   disturbance_->NameOf(starved_.last(worst)), ". ", DescribeTasks()));
  stopped_ = true;
}

bool ClosedLoop::TaskWantsToRun(const Cpu& cpu) const {
  const CpuId id = cpu.id();
  if (!fair_.empty(id) || sleepers_.IsDue(id, cpu.now())) return true;
  const TaskIndex last = cpus_[id.index()].last;
  return last != kNoTask && tasks_[last].state == TaskState::kRunning && fair_.CpuOf(last) == id;
}

std::string ClosedLoop::WorkOf(const Cpu& cpu) const {
  const TaskIndex last = cpus_[cpu.id().index()].last;
  if (last == kNoTask || tasks_[last].state != TaskState::kRunning) return "";
  return absl::StrCat(steps_.TaskName(last), tasks_[last].has_step ? Waiting(last) : "");
}

bool ClosedLoop::WaitsRightly(const TaskRecord& task) const {
  const Step& step = task.step;
  switch (step.kind) {
    case Step::Kind::kFree:
      return objects_.empty(step.object);
    case Step::Kind::kBarrier:
    case Step::Kind::kSend:
    case Step::Kind::kReceive:
      return meeting_.WaitsRightly(step);
    default:
      return false;
  }
}

bool ClosedLoop::IsLost(TaskIndex index) const {
  const TaskRecord& task = tasks_[index];
  if (task.priority != Priority::kTask) return false;
  switch (task.state) {
    case TaskState::kReady: {
      const CpuId cpu = fair_.CpuOf(index);
      return !cpus_[cpu.index()].running && machine_.cpu(cpu).idle() &&
             !agenda_.WakeIsOnItsWay(cpu);
    }
    case TaskState::kWaiting:
      return !WaitsRightly(task);
    case TaskState::kSleeping:
      return agenda_.empty();
    case TaskState::kInRcuBarrier:
      return rcu_threads_out_ == 0;
    case TaskState::kRunning:
      return machine_.cpu(fair_.CpuOf(index)).idle();
    case TaskState::kOver:
      return false;
  }
  return false;
}

std::string ClosedLoop::Waiting(TaskIndex index) const {
  const TaskRecord& task = tasks_[index];
  const Step& step = task.step;
  const auto queue = [&] {
    return meeting_.DescribeQueue(step.queue, steps_.QueueName(step.queue));
  };
  switch (step.kind) {
    case Step::Kind::kBarrier:
      return absl::StrCat(" at ", meeting_.DescribeBarrier(step.queue));
    case Step::Kind::kFree:
      return task.state == TaskState::kWaiting ? " to free an object that nobody allocates"
                                               : absl::StrCat(" to free object ", step.object);
    case Step::Kind::kSend:
      return absl::StrCat(" to send to ", queue());
    case Step::Kind::kReceive:
      return absl::StrCat(" to receive from ", queue());
    case Step::Kind::kAllocate:
      return absl::StrCat(" to allocate ", step.bytes, " bytes as object ", step.object);
    case Step::Kind::kRcuBarrier:
      return " for a grace period";
    default:
      return " to go on";
  }
}

std::string ClosedLoop::DescribeTasks() const {
  std::string text =
      absl::StrCat(tasks_alive_, tasks_alive_ == 1 ? " task waits" : " tasks wait", " for ever");
  int named = 0;
  for (const bool lost : {true, false}) {
    for (TaskIndex i = 0; i < tasks_.size() && named < kTasksNamedMax; ++i) {
      const TaskRecord& task = tasks_[i];
      if (task.priority != Priority::kTask || task.state == TaskState::kOver) continue;
      if (IsLost(i) != lost) continue;
      absl::StrAppend(&text, named++ == 0 ? "; the first is " : ", then ", steps_.TaskName(i),
                      ", which waits", Waiting(i));
      if (task.state == TaskState::kReady || task.state == TaskState::kRunning) {
        absl::StrAppend(&text, " on CPU ", fair_.CpuOf(i).value());
      }
      if (lost) absl::StrAppend(&text, ", though it could");
    }
  }
  return text;
}

}  // namespace slablab
