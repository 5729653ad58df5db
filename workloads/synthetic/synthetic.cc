// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/synthetic/synthetic.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "fmt/format.h"
#include "workloads/caches.h"

namespace slablab {

namespace {

constexpr uint64_t kTaskStreams = uint64_t{1} << 32;  // of seeded chance, away from all others
// A task that takes so many instructions without doing anything does nothing for ever.
constexpr int kIdleInstructionsMax = 1'000'000;
// Nor does one that takes so many between steps that can take simulated time: some seconds of a
// core of the host's.
constexpr uint64_t kTimelessInstructionsMax = uint64_t{1} << 27;

// Whether others must be waited for, or time may pass.
bool MayTakeTime(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kWork:
      return false;
    case Step::Kind::kThink:
    case Step::Kind::kSleep:
      return step.cycles > 0;
    case Step::Kind::kTouch:
      return step.bytes > 0;
    default:
      return true;
  }
}

}  // namespace

SyntheticWorkload::SyntheticWorkload(Program program, const MachineConfig& machine,
                                     const SyntheticOptions& options)
    : program_(std::move(program)),
      options_(options),
      clock_mhz_(static_cast<uint64_t>(machine.clock_mhz)),
      node_count_(machine.node_count()),
      placer_(machine),
      cpu_count_(machine.cpu_count()) {}

absl::StatusOr<std::unique_ptr<SyntheticWorkload>> SyntheticWorkload::Create(
    Program program, Machine& machine, Allocator& allocator, const SyntheticOptions& options) {
  // The constructor is private.
  std::unique_ptr<SyntheticWorkload> workload(
      new SyntheticWorkload(std::move(program), machine.config(), options));
  absl::Status status = workload->MakeTasks();
  if (status.ok()) status = workload->MakeCaches(machine, allocator);
  if (status.ok()) status = workload->Place();
  if (status.ok()) status = workload->SetMemoryPolicies(machine.config());
  if (!status.ok()) return status;
  return workload;
}

absl::Status SyntheticWorkload::MakeTasks() {
  uint64_t variables = 0;
  uint64_t places = 0;
  for (const QueueShape& queue : program_.queues) places += queue.capacity;
  // The copies of a queue are as long as it is; a barrier's are a number each.
  if (places * options_.scale > kProgramSlotsMax ||
      program_.barriers.size() * options_.scale > kProgramSlotsMax ||
      program_.queues.size() * options_.scale > kProgramSlotsMax) {
    return absl::InvalidArgumentError(
        fmt::format("{}: the queues and barriers of {} copies (--scale) have more than {} places",
                    program_.origin.label(), options_.scale, kProgramSlotsMax));
  }
  for (uint32_t copy = 0; copy < options_.scale; ++copy) {
    for (const TaskGroup& group : program_.groups) {
      if (tasks_.size() + group.count > kProgramTasksMax ||
          slots_ + uint64_t{group.count} * group.slots > kProgramSlotsMax ||
          variables + uint64_t{group.count} * group.variables > kProgramSlotsMax) {
        return absl::InvalidArgumentError(fmt::format(
            "{}: {} copies (--scale) are more than {} tasks, or {} slots or variables",
            program_.origin.label(), options_.scale, kProgramTasksMax, kProgramSlotsMax));
      }
      for (uint32_t i = 0; i < group.count; ++i) {
        tasks_.push_back({.group = &group,
                          .number = i,
                          .copy = copy,
                          .variables = static_cast<uint32_t>(variables),
                          .slots = slots_,
                          .random = Random(options_.seed, kTaskStreams + tasks_.size())});
        variables += group.variables;
        slots_ += group.slots;
      }
    }
  }
  variables_.resize(variables);
  for (const TaskRecord& task : tasks_) {
    variables_[task.variables] = task.number;
    variables_[task.variables + 1] = task.copy;
  }
  return absl::OkStatus();
}

