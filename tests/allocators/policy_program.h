// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_POLICY_PROGRAM_H_
#define SLABLAB_TESTS_ALLOCATORS_POLICY_PROGRAM_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slablab {

struct PolicyProgramResult {
  std::string refused;  // why there is no such model, or why it did not boot; empty: it ran
  std::string wrong;    // what the auditor saw; empty: nothing
  uint64_t digest = 0;  // of every placement, counter, state and clock
};

// Which of the model's quirks are on: those that make it plain, which not every era has; or none.
enum class ProgramQuirks : uint8_t { kPlain, kNone };

// A model with these policies, on four CPUs of two nodes: boots, and runs a little of everything by
// chance, on all CPUs at once, with hotplug. Its invariants are checked on the way, and in the end
// everything is given back.
PolicyProgramResult RunPolicyProgram(std::string_view model,
                                     const std::vector<std::string>& policies,
                                     int operations = 1200,
                                     ProgramQuirks quirks = ProgramQuirks::kPlain);

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_POLICY_PROGRAM_H_
