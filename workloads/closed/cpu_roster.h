// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CLOSED_CPU_ROSTER_H_
#define SLABLAB_WORKLOADS_CLOSED_CPU_ROSTER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "base/types.h"
#include "sim/machine/machine_config.h"

namespace slablab {

// Which CPUs are there for tasks. One that leaves goes through three states: it is asked to leave,
// has handed over what it had, and is gone.
class CpuRoster {
 public:
  // All are gone until they have come.
  explicit CpuRoster(const MachineConfig& machine)
      : machine_(machine), cpus_(machine.cpus.size(), State::kGone) {}

  // It is on line.
  void Come(CpuId cpu) {
    CHECK(is_gone(cpu));
    cpus_[cpu.index()] = State::kThere;
    ++staying_;
  }
  // Asks it to leave. Answers false if it leaves already, or nobody else would be left.
  bool Leave(CpuId cpu) {
    if (leaves(cpu) || staying_ < 2) return false;
    cpus_[cpu.index()] = State::kLeaving;
    --staying_;
    return true;
  }
  void HandOver(CpuId cpu) {
    CHECK(leaves(cpu));
    if (!is_gone(cpu)) cpus_[cpu.index()] = State::kHandedOver;
  }
  void Go(CpuId cpu) {
    CHECK(cpus_[cpu.index()] == State::kHandedOver);
    cpus_[cpu.index()] = State::kGone;
  }

  // Asked to leave, or gone.
  bool leaves(CpuId cpu) const { return cpus_[cpu.index()] != State::kThere; }
  bool has_handed_over(CpuId cpu) const { return cpus_[cpu.index()] >= State::kHandedOver; }
  bool is_gone(CpuId cpu) const { return cpus_[cpu.index()] == State::kGone; }

  // Who does what `wanted` was to do: it, or else the next CPU of its node, or the next of any.
  CpuId Standing(CpuId wanted) const {
    if (!leaves(wanted)) return wanted;
    const auto count = static_cast<int32_t>(cpus_.size());
    CpuId any(-1);
    for (int32_t i = 1; i < count; ++i) {
      const CpuId cpu((wanted.value() + i) % count);
      if (leaves(cpu)) continue;
      if (machine_.cpus[cpu.index()].node == machine_.cpus[wanted.index()].node) return cpu;
      if (any.value() < 0) any = cpu;
    }
    CHECK_GE(any.value(), 0);
    return any;
  }

 private:
  enum class State : uint8_t { kThere, kLeaving, kHandedOver, kGone };

  const MachineConfig& machine_;
  std::vector<State> cpus_;
  int staying_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CLOSED_CPU_ROSTER_H_
