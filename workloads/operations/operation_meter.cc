// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/operations/operation_meter.h"

namespace slablab {

void OperationMeter::Show(const Cpu& cpu, const Begun& begun, const Ended& ended, Cycles cycles,
                          const Doer& doer) {
  observer_->OnOperation({.event = doer.event,
                          .task = doer.task,
                          .cpu = cpu.id(),
                          .priority = doer.priority,
                          .is_free = ended.is_free,
                          .by_rcu = ended.by_rcu,
                          .path = ended.path,
                          .cache = ended.cache,
                          .object = ended.object,
                          .bytes = ended.bytes,
                          .start = begun.now,
                          .end = cpu.now(),
                          .cycles = cycles,
                          .label = doer.label,
                          .call_site = cpu.caller()});
}

}  // namespace slablab
