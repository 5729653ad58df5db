// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_TAG_ARRAY_H_
#define SLABLAB_SIM_TAG_ARRAY_H_

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
        sets_(geometry.present() ? geometry.sets() : 0),
        mask_(sets_ != 0 && (sets_ & (sets_ - 1)) == 0 ? sets_ - 1 : 0),
        tags_(sets_ * static_cast<uint64_t>(ways_)) {}

  bool present() const { return ways_ != 0; }

  // The set of line number `line`, most recently used first.
  Tag* SetOf(uint64_t line) { return &tags_[Index(line) * static_cast<uint64_t>(ways_)]; }
  const Tag* SetOf(uint64_t line) const {
    return &tags_[Index(line) * static_cast<uint64_t>(ways_)];
  }

  // The way of `set` that holds `tag` in any state, or -1.
  int Find(const Tag* set, Tag tag) const {
    for (int way = 0; way < ways_; ++way) {
      if (((set[way] ^ tag) & ~kStateMask) == 0) return way;
    }
    return -1;
  }

  // Makes the tag at `way` the most recently used.
  static void Promote(Tag* set, int way) {
    const Tag tag = set[way];
    std::memmove(set + 1, set, static_cast<size_t>(way) * sizeof(Tag));
    set[0] = tag;
  }

  // Puts `tag` in front; answers the tag that fell off the end (zero: there was room).
  Tag Insert(Tag* set, Tag tag) const {
    const Tag victim = set[ways_ - 1];
    std::memmove(set + 1, set, static_cast<size_t>(ways_ - 1) * sizeof(Tag));
    set[0] = tag;
    return victim;
  }

  // Takes out the tag at `way`; the empty way goes to the end.
  void Remove(Tag* set, int way) const {
    std::memmove(set + way, set + way + 1, static_cast<size_t>(ways_ - 1 - way) * sizeof(Tag));
    set[ways_ - 1] = 0;
  }

 private:
  uint64_t Index(uint64_t line) const { return mask_ != 0 ? line & mask_ : line % sets_; }

  int ways_;
  uint64_t sets_;
  uint64_t mask_;
  LazyArray<Tag> tags_;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_TAG_ARRAY_H_
