// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "base/check.h"
#include "traces/import/repair/repair.h"

// What the repairs put in: frees and allocations that have no event.

namespace slablab {
absl::Status Repairer::InferFrees(Space& space, const AddressRange& range, const Event& because_of,
                                  Repair reason) {
  for (const uint64_t start : space.live.Overlapping(range)) {
    Place& place = space.places.find(start)->second;
    space.MoveOut(start, place);
    if (place.own != OwnStructure::kNone) continue;
    if (is_survey_ && &space == &slab_) {
      untraced_.SawGone(place.object_class(), place.object, place.born,
                        {.time = because_of.time, .pid = because_of.pid, .cpu = because_of.cpu});
    }
    const bool is_same = start == range.start && reason == Repair::kInferredFreeOverlapped;
    const ObjectClass of = place.object_class();
    Count(is_same ? Repair::kInferredFree : reason,
          &space == &slab_ ? ClassName(of, caches_.strings()) : "");
    // Of a percpu area's key, the offset alone is the address.
    const uint64_t address =
        place.freed_by == EventKind::kPercpuFree ? start & kPercpuOffsetMask : start;
    if (absl::Status s = InferFree(because_of, place, address); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Repairer::InferFreesOfPages(const Event& page_event) {
  constexpr int kPageShift = 12;
  constexpr uint32_t kOrderMax = 20;  // far above what a page allocator has
  const uint64_t base = DirectMapBase();
  if (base == 0 || page_event.address >= kDirectMapReach >> kPageShift) return absl::OkStatus();
  const AddressRange block = {
      base + (page_event.address << kPageShift),
      uint64_t{1} << (kPageShift + std::min(page_event.bytes_alloc, kOrderMax))};
  return InferFrees(slab_, block, page_event, Repair::kInferredFreeOfPage);
}

absl::Status Repairer::InferFreesDue(Nanos now) {
  while (!due_.empty() && due_.top().time <= now) {
    const Due due = due_.top();
    due_.pop();
    const auto found = slab_.places.find(due.address);
    CHECK(found != slab_.places.end());
    Place& place = found->second;
    // Nothing that the survey did not see can have ended it.
    if (!place.is_live || place.object != due.object) continue;
    const UntracedFrees::RcuFree& by_rcu = *untraced_.Find(due.object);
    slab_.MoveOut(due.address, place);
    Count(by_rcu.with_tree ? Repair::kInferredFreeWithTree
          : by_rcu.is_aged ? Repair::kInferredFreeAged
                           : Repair::kInferredFreeByRcu,
          ClassName(place.object_class(), caches_.strings()));
    Event because_of;
    because_of.time = std::max(due.time, time_last_);
    because_of.pid = by_rcu.moment.pid;
    because_of.cpu = by_rcu.moment.cpu;
    because_of.by_rcu = !by_rcu.with_tree;
    if (absl::Status s = InferFree(because_of, place, due.address); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Repairer::InferFree(const Event& because_of, const Place& place, uint64_t address) {
  Event event;
  event.kind = place.freed_by;
  event.time = because_of.time;
  event.object = place.object;
  event.address = address;
  event.pid = because_of.pid;
  event.cpu = because_of.cpu;
  event.context = because_of.context;
  event.irqs_off = because_of.irqs_off;
  event.cache = place.cache;
  event.inferred = true;
  event.by_rcu = because_of.by_rcu;
  if (event.kind == EventKind::kPageFree) event.bytes_alloc = place.bytes_alloc;
  return Write(event);
}

// Rule 5. Leaves `place` live if it could be done.
absl::Status Repairer::InferAllocation(const Event& because_of, const RawEvent& raw, Place& place) {
  Event event;
  event.time = because_of.time;
  event.address = raw.address;
  event.pid = because_of.pid;
  event.cpu = because_of.cpu;
  event.context = because_of.context;
  event.irqs_off = because_of.irqs_off;
  event.inferred = true;
  if (raw.kind == EventKind::kCacheFree && !raw.cache.empty()) {
    event.kind = EventKind::kCacheAlloc;
    event.cache = because_of.cache;
    // Only the second reading knows the sizes; both number the object, known or not.
    if (!is_survey_) {
      event.bytes_req = described_[because_of.cache].object_size;
      event.bytes_alloc = described_[because_of.cache].slab_size;
    }
  } else {
    const bool is_cache_object = place.freed_by == EventKind::kCacheFree;
    event.kind = is_cache_object ? EventKind::kCacheAlloc : EventKind::kKmalloc;
    event.cache = place.cache;
    event.bytes_req = place.bytes_req;
    event.bytes_alloc = place.bytes_alloc;
  }
  if (event.bytes_alloc == 0 || !slab_.live.Overlapping(RangeOf(event)).empty()) {
    return absl::OkStatus();
  }
  event.object = NextObject();
  slab_.MoveIn(RangeOf(event), {.object = event.object,
                                .bytes_req = event.bytes_req,
                                .bytes_alloc = event.bytes_alloc,
                                .cache = event.cache,
                                .freed_by = FreeOf(event.kind)});
  Count(Repair::kInferredAllocation);
  return Write(event);
}

}  // namespace slablab
