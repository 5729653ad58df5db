// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_OPERATIONS_EXECUTOR_H_
#define SLABLAB_WORKLOADS_OPERATIONS_EXECUTOR_H_

#include <algorithm>
#include <cstdint>
#include <utility>

#include "allocators/allocator.h"
#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/machine.h"
#include "sim/pages/gfp.h"
#include "workloads/auditor.h"
#include "workloads/observer.h"
#include "workloads/operations/account.h"
#include "workloads/operations/footprint_watch.h"
#include "workloads/operations/operation_meter.h"
#include "workloads/rcu_frees.h"

namespace slablab {

// Carries out the operations of a slab allocator, whoever drives it: a replay, tasks in closed
// order, or what happens to the machine meanwhile. Of each it does, in this order:
//
//   allocation  begin; the model is called; end: counted, shown to the observer, entered in the
//               digest; audited; its user writes to it; the driver goes on (User::OnAllocated).
//   free        audited; its user reads it; begin; the model or kvfree_rcu() is called; end, as
//               above; the driver goes on (User::OnFreed).
//
// What need not wait is done at once, without a coroutine; it is inlined into its driver, so that
// neither the operation nor its User is laid out in memory there. What a driver alone knows (when
// something comes, where, what waits for what, when to look at the footprint) is none of its
// business.
class Executor {
 public:
  using Begun = OperationMeter::Begun;
  using Doer = OperationMeter::Doer;

  struct Options {
    uint32_t object_touch_bytes_max = 512;  // that the user of a new object writes
    FootprintWatch::Options footprint;
  };
  // The last two must outlive it. The account's caches are to be sized by SizeCaches().
  Executor(const Options& options, Machine& machine, Allocator& allocator)
      : machine_(machine),
        allocator_(allocator),
        object_touch_bytes_max_(options.object_touch_bytes_max),
        auditor_(machine),
        rcu_frees_(machine, allocator),
        meter_(account_),
        footprint_(machine.scheduler(), allocator, rcu_frees_, account_, options.footprint) {
    account_.paths = TimesWithRcu(allocator);
    account_.cpus.resize(static_cast<size_t>(machine.config().cpu_count()));
    SizeCaches();
  }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // To be called when caches have been made, before they are used.
  void SizeCaches() { account_.caches.resize(static_cast<size_t>(allocator_.cache_count())); }

  struct Allocation {
    CacheId cache = kNoCache;  // kNoCache: by kmalloc
    Gfp gfp = kGfpKernel;
    NodeId node = kAnyNode;
    uint32_t bytes = 0;    // asked for
    uint32_t usable = 0;   // of these, what the object has
    uint32_t written = 0;  // of these, what its user writes first, if that is not too much
    uint64_t number = 0;   // the driver's, of the object
    bool inferred = false;
  };
  struct Release {
    PhysAddr object{};
    CacheId cache = kNoCache;  // kNoCache: of kmalloc
    uint32_t bytes = 0;        // Allocation::usable
    uint32_t read = 0;         // of these, what its user reads first
    bool kfree = false;        // by kfree(), whatever cache it is of
    bool by_rcu = false;       // by kvfree_rcu()
    bool audited = true;       // false: the auditor has not seen its allocation
    bool inferred = false;
  };

  // A User is copied into a coroutine if the operation has to wait; one that only refers to what it
  // needs has Kept(), which answers one that has it. It has
  //   Doer DoerOf() const;
  //   void OnAllocated(Cpu&, const Placement&) const;  or  void OnFreed(Cpu&) const;
  template <typename User>
  [[gnu::always_inline]] Task<void> Allocate(Cpu& cpu, const Allocation& what, const User& user) {
    const Begun begun = Begin(cpu);
    Task<Placement> task = what.cache == kNoCache
                               ? allocator_.Kmalloc(cpu, what.bytes, what.gfp, what.node)
                               : allocator_.Alloc(cpu, what.cache, what.gfp, what.node);
    return Finish(cpu, what, begun, std::move(task), user);
  }
  // Of an operation that the driver has had done in a way of its own, having called Begin().
  template <typename User>
  [[gnu::always_inline]] Task<void> Finish(Cpu& cpu, const Allocation& what, const Begun& begun,
                                           Task<Placement> task, const User& user) {
    if (!task.done()) return AwaitAllocation(cpu, what, begun, std::move(task), KeptOf(user));
    EndAllocation(cpu, what, begun, task.result(), user);
    return Task<void>();
  }
  Begun Begin(Cpu& cpu) const { return meter_.Begin(cpu); }

