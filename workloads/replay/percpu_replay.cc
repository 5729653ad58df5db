// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/replay/percpu_replay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace slablab {
namespace {

enum Path : PathId { kAllocWaiting, kAllocAtomic, kFreePath, kBalancePath, kPaths };
constexpr PathInfo kPathInfos[kPaths] = {AllocPath("percpu alloc"),
                                         AllocPath("percpu alloc, atomic"),
                                         FreePath("percpu free"),
                                         {"percpu balance work", PathKind::kOther}};

// The sites are the same but that no two allocations are told apart.
enum class At : uint8_t { kAlloc = kFirstModelSite, kFree, kBalance };
constexpr std::string_view kSiteNames[] = {"percpu alloc", "percpu free", "percpu balance"};

bool IsRequest(const Event& event) {
  return event.kind == EventKind::kPercpuAlloc || event.kind == EventKind::kPercpuAllocFailed;
}

PercpuRequest RequestOf(const Event& event) {
  // What runs in an interrupt cannot wait, whatever the trace says.
  const bool atomic = event.atomic || event.context != Context::kTask;
  return {.bytes = event.bytes_req,
          .align = event.bytes_alloc,
          .reserved = event.reserved,
          .gfp = atomic ? kGfpAtomic : kGfpKernel};
}

// What observers know the event's area by: areas have no address.
PhysAddr KeyOf(const Event& event) { return PhysAddr((event.object + 2) << 3); }

OperationMeter::Doer DoerOf(const Event& event) {
  return {.task = event.pid, .priority = PriorityOf(event.context)};
}

}  // namespace

const PercpuReplay::Skips::Names PercpuReplay::kSkipNames = {
    "of another allocator, or of chunks (the model makes its own)",
    "mark of events lost in recording",
    "free of an area older than the trace",
    "free of an area whose allocation failed here",
    "allocation of an area that is live, or second free of one: the trace contradicts itself",
};

absl::Span<const std::string_view> PercpuReplay::sites() { return kSiteNames; }
absl::Span<const PathInfo> PercpuReplay::paths() { return kPathInfos; }

PercpuReplay::PercpuReplay(TraceReader& reader, Machine& machine, PercpuAreas& areas,
                           const ReplayOptions& options)
    : machine_(machine), areas_(areas), order_(reader, machine, options), auditor_(areas) {
  result_.paths = TimesOf(kPathInfos);
  result_.cpus.resize(static_cast<size_t>(machine.config().cpu_count()));
  awaited_.resize(result_.cpus.size(), kNoTraceObject);
  result_.peak = areas.usage();
}

bool PercpuReplay::Next(Arrival* arrival) {
  while (const Event* const event = order_.Next()) {
    if (!Replayable(*event)) continue;
    order_.Announce(*event, Keep(*event), arrival);
    return true;
  }
  result_.events = order_.events();
  return false;
}

// Answers its token.
uint64_t PercpuReplay::Keep(const Event& event) {
  if (pending_free_.empty()) {
    pending_.push_back(event);
    return pending_.size() - 1;
  }
  const uint32_t slot = pending_free_.back();
  pending_free_.pop_back();
  pending_[slot] = event;
  return slot;
}

bool PercpuReplay::Replayable(const Event& event) {
  Skip reason = Skip::kNotPercpu;
  switch (event.kind) {
    case EventKind::kPercpuAllocFailed:
      return true;
    case EventKind::kPercpuAlloc:
      if (event.object != kNoTraceObject && records_.try_emplace(event.object).second) return true;
      reason = Skip::kContradicts;
      break;
    case EventKind::kPercpuFree: {
      const auto record = records_.find(event.object);
      if (event.predates_trace || record == records_.end()) {
        reason = Skip::kPredates;
      } else if (record->second.free_announced) {
        reason = Skip::kContradicts;
      } else {
        record->second.free_announced = true;
        return true;
      }
      break;
    }
    case EventKind::kLost:
      reason = Skip::kLost;
      break;
    default:
      break;
  }
  skips_.Add(reason);
  return false;
}

bool PercpuReplay::MayInterrupt(const Cpu&, uint64_t token) const {
  const Event& event = pending_[token];
  if (IsRequest(event)) return true;
  // Not while what it frees is still being allocated, perhaps by the very code it would interrupt.
  const auto record = records_.find(event.object);
  return record == records_.end() || record->second.state != Record::State::kPending;
}

Task<void> PercpuReplay::Start(Cpu& cpu, uint64_t token) {
  return IsRequest(pending_[token]) ? Allocate(cpu, token) : Release(cpu, token);
}