absl::Status SyntheticWorkload::MakeCaches(Machine& machine, Allocator& allocator) {
  for (int i = 0; i < program_.spec.uses_size(); ++i) {
    const WorkloadUse& use = program_.spec.uses(i);
    auto bytes = static_cast<uint32_t>(program_.use_bytes[static_cast<size_t>(i)]);
    CacheId id = kNoCache;
    if (!use.cache().empty()) {
      const absl::StatusOr<CacheId> cache =
          FindOrCreateCache(machine, allocator,
                            {.name = use.cache(),
                             .object_size = bytes,
                             .align = use.align(),
                             .hwcache_align = use.hwcache_align(),
                             .has_constructor = use.has_constructor(),
                             .typesafe_by_rcu = use.typesafe_by_rcu(),
                             .reclaim_account = use.reclaim_account(),
                             .mem_spread = use.reclaim_account(),
                             .sheaf_capacity = use.sheaf_capacity()});
      if (!cache.ok()) {
        return program_.origin.Error(fmt::format("uses[{}].cache", i),
                                     std::string(cache.status().message()));
      }
      id = *cache;
      bytes = std::min(bytes, allocator.Layout(id).object_size);
    }
    caches_.push_back(id);
    bytes_.push_back(bytes);
    gfps_.push_back(use.gfp().empty() ? kGfpKernel : ParseGfp(use.gfp(), nullptr));
  }
  return absl::OkStatus();
}

absl::Status SyntheticWorkload::Place() {
  uint64_t free_tasks = 0;
  for (const TaskRecord& task : tasks_) {
    free_tasks += !task.group->has_cpu && !task.group->has_node;
  }
  std::vector<uint64_t> on_node(placer_.nodes());
  uint64_t placed = 0;
  for (TaskRecord& task : tasks_) {
    const TaskGroup& group = *task.group;
    if (!group.has_cpu && !group.has_node) {
      task.cpu = options_.placement == CpuPlacement::kPack ? placer_.Pack(placed, free_tasks)
                                                           : placer_.Spread(placed);
      ++placed;
      continue;
    }
    const std::optional<int64_t> value =
        (group.has_cpu ? group.cpu : group.node).Evaluate(VariablesOf(task), task.random);
    if (!value.has_value() || *value < 0) {
      return absl::InvalidArgumentError(
          fmt::format("{}: {} has no CPU or node: its expression is negative, or divides by zero",
                      program_.origin.label(), group.name));
    }
    if (group.has_cpu) {
      task.cpu = CpuId(static_cast<int32_t>(*value % cpu_count_));
    } else {
      const uint64_t node = static_cast<uint64_t>(*value) % placer_.nodes();
      task.cpu = placer_.OnNode(node, on_node[node]++);
    }
  }
  return absl::OkStatus();
}

absl::Status SyntheticWorkload::SetMemoryPolicies(const MachineConfig& machine) {
  for (TaskRecord& task : tasks_) {
    const TaskGroup& group = *task.group;
    if (group.memory_mode == WorkloadMemoryPolicy::DEFAULT) continue;
    MemoryPolicy& policy = task.memory_policy.emplace();
    policy.mode = static_cast<MemoryPolicy::Mode>(group.memory_mode - WorkloadMemoryPolicy::LOCAL);
    for (const Expression& expression : group.memory_nodes) {
      const std::optional<int64_t> value = expression.Evaluate(VariablesOf(task), task.random);
      if (!value.has_value() || *value < 0) {
        return absl::InvalidArgumentError(fmt::format(
            "{}: the memory policy of {} has no node: its expression is negative, or divides by "
            "zero",
            program_.origin.label(), group.name));
      }
      const auto node = static_cast<size_t>(*value % node_count_);
      if (machine.memory[node].frames == 0) {
        return absl::InvalidArgumentError(
            fmt::format("{}: the memory policy of {} is about node {}, which has no memory",
                        program_.origin.label(), group.name, node));
      }
      policy.nodes |= uint64_t{1} << node;
    }
  }
  return absl::OkStatus();
}

TaskStart SyntheticWorkload::StartOf(TaskIndex task) const {
  const TaskGroup& group = *tasks_[task].group;
  return {.cpu = tasks_[task].cpu,
          .may_move = options_.balance && group.may_move,
          .memory_policy = tasks_[task].memory_policy};
}

std::vector<QueueShape> SyntheticWorkload::queues() const {
  std::vector<QueueShape> all;
  for (uint32_t copy = 0; copy < options_.scale; ++copy) {
    all.insert(all.end(), program_.queues.begin(), program_.queues.end());
  }
  return all;
}

std::vector<uint32_t> SyntheticWorkload::barriers() const {
  std::vector<uint32_t> all;
  for (uint32_t copy = 0; copy < options_.scale; ++copy) {
    all.insert(all.end(), program_.barriers.begin(), program_.barriers.end());
  }
  return all;
}

