// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Workloads and scenarios as users could write them: parsed and compiled, not run.

#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "tests/fuzz/fuzz_target.h"
#include "workloads/closed/scenario.h"
#include "workloads/synthetic/program.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {

std::vector<std::string> FuzzSeeds() {
  std::vector<std::string> seeds;
  for (const char* const name : {"larson", "hackbench", "slab-remote", "mmap-storm"}) {
    seeds.push_back("w" + LoadWorkloadText(name)->textproto);
  }
  seeds.push_back(
      "s events { at_us: 10 interrupts { count: 40 interval_ns: 2000 objects: 3 } } "
      "events { at_us: 5 every_us: 7 times: 3 jitter_us: 2 cpu_offline { cpu: 1 } } "
      "events { tune { cache: 'x' key: 'cpu_partial' value: -3 } } events { pressure {} } "
      "events { node_offline { node: 1 } } events { cpu_online { cpu: 3 } }");
  return seeds;
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slablab;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 's') {
    const auto spec = ParseScenario(text, "fuzz", {.cpus = 4, .nodes = 2});
    if (!spec.ok()) {
      CHECK(!spec.status().message().empty());
      return 0;
    }
    for (const ScenarioEvent& event : spec->spec.events()) {
      CHECK_LT(event.cpu_offline().cpu(), 4u);
      CHECK_LT(event.node_offline().node(), 2u);
      CHECK_LE(event.interrupts().cpu() + uint64_t{event.interrupts().cpus()}, 4u);
    }
    return 0;
  }
  const auto program = CompileWorkload(text, "fuzz", {}, {.cpus = 4, .nodes = 2});
  if (!program.ok()) {
    CHECK(!program.status().message().empty());
    return 0;
  }
  for (const TaskGroup& group : program->groups) {
    CHECK(group.code.back().op == Instruction::Op::kEnd);
    for (const Instruction& instruction : group.code) {
      if (instruction.op == Instruction::Op::kRepeat || instruction.op == Instruction::Op::kAgain) {
        CHECK_LT(instruction.target, group.code.size());
        CHECK_LT(instruction.variable + 1, group.variables);
      }
    }
  }
  return 0;
}
