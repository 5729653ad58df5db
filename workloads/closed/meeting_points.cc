// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/closed/meeting_points.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace slablab {

MeetingPoints::MeetingPoints(const std::vector<QueueShape>& queues,
                             const std::vector<uint32_t>& barriers, uint32_t tasks)
    : tasks_(tasks) {
  for (const QueueShape& shape : queues) {
    CHECK_GT(shape.capacity, 0u);
    queues_.push_back({.capacity = shape.capacity,
                       .resume_at = shape.resume_at,
                       .ring = std::vector<ObjectPlaces::Kept>(shape.capacity)});
  }
  for (const uint32_t expected : barriers) barriers_.push_back({.expected = expected});
}

bool MeetingPoints::Send(TaskIndex task, const Step& step, ObjectPlaces& places, Wake wake) {
  Queue& queue = queues_[step.queue];
  if (std::exchange(tasks_[task].promised, false)) queue.promised_room -= step.bytes;
  if (queue.room() < step.bytes) {
    Append(queue.senders, task, step.bytes);
    WakeSenders(queue, /*first_too=*/false, wake);
    return false;
  }
  for (uint32_t i = 0; i < step.bytes; ++i) {
    queue.ring[(queue.begin + queue.count++) % queue.capacity] = places.Take(step.object + i);
  }
  WakeReceivers(queue, /*first_too=*/true, wake);
  return true;
}

bool MeetingPoints::Receive(TaskIndex task, const Step& step, ObjectPlaces& places, Wake wake) {
  Queue& queue = queues_[step.queue];
  if (std::exchange(tasks_[task].promised, false)) queue.promised_objects -= step.bytes;
  if (queue.count < step.bytes) {
    Append(queue.receivers, task, step.bytes);
    WakeReceivers(queue, /*first_too=*/false, wake);
    return false;
  }
  for (uint32_t i = 0; i < step.bytes; ++i) {
    places.Put(step.object + i, queue.ring[queue.begin]);
    queue.begin = (queue.begin + 1) % queue.capacity;
  }
  queue.count -= step.bytes;
  WakeSenders(queue, /*first_too=*/true, wake);
  return true;
}

void MeetingPoints::WakeReceivers(Queue& queue, bool first_too, Wake wake) {
  const auto promise = [&](TaskIndex task) {
    queue.promised_objects += tasks_[task].objects;
    tasks_[task].promised = true;
    wake(task);
  };
  if (first_too && !queue.receivers.empty()) promise(TakeFirst(queue.receivers));
  while (!queue.receivers.empty() && queue.count > queue.promised_objects) {
    const TaskIndex task = TakeFirstOf(queue.receivers, queue.count - queue.promised_objects);
    if (task == kNoTask) return;
    promise(task);
  }
}

// Likewise for room; at a mark, all go on.
void MeetingPoints::WakeSenders(Queue& queue, bool first_too, Wake wake) {
  if (queue.resume_at.has_value()) {
    if (!first_too || queue.count > *queue.resume_at) return;
    while (!queue.senders.empty()) wake(TakeFirst(queue.senders));
    return;
  }
  const auto promise = [&](TaskIndex task) {
    queue.promised_room += tasks_[task].objects;
    tasks_[task].promised = true;
    wake(task);
  };
  if (first_too && !queue.senders.empty()) promise(TakeFirst(queue.senders));
  while (!queue.senders.empty() && queue.room() > queue.promised_room) {
    const TaskIndex task = TakeFirstOf(queue.senders, queue.room() - queue.promised_room);
    if (task == kNoTask) return;
    promise(task);
  }
}

bool MeetingPoints::MeetAt(uint32_t index, TaskIndex task, Wake wake) {
  Barrier& barrier = barriers_[index];
  if (++barrier.there < barrier.expected) {
    Append(barrier.waiting, task, 0);
    return false;
  }
  barrier.there = 0;
  while (!barrier.waiting.empty()) wake(TakeFirst(barrier.waiting));
  return true;
}

bool MeetingPoints::WaitsRightly(const Step& step) const {
  if (step.kind == Step::Kind::kBarrier) {
    return barriers_[step.queue].there < barriers_[step.queue].expected;
  }
  const Queue& queue = queues_[step.queue];
  if (step.kind == Step::Kind::kReceive) return queue.count < step.bytes;
  CHECK(step.kind == Step::Kind::kSend);
  return queue.room() < step.bytes ||
         (queue.resume_at.has_value() && queue.count > *queue.resume_at);
}

std::string MeetingPoints::DescribeQueue(uint32_t index, const std::string& name) const {
  const Queue& queue = queues_[index];
  return absl::StrCat("queue ", name, " (", queue.count, " of ", queue.capacity, " objects in it)");
}

std::string MeetingPoints::DescribeBarrier(uint32_t index) const {
  const Barrier& barrier = barriers_[index];
  return absl::StrCat("a barrier, where ", barrier.there, " of ", barrier.expected, " tasks are");
}

void MeetingPoints::Append(TaskList& list, TaskIndex task, uint32_t objects) {
  tasks_[task].next = kNoTask;
  tasks_[task].objects = objects;
  (list.empty() ? list.first : tasks_[list.last].next) = task;
  list.last = task;
}

TaskIndex MeetingPoints::TakeFirst(TaskList& list) {
  const TaskIndex task = list.first;
  CHECK_NE(task, kNoTask);
  list.first = tasks_[task].next;
  return task;
}

TaskIndex MeetingPoints::TakeFirstOf(TaskList& list, uint32_t objects_max) {
  TaskIndex before = kNoTask;
  for (TaskIndex task = list.first; task != kNoTask; before = task, task = tasks_[task].next) {
    if (tasks_[task].objects > objects_max) continue;
    (before == kNoTask ? list.first : tasks_[before].next) = tasks_[task].next;
    if (list.last == task) list.last = before;
    return task;
  }
  return kNoTask;
}

}  // namespace slablab
