// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_MEANINGS_H_
#define SLABLAB_ALLOCATORS_MEANINGS_H_

#include <cstdint>
#include <string_view>

// What the names mean that a model declares. A name is for people to read: whoever computes with a
// path or a figure asks its kind or its role, so that a model may call things what its kernel does.

namespace slablab {

// What an operation was that went a path.
enum class PathKind : uint8_t {
  kAllocation,
  kFree,
  kFreeByRcu,  // kvfree_rcu(): the object waits, and whether that was fast says nothing of frees
  kOther,      // no operation of a user's, but work that one had left for later
};

// One way through a model. Its place in the model's table is its PathId.
struct PathInfo {
  std::string_view name;
  PathKind kind = PathKind::kAllocation;
  bool is_fast = false;  // it counts as a fast path in shares and comparisons
};

// Whether the operation took a fast path is looked up when it is reported, never when it is done.
constexpr PathInfo AllocPath(std::string_view name) { return {name, PathKind::kAllocation, false}; }
constexpr PathInfo FreePath(std::string_view name) { return {name, PathKind::kFree, false}; }
constexpr PathInfo FastAllocPath(std::string_view name) {
  return {name, PathKind::kAllocation, true};
}
constexpr PathInfo FastFreePath(std::string_view name) { return {name, PathKind::kFree, true}; }

// What a counter or a state is to reports and comparisons. Several figures of a cache may have the
// same role: their sum counts. The order is that of FigureValue.Role in reports/result.proto.
enum class FigureRole : uint8_t {
  kOther,  // shown by its name, and no more
  // Counters. Of operations, all of which are one or the other:
  kFastAllocs,
  kSlowAllocs,
  kFastFrees,
  kSlowFrees,
  // Of slabs:
  kSlabsMade,
  kSlabsReturned,
  // Of slabs that allocations and frees put on nodes' partial lists, and took off them:
  kListedByAllocs,
  kListedByFrees,
  kUnlistedByAllocs,
  kUnlistedByFrees,
  // Of a CPU's partial list:
  kCpuListAllocs,
  kCpuListFrees,
  // Of a CPU's slab:
  kRemoteFreesFound,  // objects that others had freed into it, when it was given up
  kFrozenFrees,       // frees into another CPU's
  // States. Of slabs:
  kSlabs,
  kPartialSlabs,
  kCpuSlabs,
  // Of objects in queues, with the queues' room in parentheses:
  kQueued,
  kShared,
  kAlien,
};

// A figure that a model has. Its place in the model's table is the model's own number for it.
struct FigureInfo {
  std::string_view name;
  FigureRole role = FigureRole::kOther;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_MEANINGS_H_
