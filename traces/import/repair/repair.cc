// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/repair/repair.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "fmt/format.h"

namespace slablab {

void Repairer::Space::Clear() {
  places.clear();
  live.Clear();
}

void Repairer::Space::MoveIn(const AddressRange& range, const Place& place) {
  Place& at = places[range.start];
  at = place;
  at.is_live = true;
  live.Begin(range);
}

void Repairer::Space::MoveOut(uint64_t key, Place& place) {
  place.is_live = false;
  live.End(key);
}

Repairer::Repairer(const RepairOptions& options) : options_(options) { StartPass(); }

void Repairer::StartPass() {
  slab_.Clear();
  pages_.Clear();
  percpu_.Clear();
  chunks_.clear();
  chunk_count_ = 0;
  object_count_ = 0;
  time_last_ = 0;
  due_ = {};
  counts_ = {};
  parts_.clear();
  internal_ = {};
  tasks_.clear();
  task_of_pid_.clear();
  address_max_ = 0;
  address_min_ = ~uint64_t{0};
}

void Repairer::Conclude() {
  CHECK(is_survey_);
  const std::vector<KnownCache> none;
  names_.Conclude(options_.known == nullptr ? none : *options_.known, &caches_);
  for (const auto& [address, place] : slab_.places) {
    if (!place.is_live || place.own != OwnStructure::kNone) continue;
    untraced_.SawLive(place.object_class(), place.object, place.born);
  }
  untraced_.Conclude({.counters = options_.counters, .sysfs = options_.sysfs}, caches_.strings(),
                     time_last_);
  is_survey_ = false;
  call_sites_surveyed_ = call_sites_.size();
  gfps_surveyed_ = gfps_.size();
  for (size_t cache = 0; cache < caches_.size(); ++cache) {
    described_.push_back(DescribeCache(static_cast<uint16_t>(cache)));
  }
}

void Repairer::WriteTo(EventSink* sink) {
  CHECK(!is_survey_);
  StartPass();
  sink_ = sink;
}

AddressRange Repairer::RangeOf(const Event& event) const {
  const bool is_hashed = options_.addresses == AddressKind::kHashed;
  return {event.address, is_hashed ? 1 : uint64_t{event.bytes_alloc}};
}

absl::Status Repairer::Append(const RawEvent& raw) {
  if (raw.cpu < 0 || raw.cpu >= kMaxCpus) {
    return absl::InvalidArgumentError(
        fmt::format("an event on CPU {}; there can be {}", raw.cpu, kMaxCpus));
  }
  cpu_max_ = std::max(cpu_max_, raw.cpu);
  if (absl::Status s = InferFreesDue(std::max(raw.time, time_last_)); !s.ok()) return s;
  if (raw.kind == EventKind::kLost) return TakeLost(raw);
  constexpr uint64_t kBytesMax = std::numeric_limits<uint32_t>::max();
  if (raw.bytes_req > kBytesMax || raw.bytes_alloc > kBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("{} of {} bytes ({} allocated); sizes must be below 4 GiB",
                    EventKindName(raw.kind), raw.bytes_req, raw.bytes_alloc));
  }
  if (AllocatesObject(raw.kind) && raw.bytes_alloc < raw.bytes_req) {
    return absl::InvalidArgumentError(
        fmt::format("{} gave {} bytes where {} were asked for: no kernel does, so the recording is "
                    "damaged",
                    EventKindName(raw.kind), raw.bytes_alloc, raw.bytes_req));
  }
  const Event event = Basic(raw);
  constexpr size_t kIndexMax = std::numeric_limits<uint16_t>::max();
  if (caches_.size() > kIndexMax || gfps_.size() > kIndexMax) {
    return absl::InvalidArgumentError(
        fmt::format("more than {} different caches or gfp flags", kIndexMax));
  }
  NoteTask(raw);
  if (!is_survey_ &&
      (call_sites_.size() != call_sites_surveyed_ || gfps_.size() != gfps_surveyed_)) {
    has_changed_ = true;
  }
  const absl::Status status = has_changed_ ? absl::OkStatus() : Take(raw, event);
  if (has_changed_) return absl::InvalidArgumentError("the recording changed while it was read");
  return status;
}

