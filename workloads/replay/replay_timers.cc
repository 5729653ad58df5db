// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/replay/replay.h"

namespace slablab {

// What the allocator's timers are due for comes before the CPU's next operation. They are
// deferrable: nobody wakes an idle CPU for them.
Task<void> Replay::WorkThenStart(Cpu& cpu, uint64_t token) {
  {
    const PartScope part(cpu, Part::kTimer);
    co_await allocator_.Work(cpu);
  }
  Task<void> operation = StartNow(cpu, token);
  co_await operation;
}

}  // namespace slablab
