// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/slub.h"

#include "allocators/slub/cpu_slabs/cpu_slabs.h"
#include "allocators/slub/locked_cpu_slabs/locked_cpu_slabs.h"
#include "allocators/slub/model.h"
#include "allocators/slub/node_slabs/node_slabs.h"
#include "allocators/slub/sheaves/sheaves.h"

namespace slablab {

std::unique_ptr<Allocator> MakeSlub(Machine& machine, const AllocatorOptions& options,
                                    const SlubPolicy& policy) {
  if (policy.lives.slab_guard == SlubLives::SlabGuard::kSlabLock) {
    return std::make_unique<SlubModel<LockedCpuSlabs>>(machine, options, policy);
  }
  const bool has_sheaves = policy.sheaves.which != SheafPolicy::Which::kNone;
  if (policy.cpu_slabs && has_sheaves) {
    return std::make_unique<SlubModel<Sheaves<CpuSlabs>>>(machine, options, policy);
  }
  if (policy.cpu_slabs) return std::make_unique<SlubModel<CpuSlabs>>(machine, options, policy);
  if (!has_sheaves) return std::make_unique<SlubModel<NodeSlabs>>(machine, options, policy);
  return std::make_unique<SlubModel<Sheaves<NodeSlabs>>>(machine, options, policy);
}

}  // namespace slablab
