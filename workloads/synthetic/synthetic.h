// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_SYNTHETIC_SYNTHETIC_H_
#define SLABLAB_WORKLOADS_SYNTHETIC_SYNTHETIC_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "allocators/allocator.h"
#include "base/random.h"
#include "sim/machine.h"
#include "workloads/cpu_placer.h"
#include "workloads/steps.h"
#include "workloads/synthetic/program.h"
#include "workloads/task_placer.h"

namespace slablab {

struct SyntheticOptions {
  // kRecorded: as the workload says, and where it says nothing, spread.
  CpuPlacement placement = CpuPlacement::kRecorded;
  uint32_t scale = 1;  // copies, each with tasks, queues and objects of its own
  uint64_t seed = 1;
  bool balance = true;  // tasks that do not say where they run may be moved
};

// Executes a program: what its tasks do, step by step.
class SyntheticWorkload : public StepSource {
 public:
  // Makes the caches there are not. InvalidArgument: the kernel would refuse one, or there are too
  // many tasks.
  static absl::StatusOr<std::unique_ptr<SyntheticWorkload>> Create(Program program,
                                                                   Machine& machine,
                                                                   Allocator& allocator,
                                                                   const SyntheticOptions& options);

  uint32_t task_count() const override { return static_cast<uint32_t>(tasks_.size()); }
  TaskStart StartOf(TaskIndex task) const override;
  uint64_t object_count() const override { return slots_; }
  std::vector<QueueShape> queues() const override;
  std::vector<uint32_t> barriers() const override;
  void NextStep(TaskIndex task, Step* step) override;
  // By Step::caller.
  const std::vector<std::string>& Callers() const { return program_.callers; }
  std::string TaskName(TaskIndex task) const override;
  std::string QueueName(uint32_t queue) const override;
  absl::Status ErrorOf(TaskIndex task, const std::string& message) const override;
  absl::Status status() const override { return status_; }

  const Program& program() const { return program_; }

 private:
  struct TaskRecord {
    const TaskGroup* group = nullptr;
    uint32_t number = 0;
    uint32_t copy = 0;
    uint32_t next = 0;       // instruction
    uint32_t variables = 0;  // its first
    uint64_t slots = 0;      // its first
    uint64_t timeless = 0;   // instructions since a step that may take time
    CpuId cpu{};
    Random random{0};
    std::optional<MemoryPolicy> memory_policy = std::nullopt;
  };

  SyntheticWorkload(Program program, const MachineConfig& machine, const SyntheticOptions& options);
  absl::Status MakeTasks();
  absl::Status MakeCaches(Machine& machine, Allocator& allocator);
  absl::Status Place();
  absl::Status SetMemoryPolicies(const MachineConfig& machine);
  bool Fill(TaskRecord& task, const Instruction& instruction, Step* step);
  bool Index(TaskRecord& task, const Instruction& instruction, const Expression& expression,
             uint32_t count, uint32_t* index);
  bool Value(TaskRecord& task, const Instruction& instruction, const Expression& expression,
             int64_t least, int64_t most, int64_t* value);
  bool Jump(TaskRecord& task, const Instruction& instruction);
  void Fail(const TaskRecord& task, const Instruction& instruction, std::string_view what);
  absl::Span<int64_t> VariablesOf(const TaskRecord& task) {
    return absl::MakeSpan(variables_).subspan(task.variables, task.group->variables);
  }

  const Program program_;
  const SyntheticOptions options_;
  const uint64_t clock_mhz_;
  const int32_t node_count_;
  const TaskPlacer placer_;
  const int32_t cpu_count_;
  std::vector<CacheId> caches_;  // by use
  std::vector<uint32_t> bytes_;  // by use
  std::vector<Gfp> gfps_;        // by use
  std::vector<TaskRecord> tasks_;
  std::vector<int64_t> variables_;  // of all tasks
  uint64_t slots_ = 0;
  absl::Status status_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_SYNTHETIC_SYNTHETIC_H_
