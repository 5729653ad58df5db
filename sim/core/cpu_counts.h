// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_CPU_COUNTS_H_
#define SLABLAB_SIM_CORE_CPU_COUNTS_H_

#include <cstdint>

#include "base/types.h"
#include "sim/cache/ledger.h"
#include "sim/cache/memory.h"
#include "sim/core/fields.h"

namespace slablab {

class Cpu;

// What a CPU did within one operation, for tests and for touches.golden.
struct OpCounts {
  // These three only if they are asked for (Cpu::CountTouches).
  uint64_t loads = 0;
  uint64_t stores = 0;
  uint64_t local_cmpxchgs = 0;  // unlocked, this CPU's own data
  uint64_t atomics = 0;         // locked read-modify-writes, those of lock acquisitions included
  uint64_t lock_acquisitions = 0;
  uint64_t irq_toggles = 0;  // each save-and-disable, and each restore
};

// Deferral of interrupts on one CPU.
struct IrqOffStats {
  uint64_t windows = 0;
  Cycles total_cycles = 0;
  Cycles longest_cycles = 0;
  Site longest_site = Site::kUse;      // where interrupts were enabled again
  Cycles longest_deferral_cycles = 0;  // of an interrupt that was pending meanwhile
};

// Sees every touch; for tests that count lines.
class TouchObserver {
 public:
  virtual ~TouchObserver() = default;
  virtual void OnTouch(const Cpu& cpu, Place place, Access access, Outcome outcome) = 0;
};

// Whether interrupts were enabled before IrqSave.
enum class IrqFlags : bool { kWereOff, kWereOn };

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_CPU_COUNTS_H_
