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
// table with linear probing, which an object leaves without a trace, so that it is never cleaned
// and grows with the most objects that are live at once.
class LiveObjects {
 public:
  struct Object {
    uint64_t key = 0;  // below 2^48; 0: none is here
    uint32_t owner = 0;
    uint32_t since = 0;
    uint16_t cpu = 0;
  };

  LiveObjects() : places_(kPlacesLeast) {}

  // What is there under that key is replaced.
  void Insert(const Object& object) {
    if (count_ * 2 >= places_.size()) [[unlikely]] {
      Grow();
    }
    size_t at = HomeOf(object.key);
    while (places_[at].key != 0 && places_[at].key != object.key) at = (at + 1) & mask();
    count_ += places_[at].key == 0;
    places_[at] = object;
  }
  // Takes it out; its key is 0 if there was none.
  Object Take(uint64_t key) {
    size_t at = HomeOf(key);
    while (places_[at].key != key) {
      if (places_[at].key == 0) return Object();
      at = (at + 1) & mask();
    }
    const Object object = places_[at];
    Close(at);
    --count_;
    return object;
  }
  size_t size() const { return count_; }
  // In an order that is the same in equal runs, and means nothing.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Object& object : places_) {
      if (object.key != 0) visit(object);
    }
  }

 private:
  static constexpr size_t kPlacesLeast = 1 << 12;

  size_t mask() const { return places_.size() - 1; }
  // Objects lie at multiples of 8, side by side in a slab: their places do, too.
  size_t HomeOf(uint64_t key) const { return (key >> 3 ^ key >> 17) & mask(); }
  // Moves up what would not be found any more.
  void Close(size_t hole) {
    for (size_t at = (hole + 1) & mask(); places_[at].key != 0; at = (at + 1) & mask()) {
      const size_t home = HomeOf(places_[at].key);
      if (((at - home) & mask()) < ((at - hole) & mask())) continue;
      places_[hole] = places_[at];
      hole = at;
    }
    places_[hole].key = 0;
  }
  void Grow() {
    std::vector<Object> smaller(places_.size() * 2);
    smaller.swap(places_);
    count_ = 0;
    for (const Object& object : smaller) {
      if (object.key != 0) Insert(object);
    }
  }

  std::vector<Object> places_;  // a power of two
  size_t count_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_LIVE_OBJECTS_H_
