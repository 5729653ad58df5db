// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_STAT_H_
#define SLABLAB_TRACES_STAT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "traces/event.h"
#include "traces/slt/trace.h"

// Allocation statistics as `perf kmem stat` makes them of the same recording (tools/perf/
// builtin-kmem.c of Linux 6.1). They are of the events as recorded, by address and without repairs:
//
//  - each allocation counts its bytes to its address and its call site;
//  - each free of an address that was ever allocated counts the bytes that its last allocation got,
//    also if it was freed since (its new allocation was not traced);
//  - ping-pong is a free on another CPU than the allocation, or of an address freed already;
//  - a cross-CPU allocation asks for another node than its CPU's.

namespace slablab {

struct StatRow {
  std::string label;  // a call site, an address or a cache
  uint64_t bytes_allocated = 0;
  uint64_t bytes_requested = 0;
  uint64_t hits = 0;
  uint64_t pingpongs = 0;

  double FragmentationPercent() const;
};

struct StatTotals {
  uint64_t bytes_requested = 0;
  uint64_t bytes_allocated = 0;
  uint64_t bytes_freed = 0;
  uint64_t allocations = 0;
  uint64_t cross_node_allocations = 0;
  uint64_t frees = 0;         // of something
  uint64_t remote_frees = 0;  // of an object of the trace, on another CPU than its allocation
  uint64_t known_frees = 0;   // of an object of the trace: what remote_frees is a part of
  uint64_t null_frees = 0;
  uint64_t lost_events = 0;
  uint64_t lost_unnumbered = 0;  // losses that do not say of how many
};

// An order of rows: keys in order of weight, each descending, as perf kmem's --sort.
enum class StatKey : uint8_t { kFragmentation, kHits, kBytes, kPingpong, kCallSite, kPointer };
using StatOrder = std::vector<StatKey>;
// "frag,hit,bytes" and the like. The error lists the keys.
absl::StatusOr<StatOrder> ParseStatOrder(std::string_view text);

class AllocationStat {
 public:
  // `node_of_cpu` may be empty: then every CPU is on node 0.
  explicit AllocationStat(std::vector<int32_t> node_of_cpu)
      : node_of_cpu_(std::move(node_of_cpu)) {}

  // In recorded order. Events that a repair put in count for nothing.
  void Add(const Event& event);

  const StatTotals& totals() const { return totals_; }
  // Rows in `order`; those that tie, by label. kmalloc's caches are called by their size.
  std::vector<StatRow> ByCaller(const TraceHeader& header, const StatOrder& order) const;
  std::vector<StatRow> ByPointer(const StatOrder& order) const;
  std::vector<StatRow> ByCache(const TraceHeader& header, const StatOrder& order) const;

 private:
  struct Counts {
    uint64_t bytes_allocated = 0;
    uint64_t bytes_requested = 0;
    uint64_t hits = 0;
    uint64_t pingpongs = 0;
  };
  struct Pointer {
    Counts counts;
    uint64_t bytes_last = 0;
    uint32_t call_site = 0;
    uint32_t cache_row = 0;
    int32_t cpu = -1;  // -1 = freed
  };

  void AddAllocation(const Event& event);
  void AddFree(const Event& event);
  uint32_t CacheRow(const Event& event);

  const std::vector<int32_t> node_of_cpu_;
  StatTotals totals_;
  absl::flat_hash_map<uint64_t, uint32_t> row_of_address_;
  std::vector<uint64_t> addresses_;  // by row
  std::vector<Pointer> pointers_;    // by row
  std::vector<Counts> callers_;      // by call site
  // By cache, or of kmalloc by size.
  absl::flat_hash_map<uint64_t, uint32_t> row_of_cache_;
  std::vector<uint64_t> cache_keys_;
  std::vector<Counts> caches_;
};

// What import left out of the trace (its repairs say), for totals that agree with perf kmem's.
StatTotals LeftOutTotals(const TraceHeader& header);

}  // namespace slablab

#endif  // SLABLAB_TRACES_STAT_H_