std::string SyntheticWorkload::TaskName(TaskIndex task) const {
  const TaskRecord& record = tasks_[task];
  return options_.scale == 1
             ? fmt::format("{} {}", record.group->name, record.number)
             : fmt::format("{} {} of copy {}", record.group->name, record.number, record.copy);
}

std::string SyntheticWorkload::QueueName(uint32_t queue) const {
  const auto number = static_cast<uint32_t>(queue % program_.queues.size());
  const auto after = std::find_if(program_.queue_names.begin(), program_.queue_names.end(),
                                  [number](const auto& name) { return name.first > number; });
  const auto& [first, name] = *std::prev(after);
  return fmt::format("{}[{}]", name, number - first);
}

absl::Status SyntheticWorkload::ErrorOf(TaskIndex task, const std::string& message) const {
  const TaskRecord& record = tasks_[task];
  // `next` is behind what it does.
  const std::vector<Instruction>& code = record.group->code;
  return program_.origin.Error(code[record.next == 0 ? 0 : record.next - 1].path, message);
}

void SyntheticWorkload::Fail(const TaskRecord& task, const Instruction& instruction,
                             std::string_view what) {
  if (!status_.ok()) return;
  status_ = program_.origin.Error(instruction.path,
                                  fmt::format("{} {}: {}", task.group->name, task.number, what));
}

bool SyntheticWorkload::Value(TaskRecord& task, const Instruction& instruction,
                              const Expression& expression, int64_t least, int64_t most,
                              int64_t* value) {
  const std::optional<int64_t> result = expression.Evaluate(VariablesOf(task), task.random);
  if (!result.has_value()) {
    Fail(task, instruction, "a number divides by zero, or is random below less than 1");
    return false;
  }
  if (*result < least || *result > most) {
    const bool has_least = least > std::numeric_limits<int64_t>::min();
    Fail(task, instruction,
         has_least ? fmt::format("{} is not in {}..{}", *result, least, most)
                   : fmt::format("{} is more than {}", *result, most));
    return false;
  }
  *value = *result;
  return true;
}

bool SyntheticWorkload::Index(TaskRecord& task, const Instruction& instruction,
                              const Expression& expression, uint32_t count, uint32_t* index) {
  int64_t value = 0;
  if (!Value(task, instruction, expression, 0, int64_t{count} - 1, &value)) return false;
  *index = static_cast<uint32_t>(value);
  return true;
}

// Instructions that decide what comes next. Answers false if something is wrong.
bool SyntheticWorkload::Jump(TaskRecord& task, const Instruction& instruction) {
  const absl::Span<int64_t> variables = VariablesOf(task);
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  const int64_t most = instruction.op == Instruction::Op::kRepeat
                           ? kProgramRepeatsMax
                           : std::numeric_limits<int64_t>::max();
  int64_t value = 0;
  if (instruction.op == Instruction::Op::kAgain) {
    if (++variables[instruction.variable] < variables[instruction.variable + 1]) {
      task.next = instruction.target;
    }
    return true;
  }
  if (!Value(task, instruction, instruction.a, kLeast, most, &value)) return false;
  if (instruction.op == Instruction::Op::kLet) {
    variables[instruction.variable] = value;
  } else if (instruction.op == Instruction::Op::kRepeat) {
    variables[instruction.variable] = 0;
    variables[instruction.variable + 1] = value;
    if (value <= 0) task.next = instruction.target;
  } else if (value == 0) {
    task.next = instruction.target;
  }
  return true;
}

void SyntheticWorkload::NextStep(TaskIndex index, Step* step) {
  static constexpr Step kBlank;  // To copy it whole is faster than to make one field by field.
  *step = kBlank;
  TaskRecord& task = tasks_[index];
  for (int idle = 0; status_.ok(); ++idle) {
    const Instruction& instruction = task.group->code[task.next];
    if (instruction.op == Instruction::Op::kEnd) return;
    if (idle == kIdleInstructionsMax) {
      return Fail(task, instruction,
                  fmt::format("nothing is done in {} steps", kIdleInstructionsMax));
    }
    if (++task.timeless > kTimelessInstructionsMax) {
      return Fail(task, instruction,
                  fmt::format("nothing that takes simulated time is done in {} steps",
                              kTimelessInstructionsMax));
    }
    ++task.next;
    switch (instruction.op) {
      case Instruction::Op::kLet:
      case Instruction::Op::kRepeat:
      case Instruction::Op::kAgain:
      case Instruction::Op::kWhen:
        if (!Jump(task, instruction)) return;
        continue;
      default:
        if (!Fill(task, instruction, step)) *step = Step();
        if (MayTakeTime(*step)) task.timeless = 0;
        return;
    }
  }
}

