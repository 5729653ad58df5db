// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_SYNTHETIC_PROGRAM_H_
#define SLABLAB_WORKLOADS_SYNTHETIC_PROGRAM_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sim/machine/spec_text.h"
#include "workloads/steps.h"
#include "workloads/synthetic/expression.h"
#include "workloads/workload.pb.h"

// A synthetic workload as its tasks execute it: WorkloadSpec with names resolved, loops made jumps,
// and everything checked that can be checked beforehand.

namespace slablab {

struct Instruction {
  enum class Op : uint8_t {
    kThink,     // a: ns
    kSleep,     // a: ns
    kAllocate,  // index `use`; a: slot, b: bytes, c: node, d: bytes touched
    kFree,      // a: slot, d: bytes touched; `by_rcu`
    kTouch,     // a: slot, b: bytes, c: offset
    kSend,      // a: slot, b: number of the queue
    kReceive,   // likewise
    kBarrier,   // b: number of the barrier
    kWork,      // a: units
    kLet,       // variable = a
    kRepeat,    // variable = 0, variable + 1 = a; if that is not above 0, on at `target`
    kAgain,     // ++variable; if it is below variable + 1, on at `target`
    kWhen,      // if a is 0, on at `target`
    kRcuBarrier,
    kEnd,
  };
  Op op = Op::kEnd;
  bool write = false;
  bool by_rcu = false;
  bool has_b = false;  // b, c, d were stated
  bool has_c = false;
  bool has_d = false;
  Expression a;
  Expression b;
  Expression c;
  Expression d;
  uint32_t use = 0;
  uint32_t first = 0;  // slots within the task's, queues or barriers within the copy's
  uint32_t count = 0;  // of those; a or b is checked against it
  uint32_t variable = 0;
  uint32_t target = 0;
  uint32_t objects = 1;  // kSend, kReceive
  uint32_t label = 0;
  uint32_t caller = 0;  // kAllocate, kFree: into Program::callers
  std::string path;  // in the spec, for messages
};

// Tasks that execute the same.
struct TaskGroup {
  std::string name;
  uint32_t count = 0;
  uint32_t slots = 0;
  uint32_t variables = 0;  // 0: the task's number, 1: its copy
  bool has_cpu = false;
  bool has_node = false;
  bool may_move = true;
  Expression cpu;
  Expression node;
  WorkloadMemoryPolicy::Mode memory_mode = WorkloadMemoryPolicy::DEFAULT;
  std::vector<Expression> memory_nodes;
  std::vector<Instruction> code;
};

// What an allocation is called in a trace.
struct ProgramLabel {
  std::string call_site;
  std::string gfp;
};

struct Program {
  WorkloadSpec spec;  // as given, with the values that the parameters have
  SpecOrigin origin{""};
  std::vector<TaskGroup> groups;
  std::vector<QueueShape> queues;                             // of one copy
  std::vector<std::pair<uint32_t, std::string>> queue_names;  // by the first of that name
  std::vector<uint32_t> barriers;                             // likewise
  std::vector<int64_t> use_bytes;                             // by use
  std::vector<ProgramLabel> labels;
  // What allocates and what frees, by name: "senders: skb", "receivers: free skb"; 0: not known.
  std::vector<std::string> callers = {""};
};

// The machine, as expressions see it.
struct ProgramMachine {
  int cpus = 1;
  int nodes = 1;
};

inline constexpr uint64_t kProgramTasksMax = 1 << 20;
inline constexpr uint64_t kProgramSlotsMax = 1 << 26;
inline constexpr int64_t kProgramObjectBytesMax = 1 << 22;
inline constexpr int64_t kProgramRepeatsMax = 1'000'000'000;
inline constexpr int64_t kProgramNanosMax = 3'600'000'000'000;  // an hour

// What to say of a parameter of that name; empty if the workload has it.
std::string UnknownParameter(const WorkloadSpec& spec, std::string_view name);

// Parses a workload's textproto and makes it a program for that machine, with these values instead
// of its parameters' own. InvalidArgument names `label`, line and column; or the parameter that
// there is none of. `label` is a file's name, or the workload's.
absl::StatusOr<Program> CompileWorkload(
    std::string_view text, std::string label,
    const std::vector<std::pair<std::string, int64_t>>& parameters, const ProgramMachine& machine);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_SYNTHETIC_PROGRAM_H_
