// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_KVFREE_RCU_H_
#define SLABLAB_ALLOCATORS_COMMON_KVFREE_RCU_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "allocators/allocator.h"
#include "allocators/model_kernel.h"
#include "sim/core/rcu.h"
#include "sim/machine.h"

namespace slablab {

// What changed in kvfree_rcu() from one kernel to another (kernel/rcu/tree.c to 6.12,
// mm/slab_common.c from 6.14 on).
struct KvfreeRcuPolicy {
  // Pointers in a block of one page: behind its links and count, from 6.4 on a snapshot too. 0:
  // there are no blocks and no batches, each object has a callback of its own.
  uint32_t records;
  // The monitor frees at once what has waited long enough.
  bool drains_ready;
  // Words that are written into an object which waits in the list: the next one, and to 7.2 what
  // it is.
  uint32_t list_words;
};
// To 5.5: call_rcu() with a function that calls kfree(), one's own or, from 3.0 on, kfree_rcu()'s.
inline constexpr KvfreeRcuPolicy kKfreeByCallRcu = {
    .records = 0, .drains_ready = false, .list_words = 2};
inline constexpr KvfreeRcuPolicy kKvfreeRcu61 = {
    .records = 510, .drains_ready = false, .list_words = 2};
inline constexpr KvfreeRcuPolicy kKvfreeRcu612 = {
    .records = 507, .drains_ready = true, .list_words = 2};
inline constexpr KvfreeRcuPolicy kKvfreeRcu73 = {
    .records = 507, .drains_ready = true, .list_words = 1};

// The one of a kernel that there are models of.
const KvfreeRcuPolicy& KvfreeRcuPolicyOf(const ModelKernel& kernel);

// Objects that wait for a grace period, and whose memory they are.
struct RcuWaiting {
  uint64_t objects = 0;
  uint64_t object_bytes = 0;   // object_size of those in slabs
  uint64_t padding_bytes = 0;  // slab_size - object_size of these
  uint64_t large_objects = 0;  // of objects: blocks of whole pages
  uint64_t large_bytes = 0;

  uint64_t bytes() const { return object_bytes + padding_bytes + large_bytes; }
  RcuWaiting& operator+=(const RcuWaiting& other);
  RcuWaiting& operator-=(const RcuWaiting& other);
  friend bool operator==(const RcuWaiting&, const RcuWaiting&) = default;
};

// kvfree_rcu() of two arguments over any allocator: an object goes into a sheaf if the allocator
// has one for it (Allocator::FreeRcuSheaf). Else its CPU notes it in a block of pointers, or, while
// there is no page for one, in a list through the objects. A monitor hands these over 5 seconds
// after the first, or a tick after there is a block's worth, to at most two batches at a time,
// which free them after a grace period: a block by kfree_bulk, the list one by one. Five pages are
// kept for blocks. To the allocator, what waits in blocks and lists is allocated, what waits in
// sheaves is free.
//
// The kernel's workers are softirqs here, and their pages are asked for without waiting. One for a
// machine; nothing is laid out before the first object.
class KvfreeRcu {
 public:
  KvfreeRcu(Machine& machine, Allocator& allocator, const KvfreeRcuPolicy& policy);
  ~KvfreeRcu();
  KvfreeRcu(const KvfreeRcu&) = delete;

  // `bytes`: of the object, as its user knows it. Answers whether a sheaf took it. In any context.
  Task<bool> Free(Cpu& cpu, PhysAddr object, uint32_t bytes);
  // kvfree_rcu_barrier_on_cache(): comes back when every object of `cache` that was given before is
  // free. In task context.
  Task<void> BarrierOnCache(Cpu& cpu, CacheId cache);
  // kvfree_rcu_barrier(): the same of every object.
  Task<void> Barrier(Cpu& cpu);
  class BarrierWalk;

  // What waits now, but for what is in sheaves.
  const RcuWaiting& waiting() const { return waiting_; }
  // The objects of these, in no order that means anything. Between operations.
  std::vector<PhysAddr> WaitingObjects() const;
  uint64_t waiting_objects() const { return waiting_.objects; }
  uint64_t waiting_bytes() const { return waiting_.bytes(); }
  // How often what had been noted was handed over to wait, or found to have waited long enough.
  uint64_t drains() const { return drains_; }

 private:
  class CpuBatches;
  class ParkedWalk;
  struct LoneObject;

  RcuWaiting WaitingOf(PhysAddr object, uint32_t bytes) const;
  Task<void> CallForOne(Cpu& cpu, PhysAddr object, const RcuWaiting& waiting);
  Task<void> WalkParked(Cpu& cpu, CacheId cache);

  Machine& machine_;
  Allocator& allocator_;
  const KvfreeRcuPolicy policy_;
  LockClass* const lock_class_;
  std::vector<std::unique_ptr<CpuBatches>> cpus_;
  // That have callbacks of their own, and those that had.
  std::vector<std::unique_ptr<LoneObject>> lone_;
  std::vector<LoneObject*> lone_free_;
  RcuWaiting waiting_;
  uint64_t drains_ = 0;
};

// A barrier in steps, of who does something else with its CPU while it waits: a task, a thread.
class KvfreeRcu::BarrierWalk : private Rcu::BarrierWaiter {
 public:
  // Of `cache`; kNoCache: of every object.
  explicit BarrierWalk(KvfreeRcu& owner, CacheId cache = kNoCache) : owner_(owner), cache_(cache) {}
  BarrierWalk(const BarrierWalk&) = delete;

  // Goes on as far as it need not wait, on any CPU in task context. Answers true: it is over, and
  // the next call begins another. Else GoOn() says when to call it again.
  Task<bool> Continue(Cpu& cpu);

 protected:
  ~BarrierWalk() = default;
  // Once for each time that it waits. In softirq context on `by`, or by another walk that has ended
  // there; must not continue it at once.
  virtual void GoOn(Cpu& by) = 0;

 private:
  enum class Phase : uint8_t {
    kFlush,      // sheaves are handed over
    kCalled,     // what was handed over is to be called
    kBatches,    // what is noted is handed over, CPU by CPU
    kBusy,       // both batches of a CPU are under way
    kFreed,      // what was handed over is to be freed
    kMonitored,  // what a monitor is freeing is to be free
  };
  void MayGoOn(Cpu& by) final {
    if (std::exchange(waits_, false)) GoOn(by);
  }
  Task<bool> Waited(Cpu& cpu);
  Task<void> Flush(Cpu& cpu);
  Task<bool> QueueAll(Cpu& cpu);

  KvfreeRcu& owner_;
  const CacheId cache_;
  Phase phase_ = Phase::kFlush;
  size_t next_cpu_ = 0;
  bool begun_ = false;  // a barrier of RCU
  bool waits_ = false;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_KVFREE_RCU_H_
