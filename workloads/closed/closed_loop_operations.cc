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
  const Cycles begin = cpu.task_clock();
  const Cycles start = cpu.now();
  cpu.set_caller(step.caller);
  if (call_sites_ != nullptr) call_sites_->Begin(cpu);
  Placement placement;
  if (step.cache == kNoCache) {
    placement = co_await allocator_.Kmalloc(cpu, step.bytes, step.gfp, step.node);
  } else {
    placement = co_await allocator_.Alloc(cpu, step.cache, step.gfp, step.node);
  }
  const Cycles cycles = cpu.task_clock() - begin;
  Account(cpu, step.cache, placement.path, false, cycles);
  if (call_sites_ != nullptr) {
    call_sites_->End(cpu, {.caller = step.caller,
                           .task = steps_.TaskId(task),
                           .cache = step.cache,
                           .path = placement.path,
                           .in_interrupt = cpu.in_interrupt(),
                           .object = placement.object,
                           .bytes = step.bytes,
                           .cycles = cycles});
  }
  if (observer_ != nullptr) {
    observer_->OnOperation({.event = result_.allocations + result_.frees - 1,
                            .task = static_cast<int32_t>(task),
                            .cpu = cpu.id(),
                            .priority = tasks_[task].priority,
                            .path = placement.path,
                            .cache = step.cache,
                            .object = placement.object,
                            .bytes = step.bytes,
                            .start = start,
                            .end = cpu.now(),
                            .cycles = cycles,
                            .label = step.label});
  }
  result_.placements.Add(placement.object.value() ^ step.object << 40);
  if (!placement.object.is_null()) {
    auditor_.OnAlloc({.object = placement.object,
                      .bytes = step.bytes,
                      .only_node = Has(step.gfp, Gfp::kThisNode) ? step.node : kAnyNode});
    result_.requested_bytes += step.bytes;
    const uint64_t bytes =
        std::min({step.touch_bytes, step.bytes, options_.object_touch_bytes_max});
    if (bytes > 0) Use(cpu, placement.object, bytes, Access::kWrite);
  }
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
  EndObject(cpu, record.address, record.bytes, step.by_rcu);
  cpu.set_caller(step.caller);
  const uint64_t bytes = std::min(step.touch_bytes, record.bytes);
  if (bytes > 0) Use(cpu, record.address, bytes, Access::kRead);
  const CacheId cache(record.cache_plus_1 - 1);
  const Cycles begin = cpu.task_clock();
  const Cycles start = cpu.now();
  if (call_sites_ != nullptr) call_sites_->BeginFree(cpu, record.address, record.bytes);
  PathId path;
  if (step.by_rcu) {
    path = co_await rcu_frees_.Free(cpu, record.address, record.bytes);
  } else if (cache == kNoCache || step.kfree) {
    path = co_await allocator_.Kfree(cpu, record.address);
  } else {
    path = co_await allocator_.Free(cpu, cache, record.address);
  }
  const Cycles cycles = cpu.task_clock() - begin;
  Account(cpu, cache, path, true, cycles);
  if (call_sites_ != nullptr) {
    call_sites_->End(cpu, {.caller = step.caller,
                           .task = steps_.TaskId(task),
                           .cache = cache,
                           .path = path,
                           .is_free = true,
                           .in_interrupt = cpu.in_interrupt(),
                           .object = record.address,
                           .cycles = cycles});
  }
  result_.placements.Add(~record.address.value());
  NoteFootprint(cpu.now());
  if (observer_ == nullptr) co_return;
  observer_->OnOperation({.event = result_.allocations + result_.frees - 1,
                          .task = static_cast<int32_t>(task),
                          .cpu = cpu.id(),
                          .priority = tasks_[task].priority,
                          .is_free = true,
                          .by_rcu = step.by_rcu,
                          .path = path,
                          .cache = cache,
                          .object = record.address,
                          .start = start,
                          .end = cpu.now(),
                          .cycles = cycles,
                          .label = step.label});
}

void ClosedLoop::EndObject(const Cpu& cpu, PhysAddr object, uint32_t bytes, bool by_rcu) {
  if (by_rcu) {
    auditor_.OnFreeRcu(object, bytes);
  } else {
    auditor_.OnFree(object, bytes);
  }
  result_.requested_bytes -= bytes;
  if (machine_.NodeOf(object) != cpu.node()) ++result_.remote_frees;
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