absl::Status Repairer::Take(const RawEvent& raw, const Event& event) {
  switch (raw.kind) {
    case EventKind::kKmalloc:
    case EventKind::kCacheAlloc:
      return TakeSlabAlloc(raw, event);
    case EventKind::kKfree:
    case EventKind::kCacheFree:
      return TakeSlabFree(raw, event);
    case EventKind::kPageAlloc:
    case EventKind::kPageFree:
    case EventKind::kPercpuAlloc:
    case EventKind::kPercpuFree:
    case EventKind::kPercpuAllocFailed:
      return TakePageOrPercpu(raw, event);
    case EventKind::kPercpuChunkCreated:
    case EventKind::kPercpuChunkDestroyed:
      return TakeChunk(raw, event);
    case EventKind::kLost:
      break;
  }
  return absl::OkStatus();
}

Event Repairer::Basic(const RawEvent& raw) {
  Event event;
  event.kind = raw.kind;
  if (raw.time < time_last_) Count(Repair::kClampedTime);
  time_last_ = std::max(time_last_, raw.time);
  event.time = time_last_;
  event.address = raw.address;
  event.bytes_req = static_cast<uint32_t>(raw.bytes_req);
  event.bytes_alloc = static_cast<uint32_t>(raw.bytes_alloc);
  event.pid = raw.pid;
  event.cpu = static_cast<uint16_t>(raw.cpu);
  event.node = static_cast<int16_t>(raw.node);
  event.call_site = call_sites_.Number(raw.call_site);
  event.gfp = static_cast<uint16_t>(gfps_.Number(raw.gfp));
  event.context = raw.context;
  event.irqs_off = raw.irqs_off;
  event.reserved = raw.reserved;
  event.atomic = raw.atomic;
  event.migratetype = raw.migratetype;
  while (own_of_call_site_.size() < call_sites_.size()) {
    own_of_call_site_.push_back(
        StructureOfCallSite(call_sites_.strings()[own_of_call_site_.size()]));
  }
  return event;
}

void Repairer::Count(Repair repair, std::string_view part) {
  Count(repair);
  if (!part.empty()) ++parts_[{repair, std::string(part)}];
}

absl::Status Repairer::Write(const Event& event) {
  return sink_ == nullptr ? absl::OkStatus() : sink_->Append(event);
}

void Repairer::NoteTask(const RawEvent& raw) {
  if (raw.comm.empty()) return;
  const auto [found, is_first] = task_of_pid_.try_emplace(raw.pid, tasks_.size());
  if (!is_first && tasks_[found->second].comm == raw.comm) return;
  found->second = tasks_.size();
  tasks_.push_back({raw.pid, time_last_, std::string(raw.comm)});
}

void Repairer::NoteAddress(uint64_t address) {
  address_max_ = std::max(address_max_, address);
  address_min_ = std::min(address_min_, address);
}

TraceObject Repairer::NextObject() { return ++object_count_; }

absl::Status Repairer::TakeLost(const RawEvent& raw) {
  if (raw.bytes_req > kLostMax) {
    return absl::InvalidArgumentError(fmt::format(
        "{} events lost at once on CPU {}; at most {} can be", raw.bytes_req, raw.cpu, kLostMax));
  }
  Event event;
  event.kind = EventKind::kLost;
  time_last_ = std::max(time_last_, raw.time);
  event.time = time_last_;
  event.cpu = static_cast<uint16_t>(raw.cpu);
  event.inferred = raw.is_of_unknown_cpu;
  Count(Repair::kLostEvents);
  // An event holds 32 bits of it; a ring that ran for days can have lost more.
  constexpr uint64_t kPartMax = std::numeric_limits<uint32_t>::max();
  uint64_t rest = raw.bytes_req;
  for (; rest > kPartMax; rest -= kPartMax) {
    event.bytes_req = static_cast<uint32_t>(kPartMax);
    if (absl::Status s = Write(event); !s.ok()) return s;
  }
  event.bytes_req = static_cast<uint32_t>(rest);
  return Write(event);
}

// Rule 3. An allocation is the allocator's own by what it says, a free by what it frees.
OwnStructure Repairer::OwnOf(const RawEvent& raw, const Event& event) const {
  if (options_.keep_allocator_internal || raw.address == 0) return OwnStructure::kNone;
  OwnStructure named = StructureOfCache(raw.cache);
  if (named == OwnStructure::kNone) named = own_of_call_site_[event.call_site];
  // Until 6.12 what is kept of a cache's node comes from a cache, and has no name in 6.1.
  if (named == OwnStructure::kBarn && raw.kind == EventKind::kCacheAlloc) {
    named = OwnStructure::kCacheNode;
  }
  if (AllocatesObject(raw.kind)) return named;
  const auto found = slab_.places.find(raw.address);
  if (found == slab_.places.end() || !found->second.is_live) return named;
  return found->second.own;
}

