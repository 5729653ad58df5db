// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CACHES_H_
#define SLABLAB_WORKLOADS_CACHES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "allocators/allocator.h"
#include "sim/machine.h"
#include "traces/trace.h"

namespace slablab {

// The cache of that name (or alias), or one made as `spec` says, on CPU 0.
absl::StatusOr<CacheId> FindOrCreateCache(Machine& machine, Allocator& allocator,
                                          const CacheSpec& spec);

// For each cache of the trace, the allocator's: found, or made; kNoCache if the trace does not know
// its name, or its size while there is none of its name.
absl::StatusOr<std::vector<CacheId>> FindOrCreateCaches(const TraceHeader& trace, Machine& machine,
                                                        Allocator& allocator);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CACHES_H_
