// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CACHE_TAG_LAYOUT_H_
#define SLABLAB_SIM_CACHE_TAG_LAYOUT_H_

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "sim/machine/machine_config.h"

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
        sets_(geometry.present() ? geometry.sets() : 1),
        mask_((sets_ & (sets_ - 1)) == 0 ? sets_ - 1 : 0) {}

  bool present() const { return ways_ != 0; }
  // Whether a set is looked at in one step and found without a division: then OneStepSetOf and
  // UseInOneStep do what SetOf and Use do.
  bool one_step() const { return stride_ == kStep && mask_ != 0; }
  size_t size() const { return sets_ * stride_; }

  // The set of line number `line` in a cache's tags, most recently used first. Of an absent cache,
  // `tags`.
  Tag* SetOf(Tag* tags, uint64_t line) const { return tags + Index(line) * stride_; }
  const Tag* SetOf(const Tag* tags, uint64_t line) const { return tags + Index(line) * stride_; }

  Tag* OneStepSetOf(Tag* tags, uint64_t line) const { return tags + (line & mask_) * kStep; }

  // The way of `set` that holds `tag` in any state, or -1. `tag` has none.
  int Find(const Tag* set, Tag tag) const { return FindInSteps(set, stride_, tag); }
  // The same, and makes it the most recently used: then it is in front. Answers whether it is
  // there.
  bool Use(Tag* set, Tag tag) const { return UseInSteps(set, stride_, tag); }
  static bool UseInOneStep(Tag* set, Tag tag) {
    const uint32_t matches = MatchStep(set, tag);
    if (matches == 0) return false;
    const int way = WayOf(matches);
    MoveBack(set, way, set[way]);
    return true;
  }

  // The tag that Insert would push out; zero if none.
  Tag Last(const Tag* set) const { return set[ways_ - 1]; }

  // Puts `tag` in front; answers the tag that fell off the end (zero: there was room).
  Tag Insert(Tag* set, Tag tag) const {
    const Tag victim = Last(set);
    PushFront(set, set + stride_, tag);
    if (ways_ != stride_) set[ways_] = 0;
    return victim;
  }

  // The same where the number of ways is known when this is compiled, kSteps times kStep, and sets
  // are found without a division: HasSteps<kSteps>(). kSteps 0: nothing is known, and these are
  // those above.
  template <int kSteps>
  bool HasSteps() const {
    return kSteps == 0 || (ways_ == kSteps * kStep && mask_ != 0);
  }
  template <int kSteps>
  Tag* SetOfAs(Tag* tags, uint64_t line) const {
    if constexpr (kSteps == 0) return SetOf(tags, line);
    return tags + (line & mask_) * (kSteps * kStep);
  }
  template <int kSteps>
  bool UseAs(Tag* set, Tag tag) const {
    if constexpr (kSteps == 0) return Use(set, tag);
    return UseInSteps(set, kSteps * kStep, tag);
  }
  template <int kSteps>
  Tag LastAs(const Tag* set) const {
    if constexpr (kSteps == 0) return Last(set);
    return set[kSteps * kStep - 1];
  }
  template <int kSteps>
  Tag InsertAs(Tag* set, Tag tag) const {
    if constexpr (kSteps == 0) return Insert(set, tag);
    const Tag victim = set[kSteps * kStep - 1];
    PushFront(set, set + kSteps * kStep, tag);
    return victim;
  }
  template <int kSteps>
  int FindAs(const Tag* set, Tag tag) const {
    if constexpr (kSteps == 0) return Find(set, tag);
    return FindInSteps(set, kSteps * kStep, tag);
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
    return _mm_xor_si128(if_clear, _mm_and_si128(mask, _mm_xor_si128(if_clear, if_set)));
  }

  // Two bits for each of kStep ways whose tag it is.
  static uint32_t MatchStep(const Tag* tags, Tag tag) {
    const __m128i mask = _mm_set1_epi32(static_cast<int>(~kStateMask));
    const __m128i wanted = _mm_set1_epi32(static_cast<int>(tag));
    const __m128i low = _mm_cmpeq_epi32(_mm_and_si128(Lanes(tags), mask), wanted);
    const __m128i high = _mm_cmpeq_epi32(_mm_and_si128(Lanes(tags + kLanes), mask), wanted);
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi32(low, high)));
  }
  static int WayOf(uint32_t matches) { return std::countr_zero(matches) / 2; }

  // Four ways, moved one back behind `tag`; the fourth is lost.
  static __m128i MovedBehind(Tag tag, __m128i lanes) {
    return _mm_or_si128(_mm_slli_si128(lanes, sizeof(Tag)),
                        _mm_cvtsi32_si128(static_cast<int>(tag)));
  }

  // Moves the ways 0 to `way` of a step one back behind `tag`, and the others not: without a branch
  // that the host would have to guess.
  static void MoveBack(Tag* step, int way, Tag tag) {
    const Tag* const moves = kMoves[static_cast<size_t>(way)].data();
    const __m128i low = Lanes(step);
    const __m128i high =
        Blend(Lanes(moves + kLanes), Lanes(step + kLanes - 1), Lanes(step + kLanes));
    SetLanes(step, Blend(Lanes(moves), MovedBehind(tag, low), low));
    SetLanes(step + kLanes, high);
  }

  // The same for all from `set` to `end`; the last is lost.
  static void PushFront(Tag* set, Tag* end, Tag tag) {
    Tag* step = end - kStep;
    for (; step != set; step -= kStep) {
      SetLanes(step + kLanes, Lanes(step + kLanes - 1));
      SetLanes(step, Lanes(step - 1));
    }
    SetLanes(set + kLanes, Lanes(set + kLanes - 1));
    SetLanes(set, MovedBehind(tag, Lanes(set)));
  }

  // By way: all ones for those that move if it does.
  using Step = std::array<Tag, kStep>;
  alignas(16) static constexpr std::array<Step, kStep> kMoves = [] {
    std::array<Step, kStep> moves{};
    for (size_t way = 0; way < kStep; ++way) {
      for (size_t lane = 0; lane <= way; ++lane) moves[way][lane] = ~Tag{0};
    }
    return moves;
  }();
