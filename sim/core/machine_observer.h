// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_MACHINE_OBSERVER_H_
#define SLABLAB_SIM_CORE_MACHINE_OBSERVER_H_

#include <cstdint>
#include <string>

#include "base/types.h"
#include "sim/core/operation_tally.h"

namespace slablab {

// Sees what happens to the CPUs besides their work: for timelines. Each is told when it has ended,
// and those of one CPU nest: what begins within another ends within it. Called from the slow paths
// alone; a machine that nobody observes pays a test of a pointer there. Must not touch the machine.
class MachineObserver {
 public:
  enum class Interrupt : uint8_t { kTick, kSoftirq, kHardirq, kRemoteCall };

  virtual ~MachineObserver() = default;
  struct LockWait {
    CpuId cpu{};
    const std::string& lock_class;
    LockHolder holder;  // when the wait began
    Cycles from = 0;
    Cycles to = 0;
  };
  virtual void OnLockWait(const LockWait& wait) = 0;
  virtual void OnInterrupt(CpuId cpu, Interrupt interrupt, Cycles from, Cycles to) = 0;
  virtual void OnOnline(CpuId cpu, bool online, Cycles at) = 0;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_MACHINE_OBSERVER_H_
