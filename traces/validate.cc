// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/validate.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace slablab {
namespace {

// The free that belongs to an allocation, or kfree, which frees objects of caches too.
bool MayFree(EventKind free, EventKind allocation) {
  switch (allocation) {
    case EventKind::kKmalloc:
      return free == EventKind::kKfree;
    case EventKind::kCacheAlloc:
      return free == EventKind::kCacheFree || free == EventKind::kKfree;
    case EventKind::kPageAlloc:
      return free == EventKind::kPageFree;
    case EventKind::kPercpuAlloc:
      return free == EventKind::kPercpuFree;
    default:
      return false;
  }
}

}  // namespace

void TraceValidator::Report(std::string what) {
  ++violation_count_;
  if (violations_.size() < violations_max_) violations_.push_back({events_, std::move(what)});
}

void TraceValidator::ReportUnlessIncomplete(std::string what) {
  if (incomplete_) {
    ++explained_by_loss_;
  } else {
    Report(std::move(what));
  }
}

TraceValidator::Place TraceValidator::PlaceOf(const Event& event) const {
  switch (event.kind) {
    case EventKind::kPageAlloc:
    case EventKind::kPageFree:
      return {Space::kPages, 0, event.address};
    case EventKind::kPercpuAlloc:
    case EventKind::kPercpuFree:
      return {Space::kPercpu, event.cache, event.address};
    default:
      return {Space::kSlab, 0, event.address};
  }
}

uint64_t TraceValidator::SizeOf(const Event& event) const {
  if (event.kind == EventKind::kPageAlloc) {
    return uint64_t{1} << std::min<uint32_t>(event.bytes_alloc, 63);
  }
  if (event.kind == EventKind::kPercpuAlloc) return std::max<uint64_t>(event.bytes_req, 1);
  if (header_.addresses == AddressKind::kHashed) return 1;
  return std::max<uint64_t>(event.bytes_alloc, 1);
}

void TraceValidator::CheckIndices(const Event& event) {
  if (event.cpu >= header_.cpu_count) {
    Report(fmt::format("CPU {} is not among the header's {}", event.cpu, header_.cpu_count));
  }
  if (event.node < -1 || (header_.node_count > 0 && event.node >= header_.node_count)) {
    Report(fmt::format("node {} is not among the header's {}", event.node, header_.node_count));
  }
  if (event.call_site >= header_.call_sites.size()) {
    Report(fmt::format("call site {} is not in the table", event.call_site));
  }
  if (event.gfp >= header_.gfp_flags.size()) {
    Report(fmt::format("gfp flags {} are not in the table", event.gfp));
  }
  if (NamesCache(event.kind) && event.cache >= header_.caches.size()) {
    Report(fmt::format("cache {} is not in the table", event.cache));
  }
}

void TraceValidator::MoveIn(const Event& event) {
  const Place place = PlaceOf(event);
  const uint64_t size = SizeOf(event);
  // From the last tenant that begins before; whoever overlaps has evidently moved out.
  auto other = tenants_.lower_bound(place);
  if (other != tenants_.begin()) --other;
  while (other != tenants_.end() && other->first <= Place{place.space, place.chunk, ~uint64_t{0}}) {
    const auto& [where, tenant] = *other;
    const bool same_space = where.space == place.space && where.chunk == place.chunk;
    const bool begins_before = where < place;
    if (!begins_before && where.address - place.address >= size) break;
    if (!same_space || (begins_before && place.address - where.address >= tenant.size)) {
      ++other;
      continue;
    }
    ReportUnlessIncomplete(
        fmt::format("object {} at {:#x} of size {} overlaps object {}, live at {:#x} of size {}",
                    event.object, event.address, size, tenant.object, where.address, tenant.size));
    other = tenants_.erase(other);
  }
  tenants_.insert_or_assign(place, Tenant{size, event.object});
}

void TraceValidator::MoveOut(const Event& event) {
  ObjectState& object = objects_[event.object];
  Event where = event;
  where.address = object.address;
  if (const auto tenant = tenants_.find(PlaceOf(where));
      tenant != tenants_.end() && tenant->second.object == event.object) {
    tenants_.erase(tenant);
  }
  object.live = false;
  --live_count_;
}

