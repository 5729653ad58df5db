// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_STEPS_H_
#define SLABLAB_WORKLOADS_STEPS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "allocators/allocator.h"
#include "base/types.h"
#include "sim/core/arrival.h"
#include "sim/core/memory_policy.h"
#include "sim/pages/gfp.h"

// A workload in closed order: a set of tasks, each a sequence of steps of which the next begins
// when the one before is done. workloads/closed/closed_loop.h carries them out.

namespace slablab {

// Tasks are 0 .. tasks-1; so are queues, barriers and the places that objects are kept in.
using TaskIndex = uint32_t;
inline constexpr TaskIndex kNoTask = UINT32_MAX;

struct Step {
  enum class Kind : uint8_t {
    kEnd,         // nothing more comes
    kThink,       // `cycles` on the CPU
    kSleep,       // `cycles` off it
    kAt,          // interrupts only: what follows comes `cycles` after the start
    kAllocate,    // into place `object`: `bytes` of `cache`, or of kmalloc; its user writes some
    kFree,        // what is in place `object`; if nothing yet, waits for it
    kTouch,       // `bytes` of what is in place `object`, from `offset` on
    kSend,        // what is in `bytes` places from `object` on goes to queue `queue`, all at once;
                  // waits until there is room
    kReceive,     // into `bytes` places from `object` on; waits until there are as many
    kBarrier,     // waits until all of barrier `queue` are there
    kWork,        // `bytes` units of what the workload counts as done
    kRcuBarrier,  // waits until all that was freed `by_rcu` before is free
  };
  Kind kind = Kind::kEnd;
  bool write = false;   // kTouch
  bool kfree = false;   // kFree: by kfree, whatever cache it is from
  bool by_rcu = false;  // kFree: by kvfree_rcu
  Gfp gfp = kGfpKernel;
  CacheId cache = kNoCache;
  NodeId node = kAnyNode;  // kAllocate: the node asked for
  CpuId cpu{-1};           // where the step is to run; -1: where the task is
  uint32_t bytes = 0;
  uint32_t touch_bytes = 0;  // kAllocate: written; kFree: read first
  uint32_t offset = 0;
  uint32_t queue = 0;
  uint64_t object = 0;
  Cycles cycles = 0;
  uint32_t label = 0;  // the source's name for it; observers are told
  uint32_t caller = 0;  // kAllocate, kFree: who asks, a number of the source's; 0: not known
};

// One task as it begins.
struct TaskStart {
  CpuId cpu;
  bool may_move = false;  // to other CPUs, as the scheduler sees fit; else it is bound to this one
  // Interrupts come when they are due and do not wait their turn; their steps are kAt (the first
  // is), kAllocate and kFree. What one is to free that is not there yet is freed by another as soon
  // as it is.
  Priority priority = Priority::kTask;
  std::optional<MemoryPolicy> memory_policy = std::nullopt;
};

struct QueueShape {
  uint32_t capacity = 1;  // objects
  // Senders that wait for room go on, all of them, when no more than so many objects are left;
  // otherwise one after another, as soon as there is room.
  std::optional<uint32_t> resume_at;
};

// Where steps come from. All figures are fixed before the first step is asked for.
class StepSource {
 public:
  virtual ~StepSource() = default;

  virtual uint32_t task_count() const = 0;
  virtual TaskStart StartOf(TaskIndex task) const = 0;
  virtual uint64_t object_count() const = 0;
  virtual std::vector<QueueShape> queues() const { return {}; }
  // By barrier: how many tasks meet there.
  virtual std::vector<uint32_t> barriers() const { return {}; }

  // The task's next step. Not asked again after kEnd.
  virtual void NextStep(TaskIndex task, Step* step) = 0;
  // What went wrong, if anything: tasks are over then.
  virtual absl::Status status() const { return absl::OkStatus(); }

  // Whether its tasks may be written so that they wait for each other for ever.
  virtual bool MayWaitForEver() const { return true; }
  // InvalidArgument: what is wrong with what the task was told to do last, and where that stands.
  virtual absl::Status ErrorOf(TaskIndex /*task*/, const std::string& message) const {
    return absl::InvalidArgumentError(message);
  }

  // For messages.
  virtual std::string TaskName(TaskIndex task) const = 0;
  virtual std::string QueueName(uint32_t queue) const { return std::to_string(queue); }
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_STEPS_H_