// The event that was announced under `token`, which is free for another from now on.
Event PercpuReplay::Take(uint64_t token) {
  pending_free_.push_back(static_cast<uint32_t>(token));
  return pending_[token];
}

Task<void> PercpuReplay::Allocate(Cpu& cpu, uint64_t token) {
  const Event event = Take(token);
  const PercpuRequest request = RequestOf(event);
  const bool atomic = !Has(request.gfp, Gfp::kDirectReclaim);
  PercpuArea area;
  {
    const SiteScope site(cpu, static_cast<Site>(At::kAlloc));
    cpu.set_caller(event.call_site);
    const OperationMeter::Begun begun = meter_.Begin(cpu);
    area = co_await areas_.Alloc(cpu, request);
    // One that is freed at once is its caller's no longer than the operation.
    const bool is_kept = !area.is_null() && event.kind != EventKind::kPercpuAllocFailed;
    meter_.End(cpu, begun,
               {.path = atomic ? kAllocAtomic : kAllocWaiting,
                .object = is_kept ? KeyOf(event) : PhysAddr(),
                .bytes = is_kept ? area.bytes : request.bytes},
               [&] { return DoerOf(event); });
  }
  result_.placements.Add(event.object << 32 ^ static_cast<uint64_t>(area.chunk + 1) << 26 ^
                         area.offset);
  if (area.is_null()) ++result_.failed_allocations;
  if (!area.is_null()) auditor_.OnAlloc(request, area);
  NotePeak();
  if (event.kind == EventKind::kPercpuAllocFailed) {
    if (!area.is_null()) {
      const SiteScope site(cpu, static_cast<Site>(At::kFree));
      const PartScope part(cpu, Part::kElsewhere);
      auditor_.OnFree(area);
      co_await areas_.Free(cpu, area);
    }
  } else {
    Record& record = records_[event.object];
    record.area = area;
    record.state = area.is_null() ? Record::State::kFailed : Record::State::kLive;
    const CpuId waiter = std::exchange(record.waiter, CpuId(-1));
    if (waiter.value() >= 0) machine_.scheduler().Unpark(machine_.cpu(waiter), cpu.now());
  }
  co_await Balance(cpu);
}

Task<void> PercpuReplay::Release(Cpu& cpu, uint64_t token) {
  const Event event = Take(token);
  if (records_[event.object].state == Record::State::kPending) {
    ++result_.order_inversions;
    const Cycles waits_since = cpu.now();
    awaited_[cpu.id().index()] = event.object;
    while (records_[event.object].state == Record::State::kPending) {
      records_[event.object].waiter = cpu.id();
      co_await cpu.Park();
    }
    awaited_[cpu.id().index()] = kNoTraceObject;
    result_.order_inversion_wait_cycles += cpu.now() - waits_since;
  }
  const Record record = records_[event.object];
  records_.erase(event.object);
  if (record.state == Record::State::kFailed) {
    skips_.Add(Skip::kFailedHere);
    co_return;
  }
  auditor_.OnFree(record.area);
  {
    const SiteScope site(cpu, static_cast<Site>(At::kFree));
    cpu.set_caller(event.call_site);
    const OperationMeter::Begun begun =
        meter_.BeginFree(cpu, KeyOf(event), record.area.bytes, /*is_remote=*/false);
    co_await areas_.Free(cpu, record.area);
    meter_.End(cpu, begun, {.path = kFreePath, .object = KeyOf(event), .is_free = true},
               [&] { return DoerOf(event); });
  }
  result_.placements.Add(~event.object);
  NotePeak();
  co_await Balance(cpu);
}

std::string PercpuReplay::WorkOf(const Cpu& cpu) const {
  const TraceObject object = awaited_[cpu.id().index()];
  if (object == kNoTraceObject) return "";
  return absl::StrCat("to free area ", object, " of the trace, which is still being allocated");
}

// What the kernel's worker would do by now.
Task<void> PercpuReplay::Balance(Cpu& cpu) {
  if (!areas_.balance_due() || cpu.in_interrupt() || !cpu.irqs_enabled()) co_return;
  const SiteScope site(cpu, static_cast<Site>(At::kBalance));
  const PartScope part(cpu, Part::kTimer);
  const Cycles begin = cpu.task_clock();
  co_await areas_.Balance(cpu);
  const Cycles cycles = cpu.task_clock() - begin;
  ++result_.balances;
  result_.paths[kBalancePath].cycles.Add(cycles);
  NotePeak();
}

void PercpuReplay::NotePeak() {
  if (areas_.usage().held_bytes() <= result_.peak.held_bytes()) return;
  result_.peak = areas_.usage();
  result_.peak_time = order_.now();
}

}  // namespace slablab
