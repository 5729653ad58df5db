// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_LIVE_OBJECTS_H_
#define SLABLAB_WORKLOADS_LIVE_OBJECTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace slablab {

// What is known of each live object, by its address (or another number that is not 0): an open
// table with linear probing. An object that goes leaves its place behind: allocators hand out the
// same addresses over and over, so most objects find a place that was theirs. Places of the dead
// are cleared, or the table grows, when half of it is taken.
class LiveObjects {
 public:
  static constexpr uint32_t kDead = ~uint32_t{0};
  struct Object {
    uint64_t key = 0;    // not 0, and below 2^48
    uint32_t owner = 0;  // not kDead
    uint32_t since = 0;
    uint16_t cpu = 0;
  };
  // Four to a line of the host's cache.
  class Place {
   public:
    void Put(const Object& object) {
      key_and_cpu_ = object.key << kCpuBits | object.cpu;
      owner_ = object.owner;
      since_ = object.since;
    }
    Object object() const { return {.key = key(), .owner = owner_, .since = since_, .cpu = cpu()}; }

   private:
    friend class LiveObjects;
    static constexpr int kCpuBits = 16;
    bool is_free() const { return key_and_cpu_ == 0; }
    bool is_live() const { return owner_ != kDead; }
    uint64_t key() const { return key_and_cpu_ >> kCpuBits; }
    uint16_t cpu() const { return static_cast<uint16_t>(key_and_cpu_); }

    uint64_t key_and_cpu_ = 0;  // 0: nothing was ever here
    uint32_t owner_ = kDead;
    uint32_t since_ = 0;
  };
  static_assert(sizeof(Place) == 16);

  LiveObjects() : places_(kPlacesLeast), mask_(kPlacesLeast - 1) {}

  // What is there under that key is replaced.
  void Insert(const Object& object) {
    Place& place = places_[Find(object.key)];
    const bool is_first = place.is_free();
    place.Put(object);
    if (is_first && ++taken_ * 2 > places_.size()) Clear();
  }
  // Where an object of that key was put before, to be put there again: null if it never was.
  Place* PlaceOf(uint64_t key) {
    Place& place = places_[Find(key)];
    return place.is_free() ? nullptr : &place;
  }
  // Takes it out. Its owner is kDead if there is none.
  struct Taken {
    uint32_t owner = kDead;
    uint16_t cpu = 0;
  };
  Taken Take(uint64_t key) {
    Place& place = places_[Find(key)];
    const Taken taken = {.owner = place.owner_, .cpu = place.cpu()};
    place.owner_ = kDead;
    return taken;
  }
  size_t size() const {
    size_t live = 0;
    for (const Place& place : places_) live += place.is_live();
    return live;
  }
  // In an order that is the same in equal runs, and means nothing.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Place& place : places_) {
      if (place.is_live()) visit(place.object());
    }
  }

 private:
  static constexpr size_t kPlacesLeast = 1 << 12;

  // Where this key is, or a free place. Objects lie at multiples of 8, side by side in a slab:
  // their places do, too.
  size_t Find(uint64_t key) const {
    const Place* const places = places_.data();
    size_t at = (key >> 3 ^ key >> 17) & mask_;
    while (places[at].key() != key && !places[at].is_free()) at = (at + 1) & mask_;
    return at;
  }
  // Only the live stay, in a table of which they take a quarter at most.
  [[gnu::noinline]] void Clear() {
    taken_ = size();
    std::vector<Place> before(taken_ * 4 > places_.size() ? places_.size() * 2 : places_.size());
    before.swap(places_);
    mask_ = places_.size() - 1;
    for (const Place& place : before) {
      if (place.is_live()) places_[Find(place.key())] = place;
    }
  }

  std::vector<Place> places_;  // a power of two
  size_t mask_;
  size_t taken_ = 0;  // by the live and the dead
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_LIVE_OBJECTS_H_
