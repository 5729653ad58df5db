// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/call_sites.h"

#include <algorithm>
#include <bit>

namespace slablab {

namespace {

constexpr size_t kGroupPlacesLeast = 1 << 10;

size_t HashOf(uint64_t key) { return (key * 0x9e3779b97f4a7c15u) >> 32; }

}  // namespace

CallSites::CallSites(Machine& machine, const Allocator* allocator, absl::Span<const PathInfo> paths)
    : machine_(machine),
      allocator_(allocator),
      group_at_(kGroupPlacesLeast),
      lines_(machine.memory().handles_end()) {
  for (const PathInfo& path : paths) {
    is_slow_.push_back(!path.is_fast && path.kind != PathKind::kFreeByRcu);
  }
  for (const CpuPlace& cpu : machine.config().cpus) {
    const NodeMemory& node = machine.config().memory[cpu.node.index()];
    if (allocator == nullptr) {
      near_.push_back({0, ~uint64_t{0}});  // of numbers, not addresses
      continue;
    }
    near_.push_back({node.first_frame << kPageShift, node.frames << kPageShift});
  }
}

CallSites::~CallSites() { machine_.scheduler().set_line_watch(nullptr); }

void CallSites::Start() {
  start_ = machine_.scheduler().now();
  peak_at_ = start_;
  machine_.scheduler().TallyOperations();
  machine_.scheduler().set_line_watch(&lines_);
}

// Answers its cache as part of a `what`, 0 if it is not known, and kFreedRemote.
uint32_t CallSites::BeginFree(const Cpu& cpu, PhysAddr object, uint64_t bytes, bool is_remote) {
  const LiveObjects::Taken taken = live_.Take(object.value());
  if (taken.owner == LiveObjects::kDead) [[unlikely]] {
    const bool is_object = object.value() > Allocator::kZeroSizePointer.value();
    return is_object && is_remote ? kFreedRemote : 0;
  }
  Memory& memory = memory_[taken.owner];
  Change(memory);
  --memory.live_objects;
  uint64_t slot = memory.slot_bytes;
  if (slot == 0) [[unlikely]] {
    slot = BytesAlone(bytes);
    memory.live_bytes -= slot;
  }
  live_bytes_ -= slot;
  memory.other_cpu_frees += taken.cpu != static_cast<uint16_t>(cpu.id().value());
  memory.remote_frees += is_remote;
  return memory.what | (is_remote ? kFreedRemote : 0);
}

// What most operations are is done at once, without a call and so without saving registers; what
// is not, goes the long way from there.

void CallSites::NoteFree(const Cpu& cpu, uint32_t what, uint64_t who, Cycles cycles,
                         bool is_remote) {
  const uint64_t full_what = FullWhat(cpu, what);
  const uint64_t full_who = FullWho(cpu, who);
  Cell& cell = PlaceOfCell(full_what, full_who);
  if (!cell.IsOf(full_what, full_who) || !cpu.tally().is_plain() || who >= kInInterrupt)
      [[unlikely]] {
    return NoteFreeFully(cpu, what, who, cycles, is_remote);
  }
  cell.Count(cycles);
  cpu.tally().AddPlain(cell.group->cells.data());
  if (is_remote) NoteRemote(cell, /*bytes=*/0, /*is_free=*/true);
}

void CallSites::NoteAllocation(const Cpu& cpu, uint32_t what, uint64_t who, Cycles cycles,
                               PhysAddr object, uint64_t bytes) {
  const uint64_t full_what = FullWhat(cpu, what);
  const uint64_t full_who = FullWho(cpu, who);
  Cell& cell = PlaceOfCell(full_what, full_who);
  if (!cell.IsOf(full_what, full_who) || !cpu.tally().is_plain() || who >= kInInterrupt)
      [[unlikely]] {
    return NoteAllocationFully(cpu, what, who, cycles, object, bytes);
  }
  cell.Count(cycles);
  cell.bytes += bytes;
  cpu.tally().AddPlain(cell.group->cells.data());
  LiveObjects::Place* const place = live_.PlaceOf(object.value());
  Memory& memory = memory_.data()[cell.memory];
  if (place == nullptr || memory.slot_bytes == 0) [[unlikely]] {
    return NoteObject(cpu, cell, object, bytes);
  }
  Change(memory);
  ++memory.live_objects;
  NoteLive(cpu, object, memory.slot_bytes, cell.memory, *place);
  if (IsRemote(cpu.id(), object)) NoteRemote(cell, bytes, /*is_free=*/false);
}

[[gnu::noinline]] void CallSites::NoteFreeFully(const Cpu& cpu, uint32_t what, uint64_t who,
                                                Cycles cycles, bool is_remote) {
  const Cell& cell = Count(cpu, what, who, cycles);
  if (is_remote) NoteRemote(cell, /*bytes=*/0, /*is_free=*/true);
}

[[gnu::noinline]] void CallSites::NoteAllocationFully(const Cpu& cpu, uint32_t what, uint64_t who,
                                                      Cycles cycles, PhysAddr object,
                                                      uint64_t bytes) {
  Cell& cell = Count(cpu, what, who, cycles);
  cell.bytes += bytes;
  NoteObject(cpu, cell, object, bytes);
}

// The object of an allocation that has been counted.
[[gnu::noinline]] void CallSites::NoteObject(const Cpu& cpu, const Cell& cell, PhysAddr object,
                                             uint64_t bytes) {
  Memory& memory = memory_[cell.memory];
  if (object.value() <= Allocator::kZeroSizePointer.value()) {
    // It left its caller with nothing.
    --memory.objects;
    memory.requested_bytes -= bytes;
    return;
  }
  Change(memory);
  ++memory.live_objects;
  uint64_t slot = memory.slot_bytes;
  if (slot == 0) {
    slot = BytesAlone(bytes);
    memory.bytes += slot;
    memory.live_bytes += slot;
  }
  LiveObjects::Place place;
  NoteLive(cpu, object, slot, cell.memory, place);
  live_.Insert(place.object());
  if (IsRemote(cpu.id(), object)) NoteRemote(cell, bytes, /*is_free=*/false);
}

inline void CallSites::NoteLive(const Cpu& cpu, PhysAddr object, uint64_t slot, uint32_t memory,
                                LiveObjects::Place& place) {
  const Cycles now = cpu.now();
  live_bytes_ += slot;
  if (live_bytes_ > live_bytes_peak_) {
    live_bytes_peak_ = live_bytes_;
    peak_at_ = now;
    ++peaks_;
  }
  place.Put({.key = object.value(),
             .owner = memory,
             .since = static_cast<uint32_t>((now - start_) >> kSinceShift),
             .cpu = static_cast<uint16_t>(cpu.id().value())});
}

// Into its cell, which is made if it is not there.
CallSites::Cell& CallSites::Count(const Cpu& cpu, uint32_t what, uint64_t who, Cycles cycles) {
  const uint64_t full_what = FullWhat(cpu, what);
  const uint64_t full_who = FullWho(cpu, who);
  Cell& cell = PlaceOfCell(full_what, full_who);
  if (!cell.IsOf(full_what, full_who)) Replace(cell, full_what, full_who);
  cell.Count(cycles);
  AddTally(cpu.tally(), *cell.group);
  if (who >= kInInterrupt) ++shares_[cell.shares].shares.in_interrupts;
  return cell;
}

// The caller and the CPU are the context's.
inline uint64_t CallSites::FullWhat(const Cpu& cpu, uint32_t what) {
  return uint64_t{cpu.caller()} << 32 | what;
}
inline uint64_t CallSites::FullWho(const Cpu& cpu, uint64_t who) {
  return uint64_t{static_cast<uint32_t>(cpu.id().value())} << 32 | static_cast<uint32_t>(who);
}

inline CallSites::Cell& CallSites::PlaceOfCell(uint64_t what, uint64_t who) {
  // Neither half of `what` falls onto its like in `who`, and a number without a pattern.
  const uint64_t hash = (what ^ std::rotl(who, 41)) * 0x9e3779b97f4a7c15u;
  return cells_[hash >> (64 - kCellBits)];
}

[[gnu::noinline]] void CallSites::Replace(Cell& cell, uint64_t what, uint64_t who) {
  AddUp(cell);
  Group& group = GroupOf(what & ~uint64_t{kIsFree});
  cell = {.what = what,
          .who = who,
          .group = &group,
          .shares = SharesOf(who),
          .memory = group.memory};
}

// To where it belongs.
void CallSites::AddUp(Cell& cell) {
  if (cell.operations == 0) return;
  Group& group = *cell.group;
  group.operations += cell.operations;
  group.cycles += cell.cycles;
  group.cycles_max = std::max(group.cycles_max, cell.cycles_max);
  Shares& shares = shares_[cell.shares].shares;
  shares.operations += cell.operations;
  shares.cycles += cell.cycles;
  if (is_slow_[group.path] != 0) shares.slow_operations += cell.operations;
  if ((cell.what & kIsFree) != 0) return;
  shares.allocations += cell.operations;
  shares.bytes += cell.bytes;
  Memory& memory = memory_[cell.memory];
  memory.objects += cell.operations;
  memory.requested_bytes += cell.bytes;
}

void CallSites::Finish() {
  CHECK(!finished_);
  finished_ = true;
  for (size_t i = 0; i < cells_.size(); ++i) AddUp(cells_[i]);
  for (Group& group : groups_) {
    Cycles told = 0;
    for (const OperationTally::Cell& cell : group.cells) told += cell.cycles;
    CHECK_LE(told, group.cycles);
    group.code_cycles = group.cycles - told;
  }
  for (Memory& memory : memory_) {
    Change(memory);
    if (memory.slot_bytes == 0) continue;
    memory.bytes = memory.objects * memory.slot_bytes;
    memory.live_bytes = memory.live_objects * memory.slot_bytes;
    memory.peak_bytes = memory.peak_objects * memory.slot_bytes;
  }
}

uint32_t CallSites::LocatedIn(PhysAddr object) const {
  if (object.value() <= Allocator::kZeroSizePointer.value() || allocator_ == nullptr) return 0;
  const CacheId cache = allocator_->Locate(object).cache;
  return static_cast<uint32_t>(cache.value() + 1) << kCacheShift;
}

void CallSites::AddTally(const OperationTally& tally, Group& group) {
  tally.ForEach([&](size_t at, const OperationTally::Cell& cell) {
    group.cells[at].count += cell.count;
    group.cells[at].cycles += cell.cycles;
  });
  if (tally.lock_waits() != 0) AddWaits(tally, group);
}

void CallSites::AddWaits(const OperationTally& tally, Group& group) {
  for (const OperationTally::LockSum& sum : tally.lock_sums()) {
    if (sum.lock == nullptr) return;
    auto at = std::find_if(group.waits.begin(), group.waits.end(),
                           [&](const auto& each) { return each.lock == sum.lock; });
    if (at == group.waits.end()) at = group.waits.insert(at, {.lock = sum.lock});
    at->count += sum.count;
    at->cycles += sum.cycles;
  }
}

[[gnu::noinline]] void CallSites::NoteRemote(const Cell& cell, uint64_t bytes, bool is_free) {
  ++cell.group->remote_operations;
  Shares& shares = shares_[cell.shares].shares;
  ++shares.remote_operations;
  if (!is_free) shares.remote_bytes += bytes;
}

inline CallSites::Group& CallSites::GroupOf(uint64_t what) {
  const size_t mask = group_at_.size() - 1;
  const GroupPlace* const places = group_at_.data();
  for (size_t at = HashOf(what) & mask; places[at].group != nullptr; at = (at + 1) & mask) {
    if (places[at].key == what) return *places[at].group;
  }
  return AddGroup(what);
}

CallSites::Group& CallSites::AddGroup(uint64_t what) {
  const auto caller = static_cast<uint32_t>(what >> 32);
  const auto rest = static_cast<uint32_t>(what);
  const CacheId cache(static_cast<int32_t>(rest >> kCacheShift) - 1);
  const uint32_t memory = MemoryOf(caller, cache);
  groups_.emplace_back();
  Group& group = groups_.back();
  group.key = what;
  group.caller = caller;
  group.cache = cache;
  group.path = static_cast<PathId>(rest - 1);
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
    size_t at = HashOf(group.key) & mask;
    while (group_at_[at].group != nullptr) at = (at + 1) & mask;
    group_at_[at] = {.key = group.key, .group = &group};
  }
}