bool SyntheticWorkload::Fill(TaskRecord& task, const Instruction& instruction, Step* step) {
  using Op = Instruction::Op;
  int64_t value = 0;
  uint32_t slot = 0;
  const auto number = [&](const Expression& expression, int64_t most) {
    return Value(task, instruction, expression, 0, most, &value);
  };
  constexpr int64_t kBytesMax = kProgramObjectBytesMax;
  if (instruction.op == Op::kRcuBarrier) {
    step->kind = Step::Kind::kRcuBarrier;
    return true;
  }
  if (instruction.op == Op::kThink || instruction.op == Op::kSleep) {
    if (!number(instruction.a, kProgramNanosMax)) return false;
    step->kind = instruction.op == Op::kThink ? Step::Kind::kThink : Step::Kind::kSleep;
    step->cycles = static_cast<uint64_t>(value) * clock_mhz_ / 1000;
    return true;
  }
  if (instruction.op == Op::kWork) {
    if (!number(instruction.a, kBytesMax)) return false;
    step->kind = Step::Kind::kWork;
    step->bytes = static_cast<uint32_t>(value);
    return true;
  }
  if (instruction.op == Op::kBarrier) {
    uint32_t barrier = 0;
    if (!Index(task, instruction, instruction.b, instruction.count, &barrier)) return false;
    step->kind = Step::Kind::kBarrier;
    step->queue =
        task.copy * static_cast<uint32_t>(program_.barriers.size()) + instruction.first + barrier;
    return true;
  }
  if (!Index(task, instruction, instruction.a, instruction.count, &slot)) return false;
  step->object = task.slots + instruction.first + slot;
  if (instruction.op == Op::kSend || instruction.op == Op::kReceive) {
    uint32_t queue = 0;
    if (!Index(task, instruction, instruction.b, instruction.target, &queue)) return false;
    step->kind = instruction.op == Op::kSend ? Step::Kind::kSend : Step::Kind::kReceive;
    step->bytes = instruction.objects;
    step->queue =
        task.copy * static_cast<uint32_t>(program_.queues.size()) + instruction.use + queue;
    return true;
  }
  step->label = instruction.label;
  step->caller = instruction.caller;
  step->touch_bytes = static_cast<uint32_t>(kLineSize);
  if (instruction.op == Op::kAllocate) {
    step->kind = Step::Kind::kAllocate;
    step->cache = caches_[instruction.use];
    step->bytes = bytes_[instruction.use];
    step->gfp = gfps_[instruction.use];
    if (instruction.has_b) {
      if (!Value(task, instruction, instruction.b, 1, kBytesMax, &value)) return false;
      step->bytes = static_cast<uint32_t>(value);
    }
    if (instruction.has_c) {
      if (!Value(task, instruction, instruction.c, -1, kMaxNodes, &value)) return false;
      if (value >= 0) step->node = NodeId(static_cast<int32_t>(value) % node_count_);
    }
    step->touch_bytes = step->bytes;
  } else if (instruction.op == Op::kFree) {
    step->kind = Step::Kind::kFree;
    step->by_rcu = instruction.by_rcu;
  } else {
    step->kind = Step::Kind::kTouch;
    step->write = instruction.write;
    step->bytes = static_cast<uint32_t>(kBytesMax);
    if (instruction.has_b) {
      if (!number(instruction.b, kBytesMax)) return false;
      step->bytes = static_cast<uint32_t>(value);
    }
    if (instruction.has_c) {
      if (!number(instruction.c, kBytesMax)) return false;
      step->offset = static_cast<uint32_t>(value);
    }
  }
  if (instruction.has_d) {
    if (!number(instruction.d, kBytesMax)) return false;
    step->touch_bytes = static_cast<uint32_t>(value);
  }
  return true;
}

}  // namespace slablab
