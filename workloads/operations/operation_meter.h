// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_OPERATIONS_OPERATION_METER_H_
#define SLABLAB_WORKLOADS_OPERATIONS_OPERATION_METER_H_

#include <cstdint>

#include "allocators/allocator.h"
#include "base/types.h"
#include "sim/core/arrival.h"
#include "sim/core/cpu.h"
#include "workloads/call_sites.h"
#include "workloads/observer.h"
#include "workloads/operations/account.h"

namespace slablab {

// Where an operation of any allocator begins and where it ends: what is to be done for every one of
// them is done here.
class OperationMeter {
 public:
  // `account`: has its paths, CPUs and caches, and outlives this.
  explicit OperationMeter(OperationAccount& account) : account_(account) {}

  // Sees every operation that ends from now on; null: nobody does.
  void set_observer(OperationObserver* observer) { observer_ = observer; }
  OperationObserver* observer() const { return observer_; }

  // Is told of every operation from now on; null: nobody is. Not with a free under way.
  void set_call_sites(CallSites* call_sites) { call_sites_ = call_sites; }

  struct Begun {
    Cycles task_clock = 0;
    Cycles now = 0;
    uint32_t freed = 0;  // of a free: what CallSites answered
  };
  Begun Begin(Cpu& cpu) const {
    cpu.BeginTally();
    return {.task_clock = cpu.task_clock(), .now = cpu.now(), .freed = 0};
  }
  // Of a free of an object of which so many bytes were asked for, on another node or not.
  Begun BeginFree(Cpu& cpu, PhysAddr object, uint64_t bytes, bool is_remote) const {
    uint32_t freed = 0;
    if (call_sites_ != nullptr) freed = call_sites_->BeginFree(cpu, object, bytes, is_remote);
    Begun begun = Begin(cpu);
    begun.freed = freed;
    return begun;
  }

  // What an operation was.
  struct Ended {
    PathId path = 0;
    CacheId cache = kNoCache;  // kNoCache: by kmalloc or kfree, or of no cache
    PhysAddr object{};         // null: the allocation failed
    uint64_t bytes = 0;        // asked for; 0 of a free
    bool is_free = false;
    bool by_rcu = false;
    bool inferred = false;  // put into the trace by a repair
  };
  // Who did it. Only an observer asks.
  struct Doer {
    uint64_t event = 0;  // as of OperationEnd, like all here
    int32_t task = 0;
    Priority priority = Priority::kTask;
    uint32_t label = 0;
  };
  // `doer()` is asked if somebody wants to see this operation, once it has been counted. All is
  // inlined: only then is any of it laid out in memory, and at once as an OperationEnd.
  template <typename DoerOf>
  [[gnu::always_inline]] void End(Cpu& cpu, const Begun& begun, const Ended& ended,
                                  DoerOf doer_of) {
    const Cycles cycles = cpu.task_clock() - begun.task_clock;
    account_.Count(cpu.id(), ended.cache, ended.path, ended.is_free, cycles, ended.inferred);
    cpu.EndTally();
    if (call_sites_ != nullptr) {
      const Doer doer = doer_of();
      const CallSites::Operation operation = {.task = doer.task,
                                              .priority = doer.priority,
                                              .path = ended.path,
                                              .cache = ended.cache,
                                              .cycles = cycles};
      if (ended.is_free) {
        call_sites_->EndFree(cpu, operation, begun.freed);
      } else {
        call_sites_->EndAllocation(cpu, operation, ended.object, ended.bytes);
      }
    }
    if (observer_ == nullptr || cycles < observer_->cycles_shown_from()) return;
    const Doer doer = doer_of();
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

 private:
  OperationAccount& account_;
  OperationObserver* observer_ = nullptr;
  CallSites* call_sites_ = nullptr;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_OPERATIONS_OPERATION_METER_H_
