// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_REFERENCE_H_
#define SLABLAB_WORKLOADS_REFERENCE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "allocators/allocator.h"
#include "sim/machine_config.h"
#include "sim/types.h"

// Reference runs: what a real kernel's slab allocator answered to a totally ordered script of
// operations on one cache, and its counters at the end ("slab-reference 1" files).
//
//   machine cpus=4 nodes=2 cpus_per_node=2 mib_per_node=512 page_size=4096 cache_line=64
//   pattern NAME
//   cache name=x010 object_size=136 align=64 hwcache_align=0 ctor=0
//   layout KEY=VALUE ...                what the kernel computed
//   tune KEY VALUE                      written before the first operation (to sysfs)
//   tune KEY=VALUE ...                  or, several at once (to /proc/slabinfo)
//   a CPU OBJ SLAB[@NODE]:OFFSET        kmem_cache_alloc
//   n CPU OBJ WANT SLAB[@NODE]:OFFSET   kmem_cache_alloc_node
//   f CPU OBJ                           kmem_cache_free
//   shrink, offline CPU, online CPU
//   count NAME TOTAL [Cn=...]           state NAME TOTAL [Nn=...]
//   end
// SLAB is a label of a page block in order of first sight, with its node at first sight; OFFSET is
// in bytes from the block's start.

namespace slablab {

struct ReferenceOp {
  enum class Kind : uint8_t { kAlloc, kAllocNode, kFree, kShrink, kOffline, kOnline };
  Kind kind = Kind::kAlloc;
  CpuId cpu;
  uint32_t object = 0;     // its number in the script, < ReferenceRun::object_count
  NodeId want = kAnyNode;  // kAllocNode
  uint32_t label = 0;      // of the slab, < ReferenceRun::label_count
  uint32_t offset = 0;     // bytes from the slab's start
  uint64_t line = 0;       // in the file, from 1
};

struct ReferenceTune {
  std::string key;
  int64_t value = 0;
  uint64_t line = 0;  // several of one line were written at once
};

struct ReferenceFigure {
  Figure figure;
  uint64_t line = 0;
};

struct ReferenceRun {
  std::string path;
  std::string kernel;     // "linux-6.1.192"
  std::string allocator;  // "slub", "slab": a name in the registry, if there is a model of it
  ReferenceMachineOptions machine;
  std::string pattern;
  CacheSpec cache;
  std::vector<std::pair<std::string, uint64_t>> layout;  // in the order of the file
  uint64_t layout_line = 0;
  std::vector<ReferenceTune> tunes;
  std::vector<ReferenceOp> ops;
  std::vector<NodeId> label_nodes;  // by label
  uint32_t object_count = 0;
  std::vector<ReferenceFigure> figures;  // counts and states, in the order of the file
};

// InvalidArgument, with path and line, for what is not such a run: also for a free of an object
// that is not live, an operation on a CPU that is off line, numbers out of the machine's range.
absl::StatusOr<ReferenceRun> ParseReference(std::string_view text, const std::string& path);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_REFERENCE_H_
