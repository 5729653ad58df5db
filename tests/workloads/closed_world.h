// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_WORKLOADS_CLOSED_WORLD_H_
#define SLABLAB_TESTS_WORKLOADS_CLOSED_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "allocators/registry.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "tests/traces/random_trace.h"
#include "workloads/closed/closed_loop.h"

// A small machine, and steps for it to carry out in closed order.

namespace slablab {

// Steps written down.
class Script : public StepSource {
 public:
  explicit Script(std::vector<std::vector<Step>> tasks, std::vector<int> cpus = {})
      : steps_(std::move(tasks)), cpus_(std::move(cpus)), next_(steps_.size()) {}

  uint32_t task_count() const override { return static_cast<uint32_t>(steps_.size()); }
  TaskStart StartOf(TaskIndex task) const override {
    return {.cpu = CpuId(cpus_.empty() ? static_cast<int>(task) : cpus_[task])};
  }
  uint64_t object_count() const override { return 100; }
  std::vector<QueueShape> queues() const override { return shapes; }
  std::vector<uint32_t> barriers() const override { return {2}; }
  void NextStep(TaskIndex task, Step* step) override {
    *step = next_[task] < steps_[task].size() ? steps_[task][next_[task]++] : Step();
  }
  std::string TaskName(TaskIndex task) const override { return "task " + std::to_string(task); }

  std::vector<QueueShape> shapes = {{.capacity = 2, .resume_at = {}},
                                    {.capacity = 2, .resume_at = {}}};

 private:
  const std::vector<std::vector<Step>> steps_;
  const std::vector<int> cpus_;
  std::vector<size_t> next_;
};

inline Step Allocate(uint64_t object, uint32_t bytes = 64) {
  return {.kind = Step::Kind::kAllocate, .bytes = bytes, .touch_bytes = bytes, .object = object};
}
inline Step Free(uint64_t object) {
  return {.kind = Step::Kind::kFree, .touch_bytes = 1, .object = object};
}
inline Step Think(Cycles cycles) { return {.kind = Step::Kind::kThink, .cycles = cycles}; }
inline Step Sleep(Cycles cycles) { return {.kind = Step::Kind::kSleep, .cycles = cycles}; }
inline Step Send(uint32_t queue, uint64_t object) {
  return {.kind = Step::Kind::kSend, .bytes = 1, .queue = queue, .object = object};
}
inline Step Receive(uint32_t queue, uint64_t object) {
  return {.kind = Step::Kind::kReceive, .bytes = 1, .queue = queue, .object = object};
}

class Notes : public OperationObserver {
 public:
  void OnOperation(const OperationEnd& operation) override {
    all.push_back(operation);
    of_task[operation.task].push_back(operation.is_free);
    bytes_of_task[operation.task].push_back(operation.bytes);
  }
  std::vector<OperationEnd> all;
  std::map<int32_t, std::vector<bool>> of_task;
  std::map<int32_t, std::vector<uint64_t>> bytes_of_task;
};

class World {
 public:
  explicit World(ReferenceMachineOptions machine = {.cpus = 4,
                                                    .nodes = 2,
                                                    .cpus_per_node = 2,
                                                    .mib_per_node = 64},
                 std::string_view allocator = "slub-6.1", bool notes = true)
      : takes_notes_(notes),
        machine_(std::make_unique<Machine>(ReferenceMachine(machine))),
        model_(MakeAllocator(allocator, *machine_, {}).value()) {
    machine_->scheduler().RunOn(CpuId(0), [this](Cpu& cpu) { return model_->Boot(cpu); });
  }
  absl::Status Run(StepSource& steps, Disturbance* disturbance = nullptr) {
    loop_ = std::make_unique<ClosedLoop>(steps, *machine_, *model_, ClosedLoopOptions());
    if (takes_notes_) loop_->set_observer(&notes_);
    loop_->set_progress(progress_);
    loop_->set_stop(stop_);
    loop_->set_disturbance(disturbance);
    machine_->scheduler().Run(*loop_);
    model_->CheckInvariants();
    const RunAccount& result = loop_->result();
    EXPECT_EQ(loop_->auditor().violations(), 0u) << loop_->auditor().first_violation();
    EXPECT_EQ(loop_->auditor().live_objects(),
              result.allocations - result.failed_allocations - result.frees);
    return loop_->status();
  }
  void set_progress(ClosedLoop::ProgressFunction progress) { progress_ = std::move(progress); }
  void set_stop(std::function<bool()> stop) { stop_ = std::move(stop); }
  ClosedLoop& loop() { return *loop_; }
  Machine& machine() { return *machine_; }
  Allocator& model() { return *model_; }
  Notes& notes() { return notes_; }

 private:
  const bool takes_notes_;
  ClosedLoop::ProgressFunction progress_;
  std::function<bool()> stop_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<Allocator> model_;
  std::unique_ptr<ClosedLoop> loop_;
  Notes notes_;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_WORKLOADS_CLOSED_WORLD_H_
