// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CALL_SITES_H_
#define SLABLAB_WORKLOADS_CALL_SITES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "allocators/allocator.h"
#include "base/types.h"
#include "sim/cache/lazy_array.h"
#include "sim/cache/line_watch.h"
#include "sim/core/arrival.h"
#include "sim/core/operation_tally.h"
#include "sim/machine.h"
#include "workloads/live_objects.h"

// On whose behalf a run's operations were: what each cost, by caller, cache and path, and what
// callers have in memory. A caller is a number of the workload's own, 0 if it is not known.
//
// Every operation of a run passes here, so it is told of them by the meter itself and not as an
// observer. What an operation did is added to a cell: one of (caller, cache, path, CPU, task) in a
// table without chains. A cell that is in another's way is first added up where it belongs, and so
// are all at the end, so that the sums do not depend on the table. What an operation was charged is
// in the tally of its CPU's context (sim/core/operation_tally.h) when it ends.
//
// Invariants:
//  1. Groups partition the operations, and the cells of a group add up to its cycles with those of
//     code and L1.
//  2. After warm-up, nothing is allocated on the host per operation: tables grow when a caller, a
//     cache, a path or a task is seen for the first time, or more objects are live than ever.

namespace slablab {

class CallSites {
 public:
  // `allocator`: null for percpu areas, which are of no cache. What it is given must outlive it.
  CallSites(Machine& machine, const Allocator* allocator, absl::Span<const PathInfo> paths);
  ~CallSites();
  CallSites(const CallSites&) = delete;

  // An object that was there before the first operation.
  void AddWarmObject(CacheId cache, PhysAddr object);
  // Now, before the first operation. The machine tallies operations from now on.
  void Start();
  // After the last operation, before anybody asks what came of it.
  void Finish();

  // Who did an operation, and what it was of: `cache` may be none of an allocation by kmalloc, and
  // of a free.
  struct Operation {
    int32_t task = 0;
    Priority priority = Priority::kTask;
    PathId path = 0;
    CacheId cache = kNoCache;
    Cycles cycles = 0;
  };
  // An allocation of so many bytes has ended; `object` is null if it failed.
  void EndAllocation(const Cpu& cpu, const Operation& operation, PhysAddr object, uint64_t bytes) {
    uint32_t what = WhatOf(operation);
    if (operation.cache == kNoCache) what += LocatedIn(object);
    NoteAllocation(cpu, what, WhoOf(operation), operation.cycles, object, bytes);
  }
  // A free begins of an object of which so many bytes were asked for; `is_remote`: it is on another
  // node. From now on others may be given it: what they do may end before the free does. The answer
  // is for EndFree().
  uint32_t BeginFree(const Cpu& cpu, PhysAddr object, uint64_t bytes, bool is_remote);
  void EndFree(const Cpu& cpu, const Operation& operation, uint32_t freed) {
    const uint32_t cache = freed & ~kFreedRemote;
    const uint32_t what = cache == 0 ? WhatOf(operation) : cache + operation.path + 1;
    NoteFree(cpu, what | kIsFree, WhoOf(operation), operation.cycles, freed >= kFreedRemote);
  }

  // --- What came of it. ---
  struct Group {
    uint64_t key = 0;  // its own
    uint32_t caller = 0;
    CacheId cache = kNoCache;
    PathId path = 0;
    uint32_t memory = 0;  // index of what (caller, cache) has
    uint64_t operations = 0;
    uint64_t remote_operations = 0;
    Cycles cycles = 0;
    Cycles cycles_max = 0;
    Cycles code_cycles = 0;  // of code and of L1, and of unlocked read-modify-writes
    std::array<OperationTally::Cell, OperationTally::kCells> cells{};
    std::vector<OperationTally::LockSum> waits;
  };
  // What the caller of an allocation has of a cache. What every operation needs comes first.
  struct Memory {
    uint32_t slot_bytes = 0;  // 0: of no cache
    uint32_t caller = 0;
    uint64_t live_objects = 0;
    uint64_t peak_seen = 0;  // the peak that these are of
    uint64_t peak_objects = 0;
    uint64_t remote_frees = 0;
    uint64_t other_cpu_frees = 0;
    // Where there are slots, only known at the end.
    uint64_t live_bytes = 0;
    uint64_t peak_bytes = 0;
    uint64_t bytes = 0;    // ever
    uint64_t objects = 0;  // likewise
    uint64_t requested_bytes = 0;
    CacheId cache = kNoCache;
    uint32_t what = 0;  // the cache, as an operation has it
  };
  struct Shares {
    uint64_t operations = 0;
    uint64_t allocations = 0;
    Cycles cycles = 0;
    uint64_t slow_operations = 0;
    uint64_t remote_operations = 0;
    uint64_t bytes = 0;
    uint64_t remote_bytes = 0;
    uint64_t in_interrupts = 0;

    void Add(const Shares& other);
  };
  struct Task {
    int32_t task = 0;
    Shares shares;
  };

  const std::deque<Group>& groups() const { return groups_; }  // after Finish(), as all below
  const std::vector<Memory>& memory() const { return memory_; }
  Cycles peak_at() const { return peak_at_; }  // of the machine's clock
  std::vector<Task> tasks() const;
  std::vector<Shares> cpus() const;  // by CpuId
  const LineWatch& lines() const { return lines_; }
  const LiveObjects& live() const { return live_; }
  // When a live object was allocated, in cycles since the start; a little less.
  static Cycles AllocatedAt(const LiveObjects::Object& object) {
    return static_cast<Cycles>(object.since) << kSinceShift;
  }
  Cycles start() const { return start_; }

