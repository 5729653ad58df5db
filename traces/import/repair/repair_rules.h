// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_REPAIR_REPAIR_RULES_H_
#define SLABLAB_TRACES_IMPORT_REPAIR_REPAIR_RULES_H_

#include <cstdint>
#include <string_view>

// The names of the repairs (traces/import/repair/repair.h), and which events are a kernel
// allocator's own.

namespace slablab {

enum class Repair : uint8_t {
  kLostEvents,  // the first is what everyone must see
  kClampedTime,
  kNullFree,
  kAllocatorInternal,
  kInferredFree,
  kInferredFreeOverlapped,
  kInferredFreeOfPage,
  kInferredFreeByRcu,
  kInferredFreeAged,
  kInferredFreeWithTree,
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
inline constexpr int kRepairs = 23;

// One word, as in the header: "inferred-free".
std::string_view RepairName(Repair repair);
std::string_view RepairExplanation(Repair repair);

// What the slab allocators allocate for themselves.
enum class OwnStructure : uint8_t {
  kNone,  // nothing: it is a user's
  kSheaf,
  kBarn,
  kObjExts,  // of a slab: a pointer to a memory cgroup, and more, an object
  kCache,
  kCacheNode,
  kArrayCache,  // of SLAB: a CPU's, or of another node's objects
  kSlabManagement,
  kRandomSequence,
};
// The kernel's noun: "sheaf".
std::string_view OwnStructureName(OwnStructure structure);

// What the function that `call_site` ("alloc_slab_obj_exts.isra.0+0x2b") lies in allocates or frees
// of the slab allocators' own.
OwnStructure StructureOfCallSite(std::string_view call_site);
// What the allocators keep in the cache of that name, if it is one for their own structures.
OwnStructure StructureOfCache(std::string_view name);

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_REPAIR_REPAIR_RULES_H_
