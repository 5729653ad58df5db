// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/call_sites.h"

#include <algorithm>
#include <bit>

namespace slablab {

namespace {

constexpr size_t kGroupPlacesLeast = 1 << 10;

uint64_t KeyOf(uint32_t caller, CacheId cache, PathId path) {
  return uint64_t{caller} << 32 | static_cast<uint64_t>(cache.value() + 1) << 8 | path;
}

size_t HashOf(uint64_t key) { return (key * 0x9e3779b97f4a7c15u) >> 32; }

}  // namespace

CallSites::CallSites(Machine& machine, const Allocator* allocator, absl::Span<const PathInfo> paths,
                     OperationObserver* next)
    : machine_(machine),
      allocator_(allocator),
      next_(next),
      group_at_(kGroupPlacesLeast),
      shares_last_(kTasksLast * static_cast<size_t>(machine.config().cpu_count())),
      lines_(machine.memory().handles_end()) {
  sees_frees_begin_ = true;
  for (const PathInfo& path : paths) {
    is_slow_.push_back(!path.is_fast && path.kind != PathKind::kFreeByRcu);
  }
  for (const CpuPlace& cpu : machine.config().cpus) {
    const NodeMemory& node = machine.config().memory[cpu.node.index()];
    near_.push_back(
        {node.first_frame << kPageShift, (node.first_frame + node.frames) << kPageShift});
  }
}

CallSites::~CallSites() { machine_.scheduler().set_line_watch(nullptr); }

void CallSites::Start() {
  start_ = machine_.scheduler().now();
  peak_at_ = start_;
  machine_.scheduler().TallyOperations();
  machine_.scheduler().set_line_watch(&lines_);
}

// Answers 1 + the index of what its owner has; 0: it is not known.
uint32_t CallSites::OnFreeBegins(const Cpu& cpu, PhysAddr address, uint64_t bytes) {
  const LiveObjects::Object& object = live_.Take(address.value());
  if (object.key == 0) return 0;
  Memory& memory = memory_[object.owner];
  Change(memory);
  const uint64_t slot = SlotBytes(memory, bytes);
  --memory.live_objects;
  memory.live_bytes -= slot;
  live_bytes_ -= slot;
  memory.remote_frees += allocator_ != nullptr && IsRemote(cpu.id(), address);
  memory.other_cpu_frees += object.cpu != cpu.id().value();
  return object.owner + 1;
}

void CallSites::OnOperation(const OperationEnd& operation) {
  CacheId cache = operation.cache;
  const bool has_object = operation.object.value() > Allocator::kZeroSizePointer.value();
  if (operation.is_free) {
    if (operation.freed != 0) cache = memory_[operation.freed - 1].cache;
  } else if (cache == kNoCache && has_object && allocator_ != nullptr) {
    cache = allocator_->Locate(operation.object).cache;
  }
  const bool is_remote =
      has_object && allocator_ != nullptr && IsRemote(operation.cpu, operation.object);
  Group& group = GroupOf(operation.call_site, cache, operation.path);
  ++group.operations;
  group.remote_operations += is_remote;
  AddTally(machine_.cpu(operation.cpu).tally(), operation.cycles, group);
  if (!operation.is_free && has_object) NoteAllocation(operation, group.memory);
  AddShare(operation, is_slow_[operation.path] != 0, is_remote,
           SharesOf(operation.cpu, operation.task));
  if (next_ != nullptr && operation.cycles >= next_->cycles_shown_from()) {
    next_->OnOperation(operation);
  }
}

// Of an operation that took so many cycles.
inline void CallSites::AddTally(const OperationTally& tally, Cycles cycles, Group& group) {
  Cycles told = 0;
  tally.ForEach([&](size_t at, const OperationTally::Cell& cell) {
    group.cells[at].count += cell.count;
    group.cells[at].cycles += cell.cycles;
    told += cell.cycles;
  });
  CHECK_LE(told, cycles);
  group.cycles += cycles;
  group.cycles_max = std::max(group.cycles_max, cycles);
  group.code_cycles += cycles - told;
  if (tally.lock_waits() == 0) return;
  for (const OperationTally::LockSum& sum : tally.lock_sums()) {
    if (sum.lock == nullptr) return;
    auto at = std::find_if(group.waits.begin(), group.waits.end(),
                           [&](const auto& each) { return each.lock == sum.lock; });
    if (at == group.waits.end()) at = group.waits.insert(at, {.lock = sum.lock});
    at->count += sum.count;
    at->cycles += sum.cycles;
  }
}

inline void CallSites::AddShare(const OperationEnd& operation, bool is_slow, bool is_remote,
                                Shares& shares) {
  ++shares.operations;
  shares.cycles += operation.cycles;
  shares.in_interrupts += operation.priority != Priority::kTask;
  shares.slow_operations += is_slow;
  if (!operation.is_free) {
    ++shares.allocations;
    shares.bytes += operation.bytes;
  }
  if (is_remote) [[unlikely]] {
    ++shares.remote_operations;
    if (!operation.is_free) shares.remote_bytes += operation.bytes;
  }
}

inline CallSites::Group& CallSites::GroupOf(uint32_t caller, CacheId cache, PathId path) {
  const uint64_t key = KeyOf(caller, cache, path);
  const size_t mask = group_at_.size() - 1;
  const GroupPlace* const places = group_at_.data();
  for (size_t at = HashOf(key) & mask; places[at].group != nullptr; at = (at + 1) & mask) {
    if (places[at].key == key) return *places[at].group;
  }
  return AddGroup(caller, cache, path);
}

[[gnu::noinline]] CallSites::Group& CallSites::AddGroup(uint32_t caller, CacheId cache,
                                                        PathId path) {
  const uint32_t memory = MemoryOf(caller, cache);
  groups_.emplace_back();
  Group& group = groups_.back();
  group.caller = caller;
  group.cache = cache;
  group.path = path;
  group.memory = memory;
  GrowGroups();
  return group;
}

// Enters what has come last, and all others anew where they stand too close.
void CallSites::GrowGroups() {
  size_t first = groups_.size() - 1;
  if (groups_.size() * 2 > group_at_.size()) {
    group_at_.assign(group_at_.size() * 2, GroupPlace());
    first = 0;
  }
  const size_t mask = group_at_.size() - 1;
  for (size_t i = first; i < groups_.size(); ++i) {
    Group& group = groups_[i];
    const uint64_t key = KeyOf(group.caller, group.cache, group.path);
    size_t at = HashOf(key) & mask;
    while (group_at_[at].group != nullptr) at = (at + 1) & mask;
    group_at_[at] = {.key = key, .group = &group};
  }
}

uint32_t CallSites::MemoryOf(uint32_t caller, CacheId cache) {
  const auto [found, is_first] =
      memory_of_.try_emplace(KeyOf(caller, cache, 0), static_cast<uint32_t>(memory_.size()));
  if (is_first) {
    const bool has_slots = allocator_ != nullptr && cache != kNoCache;
    memory_.push_back({.caller = caller,
                       .cache = cache,
                       .slot_bytes = has_slots ? allocator_->Layout(cache).slab_size : 0});
  }
  return found->second;
}

// Most operations of a CPU are of one of the few tasks that it had before.
inline CallSites::Shares& CallSites::SharesOf(CpuId cpu, int32_t task) {
  const uint32_t place = static_cast<uint32_t>(task) % kTasksLast;
  uint32_t& last = shares_last_[cpu.index() * kTasksLast + place];
  if (last != 0 && shares_[last - 1].task == task) return shares_[last - 1].shares;
  return FindShares(cpu, task, last);
}

[[gnu::noinline]] CallSites::Shares& CallSites::FindShares(CpuId cpu, int32_t task,
                                                           uint32_t& last) {
  const uint64_t key = uint64_t{static_cast<uint32_t>(task)} << 32 | cpu.index();
  const auto [found, is_first] =
      shares_of_.try_emplace(key, static_cast<uint32_t>(shares_.size()));
  if (is_first) shares_.push_back({.task = task, .cpu = cpu, .shares = {}});
  last = found->second + 1;
  return shares_[found->second].shares;
}

void CallSites::Shares::Add(const Shares& other) {
  operations += other.operations;
  allocations += other.allocations;
  cycles += other.cycles;
  slow_operations += other.slow_operations;
  remote_operations += other.remote_operations;
  bytes += other.bytes;
  remote_bytes += other.remote_bytes;
  in_interrupts += other.in_interrupts;
}

std::vector<CallSites::Task> CallSites::tasks() const {
  std::vector<Task> tasks;
  absl::flat_hash_map<int32_t, size_t> index_of;  // never iterated
  for (const TaskOnCpu& each : shares_) {
    const auto [found, is_first] = index_of.try_emplace(each.task, tasks.size());
    if (is_first) tasks.push_back({.task = each.task, .shares = {}});
    tasks[found->second].shares.Add(each.shares);
  }
  return tasks;
}

std::vector<CallSites::Shares> CallSites::cpus() const {
  std::vector<Shares> cpus(shares_last_.size() / kTasksLast);
  for (const TaskOnCpu& each : shares_) cpus[each.cpu.index()].Add(each.shares);
  return cpus;
}

inline bool CallSites::IsRemote(CpuId cpu, PhysAddr object) const {
  const Range& near = near_[cpu.index()];
  return object.value() - near.begin >= near.end - near.begin;
}

// A slot, or kmalloc's block of whole pages; an area of the percpu allocator is what was asked for.
inline uint64_t CallSites::SlotBytes(const Memory& memory, uint64_t bytes) {
  if (memory.slot_bytes != 0) return memory.slot_bytes;
  if (bytes < kPageSize) return bytes;
  return std::bit_ceil(bytes);
}

// To be asked before what `memory` has changes: until now it had what it had at the last peak.
inline void CallSites::Change(Memory& memory) {
  if (memory.peak_seen == peaks_) return;
  memory.peak_seen = peaks_;
  memory.peak_objects = memory.live_objects;
  memory.peak_bytes = memory.live_bytes;
}

inline void CallSites::NoteAllocation(const OperationEnd& operation, uint32_t index) {
  Memory& memory = memory_[index];
  Change(memory);
  const uint64_t slot = SlotBytes(memory, operation.bytes);
  ++memory.objects;
  memory.bytes += slot;
  memory.requested_bytes += operation.bytes;
  ++memory.live_objects;
  memory.live_bytes += slot;
  live_bytes_ += slot;
  if (live_bytes_ > live_bytes_peak_) {
    live_bytes_peak_ = live_bytes_;
    peak_at_ = operation.end;
    ++peaks_;
  }
  live_.Insert({.key = operation.object.value(),
                .owner = index,
                .since = static_cast<uint32_t>((operation.end - start_) >> kSinceShift),
                .cpu = static_cast<uint16_t>(operation.cpu.value())});
}

void CallSites::AddWarmObject(CacheId cache, PhysAddr object) {
  const uint32_t index = MemoryOf(0, cache);
  Memory& memory = memory_[index];
  Change(memory);
  ++memory.live_objects;
  memory.live_bytes += memory.slot_bytes;
  live_bytes_ += memory.slot_bytes;
  live_bytes_peak_ = live_bytes_;
  ++peaks_;
  live_.Insert({.key = object.value(), .owner = index});
}

std::vector<CallSites::Memory> CallSites::memory() const {
  std::vector<Memory> all = memory_;
  for (Memory& memory : all) {
    if (memory.peak_seen == peaks_) continue;
    memory.peak_objects = memory.live_objects;
    memory.peak_bytes = memory.live_bytes;
  }
  return all;
}

}  // namespace slablab
