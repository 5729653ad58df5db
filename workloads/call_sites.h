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
#include "sim/cache/line_watch.h"
#include "sim/core/operation_tally.h"
#include "sim/machine.h"
#include "workloads/live_objects.h"
#include "workloads/observer.h"

// On whose behalf a run's operations were: what each cost, by caller, cache and path, and what
// callers have in memory. A caller is a number of the workload's own, 0 if it is not known.
//
// It sees a run as an observer does. What an operation was charged is in the tally of its CPU's
// context (sim/core/operation_tally.h) when it ends, and goes from there into the group that it
// turns out to be of.
//
// Invariants:
//  1. Groups partition the operations, and the cells of a group add up to its cycles with those of
//     code and L1.
//  2. After warm-up, nothing is allocated on the host per operation: tables grow when a caller, a
//     cache, a path or a task is seen for the first time, or more objects are live than ever.

namespace slablab {

class CallSites : public OperationObserver {
 public:
  // `allocator`: null for percpu areas, which are of no cache. `next` sees everything, too; null:
  // nobody does. What it is given must outlive it.
  CallSites(Machine& machine, const Allocator* allocator, absl::Span<const PathInfo> paths,
            OperationObserver* next);
  ~CallSites() override;
  CallSites(const CallSites&) = delete;

  // An object that was there before the first operation.
  void AddWarmObject(CacheId cache, PhysAddr object);
  // Now, before the first operation. The machine tallies operations from now on.
  void Start();

  void OnBegin(const Machine& machine, const Allocator& allocator) override {
    if (next_ != nullptr) next_->OnBegin(machine, allocator);
  }
  void OnNames(const OperationNames& names) override {
    if (next_ != nullptr) next_->OnNames(names);
  }
  uint32_t OnFreeBegins(const Cpu& cpu, PhysAddr object, uint64_t bytes) override;
  void OnOperation(const OperationEnd& operation) override;

  // --- What came of it. ---
  struct Group {
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
  // What the caller of an allocation has of a cache.
  struct Memory {
    uint32_t caller = 0;
    CacheId cache = kNoCache;
    uint32_t slot_bytes = 0;  // 0: of no cache
    uint64_t objects = 0;     // ever
    uint64_t bytes = 0;
    uint64_t requested_bytes = 0;
    uint64_t live_objects = 0;
    uint64_t live_bytes = 0;
    uint64_t peak_objects = 0;
    uint64_t peak_bytes = 0;
    uint64_t peak_seen = 0;  // the peak that these are of
    uint64_t remote_frees = 0;
    uint64_t other_cpu_frees = 0;
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

  const std::deque<Group>& groups() const { return groups_; }
  // With what each had at the peak.
  std::vector<Memory> memory() const;
  Cycles peak_at() const { return peak_at_; }  // of the machine's clock
  std::vector<Task> tasks() const;   // in the order in which they were first seen
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
  Group& GroupOf(uint32_t caller, CacheId cache, PathId path);
  Group& AddGroup(uint32_t caller, CacheId cache, PathId path);
  uint32_t MemoryOf(uint32_t caller, CacheId cache);
  void GrowGroups();
  Shares& SharesOf(CpuId cpu, int32_t task);
  Shares& FindShares(CpuId cpu, int32_t task, uint32_t& last);
  static void AddTally(const OperationTally& tally, Cycles cycles, Group& group);
  void NoteAllocation(const OperationEnd& operation, uint32_t memory);
  static void AddShare(const OperationEnd& operation, bool is_slow, bool is_remote,
                       Shares& shares);
  void Change(Memory& memory);
  bool IsRemote(CpuId cpu, PhysAddr object) const;
  static uint64_t SlotBytes(const Memory& memory, uint64_t bytes);

  Machine& machine_;
  const Allocator* const allocator_;
  OperationObserver* const next_;
  std::vector<char> is_slow_;  // by path

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
  absl::flat_hash_map<uint64_t, uint32_t> shares_of_;  // by both; never iterated
  static constexpr uint32_t kTasksLast = 8;
  // By CPU and the last bits of the task's number, 1 + into shares_; 0: none.
  std::vector<uint32_t> shares_last_;
  struct Range {
    uint64_t begin = 0;
    uint64_t end = 0;
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
