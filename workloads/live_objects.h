// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_LIVE_OBJECTS_H_
#define SLABLAB_WORKLOADS_LIVE_OBJECTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"

namespace slablab {

// What is known of each live object, by its address (or another number that is not 0): an open
// table with linear probing. An object that goes leaves its place behind: allocators hand out the
// same addresses over and over, so most objects find a place that was theirs. Places of the dead
// are cleared, or the table grows, when half of it is taken.
class LiveObjects {
 public:
  struct Object {
    uint64_t key = 0;  // below 2^48; 0: none is here
    uint32_t owner = 0;
    uint32_t since = 0;
    uint16_t cpu = 0;
    bool is_live = false;  // the table's own
  };

  LiveObjects() : places_(kPlacesLeast) {}

  // What is there under that key is replaced.
  void Insert(const Object& object) {
    if (taken_ * 2 >= places_.size()) [[unlikely]] {
      Clear();
    }
    Object& place = PlaceOf(object.key);
    taken_ += place.key == 0;
    live_ += !(place.key != 0 && place.is_live);
    place = object;
    place.is_live = true;
  }
  // Takes it out; its key is 0 if there was none. What is answered is gone by the next call.
  const Object& Take(uint64_t key) {
    Object& place = PlaceOf(key);
    if (place.key == 0 || !place.is_live) [[unlikely]] return none_;
    place.is_live = false;
    --live_;
    return place;
  }
  size_t size() const { return live_; }
  // In an order that is the same in equal runs, and means nothing.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Object& object : places_) {
      if (object.key != 0 && object.is_live) visit(object);
    }
  }

 private:
  static constexpr size_t kPlacesLeast = 1 << 12;

  size_t mask() const { return places_.size() - 1; }
  // Objects lie at multiples of 8, side by side in a slab: their places do, too.
  size_t HomeOf(uint64_t key) const { return (key >> 3 ^ key >> 17) & mask(); }
  // That of this key, or a free one.
  Object& PlaceOf(uint64_t key) {
    size_t at = HomeOf(key);
    while (places_[at].key != key && places_[at].key != 0) at = (at + 1) & mask();
    return places_[at];
  }
  // Only the live stay, in a table of which they take a quarter at most.
  [[gnu::noinline]] void Clear() {
    std::vector<Object> before(live_ * 4 > places_.size() ? places_.size() * 2 : places_.size());
    before.swap(places_);
    taken_ = 0;
    live_ = 0;
    for (const Object& object : before) {
      if (object.key != 0 && object.is_live) Insert(object);
    }
  }

  std::vector<Object> places_;  // a power of two
  size_t taken_ = 0;            // by the live and the dead
  size_t live_ = 0;
  const Object none_{};
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_LIVE_OBJECTS_H_