void TraceValidator::CheckAllocation(const Event& event) {
  if (event.predates_trace) Report("an allocation is marked as predating the trace");
  if (event.by_rcu) Report("an allocation is marked as a free by RCU");
  if (event.kind != EventKind::kPageAlloc && event.kind != EventKind::kPercpuAlloc &&
      event.bytes_alloc < event.bytes_req) {
    Report(fmt::format("{} bytes were given where {} were asked for", event.bytes_alloc,
                       event.bytes_req));
  }
  if (event.object == kNoTraceObject) {
    if (event.address != 0) Report("an allocation has an address but no object");
    return;
  }
  if (event.address == 0 && event.kind != EventKind::kPercpuAlloc) {
    Report(fmt::format("object {} is allocated without an address", event.object));
    return;
  }
  ObjectState& object = objects_[event.object];
  if (object.allocated) {
    Report(fmt::format("object {} is allocated a second time", event.object));
    return;
  }
  object = {true, true, event.kind, event.cache, event.address};
  ++live_count_;
  MoveIn(event);
}

void TraceValidator::CheckFreePredating(const Event& event) {
  ObjectState& object = objects_[event.object];
  if (object.allocated) {
    Report(fmt::format("the free of object {} is marked as predating the trace, which allocates it",
                       event.object));
    if (object.live) MoveOut(event);
    return;
  }
  object.allocated = true;
  object.kind = event.kind;
  const auto tenant = tenants_.find(PlaceOf(event));
  if (tenant == tenants_.end()) return;
  ReportUnlessIncomplete(
      fmt::format("the free at {:#x} is marked as predating the trace, but object {} is live there",
                  event.address, tenant->second.object));
}

void TraceValidator::CheckFree(const Event& event) {
  if (event.object == kNoTraceObject) {
    const bool is_null = event.address == 0 ||
                         (event.kind == EventKind::kKfree && event.address == kZeroSizePointer);
    if (!is_null) Report(fmt::format("a free at {:#x} has no object", event.address));
    return;
  }
  if (event.by_rcu && !event.inferred) Report("a free that was recorded is marked as one by RCU");
  if (event.predates_trace) return CheckFreePredating(event);
  const ObjectState& object = objects_[event.object];
  if (!object.allocated) {
    Report(fmt::format("object {} is freed and was never allocated", event.object));
    return;
  }
  if (!object.live) {
    ReportUnlessIncomplete(fmt::format("object {} is freed a second time", event.object));
    return;
  }
  if (event.address != object.address) {
    Report(fmt::format("object {} is freed at {:#x} but was allocated at {:#x}", event.object,
                       event.address, object.address));
  }
  if (!MayFree(event.kind, object.kind)) {
    Report(fmt::format("object {} of {} is freed by {}", event.object, EventKindName(object.kind),
                       EventKindName(event.kind)));
  }
  if (event.kind == EventKind::kCacheFree && object.kind == EventKind::kCacheAlloc &&
      event.cache != 0 && object.cache != 0 && event.cache != object.cache) {
    Report(fmt::format("object {} of cache {} is freed to cache {}", event.object, object.cache,
                       event.cache));
  }
  MoveOut(event);
}

void TraceValidator::Check(const Event& event) {
  if (events_ == 0) time_first_ = event.time;
  if (event.time < time_last_) {
    Report(fmt::format("time {} is before that of the event before, {}", event.time, time_last_));
  }
  time_last_ = event.time;
  ++by_kind_[static_cast<size_t>(event.kind)];
  digest_.Add(event);
  CheckIndices(event);
  if (event.object > object_last_ + 1 && !incomplete_) {
    Report(fmt::format("object {} is new, but the next new object is {}", event.object,
                       object_last_ + 1));
  }
  object_last_ = std::max(object_last_, event.object);
  if (event.kind == EventKind::kLost) {
    lost_ += event.bytes_req;
    if (event.bytes_req == 0) ++lost_unnumbered_;
    incomplete_ = true;
  } else if (Allocates(event.kind)) {
    CheckAllocation(event);
  } else if (Frees(event.kind)) {
    CheckFree(event);
  } else if (event.object != kNoTraceObject) {
    Report(fmt::format("{} names object {}", EventKindName(event.kind), event.object));
  }
  ++events_;
}

void TraceValidator::CheckHeader() {
  const auto equal = [this](std::string_view what, uint64_t header, uint64_t events) {
    if (header == events) return;
    Report(fmt::format("the header's {} is {}, but the events make it {}", what, header, events));
  };
  equal("number of events", header_.event_count, events_);
  for (int kind = 0; kind < kEventKinds; ++kind) {
    equal(fmt::format("number of {}", EventKindName(static_cast<EventKind>(kind))),
          header_.events_by_kind[kind], by_kind_[kind]);
  }
  equal("number of lost events", header_.lost_events, lost_);
  equal("number of losses of unknown size", header_.lost_unknown,
        lost_unnumbered_ - std::min(lost_unnumbered_, header_.lost_covered));
  equal("number of objects", header_.object_count, object_last_);
  equal("first time", header_.time_first, time_first_);
  equal("last time", header_.time_last, time_last_);
  equal("digest", header_.events_digest, digest_.value());
}

}  // namespace slablab
