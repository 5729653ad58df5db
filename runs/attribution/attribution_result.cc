// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/attribution/attribution_result.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "sim/cache/ledger.h"
#include "sim/core/operation_tally.h"
#include "sim/core/spinlock.h"
#include "traces/call_site.h"
#include "workloads/rcu_frees.h"

namespace slablab {

namespace {

using Groups = std::vector<const CallSites::Group*>;

// Of lines that CPUs take from each other, those with the most cycles.
constexpr size_t kLinesMost = 100;
// Of objects' ages, in microseconds; older than the last is a class of its own.
constexpr std::array<uint64_t, 6> kAgesMostUs = {100,     1'000,     10'000,
                                                 100'000, 1'000'000, 10'000'000};
constexpr size_t kTouchCells = size_t{kStructures} * kOutcomes;
constexpr size_t kAges = kAgesMostUs.size() + 1;

// Indices of names, in the order in which they come; 0 is the empty one.
class Numbering {
 public:
  explicit Numbering(google::protobuf::RepeatedPtrField<std::string>& names) : names_(names) {
    *names_.Add() = "";
  }
  uint32_t Of(std::string_view name) {
    const auto [found, is_first] =
        numbers_.try_emplace(std::string(name), static_cast<uint32_t>(names_.size()));
    if (is_first) *names_.Add() = std::string(name);
    return found->second;
  }

 private:
  google::protobuf::RepeatedPtrField<std::string>& names_;
  std::map<std::string, uint32_t> numbers_;
};

class Gatherer {
 public:
  Gatherer(Machine& machine, const Allocator* allocator, const CallSites& sites,
           const AttributionNames& names, RunResult& result)
      : machine_(machine),
        allocator_(allocator),
        sites_(sites),
        names_(names),
        clock_mhz_(static_cast<uint64_t>(machine.config().clock_mhz)),
        told_(*result.mutable_attribution()) {}

  void Names();
  void FillGroups();
  void FillMemory(absl::Span<const PhysAddr> waiting);
  void FillTasks();
  void FillCpus();
  void FillLines();

 private:
  struct Pinned {
    uint64_t slabs = 0;
    uint64_t free_bytes = 0;
    uint64_t share_bytes = 0;
    std::array<uint64_t, kAges> slabs_by_age{};
    std::array<uint64_t, kAges> bytes_by_age{};
  };
  // A caller's objects in a slab.
  struct InSlab {
    uint64_t slab = 0;
    uint32_t owner = 0;
    uint32_t objects = 0;
    Cycles oldest = 0;  // since the start
  };

  static uint32_t CacheNumber(CacheId cache) { return static_cast<uint32_t>(cache.value() + 1); }
  std::vector<InSlab> ObjectsBySlab() const;
  std::vector<Pinned> PinnedByOwner(absl::Span<const PhysAddr> waiting) const;
  void Share(absl::Span<const InSlab> slab, uint64_t free_bytes, std::vector<Pinned>& owners) const;
  size_t AgeOf(Cycles allocated_at) const;
  void FillLine(const LineWatch::Line& line, SharedLine& filled) const;

  Machine& machine_;
  const Allocator* const allocator_;
  const CallSites& sites_;
  const AttributionNames& names_;
  const uint64_t clock_mhz_;
  Attribution& told_;
};

void Gatherer::Names() {
  told_.set_caller_kind(names_.caller_kind);
  if (names_.caller_kind == "call site") told_.set_symbols("recording");
  for (const std::string& name : names_.callers) {
    Caller& caller = *told_.add_callers();
    caller.set_name(name);
    if (names_.caller_kind != "call site") continue;
    const CallSite site = ParseCallSite(name);
    caller.set_address(site.address);
    caller.set_function(site.function);
    caller.set_offset(site.offset);
    caller.set_module(site.module);
  }
  told_.add_caches("");
  for (int i = 0; allocator_ != nullptr && i < allocator_->cache_count(); ++i) {
    told_.add_caches(allocator_->Layout(CacheId(i)).name);
  }
  told_.add_paths();
  for (const PathInfo& info : names_.paths) {
    PathName& path = *told_.add_paths();
    path.set_name(std::string(info.name));
    path.set_is_free(info.kind == PathKind::kFree || info.kind == PathKind::kFreeByRcu);
    path.set_by_rcu(info.kind == PathKind::kFreeByRcu);
    path.set_is_slow(!info.is_fast && info.kind != PathKind::kFreeByRcu);
  }
  told_.add_structures("");
  for (int i = 0; i < kStructures; ++i) {
    told_.add_structures(std::string(StructureName(static_cast<Structure>(i))));
  }
  told_.add_outcomes("");
  for (int i = 0; i < kOutcomes; ++i) {
    told_.add_outcomes(std::string(OutcomeName(static_cast<Outcome>(i))));
  }
  told_.add_causes("");
  for (int i = 0; i < kCauses; ++i) {
    told_.add_causes(std::string(CauseName(static_cast<Cause>(i))));
  }
  told_.add_causes(std::string(kCodeAndL1));
  told_.set_live_peak_time_ns((sites_.peak_at() - sites_.start()) * 1000 / clock_mhz_);
}

void Gatherer::FillGroups() {
  Groups groups;
  for (const CallSites::Group& group : sites_.groups()) groups.push_back(&group);
  std::sort(groups.begin(), groups.end(), [](const auto* a, const auto* b) {
    return std::tuple(b->cycles, a->caller, a->cache, a->path) <
           std::tuple(a->cycles, b->caller, b->cache, b->path);
  });
  // Classes of locks: several have one name.
  Numbering locks(*told_.mutable_locks());
  for (const CallSites::Group* group : groups) {
    OperationGroup& filled = *told_.add_groups();
    filled.set_caller(group->caller);
    filled.set_cache(CacheNumber(group->cache));
    filled.set_path(uint32_t{group->path} + 1);
    filled.set_operations(group->operations);
    filled.set_remote_operations(group->remote_operations);
    filled.set_cycles(group->cycles);
    filled.set_cycles_max(group->cycles_max);
    for (size_t i = 0; i < group->cells.size(); ++i) {
      const OperationTally::Cell& from = group->cells[i];
      if (from.count == 0) continue;
      if (i >= kTouchCells) {
        AttributedCause& cause = *filled.add_causes();
        cause.set_cause(static_cast<uint32_t>(1 + i - kTouchCells));
        cause.set_cycles(from.cycles);
        continue;
      }
      AttributedCell& cell = *filled.add_cells();
      cell.set_structure(static_cast<uint32_t>(1 + i / kOutcomes));
      cell.set_outcome(static_cast<uint32_t>(1 + i % kOutcomes));
      cell.set_count(from.count);
      cell.set_cycles(from.cycles);
    }
    if (group->code_cycles > 0) {
      AttributedCause& code = *filled.add_causes();
      code.set_cause(1 + kCauses);
      code.set_cycles(group->code_cycles);
    }
    std::map<uint32_t, AttributedWait> waits;
    for (const OperationTally::LockSum& wait : group->waits) {
      AttributedWait& sum = waits[locks.Of(wait.lock->name)];
      sum.set_count(sum.count() + wait.count);
      sum.set_cycles(sum.cycles() + wait.cycles);
    }
    for (auto& [lock, wait] : waits) {
      wait.set_lock(lock);
      *filled.add_waits() = wait;
    }
  }
}

std::vector<Gatherer::InSlab> Gatherer::ObjectsBySlab() const {
  std::vector<InSlab> sums;
  absl::flat_hash_map<std::pair<uint64_t, uint32_t>, size_t> sum_of;  // never iterated
  sites_.live().ForEach([&](const LiveObjects::Object& object) {
    const Allocator::Location at = allocator_->Locate(PhysAddr(object.key));
    if (at.cache == kNoCache) return;
    const Cycles since = CallSites::AllocatedAt(object);
    const uint64_t slab = at.slab.value();
    const auto [found, is_first] = sum_of.try_emplace({slab, object.owner}, sums.size());
    if (is_first) {
      sums.push_back({.slab = slab, .owner = object.owner, .objects = 0, .oldest = since});
    }
    InSlab& sum = sums[found->second];
    ++sum.objects;
    sum.oldest = std::min(sum.oldest, since);
  });
  std::sort(sums.begin(), sums.end(), [](const InSlab& a, const InSlab& b) {
    return std::tuple(a.slab, a.owner) < std::tuple(b.slab, b.owner);
  });
  return sums;
}

size_t Gatherer::AgeOf(Cycles allocated_at) const {
  const Cycles end = machine_.scheduler().now() - sites_.start();
  const uint64_t age_us = (end - std::min(end, allocated_at)) / clock_mhz_;
  return static_cast<size_t>(std::lower_bound(kAgesMostUs.begin(), kAgesMostUs.end(), age_us) -
                             kAgesMostUs.begin());
}

// `slab`: all that have objects in it.
void Gatherer::Share(absl::Span<const InSlab> slab, uint64_t free_bytes,
                     std::vector<Pinned>& owners) const {
  uint64_t objects = 0;
  for (const InSlab& each : slab) objects += each.objects;
  uint64_t left = free_bytes;
  for (const InSlab& each : slab) left -= free_bytes * each.objects / objects;
  for (const InSlab& each : slab) {
    Pinned& pinned = owners[each.owner];
    const uint64_t share = free_bytes * each.objects / objects + std::exchange(left, 0);
    const size_t age = AgeOf(each.oldest);
    ++pinned.slabs;
    pinned.free_bytes += free_bytes;
    pinned.share_bytes += share;
    ++pinned.slabs_by_age[age];
    pinned.bytes_by_age[age] += share;
  }
}

std::vector<Gatherer::Pinned> Gatherer::PinnedByOwner(absl::Span<const PhysAddr> waiting) const {
  std::vector<Pinned> owners(sites_.memory().size());
  absl::flat_hash_map<uint64_t, uint64_t> waiting_in;  // by slab; never iterated
  for (const PhysAddr object : waiting) ++waiting_in[allocator_->Locate(object).slab.value()];
  absl::flat_hash_map<uint64_t, uint64_t> slots_of;  // likewise
  std::vector<CacheLayout> layouts;
  for (int i = 0; i < allocator_->cache_count(); ++i) {
    layouts.push_back(allocator_->Layout(CacheId(i)));
  }
  for (const Allocator::SlabPlace& place : allocator_->SlabPlaces()) {
    const CacheLayout& layout = layouts[place.cache.index()];
    slots_of[place.base.value()] = place.order == layout.order
                                       ? layout.objects_per_slab
                                       : (kPageSize << place.order) / layout.slab_size;
  }
  const std::vector<CallSites::Memory>& memory = sites_.memory();
  const std::vector<InSlab> objects = ObjectsBySlab();
  for (size_t begin = 0, end = 0; begin < objects.size(); begin = end) {
    uint64_t taken = waiting_in[objects[begin].slab];
    while (end < objects.size() && objects[end].slab == objects[begin].slab) {
      taken += objects[end++].objects;
    }
    const uint64_t slots = slots_of[objects[begin].slab];
    if (taken >= slots) continue;
    const uint64_t free_bytes = (slots - taken) * memory[objects[begin].owner].slot_bytes;
    Share(absl::MakeSpan(objects).subspan(begin, end - begin), free_bytes, owners);
  }
  return owners;
}

void Gatherer::FillMemory(absl::Span<const PhysAddr> waiting) {
  const std::vector<CallSites::Memory>& memory = sites_.memory();
  std::vector<Pinned> pinned(memory.size());
  if (allocator_ != nullptr) pinned = PinnedByOwner(waiting);
  std::vector<size_t> order;
  for (size_t i = 0; i < memory.size(); ++i) {
    if (memory[i].objects + memory[i].peak_objects > 0) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::tuple(memory[b].peak_bytes, memory[b].bytes, memory[a].caller, memory[a].cache) <
           std::tuple(memory[a].peak_bytes, memory[a].bytes, memory[b].caller, memory[b].cache);
  });
  for (const size_t i : order) {
    CallerMemory& filled = *told_.add_memory();
    filled.set_caller(memory[i].caller);
    filled.set_cache(CacheNumber(memory[i].cache));
    filled.set_objects(memory[i].objects);
    filled.set_bytes(memory[i].bytes);
    filled.set_requested_bytes(memory[i].requested_bytes);
    filled.set_live_objects(memory[i].live_objects);
    filled.set_live_bytes(memory[i].live_bytes);
    filled.set_peak_objects(memory[i].peak_objects);
    filled.set_peak_bytes(memory[i].peak_bytes);
    filled.set_remote_frees(memory[i].remote_frees);
    filled.set_other_cpu_frees(memory[i].other_cpu_frees);
    filled.set_pinned_slabs(pinned[i].slabs);
    filled.set_pinned_free_bytes(pinned[i].free_bytes);
    filled.set_pinned_share_bytes(pinned[i].share_bytes);
    for (size_t age = 0; age < kAges; ++age) {
      if (pinned[i].slabs_by_age[age] == 0) continue;
      PinnedByAge& part = *filled.add_pinned();
      if (age < kAgesMostUs.size()) part.set_age_ns_max(kAgesMostUs[age] * 1000);
      part.set_slabs(pinned[i].slabs_by_age[age]);
      part.set_free_bytes(pinned[i].bytes_by_age[age]);
    }
  }
}

void Gatherer::FillTasks() {
  std::map<int32_t, TaskStats> tasks;
  for (const CallSites::Task& task : sites_.tasks()) {
    const TaskTold who = names_.task(task.task);
    TaskStats& filled = tasks[who.pid];
    filled.set_pid(who.pid);
    filled.set_comm(who.comm);
    filled.set_operations(filled.operations() + task.shares.operations);
    filled.set_allocations(filled.allocations() + task.shares.allocations);
    filled.set_cycles(filled.cycles() + task.shares.cycles);
    filled.set_slow_operations(filled.slow_operations() + task.shares.slow_operations);
    filled.set_remote_operations(filled.remote_operations() + task.shares.remote_operations);
    filled.set_bytes(filled.bytes() + task.shares.bytes);
    filled.set_in_interrupts(filled.in_interrupts() + task.shares.in_interrupts);
  }
  std::vector<const TaskStats*> order;
  for (const auto& [pid, task] : tasks) order.push_back(&task);
  std::stable_sort(order.begin(), order.end(), [](const TaskStats* a, const TaskStats* b) {
    return a->cycles() > b->cycles();
  });
  for (const TaskStats* task : order) *told_.add_tasks() = *task;
}

void Gatherer::FillCpus() {
  std::map<int32_t, NodeShare> nodes;
  const std::vector<CallSites::Shares> cpus = sites_.cpus();
  for (size_t i = 0; i < cpus.size(); ++i) {
    const CallSites::Shares& shares = cpus[i];
    if (shares.operations == 0) continue;
    CpuShare& cpu = *told_.add_cpus();
    cpu.set_cpu(static_cast<int32_t>(i));
    cpu.set_operations(shares.operations);
    cpu.set_cycles(shares.cycles);
    cpu.set_slow_operations(shares.slow_operations);
    cpu.set_remote_operations(shares.remote_operations);
    cpu.set_bytes(shares.bytes);
    const int32_t at = machine_.config().cpus[i].node.value();
    NodeShare& node = nodes[at];
    node.set_node(at);
    node.set_operations(node.operations() + shares.operations);
    node.set_cycles(node.cycles() + shares.cycles);
    node.set_slow_operations(node.slow_operations() + shares.slow_operations);
    node.set_remote_operations(node.remote_operations() + shares.remote_operations);
    node.set_bytes(node.bytes() + shares.bytes);
    node.set_remote_bytes(node.remote_bytes() + shares.remote_bytes);
  }
  for (const auto& [node, share] : nodes) *told_.add_nodes() = share;
}

void Gatherer::FillLine(const LineWatch::Line& line, SharedLine& filled) const {
  const PhysAddr address(line.line << kLineShift);
  filled.set_address(address.value());
  filled.set_node(machine_.NodeOf(address).value());
  if (allocator_ != nullptr) {
    const Allocator::Location at = allocator_->Locate(address);
    filled.set_cache(CacheNumber(at.cache));
    if (at.cache != kNoCache) {
      filled.set_slab(at.slab.value());
      filled.set_slab_offset(static_cast<uint32_t>(address.value() - at.slab.value()));
      filled.set_object_size(allocator_->Layout(at.cache).slab_size);
    }
  }
  filled.set_bounces(line.bounces());
  filled.set_transfers(line.transfers());
  filled.set_remote(line.remote());
  filled.set_writes(line.writes);
  filled.set_false_bounces(line.false_bounces);
  filled.set_cycles(line.cycles);
  for (int i = 0; machine_.config().cpu_count() <= 64 && i < 64; ++i) {
    if ((line.cpus >> i & 1) != 0) filled.add_cpus(i);
  }
  filled.set_cpu_count(static_cast<uint32_t>(filled.cpus_size()));
  for (int i = 0; i < 64; ++i) {
    if ((line.nodes >> i & 1) != 0) filled.add_nodes(i);
  }
  std::vector<LineWatch::Use> uses(line.uses.begin(), line.uses.end());
  std::sort(uses.begin(), uses.end(), [](const LineWatch::Use& a, const LineWatch::Use& b) {
    const LineWatch::Purpose x = a.purpose();
    const LineWatch::Purpose y = b.purpose();
    return std::tuple(b.bounces, x.caller, x.structure, x.is_write, x.offset) <
           std::tuple(a.bounces, y.caller, y.structure, y.is_write, y.offset);
  });
  for (const LineWatch::Use& use : uses) {
    if (use.bounces == 0) continue;
    const LineWatch::Purpose purpose = use.purpose();
    LineUse& told = *filled.add_uses();
    told.set_caller(purpose.caller);
    told.set_structure(1 + static_cast<uint32_t>(purpose.structure));
    told.set_is_write(purpose.is_write);
    told.set_offset(purpose.offset);
    told.set_bounces(use.bounces);
    told.set_cycles(use.cycles);
  }
}

void Gatherer::FillLines() {
  const LineWatch& watch = sites_.lines();
  std::vector<const LineWatch::Line*> lines;
  for (size_t i = 0; i < watch.size(); ++i) lines.push_back(&watch[i]);
  const size_t told = std::min(lines.size(), kLinesMost);
  std::partial_sort(lines.begin(), lines.begin() + static_cast<ptrdiff_t>(told), lines.end(),
                    [](const auto* a, const auto* b) {
                      return std::tuple(b->cycles, a->line) < std::tuple(a->cycles, b->line);
                    });
  uint64_t bounces = watch.other_bounces();
  uint64_t cycles = watch.other_cycles();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i < told) {
      FillLine(*lines[i], *told_.add_lines());
    } else {
      bounces += lines[i]->bounces();
      cycles += lines[i]->cycles;
    }
  }
  told_.set_lines_left_out(lines.size() - told);
  told_.set_lines_left_out_bounces(bounces);
  told_.set_lines_left_out_cycles(cycles);
}

}  // namespace

TaskTold TaskOfTrace(absl::Span<const TraceTask> tasks, int32_t pid) {
  const auto behind =
      std::upper_bound(tasks.begin(), tasks.end(), pid,
                       [](int32_t wanted, const TraceTask& task) { return wanted < task.pid; });
  const bool is_named = behind != tasks.begin() && std::prev(behind)->pid == pid;
  return {.pid = pid, .comm = is_named ? std::prev(behind)->comm : ""};
}

std::vector<PathInfo> PathsWithRcu(const Allocator& allocator) {
  std::vector<PathInfo> paths(allocator.paths().begin(), allocator.paths().end());
  paths.insert(paths.end(), kRcuPaths.begin(), kRcuPaths.end());
  return paths;
}

void GatherAttribution(Machine& machine, const Allocator* allocator, const CallSites& sites,
                       const AttributionNames& names, absl::Span<const PhysAddr> waiting,
                       RunResult& result) {
  Gatherer gatherer(machine, allocator, sites, names, result);
  gatherer.Names();
  gatherer.FillGroups();
  gatherer.FillMemory(waiting);
  gatherer.FillTasks();
  gatherer.FillCpus();
  gatherer.FillLines();
}

}  // namespace slablab