  template <typename User>
  [[gnu::always_inline]] Task<void> Free(Cpu& cpu, const Release& what, const User& user) {
    if (what.audited) EndObject(what);
    const bool is_remote = !machine_.IsOn(cpu.node(), what.object);
    account_.remote_frees += is_remote;
    Use(cpu, what.object, what.read, Access::kRead);
    const Begun begun = meter_.BeginFree(cpu, what.object, what.bytes, is_remote);
    Task<PathId> task = what.by_rcu ? rcu_frees_.Free(cpu, what.object, what.bytes)
                        : what.kfree || what.cache == kNoCache
                            ? allocator_.Kfree(cpu, what.object)
                            : allocator_.Free(cpu, what.cache, what.object);
    if (!task.done()) return AwaitFree(cpu, what, begun, std::move(task), KeptOf(user));
    EndFree(cpu, what, begun, task.result(), user);
    return Task<void>();
  }

  // Somebody uses a part of a live object.
  void Touch(Cpu& cpu, PhysAddr part, uint64_t bytes, Access access) {
    auditor_.OnUse(part, bytes);
    Use(cpu, part, bytes, access);
  }

  RunAccount& account() { return account_; }
  const RunAccount& account() const { return account_; }
  FootprintWatch& footprint() { return footprint_; }
  Auditor& auditor() { return auditor_; }
  const Auditor& auditor() const { return auditor_; }
  RcuFrees& rcu_frees() { return rcu_frees_; }
  const RcuFrees& rcu_frees() const { return rcu_frees_; }
  void set_observer(OperationObserver* observer) { meter_.set_observer(observer); }
  OperationObserver* observer() const { return meter_.observer(); }
  void set_call_sites(CallSites* call_sites) { meter_.set_call_sites(call_sites); }

 private:
  template <typename User>
  static auto KeptOf(const User& user) {
    if constexpr (requires { user.Kept(); }) {
      return user.Kept();
    } else {
      return user;
    }
  }
  template <typename User>
  Task<void> AwaitAllocation(Cpu& cpu, Allocation what, Begun begun, Task<Placement> task,
                             User user) {
    const Placement placement = co_await task;
    EndAllocation(cpu, what, begun, placement, user);
  }
  template <typename User>
  [[gnu::always_inline]] void EndAllocation(Cpu& cpu, const Allocation& what, const Begun& begun,
                                            const Placement& placement, const User& user) {
    meter_.End(cpu, begun,
               {.path = placement.path,
                .cache = what.cache,
                .object = placement.object,
                .bytes = what.bytes,
                .inferred = what.inferred},
               [&user] { return user.DoerOf(); });
    account_.placements.Add(placement.object.value() ^ what.number << 40);
    if (placement.object.is_null()) {
      ++account_.failed_allocations;
    } else {
      auditor_.OnAlloc({.object = placement.object,
                        .bytes = what.usable,
                        .only_node = Has(what.gfp, Gfp::kThisNode) ? what.node : kAnyNode});
      account_.requested_bytes += what.usable;
      Use(cpu, placement.object, std::min({what.written, what.usable, object_touch_bytes_max_}),
          Access::kWrite);
    }
    user.OnAllocated(cpu, placement);
  }

  template <typename User>
  Task<void> AwaitFree(Cpu& cpu, Release what, Begun begun, Task<PathId> task, User user) {
    const PathId path = co_await task;
    EndFree(cpu, what, begun, path, user);
  }
  template <typename User>
  [[gnu::always_inline]] void EndFree(Cpu& cpu, const Release& what, const Begun& begun,
                                      PathId path, const User& user) {
    meter_.End(cpu, begun,
               {.path = path,
                .cache = what.cache,
                .object = what.object,
                .is_free = true,
                .by_rcu = what.by_rcu,
                .inferred = what.inferred},
               [&user] { return user.DoerOf(); });
    account_.placements.Add(~what.object.value());
    user.OnFreed(cpu);
  }
  // In the auditor's books and the run's, before the allocator sees it.
  void EndObject(const Release& what) {
    if (what.by_rcu) {
      auditor_.OnFreeRcu(what.object, what.bytes);
    } else {
      auditor_.OnFree(what.object, what.bytes);
    }
    account_.requested_bytes -= what.bytes;
  }
  void Use(Cpu& cpu, PhysAddr object, uint64_t bytes, Access access) {
    const Cycles begin = cpu.task_clock();
    const SiteScope site(cpu, Site::kUse);
    cpu.TouchRange({object, Structure::kObject}, bytes, access);
    account_.use_cycles += cpu.task_clock() - begin;
  }

  Machine& machine_;
  Allocator& allocator_;
  const uint32_t object_touch_bytes_max_;
  RunAccount account_;
  Auditor auditor_;
  RcuFrees rcu_frees_;
  OperationMeter meter_;
  FootprintWatch footprint_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_OPERATIONS_EXECUTOR_H_