uint32_t CallSites::MemoryOf(uint32_t caller, CacheId cache) {
  const uint64_t key = uint64_t{caller} << 32 | static_cast<uint32_t>(cache.value() + 1);
  const auto [found, is_first] =
      memory_of_.try_emplace(key, static_cast<uint32_t>(memory_.size()));
  if (is_first) {
    const bool has_slots = allocator_ != nullptr && cache != kNoCache;
    Memory& memory = memory_.emplace_back();
    memory.caller = caller;
    memory.cache = cache;
    memory.what = static_cast<uint32_t>(cache.value() + 1) << kCacheShift;
    memory.slot_bytes = has_slots ? allocator_->Layout(cache).slab_size : 0;
  }
  return found->second;
}

uint32_t CallSites::SharesOf(uint64_t who) {
  const auto [found, is_first] =
      shares_of_.try_emplace(who, static_cast<uint32_t>(shares_.size()));
  if (is_first) {
    shares_.push_back({.task = static_cast<int32_t>(static_cast<uint32_t>(who)),
                       .cpu = CpuId(static_cast<int32_t>(who >> 32)),
                       .shares = {}});
  }
  return found->second;
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
  std::vector<Shares> cpus(near_.size());
  for (const TaskOnCpu& each : shares_) cpus[each.cpu.index()].Add(each.shares);
  return cpus;
}

inline bool CallSites::IsRemote(CpuId cpu, PhysAddr object) const {
  const Range& near = near_[cpu.index()];
  return object.value() - near.begin >= near.bytes;
}

// Kmalloc's block of whole pages; an area of the percpu allocator is what was asked for.
uint64_t CallSites::BytesAlone(uint64_t bytes) {
  return bytes < kPageSize ? bytes : std::bit_ceil(bytes);
}

// To be asked before what `memory` has changes: until now it had what it had at the last peak.
inline void CallSites::Change(Memory& memory) {
  if (memory.peak_seen == peaks_) return;
  memory.peak_seen = peaks_;
  memory.peak_objects = memory.live_objects;
  memory.peak_bytes = memory.live_bytes;
}

void CallSites::AddWarmObject(CacheId cache, PhysAddr object) {
  const uint32_t index = MemoryOf(0, cache);
  Memory& memory = memory_[index];
  Change(memory);
  ++memory.live_objects;
  live_bytes_ += memory.slot_bytes;
  live_bytes_peak_ = live_bytes_;
  ++peaks_;
  live_.Insert({.key = object.value(), .owner = index});
}

}  // namespace slablab
