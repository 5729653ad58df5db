// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/replay/replay.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "traces/maple_tree.h"
#include "workloads/caches.h"

namespace slablab {

Replay::Replay(TraceReader& reader, Machine& machine, Allocator& allocator,
               const ReplayOptions& options)
    : reader_(reader),
      machine_(machine),
      allocator_(allocator),
      has_work_(allocator.has_work()),
      order_(reader, machine, options),
      executor_(
          {.object_touch_bytes_max = options.object_touch_bytes_max,
           .footprint = {.interval = (reader.header().time_last - reader.header().time_first) /
                                     static_cast<Nanos>(options.footprint_samples)}},
          machine, allocator),
      result_(executor_.account()) {
  for (const std::string& gfp : reader.header().gfp_flags) gfps_.push_back(ParseGfp(gfp, nullptr));
}

absl::Status Replay::Prepare(const RecordedSidecars& sidecars) {
  absl::StatusOr<std::vector<CacheId>> caches = FindOrCreateCaches(sidecars, machine_, allocator_);
  if (!caches.ok()) return caches.status();
  caches_ = *std::move(caches);
  for (const CacheId id : caches_) {
    object_sizes_.push_back(id == kNoCache ? 0 : allocator_.Layout(id).object_size);
  }
  executor_.SizeCaches();
  if (allocator_.offers().prefilled_sheaves) FindPrefilling();
  return absl::OkStatus();
}

void Replay::FindPrefilling() {
  const TraceHeader& header = reader_.header();
  for (size_t i = 0; i < header.caches.size(); ++i) {
    if (header.caches[i].name == kMapleCache && caches_[i] != kNoCache) {
      prefilling_cache_ = static_cast<uint16_t>(i);
    }
  }
  if (prefilling_cache_ == 0) return;
  constexpr std::string_view kPopGfp = "GFP_NOWAIT";
  for (const std::string& site : header.call_sites) {
    const MapleStep step = MapleStepOf(site, kPopGfp);
    pops_.push_back(step == MapleStep::kPop || step == MapleStep::kCopyChild);
  }
  for (const std::string& gfp : header.gfp_flags) pops_gfp_.push_back(gfp.starts_with(kPopGfp));
  sheaf_in_use_.assign(static_cast<size_t>(machine_.config().cpu_count()), kNoSheaf);
}

inline bool Replay::TakesFromSheaf(const Event& event) const {
  return prefilling_cache_ != 0 && event.cache == prefilling_cache_ &&
         event.kind == EventKind::kCacheAlloc && event.context == Context::kTask &&
         pops_[event.call_site] && pops_gfp_[event.gfp];
}

void Replay::AddWarmObject(CacheId cache, NodeId node, PhysAddr object) {
  warm_[{cache.value(), node.value()}].push_back(object);
  if (warm_observer_) warm_observer_(cache, object);
  ++result_.unaudited_objects;
}

// Answers the operation's token.
inline uint64_t Replay::Announce(const Event& event, ObjectRecord* record) {
  if (AllocatesObject(event.kind)) {
    record = &objects_.Begin(event.object, record);
    result_.folded_nodes += order_.places().Folds(event.node);
  } else if (record != nullptr) {
    record->free_announced = true;
  }
  if (pending_free_ == kNoToken) {
    pending_free_ = static_cast<uint32_t>(pending_.size());
    pending_.emplace_back();
  }
  const uint32_t token = pending_free_;
  Operation& operation = pending_[token];
  pending_free_ = operation.next_free;
  operation.record = record;
  operation.object = event.object;
  operation.event = order_.events() - 1;
  operation.task = event.pid;
  operation.bytes_req = event.bytes_req;
  operation.cache = event.cache;
  operation.gfp = event.gfp;
  operation.node = event.node;
  operation.kind = event.kind;
  operation.context = event.context;
  operation.inferred = event.inferred;
  operation.by_rcu = event.by_rcu;
  operation.from_sheaf = TakesFromSheaf(event);
  operation.call_site = event.call_site;
  return token;
}

bool Replay::Next(Arrival* arrival) {
  while (const Event* const event = order_.Next()) {
    if (order_.events() == 1) Begin();
    const Nanos now = order_.now();
    if (executor_.footprint().IsDue(now)) SampleFootprint(now);
    ObjectRecord* record = nullptr;
    if (!Replayable(*event, &record)) continue;
    order_.Announce(*event, Announce(*event, record), arrival);
    return true;
  }
  result_.events = order_.events();
  return false;
}

void Replay::Begin() {
  result_.start = order_.start();
  // What a warm start took is used in full, for all that is known.
  const Footprint& footprint = allocator_.TotalFootprint();
  result_.requested_bytes = footprint.object_bytes - footprint.own_object_bytes;
}

// `record` becomes that of the event's object, if there is one.
inline bool Replay::Replayable(const Event& event, ObjectRecord** record) {
  if (event.predates_trace && event.kind == EventKind::kCacheFree && !warm_.empty()) return true;
  const auto object_of = [&] {
    *record = objects_.Find(event.object);
    if (*record == nullptr || (*record)->state == ObjectRecord::State::kUnknown) {
      return SkipTally::Object::kUnseen;
    }
    return (*record)->free_announced ? SkipTally::Object::kEnded : SkipTally::Object::kAllocated;
  };
  const auto has_cache = [&] {
    return event.kind == EventKind::kKmalloc || caches_[event.cache] != kNoCache;
  };
  return skips_.Admits(event, object_of, has_cache);
}

inline CacheId Replay::CacheFor(const Operation& operation) const {
  return operation.kind == EventKind::kKmalloc ? kNoCache : caches_[operation.cache];
}

bool Replay::MayInterrupt(const Cpu& cpu, uint64_t token) const {
  const Operation& operation = pending_[token];
  if (!FreesObject(operation.kind)) return true;
  // Not while what it frees is still being allocated, perhaps by the very code it would interrupt.
  return operation.record == nullptr || operation.record->state != ObjectRecord::State::kPending;
}

// Whatever need not wait is done at once, without a coroutine.
Task<void> Replay::Start(Cpu& cpu, uint64_t token) {
  if (prefilling_cache_ != 0 && sheaf_in_use_[cpu.id().index()] != kNoSheaf &&
      !pending_[token].from_sheaf && !cpu.in_interrupt()) {
    return ReturnSheafThenStart(cpu, token);
  }
  return StartWithWork(cpu, token);
}

Task<void> Replay::ReturnSheafThenStart(Cpu& cpu, uint64_t token) {
  const SheafId sheaf = std::exchange(sheaf_in_use_[cpu.id().index()], kNoSheaf);
  co_await allocator_.ReturnSheaf(cpu, caches_[prefilling_cache_], kGfpNoWait, sheaf);
  co_await StartWithWork(cpu, token);
}

Task<void> Replay::StartWithWork(Cpu& cpu, uint64_t token) {
  const bool work_due = has_work_ && cpu.now() >= allocator_.NextWork(cpu.id());
  if (work_due && !cpu.in_interrupt()) return WorkThenStart(cpu, token);
  return StartNow(cpu, token);
}

Task<void> Replay::StartNow(Cpu& cpu, uint64_t token) {
  Operation& operation = pending_[token];  // Stays until the next arrival is asked for.
  cpu.set_caller(operation.call_site);
  operation.next_free = std::exchange(pending_free_, static_cast<uint32_t>(token));
  if (operation.from_sheaf && !cpu.in_interrupt()) return AllocateFromSheaf(cpu, operation);
  if (AllocatesObject(operation.kind)) {
    return executor_.Allocate(cpu, AllocationFor(operation), User{this, operation});
  }
  if (operation.record != nullptr && operation.record->state == ObjectRecord::State::kPending) {
    return ReleaseOnceAllocated(cpu, operation);
  }
  return Release(cpu, operation);
}

inline Executor::Allocation Replay::AllocationFor(const Operation& operation) const {
  const uint32_t usable = UsableBytes(operation);
  return {.cache = CacheFor(operation),
          .gfp = gfps_[operation.gfp],
          .node = order_.places().NodeFor(operation.node),
          .bytes = operation.bytes_req,
          .usable = usable,
          .written = usable,
          .number = operation.object,
          .inferred = operation.inferred};
}

// A trace may ask for more than its cache's objects have.
inline uint32_t Replay::UsableBytes(const Operation& operation) const {
  if (CacheFor(operation) == kNoCache) return operation.bytes_req;
  return std::min(operation.bytes_req, object_sizes_[operation.cache]);
}

Task<void> Replay::AllocateFromSheaf(Cpu& cpu, const Operation& operation) {
  const Executor::Allocation what = AllocationFor(operation);
  const Executor::Begun begun = executor_.Begin(cpu);
  return executor_.Finish(cpu, what, begun, TakeFromSheaf(cpu, what.cache, what.gfp),
                          User{this, operation});
}

// How many its user will need is not known; when it has no more it is filled again.
Task<Placement> Replay::TakeFromSheaf(Cpu& cpu, CacheId cache, Gfp gfp) {
  SheafId& sheaf = sheaf_in_use_[cpu.id().index()];
  SheafId filled = kNoSheaf;
  if (sheaf == kNoSheaf) {
    filled = co_await allocator_.PrefillSheaf(cpu, cache, kGfpKernel, 1);
  } else {
    filled = co_await allocator_.RefillSheaf(cpu, cache, kGfpKernel, sheaf, 1);
  }
  Placement placement;
  if (filled != kNoSheaf) {
    sheaf = filled;
    placement = co_await allocator_.AllocFromSheaf(cpu, cache, gfp, sheaf);
  } else {
    placement = co_await allocator_.Alloc(cpu, cache, gfp, kAnyNode);
  }
  co_return placement;
}

inline void Replay::EndAllocation(Cpu& cpu, const Operation& operation,
                                  const Placement& placement) {
  const bool failed = placement.object.is_null();
  ObjectRecord& record = *operation.record;
  record.address = placement.object;
  record.cache = CacheFor(operation);
  record.bytes_req = UsableBytes(operation);
  record.state = failed ? ObjectRecord::State::kFailed : ObjectRecord::State::kLive;
  const CpuId waiter = std::exchange(record.waiter, CpuId(-1));
  if (!failed) executor_.footprint().NotePeak(order_.now());
  if (waiter.value() >= 0) machine_.scheduler().Unpark(machine_.cpu(waiter), cpu.now());
}

// Simulated time can bring a free before its allocation is through.
Task<void> Replay::ReleaseOnceAllocated(Cpu& cpu, Operation operation) {
  ++result_.order_inversions;
  const Cycles waits_since = cpu.now();
  while (operation.record->state == ObjectRecord::State::kPending) {
    operation.record->waiter = cpu.id();
    co_await cpu.Park();
  }
  result_.order_inversion_wait_cycles += cpu.now() - waits_since;
  co_await Release(cpu, operation);
}

inline Task<void> Replay::Release(Cpu& cpu, const Operation& operation) {
  if (operation.record == nullptr) return ReleaseWarm(cpu, operation);
  const ObjectRecord record = *operation.record;
  objects_.End(operation.object);
  if (record.state == ObjectRecord::State::kFailed) {
    skips_.Add(Skip::kFailedHere);
    return Task<void>();
  }
  return executor_.Free(cpu,
                        {.object = record.address,
                         .cache = record.cache,
                         .bytes = record.bytes_req,
                         .read = 1,
                         .kfree = operation.kind == EventKind::kKfree,
                         .by_rcu = operation.by_rcu,
                         .inferred = operation.inferred},
                        User{this, operation});
}

// Of the most recently made of the warm objects of the cache.
[[gnu::noinline]] Task<void> Replay::ReleaseWarm(Cpu& cpu, const Operation& operation) {
  const CacheId cache = caches_[operation.cache];
  for (int32_t node = 0; node < machine_.config().node_count(); ++node) {
    const auto pool = warm_.find({cache.value(), node});
    if (pool == warm_.end() || pool->second.empty()) continue;
    const PhysAddr object = pool->second.back();
    pool->second.pop_back();
    --result_.unaudited_objects;
    result_.requested_bytes -= object_sizes_[operation.cache];
    return executor_.Free(cpu,
                          {.object = object,
                           .cache = cache,
                           .read = 1,
                           .kfree = operation.kind == EventKind::kKfree,
                           .by_rcu = operation.by_rcu,
                           .audited = false,
                           .inferred = operation.inferred},
                          User{this, operation});
  }
  skips_.Add(Skip::kPredates);
  return Task<void>();
}

void Replay::SampleFootprint(Nanos time) {
  executor_.footprint().Sample(time);
  executor_.footprint().NotePeak(time);  // An operation under way may have taken a slab.
}

}  // namespace slablab
