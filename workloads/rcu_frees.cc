// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/rcu_frees.h"

#include "allocators/registry.h"

namespace slablab {

const PathInfo& PathOf(const Allocator& allocator, PathId path) {
  const size_t own = allocator.paths().size();
  return path < own ? allocator.paths()[path] : kRcuPaths[path - own];
}

KvfreeRcu& RcuFrees::Made() {
  if (kvfree_rcu_ == nullptr) {
    const absl::StatusOr<ModelKernel> kernel = KernelOf(allocator_.name());
    kvfree_rcu_ = std::make_unique<KvfreeRcu>(
        machine_, allocator_, kernel.ok() ? KvfreeRcuPolicyOf(*kernel) : kKvfreeRcu73);
  }
  return *kvfree_rcu_;
}

Task<PathId> RcuFrees::Free(Cpu& cpu, PhysAddr object, uint32_t bytes) {
  const bool in_sheaf = co_await Made().Free(cpu, object, bytes);
  ++(in_sheaf ? totals_.to_sheaves : totals_.to_batches);
  NotePeak(cpu.now());
  co_return static_cast<PathId>(allocator_.paths().size() + (in_sheaf ? 0 : 1));
}

void RcuFrees::NotePeak(Cycles now) {
  const Footprint& footprint = allocator_.TotalFootprint();
  const RcuWaiting& waiting = kvfree_rcu_->waiting();
  const uint64_t bytes = footprint.rcu_free_bytes + waiting.bytes();
  if (bytes <= totals_.peak_bytes) return;
  totals_.peak_bytes = bytes;
  totals_.peak_objects = footprint.rcu_objects + waiting.objects;
  totals_.peak_at = now;
}

}  // namespace slablab
