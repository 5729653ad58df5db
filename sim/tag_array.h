// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_TAG_ARRAY_H_
#define SLABLAB_SIM_TAG_ARRAY_H_

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>
#include <cstdint>
#include <cstring>

#include "sim/check.h"
#include "sim/lazy_array.h"
#include "sim/machine_config.h"

namespace slablab {

// The tags of one set-associative cache with exact least-recently-used replacement: each set holds
// its tags most recently used first, zero for an empty way. What a tag means is its owner's
// business; the low kTagStateBits of it are not compared.
class TagArray {
 public:
  using Tag = uint32_t;
  static constexpr int kTagStateBits = 2;
  static constexpr Tag kStateMask = (1u << kTagStateBits) - 1;

  explicit TagArray(const CacheGeometry& geometry)
      : ways_(geometry.present() ? geometry.ways : 0),
        stride_((ways_ + kLanes - 1) / kLanes * kLanes),
        sets_(geometry.present() ? geometry.sets() : 0),
        mask_(sets_ != 0 && (sets_ & (sets_ - 1)) == 0 ? sets_ - 1 : 0),
        tags_(sets_ * static_cast<uint64_t>(stride_)) {
    tags_.Populate();
  }

  bool present() const { return ways_ != 0; }

  // The set of line number `line`, most recently used first.
  Tag* SetOf(uint64_t line) { return &tags_[Index(line) * static_cast<uint64_t>(stride_)]; }
  const Tag* SetOf(uint64_t line) const {
    return &tags_[Index(line) * static_cast<uint64_t>(stride_)];
  }

  // The way of `set` that holds `tag` in any state, or -1.
  int Find(const Tag* set, Tag tag) const {
    for (int first = 0; first < stride_; first += kLanes) {
      const uint32_t matches = MatchLanes(set + first, tag);
      if (matches != 0) return first + std::countr_zero(matches);
    }
    return -1;
  }

  // Has the host fetch the set of `line`.
  void Prefetch(uint64_t line) const {
    if (present()) __builtin_prefetch(SetOf(line));
  }
  // The tag that Insert would push out; zero if none.
  Tag Victim(const Tag* set) const { return set[ways_ - 1]; }

  // Makes the tag at `way` the most recently used.
  static void Promote(Tag* set, int way) { MoveBack(set, way, set[way]); }

  // Puts `tag` in front; answers the tag that fell off the end (zero: there was room).
  Tag Insert(Tag* set, Tag tag) const {
    const Tag victim = set[ways_ - 1];
    PushFront(set, tag);
    return victim;
  }

  // Takes out the tag at `way`; the empty way goes to the end.
  void Remove(Tag* set, int way) const {
    std::memmove(set + way, set + way + 1, static_cast<size_t>(ways_ - 1 - way) * sizeof(Tag));
    set[ways_ - 1] = 0;
  }

 private:
  static constexpr int kLanes = 4;

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

  // A bit for each of four tags that is `tag` in any state.
  static uint32_t MatchLanes(const Tag* tags, Tag tag) {
    const __m128i difference = _mm_xor_si128(Lanes(tags), _mm_set1_epi32(static_cast<int>(tag)));
    const __m128i same =
        _mm_cmpeq_epi32(_mm_srli_epi32(difference, kTagStateBits), _mm_setzero_si128());
    return static_cast<uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(same)));
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
    const __m128i moves =
        _mm_cmpgt_epi32(_mm_set1_epi32(way - first), _mm_set_epi32(2, 1, 0, -1));
    if (first == 0) {
      SetLanes(set, Blend(moves, MovedFront(set, tag), Lanes(set)));
      return;
    }
    SetLanes(set + first, Blend(moves, Lanes(set + first - 1), Lanes(set + first)));
    while ((first -= kLanes) > 0) SetLanes(set + first, Lanes(set + first - 1));
    SetLanes(set, MovedFront(set, tag));
  }

  // The same for all ways; the last is lost.
  void PushFront(Tag* set, Tag tag) const {
    for (int first = stride_ - kLanes; first > 0; first -= kLanes) {
      SetLanes(set + first, Lanes(set + first - 1));
    }
    SetLanes(set, MovedFront(set, tag));
    for (int way = ways_; way < stride_; ++way) set[way] = 0;
  }
#else
  static uint32_t MatchLanes(const Tag* tags, Tag tag) {
    uint32_t matches = 0;
    for (int lane = 0; lane < kLanes; ++lane) {
      matches |= static_cast<uint32_t>(((tags[lane] ^ tag) >> kTagStateBits) == 0) << lane;
    }
    return matches;
  }

  static void MoveBack(Tag* set, int way, Tag tag) {
    std::memmove(set + 1, set, static_cast<size_t>(way) * sizeof(Tag));
    set[0] = tag;
  }

  void PushFront(Tag* set, Tag tag) const { MoveBack(set, ways_ - 1, tag); }
#endif

  uint64_t Index(uint64_t line) const { return mask_ != 0 ? line & mask_ : line % sets_; }

  int ways_;
  int stride_;  // tags from one set to the next: ways_ rounded up; what is between stays zero
  uint64_t sets_;
  uint64_t mask_;
  LazyArray<Tag> tags_;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_TAG_ARRAY_H_
