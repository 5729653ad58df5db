// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/synthetic/program.h"

#include <algorithm>
#include <map>

#include "allocators/allocator.h"
#include "base/names.h"
#include "fmt/format.h"
#include "sim/pages/gfp.h"

namespace slablab {

namespace {

constexpr int kNestingMax = 16;
constexpr size_t kInstructionsMax = 100'000;

struct Range {
  uint32_t first = 0;
  uint32_t count = 0;
};
using Ranges = std::map<std::string, Range, std::less<>>;

bool IsName(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

class Compiler {
 public:
  Compiler(Program& program, const ProgramMachine& machine) : program_(program) {
    names_.constants["cpus"] = machine.cpus;
    names_.constants["nodes"] = machine.nodes;
  }

  absl::Status Compile(const std::vector<std::pair<std::string, int64_t>>& parameters) {
    Parameters(parameters);
    Uses();
    Queues();
    Barriers();
    uint64_t tasks = 0;
    uint64_t slots = 0;
    if (status_.ok() && program_.spec.tasks().empty()) Fail("tasks", "a workload has tasks");
    for (int i = 0; status_.ok() && i < program_.spec.tasks_size(); ++i) {
      const std::string path = fmt::format("tasks[{}]", i);
      Group(program_.spec.tasks(i), path);
      if (!status_.ok()) break;
      tasks += program_.groups.back().count;
      slots += uint64_t{program_.groups.back().count} * program_.groups.back().slots;
      if (tasks > kProgramTasksMax) {
        Fail(path + ".count", fmt::format("there are at most {} tasks", kProgramTasksMax));
      }
      if (slots > kProgramSlotsMax) {
        Fail(path, fmt::format("all tasks together have at most {} slots", kProgramSlotsMax));
      }
    }
    if (status_.ok() && tasks == 0) Fail("tasks", "a workload has tasks, and here is none");
    return status_;
  }

 private:
  void Fail(std::string_view path, std::string_view message) {
    if (status_.ok()) status_ = program_.origin.Error(path, message);
  }

  Expression Parse(const std::string& text, const std::string& path) {
    absl::StatusOr<Expression> parsed = Expression::Parse(text, names_);
    if (parsed.ok()) return *std::move(parsed);
    Fail(path, std::string(parsed.status().message()));
    return Expression();
  }
  // The same; what is known now already is not above `most`.
  Expression ParseUpTo(int64_t most, const std::string& text, const std::string& path) {
    Expression expression = Parse(text, path);
    if (expression.is_constant() && expression.constant() > most) {
      Fail(path,
           fmt::format("'{}' is {}, and can be at most {}", text, expression.constant(), most));
    }
    return expression;
  }
  // A number that is known now; `text` empty: `otherwise`.
  int64_t Known(const std::string& text, const std::string& path, int64_t otherwise, int64_t least,
                int64_t most) {
    if (text.empty()) return otherwise;
    const Expression expression = Parse(text, path);
    if (!status_.ok()) return otherwise;
    if (!expression.is_constant()) {
      Fail(path, fmt::format("'{}' has to be known from the start", text));
      return otherwise;
    }
    if (expression.constant() < least || expression.constant() > most) {
      Fail(path,
           fmt::format("'{}' is {}, not in {}..{}", text, expression.constant(), least, most));
      return otherwise;
    }
    return expression.constant();
  }
  void NameConstant(const std::string& name, int64_t value, const std::string& path) {
    if (!IsName(name)) return Fail(path, fmt::format("'{}' is no name", name));
    if (IsReserved(name)) return Fail(path, fmt::format("'{}' has a meaning already", name));
    names_.constants[name] = value;
  }
  bool IsReserved(std::string_view name) const {
    return name == "task" || name == "copy" || name == "random" || name == "min" || name == "max" ||
           names_.constants.contains(name);
  }

  void Parameters(const std::vector<std::pair<std::string, int64_t>>& given) {
    for (int i = 0; i < program_.spec.parameters_size(); ++i) {
      WorkloadParameterSpec& parameter = *program_.spec.mutable_parameters(i);
      for (const auto& [name, value] : given) {
        if (name == parameter.name()) parameter.set_value(value);
      }
      NameConstant(parameter.name(), parameter.value(), fmt::format("parameters[{}].name", i));
    }
    for (const auto& [name, value] : given) {
      const std::string unknown = UnknownParameter(program_.spec, name);
      if (!unknown.empty()) Fail("", unknown);
    }
  }

  void Uses() {
    for (int i = 0; status_.ok() && i < program_.spec.uses_size(); ++i) {
      const WorkloadUse& use = program_.spec.uses(i);
      const std::string path = fmt::format("uses[{}]", i);
      if (use.name().empty() || uses_.contains(use.name())) {
        Fail(path + ".name", fmt::format("'{}' is empty or there twice", use.name()));
      }
      if (use.cache().empty() && (use.align() != 0 || use.hwcache_align())) {
        Fail(path, "kmalloc has its own alignment");
      }
      if (use.cache().empty() && use.sheaf_capacity() != 0) {
        Fail(path, "kmalloc's caches ask for no capacity of sheaves");
      }
      if (use.sheaf_capacity() > kSheafCapacityMax) {
        Fail(path + ".sheaf_capacity",
             fmt::format("a sheaf holds at most {} objects", kSheafCapacityMax));
      }
      if (use.align() != 0 && (use.align() & (use.align() - 1)) != 0) {
        Fail(path + ".align", "an alignment is a power of two");
      }
      std::string unknown;
      ParseGfp(use.gfp(), &unknown);
      if (!unknown.empty()) Fail(path + ".gfp", fmt::format("'{}' is no gfp flag", unknown));
      if (use.bytes().empty()) Fail(path, "bytes says how large it is");
      uses_[use.name()] = static_cast<uint32_t>(i);
      program_.use_bytes.push_back(
          Known(use.bytes(), path + ".bytes", 0, 1, kProgramObjectBytesMax));
    }
  }

  void Queues() {
    uint64_t places = 0;
    for (int i = 0; status_.ok() && i < program_.spec.queues_size(); ++i) {
      const WorkloadQueue& queue = program_.spec.queues(i);
      const std::string path = fmt::format("queues[{}]", i);
      const auto count =
          static_cast<uint32_t>(Known(queue.count(), path + ".count", 1, 1, kProgramTasksMax));
      const auto capacity = static_cast<uint32_t>(
          Known(queue.capacity(), path + ".capacity", 1, 1, kProgramTasksMax));
      const auto first = static_cast<uint32_t>(program_.queues.size());
      places += uint64_t{count} * capacity;
      if (places > kProgramSlotsMax) {
        return Fail(path,
                    fmt::format("all queues together have at most {} places", kProgramSlotsMax));
      }
      if (!queues_.try_emplace(queue.name(), Range{.first = first, .count = count}).second) {
        Fail(path + ".name", fmt::format("'{}' is there twice", queue.name()));
      }
      QueueShape shape{.capacity = capacity, .resume_at = {}};
      if (!queue.resume_at().empty()) {
        shape.resume_at = static_cast<uint32_t>(
            Known(queue.resume_at(), path + ".resume_at", 0, 0, capacity - 1));
      }
      program_.queues.insert(program_.queues.end(), count, shape);
      program_.queue_names.emplace_back(first, queue.name());
    }
  }

  void Barriers() {
    for (int i = 0; status_.ok() && i < program_.spec.barriers_size(); ++i) {
      const WorkloadBarrier& barrier = program_.spec.barriers(i);
      const std::string path = fmt::format("barriers[{}]", i);
      const auto count =
          static_cast<uint32_t>(Known(barrier.count(), path + ".count", 1, 1, kProgramTasksMax));
      const auto tasks =
          static_cast<uint32_t>(Known(barrier.tasks(), path + ".tasks", 1, 1, kProgramTasksMax));
      const auto first = static_cast<uint32_t>(program_.barriers.size());
      if (first + count > kProgramTasksMax) {
        return Fail(path, fmt::format("there are at most {} barriers", kProgramTasksMax));
      }
      if (!barriers_.try_emplace(barrier.name(), Range{.first = first, .count = count}).second) {
        Fail(path + ".name", fmt::format("'{}' is there twice", barrier.name()));
      }
      program_.barriers.insert(program_.barriers.end(), count, tasks);
    }
  }

  void Group(const WorkloadTask& task, const std::string& path) {
    program_.groups.emplace_back();
    group_ = &program_.groups.back();
    group_->name = task.name().empty() ? "task" : task.name();
    group_->count =
        static_cast<uint32_t>(Known(task.count(), path + ".count", 1, 0, kProgramTasksMax));
    group_->variables = 2;
    names_.variables = {{"task", 0}, {"copy", 1}};
    group_->has_cpu = !task.cpu().empty();
    group_->has_node = !task.node().empty();
    group_->may_move = task.may_move() || (!group_->has_cpu && !group_->has_node);
    if (group_->has_cpu) group_->cpu = Parse(task.cpu(), path + ".cpu");
    if (group_->has_node) group_->node = Parse(task.node(), path + ".node");
    if (group_->has_cpu && group_->has_node) Fail(path + ".node", "a task has a cpu or a node");
    MemoryPolicyOf(task.memory_policy(), path + ".memory_policy");
    slots_.clear();
    for (int i = 0; status_.ok() && i < task.slots_size(); ++i) {
      const std::string slot_path = fmt::format("{}.slots[{}]", path, i);
      const auto count = static_cast<uint32_t>(
          Known(task.slots(i).count(), slot_path + ".count", 1, 1, kProgramSlotsMax));
      if (!slots_.try_emplace(task.slots(i).name(), Range{.first = group_->slots, .count = count})
               .second) {
        Fail(slot_path + ".name", fmt::format("'{}' is there twice", task.slots(i).name()));
      }
      if (uint64_t{group_->slots} + count > kProgramSlotsMax) {
        return Fail(slot_path, fmt::format("a task has at most {} slots", kProgramSlotsMax));
      }
      group_->slots += count;
    }
    Steps(task.steps(), path, 0);
    Add(Instruction::Op::kEnd, path);
    names_.variables.clear();
  }

  void MemoryPolicyOf(const WorkloadMemoryPolicy& policy, const std::string& path) {
    const bool has_nodes = policy.mode() > WorkloadMemoryPolicy::LOCAL;
    if (!WorkloadMemoryPolicy::Mode_IsValid(policy.mode())) {
      Fail(path + ".mode", fmt::format("there is no mode {}", static_cast<int>(policy.mode())));
    } else if (has_nodes && policy.nodes().empty()) {
      Fail(path + ".mode", "such a policy names nodes, and here is none");
    } else if (!has_nodes && !policy.nodes().empty()) {
      Fail(path + ".nodes", "a policy with nodes is PREFERRED, BIND or INTERLEAVE");
    } else if (policy.nodes_size() > kMaxNodes) {
      Fail(path + ".nodes", fmt::format("a policy names at most {} nodes", kMaxNodes));
    }
    group_->memory_mode = policy.mode();
    for (int i = 0; status_.ok() && i < policy.nodes_size(); ++i) {
      group_->memory_nodes.push_back(
          Parse(policy.nodes(i), fmt::format("{}.nodes[{}]", path, i)));
    }
  }

  Instruction& Add(Instruction::Op op, const std::string& path) {
    if (group_->code.size() >= kInstructionsMax) {
      Fail(path, fmt::format("a task has at most {} steps", kInstructionsMax));
    }
    group_->code.push_back({});
    group_->code.back().op = op;
    group_->code.back().path = path;
    return group_->code.back();
  }

  void Steps(const google::protobuf::RepeatedPtrField<WorkloadStep>& steps, const std::string& path,
             int nesting) {
    if (nesting > kNestingMax) {
      return Fail(path, fmt::format("steps are nested at most {} deep", kNestingMax));
    }
    for (int i = 0; status_.ok() && i < steps.size(); ++i) {
      Step(steps[i], fmt::format("{}.steps[{}]", path, i), nesting);
    }
  }

  // `name` among `ranges`, into the instruction.
  void Find(const Ranges& ranges, const std::string& name, const std::string& path,
            std::string_view what, Instruction& instruction) {
    const auto found = ranges.find(name);
    if (found == ranges.end()) {
      std::vector<std::string> known;
      for (const auto& [other, range] : ranges) known.push_back(other);
      return Fail(path, UnknownNameText(what, name, known));
    }
    instruction.first = found->second.first;
    instruction.count = found->second.count;
  }

  // The slot goes to first, count and a; a queue's goes to use and b.
  void Slot(const std::string& slot, const std::string& at, const std::string& path,
            Instruction& instruction) {
    Find(slots_, slot, path + ".slot", "slot", instruction);
    if (!at.empty()) instruction.a = Parse(at, path + ".at");
  }

  void Optional(const std::string& text, const std::string& path, Expression& expression,
                bool& has) {
    has = !text.empty();
    if (has) expression = Parse(text, path);
  }

  void Step(const WorkloadStep& step, const std::string& outer, int nesting) {
    using Op = Instruction::Op;
    switch (step.step_case()) {
      case WorkloadStep::kThink:
        Add(Op::kThink, outer).a =
            ParseUpTo(kProgramNanosMax, step.think().ns(), outer + ".think.ns");
        return;
      case WorkloadStep::kSleep:
        Add(Op::kSleep, outer).a =
            ParseUpTo(kProgramNanosMax, step.sleep().ns(), outer + ".sleep.ns");
        return;
      case WorkloadStep::kAllocate:
        return Allocate(step.allocate(), outer + ".allocate");
      case WorkloadStep::kFree:
        return Free(step.free(), outer + ".free", /*by_rcu=*/false);
      case WorkloadStep::kFreeRcu:
        return Free(step.free_rcu(), outer + ".free_rcu", /*by_rcu=*/true);
      case WorkloadStep::kRcuBarrier:
        Add(Op::kRcuBarrier, outer + ".rcu_barrier");
        return;
      case WorkloadStep::kTouch: {
        const std::string path = outer + ".touch";
        Instruction& touch = Add(Op::kTouch, path);
        Slot(step.touch().slot(), step.touch().at(), path, touch);
        Optional(step.touch().bytes(), path + ".bytes", touch.b, touch.has_b);
        Optional(step.touch().offset(), path + ".offset", touch.c, touch.has_c);
        touch.write = step.touch().write();
        return;
      }
      case WorkloadStep::kSend:
        return Pass(Op::kSend, step.send(), outer + ".send");
      case WorkloadStep::kReceive:
        return Pass(Op::kReceive, step.receive(), outer + ".receive");
      case WorkloadStep::kBarrier: {
        const std::string path = outer + ".barrier";
        Instruction& barrier = Add(Op::kBarrier, path);
        Find(barriers_, step.barrier().barrier(), path + ".barrier", "barrier", barrier);
        Optional(step.barrier().number(), path + ".number", barrier.b, barrier.has_b);
        return;
      }
      case WorkloadStep::kWork: {
        Instruction& work = Add(Op::kWork, outer + ".work");
        work.a = step.work().units().empty() ? Expression::OfConstant(1)
                                             : Parse(step.work().units(), outer + ".work.units");
        return;
      }
      case WorkloadStep::kRepeat:
        return Repeat(step.repeat(), outer + ".repeat", nesting);
      case WorkloadStep::kLet: {
        const std::string path = outer + ".let";
        Instruction& let = Add(Op::kLet, path);
        let.a = Parse(step.let().value(), path + ".value");
        let.variable = Variable(step.let().name(), path + ".name");
        return;
      }
      case WorkloadStep::kWhen: {
        const std::string path = outer + ".when";
        const size_t at = group_->code.size();
        Add(Op::kWhen, path).a = Parse(step.when().condition(), path + ".condition");
        Steps(step.when().steps(), path, nesting + 1);
        group_->code[at].target = static_cast<uint32_t>(group_->code.size());
        return;
      }
      case WorkloadStep::STEP_NOT_SET:
        return Fail(outer, "a step says what to do");
    }
  }

  uint32_t Variable(const std::string& name, const std::string& path) {
    if (!IsName(name)) Fail(path, fmt::format("'{}' is no name", name));
    if (IsReserved(name)) Fail(path, fmt::format("'{}' has a meaning already", name));
    const auto [entry, added] = names_.variables.try_emplace(name, group_->variables);
    if (added) ++group_->variables;
    return entry->second;
  }

  void Allocate(const AllocateStep& step, const std::string& path) {
    Instruction& allocate = Add(Instruction::Op::kAllocate, path);
    Slot(step.slot(), step.at(), path, allocate);
    const auto use = uses_.find(step.use());
    if (use == uses_.end()) {
      std::vector<std::string> known;
      for (const auto& [name, index] : uses_) known.push_back(name);
      return Fail(path + ".use", UnknownNameText("use", step.use(), known));
    }
    allocate.use = use->second;
    const WorkloadUse& spec = program_.spec.uses(static_cast<int>(use->second));
    if (!step.bytes().empty() && !spec.cache().empty()) {
      return Fail(path + ".bytes", "a cache's objects all have the same size");
    }
    Optional(step.bytes(), path + ".bytes", allocate.b, allocate.has_b);
    Optional(step.node(), path + ".node", allocate.c, allocate.has_c);
    Optional(step.touch(), path + ".touch", allocate.d, allocate.has_d);
    allocate.caller = CallerOf(fmt::format("{}: {}", group_->name, step.use()));
    allocate.label = static_cast<uint32_t>(program_.labels.size());
    program_.labels.push_back({.call_site = fmt::format("{}: {}", group_->name, step.use()),
                               .gfp = spec.gfp().empty() ? "GFP_KERNEL" : spec.gfp()});
  }

  // Steps of one name are one caller.
  uint32_t CallerOf(const std::string& name) {
    std::vector<std::string>& callers = program_.callers;
    const auto found = std::find(callers.begin(), callers.end(), name);
    const auto number = static_cast<uint32_t>(found - callers.begin());
    if (found == callers.end()) callers.push_back(name);
    return number;
  }

  void Free(const FreeStep& step, const std::string& path, bool by_rcu) {
    Instruction& free = Add(Instruction::Op::kFree, path);
    free.by_rcu = by_rcu;
    free.caller = CallerOf(fmt::format("{}: free {}", group_->name, step.slot()));
    Slot(step.slot(), step.at(), path, free);
    Optional(step.touch(), path + ".touch", free.d, free.has_d);
  }

  void Pass(Instruction::Op op, const PassStep& step, const std::string& path) {
    Instruction found;
    Find(queues_, step.queue(), path + ".queue", "queue", found);
    if (!status_.ok()) return;
    Instruction& pass = Add(op, path);
    pass.use = found.first;
    pass.target = found.count;
    Slot(step.slot(), step.at(), path, pass);
    if (!status_.ok()) return;
    Optional(step.number(), path + ".number", pass.b, pass.has_b);
    pass.objects = std::max(1u, step.objects());
    if (pass.objects > pass.count) {
      return Fail(path + ".objects", fmt::format("there are {} slots", pass.count));
    }
    pass.count -= pass.objects - 1;
    for (uint32_t i = 0; status_.ok() && i < found.count; ++i) {
      if (program_.queues[found.first + i].capacity >= pass.objects) continue;
      Fail(path + ".objects",
           fmt::format("the queue has room for {}", program_.queues[found.first + i].capacity));
    }
  }

  void Repeat(const RepeatStep& step, const std::string& path, int nesting) {
    const size_t at = group_->code.size();
    Instruction& repeat = Add(Instruction::Op::kRepeat, path);
    repeat.a = ParseUpTo(kProgramRepeatsMax, step.times(), path + ".times");
    const uint32_t round = group_->variables;
    repeat.variable = round;
    group_->variables += 2;
    if (!step.as().empty()) {
      if (!IsName(step.as()) || IsReserved(step.as()) || names_.variables.contains(step.as())) {
        return Fail(path + ".as", fmt::format("'{}' is no name, or one there is", step.as()));
      }
      names_.variables[step.as()] = round;
    }
    Steps(step.steps(), path, nesting + 1);
    Instruction& again = Add(Instruction::Op::kAgain, path);
    again.variable = round;
    again.target = static_cast<uint32_t>(at + 1);
    group_->code[at].target = static_cast<uint32_t>(group_->code.size());
    if (!step.as().empty()) names_.variables.erase(step.as());
  }

  Program& program_;
  ExpressionNames names_;
  TaskGroup* group_ = nullptr;
  std::map<std::string, uint32_t, std::less<>> uses_;
  Ranges queues_;
  Ranges barriers_;
  Ranges slots_;
  absl::Status status_;
};

}  // namespace

std::string UnknownParameter(const WorkloadSpec& spec, std::string_view name) {
  std::vector<std::string> known;
  for (const WorkloadParameterSpec& parameter : spec.parameters()) {
    if (parameter.name() == name) return "";
    known.push_back(parameter.name());
  }
  return UnknownNameText("parameter of the workload", name, known);
}

absl::StatusOr<Program> CompileWorkload(
    std::string_view text, std::string label,
    const std::vector<std::pair<std::string, int64_t>>& parameters, const ProgramMachine& machine) {
  Program program;
  program.origin = SpecOrigin(std::move(label));
  if (absl::Status status = ParseTextproto(text, &program.spec, &program.origin); !status.ok()) {
    return status;
  }
  if (absl::Status status = Compiler(program, machine).Compile(parameters); !status.ok()) {
    return status;
  }
  return program;
}

}  // namespace slablab