 private:
  static constexpr int kSinceShift = 10;
  // What operations did that are alike, since the cell became theirs. One line of the host's cache.
  struct alignas(64) Cell {
    uint64_t what = 0;  // a caller, a cache, a path; 0: there are none
    uint64_t who = 0;   // a CPU, a task
    uint64_t operations = 0;
    Cycles cycles = 0;
    Cycles cycles_max = 0;
    uint64_t bytes = 0;
    Group* group = nullptr;
    uint32_t shares = 0;  // into shares_
    uint32_t memory = 0;  // the group's

    bool IsOf(uint64_t other_what, uint64_t other_who) const {
      return what == other_what && who == other_who;
    }
    void Count(Cycles more) {
      ++operations;
      cycles += more;
      if (more > cycles_max) cycles_max = more;
    }
  };
  static_assert(sizeof(Cell) == 64);
  static constexpr int kCellBits = 14;
  // `what` is the caller, above 32 bits of these; `who` the CPU, above the task's number.
  static constexpr int kCacheShift = 8;  // 1 + the cache's number; below that, 1 + the path's
  static constexpr uint32_t kIsFree = uint32_t{1} << 31;
  // Of a `who` that has its priority in place of its CPU: the least of an interrupt's.
  static constexpr uint64_t kInInterrupt = uint64_t{1} << 32;
  static_assert(static_cast<int>(Priority::kTask) == 0);
  static uint32_t WhatOf(const Operation& operation) {
    return (static_cast<uint32_t>(operation.cache.value() + 1) << kCacheShift) + operation.path + 1;
  }
  static uint64_t WhoOf(const Operation& operation) {
    return static_cast<uint64_t>(operation.priority) << 32 |
           static_cast<uint32_t>(operation.task);
  }
  static constexpr uint32_t kFreedRemote = uint32_t{1} << 31;  // in what BeginFree() answers

  void NoteAllocation(const Cpu& cpu, uint32_t what, uint64_t who, Cycles cycles, PhysAddr object,
                      uint64_t bytes);
  void NoteFree(const Cpu& cpu, uint32_t what, uint64_t who, Cycles cycles, bool is_remote);
  void NoteAllocationFully(const Cpu& cpu, uint32_t what, uint64_t who, Cycles cycles,
                           PhysAddr object, uint64_t bytes);
  void NoteFreeFully(const Cpu& cpu, uint32_t what, uint64_t who, Cycles cycles, bool is_remote);
  void NoteObject(const Cpu& cpu, const Cell& cell, PhysAddr object, uint64_t bytes);
  void NoteLive(const Cpu& cpu, PhysAddr object, uint64_t slot, uint32_t memory,
                LiveObjects::Place& place);
  static uint64_t FullWhat(const Cpu& cpu, uint32_t what);
  static uint64_t FullWho(const Cpu& cpu, uint64_t who);
  Cell& PlaceOfCell(uint64_t what, uint64_t who);
  void Replace(Cell& cell, uint64_t what, uint64_t who);
  void AddUp(Cell& cell);
  Cell& Count(const Cpu& cpu, uint32_t what, uint64_t who, Cycles cycles);
  // Of an object by kmalloc: its cache, as part of a `what`.
  uint32_t LocatedIn(PhysAddr object) const;
  Group& GroupOf(uint64_t what);
  Group& AddGroup(uint64_t what);
  uint32_t MemoryOf(uint32_t caller, CacheId cache);
  void GrowGroups();
  uint32_t SharesOf(uint64_t who);
  static void AddTally(const OperationTally& tally, Group& group);
  static void AddWaits(const OperationTally& tally, Group& group);
  void NoteRemote(const Cell& cell, uint64_t bytes, bool is_free);
  void Change(Memory& memory);
  bool IsRemote(CpuId cpu, PhysAddr object) const;
  // Of an object that is in no slot.
  static uint64_t BytesAlone(uint64_t bytes);

  Machine& machine_;
  const Allocator* const allocator_;
  std::vector<char> is_slow_;  // by path

  LazyArray<Cell> cells_{size_t{1} << kCellBits};
  bool finished_ = false;

  std::deque<Group> groups_;
  struct GroupPlace {
    uint64_t key = 0;
    Group* group = nullptr;  // null: there is none here
  };
  std::vector<GroupPlace> group_at_;  // an open table
  std::vector<Memory> memory_;
  absl::flat_hash_map<uint64_t, uint32_t> memory_of_;  // by caller and cache; never iterated
  // What a task did on one CPU; added up at the end to what it did, and to what the CPU did.
  struct TaskOnCpu {
    int32_t task = 0;
    CpuId cpu{};
    Shares shares;
  };
  std::vector<TaskOnCpu> shares_;
  absl::flat_hash_map<uint64_t, uint32_t> shares_of_;  // by `who`; never iterated
  struct Range {
    uint64_t begin = 0;
    uint64_t bytes = 0;
  };
  std::vector<Range> near_;  // the addresses of its own node, by CPU

  LiveObjects live_;
  uint64_t live_bytes_ = 0;
  uint64_t live_bytes_peak_ = 0;
  uint64_t peaks_ = 0;  // how often there were more bytes live than before
  Cycles peak_at_ = 0;
  Cycles start_ = 0;
  LineWatch lines_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CALL_SITES_H_
