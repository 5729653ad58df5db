// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_RCU_FREES_H_
#define SLABLAB_WORKLOADS_RCU_FREES_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "allocators/allocator.h"
#include "allocators/common/kvfree_rcu.h"
#include "allocators/meanings.h"
#include "base/types.h"
#include "sim/machine.h"

namespace slablab {

// The ways that a free by kvfree_rcu() goes, behind those of the model (Allocator::paths()).
inline constexpr std::array<PathInfo, 2> kRcuPaths = {
    PathInfo{.name = "kvfree_rcu sheaf", .kind = PathKind::kFreeByRcu},
    PathInfo{.name = "kvfree_rcu batch", .kind = PathKind::kFreeByRcu}};
const PathInfo& PathOf(const Allocator& allocator, PathId path);

struct RcuTotals {
  uint64_t to_sheaves = 0;  // objects
  uint64_t to_batches = 0;
  uint64_t barriers = 0;
  // What waited, sheaves included, when most bytes did.
  uint64_t peak_objects = 0;
  uint64_t peak_bytes = 0;
  Cycles peak_at = 0;
};

// Frees by kvfree_rcu() as the model's kernel has it, for whoever drives a model. Until the first,
// nothing is made: no timer, no lock, no memory. What it is given waits with the machine's RCU, and
// may come back after the run has ended or not at all: it lives as long as the machine runs.
class RcuFrees {
 public:
  RcuFrees(Machine& machine, Allocator& allocator) : machine_(machine), allocator_(allocator) {}

  // `bytes`: of the object, as its user knows it. In any context.
  Task<PathId> Free(Cpu& cpu, PhysAddr object, uint32_t bytes);
  // kvfree_rcu_barrier(), when all that was given before, by any CPU, is free, is a walk over what
  // this answers. Counts one.
  KvfreeRcu& BeginBarrier() {
    ++totals_.barriers;
    return Made();
  }

  bool used() const { return kvfree_rcu_ != nullptr; }
  // What waits now in blocks and lists. What waits in sheaves, the allocator's footprint says.
  RcuWaiting waiting() const { return used() ? kvfree_rcu_->waiting() : RcuWaiting(); }
  std::vector<PhysAddr> WaitingObjects() const {
    return used() ? kvfree_rcu_->WaitingObjects() : std::vector<PhysAddr>();
  }
  uint64_t drains() const { return used() ? kvfree_rcu_->drains() : 0; }
  const RcuTotals& totals() const { return totals_; }

 private:
  KvfreeRcu& Made();
  void NotePeak(Cycles now);

  Machine& machine_;
  Allocator& allocator_;
  std::unique_ptr<KvfreeRcu> kvfree_rcu_;
  RcuTotals totals_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_RCU_FREES_H_
