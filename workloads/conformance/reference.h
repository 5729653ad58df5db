// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "allocators/allocator.h"
#include "base/types.h"
#include "sim/machine/machine_config.h"

// Reference runs: what a real kernel's slab allocator answered to a totally ordered script of
// operations on one cache, and its counters at the end ("slab-reference 1" and "2" files).
//
//   machine cpus=4 nodes=2 cpus_per_node=2 mib_per_node=512 page_size=4096 cache_line=64
//   pattern NAME
//   cache name=x010 object_size=136 align=64 hwcache_align=0 ctor=0
//   layout KEY=VALUE ...                what the kernel computed
//   tune KEY VALUE                      written before the first operation (to sysfs)
//   tune KEY=VALUE ...                  or, several at once (to /proc/slabinfo)
//   a CPU OBJ PLACE                     kmem_cache_alloc
//   n CPU OBJ WANT PLACE                kmem_cache_alloc_node
//   f CPU OBJ                           kmem_cache_free
//   shrink, offline CPU, online CPU
//   count NAME TOTAL [Cn=...]           state NAME TOTAL [Nn=...]
//   end
// PLACE is SLAB[@NODE]:OFFSET: a label of a page block in order of first sight, with its node at
// first sight; OFFSET is in bytes from the block's start. These operations ran in hardirq context.
//
// Format 2 says more of the machine, and of the cache (freeptr_offset, which is -1 if it was not
// given, sheaf_capacity and flags); its operations ran in process context, with interrupts on:
//   machine ... mib_per_node=512,0 ...  by node, if these three lines follow
//   node_of_cpu 0 0 1 1
//   distance N0=10,20 N1=20,10
//   fallback N0=0 N1=0                  by node, nearest first
//   create CPU                          kmem_cache_create
//   A CPU OBJ N PLACE ...               kmem_cache_alloc_bulk: OBJ, OBJ + 1, ...
//   F CPU N OBJ ...                     kmem_cache_free_bulk
//   K CPU N OBJ ...                     kfree_bulk
//   r CPU OBJ                           kvfree_rcu
//   P CPU SHEAF WANT GOT                kmem_cache_prefill_sheaf; GOT objects are in it then
//   p CPU SHEAF OBJ PLACE               kmem_cache_alloc_from_sheaf; PLACE -: it was empty
//   Q CPU SHEAF WANT GOT                kmem_cache_refill_sheaf
//   U CPU SHEAF                         kmem_cache_return_sheaf
//   shrink CPU RESULT                   kmem_cache_shrink: 1 if slabs are left
//   dead ON CPU                         inside an offline: what CPU had was flushed on ON
//   g CPU N                             a grace period ended for the N oldest of CPU's RCU sheaves
//   R ON CPU SIZE barn|flush            the callback of the oldest of these, on ON
//   G ... Gend                          kvfree_rcu_barrier_on_cache, and what came of it
//   KL ON 1 OBJ                         kvfree_rcu's list path freed an object
//   KB ON N OBJ ...                     or several by kfree_bulk
//   check sheaves|barn|partiallist|gated|cpuslabs ...
//   slabinfo LINE

namespace slablab {

// Where an object was.
struct ReferencePlace {
  uint32_t label = 0;   // of the slab, an index of ReferenceRun::label_nodes
  uint32_t offset = 0;  // bytes from the slab's start
};

struct ReferenceOp {
  enum class Kind : uint8_t {
    kCreate,
    kAlloc,
    kAllocNode,
    kAllocBulk,
    kAllocFromSheaf,
    kFree,
    kFreeBulk,
    kKfreeBulk,
    kFreeRcu,
    kPrefillSheaf,
    kRefillSheaf,
    kReturnSheaf,
    kShrink,
    kOffline,
    kDead,
    kOnline,
    kGracePeriod,
    kCallback,
    kBarrier,
    kBarrierEnd,
    kListFree,
    kListFreeBulk,
    kCheck,
  };
  Kind kind = Kind::kAlloc;
  CpuId cpu{0};              // where it runs
  CpuId of{0};               // kDead, kCallback: whose
  NodeId want = kAnyNode;    // kAllocNode
  bool is_early = false;     // kCallback: the sheaf was handed over before it was full ("flush")
  uint32_t first = 0;        // of its objects, an index of ReferenceRun::objects
  uint32_t count = 0;        // how many
  uint32_t first_place = 0;  // of ReferenceRun::places; one an object
  uint32_t place_count = 0;  // 0: it allocates nothing, or (kAllocFromSheaf) got nothing
  uint32_t sheaf = 0;        // its number in the script, < ReferenceRun::sheaf_count
  uint64_t size = 0;    // WANT of kPrefillSheaf and kRefillSheaf, N of kGracePeriod, of kCallback
  uint64_t result = 0;  // GOT; kShrink's RESULT
  bool has_result = false;
  uint32_t check = 0;  // kCheck: an index of ReferenceRun::checks
  uint64_t line = 0;   // in the file, from 1
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

// A line that is compared as it is: what it is of, and the rest.
struct ReferenceText {
  std::string what;
  std::string text;
  uint64_t line = 0;
};

struct ReferenceRun {
  std::string path;
  int format = 1;
  std::string kernel;  // "linux-6.1.192"
  std::string design;  // of its allocator: "slub", "slab"
  ReferenceMachineOptions machine;
  std::string pattern;
  CacheSpec cache;
  uint64_t cache_line = 0;                               // of the file
  std::vector<std::pair<std::string, uint64_t>> layout;  // in the order of the file
  uint64_t layout_line = 0;
  std::vector<ReferenceTune> tunes;
  std::vector<ReferenceOp> ops;
  std::vector<uint32_t> objects;  // that the operations name, by number
  std::vector<ReferencePlace> places;
  std::vector<ReferenceText> checks;
  std::vector<NodeId> label_nodes;  // by label
  uint32_t object_count = 0;        // their numbers are below
  uint32_t sheaf_count = 0;
  std::vector<ReferenceFigure> figures;  // counts and states, in the order of the file
  ReferenceText slabinfo;                // line 0: none

  absl::Span<const uint32_t> ObjectsOf(const ReferenceOp& op) const {
    return absl::MakeConstSpan(objects).subspan(op.first, op.count);
  }
  absl::Span<const ReferencePlace> PlacesOf(const ReferenceOp& op) const {
    return absl::MakeConstSpan(places).subspan(op.first_place, op.place_count);
  }
};

// InvalidArgument, with path and line, for what is not such a run: also for a free of an object
// that is not live, an operation on a CPU that is off line, numbers out of the machine's range.
absl::StatusOr<ReferenceRun> ParseReference(std::string_view text, const std::string& path);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_H_
