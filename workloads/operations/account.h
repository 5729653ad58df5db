// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_OPERATIONS_ACCOUNT_H_
#define SLABLAB_WORKLOADS_OPERATIONS_ACCOUNT_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "allocators/allocator.h"
#include "base/digest.h"
#include "base/types.h"
#include "workloads/histogram.h"
#include "workloads/layer_watch.h"
#include "workloads/rcu_frees.h"

// What the operations of a run came to: the numbers that every driver of an allocator leaves
// behind.

namespace slablab {

struct PathTimes {
  PathKind kind = PathKind::kAllocation;
  Histogram cycles;
};
// None yet, of each path.
std::vector<PathTimes> TimesOf(absl::Span<const PathInfo> paths);
// Of those of the model and, behind them, of kvfree_rcu().
std::vector<PathTimes> TimesWithRcu(const Allocator& allocator);

struct OperationTotals {
  uint64_t operations = 0;
  Cycles cycles = 0;
  uint64_t inferred = 0;  // of the operations: put into the trace by a repair
};

// Of any allocator's operations.
struct OperationAccount {
  uint64_t allocations = 0;
  uint64_t frees = 0;
  uint64_t failed_allocations = 0;
  std::vector<PathTimes> paths;         // by PathId
  std::vector<OperationTotals> cpus;    // by CpuId
  std::vector<OperationTotals> caches;  // by CacheId
  Digest placements;                    // of what operations were given, as they ended

  uint64_t operations() const { return allocations + frees; }
  // One ended; `cache` may be none.
  void Count(CpuId cpu, CacheId cache, PathId path, bool is_free, Cycles cycles, bool inferred) {
    PathTimes& times = paths[path];
    times.cycles.Add(cycles);
    ++(is_free ? frees : allocations);
    OperationTotals& on_cpu = cpus[cpu.index()];
    ++on_cpu.operations;
    on_cpu.cycles += cycles;
    if (cache == kNoCache) return;
    OperationTotals& on_cache = caches[cache.index()];
    ++on_cache.operations;
    on_cache.cycles += cycles;
    on_cache.inferred += inferred;
  }
  // Over all paths.
  Histogram AllocationCycles() const;
  Histogram FreeCycles() const;
};

// What was waited for locks of a class, since the run's start.
struct LockWaits {
  std::string_view lock;  // the class's name, which lives as long as its scheduler
  uint64_t contentions = 0;
  Cycles cycles = 0;
};

struct FootprintAt {
  Nanos time = 0;  // since the run's start
  Footprint footprint;
  uint64_t requested_bytes = 0;
  RcuWaiting rcu = {};                  // what waits for a grace period, but for what is in sheaves
  std::vector<CacheLayer> layers = {};  // of all caches; of the peak and the end: not known
  std::vector<LockWaits> waits = {};    // of locks that were waited for; likewise
};

// Of a slab allocator's in a run, in either order.
struct RunAccount : OperationAccount {
  uint64_t events = 0;
  uint64_t remote_frees = 0;
  uint64_t folded_nodes = 0;  // allocations that asked for a recorded node that another stands for
  uint64_t order_inversions = 0;
  Cycles order_inversion_wait_cycles = 0;
  Cycles use_cycles = 0;
  std::vector<FootprintAt> footprint;  // by time
  FootprintAt footprint_peak;          // most slab_bytes
  LayerWatch layers;
  uint64_t requested_bytes = 0;    // of what users have now
  uint64_t unaudited_objects = 0;  // of these, those from before the run: no auditor knows them
  Cycles start = 0;                // of the machine's clock, when it began
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_OPERATIONS_ACCOUNT_H_
