// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CLOSED_MEETING_POINTS_H_
#define SLABLAB_WORKLOADS_CLOSED_MEETING_POINTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "workloads/closed/object_places.h"
#include "workloads/steps.h"

namespace slablab {

// Where tasks wait for each other: bounded queues that pass objects on, first in first out, and
// barriers. All of it at its place in global time order.
//
// A wake-up is owed to whoever could go on. What was sent may be enough for several, and one that
// is woken may find that it needs more than there is, where the next does not: whoever comes first
// takes, and those that were woken may have to wait again. What those need that were woken and have
// not come yet is promised to them, so that others are woken for the rest alone.
//
// Invariants:
//  1. A queue holds at most its capacity.
//  2. Once all who were woken have come, nobody waits whose step could be done; of senders where
//     there is a mark, once the queue is no longer above it.
class MeetingPoints {
 public:
  // Called for each task that is to go on, in order. It is not in here any more.
  using Wake = absl::FunctionRef<void(TaskIndex task)>;

  MeetingPoints(const std::vector<QueueShape>& queues, const std::vector<uint32_t>& barriers,
                uint32_t tasks);

  // The task's step, of kSend or kReceive. False: it is not done and the task waits; whether or
  // not, others may be woken.
  bool Send(TaskIndex task, const Step& step, ObjectPlaces& places, Wake wake);
  bool Receive(TaskIndex task, const Step& step, ObjectPlaces& places, Wake wake);
  // The task is at the barrier. False: it waits there for others.
  bool MeetAt(uint32_t barrier, TaskIndex task, Wake wake);

  // Whether what a waiting task's step waits for is not there. REQUIRES: one of the three.
  bool WaitsRightly(const Step& step) const;
  // "queue 1 (0 of 2 objects in it)", the queue being called `name`.
  std::string DescribeQueue(uint32_t queue, const std::string& name) const;
  std::string DescribeBarrier(uint32_t barrier) const;
  uint32_t size(uint32_t queue) const { return queues_[queue].count; }

 private:
  struct TaskRecord {
    TaskIndex next = kNoTask;  // behind the same queue or at the same barrier
    uint32_t objects = 0;      // its step's
    bool promised = false;     // woken for a queue, and has not looked at it yet
  };
  struct TaskList {
    TaskIndex first = kNoTask;
    TaskIndex last = kNoTask;
    bool empty() const { return first == kNoTask; }
  };
  struct Queue {
    uint32_t capacity = 0;
    std::optional<uint32_t> resume_at;
    uint32_t begin = 0;
    uint32_t count = 0;
    std::vector<ObjectPlaces::Kept> ring;
    uint32_t promised_room = 0;
    uint32_t promised_objects = 0;
    TaskList senders{};
    TaskList receivers{};
    uint32_t room() const { return capacity - count; }
  };
  struct Barrier {
    uint32_t expected = 0;
    uint32_t there = 0;
    TaskList waiting{};
  };

  // The first that waits, and whoever else may have what is left.
  void WakeReceivers(Queue& queue, bool first_too, Wake wake);
  void WakeSenders(Queue& queue, bool first_too, Wake wake);
  void Append(TaskList& list, TaskIndex task, uint32_t objects);
  TaskIndex TakeFirst(TaskList& list);
  // The first whose step is about so many objects or fewer; kNoTask if there is none.
  TaskIndex TakeFirstOf(TaskList& list, uint32_t objects_max);

  std::vector<Queue> queues_;
  std::vector<Barrier> barriers_;
  std::vector<TaskRecord> tasks_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CLOSED_MEETING_POINTS_H_
