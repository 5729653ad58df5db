// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CLOSED_CLOSED_TRACE_H_
#define SLABLAB_WORKLOADS_CLOSED_CLOSED_TRACE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "allocators/allocator.h"
#include "sim/machine/machine_config.h"
#include "traces/slt/trace.h"
#include "workloads/replay/recorded_order.h"
#include "workloads/skip_tally.h"
#include "workloads/steps.h"
#include "workloads/task_placer.h"

// A trace in closed order: each of its tasks does what it was recorded to do, in that order, and in
// between what it was recorded to do or to wait.
//
// - A gap between two operations of a task is time on its CPU if it ran on one CPU all along and no
//   other task has an operation there in between; else it sleeps for so long. A gap includes what
//   the operation before it took when it was recorded.
// - A task begins as long after the start as its first operation was after the trace's; a copy, by
//   a seeded part of a millisecond later.
// - The idle task is one task a CPU.
// - What ran in interrupts comes at its recorded times, a burst at a time: on the CPU that stands
//   for the recorded one, or, where tasks are spread or packed, dealt out evenly to the CPUs used.

namespace slablab {

struct ClosedTraceOptions {
  std::string label = {};  // what opens messages: the trace's name
  CpuPlacement placement = CpuPlacement::kRecorded;
  uint32_t scale = 1;  // copies, each with objects of its own
  uint64_t events_max = 0;
  uint64_t seed = 1;
  bool balance = false;  // tasks may be moved; not with kRecorded
  // Null: what the trace's header and index say by themselves.
  std::shared_ptr<const RecordedTopology> recorded = nullptr;
};

// Host memory: 40 bytes an event of the trace, whatever the scale, and 24 an object and copy.
class ClosedTrace : public StepSource {
 public:
  // Reads the whole trace. `cache_of` is as FindOrCreateCaches answers it. InvalidArgument if there
  // is too much to be counted.
  static absl::StatusOr<std::unique_ptr<ClosedTrace>> Create(TraceReader& reader,
                                                             const MachineConfig& machine,
                                                             const Allocator& allocator,
                                                             std::vector<CacheId> cache_of,
                                                             const ClosedTraceOptions& options);

  uint32_t task_count() const override { return static_cast<uint32_t>(cursors_.size()); }
  TaskStart StartOf(TaskIndex task) const override;
  uint64_t object_count() const override { return objects_per_copy_ * options_.scale; }
  void NextStep(TaskIndex task, Step* step) override;
  // The recorded pid; -1: interrupts.
  int32_t TaskId(TaskIndex task) const;
  std::string TaskName(TaskIndex task) const override;
  bool MayWaitForEver() const override { return false; }
  absl::Status ErrorOf(TaskIndex task, const std::string& message) const override;

  // As of a Replay.
  std::vector<SkippedEvents> skipped() const { return skips_.Skipped(); }
  uint64_t events() const { return events_; }
  uint64_t operations() const { return operations_.size(); }  // of one copy
  // How many of the tasks are the trace's own, and how many streams of interrupts there are; of all
  // copies.
  uint64_t tasks() const { return tasks_; }
  uint64_t interrupt_streams() const { return cursors_.size() - tasks_; }
  const RecordedPlaces& places() const { return places_; }
  // Allocations, of all copies, that ask for a recorded node that another stands for.
  uint64_t folded_nodes() const { return folded_nodes_ * options_.scale; }

 private:
  struct Operation {
    Nanos time = 0;       // since the trace's first event
    uint32_t object = 0;  // within a copy
    uint32_t bytes = 0;
    uint16_t cache = 0;
    uint16_t gfp = 0;
    uint16_t cpu = 0;  // recorded
    int16_t node = -1;
    EventKind kind = EventKind::kKmalloc;
    bool slept = false;  // before it
    bool by_rcu = false;
    uint32_t task = 0;       // into recorded_
    uint32_t call_site = 0;  // the trace's index
  };
  static_assert(sizeof(Operation) <= 40);
  // A task as recorded, or the interrupts of a CPU.
  struct Recorded {
    int32_t pid = 0;
    uint16_t cpu = 0;  // where it began
    Priority priority = Priority::kTask;
    size_t begin = 0;  // its operations
    size_t end = 0;
  };
  struct Cursor {
    uint32_t recorded = 0;
    uint32_t copy = 0;
    size_t next = 0;
    Nanos before = 0;      // recorded time of what came last
    bool thought = false;  // the gap before `next` has passed, or its interrupt has come
    CpuId cpu{};
    uint64_t burst = 0;  // interrupts: how many have begun
  };

  ClosedTrace(const TraceReader& reader, const MachineConfig& machine, const Allocator& allocator,
              std::vector<CacheId> cache_of, const ClosedTraceOptions& options);
  absl::Status Load(TraceReader& reader);
  bool Replayable(const Event& event);
  uint32_t TaskOf(const Event& event);
  void GroupByTask();
  void Place();
  CpuId InterruptCpu(const Cursor& cursor) const;
  void NextOfInterrupt(Cursor& cursor, Step* step);
  void Fill(const Cursor& cursor, const Operation& operation, Step* step) const;

  const ClosedTraceOptions options_;
  const uint64_t clock_mhz_;
  const std::vector<CacheId> cache_of_;
  std::vector<uint32_t> object_sizes_;  // by the trace's cache
  std::vector<Gfp> gfps_;
  std::vector<Operation> operations_;  // by task, each in order
  std::vector<Recorded> recorded_;
  std::vector<Cursor> cursors_;
  std::vector<Nanos> offsets_;  // by copy
  std::vector<CpuId> used_;     // CPUs that have tasks, in order
  const RecordedPlaces places_;
  TaskPlacer placer_;
  uint64_t folded_nodes_ = 0;
  std::vector<SkipTally::Object> object_states_;
  SkipTally skips_;
  uint64_t objects_per_copy_ = 0;
  uint64_t tasks_ = 0;
  uint64_t events_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CLOSED_CLOSED_TRACE_H_
