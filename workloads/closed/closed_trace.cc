// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/closed/closed_trace.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"

namespace slablab {

namespace {

constexpr size_t kBatchEvents = 1 << 12;
// Operations in interrupts that follow each other so closely came in one.
constexpr Nanos kBurstNanos = 10'000;
constexpr uint64_t kStaggerNanos = 1'000'000;
constexpr uint64_t kTasksMax = 1 << 20;
constexpr uint64_t kObjectsMax = uint64_t{1} << 32;

absl::Status Error(const ClosedTraceOptions& options, const std::string& message) {
  return absl::InvalidArgumentError(
      options.label.empty() ? message : absl::StrCat(options.label, ": ", message));
}

}  // namespace

ClosedTrace::ClosedTrace(const TraceReader& reader, const MachineConfig& machine,
                         const Allocator& allocator, std::vector<CacheId> cache_of,
                         const ClosedTraceOptions& options)
    : options_(options),
      clock_mhz_(static_cast<uint64_t>(machine.clock_mhz)),
      cache_of_(std::move(cache_of)),
      places_(RecordedTopologyFor({.recorded = options.recorded}, reader), machine),
      placer_(machine) {
  for (const CacheId cache : cache_of_) {
    object_sizes_.push_back(cache == kNoCache ? 0 : allocator.Layout(cache).object_size);
  }
}

absl::StatusOr<std::unique_ptr<ClosedTrace>> ClosedTrace::Create(
    TraceReader& reader, const MachineConfig& machine, const Allocator& allocator,
    std::vector<CacheId> cache_of, const ClosedTraceOptions& options) {
  // The constructor is private.
  std::unique_ptr<ClosedTrace> trace(
      new ClosedTrace(reader, machine, allocator, std::move(cache_of), options));
  if (absl::Status status = trace->Load(reader); !status.ok()) return status;
  trace->GroupByTask();
  if (const uint64_t tasks = trace->recorded_.size() * uint64_t{options.scale}; tasks > kTasksMax) {
    return Error(options, absl::StrCat("closed order takes at most ", kTasksMax, " tasks; ",
                                       trace->recorded_.size(), " in ", options.scale,
                                       " copies (--scale) are ", tasks));
  }
  trace->Place();
  return trace;
}

bool ClosedTrace::Replayable(const Event& event) {
  const auto state_of = [&]() -> SkipTally::Object& { return object_states_[event.object - 1]; };
  const auto has_cache = [&] {
    return event.kind == EventKind::kKmalloc || cache_of_[event.cache] != kNoCache;
  };
  if (!skips_.Admits(event, state_of, has_cache)) return false;
  state_of() =
      AllocatesObject(event.kind) ? SkipTally::Object::kAllocated : SkipTally::Object::kEnded;
  return true;
}

absl::Status ClosedTrace::Load(TraceReader& reader) {
  const TraceHeader& header = reader.header();
  for (const std::string& gfp : header.gfp_flags) gfps_.push_back(ParseGfp(gfp, nullptr));
  if (header.object_count > kObjectsMax / options_.scale) {
    return Error(options_, absl::StrCat("closed order takes at most ", kObjectsMax,
                                        " objects; there are ", header.object_count, " in each of ",
                                        options_.scale, " copies (--scale)"));
  }
  objects_per_copy_ = header.object_count;
  object_states_.resize(objects_per_copy_);

  // Whose operation was the last on a recorded CPU.
  std::vector<uint32_t> last_on_cpu(static_cast<size_t>(header.cpu_count), UINT32_MAX);
  std::vector<uint16_t> last_cpu_of;  // by task
  absl::flat_hash_map<uint64_t, uint32_t> task_of;
  std::vector<Event> batch(kBatchEvents);
  Nanos first = 0;
  for (;;) {
    const absl::StatusOr<size_t> count = reader.Read(absl::MakeSpan(batch));
    if (!count.ok()) return count.status();
    if (*count == 0) break;
    for (size_t i = 0; i < *count; ++i) {
      const Event& event = batch[i];
      if (events_ == 0) first = event.time;
      if (options_.events_max != 0 && events_ == options_.events_max) break;
      ++events_;
      if (!Replayable(event)) continue;
      if (AllocatesObject(event.kind)) folded_nodes_ += places_.Folds(event.node);
      const Priority priority = PriorityOf(event.context);
      // Interrupts and the idle task are a task a CPU.
      const bool of_cpu = priority != Priority::kTask || event.pid == 0;
      const uint64_t key = static_cast<uint64_t>(priority) << 56 |
                           static_cast<uint64_t>(of_cpu) << 48 |
                           (of_cpu ? event.cpu : static_cast<uint32_t>(event.pid));
      const auto [entry, is_first] =
          task_of.try_emplace(key, static_cast<uint32_t>(recorded_.size()));
      const uint32_t task = entry->second;
      if (is_first) {
        recorded_.push_back({.pid = event.pid, .cpu = event.cpu, .priority = priority});
        last_cpu_of.push_back(event.cpu);
      }
      bool slept = is_first;
      if (priority == Priority::kTask) {
        slept |= last_cpu_of[task] != event.cpu || last_on_cpu[event.cpu] != task;
        last_on_cpu[event.cpu] = task;
        last_cpu_of[task] = event.cpu;
      }
      // A trace may ask for more than its cache's objects have.
      const uint32_t bytes = event.kind == EventKind::kCacheAlloc
                                 ? std::min(event.bytes_req, object_sizes_[event.cache])
                                 : event.bytes_req;
      operations_.push_back({.time = event.time - first,
                             .object = static_cast<uint32_t>(event.object - 1),
                             .bytes = bytes,
                             .cache = event.cache,
                             .gfp = event.gfp,
                             .cpu = event.cpu,
                             .node = event.node,
                             .kind = event.kind,
                             .slept = slept,
                             .by_rcu = event.by_rcu,
                             .task = task,
                             .call_site = event.call_site});
    }
    if (options_.events_max != 0 && events_ == options_.events_max) break;
  }
  object_states_ = {};
  return absl::OkStatus();
}

// Sorts operations by task, in each as they come, by counting; tasks before interrupts.
void ClosedTrace::GroupByTask() {
  std::vector<uint32_t> order;
  for (const bool interrupts : {false, true}) {
    for (uint32_t i = 0; i < recorded_.size(); ++i) {
      if ((recorded_[i].priority != Priority::kTask) == interrupts) order.push_back(i);
    }
    if (!interrupts) tasks_ = order.size();
  }
  for (const Operation& operation : operations_) ++recorded_[operation.task].end;
  size_t begin = 0;
  std::vector<Recorded> sorted;
  for (const uint32_t i : order) {
    recorded_[i].begin = begin;
    begin += recorded_[i].end;
    recorded_[i].end = recorded_[i].begin;
  }
  std::vector<Operation> grouped(operations_.size());
  for (const Operation& operation : operations_) {
    grouped[recorded_[operation.task].end++] = operation;
  }
  operations_ = std::move(grouped);
  for (const uint32_t i : order) sorted.push_back(recorded_[i]);
  recorded_ = std::move(sorted);
}

void ClosedTrace::Place() {
  Random random(options_.seed, /*stream=*/0x636f7079);
  for (uint32_t copy = 0; copy < options_.scale; ++copy) {
    offsets_.push_back(copy == 0 ? 0 : random.Below(kStaggerNanos));
  }
  const uint64_t all = tasks_ * options_.scale;
  const auto add = [&](uint32_t copy, uint32_t recorded) {
    Cursor cursor = {.recorded = recorded, .copy = copy, .next = recorded_[recorded].begin};
    const uint64_t n = cursors_.size();
    if (recorded >= tasks_ || options_.placement == CpuPlacement::kRecorded) {
      cursor.cpu = places_.CpuFor(recorded_[recorded].cpu, copy);
    } else {
      cursor.cpu =
          options_.placement == CpuPlacement::kPack ? placer_.Pack(n, all) : placer_.Spread(n);
    }
    cursors_.push_back(cursor);
  };
  for (uint32_t copy = 0; copy < options_.scale; ++copy) {
    for (uint32_t i = 0; i < tasks_; ++i) add(copy, i);
  }
  for (const Cursor& cursor : cursors_) used_.push_back(cursor.cpu);
  std::sort(used_.begin(), used_.end());
  used_.erase(std::unique(used_.begin(), used_.end()), used_.end());
  for (uint32_t copy = 0; copy < options_.scale; ++copy) {
    for (auto i = static_cast<uint32_t>(tasks_); i < recorded_.size(); ++i) add(copy, i);
  }
  tasks_ = all;
}

TaskStart ClosedTrace::StartOf(TaskIndex task) const {
  const Cursor& cursor = cursors_[task];
  const Recorded& recorded = recorded_[cursor.recorded];
  const bool is_idle_task = recorded.pid == 0;
  return {.cpu = cursor.cpu,
          .may_move = options_.balance && recorded.priority == Priority::kTask && !is_idle_task,
          .priority = recorded.priority};
}

absl::Status ClosedTrace::ErrorOf(TaskIndex /*task*/, const std::string& message) const {
  return Error(options_, message);
}

int32_t ClosedTrace::TaskId(TaskIndex task) const {
  const Recorded& recorded = recorded_[cursors_[task].recorded];
  return recorded.priority == Priority::kTask ? recorded.pid : -1;
}

std::string ClosedTrace::TaskName(TaskIndex task) const {
  const Cursor& cursor = cursors_[task];
  const Recorded& recorded = recorded_[cursor.recorded];
  if (recorded.priority != Priority::kTask) return absl::StrCat("interrupts of CPU ", recorded.cpu);
  return recorded.pid == 0 ? absl::StrCat("the idle task of CPU ", recorded.cpu)
                           : absl::StrCat("task ", recorded.pid);
}

CpuId ClosedTrace::InterruptCpu(const Cursor& cursor) const {
  if (options_.placement == CpuPlacement::kRecorded || used_.empty()) return cursor.cpu;
  // Streams begin on different CPUs and step on by the number of streams.
  const uint64_t streams = cursors_.size() - tasks_;
  const uint64_t stream = static_cast<uint64_t>(&cursor - cursors_.data()) - tasks_;
  return used_[(stream + cursor.burst * streams) % used_.size()];
}

void ClosedTrace::NextStep(TaskIndex task, Step* step) {
  static constexpr Step kBlank;  // To copy it whole is faster than to make one field by field.
  *step = kBlank;
  Cursor& cursor = cursors_[task];
  const Recorded& recorded = recorded_[cursor.recorded];
  if (cursor.next == recorded.end) return;
  if (recorded.priority != Priority::kTask) return NextOfInterrupt(cursor, step);
  const Operation& operation = operations_[cursor.next];
  if (options_.placement == CpuPlacement::kRecorded) {
    step->cpu = places_.CpuFor(operation.cpu, cursor.copy);
  }
  if (!cursor.thought) {
    cursor.thought = true;
    Nanos gap = operation.time - cursor.before;
    if (cursor.next == recorded.begin) gap += offsets_[cursor.copy];
    step->kind = operation.slept ? Step::Kind::kSleep : Step::Kind::kThink;
    step->cycles = gap * clock_mhz_ / 1000;
    if (step->cycles > 0) return;
  }
  cursor.before = operation.time;
  cursor.thought = false;
  ++cursor.next;
  Fill(cursor, operation, step);
}

void ClosedTrace::NextOfInterrupt(Cursor& cursor, Step* step) {
  const Operation& operation = operations_[cursor.next];
  if (!cursor.thought || operation.time - cursor.before > kBurstNanos) {
    cursor.thought = true;
    cursor.before = operation.time;
    step->kind = Step::Kind::kAt;
    step->cycles = (operation.time + offsets_[cursor.copy]) * clock_mhz_ / 1000;
    step->cpu = InterruptCpu(cursor);
    ++cursor.burst;
    return;
  }
  ++cursor.next;
  Fill(cursor, operation, step);
}

void ClosedTrace::Fill(const Cursor& cursor, const Operation& operation, Step* step) const {
  step->object = operation.object + cursor.copy * objects_per_copy_;
  step->caller = operation.call_site;
  if (AllocatesObject(operation.kind)) {
    step->kind = Step::Kind::kAllocate;
    if (operation.kind == EventKind::kCacheAlloc) step->cache = cache_of_[operation.cache];
    step->bytes = step->touch_bytes = operation.bytes;
    step->gfp = gfps_[operation.gfp];
    if (operation.node >= 0) step->node = places_.NodeFor(operation.node);
  } else {
    step->kind = Step::Kind::kFree;
    step->kfree = operation.kind == EventKind::kKfree;
    step->by_rcu = operation.by_rcu;
    step->touch_bytes = 1;
  }
}

}  // namespace slablab
