// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_OBSERVER_H_
#define SLABLAB_WORKLOADS_OBSERVER_H_

#include <cstdint>

#include "allocators/allocator.h"
#include "base/types.h"
#include "sim/core/arrival.h"
#include "sim/machine.h"

// Whoever wants to see a run operation by operation: a timeline, a comparison of two runs. Runs
// that nobody observes pay a test of a pointer an operation.

namespace slablab {

// An operation of the allocator that has just ended.
struct OperationEnd {
  uint64_t event = 0;  // its number in the trace or of the workload, from 0
  int32_t task = 0;    // the trace's pid, or the workload's number of the task
  CpuId cpu{};
  Priority priority = Priority::kTask;
  bool is_free = false;
  bool by_rcu = false;  // by kvfree_rcu(): handed over, not yet free
  PathId path = 0;
  CacheId cache = kNoCache;  // kNoCache: by kmalloc or kfree; the object's own is Locate()'s
  PhysAddr object{};         // null: the allocation failed
  uint64_t bytes = 0;        // asked for; 0 of a free
  Cycles start = 0;          // of the machine's clock
  Cycles end = 0;
  Cycles cycles = 0;   // end - start without the interrupts that came in between
  uint32_t label = 0;  // of a synthetic workload: the step's, as its source names it
  uint32_t call_site = 0;  // who asked, by the trace's or the workload's number; 0: not known
};

class OperationNames;

class OperationObserver {
 public:
  virtual ~OperationObserver() = default;

  // Once, before the first operation; both outlive the run.
  virtual void OnBegin(const Machine& machine, const Allocator& allocator) {
    (void)machine;
    (void)allocator;
  }
  // Before that, who did operations in words; outlives the run, too.
  virtual void OnNames(const OperationNames& names) { (void)names; }
  // In the order in which operations end. Must not touch the machine; may ask the allocator.
  virtual void OnOperation(const OperationEnd& operation) = 0;

  // Operations that took less need not be shown to it: nothing is built for these.
  Cycles cycles_shown_from() const { return cycles_shown_from_; }

 protected:
  Cycles cycles_shown_from_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_OBSERVER_H_
