// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_SHEAVES_WORK_H_
#define SLABLAB_ALLOCATORS_SLUB_SHEAVES_WORK_H_

#include "allocators/slub/sheaves/layer.h"
#include "allocators/slub/sheaves/percpu_sheaves.h"
#include "base/check.h"
#include "sim/core/arrival.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"

namespace slablab {

// A work item that one CPU queues on another and waits for. In the kernel a thread of that CPU runs
// it, which never meets the holder of the CPU's lock, because that one is not preempted. Here it is
// an interrupt: it goes away if it meets him, and comes again when he is done.
class SheafWork : public RemoteCall {
 public:
  SheafWork(SheafLayer& layer, KmemCache& cache) : layer_(layer), cache_(cache) {}

  // From its queueing to its end. REQUIRES: the CPU is on line.
  Task<void> On(Cpu& caller, CpuId target) {
    caller_ = &caller;
    for (Cycles met = 0;; met += kLaterCycles) {
      co_await caller.CallOn(target, *this);
      if (!met_holder_) co_return;
      const Cycles since = caller.task_clock();
      while (waiter_.waits) co_await caller.Park();
      // A holder who does the same over and over is not met at the same place again and again.
      caller.Pass(met);
      caller.ChargeWaitSince(since);
    }
  }
  Task<void> Run(Cpu& cpu) final {
    met_holder_ = false;
    if (SheafLayer::HasSheaves(cache_)) {
      CpuSheaves& pcs = layer_.ThisCpu(cpu, cache_);
      met_holder_ = cpu.Load(pcs.acquired);
      if (met_holder_) {
        CHECK(caller_ != &cpu);
        waiter_ = {.cpu = caller_, .next = pcs.waiters, .waits = true};
        pcs.waiters = &waiter_;
        return {};
      }
    }
    return Work(cpu);
  }

 protected:
  virtual Task<void> Work(Cpu& cpu) = 0;
  SheafLayer& layer() const { return layer_; }
  KmemCache& cache() const { return cache_; }

 private:
  static constexpr Cycles kLaterCycles = 61;

  SheafLayer& layer_;
  KmemCache& cache_;
  Cpu* caller_ = nullptr;
  bool met_holder_ = false;
  CpuSheaves::Waiter waiter_;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_SHEAVES_WORK_H_
