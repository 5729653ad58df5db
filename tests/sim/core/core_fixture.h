// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_SIM_CORE_CORE_FIXTURE_H_
#define SLABLAB_TESTS_SIM_CORE_CORE_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/cpu.h"
#include "sim/core/fields.h"
#include "tests/sim/script.h"
#include "tests/sim/test_machine.h"

namespace slablab {

using Log = std::vector<std::string>;

// The `line`th line of simulated memory that tests use.
inline Place DataPlace(uint64_t line) {
  return {PhysAddr(kPageSize + line * kLineSize), Structure::kPerCpuArea};
}

// A machine of one CPU, a script for it and a log of "time what".
class OneCoreTest : public testing::Test {
 protected:
  explicit OneCoreTest(int cores = 1)
      : core_(TestMachine({.cores = cores, .cores_per_domain = 4})) {}
  void Note(const Cpu& cpu, const std::string& what) {
    log_.push_back(std::to_string(cpu.now()) + " " + what);
  }
  Cpu& cpu(int id) { return core_.scheduler.cpu(CpuId(id)); }

  Core core_;
  Script script_;
  Log log_;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_SIM_CORE_CORE_FIXTURE_H_
