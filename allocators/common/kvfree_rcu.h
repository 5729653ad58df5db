// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_COMMON_KVFREE_RCU_H_
#define SLABLAB_ALLOCATORS_COMMON_KVFREE_RCU_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "allocators/allocator.h"
#include "sim/core/rcu.h"
#include "sim/machine.h"

namespace slablab {

// What changed in kvfree_rcu() from one kernel to another (kernel/rcu/tree.c to 6.12,
// mm/slab_common.c from 6.14 on).
struct KvfreeRcuPolicy {
  // Pointers in a block of one page: behind its links and count, from 6.4 on a snapshot too.
  uint32_t records;
  // The monitor frees at once what has waited long enough.
  bool drains_ready;
  // Words that are written into an object which waits in the list: the next one, and to 7.2 what
  // it is.
  uint32_t list_words;
};
inline constexpr KvfreeRcuPolicy kKvfreeRcu61 = {
    .records = 510, .drains_ready = false, .list_words = 2};
inline constexpr KvfreeRcuPolicy kKvfreeRcu612 = {
    .records = 507, .drains_ready = true, .list_words = 2};
inline constexpr KvfreeRcuPolicy kKvfreeRcu73 = {
    .records = 507, .drains_ready = true, .list_words = 1};

// kvfree_rcu() of two arguments over any allocator: an object goes into a sheaf if the allocator
// has one for it (Allocator::FreeRcuSheaf). Else its CPU notes it in a block of pointers, or, while
// there is no page for one, in a list through the objects. A monitor hands these over 5 seconds
// after the first, or a tick after there is a block's worth, to at most two batches at a time,
// which free them after a grace period: a block by kfree_bulk, the list one by one. Five pages are
// kept for blocks.
//
// The kernel's workers are softirqs here, and their pages are asked for without waiting. One for a
// machine; nothing is laid out before the first object.
class KvfreeRcu {
 public:
  KvfreeRcu(Machine& machine, Allocator& allocator, const KvfreeRcuPolicy& policy);
  ~KvfreeRcu();
  KvfreeRcu(const KvfreeRcu&) = delete;

  // `bytes`: of the object, as its user knows it. In any context.
  Task<void> Free(Cpu& cpu, PhysAddr object, uint32_t bytes);
  // kvfree_rcu_barrier_on_cache(): comes back when every object of `cache` that was given before is
  // free. In task context.
  Task<void> BarrierOnCache(Cpu& cpu, CacheId cache);

  // What waits in blocks and lists now.
  uint64_t waiting_objects() const { return waiting_.objects; }
  uint64_t waiting_bytes() const { return waiting_.bytes; }

 private:
  class CpuBatches;
  struct Waiting {
    uint64_t objects = 0;
    uint64_t bytes = 0;
  };

  Machine& machine_;
  Allocator& allocator_;
  const KvfreeRcuPolicy policy_;
  LockClass* const lock_class_;
  std::vector<std::unique_ptr<CpuBatches>> cpus_;
  Waiting waiting_;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_COMMON_KVFREE_RCU_H_
