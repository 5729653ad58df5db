// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CACHES_H_
#define SLABLAB_WORKLOADS_CACHES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "allocators/allocator.h"
#include "sim/machine.h"
#include "traces/sidecar/recorded_sidecars.h"
#include "traces/sidecar/sidecar.h"
#include "traces/slt/trace.h"

// The caches that a workload or a trace needs, in a booted allocator.

namespace slablab {

// The cache of that name, made if need be.
absl::StatusOr<CacheId> FindOrCreateCache(Machine& machine, Allocator& allocator,
                                          const CacheSpec& spec);

// What a recorded cache was asked for. Where /sys/kernel/slab stood beside the recording, its
// alignment and flags are known and each model lays objects out by its own rules. Else events and
// slabinfo say how large an object is and how far it is to the next: that is taken to be alignment
// if it can be, or in a SLUB kernel the free pointer behind an object with a constructor, and the
// distance is kept in every model. Which caches free their slabs after a grace period, no event
// says: by `release`, the recorded kernel's, those of these names that its source creates so.
CacheSpec SpecOf(const TraceCache& cache, const std::optional<Slabinfo>& slabinfo,
                 std::string_view release = "");

// What a recorded cache asked for its sheaves to hold (kmem_cache_args.sheaf_capacity); 0: nothing,
// as nearly all. Linux 6.18 gives it and no more, so that what has sheaves has asked; from 7.0 on
// who has more than is due to its size has.
uint32_t AskedSheafCapacity(const SlabSysfs& sysfs, std::string_view cache);

// The /sys/kernel/slab that stood beside a trace when it began, else when it ended; null if there
// is none that can be read, or that kernel's caches had no sheaves.
const SlabSysfs* SheavesSysfsOf(const RecordedSidecars& sidecars);

// Makes the caches that the recorded kernel had and the allocator has not, events or no events:
// their sheaves and descriptors lie in the same slabs as the others'. Those with debugging flags
// are left out.
absl::Status CreateRecordedCaches(const SlabSysfs& sysfs, Machine& machine, Allocator& allocator);

// The slabinfo recorded beside a trace; nothing if there is none that can be read.
std::optional<Slabinfo> SlabinfoOf(const TraceHeader& trace);

// One for each of the trace's caches, kNoCache for those without a name or size.
absl::StatusOr<std::vector<CacheId>> FindOrCreateCaches(const RecordedSidecars& sidecars,
                                                        Machine& machine, Allocator& allocator);

// What was inferred of those caches, and which of them have other slots or slabs here than in the
// recorded kernel: a sentence each, counted. `caches` are as FindOrCreateCaches answers them.
std::vector<std::string> GeometrySentences(const TraceHeader& trace,
                                           const std::vector<CacheId>& caches,
                                           const Allocator& allocator);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CACHES_H_
