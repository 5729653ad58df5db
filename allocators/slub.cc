// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub.h"

#include "allocators/slub_cpu_slabs.h"
#include "allocators/slub_model.h"

namespace slablab {

std::unique_ptr<Allocator> MakeSlub(Machine& machine, const AllocatorOptions& options,
                                    const SlubPolicy& policy) {
  return std::make_unique<SlubModel<CpuSlabs>>(machine, options, policy);
}

}  // namespace slablab
