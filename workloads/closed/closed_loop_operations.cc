// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/internal_error.h"
#include "sim/core/scheduler.h"
#include "sim/pages/buddy_allocator.h"
#include "workloads/closed/closed_loop.h"

// What the steps of a task do: to objects, and to other tasks.

namespace slablab {

namespace {

// A CPU that is to leave is waited for so many microseconds, if no task does anything meanwhile.
constexpr uint64_t kPausesMax = 4'000'000;

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
  Task<void> allocation =
      executor_.Allocate(cpu, what, User{this, task, step.label, tasks_[task].priority, &placement});
  co_await allocation;
  // Others see the object in global time order.
  co_await cpu.Sync();
  Publish(cpu, task, step, placement);
}

void ClosedLoop::Publish(Cpu& cpu, TaskIndex task, const Step& step, Placement placement) {
  ObjectRecord& record = objects_[step.object];
  record.address = placement.object;
  record.bytes = step.bytes;
  record.cache_plus_1 = static_cast<int16_t>(step.cache.value() + 1);
  record.state =
      placement.object.is_null() ? ObjectRecord::State::kFailed : ObjectRecord::State::kLive;
  NoteFootprint(cpu.now());
  if (record.frees_late) {
    const TaskRecord& interrupt = tasks_[record.waiter - 1];
    SendFor({.time = cpu.now(),
             .token = step.object,
             .cpu = interrupt.home,
             .kind = Timer::Kind::kLateFree,
             .priority = interrupt.priority});
  } else if (record.waiter != 0) {
    Wake(cpu, std::exchange(record.waiter, 0) - 1, cpu.now(), task, false);
  }
}

// Whether what the task's step is to free is there.
bool ClosedLoop::MayFree(TaskIndex task, Priority priority) {
  ObjectRecord& record = objects_[tasks_[task].step.object];
  if (record.state != ObjectRecord::State::kNone) return true;
  CHECK_EQ(record.waiter, 0u);
  record.waiter = task + 1;
  if (priority == Priority::kTask) {
    ++closed_.free_waits;
    Wait(task);
  } else {
    ++closed_.late_interrupts;
    record.frees_late = true;
    record.late_kfree = tasks_[task].step.kfree;
    record.late_by_rcu = tasks_[task].step.by_rcu;
  }
  return false;
}

Task<void> ClosedLoop::Free(Cpu& cpu, TaskIndex task, const Step& step) {
  const ObjectRecord record = std::exchange(objects_[step.object], ObjectRecord());
  if (record.state == ObjectRecord::State::kFailed) {
    ++closed_.frees_of_nothing;
    co_return;
  }
  CHECK(record.state == ObjectRecord::State::kLive);
  const Executor::Release what = {.object = record.address,
                                  .cache = CacheId(record.cache_plus_1 - 1),
                                  .bytes = record.bytes,
                                  .read = std::min(step.touch_bytes, record.bytes),
                                  .kfree = step.kfree,
                                  .by_rcu = step.by_rcu};
  Task<void> release = executor_.Free(cpu, what, User{this, task, step.label, tasks_[task].priority});
  co_await release;
}

void ClosedLoop::Touch(Cpu& cpu, const Step& step) {
  const ObjectRecord& record = objects_[step.object];
  if (record.state != ObjectRecord::State::kLive || step.offset >= record.bytes) return;
  const uint64_t bytes = std::min(step.bytes, record.bytes - step.offset);
  if (bytes == 0) return;
  executor_.Touch(cpu, record.address + step.offset, bytes,
                  step.write ? Access::kWrite : Access::kRead);
}

// --- Between tasks. ---

bool ClosedLoop::Send(Cpu& cpu, TaskIndex task) {
  TaskRecord& record = tasks_[task];
  const Step& step = record.step;
  Queue& queue = queues_[step.queue];
  if (std::exchange(record.promised, false)) queue.promised_room -= step.bytes;
  if (queue.capacity - queue.count < step.bytes) {
    Wait(task);
    Append(queue.senders, task);
    WakeSenders(cpu, queue, task, /*first_too=*/false);
    return false;
  }
  for (uint32_t i = 0; i < step.bytes; ++i) {
    queue.ring[(queue.begin + queue.count++) % queue.capacity] =
        std::exchange(objects_[step.object + i], ObjectRecord());
  }
  WakeReceivers(cpu, queue, task, /*first_too=*/true);
  return true;
}

bool ClosedLoop::Receive(Cpu& cpu, TaskIndex task) {
  TaskRecord& record = tasks_[task];
  const Step& step = record.step;
  Queue& queue = queues_[step.queue];
  if (std::exchange(record.promised, false)) queue.promised_objects -= step.bytes;
  if (queue.count < step.bytes) {
    Wait(task);
    Append(queue.receivers, task);
    WakeReceivers(cpu, queue, task, /*first_too=*/false);
    return false;
  }
  for (uint32_t i = 0; i < step.bytes; ++i) {
    CHECK(objects_[step.object + i].state == ObjectRecord::State::kNone);
    objects_[step.object + i] = queue.ring[queue.begin];
    queue.begin = (queue.begin + 1) % queue.capacity;
  }
  queue.count -= step.bytes;
  WakeSenders(cpu, queue, task, /*first_too=*/true);
  return true;
}

// What was sent may be enough for several; and one that is woken may find that it needs more than
// there is, where the next does not. Whoever comes first takes: those that were woken may have to
// wait again.
void ClosedLoop::WakeReceivers(Cpu& cpu, Queue& queue, TaskIndex by, bool first_too) {
  const auto wake = [&](TaskIndex task) {
    queue.promised_objects += tasks_[task].step.bytes;
    tasks_[task].promised = true;
    Wake(cpu, task, cpu.now(), by, true);
  };
  if (first_too && !queue.receivers.empty()) wake(TakeFirst(queue.receivers));
  while (!queue.receivers.empty() && queue.count > queue.promised_objects) {
    const TaskIndex task = TakeFirstOf(queue.receivers, queue.count - queue.promised_objects);
    if (task == kNoTask) return;
    wake(task);
  }
}

// Likewise for room; at a mark, all go on.
void ClosedLoop::WakeSenders(Cpu& cpu, Queue& queue, TaskIndex by, bool first_too) {
  if (queue.resume_at.has_value()) {
    if (!first_too || queue.count > *queue.resume_at) return;
    while (!queue.senders.empty()) Wake(cpu, TakeFirst(queue.senders), cpu.now(), by, true);
    return;
  }
  const auto wake = [&](TaskIndex task) {
    queue.promised_room += tasks_[task].step.bytes;
    tasks_[task].promised = true;
    Wake(cpu, task, cpu.now(), by, true);
  };
  if (first_too && !queue.senders.empty()) wake(TakeFirst(queue.senders));
  while (!queue.senders.empty() && queue.capacity - queue.count > queue.promised_room) {
    const uint32_t room = queue.capacity - queue.count - queue.promised_room;
    const TaskIndex task = TakeFirstOf(queue.senders, room);
    if (task == kNoTask) return;
    wake(task);
  }
}

bool ClosedLoop::MeetAt(Cpu& cpu, TaskIndex task) {
  Barrier& barrier = barriers_[tasks_[task].step.queue];
  if (++barrier.there < barrier.expected) {
    Wait(task);
    Append(barrier.waiting, task);
    return false;
  }
  barrier.there = 0;
  while (!barrier.waiting.empty()) Wake(cpu, TakeFirst(barrier.waiting), cpu.now(), task, false);
  return true;
}

// --- Figures. ---

void ClosedLoop::NoteFootprint(Cycles now) {
  const Cycles since = now - std::min(now, start_);
  executor_.footprint().NotePeak(since);
  if (executor_.footprint().IsDue(since)) executor_.footprint().Sample(since);
}

// --- Hotplug. ---

Task<bool> ClosedLoop::TakeOffline(Cpu& cpu, CpuId target) {
  CpuRecord& leaving = cpus_[target.index()];
  if (target == cpu.id() || leaving.leaving || cpus_staying_ < 2) co_return false;
  leaving.leaving = true;
  fair_.SetAvailable(target, false);
  leaving.handed_over = false;
  --cpus_staying_;
  co_await cpu.Sync();
  // It may have seen that it is to leave while this CPU was in interrupts.
  if (!leaving.handed_over) SendForCpu(target, cpu.now());
  machine_.scheduler().CutPass(machine_.cpu(target), cpu.now() + machine_.config().ipi_cycles);
  // It leaves what it does at the end of a step, or in the middle of a think.
  const Cycles pause = static_cast<Cycles>(machine_.config().clock_mhz);
  const uint64_t progress = Progress();
  for (uint64_t pauses = 0; !leaving.handed_over || !machine_.cpu(target).idle(); ++pauses) {
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
  leaving.gone = true;
  leaving.active = false;  // What was sent for it does not come.
  leaving.wake_at = 0;
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
  CpuRecord& coming = cpus_[target.index()];
  if (!coming.gone) co_return false;
  const PartScope part(cpu, Part::kHotplug);
  Task<bool> callback = allocator_.CpuComing(cpu, target);
  const bool has_memory = co_await callback;
  if (!has_memory) co_return false;
  co_await cpu.Sync();
  machine_.scheduler().SetOnline(target, true);
  Task<void> admit = machine_.buddy().AdmitCpu(cpu, target);
  co_await admit;
  coming.leaving = coming.gone = coming.handed_over = false;
  ++cpus_staying_;
  fair_.SetAvailable(target, true);
  co_return true;
}

}  // namespace slablab
