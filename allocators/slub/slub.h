// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_SLUB_H_
#define SLABLAB_ALLOCATORS_SLUB_SLUB_H_

#include <memory>

#include "allocators/allocator.h"
#include "allocators/options.h"
#include "allocators/slub/core/policy.h"
#include "sim/machine.h"

namespace slablab {

// SLUB of an era, with the front that its policy asks for. Quirks: see SlubPolicy::switches.
std::unique_ptr<Allocator> MakeSlub(Machine& machine, const AllocatorOptions& options,
                                    const SlubPolicy& policy);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_SLUB_H_