#else
  static uint32_t MatchStep(const Tag* tags, Tag tag) {
    uint32_t matches = 0;
    for (uint32_t way = 0; way < kStep; ++way) matches |= ((tags[way] & ~kStateMask) == tag) << way;
    return matches;
  }
  static int WayOf(uint32_t matches) { return std::countr_zero(matches); }

  static void MoveBack(Tag* step, int way, Tag tag) {
    std::memmove(step + 1, step, static_cast<size_t>(way) * sizeof(Tag));
    step[0] = tag;
  }
  static void PushFront(Tag* set, Tag* end, Tag tag) {
    std::memmove(set + 1, set, static_cast<size_t>(end - set - 1) * sizeof(Tag));
    set[0] = tag;
  }
#endif

  static int FindInSteps(const Tag* set, uint64_t stride, Tag tag);
  static bool UseInSteps(Tag* set, uint64_t stride, Tag tag);

  uint64_t Index(uint64_t line) const {
    if (mask_ != 0) [[likely]] {
      return line & mask_;
    }
    return line % sets_;
  }

  uint32_t ways_;
  uint64_t stride_;  // tags from one set to the next: ways_ rounded up; what is between stays zero
  uint64_t sets_;
  uint64_t mask_;
};

inline int TagLayout::FindInSteps(const Tag* set, uint64_t stride, Tag tag) {
  for (uint64_t first = 0; first != stride; first += kStep) {
    const uint32_t matches = MatchStep(set + first, tag);
    if (matches != 0) return static_cast<int>(first) + WayOf(matches);
  }
  return -1;
}

inline bool TagLayout::UseInSteps(Tag* set, uint64_t stride, Tag tag) {
  if (UseInOneStep(set, tag)) return true;
  for (Tag* step = set + kStep; step < set + stride; step += kStep) {
    const uint32_t matches = MatchStep(step, tag);
    if (matches == 0) continue;
    const int way = WayOf(matches);
    const Tag found = step[way];
    MoveBack(step, way, step[-1]);
    PushFront(set, step, found);
    return true;
  }
  return false;
}

}  // namespace slablab

#endif  // SLABLAB_SIM_CACHE_TAG_LAYOUT_H_
