// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_TAG_LAYOUT_H_
#define SLABLAB_SIM_TAG_LAYOUT_H_

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "sim/machine_config.h"

namespace slablab {

// How the tags of one set-associative cache with exact least-recently-used replacement lie in an
// array: each set holds its tags most recently used first, zero for an empty way. What a tag means
// is its owner's business; the low kTagStateBits of it are not compared. Caches of one shape share
// a layout; each has size() tags, all zero to begin with, somewhere.
class TagLayout {
 public:
  using Tag = uint32_t;
  static constexpr int kTagStateBits = 2;
  static constexpr Tag kStateMask = (1u << kTagStateBits) - 1;

  explicit TagLayout(const CacheGeometry& geometry)
      : ways_(geometry.present() ? static_cast<uint32_t>(geometry.ways) : 0),
        stride_((ways_ + kStep - 1) / kStep * kStep),
        sets_(geometry.present() ? geometry.sets() : 0),
        mask_(sets_ != 0 && (sets_ & (sets_ - 1)) == 0 ? sets_ - 1 : 0) {}

  bool present() const { return ways_ != 0; }
  size_t size() const { return sets_ * stride_; }

  // The set of line number `line` in a cache's tags, most recently used first.
  Tag* SetOf(Tag* tags, uint64_t line) const { return tags + Index(line) * stride_; }
  const Tag* SetOf(const Tag* tags, uint64_t line) const { return tags + Index(line) * stride_; }

  // The way of `set` that holds `tag` in any state, or -1.
  int Find(const Tag* set, Tag tag) const { return FindMasked<~kStateMask>(set, tag); }
  // The same for tags that have no state.
  int FindExact(const Tag* set, Tag tag) const { return FindMasked<~Tag{0}>(set, tag); }

  // The tag that Insert would push out; zero if none.
  Tag Victim(const Tag* set) const { return set[ways_ - 1]; }

  // Makes the tag at `way` the most recently used.
  static void Promote(Tag* set, int way) { MoveBack(set, way, set[way]); }

  // Puts `tag` in front; answers the tag that fell off the end (zero: there was room).
  Tag Insert(Tag* set, Tag tag) const {
    const Tag victim = set[ways_ - 1];
    PushFront(set, tag);
    if (ways_ != stride_) set[ways_] = 0;
    return victim;
  }

  // Takes out the tag at `way`; the empty way goes to the end.
  void Remove(Tag* set, int way) const {
    std::memmove(set + way, set + way + 1, (ways_ - 1 - static_cast<uint64_t>(way)) * sizeof(Tag));
    set[ways_ - 1] = 0;
  }

 private:
  static constexpr int kLanes = 4;
  static constexpr uint32_t kStep = 2 * kLanes;  // ways that are compared at a time

#ifdef __SSE2__
  static __m128i Lanes(const Tag* tags) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(tags));
  }
  static void SetLanes(Tag* tags, __m128i lanes) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(tags), lanes);
  }
  static __m128i Blend(__m128i mask, __m128i if_set, __m128i if_clear) {
    return _mm_or_si128(_mm_and_si128(mask, if_set), _mm_andnot_si128(mask, if_clear));
  }

  // `tag` has no bits outside of the mask.
  template <Tag kMask>
  int FindMasked(const Tag* set, Tag tag) const {
    for (uint64_t first = 0; first < stride_; first += kStep) {
      const uint32_t matches = MatchStep<kMask>(set + first, tag);
      if (matches != 0) return static_cast<int>(first) + std::countr_zero(matches) / 2;
    }
    return -1;
  }

  // Two bits for each of kStep ways.
  template <Tag kMask>
  static uint32_t MatchStep(const Tag* tags, Tag tag) {
    const __m128i mask = _mm_set1_epi32(static_cast<int>(kMask));
    const __m128i wanted = _mm_set1_epi32(static_cast<int>(tag));
    const __m128i low = _mm_cmpeq_epi32(_mm_and_si128(Lanes(tags), mask), wanted);
    const __m128i high = _mm_cmpeq_epi32(_mm_and_si128(Lanes(tags + kLanes), mask), wanted);
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi32(low, high)));
  }

  // The first four ways, moved one back behind `tag`; the fourth is lost.
  static __m128i MovedFront(const Tag* set, Tag tag) {
    return _mm_or_si128(_mm_slli_si128(Lanes(set), sizeof(Tag)),
                        _mm_cvtsi32_si128(static_cast<int>(tag)));
  }

  // Moves ways 0 .. way-1 one back and puts `tag` in front: four at a time and masked, so that the
  // host has next to no branch to guess.
  static void MoveBack(Tag* set, int way, Tag tag) {
    int first = way / kLanes * kLanes;
    const __m128i moves = _mm_cmpgt_epi32(_mm_set1_epi32(way - first), _mm_set_epi32(2, 1, 0, -1));
    if (first == 0) {
      SetLanes(set, Blend(moves, MovedFront(set, tag), Lanes(set)));
      return;
    }
    SetLanes(set + first, Blend(moves, Lanes(set + first - 1), Lanes(set + first)));
    while ((first -= kLanes) > 0) SetLanes(set + first, Lanes(set + first - 1));
    SetLanes(set, MovedFront(set, tag));
  }

  // The same for all ways and what lies between them and the next set; the last is lost.
  void PushFront(Tag* set, Tag tag) const {
    for (Tag* step = set + (stride_ - kStep); step != set; step -= kStep) {
      SetLanes(step + kLanes, Lanes(step + kLanes - 1));
      SetLanes(step, Lanes(step - 1));
    }
    SetLanes(set + kLanes, Lanes(set + kLanes - 1));
    SetLanes(set, MovedFront(set, tag));
  }
#else
  template <Tag kMask>
  int FindMasked(const Tag* set, Tag tag) const {
    for (uint32_t way = 0; way < ways_; ++way) {
      if ((set[way] & kMask) == tag) return static_cast<int>(way);
    }
    return -1;
  }

  static void MoveBack(Tag* set, int way, Tag tag) {
    std::memmove(set + 1, set, static_cast<size_t>(way) * sizeof(Tag));
    set[0] = tag;
  }

  void PushFront(Tag* set, Tag tag) const { MoveBack(set, static_cast<int>(ways_) - 1, tag); }
#endif

  uint64_t Index(uint64_t line) const { return mask_ != 0 ? line & mask_ : line % sets_; }

  uint32_t ways_;
  uint64_t stride_;  // tags from one set to the next: ways_ rounded up; what is between stays zero
  uint64_t sets_;
  uint64_t mask_;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_TAG_LAYOUT_H_