void Repairer::LeaveOut(const RawEvent& raw, const Event& event, OwnStructure own) {
  if (AllocatesObject(raw.kind)) {
    slab_.MoveIn(RangeOf(event), {.bytes_alloc = event.bytes_alloc, .own = own});
    ++internal_.allocations;
    internal_.bytes_requested += event.bytes_req;
    internal_.bytes_allocated += event.bytes_alloc;
  } else {
    Place& place = slab_.places[raw.address];
    ++internal_.frees;
    if (place.is_live) internal_.bytes_freed += place.bytes_alloc;
    slab_.MoveOut(raw.address, place);
  }
  Count(Repair::kAllocatorInternal, OwnStructureName(own));
}

uint16_t Repairer::CacheNumber(std::string_view name) {
  const uint32_t number = caches_.Number(name);
  if (is_survey_ || number < described_.size()) return static_cast<uint16_t>(number);
  has_changed_ = true;
  return 0;
}

uint16_t Repairer::CacheOfAllocation(const RawEvent& raw, const Event& event) {
  if (raw.kind != EventKind::kCacheAlloc) return 0;
  if (!raw.cache.empty()) {
    const auto cache = CacheNumber(raw.cache);
    if (is_survey_) names_.SawSizes(cache, event.bytes_req, event.bytes_alloc);
    return cache;
  }
  const CacheNames::Request request = {event.call_site, event.bytes_req, event.bytes_alloc};
  if (is_survey_) {
    names_.SawUnnamed(event.object, request);
    return 0;
  }
  const std::optional<CacheNames::Answer> answer = names_.AnswerFor(event.object, request);
  if (!answer.has_value()) {
    has_changed_ = true;
    return 0;
  }
  switch (answer->source) {
    case CacheNames::Source::kOwnFree:
      Count(Repair::kNamedByOwnFree);
      break;
    case CacheNames::Source::kVote:
      Count(Repair::kNamedByVote);
      break;
    case CacheNames::Source::kSize:
      Count(Repair::kNamedBySize);
      break;
    case CacheNames::Source::kCounters:
      Count(Repair::kNamedByCounters);
      break;
    case CacheNames::Source::kNone:
      Count(Repair::kUnnamed);
      break;
  }
  return answer->cache;
}

absl::Status Repairer::TakeSlabAlloc(const RawEvent& raw, Event event) {
  if (raw.address == 0) {
    Count(Repair::kFailedAllocation);
    event.cache = raw.kind == EventKind::kCacheAlloc ? CacheNumber(raw.cache) : uint16_t{0};
    return Write(event);
  }
  NoteAddress(raw.address);
  const AddressRange range = RangeOf(event);
  const absl::Status status = InferFrees(slab_, range, event, Repair::kInferredFreeOverlapped);
  if (!status.ok()) return status;
  if (const OwnStructure own = OwnOf(raw, event); own != OwnStructure::kNone) {
    LeaveOut(raw, event, own);
    return absl::OkStatus();
  }
  event.object = NextObject();
  event.cache = CacheOfAllocation(raw, event);
  const Place place = {.object = event.object,
                       .bytes_req = event.bytes_req,
                       .bytes_alloc = event.bytes_alloc,
                       .cache = event.cache,
                       .freed_by = FreeOf(raw.kind),
                       .born = {.time = event.time, .pid = event.pid, .cpu = event.cpu}};
  slab_.MoveIn(range, place);
  if (is_survey_) {
    untraced_.SawAllocation(place.object_class());
    const MapleStep step = raw.cache == kMapleCache ? MapleStepOf(raw.call_site, raw.gfp)
                                                    : MapleStep::kNone;
    if (step != MapleStep::kNone) {
      untraced_.maple_trees().SawAllocation(place.object, place.born, step);
    }
  } else if (const UntracedFrees::RcuFree* by_rcu = untraced_.Find(event.object)) {
    due_.push({by_rcu->moment.time, event.object, event.address});
  }
  return Write(event);
}

