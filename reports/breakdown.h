// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_BREAKDOWN_H_
#define SLABLAB_REPORTS_BREAKDOWN_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reports/result.pb.h"
#include "sim/cache/ledger.h"

// Sums over a result that more than one section or format needs. A name that this program does not
// know (a result of another version) is counted under "other", never dropped.

namespace slablab {

// On whose account cycles are, which is decided by the site.
enum class Account : uint8_t {
  kAllocator,      // the model's own sites
  kPageAllocator,  // the page allocator, called by the model
  kUse,            // the workload, using objects
  kInterrupt,      // interrupt entry, exit and handlers
  kBoot,
};
Account AccountOf(std::string_view site);

// The index of `name` among OutcomeName, CauseName, StructureName; kOutcomes, kCauses, kStructures
// if it is none of them.
size_t OutcomeIndex(std::string_view name);
size_t CauseIndex(std::string_view name);
size_t StructureIndex(std::string_view name);

struct NamedSum {
  std::string name;
  uint64_t value = 0;
};

// All of the allocator's cycles and the page allocator's under it, whatever had them spent: the one
// total that every format calls "cycles an operation in the allocator" once divided. Of a result
// that says nothing but what its operations took, that.
uint64_t AllocatorCycles(const RunResult& result);
// Its parts, which add up to it: operations first, then those that are not zero.
std::vector<NamedSum> AllocatorParts(const RunResult& result);

// Where the cycles went.
struct CycleBreakdown {
  // A partition of what the allocator and the page allocator under it spent: hits by level,
  // upgrades, transfers, DRAM, atomics, lock wait, interrupts, instructions, page allocator.
  std::vector<NamedSum> allocator;
  uint64_t allocator_total = 0;
  uint64_t use = 0;
  uint64_t interrupts = 0;
};
CycleBreakdown BreakDown(const RunResult& result);

// Memory touches of one kind of structure, or of one account.
struct TouchCounts {
  std::array<uint64_t, kOutcomes + 1> count{};  // the last: outcomes of unknown names
  std::array<uint64_t, kOutcomes + 1> cycles{};

  uint64_t total_count() const;
  uint64_t total_cycles() const;
  // Those that neither the core's own caches nor its LLC could answer.
  uint64_t misses() const;
  TouchCounts& operator+=(const TouchCounts& other);
};

struct StructureTouches {
  // By Structure, the last of unknown names: touches by the allocator and the page allocator.
  std::array<TouchCounts, kStructures + 1> allocator{};
  TouchCounts use;
  TouchCounts interrupts;
};
StructureTouches TouchesByStructure(const RunResult& result);

// One site's cycles, in the order of first appearance.
struct SiteCycles {
  std::string site;
  TouchCounts touches;
  std::array<uint64_t, kCauses + 1> causes{};
  uint64_t total_cycles() const;
};
std::vector<SiteCycles> CyclesBySite(const RunResult& result);

// The counters or states in `figures` that have that role, together.
uint64_t FigureOf(const google::protobuf::RepeatedPtrField<FigureValue>& figures,
                  FigureValue::Role role);

// Each counter's sum over all caches, in the order of the first cache that has it.
std::vector<NamedSum> CounterTotals(const RunResult& result);

// How many of some operations took a fast path.
struct FastShare {
  uint64_t fast = 0;
  uint64_t all = 0;
  std::string Percent() const;  // "93.40%", "-" of none
};
// Of all allocations, or of all frees, by the paths they took. What was handed to kvfree_rcu has
// not been freed by its user: it is left out, as the kernel's own counters have it.
FastShare FastPaths(const RunResult& result, bool frees);

// The same by the counters of a kernel comparison; `operation` is "alloc" or "free".
struct FastPathPair {
  FastShare kernel;
  FastShare simulated;
  bool has_both() const { return kernel.all > 0 && simulated.all > 0; }
  int64_t points() const;  // simulated - kernel, in hundredths of a per cent
};
FastPathPair ComparedFastPaths(const KernelComparison& comparison, const std::string& operation);
// The same of one cache's counters as they are.
FastPathPair KernelFastPaths(const google::protobuf::RepeatedPtrField<CounterPair>& counters,
                             bool frees);

// What of the memory in slabs is neither what users asked for, nor the allocator's own, nor waits
// for a grace period.
struct Waste {
  uint64_t internal = 0;  // of users' objects, beyond what was asked for
  uint64_t padding = 0;   // around allocated objects
  uint64_t free = 0;      // slots without an object
  uint64_t tail = 0;      // ends of slabs
  uint64_t total() const { return internal + padding + free + tail; }
};
Waste WasteOf(const FootprintSample& footprint);
// What users asked for, of what they have in slabs.
uint64_t AskedInSlabs(const FootprintSample& footprint);

// Objects that users have in slabs.
uint64_t UserObjects(const FootprintSample& footprint);
// The slots and pages of objects that were freed by kvfree_rcu and wait for a grace period.
uint64_t WaitingBytes(const FootprintSample& footprint);

// Parts of MemoryHeld that only runs with kvfree_rcu have: those who list them leave them out where
// all are zero.
inline constexpr std::string_view kWaitingInSlabs = "waiting for a grace period";
inline constexpr std::string_view kWaitingPages = "whole pages that wait so";
inline bool IsOfRcu(std::string_view part) {
  return part == kWaitingInSlabs || part == kWaitingPages;
}

// Everything that an allocator holds, by what it is for: one list for every format.
struct MemoryHeld {
  std::vector<NamedSum> in_slabs;  // a partition of slabs_total
  uint64_t slabs_total = 0;        // pages of slabs
  std::vector<NamedSum> besides;   // what is in no slab
  uint64_t total = 0;              // slabs_total and what is besides: "in all"
};
MemoryHeld HeldBy(const FootprintSample& footprint);
// What was asked for is known.
bool KnowsRequested(const FootprintSample& footprint);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_BREAKDOWN_H_
