// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_REPAIR_RULES_H_
#define SLABLAB_TRACES_REPAIR_RULES_H_

#include <cstdint>
#include <string_view>

// The names of the repairs (traces/repair.h), and which events are a kernel allocator's own.

namespace slablab {

enum class Repair : uint8_t {
  kLostEvents,  // the first is what everyone must see
  kClampedTime,
  kNullFree,
  kAllocatorInternal,
  kInferredFree,
  kInferredFreeOverlapped,
  kInferredFreeOfPage,
  kInferredAllocation,
  kPredatesTrace,
  kPageOrAreaPredates,
  kNamedByOwnFree,
  kNamedByVote,
  kNamedBySize,
  kNamedByCounters,
  kUnnamed,
  kFreedAsOtherCache,
  kKfreeOfCacheObject,
  kCacheFreeOfKmalloc,
  kMergedCache,
  kFailedAllocation,
};
inline constexpr int kRepairs = 20;

// One word, as in the header: "inferred-free".
std::string_view RepairName(Repair repair);
std::string_view RepairExplanation(Repair repair);

// Whether the function that `call_site` ("alloc_slab_obj_exts.isra.0+0x2b") lies in allocates or
// frees the slab allocators' own metadata.
bool IsInternalCallSite(std::string_view call_site);
// Whether the allocators keep their own structures in the cache of that name.
bool IsInternalCache(std::string_view name);

}  // namespace slablab

#endif  // SLABLAB_TRACES_REPAIR_RULES_H_
