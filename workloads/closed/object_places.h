// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CLOSED_OBJECT_PLACES_H_
#define SLABLAB_WORKLOADS_CLOSED_OBJECT_PLACES_H_

#include <cstdint>
#include <utility>

#include "allocators/allocator.h"
#include "base/check.h"
#include "sim/cache/lazy_array.h"
#include "workloads/steps.h"

namespace slablab {

// The places that tasks keep objects in, and who waits for what is to come into them: a free of an
// empty place is one of an object whose allocation is not through yet. All of it at its place in
// global time order.
class ObjectPlaces {
 public:
  // 24 bytes of the host a place.
  struct Kept {
    enum class State : uint8_t {
      kNone,  // the place is empty
      kLive,
      kFailed,  // its allocation has failed
    };
    PhysAddr address;
    uint32_t bytes = 0;
    uint32_t waiter = 0;       // 1 + the task that is to free it
    int16_t cache_plus_1 = 0;  // 0: kmalloc
    State state = State::kNone;
    bool frees_late = false;  // the waiter is an interrupt that has gone on
    bool late_kfree = false;
    bool late_by_rcu = false;

    CacheId cache() const { return CacheId(cache_plus_1 - 1); }
  };
  // Who waited for what has come into a place.
  struct Waiter {
    TaskIndex task = kNoTask;  // kNoTask: nobody
    bool frees_late = false;
  };

  explicit ObjectPlaces(uint64_t count) : places_(count) {}

  const Kept& at(uint64_t place) const { return places_[place]; }
  bool empty(uint64_t place) const { return places_[place].state == Kept::State::kNone; }
  bool is_live(uint64_t place) const { return places_[place].state == Kept::State::kLive; }

  // What was allocated, or that it could not be, comes into an empty place. A task that waited is
  // no longer known here; an interrupt's free is, until Take().
  Waiter Publish(uint64_t place, const Placement& placement, CacheId cache, uint32_t bytes) {
    Kept& kept = places_[place];
    kept.address = placement.object;
    kept.bytes = bytes;
    kept.cache_plus_1 = static_cast<int16_t>(cache.value() + 1);
    kept.state = placement.object.is_null() ? Kept::State::kFailed : Kept::State::kLive;
    if (kept.waiter == 0) return {};
    const Waiter waiter = {.task = kept.waiter - 1, .frees_late = kept.frees_late};
    if (!waiter.frees_late) kept.waiter = 0;
    return waiter;
  }
  // Somebody is to free what comes into this place, which is empty and has no waiter: a task, which
  // waits; or an interrupt, whose free will be made for it.
  void Await(uint64_t place, TaskIndex task) {
    Kept& kept = places_[place];
    CHECK_EQ(kept.waiter, 0u);
    kept.waiter = task + 1;
  }
  void FreeLate(uint64_t place, TaskIndex interrupt, const Step& free) {
    Await(place, interrupt);
    Kept& kept = places_[place];
    kept.frees_late = true;
    kept.late_kfree = free.kfree;
    kept.late_by_rcu = free.by_rcu;
  }
  // The step that was put off so.
  Step LateFree(uint64_t place) const {
    const Kept& kept = places_[place];
    CHECK(kept.frees_late);
    return {.kind = Step::Kind::kFree,
            .kfree = kept.late_kfree,
            .by_rcu = kept.late_by_rcu,
            .touch_bytes = 1,
            .object = place};
  }
  TaskIndex LateInterrupt(uint64_t place) const { return places_[place].waiter - 1; }

  // The place is empty from then on.
  Kept Take(uint64_t place) { return std::exchange(places_[place], Kept()); }
  // REQUIRES: it is empty.
  void Put(uint64_t place, const Kept& kept) {
    CHECK(empty(place));
    places_[place] = kept;
  }

 private:
  LazyArray<Kept> places_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CLOSED_OBJECT_PLACES_H_