absl::Status Repairer::TakeSlabFree(const RawEvent& raw, Event event) {
  if (raw.address == 0 || (raw.kind == EventKind::kKfree && raw.address == kZeroSizePointer)) {
    Count(Repair::kNullFree);
    return options_.keep_null_frees ? Write(event) : absl::OkStatus();
  }
  if (const OwnStructure own = OwnOf(raw, event); own != OwnStructure::kNone) {
    LeaveOut(raw, event, own);
    return absl::OkStatus();
  }
  NoteAddress(raw.address);
  event.cache = CacheNumber(raw.cache);
  const auto [found, is_first] = slab_.places.try_emplace(raw.address);
  Place& place = found->second;
  if (!place.is_live) {
    // Of one byte, since only the second reading knows how large what is freed here was.
    const absl::Status status =
        InferFrees(slab_, {raw.address, 1}, event, Repair::kInferredFreeOverlapped);
    if (!status.ok()) return status;
  }
  if (!is_first && !place.is_live) {
    const absl::Status status = InferAllocation(event, raw, place);
    if (!status.ok()) return status;
  }
  if (is_survey_ && raw.kind == EventKind::kCacheFree) {
    untraced_.SawCacheFree(ClassOfCache(event.cache));
  }
  if (place.is_live) {
    event.object = place.object;
    if (is_survey_ && place.freed_by == EventKind::kCacheFree &&
        caches_.strings()[place.cache] == kMapleCache) {
      untraced_.maple_trees().SawFree(place.object,
                                      {.time = event.time, .pid = event.pid, .cpu = event.cpu},
                                      EndsMapleTree(raw.call_site));
    }
    if (raw.kind == EventKind::kCacheFree) {
      if (is_survey_) names_.SawFreed(place.object, event.cache);
      if (place.freed_by != EventKind::kCacheFree) {
        Count(Repair::kCacheFreeOfKmalloc);
        event.kind = EventKind::kKfree;
      } else if (place.cache != event.cache && event.cache != 0) {
        Count(Repair::kFreedAsOtherCache);
      }
    } else if (place.freed_by == EventKind::kCacheFree) {
      Count(Repair::kKfreeOfCacheObject);
    }
    event.cache = place.cache;
  } else {
    event.object = NextObject();
    event.predates_trace = true;
    place.freed_by = raw.kind;
    place.cache = event.cache;
    Count(Repair::kPredatesTrace);
  }
  slab_.MoveOut(raw.address, place);
  return Write(event);
}

absl::Status Repairer::TakePageOrPercpu(const RawEvent& raw, Event event) {
  const bool is_page = raw.kind == EventKind::kPageAlloc || raw.kind == EventKind::kPageFree;
  if (raw.kind == EventKind::kPercpuAllocFailed) return Write(event);
  if (!is_page) event.cache = ChunkNumber(raw.chunk_base);
  if (is_page && raw.address == 0) {  // frame 0 is never handed out
    if (raw.kind == EventKind::kPageAlloc) Count(Repair::kFailedAllocation);
    return Write(event);
  }
  if (is_page) {
    if (absl::Status s = InferFreesOfPages(event); !s.ok()) return s;
  }
  Space& space = is_page ? pages_ : percpu_;
  const AddressRange range =
      is_page ? AddressRange{raw.address, uint64_t{1} << std::min(event.bytes_alloc, 63u)}
              : AddressRange{uint64_t{event.cache} << 32 | (raw.address & kPercpuOffsetMask),
                             event.bytes_req};
  if (raw.kind == EventKind::kPageAlloc || raw.kind == EventKind::kPercpuAlloc) {
    absl::Status status = InferFrees(space, range, event, Repair::kInferredFreeOverlapped);
    if (!status.ok()) return status;
    event.object = NextObject();
    space.MoveIn(range, {.object = event.object,
                         .bytes_req = event.bytes_req,
                         .bytes_alloc = event.bytes_alloc,
                         .cache = event.cache,
                         .freed_by = FreeOf(raw.kind)});
    return Write(event);
  }
  Place& place = space.places[range.start];
  if (place.is_live) {
    event.object = place.object;
  } else {
    // Of pages, too, one of a block that was split and is freed in parts.
    event.object = NextObject();
    event.predates_trace = true;
    Count(Repair::kPageOrAreaPredates);
  }
  space.MoveOut(range.start, place);
  return Write(event);
}

uint16_t Repairer::ChunkNumber(uint64_t base) {
  const auto [found, is_first] = chunks_.try_emplace(base);
  if (is_first) found->second = ++chunk_count_;
  return found->second;
}

absl::Status Repairer::TakeChunk(const RawEvent& raw, Event event) {
  if (raw.kind == EventKind::kPercpuChunkCreated) chunks_.erase(raw.chunk_base);
  event.cache = ChunkNumber(raw.chunk_base);
  if (raw.kind == EventKind::kPercpuChunkDestroyed) chunks_.erase(raw.chunk_base);
  return Write(event);
}

}  // namespace slablab
